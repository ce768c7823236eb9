"""Days, times, money, decimals and percentages said aloud; every example was written by hand."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.days import say_date, say_day, say_moment, say_time, say_weekday
from callcenter.ivr.money import CURRENCIES, say_money
from callcenter.ivr.numerals import say_decimal, say_digits, say_number, say_ordinal, say_percent
from callcenter.ivr.speech import FORMS, say_duration, say_value
from callcenter.ivr.variables import KINDS, Money


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (1, "第一", "first"),
        (2, "第二", "second"),
        (3, "第三", "third"),
        (5, "第五", "fifth"),
        (8, "第八", "eighth"),
        (9, "第九", "ninth"),
        (12, "第十二", "twelfth"),
        (20, "第二十", "twentieth"),
        (21, "第二十一", "twenty-first"),
        (40, "第四十", "fortieth"),
        (100, "第一百", "one hundredth"),
        (105, "第一百零五", "one hundred and fifth"),
        (1_000, "第一千", "one thousandth"),
    ],
)
def test_ordinals(number: int, chinese: str, english: str) -> None:
    assert say_ordinal(number, "zh") == chinese
    assert say_ordinal(number, "en") == english


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (200, "二百", "two hundred"),
        (222, "二百二十二", "two hundred and twenty-two"),
        (1_001, "一千零一", "one thousand and one"),
        (1_010, "一千零一十", "one thousand and ten"),
        (2_222, "两千二百二十二", "two thousand two hundred and twenty-two"),
        (20_000, "两万", "twenty thousand"),
        (20_002, "两万零二", "twenty thousand and two"),
        (102_030, "十万二千零三十", "one hundred and two thousand and thirty"),
        (200_000_000, "两亿", "two hundred million"),
        (1_000_000_001, "十亿零一", "one billion and one"),
        (12_000_000, "一千二百万", "twelve million"),
    ],
)
def test_more_numbers(number: int, chinese: str, english: str) -> None:
    assert say_number(number, "zh") == chinese
    assert say_number(number, "en") == english


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        ("3.14", "三点一四", "three point one four"),
        ("0.5", "零点五", "zero point five"),
        ("0.05", "零点零五", "zero point zero five"),
        ("2.50", "二点五", "two point five"),
        ("2", "二", "two"),
        ("120", "一百二十", "one hundred and twenty"),
        ("1E+3", "一千", "one thousand"),
        ("-0.2", "负零点二", "minus zero point two"),
        ("-12.30", "负十二点三", "minus twelve point three"),
    ],
)
def test_decimals(number: str, chinese: str, english: str) -> None:
    assert say_decimal(Decimal(number), "zh") == chinese
    assert say_decimal(Decimal(number), "en") == english


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (Decimal("12.5"), "百分之十二点五", "twelve point five percent"),
        (100, "百分之一百", "one hundred percent"),
        (2, "百分之二", "two percent"),
        (-3, "负百分之三", "minus three percent"),
        (0, "百分之零", "zero percent"),
    ],
)
def test_percentages(number: int | Decimal, chinese: str, english: str) -> None:
    assert say_percent(number, "zh") == chinese
    assert say_percent(number, "en") == english


@pytest.mark.parametrize(
    ("amount", "currency", "chinese", "english"),
    [
        ("12.50", "CNY", "十二元五角", "twelve point five yuan"),
        ("12.05", "CNY", "十二元零五分", "twelve point zero five yuan"),
        ("12.55", "CNY", "十二元五角五分", "twelve point five five yuan"),
        ("2", "CNY", "两元", "two yuan"),
        ("2.22", "CNY", "两元两角两分", "two point two two yuan"),
        ("0.20", "CNY", "两角", "zero point two yuan"),
        ("0.02", "CNY", "两分", "zero point zero two yuan"),
        ("0", "CNY", "零元", "zero yuan"),
        ("10", "CNY", "十元", "ten yuan"),
        ("2000", "CNY", "两千元", "two thousand yuan"),
        ("10500", "CNY", "一万零五百元", "ten thousand five hundred yuan"),
        ("-8.8", "CNY", "负八元八角", "minus eight point eight yuan"),
        ("0.995", "CNY", "一元", "one yuan"),
        ("1", "USD", "一美元", "one dollar"),
        ("1.01", "USD", "一美元一美分", "one dollar and one cent"),
        ("12.50", "USD", "十二美元五十美分", "twelve dollars and fifty cents"),
        ("0.99", "USD", "九十九美分", "ninety-nine cents"),
        ("2.02", "GBP", "两英镑两便士", "two pounds and two pence"),
        ("1.01", "GBP", "一英镑一便士", "one pound and one penny"),
        ("3.10", "EUR", "三欧元十欧分", "three euros and ten cents"),
        ("5.50", "HKD", "五港元五角", "five Hong Kong dollars and fifty cents"),
        ("500", "JPY", "五百日元", "five hundred yen"),
        ("7.5", "CHF", "七点五 C H F", "seven point five C H F"),
    ],
)
def test_money(amount: str, currency: str, chinese: str, english: str) -> None:
    money = Money(amount=Decimal(amount), currency=currency)
    assert say_money(money, "zh") == chinese
    assert say_money(money, "en") == english


@pytest.mark.parametrize(
    ("day", "chinese", "english"),
    [
        (date(2026, 11, 23), "二零二六年十一月二十三日", "November twenty-third, twenty twenty-six"),
        (date(2026, 2, 2), "二零二六年二月二日", "February second, twenty twenty-six"),
        (date(2005, 10, 10), "二零零五年十月十日", "October tenth, two thousand five"),
        (date(2000, 1, 1), "二零零零年一月一日", "January first, two thousand"),
        (date(1999, 12, 31), "一九九九年十二月三十一日", "December thirty-first, nineteen ninety-nine"),
        (date(1905, 3, 12), "一九零五年三月十二日", "March twelfth, nineteen oh five"),
        (date(1900, 5, 20), "一九零零年五月二十日", "May twentieth, nineteen hundred"),
        (date(2010, 8, 30), "二零一零年八月三十日", "August thirtieth, twenty ten"),
    ],
)
def test_days_with_their_years(day: date, chinese: str, english: str) -> None:
    assert say_date(day, "zh") == chinese
    assert say_date(day, "en") == english
    assert say_day(day, "zh") == chinese.partition("年")[2]
    assert say_day(day, "en") == english.rpartition(", ")[0]


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (time(0, 0), "凌晨零点", "midnight"),
        (time(0, 10), "凌晨零点十分", "twelve ten a.m."),
        (time(2, 2), "凌晨两点零二分", "two oh two a.m."),
        (time(9, 0), "上午九点", "nine a.m."),
        (time(9, 30), "上午九点半", "nine thirty a.m."),
        (time(11, 59, 59), "上午十一点五十九分", "eleven fifty-nine a.m."),
        (time(12, 0), "中午十二点", "noon"),
        (time(12, 30), "中午十二点半", "twelve thirty p.m."),
        (time(14, 5), "下午两点零五分", "two oh five p.m."),
        (time(17, 45), "下午五点四十五分", "five forty-five p.m."),
        (time(18, 0), "晚上六点", "six p.m."),
        (time(22, 12), "晚上十点十二分", "ten twelve p.m."),
    ],
)
def test_times_of_the_day(at: time, chinese: str, english: str) -> None:
    assert say_time(at, "zh") == chinese
    assert say_time(at, "en") == english


def test_a_moment_is_day_weekday_and_time() -> None:
    moment = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert say_moment(moment, "zh") == "十一月二十三日星期一上午九点"
    assert say_moment(moment, "en") == "Monday, November twenty-third, at nine a.m."
    assert say_weekday(date(2026, 11, 22), "zh") == "星期日"
    assert say_weekday(date(2026, 11, 22), "en") == "Sunday"


@pytest.mark.parametrize(
    ("duration", "chinese", "english"),
    [
        (timedelta(days=1), "一天", "one day"),
        (timedelta(days=2, hours=3), "两天三小时", "two days and three hours"),
        (timedelta(hours=23, minutes=59, seconds=50), "一天", "one day"),
        (timedelta(hours=2, minutes=30), "两小时三十分钟", "two hours and thirty minutes"),
        (timedelta(minutes=12, seconds=20), "十二分钟", "twelve minutes"),
        (timedelta(seconds=2), "两秒", "two seconds"),
    ],
)
def test_longer_durations(duration: timedelta, chinese: str, english: str) -> None:
    assert say_duration(duration, "zh") == chinese
    assert say_duration(duration, "en") == english


def test_telephone_numbers_and_digits() -> None:
    assert say_digits("13800138000", "zh", telephone=True) == "幺三八零零幺三八零零零"
    assert say_digits("110", "en", telephone=True) == "one one zero"
    assert say_digits("20260", "zh") == "二零二六零"


@pytest.mark.parametrize(
    ("form", "english"),
    [
        ("day", "November twenty-third"),
        ("date", "November twenty-third, twenty twenty-six"),
        ("weekday", "Monday"),
        ("time", "nine a.m."),
        ("moment", "Monday, November twenty-third, at nine a.m."),
        (None, "Monday, November twenty-third, at nine a.m."),
    ],
)
def test_a_moment_is_said_in_the_form_asked_for(form: str | None, english: str) -> None:
    assert say_value(datetime(2026, 11, 23, 9, tzinfo=UTC), form, "en") == english


def test_every_kind_of_variable_but_yes_or_no_can_be_said_in_every_form_that_fits() -> None:
    for kind, value in KINDS.items():
        forms = [form for form, types in FORMS.items() if type(value) in types]
        assert bool(forms) == (kind != "yes_no")
        for language in ("zh", "en"):
            for form in (None, *forms):
                said = say_value(value, form, language)
                assert kind == "text" or said, (kind, form)


@given(
    amount=st.one_of(
        st.decimals(min_value=-(10**11), max_value=10**11),
        st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")]),
    ),
    currency=st.sampled_from((*CURRENCIES, "CHF")),
    language=st.sampled_from(("zh", "en")),
)
def test_any_amount_is_words_without_figures(amount: Decimal, currency: str, language: str) -> None:
    said = say_money(Money(amount=amount, currency=currency), language)
    assert not any(sign in "0123456789" for sign in said)
    assert bool(said) == amount.is_finite()
    assert not any(sign in say_decimal(amount, language) for sign in "0123456789")


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (22, "二十二", "twenty-two"),
        (2_002, "两千零二", "two thousand and two"),
        (10_010, "一万零一十", "ten thousand and ten"),
        (22_000, "两万二千", "twenty-two thousand"),
        (110_000, "十一万", "one hundred and ten thousand"),
        (20_000_000, "两千万", "twenty million"),
        (10_002_000, "一千万二千", "ten million two thousand"),
        (100_010_000, "一亿零一万", "one hundred million ten thousand"),
        (1_000_000_007, "十亿零七", "one billion and seven"),
        (1_050_000_000, "十亿五千万", "one billion fifty million"),
        (-10_000, "负一万", "minus ten thousand"),
    ],
)
def test_numbers_that_are_easily_said_wrong(number: int, chinese: str, english: str) -> None:
    assert say_number(number, "zh") == chinese
    assert say_number(number, "en") == english


@pytest.mark.parametrize(
    ("count", "chinese"),
    [(0, "零"), (1, "一"), (2, "两"), (12, "十二"), (102, "一百零二"), (200, "二百"), (2_000, "两千"), (-2, "负二")],
)
def test_counts_before_a_measure_word(count: int, chinese: str) -> None:
    assert say_value(count, "count", "zh") == chinese


@pytest.mark.parametrize(
    ("amount", "currency", "chinese", "english"),
    [
        ("1.5", "JPY", "一点五日元", "one point five yen"),
        ("0.02", "JPY", "零点零二日元", "zero point zero two yen"),
        ("-3.50", "USD", "负三美元五十美分", "minus three dollars and fifty cents"),
        ("-0.004", "USD", "零美元", "zero dollars"),
        ("1001", "USD", "一千零一美元", "one thousand and one dollars"),
        ("10.10", "CNY", "十元一角", "ten point one yuan"),
        ("2.02", "HKD", "两港元零两分", "two Hong Kong dollars and two cents"),
    ],
)
def test_money_that_is_easily_said_wrong(amount: str, currency: str, chinese: str, english: str) -> None:
    money = Money(amount=Decimal(amount), currency=currency)
    assert say_money(money, "zh") == chinese
    assert say_money(money, "en") == english


@pytest.mark.parametrize(
    ("year", "chinese", "english"),
    [
        (1900, "一九零零", "nineteen hundred"),
        (1905, "一九零五", "nineteen oh five"),
        (2000, "二零零零", "two thousand"),
        (2005, "二零零五", "two thousand five"),
        (2010, "二零一零", "twenty ten"),
        (2105, "二一零五", "twenty-one oh five"),
    ],
)
def test_years(year: int, chinese: str, english: str) -> None:
    assert say_date(date(year, 3, 21), "zh") == f"{chinese}年三月二十一日"
    assert say_date(date(year, 3, 21), "en") == f"March twenty-first, {english}"


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (time(0, 0), "凌晨零点", "midnight"),
        (time(0, 5), "凌晨零点零五分", "twelve oh five a.m."),
        (time(12, 30), "中午十二点半", "twelve thirty p.m."),
        (time(14, 2), "下午两点零二分", "two oh two p.m."),
        (time(22, 22), "晚上十点二十二分", "ten twenty-two p.m."),
    ],
)
def test_times_that_are_easily_said_wrong(at: time, chinese: str, english: str) -> None:
    assert say_time(at, "zh") == chinese
    assert say_time(at, "en") == english


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "零秒", "zero seconds"),
        (2, "两秒", "two seconds"),
        (59.6, "一分钟", "one minute"),
        (3_599, "一小时", "one hour"),
        (7_320, "两小时两分钟", "two hours and two minutes"),
        (-5, "零秒", "zero seconds"),
    ],
)
def test_durations_that_are_easily_said_wrong(seconds: float, chinese: str, english: str) -> None:
    assert say_duration(timedelta(seconds=seconds), "zh") == chinese
    assert say_duration(timedelta(seconds=seconds), "en") == english


def test_leading_zeros_and_signs_of_numbers_typed() -> None:
    assert say_digits("00120", "zh") == "零零一二零"
    assert say_digits("00120", "en") == "zero zero one two zero"
    assert say_digits("+86 138-0013-8000", "zh", telephone=True) == "八六幺三八零零幺三八零零零"
