"""A batch of the journal: what is stored in one transaction, and one line of the spill.

Law: a batch is stored once, however often it is tried: the database holds the number of each writer's last one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import AgentStatus
from callcenter.domain.events import Event, InteractionEnded, MessageLeft, QueueEvent, SurveyAnswered, SurveyAsked
from callcenter.domain.ids import AgentId
from callcenter.domain.interactions import Interaction
from callcenter.store import tables
from callcenter.store.encoding import decode_event, decode_json, encode_event, encode_json
from callcenter.store.hook_facts import TOLD_EVENTS, facts_of, note_facts
from callcenter.store.interaction_rows import last_of_each, write_interactions
from callcenter.store.message_rows import write_messages
from callcenter.store.surveys import write_surveys
from callcenter.store.upsert import insert_into

_SURVEY_EVENTS = frozenset({SurveyAsked.__name__, SurveyAnswered.__name__})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry:
    """An event ready for its row."""

    at: datetime
    name: str
    interaction_id: str | None
    agent_id: str | None
    data: msgspec.Raw
    queue_id: str | None = None
    """Only of what befalls a queue itself. A spill may be older than this field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one call of `write` brought: facts and the records they led to, stored together."""

    events: tuple[EventEntry, ...]
    interactions: tuple[Interaction, ...]
    agents: tuple[AgentStatus, ...]

    @property
    def size(self) -> int:
        """Rows, roughly."""
        return len(self.events) + len(self.interactions) + len(self.agents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries in order, under the number its writer gave them."""

    writer_id: str
    number: int
    entries: tuple[Entry, ...]


def make_entry(events: Sequence[Event], interactions: Sequence[Interaction], agents: Sequence[AgentStatus]) -> Entry:
    """Encode the events; `UnknownEvent` for what is none."""
    return Entry(
        events=tuple(_event_entry(event) for event in events),
        interactions=tuple(interactions),
        agents=tuple(agents),
    )


def _event_entry(event: Event) -> EventEntry:
    name, data = encode_event(event)
    return EventEntry(
        at=event.at,
        name=name,
        interaction_id=getattr(event, "interaction_id", None),
        agent_id=getattr(event, "agent_id", None),
        data=msgspec.Raw(data),
        queue_id=event.queue_id if isinstance(event, QueueEvent) else None,
    )


def encode_batch(batch: Batch) -> bytes:
    """One line of JSON, without its end."""
    return encode_json(batch)


def decode_batch(line: bytes) -> Batch:
    """What `encode_batch` made; `msgspec.MsgspecError` when it is no batch."""
    return decode_json(line, Batch)


async def store_batch(connection: AsyncConnection, batch: Batch) -> bool:
    """Store all of it in the connection's transaction; False when it had been stored before."""
    if not await claim_batch(connection, batch):
        return False
    await store_entries(connection, batch.entries)
    return True


async def claim_batch(connection: AsyncConnection, batch: Batch) -> bool:
    """Note the batch as stored; False when it, or a later one of its writer, is noted already."""
    table = tables.journal_writers
    step = (
        update(table)
        .where(table.c.writer_id == batch.writer_id, table.c.last_batch < batch.number)
        .values(last_batch=batch.number)
    )
    if (await connection.execute(step)).rowcount == 1:
        return True
    row = {"writer_id": batch.writer_id, "last_batch": batch.number}
    first = insert_into(connection, table).values(row).on_conflict_do_nothing(index_elements=["writer_id"])
    # Drivers count the rows of an INSERT each in their own way; what it returns is the same everywhere.
    return (await connection.execute(first.returning(table.c.writer_id))).first() is not None


async def store_entries(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """The rows of these entries."""
    rows = [
        {
            "at": event.at,
            "name": event.name,
            "interaction_id": event.interaction_id,
            "agent_id": event.agent_id,
            "queue_id": event.queue_id,
            "data": bytes(event.data),
        }
        for entry in entries
        for event in entry.events
    ]
    if rows:
        await connection.execute(insert(tables.events), rows)
    records = last_of_each(record for entry in entries for record in entry.interactions)
    await write_interactions(connection, records)
    await write_messages(connection, records)
    await write_surveys(connection, _of_surveys(entries))
    await note_facts(connection, tuple(facts_of(tuple(_for_hooks(entries)), records)))
    await _write_agents(connection, [status for entry in entries for status in entry.agents])


def _of_surveys(entries: Sequence[Entry]) -> Iterator[SurveyAsked | SurveyAnswered]:
    for entry in entries:
        for event in entry.events:
            if event.name in _SURVEY_EVENTS:
                decoded = decode_event(event.name, bytes(event.data))
                if isinstance(decoded, SurveyAsked | SurveyAnswered):
                    yield decoded


def _for_hooks(entries: Sequence[Entry]) -> Iterator[InteractionEnded | MessageLeft | SurveyAnswered]:
    for entry in entries:
        for event in entry.events:
            if event.name in TOLD_EVENTS:
                decoded = decode_event(event.name, bytes(event.data))
                if isinstance(decoded, InteractionEnded | MessageLeft | SurveyAnswered):
                    yield decoded


async def _write_agents(connection: AsyncConnection, statuses: Sequence[AgentStatus]) -> None:
    """Only of agents that are configured; of the others there is nothing to restore."""
    latest: dict[AgentId, AgentStatus] = {status.agent_id: status for status in statuses}
    if not latest:
        return
    table = tables.agents
    columns = (
        "phone_kind",
        "phone_address",
        "state",
        "reason",
        "since",
        "ready_since",
        "wrap_up_until",
        "after_call",
        "after_call_reason",
        "interaction_id",
        "offer_id",
        "queue_id",
        "misses",
    )
    statement = (
        update(table)
        .where(table.c.agent_id == bindparam("key_agent_id"))
        .values({name: bindparam(f"new_{name}") for name in columns})
    )
    await connection.execute(
        statement,
        [
            {
                "key_agent_id": status.agent_id,
                "new_phone_kind": status.phone.kind,
                "new_phone_address": status.phone.address,
                "new_state": status.state,
                "new_reason": status.reason,
                "new_since": status.since,
                "new_ready_since": status.ready_since,
                "new_wrap_up_until": status.wrap_up_until,
                "new_after_call": status.after_call,
                "new_after_call_reason": status.after_call_reason,
                "new_interaction_id": status.interaction_id,
                "new_offer_id": status.offer_id,
                "new_queue_id": status.queue_id,
                "new_misses": status.misses,
            }
            for status in latest.values()
        ],
    )
