"""Screens on the wall: supervisors make and revoke links, and a link's token alone shows figures of queues.

Law: what a link shows names no customer, no caller and no agent.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.walls import WallClosed, WallLink, WallView
from callcenter.domain.ids import QueueId
from callcenter.web.access import Open, Principal, Require, token_of
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Name, PathId

router = api_router()

LONGEST_DAYS = 366
Keeper = Annotated[Principal, Depends(Require(Action.KEEP_WALLS))]


class WallBody(Body):
    """A new link: what it is called, which queues it shows (none named: all), and for how long."""

    name: Name
    queues: Annotated[tuple[BodyId, ...], Field(max_length=100)] = ()
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class WallList:
    """All links, the newest first; whether the settings allow any."""

    items: tuple[WallLink, ...]
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WallWithToken:
    """A link and its token, which cannot be read again; the page is `/wall#` and the token."""

    link: WallLink
    token: str


@router.get("/walls", response_model=WallList, dependencies=[Depends(Require(Action.KEEP_WALLS))])
async def list_walls(deps: Deps) -> Response:
    """The links there are, also those that were revoked or have run out."""
    return document(WallList(items=await deps.walls.links(), allowed=deps.walls.allowed))


@router.post("/walls", response_model=WallWithToken, status_code=201)
async def make_wall(body: WallBody, principal: Keeper, deps: Deps) -> Response:
    """Make a link for a screen on the wall; the answer has its token, once."""
    queues = tuple(QueueId(queue_id) for queue_id in body.queues)
    link, token = await deps.walls.make(body.name, queues, timedelta(days=body.days), by=principal.user.name)
    return document(WallWithToken(link=link, token=token), 201)


@router.delete("/walls/{link_id}", status_code=204)
async def revoke_wall(link_id: PathId, principal: Keeper, deps: Deps) -> Response:
    """Close a link for good; its screen goes dark within seconds."""
    await deps.walls.revoke(link_id, by=principal.user.name)
    return no_content()


@router.get("/wall", response_model=WallView, dependencies=[Depends(Open(Action.READ_WALL))])
async def read_wall(request: Request, deps: Deps) -> Response:
    """What the link whose token is sent as `Authorization: Bearer` shows; a session opens none."""
    if "authorization" not in request.headers:
        raise WallClosed("send the link's token as Authorization: Bearer")
    token = token_of(request)
    return document(await deps.walls.show(token or ""))
