"""Duplicates: who may be one, making two customers one, saying that they are two, and taking either back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.customer_book import Duplicate, Merge, SharedPoint, ToldApart
from callcenter.app.permissions import Action
from callcenter.domain.ids import CustomerId, MergeId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, expected_version
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, PathId

router = api_router()

LARGEST_PAGE = 100
May = Annotated[Principal, Depends(Require(Action.MERGE_CUSTOMERS))]
MayTellApart = Annotated[Principal, Depends(Require(Action.TELL_APART))]


class MergeBody(Body):
    """Who is merged into the customer of the address."""

    merged_id: BodyId


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateList:
    """The likeliest first."""

    items: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldApartList:
    """The latest first."""

    items: tuple[ToldApart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeList:
    """The newest first; `customers` is what those are called whom they are about."""

    items: tuple[Merge, ...]
    customers: Mapping[CustomerId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedList:
    """Numbers and addresses of several customers, and what those are called; `next_after` asks for those after them."""

    items: tuple[SharedPoint, ...]
    customers: Mapping[CustomerId, str]
    next_after: str | None


@router.get(
    "/customers/{customer_id}/duplicates",
    response_model=DuplicateList,
    dependencies=[Depends(Require(Action.READ_CUSTOMER))],
)
async def read_duplicates(
    customer_id: PathId, deps: Deps, limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20
) -> Response:
    """Who may be the same customer, by shared numbers and addresses and by alike names."""
    found = await deps.relations.search.duplicates(CustomerId(customer_id), limit=limit)
    return document(DuplicateList(items=found))


@router.get(
    "/customers/{customer_id}/told-apart",
    response_model=ToldApartList,
    dependencies=[Depends(Require(Action.READ_CUSTOMER))],
)
async def read_told_apart(customer_id: PathId, deps: Deps) -> Response:
    """Who looks like him and is somebody else, with who said so."""
    return document(ToldApartList(items=await deps.relations.apart.told_apart(CustomerId(customer_id))))


@router.put("/customers/{customer_id}/told-apart/{other_id}", status_code=204, response_class=Response)
async def tell_apart(customer_id: PathId, other_id: PathId, principal: MayTellApart, deps: Deps) -> Response:
    """Say that they are two: they are proposed as duplicates no more. Twice is as once."""
    await deps.relations.apart.tell_apart(
        CustomerId(customer_id), CustomerId(other_id), at=deps.clock.now(), by=principal.user.name
    )
    return Response(status_code=204)


@router.delete("/customers/{customer_id}/told-apart/{other_id}", status_code=204, response_class=Response)
async def take_back_told_apart(customer_id: PathId, other_id: PathId, principal: MayTellApart, deps: Deps) -> Response:
    """They may be one after all; 404 where nobody had said that they are two."""
    await deps.relations.apart.take_back(
        CustomerId(customer_id), CustomerId(other_id), at=deps.clock.now(), by=principal.user.name
    )
    return Response(status_code=204)


@router.get("/shared-contact-points", response_model=SharedList)
async def read_shared_points(
    principal: May,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    after: Annotated[str | None, Query(max_length=254, pattern=r"^[ -~]+$")] = None,
) -> Response:
    """Numbers and addresses of several customers: where to look for duplicates."""
    privacy = deps.privacy
    hidden = not privacy.sight.sees_numbers(principal.user.role)
    place = privacy.cursors.find(after) if hidden else after
    page = await deps.relations.search.shared_points(limit=limit, after=place)
    names = await deps.relations.book.names_of([one for point in page.items for one in point.customer_ids])
    following = privacy.cursors.hide(page.next_after) if hidden else page.next_after
    return document(SharedList(items=page.items, customers=names, next_after=following))


@router.post("/customers/{customer_id}/merges", status_code=201, response_model=Merge)
async def merge_customers(
    customer_id: PathId, body: MergeBody, principal: May, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Merge another customer into this one; calls and pops that are alive follow."""
    merge = await deps.relations.merging.merge(
        CustomerId(customer_id),
        CustomerId(body.merged_id),
        merge_id=MergeId(deps.new_record_id()),
        at=deps.clock.now(),
        by=principal.user.name,
        expected_version=expected_version(if_match),
    )
    await deps.desk.customers_merged(merge, by=principal.user.name)
    return document(merge, 201)


@router.get(
    "/customers/{customer_id}/merges", response_model=MergeList, dependencies=[Depends(Require(Action.READ_CUSTOMER))]
)
async def read_merges(customer_id: PathId, deps: Deps) -> Response:
    """What the customer was merged of or into, undone merges too."""
    items = await deps.relations.merging.merges(CustomerId(customer_id))
    about = {one for merge in items for one in (merge.survivor_id, merge.merged_id)}
    return document(MergeList(items=items, customers=await deps.relations.book.names_of(sorted(about))))


@router.post("/merges/{merge_id}/undo", response_model=Merge)
async def undo_merge(merge_id: PathId, principal: May, deps: Deps) -> Response:
    """Make two of them again; what was changed since stays with the survivor."""
    merge = await deps.relations.merging.undo(MergeId(merge_id), at=deps.clock.now(), by=principal.user.name)
    await deps.desk.customers_merged(merge, by=principal.user.name)
    return document(merge)
