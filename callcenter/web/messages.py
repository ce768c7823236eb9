"""The messages that callers left: the work list, who has one in hand, and the audio.

Law: what is played is a message's own file in the directory of recordings, and each play is in the audit log.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import FileResponse, Response

from callcenter.app.access_log import AccessKind
from callcenter.app.drawing import draw_customer
from callcenter.app.message_box import MessageFilters
from callcenter.app.permissions import Action, Grant
from callcenter.app.views import CustomerView
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MessageId, QueueId
from callcenter.domain.messages import Message, MessageState, origin_of
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Notes, PathId, QueryId

router = api_router()

LARGEST_PAGE = 200
MEDIA_TYPE = "audio/wav"
Reader = Annotated[Principal, Depends(Require(Action.READ_MESSAGES))]
Worker = Annotated[Principal, Depends(Require(Action.WORK_MESSAGES))]
Answerer = Annotated[Principal, Depends(Require(Action.ANSWER_MESSAGES))]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageList:
    """Some messages; with `next_after` the next page begins."""

    items: tuple[Message, ...]
    next_after: MessageId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackMade:
    """The interaction in which the customer is called back."""

    interaction_id: InteractionId


class Finish(Body):
    """What came of a message."""

    disposition: Code | None = None
    notes: Notes = ""


@router.get("/messages", response_model=MessageList)
async def list_messages(
    principal: Reader,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    after: QueryId = None,
    state: Annotated[list[MessageState], Query(max_length=3)] = [],  # noqa: B006 - FastAPI copies it.
    queue_id: QueryId = None,
    customer_id: QueryId = None,
    interaction_id: QueryId = None,
    mine: bool = False,
    newest_first: bool = False,
) -> Response:
    """The oldest first; an agent sees those of the queues he may serve."""
    queues = None
    if principal.grant is Grant.OWN:
        queues = deps.messages.queues_of(principal.own_agent())
    if queue_id is not None:
        wanted = frozenset({QueueId(queue_id)})
        queues = wanted if queues is None else queues & wanted
    filters = MessageFilters(
        queues=queues,
        states=frozenset(state),
        taken_by=principal.own_agent() if mine else None,
        customer_id=None if customer_id is None else CustomerId(customer_id),
        interaction_id=None if interaction_id is None else InteractionId(interaction_id),
    )
    found = await deps.messages.list(
        filters,
        limit=limit + 1,
        after=None if after is None else MessageId(after),
        newest_first=newest_first,
    )
    items = found[:limit]
    return document(MessageList(items=items, next_after=items[-1].message_id if len(found) > limit else None))


@router.get("/messages/{message_id}", response_model=Message)
async def read_message(message_id: PathId, principal: Reader, deps: Deps) -> Response:
    """One message."""
    return document(await deps.messages.find(MessageId(message_id), by=_own(principal)))


@router.get("/messages/{message_id}/customer", response_model=CustomerView)
async def read_customer(message_id: PathId, principal: Reader, deps: Deps) -> Response:
    """The card of who left it, as a pop shows it."""
    message = await deps.messages.find(MessageId(message_id), by=_own(principal))
    card = None if message.customer_id is None else await deps.customers.card(message.customer_id)
    if card is None:
        raise NotFound(f"message {message_id} is of nobody who is known", code="unknown_customer")
    deps.privacy.log.note(by=principal.user.name, kind=AccessKind.READ, customer_id=card.customer.customer_id)
    return document(draw_customer(card))


@router.get(
    "/messages/{message_id}/audio",
    response_class=FileResponse,
    responses={200: {"content": {MEDIA_TYPE: {}}}, 206: {"description": "a part, as asked for by Range"}},
)
async def hear_message(
    message_id: PathId,
    request: Request,
    principal: Annotated[Principal, Depends(Require(Action.HEAR_MESSAGES))],
    deps: Deps,
) -> Response:
    """What the caller said, whole or in parts; a play from the beginning is written into the audit log."""
    message = await deps.messages.find(MessageId(message_id), by=_own(principal))
    path = deps.recordings / message.file
    if not await asyncio.to_thread(_is_recording, path, message.file):
        raise NotFound(
            f"the recording of message {message_id} is not in the directory of recordings any more",
            code="recording_missing",
        )
    if _begins(request.headers.get("range")):
        await deps.audit.audit(
            at=deps.clock.now(), by=principal.user.name, action="message_played", subject=message.message_id
        )
        deps.privacy.log.note(
            by=principal.user.name,
            kind=AccessKind.MESSAGE_HEARD,
            customer_id=message.customer_id,
            interaction_id=message.interaction_id,
        )
    return FileResponse(path, media_type=MEDIA_TYPE, headers={"Cache-Control": "private, no-store"})


@router.post("/messages/{message_id}/take", response_model=Message)
async def take_message(message_id: PathId, principal: Answerer, deps: Deps) -> Response:
    """Take a message in hand; 409 names who has it."""
    return document(await deps.messages.take(MessageId(message_id), principal.own_agent()))


@router.post("/messages/{message_id}/put-back", response_model=Message)
async def put_back_message(message_id: PathId, principal: Worker, deps: Deps) -> Response:
    """Give a message back to all."""
    return document(await deps.messages.put_back(MessageId(message_id), _own(principal)))


@router.post("/messages/{message_id}/finish", response_model=Message)
async def finish_message(message_id: PathId, body: Finish, principal: Worker, deps: Deps) -> Response:
    """Say that it is done, and what came of it."""
    message = await deps.messages.finish(
        MessageId(message_id),
        _own(principal),
        by=principal.user.name,
        disposition=body.disposition,
        notes=body.notes,
    )
    return document(message)


@router.post("/messages/{message_id}/call-back", status_code=201, response_model=CallbackMade)
async def call_back(message_id: PathId, principal: Answerer, deps: Deps) -> Response:
    """Have the customer called back for oneself; 409 says why he cannot be."""
    interaction_id = await deps.messages.call_back(MessageId(message_id), principal.own_agent())
    return document(CallbackMade(interaction_id=interaction_id), 201)


def _own(principal: Principal) -> AgentId | None:
    """The agent to whose queues the permission reaches; None where it reaches everything."""
    return principal.own_agent() if principal.grant is Grant.OWN else None


def _is_recording(path: Path, file: str) -> bool:
    return origin_of(file) is not None and Path(file).name == file and path.is_file()


def _begins(wanted: str | None) -> bool:
    """Whether a request reads from the beginning: the parts a player fetches while it seeks are no plays."""
    return wanted is None or wanted.replace(" ", "").startswith("bytes=0-")
