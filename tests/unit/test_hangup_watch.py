"""Hang-ups that the exchange has lost."""

from datetime import UTC, datetime, timedelta

from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.hangup_watch import ENDS_WITHIN, ORDERS, HangupWatch

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def event(name: str, leg_id: str) -> AmiEvent:
    return AmiEvent((("Event", name), ("Uniqueid", leg_id)))


def test_who_hung_up_and_did_not_end_is_hung_up_some_times_and_then_left() -> None:
    watch = HangupWatch()
    watch.hear(event("HangupRequest", "cc1-1.1"), NOW)
    watch.hear(event("HangupRequest", "cc1-1.2"), NOW)
    watch.hear(event("Hangup", "cc1-1.2"), NOW)
    assert watch.overdue(NOW + ENDS_WITHIN / 2) == []
    found = [watch.overdue(NOW + ENDS_WITHIN * turn) for turn in range(1, ORDERS + 3)]
    assert found == [["cc1-1.1"]] * ORDERS + [[], []]


def test_one_that_ends_after_the_order_is_left_alone() -> None:
    watch = HangupWatch()
    watch.hear(event("HangupRequest", "cc1-1.1"), NOW)
    assert watch.overdue(NOW + ENDS_WITHIN) == ["cc1-1.1"]
    watch.hear(event("Hangup", "cc1-1.1"), NOW + ENDS_WITHIN)
    assert watch.overdue(NOW + timedelta(minutes=1)) == []


def test_other_ends_are_none_of_its_business() -> None:
    watch = HangupWatch()
    watch.hear(event("SoftHangupRequest", "cc1-1.1"), NOW)
    watch.hear(event("HangupRequest", "cc1-1.3"), NOW)
    watch.forget()
    assert watch.overdue(NOW + timedelta(minutes=1)) == []
