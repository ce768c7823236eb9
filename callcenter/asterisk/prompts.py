"""Utterances become sound files that Asterisk can play: recorded ones first, else synthesised offline and kept.

Law: nothing here raises or waits long while a caller listens. `path_of` answers in its time, with None if need be.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from callcenter.app.prompt_book import PromptSound
from callcenter.asterisk.synthesis import (
    PromptError,
    PromptNameInvalid,
    PromptsOverloaded,
    plays_as_it_is,
    seconds_of,
)
from callcenter.ivr.prompts import PromptSet, Utterance

DYNAMIC_FILES_AT_MOST: Final = 2_000
BUILDS_AT_ONCE: Final = 2
BUILDS_WAITING_AT_MOST: Final = 256
ANSWER_SECONDS: Final = 1.5
BUILD_SECONDS: Final = 60.0

_PROMPT_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,47}\.[a-z][a-z0-9_]{0,47}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_EVICTION_EVERY: Final = 50

log = structlog.get_logger(__name__)


class Synthesiser(Protocol):
    """Writes sound files: WAV, 8 kHz, 16 bit, mono. Its errors are PromptError."""

    def settings_of(self, language: str) -> str:
        """All that decides how `language` sounds; another value means that its files are made anew."""
        ...

    async def speak(self, text: str, language: str, target: Path) -> None:
        """Write `text`, spoken, to `target`."""
        ...

    async def convert(self, recorded: Path, target: Path) -> None:
        """Write a recording of another format to `target`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """How far building has come; `failed` is part of `done`."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailure:
    """An utterance that could not be made, and why."""

    utterance: Utterance
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where the sound of an utterance belongs; `recorded` is what it is converted from, if it is not spoken."""

    path: Path
    recorded: Path | None
    ready: bool


class PromptLibrary:
    """The sounds of all prompts below `sound_dir`; recordings `<language>/<set>.<prompt>.wav` in `recorded_dir`.

    `<sound_dir>/callcenter/static` holds what is always said the same, `.../dynamic` what had variables in it:
    about `dynamic_files_at_most` files, those unused for longest go first. Close it with `aclose`.
    """

    def __init__(
        self,
        sound_dir: Path,
        recorded_dir: Path | None,
        synthesiser: Synthesiser,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        builds_at_once: int = BUILDS_AT_ONCE,
        dynamic_files_at_most: int = DYNAMIC_FILES_AT_MOST,
    ) -> None:
        self._sound_dir = sound_dir.absolute()
        self._recorded_dir = recorded_dir.absolute() if recorded_dir is not None else None
        self._synthesiser = synthesiser
        self._answer_seconds = answer_seconds
        self._dynamic_files_at_most = dynamic_files_at_most
        self._slots = asyncio.Semaphore(builds_at_once)
        self._builds: dict[Path, asyncio.Task[None]] = {}
        self._made_dynamic = 0
        self._closed = False

    async def path_of(self, utterance: Utterance) -> str | None:
        """The file to play, without its extension; None, with the reason logged, when there is none in time.

        A sound that comes too late for this caller is finished all the same and is there for the next one.
        """
        made = await self._make(utterance, self._answer_seconds)
        if isinstance(made, Path):
            return str(made.with_suffix(""))
        # The words may hold a name: the log gets none of them.
        log.warning("prompt_skipped", prompt=utterance.prompt_id, language=utterance.language, reason=made)
        return None

    async def build_all(
        self,
        prompt_sets: Iterable[PromptSet],
        *,
        also: Iterable[Utterance] = (),
        progress: Callable[[BuildProgress], None] | None = None,
    ) -> tuple[BuildFailure, ...]:
        """Make what is not there yet: every prompt without variables, and `also`. Returns what failed.

        One at a time, so that the sounds callers wait for have a slot of their own.
        """
        wanted = _wanted(prompt_sets, also)
        failures: list[BuildFailure] = []
        for done, utterance in enumerate(wanted, start=1):
            made = await self._make(utterance, BUILD_SECONDS)
            if isinstance(made, str):
                failures.append(BuildFailure(utterance=utterance, reason=made))
            if progress is not None:
                progress(BuildProgress(done=done, total=len(wanted), failed=len(failures)))
        _report(failures)
        return tuple(failures)

    def missing(self, prompt_sets: Iterable[PromptSet], *, also: Iterable[Utterance] = ()) -> list[Utterance]:
        """What `build_all` would have to make."""
        return [utterance for utterance in _wanted(prompt_sets, also) if not self._is_ready(utterance)]

    def sound_of(self, utterance: Utterance) -> PromptSound | None:
        """What would be played now; None when nothing can be. Makes nothing, and reads files."""
        try:
            target = self._target(utterance)
        except (PromptError, OSError):
            return None
        seconds = seconds_of(target.path) if target.ready else None
        return PromptSound(path=target.path, recorded=target.recorded is not None, ready=target.ready, seconds=seconds)

    async def write_stable(self, prompts: PromptSet, only: str | None = None) -> tuple[BuildFailure, ...]:
        """Put every prompt without variables, or `only` this one, where Asterisk finds it without us, by the caller's
        language.

        `apology` in Chinese becomes `<sound_dir>/zh/callcenter/apology.wav`, for `Playback(callcenter/apology)`.
        """
        failures: list[BuildFailure] = []
        wanted = prompts.texts if only is None else {only: prompts.texts[only]}
        for prompt, texts in wanted.items():
            for language in texts:
                utterance = prompts.utterance(prompt, language, {})
                if utterance.prompt_id is None:
                    continue
                made = await self._make(utterance, BUILD_SECONDS)
                if isinstance(made, Path):
                    stable = self._sound_dir / language / "callcenter" / f"{prompt}.wav"
                    try:
                        await asyncio.to_thread(_copy, made, stable)
                    except OSError as error:
                        made = str(error)
                if isinstance(made, str):
                    failures.append(BuildFailure(utterance=utterance, reason=made))
        _report(failures)
        return tuple(failures)

    async def aclose(self) -> None:
        """Stop what is being made and wait until it has stopped."""
        self._closed = True
        builds = list(self._builds.values())
        for build in builds:
            build.cancel()
        await asyncio.gather(*builds, return_exceptions=True)

    async def _make(self, utterance: Utterance, seconds: float) -> Path | str:
        """The file of an utterance, or the reason why there is none."""
        try:
            target = self._target(utterance)
            if target.ready:
                return target.path
            build = self._build_of(utterance, target)
        except (PromptError, OSError) as error:
            return str(error)
        # Many may wait for one build; whoever is cancelled must not take it along.
        done, _ = await asyncio.wait({build}, timeout=seconds)
        if not done:
            return f"it was not made within {seconds:g} s"
        if build.cancelled():
            return "the prompt library was closed"
        failure = build.exception()
        return target.path if failure is None else str(failure) or type(failure).__name__

    def _is_ready(self, utterance: Utterance) -> bool:
        try:
            return self._target(utterance).ready
        except (PromptError, OSError):
            return False

    def _target(self, utterance: Utterance) -> _Target:
        recorded = self._recorded(utterance)
        if recorded is not None and plays_as_it_is(recorded):
            return _Target(path=recorded, recorded=recorded, ready=True)
        if recorded is not None:
            about = recorded.stat()
            content = f"recorded\n{recorded}\n{about.st_mtime_ns}\n{about.st_size}"
        else:
            content = f"{self._synthesiser.settings_of(utterance.language)}\n{utterance.text}"
        digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:32]
        kind = "dynamic" if utterance.prompt_id is None else "static"
        path = self._sound_dir / "callcenter" / kind / f"{utterance.language}-{digest}.wav"
        if not path.is_file():
            return _Target(path=path, recorded=recorded, ready=False)
        with contextlib.suppress(OSError):
            # The time of the last use decides which file goes when there are too many.
            os.utime(path)
        return _Target(path=path, recorded=recorded, ready=True)

    def _recorded(self, utterance: Utterance) -> Path | None:
        if not _LANGUAGE.fullmatch(utterance.language):
            raise PromptNameInvalid(f"{utterance.language!r} is no language: expected two or three small letters")
        if utterance.prompt_id is None:
            return None
        if not _PROMPT_ID.fullmatch(utterance.prompt_id):
            raise PromptNameInvalid(f"{utterance.prompt_id!r} is no prompt: expected <set>.<prompt> in small letters")
        if self._recorded_dir is None:
            return None
        recorded = self._recorded_dir / utterance.language / f"{utterance.prompt_id}.wav"
        return recorded if recorded.is_file() else None

    def _build_of(self, utterance: Utterance, target: _Target) -> asyncio.Task[None]:
        """The one build of this content, begun now or under way."""
        running = self._builds.get(target.path)
        if running is not None:
            return running
        if self._closed:
            raise PromptsOverloaded("the prompt library is closed")
        if len(self._builds) >= BUILDS_WAITING_AT_MOST:
            raise PromptsOverloaded(f"{len(self._builds)} prompts wait to be made already; try again later")
        build = asyncio.create_task(self._build(utterance, target), name=f"prompt {target.path.name}")
        self._builds[target.path] = build
        build.add_done_callback(lambda done: self._built(target.path, done))
        return build

    def _built(self, path: Path, build: asyncio.Task[None]) -> None:
        del self._builds[path]
        if not build.cancelled():
            # Whoever asked may have gone away; the outcome counts as looked at.
            build.exception()

    async def _build(self, utterance: Utterance, target: _Target) -> None:
        async with self._slots:
            unfinished = _unfinished(target.path)
            try:
                if target.recorded is not None:
                    await self._synthesiser.convert(target.recorded, unfinished)
                else:
                    await self._synthesiser.speak(utterance.text, utterance.language, unfinished)
                unfinished.replace(target.path)
            finally:
                unfinished.unlink(missing_ok=True)
        if utterance.prompt_id is None:
            # The first one also clears what an earlier run has left.
            every = min(_EVICTION_EVERY, self._dynamic_files_at_most)
            if self._made_dynamic % every == 0:
                await asyncio.to_thread(_keep_newest, target.path.parent, self._dynamic_files_at_most)
            self._made_dynamic += 1


def _wanted(prompt_sets: Iterable[PromptSet], also: Iterable[Utterance]) -> tuple[Utterance, ...]:
    fixed = (utterance for prompts in prompt_sets for utterance in prompts.fixed_utterances())
    return tuple(dict.fromkeys([*fixed, *also]))


def _report(failures: list[BuildFailure]) -> None:
    # A missing program fails every prompt in the same way: that is one line, not fifty.
    for reason, prompts in Counter(failure.reason for failure in failures).items():
        log.error("prompts_not_built", prompts=prompts, reason=reason)


def _unfinished(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.stem}.{os.getpid()}.part")


def _copy(source: Path, target: Path) -> None:
    sound = source.read_bytes()
    if target.is_file() and target.read_bytes() == sound:
        return
    unfinished = _unfinished(target)
    try:
        unfinished.write_bytes(sound)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _keep_newest(directory: Path, at_most: int) -> None:
    used: list[tuple[int, Path]] = []
    for path in directory.iterdir():
        try:
            used.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    used.sort(reverse=True)
    for _, path in used[at_most:]:
        path.unlink(missing_ok=True)
