"""Takes a caller's message on his channel: the words before it, the beep, the recording, and what he makes of it.

Law: whoever was asked for a message has his call ended here, whatever he did; nothing but silence is no message, and
what was spoken is kept until he has spoken it anew, and not in vain. The channel carries how far he is: Asterisk
records on while the server is away, and the next one asks him what is to become of it.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

import structlog

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import CallerChannel, CallerGone, NoRecording, Recorded, Recording, RecordingEnd
from callcenter.app.closing import close_call
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import CallEnded
from callcenter.app.menu import Voice
from callcenter.app.ports import Clock
from callcenter.app.words import WaitingWords
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.ids import QueueId
from callcenter.domain.messages import message_name, second_take_name
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
SHORTEST_MESSAGE = timedelta(seconds=1)
REVIEW_LIMIT = timedelta(seconds=5)
"""How long he may think about what is to become of it."""
MOST_REVIEWS = 10
"""So often he may hear it or speak it anew; then it is kept as it is."""
MUSIC_CLASS = "default"
_KEEP, _HEAR, _AGAIN = "123"


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

    Where he waits in a queue, he leaves it here: no agent may pull him out of his sentence.
    """
    carried = replace(
        state,
        stage=CallStage.MESSAGE,
        queue_id=queue_id,
        node="",
        message_longest=limits.longest,
        message_silence=limits.silence,
    )
    await channel.remember(carried)
    interaction_id = channel.question.interaction_id
    if interaction_id in floor.picture.waiting:
        await floor.request(cmd.Leave(interaction_id=interaction_id))
    await _Taking(channel, carried, queue_id, limits, floor, voice, words, clock).run()


async def go_on_with_message(
    channel: CallerChannel, *, floor: Floor, voice: Voice, words: WaitingWords, clock: Clock
) -> None:
    """The server that asked him is gone: what he has spoken is there, and he is asked what is to become of it."""
    state = channel.question.state
    queue_id = state.queue_id
    if queue_id is None:
        raise RuntimeError(f"interaction {channel.question.interaction_id} leaves a message for no queue")
    usual = MessageLimits()
    limits = MessageLimits(
        longest=state.message_longest or usual.longest, silence=state.message_silence or usual.silence
    )
    taking = _Taking(channel, state, queue_id, limits, floor, voice, words, clock)
    await taking.go_on()


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
        self._name = message_name(self._interaction_id, queue_id)
        self._second = second_take_name(self._interaction_id, queue_id)

    async def run(self) -> None:
        """From the words before the beep on."""
        await self._say(WaitingPrompt.LEAVE_MESSAGE)
        recording = await self._record()
        if recording is not None:
            await self._review(recording)

    async def go_on(self) -> None:
        """From wherever he was when the server went."""
        again = await self._channel.recorded(self._second)
        if again is not None and _is_message(again, again.length):
            await self._channel.supersede(self._name, self._second)
        spoken = await self._channel.recorded(self._name)
        if spoken is None:
            await self.run()
        elif _is_message(spoken, spoken.length):
            log.info("message_gone_on_with", seconds=spoken.length.total_seconds())
            await self._review(spoken)
        else:
            await self._end_without()

    async def _record(self) -> Recorded | None:
        """What he speaks; None when that is nothing, and the call is over."""
        try:
            recording = await self._channel.record(self._name, limit=self._limits.longest, silence=self._limits.silence)
        except NoRecording:
            log.exception("message_not_taken", queue_id=self._queue_id)
            await self._end(WaitingPrompt.MESSAGE_IMPOSSIBLE, ev.Outcome.CLOSED)
            return None
        if not _is_message(recording, self._spoken(recording)):
            if recording.ended_by is RecordingEnd.HANGUP:
                raise CallerGone("the caller hung up and has said nothing")
            await self._end_without()
            return None
        if recording.ended_by is RecordingEnd.HANGUP:
            self._keep_of_who_is_gone(recording)
        return recording

    async def _record_again(self, first: Recorded) -> Recorded:
        """What he speaks anew, in the place of the first; where that is nothing, the first, which is there still."""
        limits = self._limits
        try:
            second = await self._channel.record(self._second, limit=limits.longest, silence=limits.silence)
        except NoRecording:
            log.exception("message_not_taken_again", queue_id=self._queue_id)
            await self._say(WaitingPrompt.MESSAGE_AS_BEFORE)
            return first
        is_message = _is_message(second, self._spoken(second))
        if is_message:
            first = await self._channel.supersede(self._name, self._second) or first
        if second.ended_by is RecordingEnd.HANGUP:
            self._keep_of_who_is_gone(first)
        if not is_message:
            await self._say(WaitingPrompt.MESSAGE_UNHEARD)
            await self._say(WaitingPrompt.MESSAGE_AS_BEFORE)
        return first

    def _spoken(self, recording: Recording) -> timedelta:
        """The length without the silence that ended it."""
        is_silence = recording.ended_by is RecordingEnd.SILENCE
        return recording.length - self._limits.silence if is_silence else recording.length

    async def _review(self, recording: Recorded) -> None:
        """Ask what is to become of it; who hangs up or does nothing keeps it."""
        for _ in range(MOST_REVIEWS):
            try:
                key = await self._choice(recording)
                if key != _AGAIN:
                    break
                await self._say(WaitingPrompt.LEAVE_MESSAGE)
            except CallerGone:
                self._keep_of_who_is_gone(recording)
            recording = await self._record_again(recording)
        self._note(recording)
        await self._end(WaitingPrompt.MESSAGE_KEPT, ev.Outcome.MESSAGE_LEFT)

    async def _choice(self, recording: Recorded) -> str | None:
        """The key he presses; each time he wants to hear it he does, and is asked again."""
        keys = _KEEP + _HEAR + _AGAIN
        asked = await self._paths(WaitingPrompt.MESSAGE_REVIEW)
        sound = str(recording.path).removesuffix(".wav")
        key = await self._channel.ask(asked, keys, REVIEW_LIMIT, MUSIC_CLASS)
        for _ in range(MOST_REVIEWS):
            if key != _HEAR:
                break
            key = await self._channel.ask((sound, *asked), keys, REVIEW_LIMIT, MUSIC_CLASS)
        return key

    def _keep_of_who_is_gone(self, recording: Recorded) -> NoReturn:
        """He hung up: what he said is his message, and his call has ended with it."""
        self._note(recording)
        self._floor.tell(
            CallEnded(interaction_id=self._interaction_id, outcome=ev.Outcome.MESSAGE_LEFT, side=ev.Side.CALLER)
        )
        raise CallerGone("the caller hung up after his message")

    def _note(self, recording: Recorded) -> None:
        self._floor.tell(
            ev.MessageLeft(
                interaction_id=self._interaction_id,
                at=self._clock.now(),
                queue_id=self._queue_id,
                file=recording.path.name,
                seconds=recording.length.total_seconds(),
            )
        )

    async def _end_without(self) -> None:
        await self._say(WaitingPrompt.MESSAGE_UNHEARD)
        await self._end(WaitingPrompt.GOODBYE, ev.Outcome.CLOSED)

    async def _end(self, prompt: WaitingPrompt, outcome: ev.Outcome) -> None:
        play = await self._paths(prompt)
        await close_call(self._floor, self._channel, self._state, play, outcome, CAUSE_NORMAL)

    async def _say(self, prompt: WaitingPrompt) -> None:
        for path in await self._paths(prompt):
            await self._channel.play(path, "")

    async def _paths(self, prompt: WaitingPrompt) -> tuple[str, ...]:
        language = self._state.language or self._words.default_language
        path = await self._voice.path_of(self._words.waiting_prompts.say(prompt, language))
        return () if path is None else (path,)


def _is_message(recording: Recorded, spoken: timedelta) -> bool:
    """Whether there is more in it than silence."""
    return recording.voiced and spoken >= SHORTEST_MESSAGE
