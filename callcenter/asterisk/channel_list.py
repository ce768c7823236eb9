"""One channel in the answer to the action Status, as a leg of ours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

from callcenter.app.call_state import interaction_of
from callcenter.app.ports import customer_leg_id
from callcenter.app.reconcile import LegSnapshot, LegState
from callcenter.asterisk.ami_codec import AmiMessage
from callcenter.domain.ids import AgentId, OfferId
from callcenter.domain.interactions import LegRole
from callcenter.domain.numbers import Number

STATE_UP: Final = "6"
TRANSFERRED: Final = "transfer"
"""In CC_OWNER and CC_CONNECT of a caller's channel while somebody outside is called for him, and in their talk."""

#: What the Status action is asked to tell of every channel.
STATUS_VARIABLES: Final = (
    "CC_ROLE",
    "CC_ID",
    "CC_OFFER",
    "CC_AGENT",
    "CC_ABSENT",
    "CC_ATTEMPT",
    "CC_STATE",
    "CC_DNIS",
    "CC_ANI",
    "CC_NAME",
    "CC_PRES",
    "CC_TRUNK",
    "CC_ENTERED",
    "CC_OWNER",
    "CC_SPIED",
    "CC_SPIED_AGENT",
    "CC_CALLER",
    "CC_BY",
    "CC_BY_NAME",
    "CC_MODE",
    "CC_ANNOUNCED",
    "CC_REJOIN",
    "CC_ASKED",
    "CC_ASKER",
    "CC_TARGET",
    "CC_INTERNAL",
    "SHARED(CC_SERVED)",
)


def leg_of(channel: AmiMessage, read_ani: Callable[[str, str], Number]) -> LegSnapshot | None:
    """The leg, None where the channel is none of ours; `read_ani(raw, presentation)` normalises the calling number."""
    variables = {name: value for name, value in channel.variables("Variable").items() if value not in ("", "(null)")}
    leg_id, role = channel.get("Uniqueid", ""), variables.get("CC_ROLE", "")
    interaction_id = variables.get("CC_ID", "")
    if not leg_id or not interaction_id or role not in tuple(LegRole):
        return None
    attempt = attempt_of(leg_id, interaction_id)
    if role == LegRole.CALLER and interaction_id != leg_id and attempt is None:
        return None
    leg = LegSnapshot(
        leg_id=leg_id,
        channel=channel.get("Channel", ""),
        started_at=_moment(variables.get("CC_ENTERED", "")),
        role=LegRole(role),
        state=_leg_state(channel.get("ChannelState", "")),
        interaction_id=interaction_of(interaction_id),
        bridge_id=channel.get("BridgeID") or None,
        ani=Number(raw=""),
    )
    if leg.role is LegRole.AGENT:
        offer_id, agent_id = variables.get("CC_OFFER"), variables.get("CC_AGENT")
        if offer_id != leg_id or not agent_id:
            return None
        waits = leg.state is LegState.UP and leg.bridge_id is None and "CC_ABSENT" in variables
        asks = "CC_ASKED" in variables
        return replace(leg, offer_id=OfferId(offer_id), agent_id=AgentId(agent_id), waits=waits, asks=asks)
    waiting_agent, rejoined_by = variables.get("CC_OFFER"), variables.get("CC_REJOIN")
    return replace(
        leg,
        attempt=attempt,
        offer_id=OfferId(waiting_agent) if attempt is not None and waiting_agent else None,
        transferred=variables.get("CC_OWNER") == TRANSFERRED,
        call_state=variables.get("CC_STATE", ""),
        fallback=variables.get("CC_OWNER") == "fallback",
        rejoined_by=OfferId(rejoined_by) if rejoined_by else None,
        served=bool(variables.get("SHARED(CC_SERVED)")),
        served_by=variables.get("SHARED(CC_SERVED)", ""),
        ani=read_ani(unquote(variables.get("CC_ANI", "")), unquote(variables.get("CC_PRES", ""))),
        dnis=unquote(variables.get("CC_DNIS", "")),
        caller_name=unquote(variables.get("CC_NAME", "")),
        trunk=unquote(variables.get("CC_TRUNK", "")),
    )


def attempt_of(leg_id: str, interaction_id: str) -> int | None:
    """Which attempt to reach the customer of this callback the leg is; None for a leg that is none."""
    number = leg_id.removeprefix(f"{interaction_id}-").removesuffix(".")
    if not (number.isascii() and number.isdecimal()):
        return None
    return int(number) if leg_id == customer_leg_id(interaction_of(interaction_id), int(number)) else None


def _leg_state(code: str) -> LegState:
    # Asterisk's channel states: 4 and 5 are ringing, 6 is up.
    if code == STATE_UP:
        return LegState.UP
    return LegState.RINGING if code in ("4", "5") else LegState.SETTING_UP


def _moment(epoch_seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
