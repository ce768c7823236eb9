"""Privacy over REST: who looked at whom, all of one person as a file, and erasing him.

Law: taking a person out and erasing him are in the audit log, with who did it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from callcenter.app.access_log import Access, AccessKind, AccessWanted
from callcenter.app.erasure import Erasure, Plan
from callcenter.app.permissions import Action
from callcenter.app.person_export import write_person
from callcenter.app.retention import Due
from callcenter.domain.ids import CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Moment, PathId, QueryId, Short

router = api_router()

LARGEST_PAGE = 200
MEDIA_TYPE = "application/zip"
Before = Annotated[int | None, Query(ge=1, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
Eraser = Annotated[Principal, Depends(Require(Action.ERASE_PERSON))]


class EraseBody(Body):
    """Whom, typed; and that his open cases end with him."""

    confirm: Annotated[str, Field(min_length=1, max_length=500)]
    open_cases_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """The newest first, and what their customers are called now; with `next_before` the next page begins."""

    items: tuple[Access, ...]
    customers: Mapping[CustomerId, str]
    next_before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureList:
    """The newest first."""

    items: tuple[Erasure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionView:
    """Everything that has a time."""

    items: tuple[Due, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What would go, and what stands against it; the name is not told, it is to be typed."""

    customer_id: CustomerId
    counts: Mapping[str, int]
    open_cases: int
    in_house: bool


@router.get("/accesses", response_model=AccessList, dependencies=[Depends(Require(Action.READ_ACCESS_LOG))])
async def list_accesses(
    deps: Deps,
    limit: Limit = 50,
    before: Before = None,
    by: Annotated[Short | None, Query()] = None,
    customer_id: QueryId = None,
    kind: AccessKind | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> Response:
    """Who looked at which customer; of one who looked, of one customer, in one way, or of a time."""
    wanted = AccessWanted(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        by=by,
        kind=kind,
        since=since,
        until=until,
    )
    return await _accesses(deps, limit, before, wanted)


@router.get(
    "/customers/{customer_id}/accesses",
    response_model=AccessList,
    dependencies=[Depends(Require(Action.READ_CUSTOMER_ACCESSES))],
)
async def list_customer_accesses(customer_id: PathId, deps: Deps, limit: Limit = 50, before: Before = None) -> Response:
    """Who looked at this customer, and at those who were merged into him."""
    return await _accesses(deps, limit, before, AccessWanted(customer_id=CustomerId(customer_id)))


async def _accesses(deps: Deps, limit: int, before: int | None, wanted: AccessWanted) -> Response:
    found = await deps.privacy.accesses.accesses(wanted, limit=limit + 1, before=before)
    items = found[:limit]
    names = await deps.relations.book.names_of([one.customer_id for one in items if one.customer_id is not None])
    more = items[-1].access_id if len(found) > limit else None
    return document(AccessList(items=items, customers=names, next_before=more))


@router.get(
    "/customers/{customer_id}/personal-data",
    response_class=FileResponse,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
async def export_person(
    customer_id: PathId, principal: Annotated[Principal, Depends(Require(Action.EXPORT_PERSON))], deps: Deps
) -> Response:
    """All that is known of him as one archive: JSON documents, and what he said."""
    now, by = deps.clock.now(), principal.user.name
    path = await write_person(
        deps.privacy.people,
        CustomerId(customer_id),
        recordings=deps.recordings,
        directory=deps.temporary,
        at=now,
        by=by,
    )
    await deps.audit.audit(at=now, by=by, action="person_exported", subject=customer_id)
    deps.privacy.log.note(by=by, kind=AccessKind.PERSON_EXPORTED, customer_id=CustomerId(customer_id))
    return FileResponse(
        path,
        media_type=MEDIA_TYPE,
        filename=f"person-{customer_id}-{now:%Y%m%d-%H%M}.zip",
        headers={"Cache-Control": "private, no-store"},
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


@router.get("/customers/{customer_id}/erasure", response_model=PlanView)
async def plan_erasure(customer_id: PathId, principal: Eraser, deps: Deps) -> Response:
    """What erasing him would concern; nothing is changed."""
    plan: Plan = await deps.privacy.erasures.plan(CustomerId(customer_id))
    view = PlanView(
        customer_id=plan.customer_id, counts=plan.counts, open_cases=plan.open_cases, in_house=plan.in_house
    )
    return document(view)


@router.post("/customers/{customer_id}/erasure", status_code=202, response_model=Erasure)
async def erase_person(customer_id: PathId, body: EraseBody, principal: Eraser, deps: Deps) -> Response:
    """Erase him, for good; 422 when he is not named, 409 while he is in the house or has open cases."""
    made = await deps.privacy.erasures.ask(
        CustomerId(customer_id), confirm=body.confirm, open_cases_too=body.open_cases_too, by=principal.user.name
    )
    return document(made, 202)


@router.get("/retention", response_model=RetentionView)
async def read_retention(principal: Eraser, deps: Deps) -> Response:
    """How long what is kept, and how many rows would go now; nothing is changed."""
    return document(RetentionView(items=await deps.privacy.retention.due()))


@router.get("/erasures", response_model=ErasureList)
async def list_erasures(principal: Eraser, deps: Deps, customer_id: QueryId = None) -> Response:
    """The newest hundred, with how far each is."""
    wanted = None if customer_id is None else CustomerId(customer_id)
    return document(ErasureList(items=await deps.privacy.erasures.erasures(wanted)))


@router.get("/erasures/{erasure_id}", response_model=Erasure)
async def read_erasure(erasure_id: PathId, principal: Eraser, deps: Deps) -> Response:
    """One of them."""
    return document(await deps.privacy.erasures.erasure(erasure_id))
