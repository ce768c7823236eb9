"""Desk phones that vanish in a talk: no sound comes from one any more, and it does not answer the exchange either.

Law: neither alone is a sign. A phone may be silent on purpose (muted, holding, one that sends no silence), and one
whose answer was lost for a moment still talks. Both together end its channel as one that fell silent: its caller is not
left in silence until `sip.silence_seconds` are over, and all that follows is the dialplan's (`[cc-lost]`).
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, Protocol

import structlog

from callcenter.asterisk.ami_codec import AmiResponse
from callcenter.asterisk.errors import AmiActionFailed
from callcenter.domain.ids import AgentId, OfferId

log = structlog.get_logger(__name__)

ASK_TIMEOUT: Final = timedelta(seconds=3)
CAUSE_SILENT: Final = "44"
"""What the exchange itself gives a channel that rtp_timeout ends."""
UNREACHABLE: Final = "Unreachable"


class Actions(Protocol):
    """What is asked of the exchange (`AmiClient`)."""

    async def action(self, name: str, fields: Mapping[str, str], timeout: timedelta, /) -> AmiResponse:  # noqa: ASYNC109
        """One action and its answer; raises `AmiError`."""
        ...


class PhoneWatch:
    """Asks the exchange of every talk over a registered desk phone; one look remembers what the last one heard."""

    def __init__(self, client: Actions) -> None:
        self._client = client
        self._heard: dict[OfferId, str] = {}

    async def look(self, talks: Iterable[tuple[OfferId, AgentId]]) -> None:
        """The talks as they are now; to be asked every few seconds. Raises `AmiError` without a connection."""
        heard: dict[OfferId, str] = {}
        for offer_id, agent_id in talks:
            packets = await self._ask("CHANNEL(rtcp,rxcount)", offer_id)
            if not packets:
                continue
            heard[offer_id] = packets
            if packets == self._heard.get(offer_id) and await self._is_away(agent_id):
                log.warning("desk_phone_vanished", agent_id=agent_id, offer_id=offer_id)
                await self._end(offer_id)
        self._heard = heard

    async def _is_away(self, agent_id: AgentId) -> bool:
        """Whether it has not answered the exchange's last OPTIONS; what the exchange cannot tell is no sign."""
        contact = await self._ask(f"PJSIP_AOR({agent_id},contact)")
        return contact != "" and await self._ask(f"PJSIP_CONTACT({contact},status)") == UNREACHABLE

    async def _ask(self, variable: str, leg_id: str | None = None) -> str:
        fields = {"Variable": variable} if leg_id is None else {"Variable": variable, "Channel": leg_id}
        try:
            return (await self._client.action("Getvar", fields, ASK_TIMEOUT)).get("Value", "")
        except AmiActionFailed:
            return ""

    async def _end(self, offer_id: OfferId) -> None:
        try:
            await self._client.action("Hangup", {"Channel": offer_id, "Cause": CAUSE_SILENT}, ASK_TIMEOUT)
        except AmiActionFailed:
            log.info("desk_phone_gone_already", offer_id=offer_id)
