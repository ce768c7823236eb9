"""Supervisors' notices: send one, see who has read it; on one's own desk, read and close."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, StringConstraints
from starlette.responses import Response

from callcenter.app.notices import DeskNotices, SentNotice
from callcenter.app.permissions import Action
from callcenter.domain.ids import NoticeId
from callcenter.domain.notices import LONGEST_NOTICE, Audience
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, PathId, many_lines

router = api_router()

NoticeText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NOTICE),
    AfterValidator(many_lines),
]
Reader = Annotated[Principal, Depends(Require(Action.READ_NOTICES))]


class NoticeBody(Body):
    """What is said, and to whom: an agent or a queue by its id, or all."""

    to: Audience
    to_id: BodyId | None = None
    text: NoticeText


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNotices:
    """What was sent, the newest first."""

    items: tuple[SentNotice, ...]


@router.post("/notices", response_model=SentNotice, status_code=201)
async def send_notice(
    body: NoticeBody, principal: Annotated[Principal, Depends(Require(Action.WRITE_NOTICES))], deps: Deps
) -> Response:
    """Put a text on agents' desks."""
    return document(await deps.notices.send(principal.user, body.text, body.to, body.to_id or ""), status=201)


@router.get("/notices", response_model=SentNotices, dependencies=[Depends(Require(Action.WRITE_NOTICES))])
async def read_sent_notices(deps: Deps, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """What was sent, and who has read it when."""
    return document(SentNotices(items=await deps.notices.sent(limit=limit)))


@router.get("/agents/me/notices", response_model=DeskNotices)
async def read_own_notices(principal: Reader, deps: Deps) -> Response:
    """What lies unread on the own desk."""
    return document(deps.notices.desk(principal.own_agent()))


@router.put("/agents/me/notices/{notice_id}/read", status_code=204)
async def close_notice(notice_id: PathId, principal: Reader, deps: Deps) -> Response:
    """Take a notice that was read off the own desk."""
    await deps.notices.close(NoticeId(notice_id), principal.own_agent())
    return no_content()
