"""A merge gives what was lacking, and undoing it gives everything back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.duplicates import likeness, name_likeness
from callcenter.crm.merging import merged, unmerged
from callcenter.domain.customers import (
    Channel,
    Consent,
    ConsentState,
    ContactPoint,
    ContactPointKind,
    Customer,
)
from callcenter.domain.ids import AgentId, CustomerId

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
texts = st.sampled_from(["", "a", "b", "王"])
consents = st.builds(
    Consent,
    channel=st.sampled_from(Channel),
    state=st.sampled_from(ConsentState),
    at=st.sampled_from([NOON, NOON + timedelta(days=1)]),
    by=texts,
)
points = st.lists(st.sampled_from(["+1", "+2", "+3", "+4"]), unique=True, max_size=3).map(
    lambda values: tuple(ContactPoint(kind=ContactPointKind.PHONE, value=value) for value in values)
)
customers = st.builds(
    Customer,
    customer_id=st.just(CustomerId("c")),
    name=texts,
    language=st.none() | texts,
    segment=st.none() | st.sampled_from("ABC"),
    account_manager_id=st.none() | texts.map(AgentId),
    tags=st.lists(texts, unique=True, max_size=3).map(tuple),
    contact_points=points,
    notes=texts,
    consents=st.lists(consents, unique_by=lambda one: one.channel, max_size=3).map(tuple),
    custom=st.dictionaries(st.sampled_from("xyz"), st.booleans() | texts, max_size=3),
    created_at=st.just(NOON),
)


@given(customers, customers)
def test_undoing_gives_back_what_was(survivor: Customer, other: Customer) -> None:
    after = merged(survivor, other)
    assert unmerged(after, before=survivor, after=after) == survivor


@given(customers, customers)
def test_nothing_of_either_is_lost_but_the_weaker_word(survivor: Customer, other: Customer) -> None:
    after = merged(survivor, other)
    for part in (survivor, other):
        assert set(part.tags) <= set(after.tags)
        assert {point.value for point in part.contact_points} <= {point.value for point in after.contact_points}
        assert set(part.custom) <= set(after.custom)
        assert {one.channel for one in part.consents} <= {one.channel for one in after.consents}
    assert after.name == survivor.name


@given(customers, customers)
def test_who_must_not_be_called_stays_so(survivor: Customer, other: Customer) -> None:
    never = {one.channel for one in (*survivor.consents, *other.consents) if one.state is ConsentState.DO_NOT_CONTACT}
    after = {one.channel: one.state for one in merged(survivor, other).consents}
    assert all(after[channel] is ConsentState.DO_NOT_CONTACT for channel in never)


@given(customers, customers)
def test_what_was_changed_since_stays_when_it_is_undone(survivor: Customer, other: Customer) -> None:
    after = merged(survivor, other)
    new = ContactPoint(kind=ContactPointKind.PHONE, value="+9")
    now = replace(after, name="new", tags=(*after.tags, "since"), contact_points=(*after.contact_points, new))
    back = unmerged(now, before=survivor, after=after)
    assert back == replace(
        survivor, name="new", tags=(*survivor.tags, "since"), contact_points=(*survivor.contact_points, new)
    )


@given(customers, customers)
def test_what_was_taken_away_since_stays_away(survivor: Customer, other: Customer) -> None:
    after = merged(survivor, other)
    now = replace(after, tags=(), contact_points=(), consents=(), custom={})
    back = unmerged(now, before=survivor, after=after)
    assert (back.tags, back.contact_points) == ((), ())
    assert (back.consents, back.custom) == ((), {})


def test_names_are_alike_by_letters_order_sound_and_nearly() -> None:
    assert name_likeness("John Smith", "smith john") == 1.0
    assert name_likeness("张伟", "章伟") == 0.9
    assert name_likeness("Katharina Müller", "Katarina Muller") > 0.85
    for one, other in (("王小明", "王小红"), ("John Smith", "Mary Jones"), ("", "x"), ("", "")):
        assert name_likeness(one, other) == 0.0


def test_a_shared_number_weighs_more_than_a_name() -> None:
    point = ContactPoint(kind=ContactPointKind.PHONE, value="+1")
    me = Customer(customer_id=CustomerId("a"), name="王芳", contact_points=(point,), created_at=NOON)
    number = likeness(me, replace(me, name="李娜"))
    name = likeness(me, replace(me, contact_points=()))
    both = likeness(me, me)
    assert number is not None
    assert name is not None
    assert both is not None
    assert both.score > number.score > name.score
    assert number.shared == ("+1",)
    assert likeness(me, replace(me, name="李娜", contact_points=())) is None
