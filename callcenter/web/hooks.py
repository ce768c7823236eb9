"""Web hooks: who is told of what outside, and how the telling goes.

Law: a secret is shown when it is made, and never again.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field, StringConstraints
from starlette.responses import Response

from callcenter.app.hooks import LONGEST_URL, SECRET_BYTES, Delivery, DeliveryState, Hook, HookInput, new_secret
from callcenter.app.permissions import Action
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.hooks import HookEvent
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document, no_content
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, PathId, Short

router = api_router()

LARGEST_PAGE = 200
_READ = [Depends(Require(Action.READ_HOOKS))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_HOOKS))]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_URL)]
Events = Annotated[tuple[HookEvent, ...], Field(min_length=1, max_length=len(HookEvent))]


class HookBody(Body):
    """A new web hook; `personal` puts names and numbers into its payloads."""

    url: Url
    events: Events
    description: Short = ""
    personal: bool = False
    active: bool = True


class HookChange(Body):
    """What changes of a web hook; what is left out stays."""

    url: Url | None = None
    events: Events | None = None
    description: Short | None = None
    personal: bool | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookList:
    """All web hooks, and what they may be told of."""

    items: tuple[Hook, ...]
    events: tuple[HookEvent, ...] = tuple(HookEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookWithSecret:
    """A web hook and the secret that its payloads are signed with; it cannot be read again."""

    hook: Hook
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryList:
    """Some of a hook's deliveries, the newest first."""

    items: tuple[Delivery, ...]


@router.get("/hooks", response_model=HookList, dependencies=_READ)
async def list_hooks(deps: Deps) -> Response:
    """All web hooks, the oldest first."""
    return document(HookList(items=await deps.hooks.hooks()))


@router.post("/hooks", status_code=201, response_model=HookWithSecret)
async def add_hook(body: HookBody, principal: Writer, deps: Deps) -> Response:
    """Make a web hook; the answer has its secret, once."""
    data = HookInput(
        url=body.url, events=body.events, description=body.description, personal=body.personal, active=body.active
    )
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    hook = await deps.hooks.add(deps.new_record_id(), data, secret=secret, at=deps.clock.now(), by=principal.user.name)
    return versioned(HookWithSecret(hook=hook, secret=secret), hook.version, 201)


@router.get("/hooks/{hook_id}", response_model=Hook, dependencies=_READ)
async def read_hook(hook_id: PathId, deps: Deps) -> Response:
    """One web hook."""
    hook = await _find(deps, hook_id)
    return versioned(hook, hook.version)


@router.patch("/hooks/{hook_id}", response_model=Hook)
async def change_hook(
    hook_id: PathId, body: HookChange, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Change a web hook; switched off, it drops what waits for it."""
    for name in body.model_fields_set:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> Hook:
        known = await _find(deps, hook_id)
        data = HookInput(
            url=known.url if body.url is None else body.url,
            events=known.events if body.events is None else body.events,
            description=known.description if body.description is None else body.description,
            personal=known.personal if body.personal is None else body.personal,
            active=known.active if body.active is None else body.active,
        )
        version = known.version if expected is None else expected
        return await deps.hooks.change(
            hook_id, data, at=deps.clock.now(), by=principal.user.name, expected_version=version
        )

    hook = await changed(expected, attempt)
    return versioned(hook, hook.version)


@router.delete("/hooks/{hook_id}", status_code=204)
async def remove_hook(hook_id: PathId, principal: Writer, deps: Deps, if_match: IfMatch = None) -> Response:
    """Remove a web hook with its log."""
    await deps.hooks.remove(
        hook_id, at=deps.clock.now(), by=principal.user.name, expected_version=expected_version(if_match)
    )
    return no_content()


@router.post("/hooks/{hook_id}/secret", response_model=HookWithSecret)
async def renew_secret(hook_id: PathId, principal: Writer, deps: Deps, if_match: IfMatch = None) -> Response:
    """Sign with a new secret from now on; the answer has it, once."""
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    hook = await deps.hooks.renew_secret(
        hook_id, secret, at=deps.clock.now(), by=principal.user.name, expected_version=expected_version(if_match)
    )
    return versioned(HookWithSecret(hook=hook, secret=secret), hook.version)


@router.post("/hooks/{hook_id}/resume", response_model=Hook)
async def resume_hook(hook_id: PathId, principal: Writer, deps: Deps, if_match: IfMatch = None) -> Response:
    """Send to a paused hook again; what waited meanwhile goes at once."""
    hook = await deps.hooks.resume(
        hook_id, at=deps.clock.now(), by=principal.user.name, expected_version=expected_version(if_match)
    )
    return versioned(hook, hook.version)


@router.post("/hooks/{hook_id}/test", status_code=202, response_model=Delivery)
async def test_hook(hook_id: PathId, principal: Writer, deps: Deps) -> Response:
    """Send something without a fact, to see whether it arrives; it goes as every delivery goes, with its tries."""
    return document(await deps.hooks.send_test(hook_id, at=deps.clock.now(), by=principal.user.name), 202)


@router.get("/hooks/{hook_id}/deliveries", response_model=DeliveryList, dependencies=_READ)
async def list_deliveries(
    hook_id: PathId,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    state: DeliveryState | None = None,
) -> Response:
    """The log: what was sent, how often it was tried and how the last try went; the newest first."""
    items = await deps.hooks.deliveries(hook_id, limit=limit, before=before, state=state)
    return document(DeliveryList(items=items))


@router.post("/hooks/{hook_id}/deliveries/{delivery_id}/redelivery", status_code=202, response_model=Delivery)
async def redeliver(hook_id: PathId, delivery_id: PathId, principal: Writer, deps: Deps) -> Response:
    """Send one again, under the same id."""
    found = await deps.hooks.redeliver(hook_id, delivery_id, at=deps.clock.now(), by=principal.user.name)
    return document(found, 202)


async def _find(deps: WebDependencies, hook_id: str) -> Hook:
    hook = await deps.hooks.hook(hook_id)
    if hook is None:
        raise NotFound(f"there is no web hook {hook_id}", code="unknown_hook")
    return hook
