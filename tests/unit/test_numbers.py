"""Whatever a trunk delivers as a calling number becomes E.164, or is kept as it came, or is withheld."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callcenter.crm.numbers import RAW_LIMIT, normalise, to_e164
from callcenter.domain.numbers import Number


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("+8613800138000", "CN", "+8613800138000"),
        ("+8613800138000", "GB", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("8613800138000", "GB", "+8613800138000"),
        ("008613800138000", "GB", "+8613800138000"),
        ("13800138000", "CN", "+8613800138000"),
        ("013800138000", "CN", "+8613800138000"),
        ("010-1234 5678", "CN", "+861012345678"),
        ("02079460000", "GB", "+442079460000"),
        ("020 7946 0000", "GB", "+442079460000"),
        ("(020) 7946-0000", "GB", "+442079460000"),
        ("+44 (0)20 7946 0000", "GB", "+442079460000"),
        ("442079460000", "CN", "+442079460000"),
        ("00442079460000", "CN", "+442079460000"),
        ("011442079460000", "US", "+442079460000"),
        ("6502530000", "US", "+16502530000"),
        ("0236618300", "IT", "+390236618300"),
        ("sip:+442079460000@192.0.2.7", "CN", "+442079460000"),
        ("sip:02079460000@example.com:5060;transport=udp", "GB", "+442079460000"),
        ("sips:%2B442079460000@example.com", "CN", "+442079460000"),
        ('"Ada" <sip:+442079460000@example.com;user=phone>', "CN", "+442079460000"),
        ("tel:+44-20-7946-0000", "CN", "+442079460000"),
        ("sip:+442079460000;npdi;rn=1@example.com", "CN", "+442079460000"),
        ("+442079460000;ext=12", "CN", "+442079460000"),
        ("020 7946 0000 x12", "GB", "+442079460000"),
        ("＋４４２０７９４６００００", "CN", "+442079460000"),
        ("\u202a+442079460000\u202c", "CN", "+442079460000"),
        ("+44207946\r\n0000", "CN", "+442079460000"),
        (" 13800138000 ", "cn", "+8613800138000"),
        ("+442079460000", "nowhere", "+442079460000"),
    ],
)
def test_every_way_of_writing_a_number_is_the_same_number(raw: str, region: str, e164: str) -> None:
    number = normalise(raw, region)
    assert number.e164 == e164
    assert not number.withheld
    assert to_e164(raw, region) == e164


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("13800138000", "CN", ("138 0013 8000", "CN")),
        ("+442079460000", "CN", ("020 7946 0000", "GB")),
        ("+16502530000", "CN", ("(650) 253-0000", "US")),
    ],
)
def test_a_number_is_shown_the_way_its_own_country_writes_it(raw: str, region: str, expected: tuple[str, str]) -> None:
    number = normalise(raw, region)
    assert (number.national, number.region) == expected


def test_a_number_of_no_country_has_no_region() -> None:
    assert normalise("+80012345678", "CN") == Number(
        raw="+80012345678", e164="+80012345678", national="1234 5678", region=None
    )


def test_a_range_younger_than_our_tables_is_believed_when_its_country_is_written_out() -> None:
    assert to_e164("+10005550123", "CN") == "+10005550123"
    assert to_e164("10005550123", "CN") is None


@pytest.mark.parametrize("raw", ["1001", "4000", "0", "110", "10086", "999", "1" * 20, "+1001", "*97", "#"])
@pytest.mark.parametrize("region", ["CN", "GB"])
def test_a_short_or_impossible_number_stays_as_it_came(raw: str, region: str) -> None:
    assert normalise(raw, region) == Number(raw=raw)


@pytest.mark.parametrize(
    "raw",
    [
        "alice",
        "sip:alice@example.com",
        "sip:1001@192.0.2.7",
        "1-800-FLOWERS",
        "<script>alert(1)</script>",
        "☎️ call me",
        "'; DROP TABLE customers; --",
        "+",
        "++44",
        "%",
        "%zz%f0%28",
        "@",
        "<>",
    ],
)
def test_what_is_no_number_is_kept_as_text(raw: str) -> None:
    number = normalise(raw, "GB")
    assert number.e164 is None
    if not number.withheld:
        assert number.raw == "".join(c for c in raw if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   ",
        "\r\n",
        "anonymous",
        "Anonymous",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "sip:+442079460000@anonymous.invalid",
        "Restricted",
        "private",
        "unavailable",
        "unknown",
    ],
)
def test_a_caller_without_a_number_is_withheld(raw: str) -> None:
    assert normalise(raw, "CN") == Number(raw="", withheld=True)


@pytest.mark.parametrize("presentation", ["prohib", "prohib_passed_screen", "Prohib_Failed_Screen", "unavailable"])
def test_a_number_that_must_not_be_shown_is_kept_nowhere(presentation: str) -> None:
    assert normalise("+442079460000", "CN", presentation=presentation) == Number(raw="", withheld=True)


@pytest.mark.parametrize("presentation", ["", "allowed", "allowed_not_screened", "allowed_failed_screen", "?"])
def test_any_other_word_on_presentation_lets_it_be_shown(presentation: str) -> None:
    assert normalise("+442079460000", "CN", presentation=presentation).e164 == "+442079460000"


def test_four_kilobytes_are_cut() -> None:
    assert normalise("9" * 4096, "CN") == Number(raw="9" * RAW_LIMIT)
    assert normalise("\0" * 4096 + "1", "CN").withheld


def test_control_characters_are_dropped() -> None:
    assert normalise("ali\x00ce\r\nX-Header: 1\x1b[31m\u202e", "CN").raw == "aliceX-Header: 1[31m"


@given(
    raw=st.text(max_size=300), region=st.sampled_from(["CN", "GB", "US", "", "XX"]), presentation=st.text(max_size=8)
)
@example(raw="\ud800", region="CN", presentation="allowed")
@example(raw="sip:" + "%00" * 40 + "@x", region="CN", presentation="allowed")
def test_nothing_raises_and_nothing_unprintable_comes_out(raw: str, region: str, presentation: str) -> None:
    number = normalise(raw, region, presentation=presentation)
    assert len(number.raw) <= RAW_LIMIT
    for text in (number.raw, number.e164 or "", number.national or "", number.region or ""):
        assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert number.e164 is None or (number.e164[0] == "+" and number.e164[1:].isascii() and number.e164[1:].isdigit())
    assert not (number.withheld and (number.raw or number.e164))


@given(st.from_regex(r"\A(?:sip:|tel:|\+|00)?[0-9 ()+.\-]{0,20}(?:;ext=[0-9]{0,5}|@[a-z0-9.:]{0,20})?\Z"))
def test_reading_a_number_again_gives_the_same_number(raw: str) -> None:
    number = normalise(raw, "GB")
    if number.e164 is not None:
        assert to_e164(number.e164, "CN") == number.e164
