"""A customer's timeline: all that happened with him in one stream, the newest first, page by page.

Each source is asked for one page by its own index; the pages are merged, so the length of a life costs nothing.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Table, select, tuple_

from callcenter.app.customer_book import StoryEntry, StoryPage, TimelineKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, sales_tables, tables
from callcenter.store.best_offer_tables import best_offer_answers
from callcenter.store.changes import family_of
from callcenter.store.survey_tables import surveys
from callcenter.store.surveys import scores_of

_SHOWN: Mapping[TimelineKind, tuple[Table, str, str, tuple[str, ...]]] = {
    TimelineKind.INTERACTION: (
        tables.interactions,
        "interaction_id",
        "started_at",
        ("media_type", "ended_at", "outcome", "queue_id", "agent_id", "disposition", "notes"),
    ),
    TimelineKind.NOTE: (crm_tables.customer_notes, "note_id", "at", ("by", "text", "interaction_id", "case_id")),
    TimelineKind.CASE: (
        tables.cases,
        "case_id",
        "opened_at",
        ("opened_by", "kind", "subject", "state", "priority", "owner_id", "due_at", "closed_at"),
    ),
    TimelineKind.TASK: (
        crm_tables.tasks,
        "task_id",
        "created_at",
        ("created_by", "kind", "text", "owner_id", "due_at", "done_at", "case_id"),
    ),
    TimelineKind.CHANGE: (
        crm_tables.customer_changes,
        "change_id",
        "at",
        ("by", "entity", "entity_id", "action", "fields"),
    ),
    TimelineKind.ORDER: (
        sales_tables.orders,
        "order_id",
        "at",
        ("number", "placed_on", "due_on", "state", "total", "currency", "created_by"),
    ),
    TimelineKind.OPPORTUNITY: (
        sales_tables.opportunities,
        "opportunity_id",
        "opened_at",
        ("opened_by", "title", "stage", "state", "amount", "currency", "probability", "owner_id", "closed_at"),
    ),
    TimelineKind.SURVEY: (surveys, "interaction_id", "asked_at", ("flow", "queue_id", "agent_id")),
    TimelineKind.BEST_OFFER: (
        best_offer_answers,
        "answer_id",
        "at",
        ("best_offer_id", "label_zh", "label_en", "answer", "by", "agent_id", "interaction_id"),
    ),
}
"""Of each kind: its table, the column of its id, that of its time, and what is shown of it."""
_CALLED: Mapping[str, tuple[Column[str], Column[str]]] = {
    "case": (tables.cases.c.case_id, tables.cases.c.subject),
    "task": (crm_tables.tasks.c.task_id, crm_tables.tasks.c.text),
    "opportunity": (sales_tables.opportunities.c.opportunity_id, sales_tables.opportunities.c.title),
    "order": (sales_tables.orders.c.order_id, sales_tables.orders.c.number),
}
LONGEST_NUMBER = 18
_RANKS = {kind: rank for rank, kind in enumerate(TimelineKind)}


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ended: the time, rank of the kind and id of its last entry."""

    at: datetime
    rank: int
    entry_id: str


def read_timeline(
    connection: Connection,
    customer_id: CustomerId,
    *,
    kinds: Sequence[TimelineKind],
    limit: int,
    before: str | None,
) -> StoryPage:
    """The newest first, those before `before`; of all kinds where none is named."""
    place = None if before is None else _read_place(before)
    family = family_of(connection, customer_id)
    sources = [_source(connection, family, kind, limit + 1, place) for kind in kinds or tuple(TimelineKind)]
    found = [entry for _, entry in zip(range(limit + 1), heapq.merge(*sources, key=_order, reverse=True), strict=False)]
    page = tuple(found[:limit])
    return StoryPage(items=page, next_before=_write_place(page[-1]) if len(found) > limit else None)


def _source(
    connection: Connection, family: Sequence[str], kind: TimelineKind, limit: int, place: _Place | None
) -> Iterator[StoryEntry]:
    table, key_name, at_name, shown = _SHOWN[kind]
    key, at = table.c[key_name], table.c[at_name]
    query = table.select().where(table.c.customer_id.in_(family))
    if kind is TimelineKind.CHANGE:
        # That a case, a task, an order or the customer was made is told by himself, itself.
        query = query.where(table.c.action.not_in(("opened", "created")))
    if place is not None:
        query = query.where(_before(kind, key, at, place))
    rows = connection.execute(query.order_by(at.desc(), key.desc()).limit(limit)).mappings().all()
    asked = [row[key_name] for row in rows] if kind is TimelineKind.SURVEY else []
    scores = scores_of(connection, asked)
    about = _about(connection, rows) if kind is TimelineKind.CHANGE else {}
    for row in rows:
        data = {name: row[name] for name in shown}
        if kind is TimelineKind.SURVEY:
            data["scores"] = scores.get(row[key_name], {})
        if kind is TimelineKind.CHANGE:
            data["fields"] = msgspec.json.decode(row["fields"])
            data["about"] = about.get((row["entity"], row["entity_id"]), "")
        yield StoryEntry(at=row[at_name], kind=kind, entry_id=str(row[key_name]), data=data)


def _about(connection: Connection, rows: Sequence[RowMapping]) -> dict[tuple[str, str], str]:
    """What the cases, tasks, opportunities and orders of some lines of history are called now."""
    found = {}
    for entity, (key, name) in _CALLED.items():
        named = sorted({row["entity_id"] for row in rows if row["entity"] == entity})
        if named:
            for row in connection.execute(select(key, name).where(key.in_(named))):
                found[entity, row[0]] = row[1]
    return found


def _order(entry: StoryEntry) -> tuple[datetime, int]:
    """Within a kind the database has put them in order already."""
    return entry.at, _RANKS[entry.kind]


def _before(kind: TimelineKind, key: Column[str], at: Column[datetime], place: _Place) -> ColumnElement[bool]:
    """What of a kind comes after the place in a stream that has the newest first, of one time the last kind."""
    rank = _RANKS[kind]
    if rank < place.rank:
        return at <= place.at
    if rank > place.rank:
        return at < place.at
    try:
        entry_id = int(place.entry_id) if kind is TimelineKind.CHANGE else place.entry_id
    except ValueError:
        raise _no_place() from None
    return tuple_(at, key) < tuple_(place.at, entry_id)


_places = msgspec.json.Decoder(_Place)


def _read_place(text: str) -> _Place:
    try:
        place = _places.decode(bytes.fromhex(text))
    except (ValueError, msgspec.MsgspecError):
        raise _no_place() from None
    if place.at.tzinfo is None or not 0 <= place.rank < len(_RANKS) or not _is_id(place.entry_id):
        raise _no_place()
    return place


def _is_id(text: str) -> bool:
    """Whether a database takes it: a longer number would be none for it."""
    return text.isprintable() and (not text.isdigit() or len(text) <= LONGEST_NUMBER)


def _write_place(entry: StoryEntry) -> str:
    return msgspec.json.encode(_Place(entry.at, _RANKS[entry.kind], entry.entry_id)).hex()


def _no_place() -> InvalidValue:
    return InvalidValue("before: this is no page's next_before of this timeline", code="invalid_cursor")
