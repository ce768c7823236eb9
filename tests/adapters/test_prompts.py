"""The prompt library, on a synthesiser that obeys the test and on the real programs."""

from __future__ import annotations

import array
import asyncio
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callcenter.asterisk.prompts import BuildProgress, PromptLibrary, Synthesiser
from callcenter.asterisk.synthesis import (
    DEFAULT_VOICES,
    EspeakSynthesiser,
    SynthesiserMissing,
    SynthesisFailed,
    VoiceSettings,
    plays_as_it_is,
)
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.reader import parse_flow, parse_prompts
from tests.patience import PATIENCE_SECONDS

FLOWS = Path(__file__).parents[2] / "ivr_flows"
programs = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("sox")), reason="espeak-ng and sox are not installed"
)

HELLO = Utterance(language="en", prompt_id="trial.hello", text="Hello.")
NAMED = Utterance(language="en", prompt_id=None, text="Hello, Ann.")
SET = parse_prompts(
    "prompt_set: trial\nlanguages: [en]\nprompts:\n  hello: {en: Hello.}\n  bye: {en: Bye.}\n", "t.yaml"
)


def write_wav(path: Path, *, rate: int = 8_000, channels: int = 1, level: int = 8_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        # Two seconds of a tone of 400 Hz.
        values = [level if 800 * at // rate % 2 else -level for at in range(2 * rate) for _ in range(channels)]
        sound.writeframes(array.array("h", values).tobytes())


def half_write(path: Path) -> None:
    path.write_bytes(b"half")


class ScriptedSynthesiser:
    """Speaks at once, or when `gate` opens; notes what it was asked; fails with `failure` if there is one."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.spoken: list[str] = []
        self.converted: list[Path] = []
        self.at_once = 0
        self.most_at_once = 0
        self.failure: Exception | None = None
        self.settings = "1"

    def settings_of(self, language: str) -> str:
        return f"{language} {self.settings}"

    async def speak(self, text: str, language: str, target: Path) -> None:
        self.spoken.append(text)
        await self._make(target)

    async def convert(self, recorded: Path, target: Path) -> None:
        self.converted.append(recorded)
        await self._make(target)

    async def _make(self, target: Path) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            half_write(target)
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            write_wav(target)
        finally:
            self.at_once -= 1


Library = Callable[..., PromptLibrary]


@pytest.fixture
def synthesiser() -> ScriptedSynthesiser:
    return ScriptedSynthesiser()


@pytest.fixture
async def library(tmp_path: Path, synthesiser: ScriptedSynthesiser) -> AsyncIterator[Library]:
    made: list[PromptLibrary] = []

    def make(
        speaker: Synthesiser = synthesiser, *, answer_seconds: float = 30.0, dynamic_files_at_most: int = 100
    ) -> PromptLibrary:
        made.append(
            PromptLibrary(
                tmp_path / "sounds",
                tmp_path / "recorded",
                speaker,
                answer_seconds=answer_seconds,
                dynamic_files_at_most=dynamic_files_at_most,
            )
        )
        return made[-1]

    yield make
    for prompts in made:
        await prompts.aclose()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - the condition is the library's, it sets no event
            await asyncio.sleep(0.005)


def sound_of(path: str | None) -> Path:
    assert path is not None
    assert not path.endswith(".wav")
    return Path(path + ".wav")


def leftovers(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".wav"]


async def test_an_utterance_is_spoken_once_and_kept(library: Library, synthesiser: ScriptedSynthesiser) -> None:
    prompts = library()
    first = sound_of(await prompts.path_of(NAMED))
    assert plays_as_it_is(first)
    assert sound_of(await prompts.path_of(NAMED)) == first
    assert sound_of(await library().path_of(NAMED)) == first
    assert synthesiser.spoken == ["Hello, Ann."]


async def test_another_voice_means_another_file(library: Library, synthesiser: ScriptedSynthesiser) -> None:
    first = await library().path_of(NAMED)
    synthesiser.settings = "2"
    assert await library().path_of(NAMED) != first


async def test_many_who_want_the_same_wait_for_one_build(library: Library, synthesiser: ScriptedSynthesiser) -> None:
    prompts = library()
    synthesiser.gate.clear()
    waiting = [asyncio.create_task(prompts.path_of(NAMED)) for _ in range(20)]
    await until(lambda: synthesiser.at_once == 1)
    # One caller hanging up must not take the sound away from the others.
    waiting[0].cancel()
    synthesiser.gate.set()
    paths = await asyncio.gather(*waiting[1:])
    assert len(set(paths)) == 1
    assert paths[0] is not None
    assert synthesiser.spoken == ["Hello, Ann."]
    await asyncio.gather(waiting[0], return_exceptions=True)


async def test_no_more_than_two_are_made_at_once(library: Library, synthesiser: ScriptedSynthesiser) -> None:
    prompts = library()
    synthesiser.gate.clear()
    names = [Utterance(language="en", prompt_id=None, text=f"Hello, {name}.") for name in "abcdef"]
    waiting = [asyncio.create_task(prompts.path_of(named)) for named in names]
    await until(lambda: synthesiser.at_once == 2)
    synthesiser.gate.set()
    assert None not in await asyncio.gather(*waiting)
    assert synthesiser.most_at_once == 2


async def test_a_sound_that_comes_late_is_skipped_and_there_for_the_next_caller(
    library: Library, synthesiser: ScriptedSynthesiser
) -> None:
    prompts = library(answer_seconds=0.01)
    synthesiser.gate.clear()
    with capture_logs() as logs:
        assert await prompts.path_of(NAMED) is None
    assert [entry["reason"] for entry in logs] == ["it was not made within 0.01 s"]
    synthesiser.gate.set()
    await until(lambda: not prompts.missing([], also=[NAMED]))
    assert await prompts.path_of(NAMED) is not None


async def test_a_failure_is_logged_without_the_words_and_leaves_nothing(
    library: Library, synthesiser: ScriptedSynthesiser, tmp_path: Path
) -> None:
    prompts = library()
    synthesiser.failure = SynthesisFailed("espeak-ng failed (1)")
    with capture_logs() as logs:
        assert await prompts.path_of(NAMED) is None
    assert [entry["reason"] for entry in logs] == ["espeak-ng failed (1)"]
    assert "Ann" not in str(logs)
    synthesiser.failure = OSError(28, "No space left on device")
    assert await prompts.path_of(NAMED) is None
    assert leftovers(tmp_path) == []
    synthesiser.failure = None
    assert await prompts.path_of(NAMED) is not None


async def test_a_recording_takes_the_place_of_the_voice(
    library: Library, synthesiser: ScriptedSynthesiser, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded" / "en" / "trial.hello.wav"
    write_wav(recorded)
    assert sound_of(await library().path_of(HELLO)) == recorded
    assert synthesiser.spoken == []


async def test_a_recording_of_another_format_is_converted_and_again_when_it_changes(
    library: Library, synthesiser: ScriptedSynthesiser, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded" / "en" / "trial.hello.wav"
    write_wav(recorded, rate=44_100, channels=2)
    first = sound_of(await library().path_of(HELLO))
    assert plays_as_it_is(first)
    write_wav(recorded, rate=22_050)
    assert sound_of(await library().path_of(HELLO)) != first
    assert synthesiser.converted == [recorded, recorded]


@pytest.mark.parametrize(
    "bad",
    [
        Utterance(language="en", prompt_id="../../secret", text="x"),
        Utterance(language="en", prompt_id="trial./etc/passwd", text="x"),
        Utterance(language="../en", prompt_id="trial.hello", text="x"),
        Utterance(language="../en", prompt_id=None, text="x"),
    ],
)
async def test_a_prompt_is_never_a_path(library: Library, synthesiser: ScriptedSynthesiser, bad: Utterance) -> None:
    with capture_logs() as logs:
        assert await library().path_of(bad) is None
    assert len(logs) == 1
    assert synthesiser.spoken == []


async def test_building_makes_what_is_missing_and_tells_how_far_it_is(
    library: Library, synthesiser: ScriptedSynthesiser
) -> None:
    prompts = library()
    await prompts.path_of(HELLO)
    assert [said.text for said in prompts.missing([SET], also=[NAMED])] == ["Bye.", "Hello, Ann."]
    told: list[BuildProgress] = []
    assert await prompts.build_all([SET], also=[NAMED], progress=told.append) == ()
    assert told[-1] == BuildProgress(done=3, total=3, failed=0)
    assert synthesiser.spoken == ["Hello.", "Bye.", "Hello, Ann."]
    assert prompts.missing([SET], also=[NAMED]) == []


async def test_the_same_reason_for_every_prompt_is_one_line(library: Library, synthesiser: ScriptedSynthesiser) -> None:
    synthesiser.failure = SynthesiserMissing("sox is not installed")
    with capture_logs() as logs:
        failures = await library().build_all([SET])
    assert [failure.reason for failure in failures] == ["sox is not installed"] * 2
    assert [(entry["prompts"], entry["reason"]) for entry in logs] == [(2, "sox is not installed")]


async def test_stable_names_are_where_asterisk_looks_by_language(
    library: Library, synthesiser: ScriptedSynthesiser, tmp_path: Path
) -> None:
    queue = parse_prompts((FLOWS / "prompts" / "queue.yaml").read_text(encoding="utf-8"), "queue.yaml")
    prompts = library()
    assert await prompts.write_stable(queue) == ()
    for language in ("zh", "en"):
        assert plays_as_it_is(tmp_path / "sounds" / language / "callcenter" / "apology.wav")
    assert not (tmp_path / "sounds" / "en" / "callcenter" / "position.wav").exists()
    count = len(synthesiser.spoken)
    assert await prompts.write_stable(queue) == ()
    assert len(synthesiser.spoken) == count
    assert leftovers(tmp_path) == []


async def test_sounds_with_variables_do_not_grow_without_bound(library: Library, tmp_path: Path) -> None:
    prompts = library(dynamic_files_at_most=5)
    await prompts.path_of(HELLO)
    for number in range(40):
        kept = await prompts.path_of(Utterance(language="en", prompt_id=None, text=f"Number {number}."))
    assert sound_of(kept).is_file()
    assert len(list((tmp_path / "sounds" / "callcenter" / "dynamic").iterdir())) <= 10
    assert prompts.missing([], also=[HELLO]) == []


async def test_closing_ends_what_is_being_made(
    library: Library, synthesiser: ScriptedSynthesiser, tmp_path: Path
) -> None:
    prompts = library()
    synthesiser.gate.clear()
    waiting = asyncio.create_task(prompts.path_of(NAMED))
    await until(lambda: synthesiser.at_once == 1)
    await prompts.aclose()
    assert await waiting is None
    assert await prompts.path_of(NAMED) is None
    assert leftovers(tmp_path) == []


async def test_a_missing_program_is_told_with_its_package(library: Library, tmp_path: Path) -> None:
    absent = EspeakSynthesiser(espeak=str(tmp_path / "espeak-ng"), sox=str(tmp_path / "sox"))
    told = "espeak-ng is not installed, so prompts cannot be made: apt-get install espeak-ng"
    assert absent.problems()[0] == told
    with capture_logs() as logs:
        assert await library(absent).path_of(HELLO) is None
    assert [entry["reason"] for entry in logs] == [told]


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging = tmp_path / "espeak-ng"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    with pytest.raises(SynthesisFailed, match=r"took longer than 0\.2 s"):
        await EspeakSynthesiser(espeak=str(hanging), program_seconds=0.2).speak("Hello.", "en", tmp_path / "x.wav")


async def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    failing = tmp_path / "espeak-ng"
    failing.write_text("#!/bin/sh\ncat >/dev/null\necho 'no such voice' >&2\nexit 3\n")
    failing.chmod(0o755)
    with pytest.raises(SynthesisFailed, match=r"failed \(3\): no such voice"):
        await EspeakSynthesiser(espeak=str(failing)).speak("Hello.", "en", tmp_path / "x.wav")


def loudness(path: Path) -> tuple[float, int, float]:
    """Length in seconds, peak, and the share of tenths of a second in which something is heard."""
    with wave.open(str(path), "rb") as sound:
        samples = array.array("h", sound.readframes(sound.getnframes()))
    parts = [samples[at : at + 800] for at in range(0, len(samples), 800)]
    heard = sum(max(part) > 1_000 for part in parts)
    return len(samples) / 8_000, max(max(samples), -min(samples)), heard / len(parts)


@programs
async def test_every_shipped_prompt_is_heard(library: Library) -> None:
    flows = [parse_flow(path.read_text(encoding="utf-8"), path.name) for path in sorted(FLOWS.glob("*.yaml"))]
    queue = parse_prompts((FLOWS / "prompts" / "queue.yaml").read_text(encoding="utf-8"), "queue.yaml")
    sets = [*(flow.prompts for flow in flows), queue]
    prompts = library(EspeakSynthesiser())
    assert await prompts.build_all(sets) == ()
    spoken = {said for texts in sets for said in texts.fixed_utterances()}
    assert {said.language for said in spoken} == {"zh", "en"}
    for said in spoken:
        sound = sound_of(await prompts.path_of(said))
        assert plays_as_it_is(sound)
        seconds, peak, heard = loudness(sound)
        # Speech, neither spelled out nor cut short: four to five Chinese signs a second, about fifteen English letters.
        assert len(said.text) / (9 if said.language == "zh" else 30) < seconds < 2 + len(said.text) / 2, said
        assert 15_000 < peak < 32_000, said
        assert heard > 0.4, said


@programs
async def test_a_recording_is_converted_by_sox(tmp_path: Path) -> None:
    write_wav(tmp_path / "-stereo.wav", rate=44_100, channels=2)
    await EspeakSynthesiser().convert(tmp_path / "-stereo.wav", tmp_path / "out.wav")
    assert plays_as_it_is(tmp_path / "out.wav")


@programs
async def test_silence_is_no_prompt(tmp_path: Path) -> None:
    write_wav(tmp_path / "silent.wav", rate=16_000, level=0)
    with pytest.raises(SynthesisFailed, match="silence"):
        await EspeakSynthesiser().convert(tmp_path / "silent.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


@programs
async def test_words_of_any_kind_are_text_and_never_options(tmp_path: Path) -> None:
    speak = EspeakSynthesiser().speak
    for number, text in enumerate(["--version", "-w x.wav", "$(reboot); `id`", 'O\'Brien & "Söhne"', "😀 Ann\n\nBob"]):
        await speak(text, "en", tmp_path / f"{number}.wav")
        assert plays_as_it_is(tmp_path / f"{number}.wav")
    assert not (Path.cwd() / "x.wav").exists()


def phonemes(text: str, settings: VoiceSettings) -> str:
    command = ["espeak-ng", "-v", settings.voice, "-b", "1", "-x", "-q", "--stdin"]
    return subprocess.run(
        command, input=text.encode(), capture_output=True, check=True, timeout=PATIENCE_SECONDS
    ).stdout.decode()


@programs
@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("您好", ["ni35n", "XAu214"]),
        ("第三位", ["sa55n", "wei51"]),
        ("请按1", ["tS;hi21N", "ji55"]),
        ("十二", ["s.i.35", "@r51"]),
    ],
)
def test_the_chinese_voice_speaks_mandarin_and_does_not_spell(text: str, syllables: list[str]) -> None:
    said = phonemes(text, DEFAULT_VOICES["zh"]).replace("'", "")
    assert all(syllable in said for syllable in syllables), said
    # "(en)" marks where the voice falls back to English, as when it reads pinyin letter by letter.
    assert "(en)" not in said
