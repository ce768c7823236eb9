"""Agreed callbacks: agree one, list them, move one, withdraw one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field, NaiveDatetime, StringConstraints
from starlette.responses import Response

from callcenter.app.agreed_callbacks import AgreeChoices, AgreedCallbackView, Wanted
from callcenter.app.permissions import Action, Grant
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId, InteractionId, QueueId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Notes, PathId, QueryId

router = api_router()

Agreeing = Annotated[Principal, Depends(Require(Action.AGREE_CALLBACKS))]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_+/-]+$")]
Dialled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class TimeBody(Body):
    """When: what the clock of `zone` shows; out of which queue, and about what."""

    local_time: NaiveDatetime
    zone: Zone
    queue_id: BodyId
    note: Notes = ""


class AgreeBody(TimeBody):
    """Whom besides; `ask_me_first`: the callback is offered to who agrees it before all others."""

    number: Dialled
    customer_id: BodyId | None = None
    origin_id: BodyId | None = None
    ask_me_first: bool = True


class MoveBody(TimeBody):
    """The whole anew; `version` as it was read."""

    version: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedList:
    """Agreed callbacks, the earliest first."""

    items: tuple[AgreedCallbackView, ...]


@router.get("/agreed-callbacks", response_model=AgreedList)
async def list_agreed(principal: Agreeing, deps: Deps, customer_id: QueryId = None) -> Response:
    """Of a customer; without one an agent's own, and to a supervisor all."""
    if customer_id is not None:
        return document(AgreedList(items=await deps.agreed_callbacks.listed(customer_id=CustomerId(customer_id))))
    if principal.grant is Grant.ANY:
        return document(AgreedList(items=await deps.agreed_callbacks.listed()))
    user = principal.user
    return document(AgreedList(items=await deps.agreed_callbacks.listed(by=user.name, agent_id=user.agent_id)))


@router.get("/agreed-callbacks/choices", response_model=AgreeChoices)
async def read_choices(
    _principal: Agreeing, deps: Deps, number: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """The queues there are, the house's time zone, and those the number can be in."""
    return document(deps.agreed_callbacks.choices(number))


@router.post("/agreed-callbacks", response_model=AgreedCallbackView, status_code=201)
async def agree(body: AgreeBody, principal: Agreeing, deps: Deps) -> Response:
    """Agree a callback for a time; it waits in the queue from then on."""
    wanted = Wanted(
        number=body.number,
        local_time=_minute(body.local_time),
        zone=body.zone,
        queue_id=QueueId(body.queue_id),
        note=body.note,
        customer_id=CustomerId(body.customer_id) if body.customer_id is not None else None,
        origin_id=InteractionId(body.origin_id) if body.origin_id is not None else None,
        ask_me_first=body.ask_me_first,
    )
    user = principal.user
    return document(await deps.agreed_callbacks.agree(wanted, by=user.name, agent_id=user.agent_id), status=201)


@router.put("/agreed-callbacks/{interaction_id}", response_model=AgreedCallbackView)
async def move(interaction_id: PathId, body: MoveBody, principal: Agreeing, deps: Deps) -> Response:
    """Another time, queue or note; an agent those that he agreed himself."""
    view = await deps.agreed_callbacks.change(
        InteractionId(interaction_id),
        body.version,
        local_time=_minute(body.local_time),
        zone=body.zone,
        queue_id=QueueId(body.queue_id),
        note=body.note,
        by=principal.user.name,
        only_own=principal.grant is not Grant.ANY,
    )
    return document(view)


@router.delete("/agreed-callbacks/{interaction_id}", status_code=204)
async def withdraw(interaction_id: PathId, principal: Agreeing, deps: Deps) -> Response:
    """Nobody calls."""
    await deps.agreed_callbacks.withdraw(
        InteractionId(interaction_id), by=principal.user.name, only_own=principal.grant is not Grant.ANY
    )
    return no_content()


def _minute(local_time: datetime) -> datetime:
    if not 2000 <= local_time.year <= 2200:
        raise InvalidValue("the time must be in the years 2000 to 2200", code="invalid_time")
    return local_time.replace(second=0, microsecond=0)
