"""Opening hours: what is open when, and how holidays and an administrator's days become part of it."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.business_items import HoursEntry
from callcenter.app.opening_hours import HOLIDAY_YEARS, opening_hours, public_holidays
from callcenter.domain.errors import InvalidValue
from callcenter.domain.hours import Interval, OpeningHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
MORNING = (Interval(opens=time(9), closes=time(12)),)
AFTERNOON = (Interval(opens=time(13), closes=time(18)),)
WORKDAYS = dict.fromkeys(range(1, 5), MORNING) | {0: AFTERNOON}
CHINA = opening_hours(
    HoursEntry(
        timezone="Asia/Shanghai",
        week=WORKDAYS,
        holidays="CN",
        closed=(date(2026, 10, 8), date(2026, 10, 10)),
        special={date(2026, 10, 1): MORNING},
    )
)


@pytest.mark.parametrize(
    ("day", "open_at"),
    [
        (date(2026, 9, 21), AFTERNOON),  # A Monday.
        (date(2026, 9, 22), MORNING),
        (date(2026, 9, 19), ()),  # A Saturday.
        (date(2026, 9, 20), AFTERNOON),  # A Sunday that is worked, as a Monday is.
        (date(2026, 9, 25), ()),  # Mid-autumn.
        (date(2026, 10, 1), MORNING),  # The national day, but with hours of its own.
        (date(2026, 10, 2), ()),
        (date(2026, 10, 8), ()),  # A Thursday that this company does not work.
        (date(2026, 10, 10), ()),  # A Saturday the country works, and this company does not.
        (date(2049, 10, 1), ()),  # A server may run for long.
    ],
)
def test_holidays_worked_weekends_and_days_of_ones_own(day: date, open_at: tuple[Interval, ...]) -> None:
    assert CHINA.intervals(day) == open_at
    noon = datetime.combine(day, time(14), tzinfo=SHANGHAI)
    assert CHINA.is_open(noon) is (open_at == AFTERNOON)
    assert CHINA.is_open(noon.astimezone(UTC)) is CHINA.is_open(noon)


def test_holidays_reach_as_far_as_said_and_regions_have_more() -> None:
    years = {day.year for day in public_holidays("CN")[0]}
    assert years == set(HOLIDAY_YEARS)
    assert public_holidays("DE")[0] < public_holidays("DE-BY")[0]
    assert public_holidays("DE")[1] == frozenset()


@pytest.mark.parametrize("place", ["", "XX", "cn", "CN-", "DE-XX", "CHN", "NYSE"])
def test_a_country_that_is_not_known_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=r"two capital letters|known: (DE|CN)"):
        public_holidays(place)


def test_a_zone_that_is_not_there_and_an_interval_that_ends_before_it_begins_are_refused() -> None:
    with pytest.raises(InvalidValue, match="there is no time zone 'Mars'"):
        opening_hours(HoursEntry(timezone="Mars"))
    with pytest.raises(InvalidValue, match="must end after it begins"):
        Interval(opens=time(12), closes=time(9))


def test_a_day_open_until_its_end_is_open_in_its_last_minute() -> None:
    always = OpeningHours(timezone="UTC", week=dict.fromkeys(range(7), (Interval(opens=time(), closes=time()),)))
    assert always.is_open(datetime(2026, 1, 1, 23, 59, 59, 999999, tzinfo=UTC))
    assert always.is_open(datetime(2026, 1, 2, tzinfo=UTC))


def test_the_next_opening_is_after_holidays() -> None:
    assert CHINA.next_opening(datetime(2026, 9, 30, 12, tzinfo=SHANGHAI)) == datetime(2026, 10, 1, 9, tzinfo=SHANGHAI)
    after = CHINA.next_opening(datetime(2026, 10, 1, 9, tzinfo=SHANGHAI))
    assert after == datetime(2026, 10, 9, 9, tzinfo=SHANGHAI)
    assert OpeningHours(timezone="UTC", week={}).next_opening(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_an_hour_that_the_clock_shows_twice_is_not_the_next_opening_twice() -> None:
    night = OpeningHours(timezone="Europe/Berlin", week={6: (Interval(opens=time(2, 30), closes=time(4)),)})
    once = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    before, after = once.astimezone(UTC) - timedelta(minutes=1), once.astimezone(UTC) + timedelta(minutes=1)
    assert night.next_opening(before.astimezone(BERLIN)) == once
    a_week_later = datetime(2026, 11, 1, 2, 30, tzinfo=BERLIN)
    assert night.next_opening(after.astimezone(BERLIN)) == a_week_later
    # 02:20 of the second time round is later than 02:30 of the first.
    assert night.next_opening(datetime(2026, 10, 25, 2, 20, fold=1, tzinfo=BERLIN)) == a_week_later


ANY_MOMENT = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from((UTC, SHANGHAI, timezone(timedelta(hours=-9)))),
)


@given(ANY_MOMENT)
def test_at_its_next_opening_it_is_open_and_was_not_just_before(moment: datetime) -> None:
    opens = CHINA.next_opening(moment)
    assert opens is not None
    assert opens > moment
    assert CHINA.is_open(opens)
    assert not CHINA.is_open(opens - timedelta(microseconds=1))


def test_the_same_time_of_another_day_is_found_and_otherwise_the_next_opening() -> None:
    closed = date(2026, 9, 22)
    hours = OpeningHours(timezone="Asia/Shanghai", week=dict.fromkeys(range(5), MORNING), days={closed: ()})
    wanted = datetime.combine(closed, time(11, 30), tzinfo=SHANGHAI)
    assert hours.open_like(wanted, wanted - timedelta(days=3)) == wanted + timedelta(days=1)
    # It is over by now: later than now, all the same.
    assert hours.open_like(wanted, wanted + timedelta(days=2)) == wanted + timedelta(days=3)
    never = datetime.combine(closed, time(20), tzinfo=SHANGHAI)
    assert hours.open_like(never, never) == datetime.combine(date(2026, 9, 23), time(9), tzinfo=SHANGHAI)
    assert OpeningHours(timezone="Asia/Shanghai", week={}).open_like(wanted, wanted) is None
