"""The agent's desk: his state, his phone, his screen pop, his wrap-up."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.ports import CodeLabel
from callcenter.app.views import AgentView, PopView
from callcenter.crm.numbers import to_e164
from callcenter.domain.agents import AgentState, Phone, PhoneKind
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.web.access import Principal, Require
from callcenter.web.demo_info import PhoneAccount
from callcenter.web.dependencies import Deps
from callcenter.web.desktops import desktops_of
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Name

router = api_router()

LONGEST_EXTENSION_SECONDS = 3_600

# user@host with an optional port: nothing that could carry a header or a second address.
_SIP_ADDRESS = re.compile(r"(?:sips?:)?([A-Za-z0-9_.!~*'()&=+$,;?/-]{1,64}@[A-Za-z0-9.\[\]:-]{1,255})")


class StateBody(Body):
    """What the agent wants to be."""

    state: Literal["ready", "not_ready", "logged_out"]
    reason: Code | None = None


class PhoneBody(Body):
    """Which phone is to ring."""

    kind: PhoneKind
    address: Name | None = None


class WrapUpBody(Body):
    """What comes after the wrap-up; nothing: what was wished before, else ready."""

    then: Literal["ready", "not_ready"] | None = None
    reason: Code | None = None


class ExtendBody(Body):
    """How much more time the agent needs."""

    seconds: Annotated[int, Field(ge=1, le=LONGEST_EXTENSION_SECONDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Codes and what people read."""

    items: tuple[CodeLabel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopView:
    """Where the agent's desk is open besides."""

    elsewhere: bool


@router.get("/agents/me/desktop", response_model=DesktopView)
async def read_desktop(
    principal: Annotated[Principal, Depends(Require(Action.READ_DESK))], request: Request
) -> Response:
    """Whether the agent sits at a desk of another session: a page asks before it takes the place."""
    elsewhere = desktops_of(request.app).is_elsewhere(principal.own_agent(), principal.signed_in.token_hash)
    return document(DesktopView(elsewhere=elsewhere))


@router.get("/agents/me", response_model=AgentView)
async def read_own_agent(principal: Annotated[Principal, Depends(Require(Action.READ_DESK))], deps: Deps) -> Response:
    """The agent as he stands now."""
    return document(deps.desk.agent(principal.own_agent()))


@router.put("/agents/me/state", response_model=AgentView)
async def set_state(
    body: StateBody, principal: Annotated[Principal, Depends(Require(Action.SET_STATE))], deps: Deps
) -> Response:
    """Be ready, not ready or logged out; in a talk, after it."""
    _check_reason(body.state, body.reason)
    return document(await deps.desk.set_state(principal.own_agent(), AgentState(body.state), body.reason))


@router.put("/agents/me/phone", response_model=AgentView)
async def set_phone(
    body: PhoneBody, principal: Annotated[Principal, Depends(Require(Action.SET_PHONE))], deps: Deps
) -> Response:
    """Ring this phone from the next offer on."""
    phone = phone_of(body, deps.default_region)
    return document(await deps.desk.set_phone(principal.own_agent(), phone))


@router.post("/agents/me/phone/away", response_model=AgentView)
async def phone_goes(principal: Annotated[Principal, Depends(Require(Action.SET_PHONE))], deps: Deps) -> Response:
    """The page goes away with its talk: the caller, or the colleague, hears music until the phone is back."""
    if not await deps.internal_calls.away(principal.own_agent()):
        await deps.rejoining.away(principal.own_agent())
    return document(deps.desk.agent(principal.own_agent()))


@router.post("/agents/me/phone/rejoin", response_model=AgentView)
async def rejoin_talk(principal: Annotated[Principal, Depends(Require(Action.SET_PHONE))], deps: Deps) -> Response:
    """Ring the phone in the browser again for the talk it was lost from."""
    if not await deps.internal_calls.back(principal.own_agent()):
        await deps.rejoining.back(principal.own_agent())
    return document(deps.desk.agent(principal.own_agent()))


@router.get("/agents/me/phone/account", response_model=PhoneAccount)
async def read_phone_account(
    principal: Annotated[Principal, Depends(Require(Action.READ_PHONE_ACCOUNT))], deps: Deps
) -> Response:
    """The account of the agent's phone in the browser."""
    agent_id = principal.own_agent()
    secret = await deps.configuration.phone_secret(agent_id)
    if deps.browser_phone is None or secret is None:
        raise NotFound(f"agent {agent_id} has no account for a phone in the browser", code="no_phone_account")
    user = deps.browser_phone.user(agent_id)
    account = PhoneAccount(
        sip_uri=f"sip:{user}@{deps.browser_phone.realm}",
        user=user,
        password=secret,
        websocket_url=deps.browser_phone.websocket_url,
    )
    return document(account)


@router.get("/agents/me/pop", response_model=PopView, responses={204: {"description": "there is none"}})
async def read_pop(principal: Annotated[Principal, Depends(Require(Action.READ_DESK))], deps: Deps) -> Response:
    """The screen pop, or nothing."""
    pop = deps.desk.pop(principal.own_agent())
    return no_content() if pop is None else document(pop)


@router.post("/agents/me/wrap-up/end", response_model=AgentView)
async def end_wrap_up(
    principal: Annotated[Principal, Depends(Require(Action.SET_STATE))], deps: Deps, body: WrapUpBody | None = None
) -> Response:
    """End after-call work."""
    wish = body or WrapUpBody()
    _check_reason(wish.then, wish.reason)
    then = None if wish.then is None else AgentState(wish.then)
    return document(await deps.desk.end_wrap_up(principal.own_agent(), then, wish.reason))


@router.post("/agents/me/wrap-up/extend", response_model=AgentView)
async def extend_wrap_up(
    body: ExtendBody, principal: Annotated[Principal, Depends(Require(Action.SET_STATE))], deps: Deps
) -> Response:
    """Take more time for after-call work, up to the queue's limit."""
    return document(await deps.desk.extend_wrap_up(principal.own_agent(), timedelta(seconds=body.seconds)))


@router.get("/reasons", response_model=Codes, dependencies=[Depends(Require(Action.READ_CODES))])
async def read_reasons(deps: Deps) -> Response:
    """Why an agent may be not ready."""
    return document(Codes(items=await deps.configuration.reasons()))


@router.get("/dispositions", response_model=Codes, dependencies=[Depends(Require(Action.READ_CODES))])
async def read_dispositions(deps: Deps) -> Response:
    """Result codes of wrap-up."""
    return document(Codes(items=await deps.configuration.dispositions()))


def _check_reason(state: str | None, reason: str | None) -> None:
    if reason is not None and state != AgentState.NOT_READY:
        raise InvalidValue("a reason goes with not_ready alone; leave it out", code="reason_not_wanted")


def phone_of(body: PhoneBody, region: str) -> Phone:
    """The phone that the body names; raises `InvalidValue`."""
    return Phone(kind=body.kind, address=_checked_address(body, region))


def _checked_address(body: PhoneBody, region: str) -> str | None:
    match body.kind:
        case PhoneKind.SIP | PhoneKind.BROWSER:
            if body.address is not None:
                raise InvalidValue(f"a phone of kind {body.kind} has no address; leave it out", code="invalid_phone")
            return None
        case PhoneKind.ADDRESS:
            match = _SIP_ADDRESS.fullmatch(body.address or "")
            if match is None:
                raise InvalidValue("address must be a SIP address such as sip:1001@10.0.0.5:5060", code="invalid_phone")
            return f"sip:{match[1]}"
        case PhoneKind.OUTSIDE:
            number = to_e164(body.address or "", region)
            if number is None:
                raise InvalidValue(
                    "address must be a telephone number, best with its country code (+86 138 0013 8000)",
                    code="invalid_phone",
                )
            return number
