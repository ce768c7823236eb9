"""Interactions: reading them, and what an agent writes about them."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.access_log import AccessKind
from callcenter.app.permissions import Action, Forbidden, Grant
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.events import Outcome
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.interaction_view import (
    InteractionDetail,
    InteractionList,
    InteractionView,
    detail_interaction,
    view_interaction,
)
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Code, Moment, Notes, PathId, QueryId

router = api_router()

WRITABLE_FOR = timedelta(hours=24)
LARGEST_PAGE = 200


class Annotation(Body):
    """What is written on a record; a field left out stays, `disposition` null takes it back."""

    disposition: Code | None = None
    notes: Notes | None = None
    customer_id: BodyId | None = None


@router.get("/interactions/{interaction_id}", response_model=InteractionDetail)
async def read_interaction(
    interaction_id: PathId, principal: Annotated[Principal, Depends(Require(Action.READ_INTERACTION))], deps: Deps
) -> Response:
    """One interaction with its timeline."""
    record = await find_interaction(deps, InteractionId(interaction_id))
    deps.privacy.log.note(
        by=principal.user.name,
        kind=AccessKind.INTERACTION,
        customer_id=record.customer_id,
        interaction_id=record.interaction_id,
    )
    events = await deps.records.timeline(record.interaction_id)
    return document(detail_interaction(record, events, deps.clock.now()))


@router.get("/interactions", response_model=InteractionList)
async def list_interactions(
    principal: Annotated[Principal, Depends(Require(Action.LIST_INTERACTIONS))],
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: QueryId = None,
    customer_id: QueryId = None,
    agent_id: QueryId = None,
    queue_id: QueryId = None,
    outcome: Annotated[tuple[Outcome, ...], Query(max_length=len(Outcome))] = (),
    since: Moment | None = None,
    until: Moment | None = None,
) -> Response:
    """Newest first, from the one before `before`; an agent sees his own, or those of one customer.

    `since` and `until` are about when they began; `until` itself is left out.
    """
    agent = None if agent_id is None else AgentId(agent_id)
    if principal.grant is Grant.OWN and customer_id is None:
        if agent not in (None, principal.own_agent()):
            raise Forbidden("an agent lists his own interactions, or those of one customer (customer_id=...)")
        agent = principal.own_agent()
    found = await deps.records.interactions(
        limit=limit + 1,
        before=None if before is None else InteractionId(before),
        customer_id=None if customer_id is None else CustomerId(customer_id),
        agent_id=agent,
        queue_id=None if queue_id is None else QueueId(queue_id),
        outcomes=outcome,
        since=since,
        until=until,
    )
    now = deps.clock.now()
    items = tuple(view_interaction(record, now) for record in found[:limit])
    next_before = items[-1].interaction_id if len(found) > limit else None
    return document(InteractionList(items=items, next_before=next_before))


@router.patch("/interactions/{interaction_id}", response_model=InteractionView)
async def annotate_interaction(
    interaction_id: PathId,
    body: Annotation,
    principal: Annotated[Principal, Depends(Require(Action.ANNOTATE_INTERACTION))],
    deps: Deps,
) -> Response:
    """Write disposition, notes or customer; the same again changes nothing, so notes can be saved as they are typed."""
    record = await find_interaction(deps, InteractionId(interaction_id))
    if principal.grant is Grant.OWN:
        check_own(deps, record, principal.own_agent())
    _check_annotation(body)
    record = await deps.desk.annotate(
        record.interaction_id,
        by=principal.user.name,
        # Null is someone who takes the disposition back; the record says that with an empty text.
        disposition=(body.disposition or "") if "disposition" in body.model_fields_set else None,
        notes=body.notes,
        customer_id=None if body.customer_id is None else CustomerId(body.customer_id),
    )
    return document(view_interaction(record, deps.clock.now()))


async def find_interaction(deps: WebDependencies, interaction_id: InteractionId) -> Interaction:
    """One interaction, alive or past; raises `NotFound`."""
    record = deps.desk.interaction(interaction_id) or await deps.records.interaction(interaction_id)
    if record is None:
        raise NotFound(f"there is no interaction {interaction_id}", code="unknown_interaction")
    return record


def check_own(deps: WebDependencies, record: Interaction, agent_id: AgentId) -> None:
    """His is what he was offered and holds now, or what ended within the last day."""
    was_offered = record.agent_id == agent_id or any(offer.agent_id == agent_id for offer in record.offers)
    if not was_offered:
        raise Conflict(
            f"interaction {record.interaction_id} was never offered to agent {agent_id}", code="interaction_not_yours"
        )
    if deps.desk.agent(agent_id).interaction_id == record.interaction_id:
        return
    if record.ended_at is None:
        raise Conflict(
            f"interaction {record.interaction_id} is not with agent {agent_id} now", code="interaction_not_yours"
        )
    if deps.clock.now() - record.ended_at > WRITABLE_FOR:
        raise Conflict(
            f"interaction {record.interaction_id} ended more than 24 hours ago; a supervisor can still change it",
            code="interaction_too_old",
        )


def _check_annotation(body: Annotation) -> None:
    if not body.model_fields_set:
        raise InvalidValue("nothing to write: give disposition, notes or customer_id")
    for name in ("notes", "customer_id"):
        if name in body.model_fields_set and getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
