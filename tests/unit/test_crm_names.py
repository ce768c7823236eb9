"""Whatever part of a name, number or address is typed finds the customer."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT

from callcenter.crm.names import (
    LONGEST_TERM,
    MOST_TERMS,
    SHORT_NAME,
    customer_terms,
    fold,
    name_terms,
    pinyin_of,
    point_terms,
    search_keys,
)
from callcenter.domain.customers import ContactPoint, ContactPointKind

WANG = ContactPoint(kind=ContactPointKind.PHONE, value="+8613800138000")
MAIL = ContactPoint(kind=ContactPointKind.EMAIL, value="li.na@example.org")


def finds(text: str, name: str, *points: ContactPoint) -> bool:
    terms = customer_terms(name, points)
    return any(term.startswith(key) for key in search_keys(text) for term in terms)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("王", "王小明"),
        ("小明", "王小明"),
        ("明", "王小明"),
        ("wangxiaoming", "王小明"),
        ("Wang Xiao", "王小明"),
        ("xiaom", "王小明"),
        ("wxm", "王小明"),
        ("zeng", "曾国藩"),
        ("ceng", "曾国藩"),
        ("shan", "单雄信"),
        ("lv", "吕布"),
        ("smith", "John Smith"),
        ("john smi", "John Smith"),
        ("Smith John", "John Smith"),
        ("mit", "John Smith"),
        ("o'hara", "Scarlett O'Hara"),
        ("MULLER", "Jörg Müller"),
        ("müller", "Jorg Muller"),
        ("ludenscheid", "Anna Müller-Lüdenscheidt"),
        ("上海", "示例(上海)贸易有限公司"),
        ("slsh", "示例(上海)贸易有限公司"),
        ("Ｊｏｈｎ", "John Smith"),
        ("54", "Studio 54"),
    ],
)
def test_a_part_of_a_name_finds_it(text: str, name: str) -> None:
    assert finds(text, name)


@pytest.mark.parametrize(("text", "name"), [("王明", "王小明"), ("li", "王小明"), ("smyth", "John Smith")])
def test_what_is_no_part_does_not(text: str, name: str) -> None:
    assert not finds(text, name)


@pytest.mark.parametrize(
    "text", ["13800138000", "138 0013", "+86 138-0013-8000", "0086138", "8000", "38000", "(138) 0013"]
)
def test_a_number_is_found_from_either_end(text: str) -> None:
    assert finds(text, "", WANG)


@pytest.mark.parametrize("text", ["li.na@example.org", "LI.NA@", "example.org", "@example", "li.na"])
def test_an_address_is_found_by_its_beginning_and_by_its_domain(text: str) -> None:
    assert finds(text, "", MAIL)


@pytest.mark.parametrize("text", ["", " ", "--", "1", "'%_", "@"])
def test_nothing_is_looked_for_where_there_is_nothing(text: str) -> None:
    assert search_keys(text) == ()


@given(st.text(max_size=300))
def test_any_name_has_bounded_terms_and_is_found_by_itself(name: str) -> None:
    terms = name_terms(name)
    assert len(terms) <= MOST_TERMS
    assert all(0 < len(term) <= LONGEST_TERM for term in terms)
    if fold(name) and not name.strip().lstrip("+")[:1].isdigit() and "@" not in name:
        assert finds(name, name)


@given(st.lists(st.sampled_from("王李张小明国华芳丽"), min_size=1, max_size=4).map("".join), st.data())
def test_every_part_of_a_chinese_name_finds_it_in_letters_and_in_pinyin(name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name) - 1))
    end = data.draw(st.integers(start + 1, len(name)))
    assert finds(name[start:end], name)
    assert finds(pinyin_of(name[start:end]), name)


def test_an_emergency_number_and_a_web_page_have_terms() -> None:
    assert point_terms(ContactPoint(kind=ContactPointKind.PHONE, value="110")) == {"110", "~011"}
    page = ContactPoint(kind=ContactPointKind.WEB, value="https://shop.example.org/")
    assert "shop.example.org/" in point_terms(page)
    assert point_terms(ContactPoint(kind=ContactPointKind.SOCIAL, value="wechat:Li_Na")) == {"wechat:li_na", "li_na"}


PHRASES = sorted(phrase for phrase in PHRASES_DICT if len(phrase) <= SHORT_NAME)
CHARACTERS = st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF, categories=["Lo"]), max_size=3)
"""Without the signs of the Yijing among them, which nobody reads."""


@given(st.one_of(CHARACTERS, st.builds("{}{}{}".format, CHARACTERS, st.sampled_from(PHRASES), CHARACTERS)))
def test_the_quick_way_to_a_reading_is_the_library_s(characters: str) -> None:
    assume(characters)
    read = "".join(lazy_pinyin(characters, style=Style.NORMAL, errors=list))  # type: ignore[arg-type]

    assert pinyin_of(characters) == read
