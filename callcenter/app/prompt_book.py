"""Every prompt of every flow and of the queues: its words, whether it is recorded, made or missing, and its recordings.

Laws: a recording counts from the next call on, for Asterisk's own announcements too; whoever changes one is in the
audit log; what is replaced can be had back.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from callcenter.app.ports import Clock, Users
from callcenter.domain.errors import InvalidValue, NotFound, Overloaded
from callcenter.ivr.examples import example_utterance, variables_of
from callcenter.ivr.prompts import PROMPT_MAX_CHARACTERS, PromptSet, PromptText, Utterance

LARGEST_RECORDING_BYTES: Final = 20 * 1024 * 1024
LONGEST_RECORDING: Final = timedelta(minutes=5)
UPLOADS_AT_ONCE: Final = 8
CONVERSIONS_AT_ONCE: Final = 2
PREVIEWS_AT_ONCE: Final = 2
PREVIEWS_A_MINUTE: Final = 30
PREVIEW_SET: Final = "preview"


class TooLarge(InvalidValue):
    """More bytes than a recording may have."""

    code = "recording_too_large"


class PreviewsLimited(Overloaded):
    """Too many texts spoken for this user, or for everybody, just now."""

    code = "too_many_previews"


class PromptState(StrEnum):
    """Where the sound of a prompt comes from."""

    RECORDED = "recorded"
    MADE = "made"
    """The synthesised voice has spoken it already."""
    VARIABLES = "variables"
    """Spoken for each caller, because it is never the same: it cannot be recorded."""
    MISSING = "missing"
    """To be made, or what should be converted cannot be."""


class RecordingChange(StrEnum):
    """What happened to the recording of a prompt."""

    RECORDED = "recorded"
    REMOVED = "removed"
    RESTORED = "restored"
    FOUND = "found"
    """Put into the directory by hand, and noticed when it was about to be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptKey:
    """One prompt in the language of the voice that speaks it."""

    prompt_set: str
    prompt: str
    language: str

    def __str__(self) -> str:
        return f"{self.language}/{self.prompt_set}.{self.prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSound:
    """What came of a recording: its level is that of the parts where something is heard, before and after."""

    seconds: float
    level_db: float
    peak_db: float
    came_level_db: float
    format: str
    shape: tuple[float, ...]
    """Peaks along its length, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One change of a prompt's recording; `restored` is the version that was taken again."""

    version: int
    at: datetime
    by: str
    change: RecordingChange
    sound: RecordedSound | None
    restored: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSound:
    """The file that would be played now; `ready` is false while it is still to be made."""

    path: Path
    recorded: bool
    ready: bool
    seconds: float | None


class Sounds(Protocol):
    """The files that are played."""

    def sound_of(self, utterance: Utterance) -> PromptSound | None:
        """What would be played; None when nothing can be. Makes nothing."""
        ...

    async def path_of(self, utterance: Utterance) -> str | None:
        """Make it if need be; the file without its extension."""
        ...

    async def write_stable(self, prompts: PromptSet, only: str | None = None) -> Sequence[object]:
        """Put prompts where Asterisk plays them by itself."""
        ...


class Recordings(Protocol):
    """The recorded prompts and their history."""

    async def formats(self) -> tuple[str, ...]:
        """The formats that can be read here."""
        ...

    def upload_file(self) -> AbstractContextManager[Path]:
        """A place for what is being sent, gone at the end of the block."""
        ...

    async def add(self, key: PromptKey, upload: Path, *, by: str, at: datetime) -> Recording:
        """Convert and use what was brought; raises `CallcenterError`."""
        ...

    async def remove(self, key: PromptKey, *, by: str, at: datetime) -> Recording:
        """Back to the synthesised voice."""
        ...

    async def restore(self, key: PromptKey, version: int, *, by: str, at: datetime) -> Recording:
        """Use an earlier recording again."""
        ...

    def history(self, key: PromptKey) -> tuple[Recording, ...]:
        """All changes, newest first."""
        ...

    def newest(self, key: PromptKey) -> Recording | None:
        """The change by which the recording in use came."""
        ...

    def file(self, key: PromptKey, version: int) -> Path:
        """The sound of a version; raises `NotFound`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTextView:
    """A prompt for callers of one language; `voice` is the language that speaks it, and that a recording is for."""

    language: str
    voice: str
    text: str
    variables: tuple[str, ...]
    state: PromptState
    seconds: float | None
    file: str | None
    recording: Recording | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """A prompt in all its languages; `of_queues` belongs to no flow but to those who wait."""

    prompt_set: str
    prompt: str
    of_queues: bool
    texts: tuple[PromptTextView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptList:
    """All prompts, and what recordings may be."""

    items: tuple[PromptView, ...]
    formats: tuple[str, ...]
    longest_seconds: float
    largest_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSets:
    """The sets that are spoken now: one of each flow, and that of the queues."""

    flows: tuple[PromptSet, ...]
    queues: PromptSet


def prompt_views(sets: PromptSets, sounds: Sounds, recordings: Recordings) -> tuple[PromptView, ...]:
    """Every prompt with its state; reads files, so not for the loop."""
    return tuple(
        PromptView(
            prompt_set=prompts.name,
            prompt=prompt,
            of_queues=prompts is sets.queues,
            texts=tuple(_text_view(prompts, prompt, language, sounds, recordings) for language in texts),
        )
        for prompts in (*sets.flows, sets.queues)
        for prompt, texts in prompts.texts.items()
    )


def _text_view(
    prompts: PromptSet, prompt: str, language: str, sounds: Sounds, recordings: Recordings
) -> PromptTextView:
    text = prompts.texts[prompt][language]
    variables = variables_of(text.text)
    sound = None if variables else sounds.sound_of(prompts.utterance(prompt, language, {}))
    state, recording = PromptState.VARIABLES, None
    if not variables:
        state = PromptState.MISSING
        if sound is not None and sound.ready:
            state = PromptState.RECORDED if sound.recorded else PromptState.MADE
    if sound is not None and sound.recorded:
        recording = recordings.newest(PromptKey(prompt_set=prompts.name, prompt=prompt, language=text.voice))
    return PromptTextView(
        language=language,
        voice=text.voice,
        text=text.text,
        variables=variables,
        state=state,
        seconds=None if sound is None else sound.seconds,
        file=str(sound.path) if sound is not None and sound.ready else None,
        recording=recording,
    )


class PromptBook:
    """What the prompts' page and its calls do."""

    def __init__(
        self,
        *,
        sets: Callable[[], PromptSets],
        sounds: Sounds,
        recordings: Recordings,
        users: Users,
        clock: Clock,
    ) -> None:
        self._sets = sets
        self._sounds = sounds
        self._recordings = recordings
        self._users = users
        self._clock = clock
        self._uploading = 0
        self._converting = asyncio.Semaphore(CONVERSIONS_AT_ONCE)
        self._previewing = 0
        self._previews: dict[str, deque[datetime]] = {}

    async def prompts(self) -> PromptList:
        """Every prompt with its state."""
        return PromptList(
            items=await asyncio.to_thread(prompt_views, self._sets(), self._sounds, self._recordings),
            formats=await self._recordings.formats(),
            longest_seconds=LONGEST_RECORDING.total_seconds(),
            largest_bytes=LARGEST_RECORDING_BYTES,
        )

    async def prompt(self, prompt_set: str, prompt: str) -> PromptView:
        """One prompt; raises `NotFound`."""
        prompts = self._set(prompt_set, prompt)
        every = await asyncio.to_thread(prompt_views, self._sets(), self._sounds, self._recordings)
        return next(view for view in every if (view.prompt_set, view.prompt) == (prompts.name, prompt))

    async def audio(self, key: PromptKey) -> Path:
        """What callers hear; with example values where there are variables. Raises `NotFound`, `Overloaded`."""
        prompts, language = self._speaking(key)
        utterance = example_utterance(prompts, key.prompt, language)
        if utterance.prompt_id is None:
            # An example is a preview: it must not fill the slots that callers wait for.
            return await self._spoken(utterance)
        path = await self._sounds.path_of(utterance)
        if path is None:
            raise NotFound(f"{key} has no sound, and none could be made; the log says why", code="no_sound")
        return Path(path + ".wav")

    async def preview(self, text: str, language: str, *, by: str) -> Path:
        """A text as the synthesised voice speaks it, with example values; raises `PreviewsLimited`."""
        text = " ".join(text.split())
        if not text or len(text) > PROMPT_MAX_CHARACTERS:
            raise InvalidValue(f"the text has {len(text)} characters; 1 to {PROMPT_MAX_CHARACTERS} are wanted")
        self._count_preview(by)
        words = PromptSet(
            name=PREVIEW_SET,
            languages=(language,),
            texts={PREVIEW_SET: {language: PromptText(voice=language, text=text)}},
        )
        # Without an id no recording takes its place, and it is kept among what is said once.
        return await self._spoken(replace(example_utterance(words, PREVIEW_SET, language), prompt_id=None))

    async def record(self, key: PromptKey, chunks: AsyncIterable[bytes], *, by: str) -> PromptView:
        """Use what is sent as the recording of a prompt; raises `CallcenterError` with what is wrong with it."""
        self._recordable(key)
        with self._slot(), self._recordings.upload_file() as place:
            await _receive(chunks, place)
            async with self._converting:
                entry = await self._recordings.add(key, place, by=by, at=self._clock.now())
        seconds = f"{entry.sound.seconds:g} s" if entry.sound is not None else ""
        return await self._changed(key, "prompt_recorded", f"version {entry.version}, {seconds}", by)

    async def remove(self, key: PromptKey, *, by: str) -> PromptView:
        """Back to the synthesised voice."""
        self._recordable(key)
        entry = await self._recordings.remove(key, by=by, at=self._clock.now())
        return await self._changed(key, "prompt_recording_removed", f"version {entry.version}", by)

    async def restore(self, key: PromptKey, version: int, *, by: str) -> PromptView:
        """Use an earlier recording again."""
        self._recordable(key)
        entry = await self._recordings.restore(key, version, by=by, at=self._clock.now())
        return await self._changed(key, "prompt_recording_restored", f"version {entry.version} from {version}", by)

    async def history(self, key: PromptKey) -> tuple[Recording, ...]:
        """All changes of a prompt's recording, newest first."""
        self._speaking(key)
        return await asyncio.to_thread(self._recordings.history, key)

    async def version_file(self, key: PromptKey, version: int) -> Path:
        """The sound of an earlier recording."""
        self._speaking(key)
        return await asyncio.to_thread(self._recordings.file, key, version)

    async def _changed(self, key: PromptKey, action: str, detail: str, by: str) -> PromptView:
        await self._users.audit(at=self._clock.now(), by=by, action=action, subject=str(key), detail=detail)
        sets = self._sets()
        if key.prompt_set == sets.queues.name:
            await self._sounds.write_stable(sets.queues, key.prompt)
        else:
            prompts, language = self._speaking(key)
            # The voice may never have spoken it: no caller is to wait for that.
            await self._sounds.path_of(prompts.utterance(key.prompt, language, {}))
        return await self.prompt(key.prompt_set, key.prompt)

    def _set(self, prompt_set: str, prompt: str) -> PromptSet:
        sets = self._sets()
        for prompts in (*sets.flows, sets.queues):
            if prompts.name == prompt_set and prompt in prompts.texts:
                return prompts
        raise NotFound(f"there is no prompt {prompt_set}.{prompt}; GET /prompts has all", code="unknown_prompt")

    def _speaking(self, key: PromptKey) -> tuple[PromptSet, str]:
        """The set of a prompt, and a language of callers who hear it in this voice."""
        prompts = self._set(key.prompt_set, key.prompt)
        for language, text in prompts.texts[key.prompt].items():
            if text.voice == key.language:
                return prompts, language
        raise NotFound(f"nobody hears {key.prompt_set}.{key.prompt} in {key.language}", code="unknown_prompt")

    def _recordable(self, key: PromptKey) -> None:
        prompts, language = self._speaking(key)
        variables = variables_of(prompts.texts[key.prompt][language].text)
        if variables:
            raise InvalidValue(
                f"{key} says {', '.join(variables)}, which is another thing for each caller: it cannot be recorded",
                code="prompt_has_variables",
            )

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._uploading >= UPLOADS_AT_ONCE:
            raise Overloaded(f"{UPLOADS_AT_ONCE} recordings are on their way already; try again in a moment")
        self._uploading += 1
        try:
            yield
        finally:
            self._uploading -= 1

    def _count_preview(self, by: str) -> None:
        now = self._clock.now()
        since = now - timedelta(minutes=1)
        self._previews = {name: times for name, times in self._previews.items() if times and times[-1] > since}
        times = self._previews.setdefault(by, deque(maxlen=PREVIEWS_A_MINUTE))
        if len(times) == PREVIEWS_A_MINUTE and times[0] > since:
            raise PreviewsLimited(f"{PREVIEWS_A_MINUTE} texts a minute are spoken for one user; wait a little")
        times.append(now)

    async def _spoken(self, utterance: Utterance) -> Path:
        if self._previewing >= PREVIEWS_AT_ONCE:
            raise PreviewsLimited("other texts are being spoken; try again in a moment")
        self._previewing += 1
        try:
            path = await self._sounds.path_of(utterance)
        finally:
            self._previewing -= 1
        if path is None:
            raise InvalidValue("the voice cannot speak this; the server's log says why", code="not_spoken")
        return Path(path + ".wav")


async def _receive(chunks: AsyncIterable[bytes], place: Path) -> None:
    """Write what comes to disk, no more than is allowed; a few 64 kB at a time never keep the loop."""
    received = 0
    with place.open("wb") as file:
        async for chunk in chunks:
            received += len(chunk)
            if received > LARGEST_RECORDING_BYTES:
                raise TooLarge(f"a recording may have {LARGEST_RECORDING_BYTES // 1024 // 1024} MB at most")
            await asyncio.to_thread(file.write, chunk)
