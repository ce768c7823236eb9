"""Supervisors' channels: called into our own context, sent from mode to mode there, and watched.

Law: a supervisor hears the one channel his own carries as CC_SPIED; should the exchange ever begin with another, his
channel is hung up at once.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

import structlog

from callcenter.app.floor_messages import Message
from callcenter.app.monitor_port import FoundMonitor, MonitorCall, MonitorReports
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiMessage, AmiResponse, variable_field
from callcenter.asterisk.channel_list import STATE_UP
from callcenter.asterisk.errors import AmiActionFailed, AmiFieldError
from callcenter.asterisk.orders import ACTION_TIMEOUT, OutsideLine, caller_id_of, dial_string
from callcenter.asterisk.translate import Translator
from callcenter.domain import events as ev
from callcenter.domain.agents import Phone
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, MonitoringId, OfferId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode

log = structlog.get_logger(__name__)

CONTEXT: Final = "cc-monitor"
TONE_CONTEXT: Final = "cc-monitor-tone"
ROLE: Final = "monitor"
RING_TIMEOUT: Final = timedelta(seconds=30)
LONGEST_NAME: Final = 60
#: Q.850 causes with which a supervisor's phone declines; with any other it cannot be reached.
_DECLINED: Final = frozenset({17, 21, 26})
_NOT_ANSWERED: Final = frozenset({18, 19})


@dataclass(slots=True)
class _Line:
    call: MonitorCall
    mode: MonitorMode
    exists: bool = False
    hears: bool = False
    hung_up_by_itself: bool = False
    stopped: bool = False
    missing: bool = False
    """The last list of channels did not have it."""


class MonitorLines:
    """The port `MonitorLine`; `reports` hear what becomes of it."""

    def __init__(self, client: AmiClient, outside: OutsideLine, translator: Translator) -> None:
        self.reports: MonitorReports | None = None
        """To be set before anybody listens."""
        self._client = client
        self._outside = outside
        self._translator = translator
        self._lines: dict[str, _Line] = {}

    # ---- orders

    def call(self, call: MonitorCall, mode: MonitorMode, phone: Phone, shown_name: str) -> None:
        """Originate the supervisor's phone into the context of the listeners; raises `InvalidValue`."""
        device = dial_string(call.own_agent_id or AgentId(call.by), phone, self._outside)
        fields = {
            "Channel": device,
            "ChannelId": call.monitoring_id,
            "Context": CONTEXT,
            "Exten": "s",
            "Priority": "1",
            "Timeout": str(RING_TIMEOUT // timedelta(milliseconds=1)),
            "Async": "true",
            "CallerID": caller_id_of(call.agent_id, shown_name),
            "Variable": _variables(call, mode),
        }
        self._lines[call.monitoring_id] = _Line(call, mode)
        try:
            answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT, action_id=call.monitoring_id)
        except AmiFieldError as error:
            del self._lines[call.monitoring_id]
            raise InvalidValue(str(error), code="invalid_phone_address") from error
        answer.add_done_callback(lambda done: self._ordered(call.monitoring_id, done))

    def change(self, call: MonitorCall, mode: MonitorMode) -> None:
        """Send his channel to the other mode's extension."""
        self._redirect(call, mode.value)

    def take_over(self, call: MonitorCall) -> None:
        """Send his channel to the caller."""
        self._redirect(call, "take")

    def stop(self, call: MonitorCall) -> None:
        """Hang his channel up."""
        line = self._lines.get(call.monitoring_id)
        if line is not None:
            line.stopped = True
        answer = self._client.send_nowait("Hangup", {"Channel": call.monitoring_id, "Cause": "16"}, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def sound_tone(self, call: MonitorCall) -> None:
        """Let a Local channel speak a tone into the talk."""
        fields = {
            "Channel": f"Local/tone@{TONE_CONTEXT}/n",
            "Context": TONE_CONTEXT,
            "Exten": "speak",
            "Priority": "1",
            "Timeout": "5000",
            "Async": "true",
            "Variable": (variable_field("CC_SPIED", call.offer_id),),
        }
        answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: self._toned(call, done))

    def _toned(self, call: MonitorCall, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            log.warning("monitoring_tone_failed", monitoring_id=call.monitoring_id, error=str(error))

    def _redirect(self, call: MonitorCall, extension: str) -> None:
        fields = {"Channel": call.monitoring_id, "Context": CONTEXT, "Exten": extension, "Priority": "1"}
        answer = self._client.send_nowait("Redirect", fields, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _ordered(self, monitoring_id: MonitoringId, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, AmiActionFailed):
            log.warning("monitor_refused", monitoring_id=monitoring_id, error=str(error))
            self._gone(monitoring_id, MonitorEnd.UNREACHABLE)
        # After a lost connection the outcome is unknown: the next list of channels tells.

    # ---- events

    def hear(self, event: AmiMessage, now: datetime) -> list[Message]:
        """What one event says of supervisors' channels; the messages are to be told before what else it leads to."""
        name = event.get("Event", "")
        if name == "ChanSpyStart":
            self._spying(event)
            return []
        if name == "OriginateResponse":
            ordered = self._lines.get(event.action_id)
            # Why a channel failed stands in its hang-up, which follows; one that never was has nothing else.
            if event.get("Response") == "Failure" and ordered is not None and not ordered.exists:
                self._gone(MonitoringId(event.action_id), MonitorEnd.UNREACHABLE)
            return []
        line = self._lines.get(event.get("Uniqueid", ""))
        if line is None:
            return []
        line.exists = True
        match name:
            case "UserEvent" if event.get("UserEvent") == "CcMonitor":
                line.mode = _mode(event.get("Mode", ""))
            case "HangupRequest":
                line.hung_up_by_itself = True
            case "Hangup":
                self._gone(line.call.monitoring_id, _end_of(line, event))
            case "BridgeEnter" if not event.get("Channel", "").startswith("Surrogate/"):
                return self._became_agents(line, event, now)
        return []

    def _spying(self, event: AmiMessage) -> None:
        line = self._lines.get(event.get("SpyerUniqueid", ""))
        if line is None:
            return
        if event.get("SpyeeUniqueid") != line.call.offer_id:
            log.error("monitor_on_wrong_talk", monitoring_id=line.call.monitoring_id)
            self.stop(line.call)
            return
        line.hears = True
        if self.reports is not None:
            self.reports.heard(line.call.monitoring_id, line.mode)

    def _became_agents(self, line: _Line, event: AmiMessage, now: datetime) -> list[Message]:
        call = line.call
        if call.own_agent_id is None:
            return []
        self._translator.adopt(OfferId(call.monitoring_id), call.interaction_id, call.own_agent_id)
        del self._lines[call.monitoring_id]
        if self.reports is not None:
            self.reports.took_over(call.monitoring_id)
        return [
            ev.LegStarted(
                interaction_id=call.interaction_id,
                at=now,
                leg_id=call.monitoring_id,
                channel=event.get("Channel", ""),
                agent_id=call.own_agent_id,
            )
        ]

    def _gone(self, monitoring_id: MonitoringId, end: MonitorEnd) -> None:
        if self._lines.pop(monitoring_id, None) is not None and self.reports is not None:
            self.reports.gone(monitoring_id, end)

    # ---- the list of channels

    async def find(self, channels: Iterable[AmiMessage], taken_at: datetime) -> None:
        """Tell which supervisors' channels there are in the answer to `Status`."""
        found = [monitor for channel in channels if (monitor := monitor_of(channel)) is not None]
        for monitor in found:
            self._lines.setdefault(monitor.call.monitoring_id, _Line(monitor.call, monitor.mode, hears=monitor.up))
        alive = {monitor.call.monitoring_id for monitor in found}
        for monitoring_id, line in list(self._lines.items()):
            # A list may be older than a channel, two lists after each other are not.
            was_missing, line.missing = line.missing, monitoring_id not in alive
            if line.missing and was_missing:
                self._gone(line.call.monitoring_id, MonitorEnd.LOST)
        if self.reports is not None:
            await self.reports.found(found, taken_at)


def monitor_of(channel: AmiMessage) -> FoundMonitor | None:
    """The supervisor's channel as the action Status tells it; None where it is none."""
    values = {name: value for name, value in channel.variables("Variable").items() if value not in ("", "(null)")}
    leg_id = channel.get("Uniqueid", "")
    wanted = ("CC_ID", "CC_SPIED", "CC_SPIED_AGENT", "CC_CALLER", "CC_BY")
    if not leg_id or values.get("CC_ROLE") != ROLE or any(name not in values for name in wanted):
        return None
    call = MonitorCall(
        monitoring_id=MonitoringId(leg_id),
        by=unquote(values["CC_BY"]),
        by_name=unquote(values.get("CC_BY_NAME", values["CC_BY"])),
        own_agent_id=AgentId(values["CC_AGENT"]) if "CC_AGENT" in values else None,
        agent_id=AgentId(values["CC_SPIED_AGENT"]),
        interaction_id=InteractionId(values["CC_ID"]),
        offer_id=OfferId(values["CC_SPIED"]),
        caller_id=values["CC_CALLER"],
        announced=_announced(values.get("CC_ANNOUNCED", "")),
        ordered_at=_moment(values.get("CC_ENTERED", "")),
    )
    return FoundMonitor(call=call, mode=_mode(values.get("CC_MODE", "")), up=channel.get("ChannelState") == STATE_UP)


def _variables(call: MonitorCall, mode: MonitorMode) -> tuple[str, ...]:
    carried = {
        "CC_ROLE": ROLE,
        "CC_ID": call.interaction_id,
        "CC_SPIED": call.offer_id,
        "CC_SPIED_AGENT": call.agent_id,
        "CC_CALLER": call.caller_id,
        "CC_AGENT": call.own_agent_id or "",
        "CC_BY": quote(call.by, safe=""),
        "CC_BY_NAME": quote(call.by_name[:LONGEST_NAME], safe=""),
        "CC_MODE": mode.value,
        "CC_ANNOUNCED": call.announced.value,
        "CC_ENTERED": str(int(call.ordered_at.timestamp())),
    }
    return tuple(variable_field(name, value) for name, value in carried.items() if value)


def _end_of(line: _Line, event: AmiMessage) -> MonitorEnd:
    if line.stopped:
        return MonitorEnd.STOPPED
    if line.hears or event.get("ChannelState") == STATE_UP:
        return MonitorEnd.HUNG_UP if line.hung_up_by_itself else MonitorEnd.TALK_OVER
    try:
        cause = int(event.get("Cause", ""))
    except ValueError:
        cause = 0
    if cause in _DECLINED:
        return MonitorEnd.DECLINED
    return MonitorEnd.NOT_ANSWERED if cause in _NOT_ANSWERED else MonitorEnd.UNREACHABLE


def _mode(text: str) -> MonitorMode:
    try:
        return MonitorMode(text)
    except ValueError:
        return MonitorMode.LISTEN


def _announced(text: str) -> Announcement:
    try:
        return Announcement(text)
    except ValueError:
        return Announcement.SAID


def _moment(epoch_seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
