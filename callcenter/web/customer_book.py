"""What is kept about a customer besides himself: members, notes, the history of changes, the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.customer_book import Change, Experience, Memberships, Note, StoryPage, TimelineKind
from callcenter.app.permissions import Action
from callcenter.domain.ids import CaseId, CustomerId, InteractionId, NoteId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, PathId, Short, Text

router = api_router()

LARGEST_PAGE = 200
_READ = [Depends(Require(Action.READ_CUSTOMER))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


class MemberBody(Body):
    """What the member is there."""

    role: Short = ""


class NoteBody(Body):
    """A note, perhaps about one interaction or one case."""

    text: Text
    interaction_id: BodyId | None = None
    case_id: BodyId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeList:
    """Some changes, the newest first, and the names of other customers they speak of; `next_before` asks for those
    before, null at the end."""

    items: tuple[Change, ...]
    customers: Mapping[CustomerId, str]
    next_before: int | None


@router.get("/customers/{customer_id}/memberships", response_model=Memberships, dependencies=_READ)
async def read_memberships(customer_id: PathId, deps: Deps) -> Response:
    """The organisations a customer belongs to, and who belongs to him."""
    return document(await deps.relations.book.memberships(CustomerId(customer_id)))


@router.put("/customers/{customer_id}/members/{member_id}", status_code=204)
async def put_member(
    customer_id: PathId, member_id: PathId, body: MemberBody, principal: Writer, deps: Deps
) -> Response:
    """Make a customer a member of this organisation, or change his role."""
    await deps.relations.book.put_member(
        CustomerId(customer_id), CustomerId(member_id), body.role, at=deps.clock.now(), by=principal.user.name
    )
    return no_content()


@router.delete("/customers/{customer_id}/members/{member_id}", status_code=204)
async def remove_member(customer_id: PathId, member_id: PathId, principal: Writer, deps: Deps) -> Response:
    """End a membership."""
    await deps.relations.book.remove_member(
        CustomerId(customer_id), CustomerId(member_id), at=deps.clock.now(), by=principal.user.name
    )
    return no_content()


@router.post("/customers/{customer_id}/notes", status_code=201, response_model=Note)
async def add_note(customer_id: PathId, body: NoteBody, principal: Writer, deps: Deps) -> Response:
    """Write a note about a customer; it is never changed."""
    note = Note(
        note_id=NoteId(deps.new_record_id()),
        customer_id=CustomerId(customer_id),
        at=deps.clock.now(),
        by=principal.user.name,
        text=body.text,
        interaction_id=None if body.interaction_id is None else InteractionId(body.interaction_id),
        case_id=None if body.case_id is None else CaseId(body.case_id),
    )
    return document(await deps.relations.book.add_note(note), 201)


@router.get("/customers/{customer_id}/changes", response_model=ChangeList, dependencies=_READ)
async def read_changes(
    customer_id: PathId, deps: Deps, limit: Limit = 50, before: Annotated[int | None, Query(ge=0, lt=2**62)] = None
) -> Response:
    """Who changed what, with the values before and after, the newest first."""
    found = await deps.relations.book.changes(CustomerId(customer_id), limit=limit + 1, before=before)
    items = found[:limit]
    told = [field for change in items for field in change.fields if field.field == "other_customer_id"]
    others = {CustomerId(one) for field in told for one in (field.before, field.after) if isinstance(one, str)}
    names = await deps.relations.book.names_of(sorted(others))
    next_before = items[-1].change_id if len(found) > limit else None
    return document(ChangeList(items=items, customers=names, next_before=next_before))


@router.get("/customers/{customer_id}/experience", response_model=Experience, dependencies=_READ)
async def read_experience(customer_id: PathId, deps: Deps) -> Response:
    """How it went with him the last time: his last survey and his last complaint."""
    return document(await deps.relations.book.experience(CustomerId(customer_id)))


@router.get("/customers/{customer_id}/timeline", response_model=StoryPage, dependencies=_READ)
async def read_timeline(
    customer_id: PathId,
    deps: Deps,
    kind: Annotated[list[TimelineKind], Query(max_length=len(TimelineKind))] = [],  # noqa: B006 - FastAPI copies it.
    limit: Limit = 50,
    before: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Interactions, notes, cases, tasks and changes in one stream, the newest first."""
    kinds = tuple(dict.fromkeys(kind))
    page = await deps.relations.book.timeline(CustomerId(customer_id), kinds=kinds, limit=limit, before=before)
    return document(page)
