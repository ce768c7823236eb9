"""Opportunities: opening, finding and changing them, with their quotes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.sales_book import OpportunityFilters
from callcenter.crm.opportunity_steps import OpportunityInput
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, OpportunityId
from callcenter.domain.sales import Opportunity, OpportunityState, Quote
from callcenter.web.access import Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.orders import Day, Writer
from callcenter.web.products import MoneyBody
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Code, Moment, Name, Notes, PathId, QueryId, Short

router = api_router()

LARGEST_PAGE = 200
MOST_QUOTES = 50
_READ = [Depends(Require(Action.READ_SALES))]
_NULLABLE = frozenset({"value", "next_step_due_at", "owner_id", "reason"})


class QuoteBody(Body):
    """What was offered for how much."""

    number: Code
    given_on: Day
    value: MoneyBody
    valid_until: Day | None = None


Percent = Annotated[int, Field(ge=0, le=100)]
Quotes = Annotated[tuple[QuoteBody, ...], Field(max_length=MOST_QUOTES)]


class OpportunityBody(Body):
    """A new opportunity; without an owner it is his who opens it."""

    title: Name
    stage: Code
    state: OpportunityState = OpportunityState.OPEN
    value: MoneyBody | None = None
    probability: Percent = 0
    next_step: Short = ""
    next_step_due_at: Moment | None = None
    owner_id: BodyId | None = None
    reason: Code | None = None
    remark: Notes = ""
    quotes: Quotes = ()


class OpportunityChange(Body):
    """What changes; what is left out stays, null takes away a value, a due time, an owner, a reason."""

    title: Name | None = None
    stage: Code | None = None
    state: OpportunityState | None = None
    value: MoneyBody | None = None
    probability: Percent | None = None
    next_step: Short | None = None
    next_step_due_at: Moment | None = None
    owner_id: BodyId | None = None
    reason: Code | None = None
    remark: Notes | None = None
    quotes: Quotes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityList:
    """Some opportunities, those opened last first, and what their customers are called.

    `next_before` asks for those before, null at the end.
    """

    items: tuple[Opportunity, ...]
    customers: Mapping[CustomerId, str]
    next_before: OpportunityId | None


@router.post("/customers/{customer_id}/opportunities", status_code=201, response_model=Opportunity)
async def open_opportunity(customer_id: PathId, body: OpportunityBody, principal: Writer, deps: Deps) -> Response:
    """Open an opportunity of a customer."""
    owner = body.owner_id if "owner_id" in body.model_fields_set else principal.user.agent_id
    data = OpportunityInput(
        title=body.title,
        stage=body.stage,
        state=body.state,
        value=None if body.value is None else body.value.money(),
        probability=body.probability,
        next_step=body.next_step,
        next_step_due_at=body.next_step_due_at,
        owner_id=None if owner is None else AgentId(owner),
        reason=body.reason,
        remark=body.remark,
        quotes=_quotes(body.quotes),
    )
    made = await deps.relations.opportunities.open_opportunity(
        OpportunityId(deps.new_record_id()), CustomerId(customer_id), data, at=deps.clock.now(), by=principal.user.name
    )
    return versioned(made, made.version, 201)


@router.get("/opportunities", response_model=OpportunityList, dependencies=_READ)
async def list_opportunities(
    deps: Deps,
    customer_id: QueryId = None,
    owner_id: QueryId = None,
    state: OpportunityState | None = None,
    stage: Annotated[Code | None, Query()] = None,
    overdue: bool = False,
    unowned: bool = False,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: QueryId = None,
) -> Response:
    """Opportunities of a customer, an owner, a state, a stage; `overdue`: whose next step is due. The newest first."""
    filters = OpportunityFilters(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        owner_id=None if owner_id is None else AgentId(owner_id),
        state=state,
        stage=stage,
        due_by=deps.clock.now() if overdue else None,
        unowned=unowned,
    )
    place = None if before is None else OpportunityId(before)
    found = await deps.relations.opportunities.opportunities(filters, limit=limit + 1, before=place)
    items = found[:limit]
    more = items[-1].opportunity_id if len(found) > limit else None
    names = await deps.relations.book.names_of([one.customer_id for one in items])
    return document(OpportunityList(items=items, customers=names, next_before=more))


@router.get("/opportunities/{opportunity_id}", response_model=Opportunity, dependencies=_READ)
async def read_opportunity(opportunity_id: PathId, deps: Deps) -> Response:
    """One opportunity."""
    found = await _find(deps, OpportunityId(opportunity_id))
    return versioned(found, found.version)


@router.patch("/opportunities/{opportunity_id}", response_model=Opportunity)
async def change_opportunity(
    opportunity_id: PathId, body: OpportunityChange, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Change an opportunity, of the version in If-Match if there is one; won, lost or opened again by its state."""
    for name in body.model_fields_set - _NULLABLE:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> Opportunity:
        known = await _find(deps, OpportunityId(opportunity_id))
        return await deps.relations.opportunities.change_opportunity(
            known.opportunity_id,
            _changed(known, body),
            at=deps.clock.now(),
            by=principal.user.name,
            expected_version=known.version if expected is None else expected,
        )

    after = await changed(expected, attempt)
    return versioned(after, after.version)


async def _find(deps: WebDependencies, opportunity_id: OpportunityId) -> Opportunity:
    found = await deps.relations.opportunities.opportunity(opportunity_id)
    if found is None:
        raise NotFound(f"there is no opportunity {opportunity_id}", code="unknown_opportunity")
    return found


def _quotes(quotes: tuple[QuoteBody, ...]) -> tuple[Quote, ...]:
    return tuple(
        Quote(number=one.number, given_on=one.given_on, value=one.value.money(), valid_until=one.valid_until)
        for one in quotes
    )


def _changed(known: Opportunity, body: OpportunityChange) -> OpportunityInput:
    """The opportunity as it is to be."""
    given = body.model_fields_set
    owner = body.owner_id if "owner_id" in given else known.owner_id
    value = None if body.value is None else body.value.money()
    return OpportunityInput(
        title=known.title if body.title is None else body.title,
        stage=known.stage if body.stage is None else body.stage,
        state=known.state if body.state is None else body.state,
        value=value if "value" in given else known.value,
        probability=known.probability if body.probability is None else body.probability,
        next_step=known.next_step if body.next_step is None else body.next_step,
        next_step_due_at=body.next_step_due_at if "next_step_due_at" in given else known.next_step_due_at,
        owner_id=None if owner is None else AgentId(owner),
        reason=body.reason if "reason" in given else known.reason,
        remark=known.remark if body.remark is None else body.remark,
        quotes=known.quotes if body.quotes is None else _quotes(body.quotes),
    )
