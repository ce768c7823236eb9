"""Asks systems outside who is calling, and lets them be told of calls that have ended.

Laws: nobody waits for them: the card of our own store is on the screen first, and what they know arrives as an update
or not at all; a call is told of through the web hooks' outbox, with its retries and its log.
"""

import asyncio
import re
import secrets as chance
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import quote

import msgspec
import structlog

from callcenter.app.floor import Touched
from callcenter.app.hooks import SECRET_BYTES, Hook, HookBook, HookInput, new_secret
from callcenter.app.ports import Clock
from callcenter.app.views import ExternalState, ExternalView
from callcenter.domain import events as ev
from callcenter.domain.connectors import ConnectorRule, ExternalField, SecretPlace
from callcenter.domain.errors import CallcenterError
from callcenter.domain.hooks import HookEvent
from callcenter.domain.ids import InteractionId
from callcenter.domain.labels import Label

log = structlog.get_logger(__name__)

LARGEST_ANSWER_BYTES: Final = 65_536
MOST_AT_ONCE: Final = 32
MOST_CACHED: Final = 2_000
LONGEST_TEXT: Final = 200
SYNC_EVERY: Final = timedelta(seconds=5)
HOOK_PREFIX: Final = "connector-"
BY: Final = "connectors"
OK: Final = 200
NOBODY_THERE: Final = (204, 404)
_LINK: Final = re.compile(r"https?://[^\s\"'<>]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an address answered."""

    status: int
    body: str


class ConnectorPort(Protocol):
    """Asks an address outside; never one inside the house that the settings do not allow."""

    async def get(self, url: str, headers: Mapping[str, str], limit: timedelta, max_bytes: int) -> Answer:
        """The answer; `CallcenterError` or `TimeoutError`."""
        ...


class SecretBook(Protocol):
    """Where secrets are read from, each time they are needed."""

    def secret(self, place: SecretPlace) -> str:
        """Its text; `CallcenterError` when it is not there or others may read it."""
        ...


class Connectors:
    """One task runs it; `watch` is told of what happens on the floor."""

    def __init__(
        self,
        *,
        rules: Callable[[], Sequence[ConnectorRule]],
        port: ConnectorPort,
        secrets: SecretBook,
        hooks: HookBook,
        clock: Clock,
    ) -> None:
        self.arrived: Callable[[InteractionId], None] | None = None
        """Whoever shows an interaction anew when more is known of its caller."""
        self._rules = rules
        self._port = port
        self._secrets = secrets
        self._hooks = hooks
        self._clock = clock
        self._cards: dict[InteractionId, dict[str, ExternalView]] = {}
        self._cache: OrderedDict[tuple[str, str], tuple[datetime, ExternalView]] = OrderedDict()
        self._asking: set[asyncio.Task[None]] = set()

    def cards(self, interaction_id: InteractionId) -> tuple[ExternalView, ...]:
        """What is known so far of this caller."""
        return tuple(self._cards.get(interaction_id, {}).values())

    def watch(self, touched: Touched) -> None:
        """Ask about who has just come; forget who has gone. Returns at once."""
        for event in touched.events:
            if isinstance(event, ev.InteractionArrived) and event.ani.e164 is not None:
                for rule in self._rules():
                    if rule.look_up:
                        self._start(rule, event.interaction_id, event.ani.e164)
            elif isinstance(event, ev.InteractionEnded):
                # After-call work still shows them; the last ones are dropped by their number.
                self._shorten()

    def forget_numbers(self) -> None:
        """Drop everything that was learnt: somebody was erased."""
        self._cache.clear()
        self._cards.clear()

    def headers_of(self, hook_id: str) -> Mapping[str, str]:
        """What goes with a call that is told of; empty for hooks that are no connector's."""
        wanted = hook_id.removeprefix(HOOK_PREFIX)
        rule = next((one for one in self._rules() if one.connector_id == wanted), None)
        return {} if rule is None or not hook_id.startswith(HOOK_PREFIX) else self._headers(rule)

    async def run(self) -> None:
        """Keep a hook for each connector that is told of calls, until cancelled; end what is being asked then."""
        try:
            while True:
                try:
                    await self.keep_hooks()
                except CallcenterError as error:
                    log.warning("connector_hooks_not_kept", code=error.code)
                await asyncio.sleep(SYNC_EVERY.total_seconds())
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    async def keep_hooks(self) -> None:
        """Make, change and switch off the hooks that are connectors'."""
        known = {hook.hook_id: hook for hook in await self._hooks.hooks() if hook.hook_id.startswith(HOOK_PREFIX)}
        wanted = {f"{HOOK_PREFIX}{rule.connector_id}": rule for rule in self._rules() if rule.log_calls}
        now = self._clock.now()
        for hook_id, rule in wanted.items():
            await self._keep_hook(hook_id, rule, known.get(hook_id), now)
        for hook_id, hook in known.items():
            if hook_id not in wanted and hook.active:
                await self._change(hook, _input(hook.url, active=False), now)

    async def _keep_hook(self, hook_id: str, rule: ConnectorRule, known: Hook | None, now: datetime) -> None:
        data = _input(rule.log_calls, active=True)
        if known is None:
            secret = new_secret(chance.token_bytes(SECRET_BYTES))
            await self._hooks.add(hook_id, data, secret=secret, at=now, by=BY)
        elif (known.url, known.active, known.personal) != (data.url, True, True):
            await self._change(known, data, now)

    async def _change(self, hook: Hook, data: HookInput, now: datetime) -> None:
        await self._hooks.change(hook.hook_id, data, at=now, by=BY, expected_version=hook.version)

    # ---- asking

    def _start(self, rule: ConnectorRule, interaction_id: InteractionId, number: str) -> None:
        cached = self._cache.get((rule.connector_id, number))
        if cached is not None and self._clock.now() - cached[0] < rule.cache:
            self._keep(interaction_id, rule, cached[1])
            return
        if len(self._asking) >= MOST_AT_ONCE:
            log.warning("connector_busy", connector_id=rule.connector_id)
            self._keep(interaction_id, rule, _empty(rule, ExternalState.UNREACHABLE))
            return
        self._keep(interaction_id, rule, _empty(rule, ExternalState.ASKING))
        task = asyncio.create_task(self._ask(rule, interaction_id, number), name=f"connector {rule.connector_id}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, rule: ConnectorRule, interaction_id: InteractionId, number: str) -> None:
        """One question within its limit; what goes wrong costs the answer and nothing else."""
        card = await self._answer(rule, number)
        if card is None:
            self._keep(interaction_id, rule, _empty(rule, ExternalState.UNREACHABLE))
            return
        self._cache[(rule.connector_id, number)] = (self._clock.now(), card)
        while len(self._cache) > MOST_CACHED:
            self._cache.popitem(last=False)
        self._keep(interaction_id, rule, card)

    async def _answer(self, rule: ConnectorRule, number: str) -> ExternalView | None:
        """What it says, also that it knows nobody; None when it did not say."""
        try:
            async with asyncio.timeout(rule.timeout.total_seconds()):
                answer = await self._port.get(
                    address_of(rule, number), self._headers(rule), rule.timeout, LARGEST_ANSWER_BYTES
                )
            return read_card(rule, answer)
        except TimeoutError:
            log.warning("connector_too_slow", connector_id=rule.connector_id)
        except CallcenterError as error:
            log.warning("connector_failed", connector_id=rule.connector_id, code=error.code)
        except Exception:
            log.exception("connector_defect", connector_id=rule.connector_id)
        return None

    def _keep(self, interaction_id: InteractionId, rule: ConnectorRule, card: ExternalView) -> None:
        self._cards.setdefault(interaction_id, {})[rule.connector_id] = card
        self._shorten()
        if self.arrived is not None:
            self.arrived(interaction_id)

    def _shorten(self) -> None:
        while len(self._cards) > MOST_CACHED:
            del self._cards[next(iter(self._cards))]

    def _headers(self, rule: ConnectorRule) -> Mapping[str, str]:
        kept = {name: self._secrets.secret(place) for name, place in rule.secrets.items()}
        return {"Accept": "application/json", **rule.headers, **kept}


def address_of(rule: ConnectorRule, number: str) -> str:
    """The address that is asked, with the number in it as an address writes it."""
    return rule.look_up.replace("{number}", quote(number, safe="")).replace("{digits}", number.lstrip("+"))


def read_card(rule: ConnectorRule, answer: Answer) -> ExternalView | None:
    """What of the answer is shown; None where it is none."""
    if answer.status in NOBODY_THERE:
        return _empty(rule, ExternalState.NOBODY)
    if answer.status != OK:
        log.warning("connector_refused", connector_id=rule.connector_id, status=answer.status)
        return None
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.warning("connector_unreadable", connector_id=rule.connector_id)
        return None
    found = {field: _at(document, path) for field, path in rule.found.items()}
    name = found.get(ExternalField.NAME, "")
    if not name:
        return _empty(rule, ExternalState.NOBODY)
    link = found.get(ExternalField.LINK, "")
    return ExternalView(
        connector_id=rule.connector_id,
        label=_label(rule),
        name=name,
        customer_class=found.get(ExternalField.CLASS, ""),
        external_id=found.get(ExternalField.ID, ""),
        link=link if _LINK.fullmatch(link) else "",
    )


def _empty(rule: ConnectorRule, state: ExternalState) -> ExternalView:
    return ExternalView(connector_id=rule.connector_id, label=_label(rule), state=state)


def _label(rule: ConnectorRule) -> Label:
    return Label(zh=rule.label_zh or rule.connector_id, en=rule.label_en or rule.connector_id)


def _at(document: object, path: str) -> str:
    """The text at a path such as `data.0.name`; empty where there is none."""
    value = document
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return "".join(sign for sign in str(value) if sign.isprintable())[:LONGEST_TEXT]


def _input(url: str, *, active: bool) -> HookInput:
    return HookInput(
        url=url,
        events=(HookEvent.INTERACTION_ENDED,),
        description="a connector of the business's file; change it there",
        personal=True,
        active=active,
    )
