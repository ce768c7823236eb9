"""Calls back a customer who left a message, for the agent who has the message in hand."""

from datetime import timedelta

import structlog

from callcenter.app.callbacks import callback_id_of
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Adopt, TakeCallback
from callcenter.app.ports import Clock, Records
from callcenter.domain import commands as cmd
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.interactions import Placement
from callcenter.domain.messages import Message

log = structlog.get_logger(__name__)

A_MOMENT = timedelta(milliseconds=500)
KEPT_FOR = timedelta(minutes=2)
"""So long the callback is this agent's alone; should he have gone home, it is anybody's of the queue."""


class MessageCallbacks:
    """Implements `callcenter.app.message_box.CallBack`."""

    def __init__(self, *, floor: Floor, records: Records, clock: Clock, can_call_out: bool) -> None:
        self._floor = floor
        self._records = records
        self._clock = clock
        self._can_call_out = can_call_out

    async def call_back(self, message: Message, agent_id: AgentId) -> InteractionId:
        """Put a callback into the message's queue for this agent; `Conflict` says why there can be none."""
        number = message.ani.e164
        if not self._can_call_out:
            raise Conflict(
                "there is no trunk for calls out, so nobody can be called back; set asterisk.outside_trunk",
                code="no_calls_out",
            )
        if number is None:
            raise Conflict(
                f"message {message.message_id} came from no number that can be called", code="number_unknown"
            )
        await self._recall(message.interaction_id)
        now = self._clock.now()
        callback_id = await self._free_id(message.interaction_id)
        await self._floor.request(
            TakeCallback(
                interaction_id=message.interaction_id,
                number=number,
                requested_at=now,
                # Not before he is kept for this agent: whoever is free now would have him at once.
                not_before=now + A_MOMENT,
                # He has waited since he spoke.
                placement=Placement(queue_id=message.queue_id, entered_at=message.left_at, placed_at=now),
                callback_id=callback_id,
            )
        )
        try:
            await self._floor.request(
                cmd.PickForAgent(interaction_id=callback_id, agent_id=agent_id, by=agent_id, within=KEPT_FOR)
            )
        except Conflict as error:
            # Somebody is called for it already, or he is not at work: the customer is called back all the same.
            log.info("message_callback_not_kept", callback_id=callback_id, code=error.code)
        return callback_id

    async def _free_id(self, origin: InteractionId) -> InteractionId:
        """The caller may have been called back for this message before."""
        number = 1
        while True:
            callback_id = InteractionId(f"{callback_id_of(origin)}-{number}")
            if callback_id not in self._floor.interactions and await self._records.interaction(callback_id) is None:
                return callback_id
            number += 1

    async def _recall(self, interaction_id: InteractionId) -> None:
        if interaction_id in self._floor.interactions:
            return
        record = await self._records.interaction(interaction_id)
        if record is not None:
            await self._floor.request(Adopt(interaction=record))
