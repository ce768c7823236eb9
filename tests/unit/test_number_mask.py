"""Numbers that somebody may not see, in every notation and every corner of a document."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.number_mask import is_masked, mask_document, mask_number, mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+8613912345678", "••••••••••678"),
        ("139 1234 5678", "••• •••• •678"),
        ("call 021-5555 0123 now", "call •••-•••• •123 now"),
        ("0086 139 1234 5678", "•••• ••• •••• •678"),
        ("(021) 55550123", "(•••) •••••123"),
        ("order 20261107, 3 of 12, 12.50", "order 20261107, 3 of 12, 12.50"),
        ("2026-11-02T09:00:00.123456Z", "2026-11-02T09:00:00.123456Z"),
        ("他的手机是13912345678。", "他的手机是••••••••678。"),
        ("电话：13912345678转", "电话：••••••••678转"),
        ("电话.13912345678", "电话.••••••••678"),
        ("tel13912345678", "tel••••••••678"),
        ("13912345678x12", "••••••••678x12"),
        ("139–1234–5678", "•••–••••–•678"),
        ("139\u20111234\u20115678", "•••\u2011••••\u2011•678"),
        ("139\u202f1234\u202f5678", "•••\u202f••••\u202f•678"),
        ("手机１３９１２３４５６７８", "手机••••••••６７８"),
        ("(+86) 139 1234 5678", "(••) ••• •••• •678"),
        ("x13912345678@example.org", "x••••••••678@example.org"),
        ("sip:+8613912345678@192.0.2.1", "sip:••••••••••678@192.0.2.1"),
        ("see 9f1391234567801234567abcdef01234", "see 9f1391234567801234567abcdef01234"),
        ("call 1793600000.12", "call 1793600000.12"),
        ("12345678.50", "12345678.50"),
    ],
)
def test_numbers_in_a_text(text: str, shown: str) -> None:
    found = json.loads(mask_document(json.dumps({"notes": text}).encode()))["notes"]
    assert found == shown
    assert is_masked(shown) == (shown != text)


def test_ids_times_and_addresses_of_mail_stay() -> None:
    document = {
        "interaction_id": "1793600000.1",
        "started_at": "2026-11-02T09:00:00Z",
        "file": "message-1793600000.1_sales.wav",
        "contact_points": [{"kind": "email", "value": "x1234567@example.org"}, {"kind": "phone", "value": "1234"}],
        "reason": {"parts": [{"name": "idle", "value": "1310"}]},
        "seq": 1793600000,
    }
    found = json.loads(mask_document(json.dumps(document).encode()))
    document["contact_points"][1]["value"] = "•234"  # type: ignore[index]
    assert found == document


def test_what_holds_nothing_but_an_address_of_mail_hides_the_number_in_it() -> None:
    found = json.loads(mask_document(b'{"address": "13912345678@example.org", "ani": "sip:+8613912345678@192.0.2.1"}'))
    assert found == {"address": "••••••••678@example.org", "ani": "sip:••••••••••678@192.0.2.1"}


def test_a_number_is_hidden_where_it_is_the_name_of_a_field() -> None:
    assert json.loads(mask_document(b'{"counts": {"+8613912345678": 2}}')) == {"counts": {"••••••••••678": 2}}


@given(
    st.text(alphabet="0123456789", min_size=11, max_size=13),
    st.sampled_from(["他的号码", "电话：", "tel ", "Tel:", "mobile", "/", "（", "“"]),
    st.sampled_from(["", "。", "转", " now", "）", "x"]),
)
def test_no_word_beside_a_number_uncovers_it(digits: str, before: str, behind: str) -> None:
    assert sum(sign.isdigit() for sign in mask_text(f"{before}{digits}{behind}")) == 3


@given(st.text(alphabet="0123456789", min_size=9, max_size=15), st.sampled_from([" ", "-", "", "."]))
def test_no_more_than_three_digits_in_a_row_are_left(digits: str, between: str) -> None:
    written = between.join(digits)
    for shown in (mask_number(written), mask_text(f"+{written}")):
        assert sum(sign.isdigit() for sign in shown) == 3
        assert re.sub(r"\D", "", shown) == digits[-3:]
