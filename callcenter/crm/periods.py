"""Calendar periods numbered in one row, so that "the third month after" is an addition.

Law: every day is in exactly one period of a kind, and the numbers rise by one from each period to the next.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from callcenter.crm.errors import CrmError


class PeriodKind(StrEnum):
    """How the calendar is cut; weeks begin on Monday."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """From `start` up to, but without, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise CrmError(f"a period has to end after it starts, not {self.start} to {self.end}")

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


def period_number(day: date, kind: PeriodKind) -> int:
    """The number of the period the day is in."""
    if kind is PeriodKind.WEEK:
        return (day.toordinal() - 1) // 7
    return (day.year * 12 + day.month - 1) // _MONTHS[kind]


def period_of(number: int, kind: PeriodKind) -> Period:
    """The period of a number; raises CrmError outside the years 1 to 9998."""
    try:
        if kind is PeriodKind.WEEK:
            start = date.fromordinal(number * 7 + 1)
            return Period(start=start, end=start + timedelta(days=7))
        return Period(start=_month(number * _MONTHS[kind]), end=_month((number + 1) * _MONTHS[kind]))
    except (ValueError, OverflowError):
        raise CrmError(f"there is no {kind} number {number} in the calendar") from None


def periods_between(first: date, last: date, kind: PeriodKind) -> tuple[Period, ...]:
    """All periods from the first day's to the last day's; none when the last day is the earlier."""
    return tuple(period_of(number, kind) for number in range(period_number(first, kind), period_number(last, kind) + 1))


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
