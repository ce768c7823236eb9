"""Puts facts into the web hooks' outbox, in the transaction of what they tell of.

Law: a fact is in the outbox if and only if what it tells of is in the store; without hooks it costs one small look.
"""

import uuid
from collections.abc import Iterator, Sequence

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.hooks import DeliveryState
from callcenter.domain.events import InteractionEnded, MessageLeft, SurveyAnswered
from callcenter.domain.hooks import HookEvent, HookFact, HookValue
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction
from callcenter.store.encoding import encode_json
from callcenter.store.hook_tables import hook_deliveries, hooks

TOLD_EVENTS = frozenset({InteractionEnded.__name__, MessageLeft.__name__, SurveyAnswered.__name__})
"""The events of the journal that hooks may be told of."""


async def note_facts(connection: AsyncConnection, facts: Sequence[HookFact]) -> None:
    """One row for each fact and each active hook that asks for it; a paused hook gets its rows too."""
    if not facts:
        return
    query = select(hooks.c.hook_id, hooks.c.events).where(hooks.c.active.is_(True)).order_by(hooks.c.hook_id)
    # None may be removed before its rows are in.
    query = query.with_for_update(read=True, key_share=True)
    asking = [(row.hook_id, frozenset(row.events)) for row in (await connection.execute(query)).all()]
    rows = [
        {
            "delivery_id": f"msg_{uuid.uuid4().hex}",
            "hook_id": hook_id,
            "event": fact.event,
            "at": fact.at,
            "data": encode_json(fact.data),
            "state": DeliveryState.PENDING,
            "tries": 0,
            "next_try_at": fact.at,
        }
        for fact in facts
        for hook_id, events in asking
        if fact.event in events
    ]
    if rows:
        await connection.execute(insert(hook_deliveries), rows)


def fact_of(event: InteractionEnded | MessageLeft | SurveyAnswered, record: Interaction | None) -> HookFact:
    """The fact of a journal's event; `record` is its interaction, where that is at hand."""
    known: dict[str, HookValue] = {"interaction_id": event.interaction_id}
    if record is not None:
        known |= {
            "media_type": record.media_type,
            "customer_id": record.customer_id,
            "queue_id": record.queue_id,
            "agent_id": record.agent_id,
        }
    match event:
        case InteractionEnded():
            if record is not None:
                known |= {
                    "started_at": record.started_at.isoformat(),
                    "waited_seconds": round(record.waited(event.at).total_seconds(), 3),
                    "talked_seconds": round(record.talked(event.at).total_seconds(), 3),
                    "disposition": record.disposition,
                }
            known |= {"ended_at": event.at.isoformat(), "outcome": event.outcome.value}
            return HookFact(event=HookEvent.INTERACTION_ENDED, at=event.at, data=known)
        case MessageLeft():
            known |= {"queue_id": event.queue_id, "seconds": event.seconds}
            return HookFact(event=HookEvent.MESSAGE_LEFT, at=event.at, data=known)
        case SurveyAnswered():
            known |= {"flow": event.flow, "question": event.question, "score": event.score}
            known |= {"agent_id": event.agent_id, "queue_id": event.queue_id, "customer_id": event.customer_id}
            return HookFact(event=HookEvent.SURVEY_ANSWERED, at=event.at, data=known)


def facts_of(
    events: Sequence[InteractionEnded | MessageLeft | SurveyAnswered], records: Sequence[Interaction]
) -> Iterator[HookFact]:
    """The facts of some events of the journal and the records that came with them."""
    last: dict[InteractionId, Interaction] = {record.interaction_id: record for record in records}
    for event in events:
        yield fact_of(event, last.get(event.interaction_id))


_OF_CHANGES = {
    ("customer", "created"): HookEvent.CUSTOMER_CREATED,
    ("customer", "changed"): HookEvent.CUSTOMER_CHANGED,
    ("case", "opened"): HookEvent.CASE_OPENED,
    ("case", "changed"): HookEvent.CASE_CHANGED,
    ("case", "escalated"): HookEvent.CASE_DUE,
}


def event_of_change(entity: str, action: str, *, closes: bool) -> HookEvent | None:
    """What a line of a customer's history is to hooks; `closes`: it makes a case closed."""
    event = _OF_CHANGES.get((entity, action))
    return HookEvent.CASE_CLOSED if closes and event is HookEvent.CASE_CHANGED else event
