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


@given(st.text(alphabet="0123456789", min_size=9, max_size=15), st.sampled_from([" ", "-", "", "."]))
def test_no_more_than_three_digits_in_a_row_are_left(digits: str, between: str) -> None:
    written = between.join(digits)
    for shown in (mask_number(written), mask_text(f"+{written}")):
        assert sum(sign.isdigit() for sign in shown) == 3
        assert re.sub(r"\D", "", shown) == digits[-3:]
