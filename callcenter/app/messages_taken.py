"""Takes a caller's message on his channel: the words before it, the beep, the recording, and what comes of it.

Law: whoever was asked for a message has his call ended here, whatever he did; nothing but silence is no message.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from callcenter.app.call_state import CallState
from callcenter.app.caller import CallerChannel, CallerGone, NoRecording, Recording, RecordingEnd
from callcenter.app.closing import close_call
from callcenter.app.floor import CallEnded, Floor
from callcenter.app.menu import Voice
from callcenter.app.ports import Clock
from callcenter.app.words import WaitingWords
from callcenter.domain import events as ev
from callcenter.domain.ids import QueueId
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
SHORTEST_MESSAGE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLimits:
    """How long a message may be, and after how much silence it is over."""

    longest: timedelta = timedelta(minutes=3)
    silence: timedelta = timedelta(seconds=5)


async def take_message(
    channel: CallerChannel,
    state: CallState,
    *,
    queue_id: QueueId,
    limits: MessageLimits,
    floor: Floor,
    voice: Voice,
    words: WaitingWords,
    clock: Clock,
) -> None:
    """Take a message for a queue, and end the call; raises `CallerGone` also after a message that was kept.

    He is not to wait any more when this is called, or an agent who is free pulls him out of it.
    """
    taking = _Taking(channel, state, queue_id, limits, floor, voice, words, clock)
    await taking.run()


class _Taking:
    """One caller who leaves a message."""

    def __init__(
        self,
        channel: CallerChannel,
        state: CallState,
        queue_id: QueueId,
        limits: MessageLimits,
        floor: Floor,
        voice: Voice,
        words: WaitingWords,
        clock: Clock,
    ) -> None:
        self._channel = channel
        self._state = state
        self._queue_id = queue_id
        self._limits = limits
        self._floor = floor
        self._voice = voice
        self._words = words
        self._clock = clock
        self._interaction_id = channel.question.interaction_id

    async def run(self) -> None:
        for path in await self._paths(WaitingPrompt.LEAVE_MESSAGE):
            await self._channel.play(path, "")
        try:
            recording = await self._channel.record(
                f"message-{self._interaction_id}", limit=self._limits.longest, silence=self._limits.silence
            )
        except NoRecording as error:
            log.warning("message_not_taken", error=str(error))
            await self._end(WaitingPrompt.ERROR, ev.Outcome.CLOSED)
            return
        if not self._keep(recording):
            await self._end(WaitingPrompt.GOODBYE, ev.Outcome.CLOSED)
        elif recording.ended_by is RecordingEnd.HANGUP:
            self._floor.tell(
                CallEnded(interaction_id=self._interaction_id, outcome=ev.Outcome.MESSAGE_LEFT, side=ev.Side.CALLER)
            )
            raise CallerGone("the caller hung up after his message")
        else:
            await self._end(WaitingPrompt.MESSAGE_KEPT, ev.Outcome.MESSAGE_LEFT)

    def _keep(self, recording: Recording) -> bool:
        """Note a message, unless it is nothing but the silence that ended it."""
        spoken = recording.length
        if recording.ended_by is RecordingEnd.SILENCE:
            spoken -= self._limits.silence
        if spoken < SHORTEST_MESSAGE:
            return False
        self._floor.tell(
            ev.MessageLeft(
                interaction_id=self._interaction_id,
                at=self._clock.now(),
                queue_id=self._queue_id,
                file=recording.path.name,
                seconds=recording.length.total_seconds(),
            )
        )
        return True

    async def _end(self, prompt: WaitingPrompt, outcome: ev.Outcome) -> None:
        await close_call(self._floor, self._channel, self._state, await self._paths(prompt), outcome, CAUSE_NORMAL)

    async def _paths(self, prompt: WaitingPrompt) -> tuple[str, ...]:
        language = self._state.language or self._words.default_language
        path = await self._voice.path_of(self._words.waiting_prompts.say(prompt, language))
        return () if path is None else (path,)
