"""Signing in and out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.responses import Response

from callcenter.app.permissions import Action, Role
from callcenter.app.sessions import SignedIn
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId
from callcenter.web.access import COOKIE, Open, Principal, Require, role_of
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.desktops import desktops_of
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Name, Password

log = structlog.get_logger(__name__)

router = api_router()


class Credentials(Body):
    """Who wants to sign in."""

    name: Name
    password: Password


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user as he sees himself."""

    name: str
    display_name: str
    role: Role
    agent_id: AgentId | None
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session without its token."""

    user: UserView
    expires_at: datetime
    timezone: str
    """The house's time zone (IANA): its days are those of boards and reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSessionView:
    """A session with its token, told once."""

    token: str
    user: UserView
    expires_at: datetime
    timezone: str


@router.post("/session", status_code=201, response_model=NewSessionView, dependencies=[Depends(Open(Action.SIGN_IN))])
async def sign_in(body: Credentials, request: Request, deps: Deps) -> Response:
    """Sign in: the token is in the answer and in the cookie `cc_session`; an agent becomes `not_ready(signed_in)`."""
    address = request.client.host if request.client else ""
    session = await deps.sessions.sign_in(body.name, body.password, address)
    user = session.signed_in.user
    try:
        role_of(user)
        if user.agent_id is not None:
            await deps.desk.sign_in(user.agent_id)
    except CallcenterError:
        # Nobody has the token yet, and nobody shall.
        await deps.sessions.revoke(session.signed_in.token_hash)
        raise
    view = NewSessionView(
        token=session.token,
        user=_user_view(session.signed_in),
        expires_at=session.signed_in.expires_at,
        timezone=deps.timezone,
    )
    answer = document(view, 201)
    answer.set_cookie(
        COOKIE, session.token, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer


@router.get("/session", response_model=SessionView)
async def read_session(principal: Annotated[Principal, Depends(Require(Action.READ_SESSION))], deps: Deps) -> Response:
    """Who is signed in, and whose days count."""
    signed_in = principal.signed_in
    return document(SessionView(user=_user_view(signed_in), expires_at=signed_in.expires_at, timezone=deps.timezone))


@router.delete("/session", status_code=204)
async def sign_out(
    principal: Annotated[Principal, Depends(Require(Action.SIGN_OUT))], request: Request, deps: Deps
) -> Response:
    """Sign out; the session's live feed closes. An agent is logged out, unless his desk is open in another session."""
    agent_id = principal.user.agent_id
    if agent_id is not None and not desktops_of(request.app).is_elsewhere(agent_id, principal.signed_in.token_hash):
        await _log_out(deps, agent_id)
    await deps.sessions.sign_out(principal.signed_in)
    answer = no_content()
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


async def _log_out(deps: WebDependencies, agent_id: AgentId) -> None:
    """Signing out must work in whatever state the agent is."""
    try:
        if deps.desk.agent(agent_id).state != AgentState.LOGGED_OUT:
            await deps.desk.set_state(agent_id, AgentState.LOGGED_OUT, None)
    except CallcenterError as error:
        log.warning("agent_not_logged_out", agent_id=agent_id, code=error.code)


def _user_view(signed_in: SignedIn) -> UserView:
    user = signed_in.user
    return UserView(
        name=user.name,
        display_name=user.display_name,
        role=role_of(user),
        agent_id=user.agent_id,
        language=user.language,
    )
