"""Cases: opening, finding and changing them, and the interactions that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.case_book import CaseFilters
from callcenter.app.permissions import Action
from callcenter.crm.case_steps import CaseInput
from callcenter.domain.cases import CaseKind, CaseOutcome, CasePriority, CaseRecord, CaseState
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Code, Moment, Name, Notes, PathId, QueryId

router = api_router()

LARGEST_PAGE = 200
_READ = [Depends(Require(Action.READ_CASES))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_CASES))]
_NULLABLE = frozenset({"owner_id", "due_at", "reason", "remedy", "outcome"})


class CaseBody(Body):
    """A new case; without an owner it is his who opens it, without `due_at` the service target's time counts."""

    kind: CaseKind
    subject: Name
    description: Notes = ""
    state: CaseState = CaseState.OPEN
    priority: CasePriority = CasePriority.NORMAL
    owner_id: BodyId | None = None
    due_at: Moment | None = None
    reason: Code | None = None
    remedy: Code | None = None
    outcome: CaseOutcome | None = None
    interaction_id: BodyId | None = None


class CaseChange(Body):
    """What changes of a case; what is left out stays, null takes away an owner, a due time, a reason."""

    kind: CaseKind | None = None
    subject: Name | None = None
    description: Notes | None = None
    state: CaseState | None = None
    priority: CasePriority | None = None
    owner_id: BodyId | None = None
    due_at: Moment | None = None
    reason: Code | None = None
    remedy: Code | None = None
    outcome: CaseOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseList:
    """Some cases, the newest first, and what their customers are called.

    `next_before` asks for those before, null at the end.
    """

    items: tuple[CaseRecord, ...]
    customers: Mapping[CustomerId, str]
    next_before: CaseId | None


@router.post("/customers/{customer_id}/cases", status_code=201, response_model=CaseRecord)
async def open_case(customer_id: PathId, body: CaseBody, principal: Writer, deps: Deps) -> Response:
    """Open a case of a customer, perhaps out of an interaction."""
    if body.interaction_id is not None:
        await _check_interaction(deps, InteractionId(body.interaction_id))
    given = body.model_fields_set
    owner = body.owner_id if "owner_id" in given else principal.user.agent_id
    data = CaseInput(
        kind=body.kind,
        subject=body.subject,
        description=body.description,
        state=body.state,
        priority=body.priority,
        owner_id=None if owner is None else AgentId(owner),
        due_by_target="due_at" not in given,
        due_at=body.due_at,
        reason=body.reason,
        remedy=body.remedy,
        outcome=body.outcome,
    )
    case = await deps.relations.cases.open_case(
        CaseId(deps.new_record_id()),
        CustomerId(customer_id),
        data,
        at=deps.clock.now(),
        by=principal.user.name,
        interaction_id=None if body.interaction_id is None else InteractionId(body.interaction_id),
    )
    await deps.desk.customer_changed(case.customer_id)
    return versioned(case, case.version, 201)


@router.get("/cases", response_model=CaseList, dependencies=_READ)
async def list_cases(
    deps: Deps,
    customer_id: QueryId = None,
    owner_id: QueryId = None,
    interaction_id: QueryId = None,
    kind: CaseKind | None = None,
    state: CaseState | None = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
    overdue: bool = False,
    escalated: bool = False,
    unowned: bool = False,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: QueryId = None,
) -> Response:
    """Cases of a customer, an owner, an interaction, a kind, a state; the newest first."""
    filters = CaseFilters(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        owner_id=None if owner_id is None else AgentId(owner_id),
        interaction_id=None if interaction_id is None else InteractionId(interaction_id),
        kind=kind,
        state=state,
        open=is_open,
        overdue_at=deps.clock.now() if overdue else None,
        escalated=escalated,
        unowned=unowned,
    )
    place = None if before is None else CaseId(before)
    found = await deps.relations.cases.cases(filters, limit=limit + 1, before=place)
    items = found[:limit]
    names = await deps.relations.book.names_of([one.customer_id for one in items])
    more = items[-1].case_id if len(found) > limit else None
    return document(CaseList(items=items, customers=names, next_before=more))


@router.get("/cases/{case_id}", response_model=CaseRecord, dependencies=_READ)
async def read_case(case_id: PathId, deps: Deps) -> Response:
    """One case."""
    case = await _find(deps, CaseId(case_id))
    return versioned(case, case.version)


@router.patch("/cases/{case_id}", response_model=CaseRecord)
async def change_case(
    case_id: PathId, body: CaseChange, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Change a case, of the version in If-Match if there is one; its state goes as the table says."""
    for name in body.model_fields_set - _NULLABLE:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> CaseRecord:
        known = await _find(deps, CaseId(case_id))
        return await deps.relations.cases.change_case(
            known.case_id,
            _changed(known, body),
            at=deps.clock.now(),
            by=principal.user.name,
            expected_version=known.version if expected is None else expected,
        )

    case = await changed(expected, attempt)
    await deps.desk.customer_changed(case.customer_id)
    return versioned(case, case.version)


@router.put("/cases/{case_id}/interactions/{interaction_id}", response_model=CaseRecord)
async def link_interaction(
    case_id: PathId, interaction_id: PathId, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Make an interaction belong to a case."""
    await _check_interaction(deps, InteractionId(interaction_id))
    case = await deps.relations.cases.link(
        CaseId(case_id),
        InteractionId(interaction_id),
        at=deps.clock.now(),
        by=principal.user.name,
        expected_version=expected_version(if_match),
    )
    return versioned(case, case.version)


@router.delete("/cases/{case_id}/interactions/{interaction_id}", response_model=CaseRecord)
async def unlink_interaction(
    case_id: PathId, interaction_id: PathId, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Undo that."""
    case = await deps.relations.cases.unlink(
        CaseId(case_id),
        InteractionId(interaction_id),
        at=deps.clock.now(),
        by=principal.user.name,
        expected_version=expected_version(if_match),
    )
    return versioned(case, case.version)


async def _find(deps: WebDependencies, case_id: CaseId) -> CaseRecord:
    case = await deps.relations.cases.case(case_id)
    if case is None:
        raise NotFound(f"there is no case {case_id}", code="unknown_case")
    return case


async def _check_interaction(deps: WebDependencies, interaction_id: InteractionId) -> None:
    """A call that is alive may not be in the store yet."""
    if deps.desk.interaction(interaction_id) is None and await deps.records.interaction(interaction_id) is None:
        raise NotFound(f"there is no interaction {interaction_id}", code="unknown_interaction")


def _changed(known: CaseRecord, body: CaseChange) -> CaseInput:
    """The case as it is to be."""
    given = body.model_fields_set
    owner = body.owner_id if "owner_id" in given else known.owner_id
    return CaseInput(
        kind=known.kind if body.kind is None else body.kind,
        subject=known.subject if body.subject is None else body.subject,
        description=known.description if body.description is None else body.description,
        state=known.state if body.state is None else body.state,
        priority=known.priority if body.priority is None else body.priority,
        owner_id=None if owner is None else AgentId(owner),
        due_by_target="due_at" not in given,
        due_at=body.due_at,
        reason=body.reason if "reason" in given else known.reason,
        remedy=body.remedy if "remedy" in given else known.remedy,
        outcome=body.outcome if "outcome" in given else known.outcome,
    )
