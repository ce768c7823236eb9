"""Orders over AMI for an agent's phone that was lost in a talk: music for the caller, and the phone rung once more.

Law: the new channel of the agent has the id of the old one, the offer's, so that all that knows the talk by it still
does; it is ordered only when the old one is gone, for the exchange refuses an id twice. What comes next should nobody
be back is on the caller's channel before he waits, or, where his agent's phone fell silent, while he does.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from callcenter.app.rejoining import PartedTalk
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiMessage
from callcenter.asterisk.errors import AmiActionFailed, AmiError
from callcenter.asterisk.orders import ACTION_TIMEOUT, OutsideLine, caller_id_of, dial_string
from callcenter.asterisk.transfer_lines import NEXT_VARIABLE
from callcenter.asterisk.translate import LOST, Translator
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import OfferId

log = structlog.get_logger(__name__)

CONTEXT: Final = "cc-rejoin"
RING_TIMEOUT: Final = timedelta(seconds=15)
GONE_WITHIN: Final = timedelta(seconds=3)
"""How long the exchange may take to end the channel that was lost."""


class RejoinLines:
    """The port `RejoinLine`."""

    def __init__(self, client: AmiClient, outside: OutsideLine, translator: Translator) -> None:
        self.lost: Callable[[OfferId], PartedTalk | None] = lambda _: None
        """Tells the talk whose phone fell silent; to be set before there is one."""
        self._client = client
        self._outside = outside
        self._translator = translator
        self._ending: dict[str, asyncio.Event] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def part(self, talk: PartedTalk) -> None:
        """Send the caller to the music, and end the agent's channel."""
        async with self._turn(talk):
            await self._part(talk)

    async def join(self, talk: PartedTalk) -> None:
        """Ring the phone; what was not parted yet is first."""
        async with self._turn(talk):
            await self._part(talk)
            fields = {
                "Channel": dial_string(talk.agent_id, talk.phone, self._outside),
                "ChannelId": talk.offer_id,
                "Context": CONTEXT,
                "Exten": "join",
                "Priority": "1",
                "Timeout": str(RING_TIMEOUT // timedelta(milliseconds=1)),
                "Async": "true",
                "CallerID": caller_id_of(talk.shown_number, talk.shown_name),
                "Variable": (
                    "CC_ROLE=agent",
                    f"CC_OFFER={talk.offer_id}",
                    f"CC_ID={talk.interaction_id}",
                    f"CC_AGENT={talk.agent_id}",
                    f"CC_CALLER={talk.caller_id}",
                ),
            }
            self._translator.expect(talk.offer_id, talk.interaction_id, talk.agent_id)
            try:
                await self._client.action("Originate", fields, ACTION_TIMEOUT, action_id=talk.offer_id)
            except AmiError as error:
                raise _not_done(error) from error

    def hear(self, event: AmiMessage) -> None:
        """A channel that was to end has ended, or one has whose phone fell silent; to be told after the translator."""
        if event.get("Event") != "Hangup":
            return
        leg_id = event.get("Uniqueid", "")
        ending = self._ending.get(leg_id)
        if ending is not None:
            ending.set()
        if event.variables().get("CC_CONNECT") == LOST and self._translator.is_parted(OfferId(leg_id)):
            talk = self.lost(OfferId(leg_id))
            log.warning("phone_fell_silent", offer_id=leg_id, known=talk is not None)
            if talk is not None:
                answer = self._client.send_nowait("Setvar", _next_of(talk), ACTION_TIMEOUT)
                answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _turn(self, talk: PartedTalk) -> asyncio.Lock:
        """One order for a talk at a time: the page that goes and the one that comes may cross."""
        for offer_id in [one for one, lock in self._turns.items() if not lock.locked() and one != talk.offer_id]:
            del self._turns[offer_id]
        return self._turns.setdefault(talk.offer_id, asyncio.Lock())

    async def _part(self, talk: PartedTalk) -> None:
        if self._translator.is_parted(talk.offer_id):
            return
        self._translator.begin_rejoin(talk.offer_id, talk.interaction_id)
        ending = self._ending[talk.offer_id] = asyncio.Event()
        redirect = {"Channel": talk.caller_id, "Context": CONTEXT, "Exten": "wait", "Priority": "1"}
        try:
            await self._client.action("Setvar", _next_of(talk), ACTION_TIMEOUT)
            await self._client.action("Redirect", redirect, ACTION_TIMEOUT)
            try:
                await self._client.action("Hangup", {"Channel": talk.offer_id, "Cause": "16"}, ACTION_TIMEOUT)
            except AmiActionFailed:
                return  # It is gone already.
            async with asyncio.timeout(GONE_WITHIN.total_seconds()):
                await ending.wait()
        except AmiActionFailed as error:
            # The caller has hung up: there is no talk to come back to.
            self._translator.end_rejoin(talk.offer_id)
            raise Conflict("the caller is gone", code="not_in_talk") from error
        except AmiError as error:
            raise _not_done(error) from error
        except TimeoutError:
            log.warning("lost_phone_stays", offer_id=talk.offer_id)
        finally:
            del self._ending[talk.offer_id]


def _next_of(talk: PartedTalk) -> dict[str, str]:
    return {"Channel": talk.caller_id, "Variable": NEXT_VARIABLE, "Value": talk.next_state.encode()}


def _not_done(error: AmiError) -> Conflict:
    return Conflict(f"the exchange did not do it: {error}; try again", code="not_done")
