"""Callers whom an agent has sent on: when their question is answered, and where they go when nobody takes them.

Law: nobody who is sent on is lost. Whom the target does not take goes back to the agent who sent him, if he is at work,
and else, or should he not take him either, to the first place of the queue he came from.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog

from callcenter.app.call_state import CallStage, CallState, Sent
from callcenter.app.caller import Question
from callcenter.app.floor import Floor, Touched
from callcenter.app.ports import Clock
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.direct import direct_queue_id
from callcenter.domain.ids import InteractionId
from callcenter.domain.transfers import TransferEnd

log = structlog.get_logger(__name__)

FRONT_PRIORITY = 10_000
"""More than any priority that the business can give."""
TALK_END_LIMIT = timedelta(seconds=2)
"""The longest it takes until the end of the talk he was sent from, told on another line, is known."""


class SentCallers:
    """What the questions of callers who were sent on want of the floor."""

    def __init__(self, floor: Floor, clock: Clock) -> None:
        self._floor = floor
        self._clock = clock
        self._awaited: dict[InteractionId, asyncio.Event] = {}
        floor.watch(self._note)

    async def settle(self, question: Question, sent: Sent) -> None:
        """Return when the talk he was sent from is over for the engine too: only then can he wait again."""
        interaction_id, picture = question.interaction_id, self._floor.picture
        if sent.offer_id not in picture.talks:
            return
        changed = self._awaited.setdefault(interaction_id, asyncio.Event())
        try:
            async with asyncio.timeout(TALK_END_LIMIT.total_seconds()):
                while sent.offer_id in picture.talks:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            log.warning("talk_end_not_told", offer_id=sent.offer_id)
            await self._floor.request(cmd.ReportTalkEnded(offer_id=sent.offer_id))
        finally:
            self._awaited.pop(interaction_id, None)

    def back(self, question: Question, state: CallState, sent: Sent) -> CallState:
        """Where he goes whom the target has not taken; one without a queue begins with the flow of the number."""
        now = self._clock.now()
        agent = self._floor.picture.agents.get(sent.by)
        if not sent.returned and agent is not None and agent.serving:
            self._tell(question.interaction_id, TransferEnd.CAME_BACK)
            return replace(
                state,
                stage=CallStage.QUEUE,
                queue_id=direct_queue_id(sent.by),
                placed_at=now,
                sent=replace(sent, returned=True),
            )
        self._tell(question.interaction_id, TransferEnd.TO_QUEUE)
        if sent.from_queue is None or sent.from_queue not in self._floor.picture.queues:
            return CallState(language=state.language)
        return replace(
            state,
            stage=CallStage.QUEUE,
            queue_id=sent.from_queue,
            placed_at=now,
            priority=FRONT_PRIORITY,
            sent=None,
        )

    def _tell(self, interaction_id: InteractionId, end: TransferEnd) -> None:
        log.info("transfer_not_taken", end=end)
        self._floor.tell(ev.TransferEnded(interaction_id=interaction_id, at=self._clock.now(), end=end))

    def _note(self, touched: Touched) -> None:
        for interaction_id in touched.interactions & self._awaited.keys():
            self._awaited[interaction_id].set()
