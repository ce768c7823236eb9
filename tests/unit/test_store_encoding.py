"""Every event and every record survives the way into the store's form and back."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.ports import AgentStatus
from callcenter.domain import events as ev
from callcenter.domain.interactions import Interaction
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.skills import SkillRequirement
from callcenter.store.batches import Batch, Entry, decode_batch, encode_batch, make_entry
from callcenter.store.encoding import EVENT_CLASSES, decode_event, decode_json, encode_event, encode_json
from callcenter.store.errors import UnknownEvent
from callcenter.store.interaction_rows import last_of_each

ZONES = st.sampled_from((UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))))
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2199, 1, 1), timezones=ZONES)  # noqa: DTZ001
st.register_type_strategy(datetime, MOMENTS)
st.register_type_strategy(
    SkillRequirement, st.builds(SkillRequirement, skill=st.text(max_size=8), minimum_level=st.integers(1, 10))
)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # JSON has no others.
st.register_type_strategy(
    Overflow,
    st.one_of(
        st.builds(
            Overflow, kind=st.sampled_from((OverflowKind.QUEUE, OverflowKind.NUMBER)), target=st.text(min_size=1)
        ),
        st.builds(Overflow, kind=st.sampled_from((OverflowKind.CALLBACK, OverflowKind.CLOSED)), target=st.just("")),
    ),
)
EVENT_MEMBERS: tuple[type[ev.Event], ...] = get_args(ev.Event)
ANY_EVENT = st.one_of([st.builds(cls) for cls in EVENT_MEMBERS])


def test_every_event_of_the_domain_is_known_by_its_name() -> None:
    named = {name for name, thing in vars(ev).items() if isinstance(thing, type) and hasattr(thing, "at")}
    assert named == set(EVENT_CLASSES)
    assert len(EVENT_CLASSES) == len(EVENT_MEMBERS)


@pytest.mark.parametrize("cls", EVENT_MEMBERS, ids=lambda cls: cls.__name__)
def test_an_event_comes_back_as_it_was(cls: type[ev.Event]) -> None:
    @given(st.builds(cls))
    def check(event: ev.Event) -> None:
        name, data = encode_event(event)
        assert name == cls.__name__
        assert b"\n" not in data
        back = decode_event(name, data)
        assert back == event
        assert type(back) is cls

    check()


@given(st.builds(Interaction))
def test_an_interaction_comes_back_as_it_was(record: Interaction) -> None:
    assert decode_json(encode_json(record), Interaction) == record


@given(
    st.lists(
        st.builds(
            make_entry,
            st.lists(ANY_EVENT, max_size=3),
            st.lists(st.builds(Interaction), max_size=2),
            st.lists(st.builds(AgentStatus), max_size=2),
        ),
        max_size=3,
    )
)
def test_a_batch_is_one_line_and_comes_back_as_it_was(entries: list[Entry]) -> None:
    batch = Batch(writer_id="w", number=7, entries=tuple(entries))
    line = encode_batch(batch)
    assert b"\n" not in line
    back = decode_batch(line)
    assert (back.writer_id, back.number) == ("w", 7)
    for old, new in zip(entries, back.entries, strict=True):
        assert new.interactions == old.interactions
        assert new.agents == old.agents
        assert [decode_event(e.name, bytes(e.data)) for e in new.events] == [
            decode_event(e.name, bytes(e.data)) for e in old.events
        ]


@given(st.text(st.characters()), st.characters(categories=["Cs"]))
def test_letters_that_are_no_text_are_replaced_not_refused(text: str, surrogate: str) -> None:
    event = ev.NodeEntered(interaction_id="1.1", at=datetime(2026, 1, 1, tzinfo=UTC), node=text + surrogate)  # type: ignore[arg-type]
    back = decode_event(*encode_event(event))
    assert isinstance(back, ev.NodeEntered)
    assert back.node == "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text) + "\ufffd"


def test_a_name_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownEvent, match="Exploded"):
        decode_event("Exploded", b"{}")
    with pytest.raises(UnknownEvent, match="str is no event"):
        encode_event("not an event")  # type: ignore[arg-type]


def test_an_older_event_without_a_newer_field_is_still_read() -> None:
    data = b'{"interaction_id":"1.1","at":"2026-01-01T00:00:00Z","outcome":"closed","colour":"red"}'
    assert decode_event("InteractionEnded", data) == ev.InteractionEnded(
        interaction_id="1.1",  # type: ignore[arg-type]
        at=datetime(2026, 1, 1, tzinfo=UTC),
        outcome=ev.Outcome.CLOSED,
    )


@given(st.lists(st.builds(Interaction), max_size=6))
def test_of_several_states_the_last_one_counts_unless_an_ended_one_came_before(records: list[Interaction]) -> None:
    chosen = {record.interaction_id: record for record in last_of_each(records)}
    assert set(chosen) == {record.interaction_id for record in records}
    for name, record in chosen.items():
        mine = [other for other in records if other.interaction_id == name]
        ended = [other for other in mine if other.ended_at is not None]
        assert record is (ended or mine)[-1]
