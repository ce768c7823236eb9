"""Customers out of chance, many at a time: Chinese and Western names by their frequency, numbers, mails, histories.

The names are common ones put together at random; nobody in particular is meant. The same seed gives the same people.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from callcenter.domain.customers import ContactPoint, ContactPointKind

# Surnames with their shares in per mille, roughly as they are in China.
_SURNAMES = {
    "王": 72, "李": 71, "张": 67, "刘": 54, "陈": 49, "杨": 31, "黄": 24, "赵": 23, "吴": 22, "周": 21, "徐": 17,
    "孙": 16, "马": 15, "朱": 13, "胡": 12, "郭": 12, "何": 11, "林": 11, "高": 10, "罗": 10, "郑": 9, "梁": 8,
    "谢": 7, "宋": 7,
    "唐": 7, "许": 6, "韩": 6, "邓": 6, "冯": 6, "曹": 6, "彭": 5, "曾": 5, "肖": 5, "田": 5, "董": 5, "潘": 5, "袁": 5,
    "蔡": 4, "蒋": 4, "余": 4, "于": 4, "杜": 4, "叶": 4, "程": 4, "魏": 4, "苏": 4, "吕": 4, "丁": 4, "任": 4, "卢": 4,
}  # fmt: skip
_GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰华建国文辉玲红玉梅鹏飞婷雪慧莹俊浩宇欣怡子涵梓轩诗思佳晨阳博天瑞嘉"
)
_FIRST = (  # noqa: SIM905 - a list of names reads better as a text.
    "James Mary John Patricia Robert Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph "
    "Jessica Thomas Karen Charles Sarah Anna Maria Peter Laura Stefan Katharina Jürgen Sophie Luca Giulia Carlos Lucía "
    "Olivier"
).split()
_LAST = (  # noqa: SIM905
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson "
    "Thomas Taylor Moore Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright "
    "Müller Schmidt Schneider Fischer Weber Rossi Ferrari Dubois Laurent O'Hara McDonald"
).split()
_PLACES = ("北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "南京", "西安", "重庆")
_TRADES = ("贸易", "科技", "电子", "物流", "食品", "建材", "医疗", "教育")
_MOBILE = ("130", "131", "135", "136", "137", "138", "139", "150", "151", "158", "159", "180", "186", "188", "199")
CHINESE_SHARE, FIRM_SHARE, MAIL_SHARE, TWO_NUMBERS_SHARE = 0.7, 0.05, 0.3, 0.15
BEGINNING = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer to be stored; `calls` are when he called, `open_cases` how many of his cases are open."""

    customer_id: str
    is_firm: bool
    name: str
    points: tuple[ContactPoint, ...]
    created_at: datetime
    calls: tuple[datetime, ...]
    open_cases: int


def people(count: int, seed: int) -> Iterator[Person]:
    """So many customers."""
    chance = random.Random(seed)
    surnames, weights = list(_SURNAMES), list(accumulate(_SURNAMES.values()))
    for number in range(count):
        is_firm = chance.random() < FIRM_SHARE
        is_chinese = chance.random() < CHINESE_SHARE
        if is_firm:
            name = f"{chance.choice(_PLACES)}{_given(chance, 2)}{chance.choice(_TRADES)}有限公司"
        elif is_chinese:
            name = chance.choices(surnames, cum_weights=weights)[0] + _given(chance, 1 if chance.random() < 0.2 else 2)
        else:
            name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        created = BEGINNING + timedelta(seconds=chance.randrange(DAYS * 86_400))
        calls = chance.randrange(1, 12) if chance.random() < 0.3 else 0
        yield Person(
            # In the order they came, as the ids of imports are.
            customer_id=f"{number:012x}{chance.getrandbits(80):020x}",
            is_firm=is_firm,
            name=name,
            points=tuple(_points(chance, number, is_chinese)),
            created_at=created,
            calls=tuple(created + timedelta(seconds=chance.randrange(DAYS * 86_400)) for _ in range(calls)),
            open_cases=1 if calls and chance.random() < 0.2 else 0,
        )


def _given(chance: random.Random, length: int) -> str:
    return "".join(chance.choice(_GIVEN) for _ in range(length))


def _points(chance: random.Random, number: int, is_chinese: bool) -> Iterator[ContactPoint]:
    for _ in range(2 if chance.random() < TWO_NUMBERS_SHARE else 1):
        if is_chinese:
            value = f"+86{chance.choice(_MOBILE)}{chance.randrange(10**8):08}"
        else:
            value = f"+1{chance.randrange(201, 990)}{chance.randrange(200, 1000)}{chance.randrange(10**4):04}"
        yield ContactPoint(kind=ContactPointKind.PHONE, value=value)
    if chance.random() < MAIL_SHARE:
        host = chance.choice(("example.org", "example.com", "mail.example.net"))
        yield ContactPoint(kind=ContactPointKind.EMAIL, value=f"{chance.choice(_LAST).lower()}.{number}@{host}")


def part_to_type(person: Person, chance: random.Random) -> str:
    """What somebody types who looks for this customer."""
    from callcenter.crm.names import fold, pinyin_of

    number = person.points[0].value
    pinyin = pinyin_of(person.name)
    choices = [person.name, person.name[:2], fold(person.name)[:4], number, number[:9], number[-4:], number[-8:]]
    if pinyin:
        choices += [pinyin, pinyin[:5], person.name[1:], person.name[0]]
    else:
        choices += person.name.split()
    return chance.choice(choices)
