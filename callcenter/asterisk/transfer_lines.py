"""Sending callers on, and consultations: orders to the exchange, and what its events say of them.

Laws: what is written on a channel means nothing until the one order that moves it, so a server that dies between the
two has changed nothing; once moved, the channels come to an end that loses nobody without any server.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote

import structlog

from callcenter.app.call_state import CallState
from callcenter.app.floor_messages import Message
from callcenter.app.ports import Clock
from callcenter.app.transfer_port import ConsultationState, ConsultCall, ConsultReports, FoundConsultation
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiMessage, AmiResponse, variable_field
from callcenter.asterisk.channel_list import STATE_UP
from callcenter.asterisk.errors import AmiActionFailed, AmiError, AmiFieldError
from callcenter.asterisk.orders import (
    ACTION_TIMEOUT,
    OutsideLine,
    caller_id_of,
    dial_number,
    dial_string,
    milliseconds,
)
from callcenter.asterisk.translate import Translator
from callcenter.domain import events as ev
from callcenter.domain.agents import Phone
from callcenter.domain.direct import USUAL_RING
from callcenter.domain.errors import Conflict, Overloaded
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.transfers import ConsultationEnd, TargetKind, TransferTarget

log = structlog.get_logger(__name__)

SENT_CONTEXT: Final = "cc-sent"
HELD_CONTEXT: Final = "cc-held"
ASKING_CONTEXT: Final = "cc-asking"
ASKED_CONTEXT: Final = "cc-asked"
ROLE: Final = "asked"
AGENT_ROLE: Final = "agent"
NEXT_VARIABLE: Final = "CC_NEXT"
REMEMBERED_HANDED: Final = 1_000


@dataclass(slots=True)
class _Line:
    call: ConsultCall
    answered: bool = False
    took: bool = False
    state: ConsultationState = ConsultationState.RINGING
    told_at: datetime | None = None
    """When an event told of `state`: a list that was asked for before knows it no better."""
    missing: bool = False
    """The last list of channels did not have it."""


class TransferLines:
    """The port `SendLine`; `reports` hear what becomes of consultations."""

    def __init__(self, client: AmiClient, outside: OutsideLine, translator: Translator, clock: Clock) -> None:
        self.reports: ConsultReports | None = None
        """To be set before anybody is asked."""
        self._client = client
        self._outside = outside
        self._translator = translator
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._handed: OrderedDict[str, None] = OrderedDict()
        """Who has the caller now: channels that are nobody's consultation any more, whatever an older list says."""

    # ---- orders

    async def send(self, caller_leg_id: str, state: CallState) -> None:
        """Take the caller out of his talk, with the state of what comes next."""
        await self._set(caller_leg_id, NEXT_VARIABLE, state.encode())
        await self._redirect(caller_leg_id, SENT_CONTEXT, "s")

    async def ask(self, call: ConsultCall, phone: Phone | None, shown: str, state: CallState) -> None:
        """Hold the caller, let the agent wait, and only then call whoever is asked."""
        device = (
            dial_number("who is asked", call.target.target, self._outside)
            if call.asked_id is None or phone is None
            else dial_string(call.asked_id, phone, self._outside)
        )
        fields = {
            "Channel": device,
            "ChannelId": call.consultation_id,
            "Context": ASKED_CONTEXT,
            "Exten": "s",
            "Priority": "1",
            "Timeout": milliseconds(USUAL_RING),
            "Async": "true",
            "CallerID": caller_id_of(call.agent_id, shown),
            "Variable": _variables(call),
        }
        await self._set(call.caller_id, NEXT_VARIABLE, state.encode())
        await self._set(call.caller_id, "CC_HOLD_FOR", call.consultation_id)
        await self._set(call.offer_id, "CC_ASKED", call.consultation_id)
        await self._set(call.offer_id, "CC_CALLER", call.caller_id)
        await self._redirect(call.caller_id, HELD_CONTEXT, "s", (call.offer_id, ASKING_CONTEXT, "s"))
        self._lines[call.consultation_id] = _Line(call)
        try:
            answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT, action_id=call.consultation_id)
        except AmiFieldError as error:
            # The agent's channel sees that nobody comes, and goes back to the caller.
            log.warning("nobody_asked", error=str(error))
            self._gone(call.consultation_id, ConsultationEnd.NOT_REACHED)
            return
        answer.add_done_callback(lambda done: self._ordered(call.consultation_id, done))

    async def to_caller(self, call: ConsultCall) -> None:
        """The agent talks with his caller."""
        await self._redirect(call.consultation_id, ASKED_CONTEXT, "held", (call.offer_id, ASKING_CONTEXT, "caller"))

    async def to_consulted(self, call: ConsultCall, now: ConsultationState) -> None:
        """The agent talks with whom he asks, who waits for him."""
        if now is ConsultationState.TOGETHER:
            await self._redirect(call.consultation_id, ASKED_CONTEXT, "held")
        await self._redirect(call.caller_id, HELD_CONTEXT, "again", (call.offer_id, ASKING_CONTEXT, "consulted"))

    async def together(self, call: ConsultCall, now: ConsultationState) -> None:
        """The agent talks with his caller, and who is asked speaks with both."""
        agent = (call.offer_id, ASKING_CONTEXT, "caller") if now is ConsultationState.CONSULTED else None
        await self._redirect(call.consultation_id, ASKED_CONTEXT, "join", agent)

    async def take_back(self, call: ConsultCall, now: ConsultationState) -> None:
        """The agent goes back to his caller, or stays with him; who was asked is hung up."""
        if now in (ConsultationState.CALLER, ConsultationState.TOGETHER):
            await self._set(call.caller_id, "SHARED(CC_HOLDS)", "")
            await self._set(call.offer_id, "CC_ASKED", "")
        else:
            await self._redirect(call.offer_id, ASKING_CONTEXT, "back")
        self._hang_up(call.consultation_id)

    async def leave(self, call: ConsultCall) -> None:
        """Hang up the agent: by the dialplan, who was asked takes the caller."""
        await self._order("Hangup", {"Channel": call.offer_id, "Cause": "16"})

    def end(self, call: ConsultCall) -> None:
        """Hang up who was asked, and the agent."""
        self._hang_up(call.consultation_id)
        self._hang_up(call.offer_id)

    async def _set(self, channel: str, variable: str, value: str) -> None:
        await self._order("Setvar", {"Channel": channel, "Variable": variable, "Value": value})

    async def _redirect(
        self, channel: str, context: str, extension: str, other: tuple[str, str, str] | None = None
    ) -> None:
        fields = {"Channel": channel, "Context": context, "Exten": extension, "Priority": "1"}
        if other is not None:
            fields |= {
                "ExtraChannel": other[0],
                "ExtraContext": other[1],
                "ExtraExten": other[2],
                "ExtraPriority": "1",
            }
        await self._order("Redirect", fields)

    async def _order(self, action: str, fields: dict[str, str]) -> None:
        """One order, done or refused in plain words."""
        try:
            await self._client.action(action, fields, ACTION_TIMEOUT)
        except AmiActionFailed as error:
            log.info("transfer_refused", action=action, error=str(error))
            raise Conflict("one of those in the talk has just hung up", code="not_in_talk") from error
        except AmiError as error:
            log.warning("transfer_failed", action=action, error=str(error))
            raise Overloaded(
                "the exchange is out of reach; the talk goes on, try again in a moment", code="exchange_away"
            ) from error

    def _hang_up(self, channel: str) -> None:
        answer = self._client.send_nowait("Hangup", {"Channel": channel, "Cause": "16"}, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _ordered(self, consultation_id: OfferId, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, AmiActionFailed):
            log.warning("asking_refused", error=str(error))
            self._gone(consultation_id, ConsultationEnd.NOT_REACHED)
        # After a lost connection the outcome is unknown: the next list of channels tells.

    # ---- events

    def hear(self, event: AmiMessage) -> list[Message]:
        """What one event says of consultations; the messages are to be told before what else it leads to."""
        name = event.get("Event", "")
        if name == "OriginateResponse":
            line = self._lines.get(event.action_id)
            if line is not None and event.get("Response") == "Failure" and not line.answered:
                self._gone(line.call.consultation_id, ConsultationEnd.NOT_REACHED)
            return []
        if name == "UserEvent" and event.get("UserEvent") == "CcTook":
            self._took(event.get("Taker", ""))
            return []
        if name == "UserEvent" and event.get("UserEvent") == "CcAsking":
            self._became(event)
            return []
        line = self._lines.get(event.get("Uniqueid", ""))
        if line is None:
            return []
        if name == "Newstate" and event.get("ChannelState") == STATE_UP:
            line.answered = True
        if name == "BridgeEnter" and event.variables().get("CC_ROLE") == AGENT_ROLE:
            return self._became_agents(line, event)
        if name == "Hangup":
            self._gone(line.call.consultation_id, _end_of(line))
        return []

    def _became(self, event: AmiMessage) -> None:
        channel = event.get("Uniqueid", "")
        line = self._lines.get(channel) or next(
            (one for one in self._lines.values() if one.call.offer_id == channel), None
        )
        if line is not None and self.reports is not None:
            line.answered = True
            line.state, line.told_at = _state(event.get("Mode", "")), self._clock.now()
            self.reports.became(line.call.consultation_id, line.state)

    def _took(self, consultation_id: str) -> None:
        line = self._lines.get(consultation_id)
        if line is not None and not line.took:
            line.took = True
            if self.reports is not None:
                self.reports.took(line.call.consultation_id)

    def _became_agents(self, line: _Line, event: AmiMessage) -> list[Message]:
        call = line.call
        self._took(call.consultation_id)
        del self._lines[call.consultation_id]
        self._handed[call.consultation_id] = None
        if len(self._handed) > REMEMBERED_HANDED:
            self._handed.popitem(last=False)
        if call.asked_id is None:
            return []
        self._translator.adopt(call.consultation_id, call.interaction_id, call.asked_id)
        return [
            ev.LegStarted(
                interaction_id=call.interaction_id,
                at=self._clock.now(),
                leg_id=call.consultation_id,
                channel=event.get("Channel", ""),
                agent_id=call.asked_id,
            )
        ]

    def _gone(self, consultation_id: OfferId, end: ConsultationEnd) -> None:
        if self._lines.pop(consultation_id, None) is not None and self.reports is not None:
            self.reports.gone(consultation_id, end)

    # ---- the list of channels

    async def find(self, channels: Iterable[AmiMessage], taken_at: datetime) -> None:
        """Tell which consultations there are in the answer to `Status`, which was asked for at `taken_at`."""
        listed = list(channels)
        modes = {channel.get("Uniqueid", ""): _values(channel).get("CC_MODE", "") for channel in listed}
        found = [one for channel in listed if (one := _found(channel, modes)) is not None]
        found = [one for one in found if one.call.consultation_id not in self._handed]
        for one in found:
            known = self._lines.setdefault(one.call.consultation_id, _Line(one.call))
            known.answered = known.answered or one.state is not ConsultationState.RINGING
        for consultation_id, line in list(self._lines.items()):
            # A list may be older than a channel, two lists after each other are not.
            was_missing, line.missing = line.missing, consultation_id not in modes
            if line.missing and was_missing:
                self._gone(line.call.consultation_id, ConsultationEnd.LOST)
        if self.reports is not None:
            alive = [(one, self._lines.get(one.call.consultation_id)) for one in found]
            await self.reports.found(
                [_as_told(one, known, taken_at) for one, known in alive if known is not None and not known.took]
            )


def _as_told(one: FoundConsultation, line: _Line, taken_at: datetime) -> FoundConsultation:
    is_newer = line.told_at is not None and line.told_at > taken_at
    return replace(one, state=line.state) if is_newer else one


def _found(channel: AmiMessage, modes: dict[str, str]) -> FoundConsultation | None:
    values = _values(channel)
    leg_id = channel.get("Uniqueid", "")
    wanted = ("CC_ID", "CC_CALLER", "CC_ASKER", "CC_BY", "CC_TARGET")
    if not leg_id or values.get("CC_ROLE") != ROLE or any(name not in values for name in wanted):
        return None
    kind, _, target = unquote(values["CC_TARGET"]).partition(":")
    call = ConsultCall(
        consultation_id=OfferId(leg_id),
        interaction_id=InteractionId(values["CC_ID"]),
        agent_id=AgentId(unquote(values["CC_BY"])),
        offer_id=OfferId(values["CC_ASKER"]),
        caller_id=values["CC_CALLER"],
        target=TransferTarget(kind=TargetKind(kind), target=target),
        asked_id=AgentId(values["CC_AGENT"]) if "CC_AGENT" in values else None,
    )
    if channel.get("ChannelState") != STATE_UP:
        return FoundConsultation(call=call, state=ConsultationState.RINGING)
    own = modes.get(leg_id, "")
    mode = own if own == ConsultationState.TOGETHER else modes.get(call.offer_id) or own
    return FoundConsultation(call=call, state=_state(mode))


def _values(channel: AmiMessage) -> dict[str, str]:
    return {name: value for name, value in channel.variables("Variable").items() if value not in ("", "(null)")}


def _variables(call: ConsultCall) -> tuple[str, ...]:
    carried = {
        "CC_ROLE": ROLE,
        "CC_ID": call.interaction_id,
        "CC_CALLER": call.caller_id,
        "CC_ASKER": call.offer_id,
        "CC_BY": quote(call.agent_id, safe=""),
        "CC_AGENT": call.asked_id or "",
        "CC_TARGET": quote(f"{call.target.kind}:{call.target.target}", safe=""),
    }
    return tuple(variable_field(name, value) for name, value in carried.items() if value)


def _state(mode: str) -> ConsultationState:
    try:
        return ConsultationState(mode)
    except ValueError:
        return ConsultationState.CONSULTED


def _end_of(line: _Line) -> ConsultationEnd:
    if line.took:
        return ConsultationEnd.COMPLETED
    return ConsultationEnd.CONSULTED_LEFT if line.answered else ConsultationEnd.NOT_REACHED
