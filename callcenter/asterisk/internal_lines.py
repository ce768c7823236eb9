"""Internal calls on the exchange: the caller's phone is called into our own context, which dials the other's.

Law: the dialplan rings, joins and ends the two; a server that dies changes nothing of it. The call is one channel's,
which dials the other phone: the caller's, and after the page with his phone was loaded anew, the other's.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

import structlog

from callcenter.app.internal_port import FoundInternalCall, InternalCall, InternalReports, Shown
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiMessage, AmiResponse, variable_field
from callcenter.asterisk.channel_list import STATE_UP
from callcenter.asterisk.errors import AmiActionFailed, AmiError, AmiFieldError
from callcenter.asterisk.orders import (
    ACTION_TIMEOUT,
    CAUSE_NORMAL,
    OutsideLine,
    caller_id_of,
    dial_string,
    milliseconds,
)
from callcenter.domain.agents import Phone
from callcenter.domain.direct import USUAL_RING
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, InternalCallId
from callcenter.domain.internal_calls import InternalCallEnd, InternalCallState

log = structlog.get_logger(__name__)

CONTEXT: Final = "cc-internal"
ROLE: Final = "internal"
LONGEST_NAME: Final = 60
BACK_RINGS: Final = timedelta(seconds=15)
"""So long a page that was loaded anew has to answer by itself."""
#: Q.850 causes with which a phone that was free declines.
_DECLINED: Final = frozenset({"17", "21", "26"})
_UNANSWERED: Final = frozenset({"18", "19"})


@dataclass(slots=True)
class _Line:
    call: InternalCall
    leg_id: str
    """The channel whose call it is; at first it has the call's own id."""
    carrier: AgentId
    """Whose phone that channel is."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One order at a time: the page that goes and the one that comes may cross."""
    exists: bool = False
    rings: bool = False
    """The other's phone is being rung."""
    end: InternalCallEnd | None = None
    """What the dialplan said of the other's phone."""
    state: InternalCallState = InternalCallState.RINGING_CALLER
    told_at: datetime | None = None
    """When an event told of `state`: a list that was asked for before knows it no better."""
    missing: bool = False
    """The last list of channels did not have it."""


class InternalLines:
    """The port `InternalLine`; `reports` hear what becomes of calls."""

    def __init__(self, client: AmiClient, outside: OutsideLine) -> None:
        self.reports: InternalReports | None = None
        """To be set before anybody calls."""
        self._client = client
        self._outside = outside
        self._lines: dict[InternalCallId, _Line] = {}
        self._legs: dict[str, _Line] = {}
        """By the channels whose calls they are."""

    # ---- orders

    def call(self, call: InternalCall, caller: Phone, called: Phone, shown: Shown) -> None:
        """Originate the caller's phone into the context that dials the other's; raises `InvalidValue`."""
        carried = {
            "CC_ROLE": ROLE,
            "CC_BY": quote(call.caller_id, safe=""),
            "CC_BY_NAME": quote(shown.caller_name[:LONGEST_NAME], safe=""),
            "CC_TARGET": quote(call.called_id, safe=""),
            "CC_DIAL": dial_string(call.called_id, called, self._outside),
            "CC_RING": str(int(USUAL_RING.total_seconds())),
            "CC_ENTERED": str(int(call.began_at.timestamp())),
        }
        try:
            fields = {
                "Channel": dial_string(call.caller_id, caller, self._outside),
                "ChannelId": call.call_id,
                "Context": CONTEXT,
                "Exten": "s",
                "Priority": "1",
                "Timeout": milliseconds(USUAL_RING),
                "Async": "true",
                "CallerID": caller_id_of(call.called_id, shown.called_name),
                "Variable": tuple(variable_field(name, value) for name, value in carried.items()),
            }
            answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT, action_id=call.call_id)
        except AmiFieldError as error:
            raise InvalidValue(str(error), code="invalid_phone_address") from error
        self._keep(_Line(call, call.call_id, call.caller_id))
        answer.add_done_callback(lambda done: self._ordered(call.call_id, done))

    def hang_up(self, call_id: InternalCallId) -> None:
        """Hang up the channel whose call it is; the dialplan lets the other go with it."""
        line = self._lines.get(call_id)
        fields = {"Channel": call_id if line is None else line.leg_id, "Cause": CAUSE_NORMAL}
        answer = self._client.send_nowait("Hangup", fields, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def part(self, call_id: InternalCallId, lost: AgentId) -> None:
        """Let whoever is left hear music; the lost phone's channel ends with that."""
        await self._send_left(call_id, lost, "wait", {})

    async def join(self, call_id: InternalCallId, lost: AgentId, phone: Phone, other_name: str) -> None:
        """Let whoever is left dial the phone that is back."""
        carried = {
            "CC_DIAL": dial_string(lost, phone, self._outside),
            "CC_RING": str(int(BACK_RINGS.total_seconds())),
            "CC_BY_NAME": quote(other_name[:LONGEST_NAME], safe=""),
        }
        await self._send_left(call_id, lost, "back", carried)

    async def _send_left(self, call_id: InternalCallId, lost: AgentId, where: str, carried: dict[str, str]) -> None:
        line = self._lines.get(call_id)
        if line is None:
            raise Conflict("the internal call is over", code="no_internal_call")
        async with line.turn:
            try:
                if line.carrier == lost:
                    await self._hand_over(line)
                await self._carry(line.leg_id, carried)
                place = {"Channel": line.leg_id, "Context": CONTEXT, "Exten": where, "Priority": "1"}
                await self._client.action("Redirect", place, ACTION_TIMEOUT)
            except AmiActionFailed as error:
                raise Conflict("your colleague has hung up meanwhile", code="no_internal_call") from error
            except AmiError as error:
                raise Conflict(f"the exchange did not do it: {error}; try again", code="not_done") from error

    async def _hand_over(self, line: _Line) -> None:
        """From here on the call is the other channel's, which says of itself all that this one did."""
        call = line.call
        peer = await self._client.action("Getvar", {"Channel": line.leg_id, "Variable": "BRIDGEPEER"}, ACTION_TIMEOUT)
        channel = {"Channel": peer.get("Value", "")}
        leg_id = (await self._client.action("Getvar", channel | {"Variable": "UNIQUEID"}, ACTION_TIMEOUT)).get(
            "Value", ""
        )
        lost = line.carrier
        other = call.called_id if lost == call.caller_id else call.caller_id
        carried = {
            "CC_ROLE": ROLE,
            "CC_INTERNAL": call.call_id,
            "CC_BY": quote(other, safe=""),
            "CC_TARGET": quote(lost, safe=""),
            "CC_ENTERED": str(int(call.began_at.timestamp())),
        }
        await self._carry(leg_id, carried)
        if self._legs.pop(line.leg_id, None) is None:
            raise Conflict("the internal call is over", code="no_internal_call")
        line.leg_id, line.carrier, line.missing = leg_id, other, False
        self._legs[leg_id] = line

    async def _carry(self, leg_id: str, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            setting = {"Channel": leg_id, "Variable": name, "Value": value}
            await self._client.action("Setvar", setting, ACTION_TIMEOUT)

    def _keep(self, line: _Line) -> None:
        self._lines[line.call.call_id] = self._legs[line.leg_id] = line

    def _ordered(self, call_id: InternalCallId, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, AmiActionFailed):
            log.warning("internal_call_refused", call_id=call_id, error=str(error))
            self._gone(call_id, InternalCallEnd.OWN_PHONE)
        # After a lost connection the outcome is unknown: the next list of channels tells.

    # ---- events

    def hear(self, event: AmiMessage, now: datetime) -> None:
        """What one event says of internal calls."""
        name = event.get("Event", "")
        if name == "OriginateResponse":
            line = self._legs.get(event.action_id)
            # Why a channel failed stands in its hang-up, which follows; one that never was has nothing else.
            if line is not None and event.get("Response") == "Failure" and not line.exists:
                self._gone(line.call.call_id, InternalCallEnd.OWN_PHONE)
            return
        line = self._legs.get(event.get("Uniqueid", ""))
        if line is None:
            return
        line.exists = True
        match name:
            case "UserEvent" if event.get("UserEvent") == "CcInternal":
                self._said(line, event, now)
            case "BridgeEnter":
                self._became(line, InternalCallState.TALKING, now)
            case "Hangup":
                own = InternalCallEnd.CALLED_OFF if line.rings else InternalCallEnd.OWN_PHONE
                self._gone(line.call.call_id, line.end or own)

    def _said(self, line: _Line, event: AmiMessage, now: datetime) -> None:
        if event.get("Mode") == "ringing":
            line.rings = True
            self._became(line, InternalCallState.RINGING, now)
        elif event.get("Mode") == "over":
            line.end = _end_of(event.get("Dialled", ""), event.get("Why", ""))

    def _became(self, line: _Line, state: InternalCallState, now: datetime) -> None:
        line.state, line.told_at = state, now
        if self.reports is not None:
            self.reports.became(line.call.call_id, state)

    def _gone(self, call_id: InternalCallId, end: InternalCallEnd) -> None:
        line = self._lines.pop(call_id, None)
        if line is None:
            return
        self._legs.pop(line.leg_id, None)
        if self.reports is not None:
            self.reports.gone(call_id, end)

    # ---- the list of channels

    async def find(self, channels: Iterable[AmiMessage], taken_at: datetime) -> None:
        """Tell which internal calls there are in the answer to `Status`, which was asked for at `taken_at`."""
        found: list[FoundInternalCall] = []
        for channel in channels:
            one = internal_call_in(channel)
            if one is None:
                continue
            found.append(one)
            known = self._lines.get(one.call.call_id)
            if known is None:
                known = _Line(one.call, channel.get("Uniqueid", ""), one.call.caller_id)
                self._keep(known)
            known.exists = True
            known.rings = known.rings or one.state is not InternalCallState.RINGING_CALLER
            if known.told_at is not None and known.told_at > taken_at:
                found[-1] = replace(one, state=known.state)
        alive = {one.call.call_id for one in found}
        for call_id, line in list(self._lines.items()):
            # A list may be older than a channel, two lists after each other are not.
            was_missing, line.missing = line.missing, call_id not in alive
            if line.missing and was_missing:
                self._gone(line.call.call_id, InternalCallEnd.LOST)
        if self.reports is not None:
            await self.reports.found(found)


def internal_call_in(channel: AmiMessage) -> FoundInternalCall | None:
    """The internal call whose caller's channel this is, as the action Status tells it; None where it is none."""
    values = {name: value for name, value in channel.variables("Variable").items() if value not in ("", "(null)")}
    leg_id = channel.get("Uniqueid", "")
    if not leg_id or values.get("CC_ROLE") != ROLE or "CC_BY" not in values or "CC_TARGET" not in values:
        return None
    call = InternalCall(
        call_id=InternalCallId(values.get("CC_INTERNAL", leg_id)),
        caller_id=AgentId(unquote(values["CC_BY"])),
        called_id=AgentId(unquote(values["CC_TARGET"])),
        began_at=_moment(values.get("CC_ENTERED", "")),
    )
    if channel.get("ChannelState") != STATE_UP:
        return FoundInternalCall(call=call, state=InternalCallState.RINGING_CALLER)
    talks = bool(channel.get("BridgeID"))
    return FoundInternalCall(call=call, state=InternalCallState.TALKING if talks else InternalCallState.RINGING)


def _end_of(status: str, cause: str) -> InternalCallEnd | None:
    """What Dial() said of the other's phone; None of a talk, whose end is told by the channel's."""
    if status in ("ANSWER", "CANCEL", ""):
        return None
    if status == "BUSY" or cause in _DECLINED:
        return InternalCallEnd.REJECTED
    if cause in _UNANSWERED or status == "NOANSWER":
        return InternalCallEnd.NO_ANSWER
    return InternalCallEnd.UNREACHABLE


def _moment(epoch_seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
