"""Segments as versions in the store: saved, outdated, removed, used again; and their members for routing."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from callcenter.app.segments import Asked, Segment
from callcenter.crm.segment_fields import BUILT_IN
from callcenter.crm.segment_text import parse_segment
from callcenter.domain.errors import Outdated
from callcenter.domain.ids import CustomerId
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.segments import StoredSegments
from callcenter.store.value_tables import segment_members
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import make


def version(condition: str, number: int = 1, *, name: str = "vips", removed: bool = False) -> Segment:
    return Segment(
        segment_id=name,
        version=number,
        at=NOON + timedelta(minutes=number),
        by="super",
        label=f"Version {number}",
        condition=condition,
        removed=removed,
    )


def asked(condition: str) -> Asked:
    return Asked(
        condition=parse_segment(condition, BUILT_IN), fields=BUILT_IN, today=date(2026, 6, 30), timezone=ZoneInfo("UTC")
    )


async def members(database: Database, name: str = "vips") -> list[str]:
    query = select(segment_members.c.customer_id).where(segment_members.c.segment_id == name)
    async with database.reading() as connection:
        return sorted((await connection.execute(query)).scalars())


VIP, GOLD = 'tags contains "vip"', 'tags contains "gold"'


async def test_every_state_stays_and_an_earlier_one_can_count_again(database: Database) -> None:
    store = StoredSegments(database)
    first = await store.put(version(VIP), expected=0)
    second = await store.put(version(GOLD, 2), expected=1)
    assert (first.version, second.version) == (1, 2)
    assert await store.segment("vips") == second
    assert await store.segment("vips", 1) == first
    with pytest.raises(Outdated):
        await store.put(version(VIP, 2), expected=1)
    with pytest.raises(Outdated):
        await store.put(version(VIP), expected=0)
    again = await store.put(version(first.condition, 3), expected=2)
    assert again.condition == VIP
    assert [one.version for one in await store.history("vips")] == [3, 2, 1]


async def test_a_name_that_was_removed_may_be_used_again_behind_its_versions(database: Database) -> None:
    store = StoredSegments(database)
    await store.put(version(VIP), expected=0)
    await store.put(version(VIP, 2, removed=True), expected=1)
    assert await store.segments() == ()
    known = await store.segment("vips")
    assert known is not None
    assert known.removed
    back = await store.put(version(GOLD), expected=0)
    assert (back.version, back.condition, back.removed) == (3, GOLD, False)
    assert [one.segment_id for one in await store.segments()] == ["vips"]


async def test_members_follow_the_version_that_counts_and_are_beside_the_card(database: Database) -> None:
    for name, tags in (("anna", ("vip",)), ("bea", ("gold",)), ("cleo", ("vip", "gold")), ("dora", ())):
        await make(database, name, tags=tags)
    store = StoredSegments(database)
    first = await store.put(version(VIP), expected=0)
    assert await store.refresh(first, asked(VIP), at=NOON) == 2
    assert await members(database) == ["anna", "cleo"]
    kept = await store.segment("vips")
    assert kept is not None
    assert (kept.members, kept.counted_at) == (2, NOON)
    second = await store.put(version(GOLD, 2), expected=1)
    # Nobody has counted this version yet; whoever calls meanwhile is where he was.
    assert second.members is None
    assert await members(database) == ["anna", "cleo"]
    assert await store.refresh(second, asked(GOLD), at=NOON) == 2
    assert await members(database) == ["bea", "cleo"]
    card = await StoredCustomers(database).card(CustomerId("bea"))
    assert card is not None
    assert card.segments == ("vips",)


async def test_one_customer_is_put_where_he_belongs_at_once(database: Database) -> None:
    await make(database, "anna", tags=("vip",))
    await make(database, "bea")
    store = StoredSegments(database)
    questions = [("vips", asked(VIP)), ("gold", asked(GOLD))]
    both = [CustomerId("anna"), CustomerId("bea")]
    assert await store.judge(questions, both) == (CustomerId("anna"),)
    assert await store.judge(questions, both) == ()
    assert await members(database) == ["anna"]
    assert await members(database, "gold") == []
    assert await store.judge([("vips", asked('not (tags contains "vip")'))], both) == tuple(both)
    assert await members(database) == ["bea"]


async def test_what_no_queue_names_any_more_has_no_members(database: Database) -> None:
    for name in ("anna", "bea"):
        await make(database, name, tags=("vip",))
    store = StoredSegments(database)
    for name in ("vips", "others"):
        one = await store.put(version(VIP, name=name), expected=0)
        await store.refresh(one, asked(VIP), at=NOON)
    await store.forget_others(["vips"])
    assert await members(database) == ["anna", "bea"]
    assert await members(database, "others") == []
    left = await store.segment("others")
    assert left is not None
    assert (left.members, left.counted_at) == (None, None)
