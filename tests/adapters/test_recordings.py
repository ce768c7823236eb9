"""Recordings of prompts, through the real sox: every format, silence, loudness, and what is refused."""

import asyncio
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from callcenter.app.prompt_book import PromptKey, RecordingChange
from callcenter.asterisk.conversion import (
    HIGHEST_PEAK_DB,
    LEAD_SECONDS,
    SPEECH_LEVEL_DB,
    TAIL_SECONDS,
    RecordingRefused,
    SoxConverter,
    SoxMissing,
    format_of,
    speech_level_db,
)
from callcenter.asterisk.prompts import PromptLibrary
from callcenter.asterisk.recorded_prompts import VERSIONS_KEPT, RecordedPrompts
from callcenter.asterisk.synthesis import EspeakSynthesiser, plays_as_it_is
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.ivr.reader import parse_prompts
from tests.adapters.sounds import encoded, loudest_hertz, samples_of, tone
from tests.fakes import START

pytestmark = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("sox")), reason="espeak-ng and sox are not installed"
)

HELLO = PromptKey(prompt_set="trial", prompt="hello", language="en")
SET = parse_prompts("prompt_set: trial\nlanguages: [en]\nprompts:\n  hello: {en: Hello there.}\n", "t.yaml")
SAID = SET.utterance("hello", "en", {})


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def written(path: Path, sound: bytes) -> Path:
    path.write_bytes(sound)
    return path


CD = tone(seconds=1.5, silence_seconds=0.7, rate=44_100, channels=2)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("wav", CD),
        ("wav", encoded(CD, "wav", "-e", "mu-law")),
        ("wav", encoded(CD, "wav", "-b", "24")),
        ("wav", encoded(CD, "wav", "-e", "floating-point", "-b", "32")),
        ("flac", encoded(CD, "flac")),
        ("ogg", encoded(CD, "vorbis")),
        ("aiff", encoded(CD, "aiff")),
        ("au", encoded(CD, "au")),
        ("amr", encoded(CD, "amr-nb", "-r", "8000", "-c", "1")),
    ],
)
async def test_each_format_becomes_what_asterisk_plays(tmp_path: Path, name: str, sound: bytes) -> None:
    target = tmp_path / "out.wav"
    made = await SoxConverter().convert(written(tmp_path / "upload", sound), target)
    assert (made.format, plays_as_it_is(target)) == (name, True)
    samples = samples_of(target)
    # AMR is made for speech: it carries a tone roughly.
    assert loudest_hertz(samples) == pytest.approx(440, abs=8)
    assert made.seconds == pytest.approx(len(samples) / 8_000, abs=0.01)
    assert made.seconds == pytest.approx(1.5 + LEAD_SECONDS + TAIL_SECONDS, abs=0.08)
    assert made.level_db == pytest.approx(SPEECH_LEVEL_DB, abs=0.5)


@pytest.mark.parametrize("level_db", [-44.0, -30.0, -12.0, -8.0])
async def test_every_recording_is_as_loud_as_the_voice(tmp_path: Path, level_db: float) -> None:
    voice = tmp_path / "voice.wav"
    await EspeakSynthesiser().speak("Thank you for calling. How may we help you today?", "en", voice)
    spoken = samples_of(voice)
    # The same voice, recorded at another level.
    gain = level_db - speech_level_db(spoken)
    quieter = tmp_path / "quieter.wav"
    process = await asyncio.create_subprocess_exec(
        "sox", "-V1", str(voice), "-b", "24", str(quieter), "gain", f"{gain}"
    )
    assert await process.wait() == 0
    made = await SoxConverter().convert(quieter, tmp_path / "out.wav")
    samples = samples_of(tmp_path / "out.wav")
    assert speech_level_db(samples) == pytest.approx(speech_level_db(spoken), abs=1.5)
    assert 20 * np.log10(np.abs(samples).max()) <= HIGHEST_PEAK_DB + 0.05
    assert made.came_level_db == pytest.approx(level_db, abs=1.5)


async def test_the_shipped_voices_have_the_level_that_recordings_are_brought_to(tmp_path: Path) -> None:
    texts = {
        "zh": "感谢您的耐心等待，您的排队位置已为您保留。",
        "en": "Thank you for waiting. Your place in line is kept.",
    }
    for language, text in texts.items():
        await EspeakSynthesiser().speak(text, language, tmp_path / "voice.wav")
        assert speech_level_db(samples_of(tmp_path / "voice.wav")) == pytest.approx(SPEECH_LEVEL_DB, abs=2.0), language


async def test_silence_is_cut_off_at_both_ends_and_nowhere_else(tmp_path: Path) -> None:
    pause = tone(seconds=0.4, silence_seconds=1.0, rate=8_000)
    upload = tmp_path / "upload.wav"
    upload.write_bytes(pause)
    twice = tmp_path / "twice.wav"
    process = await asyncio.create_subprocess_exec("sox", "-V1", str(upload), str(upload), str(twice))
    assert await process.wait() == 0
    made = await SoxConverter().convert(twice, tmp_path / "out.wav")
    assert made.seconds == pytest.approx(0.4 + 2.0 + 0.4 + LEAD_SECONDS + TAIL_SECONDS, abs=0.05)


def bomb() -> bytes:
    """Two hours, in a FLAC of few bytes."""
    command = ["sox", "-V1", "-r", "8000", "-n", "-c", "1", "-t", "flac", "-C", "8", "-", "trim", "0", "7200"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout


async def test_a_small_file_that_holds_hours_is_refused_and_fills_no_disk(tmp_path: Path) -> None:
    upload = written(tmp_path / "upload", bomb())
    assert upload.stat().st_size < 500_000
    with pytest.raises(RecordingRefused, match="longer than 5 minutes") as refused:
        await SoxConverter().convert(upload, tmp_path / "out.wav")
    assert refused.value.code == "recording_too_long"
    assert names_in(tmp_path) == ["upload"]


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (b"", "recording_empty"),
        (b"Dear Sir, please find attached our welcome text.\n" * 50, "recording_format"),
        (b"#EXTM3U\nhttp://127.0.0.1:1/x.wav\n", "recording_format"),
        (b"/etc/passwd\n", "recording_format"),
        (b"\x1a\x45\xdf\xa3" + b"\x00" * 400, "recording_format"),
        (tone()[:30], "recording_broken"),
        (b"fLaC" + b"\xff" * 900, "recording_broken"),
        (tone(level_db=-80), "recording_silent"),
        (tone(seconds=0.05), "recording_too_short"),
        (tone(seconds=301), "recording_too_long"),
    ],
)
async def test_what_cannot_be_a_prompt_is_refused_with_its_reason(tmp_path: Path, sound: bytes, code: str) -> None:
    upload = written(tmp_path / "upload", sound)
    with pytest.raises(RecordingRefused) as refused:
        await SoxConverter().convert(upload, tmp_path / "out.wav")
    assert refused.value.code == code
    assert str(tmp_path) not in str(refused.value)
    assert names_in(tmp_path) == ["upload"]


async def test_a_format_that_this_sox_lacks_names_those_it_has(tmp_path: Path) -> None:
    formats = await SoxConverter().formats()
    assert {"wav", "flac", "ogg", "aiff", "amr"} <= set(formats)
    mp3 = written(tmp_path / "upload", b"\xff\xfb\x94\xc4" + b"\x00" * 400)
    assert format_of(mp3.read_bytes()) == "mp3"
    with pytest.raises(RecordingRefused) as refused:
        await SoxConverter().convert(mp3, tmp_path / "out.wav")
    if "mp3" not in formats:
        assert "wav" in str(refused.value)
        assert "libsox-fmt-mp3" in str(refused.value)


TONE_M4A = Path(__file__).parent / "samples" / "tone.m4a"
"""A second of 700 Hz, by an AAC encoder."""


def telephone_sound(tmp_path: Path, name: str) -> Path:
    """A second of a tone in this format; skipped where nothing here makes it."""
    path = tmp_path / "made" / f"tone.{name}"
    path.parent.mkdir()
    if name == "m4a":
        shutil.copyfile(TONE_M4A, path)
        return path
    plain = written(path.with_suffix(".wav"), tone(seconds=1.0))
    command = ["opusenc", "--quiet", str(plain), str(path)] if name == "opus" else ["sox", str(plain), str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        plain.unlink()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"nothing here makes {name}")
    return path


@pytest.mark.parametrize("name", ["mp3", "opus", "m4a"])
async def test_what_telephones_record_is_taken(tmp_path: Path, name: str) -> None:
    upload, target = telephone_sound(tmp_path, name), tmp_path / "out.wav"
    assert format_of(upload.read_bytes()) == name
    if name not in await SoxConverter().formats():
        pytest.skip(f"nothing here reads {name}")
    sound = await SoxConverter().convert(upload, target)
    assert sound.format == name
    assert 0.8 < sound.seconds < 1.3
    assert abs(sound.level_db - SPEECH_LEVEL_DB) < 0.5
    assert names_in(tmp_path) == ["made", "out.wav"]
    if name == "mp3":  # Each of its frames is a sound of its own.
        return
    cut_off = written(tmp_path / "cut", upload.read_bytes()[:300])
    with pytest.raises(RecordingRefused) as refused:
        await SoxConverter().convert(cut_off, tmp_path / "cut.wav")
    assert refused.value.code in {"recording_broken", "recording_too_short"}


@pytest.mark.parametrize(("name", "program", "package"), [("opus", "opusdec", "opus-tools"), ("m4a", "faad", "faad")])
async def test_a_decoder_that_is_missing_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str, package: str
) -> None:
    only_sox = tmp_path / "programs"
    only_sox.mkdir()
    (only_sox / "sox").write_text('#!/bin/sh\necho "AUDIO FILE FORMATS: wav flac"\n')
    (only_sox / "sox").chmod(0o755)
    monkeypatch.setenv("PATH", str(only_sox))
    head = b"OggS" + b"\0" * 24 + b"OpusHead" if name == "opus" else b"\0\0\0\x20ftypM4A "
    upload = written(tmp_path / "upload", head + b"\0" * 400)
    assert shutil.which(program) is None
    with pytest.raises(RecordingRefused, match=f"it reads wav, flac; for {name}: apt-get install {package}"):
        await SoxConverter().convert(upload, tmp_path / "out.wav")


async def test_a_decoder_that_never_ends_is_ended_with_the_longest_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "programs"
    endless.mkdir()
    (endless / "opusdec").write_text("#!/bin/sh\nexec sox -n -b 16 -r 8000 -c 1 -t wav - synth 360000 sine 700\n")
    (endless / "opusdec").chmod(0o755)
    monkeypatch.setenv("PATH", f"{endless}{os.pathsep}{os.environ['PATH']}")
    upload = written(tmp_path / "upload", b"OggS" + b"\0" * 24 + b"OpusHead" + b"\0" * 400)
    with pytest.raises(RecordingRefused, match="longer than 5 minutes"):
        await SoxConverter().convert(upload, tmp_path / "out.wav")
    assert names_in(tmp_path) == ["programs", "upload"]


async def test_a_sox_that_hangs_is_ended_and_a_missing_one_is_told(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging"
    hanging.write_text('#!/bin/sh\n[ "$1" = --help ] && echo "AUDIO FILE FORMATS: wav" && exit\nexec sleep 600\n')
    hanging.chmod(0o755)
    upload = written(tmp_path / "upload", tone())
    with pytest.raises(RecordingRefused, match=r"longer than 0\.3 s"):
        await SoxConverter(sox=str(hanging), seconds=0.3).convert(upload, tmp_path / "out.wav")
    with pytest.raises(SoxMissing, match="apt-get install sox"):
        await SoxConverter(sox=str(tmp_path / "none")).convert(upload, tmp_path / "out.wav")


# ---- the files


def recordings(tmp_path: Path) -> RecordedPrompts:
    return RecordedPrompts(tmp_path / "recorded", SoxConverter())


async def record(kept: RecordedPrompts, hertz: float, *, by: str = "admin", minutes: int = 0) -> int:
    with kept.upload_file() as place:
        place.write_bytes(tone(hertz=hertz))
        return (await kept.add(HELLO, place, by=by, at=START + timedelta(minutes=minutes))).version


def in_use(tmp_path: Path) -> Path:
    return tmp_path / "recorded" / "en" / "trial.hello.wav"


async def test_a_recording_is_played_at_once_and_the_voice_again_when_it_is_taken_away(tmp_path: Path) -> None:
    kept = recordings(tmp_path)
    library = PromptLibrary(tmp_path / "sounds", tmp_path / "recorded", EspeakSynthesiser())
    spoken = await library.path_of(SAID)
    await record(kept, 700)
    recorded = await library.path_of(SAID)
    assert recorded == str(in_use(tmp_path).with_suffix(""))
    assert loudest_hertz(samples_of(in_use(tmp_path))) == pytest.approx(700, abs=3)
    sound = library.sound_of(SAID)
    assert sound is not None
    assert (sound.recorded, sound.ready) == (True, True)
    assert sound.seconds == pytest.approx(1.0, abs=0.02)
    await kept.remove(HELLO, by="admin", at=START)
    assert await library.path_of(SAID) == spoken
    await library.aclose()
    with pytest.raises(NotFound):
        await kept.remove(HELLO, by="admin", at=START)


async def test_what_was_replaced_or_removed_can_be_had_back(tmp_path: Path) -> None:
    kept = recordings(tmp_path)
    assert await record(kept, 500, by="li") == 1
    assert await record(kept, 900, by="chen", minutes=1) == 2
    await kept.remove(HELLO, by="li", at=START + timedelta(minutes=2))
    assert kept.newest(HELLO) is None
    await kept.restore(HELLO, 1, by="li", at=START + timedelta(minutes=3))
    told = [(entry.version, entry.change, entry.by, entry.restored) for entry in kept.history(HELLO)]
    assert told == [
        (4, RecordingChange.RESTORED, "li", 1),
        (3, RecordingChange.REMOVED, "li", None),
        (2, RecordingChange.RECORDED, "chen", None),
        (1, RecordingChange.RECORDED, "li", None),
    ]
    assert loudest_hertz(samples_of(in_use(tmp_path))) == pytest.approx(500, abs=3)
    assert loudest_hertz(samples_of(kept.file(HELLO, 2))) == pytest.approx(900, abs=3)
    newest = kept.newest(HELLO)
    assert newest is not None
    assert newest.sound is not None
    assert newest.sound.format == "wav"
    with pytest.raises(NotFound):
        await kept.restore(HELLO, 3, by="li", at=START)
    assert list((tmp_path / "recorded" / "incoming").iterdir()) == []


async def test_a_file_put_there_by_hand_is_kept_before_it_is_replaced(tmp_path: Path) -> None:
    kept = recordings(tmp_path)
    in_use(tmp_path).parent.mkdir(parents=True)
    in_use(tmp_path).write_bytes(tone(hertz=300))
    assert kept.newest(HELLO) is None
    await record(kept, 900)
    await kept.restore(HELLO, 1, by="li", at=START)
    assert loudest_hertz(samples_of(in_use(tmp_path))) == pytest.approx(300, abs=3)
    changes = [entry.change for entry in kept.history(HELLO)]
    assert changes == [RecordingChange.RESTORED, RecordingChange.RECORDED, RecordingChange.FOUND]


async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    kept = recordings(tmp_path)
    await record(kept, 500)
    before = in_use(tmp_path).read_bytes()
    with kept.upload_file() as place:
        place.write_bytes(b"no sound")
        with pytest.raises(RecordingRefused):
            await kept.add(HELLO, place, by="li", at=START)
    assert in_use(tmp_path).read_bytes() == before
    assert len(kept.history(HELLO)) == 1


async def test_many_changes_at_once_are_one_after_the_other_and_the_oldest_go(tmp_path: Path) -> None:
    kept = recordings(tmp_path)
    with kept.upload_file() as place:
        place.write_bytes(tone())
        await kept.add(HELLO, place, by="li", at=START)
    many = VERSIONS_KEPT + 5
    await asyncio.gather(*(kept.restore(HELLO, kept.history(HELLO)[0].version, by="li", at=START) for _ in range(3)))
    for _ in range(many):
        await kept.restore(HELLO, kept.history(HELLO)[0].version, by="li", at=START)
    versions = [entry.version for entry in kept.history(HELLO)]
    assert versions == list(range(many + 4, many + 4 - VERSIONS_KEPT, -1))
    assert in_use(tmp_path).is_file()


@pytest.mark.parametrize("name", ["../secret", "a/b", "", "A", "hello.wav", "x" * 49])
async def test_no_name_becomes_a_path(tmp_path: Path, name: str) -> None:
    kept = recordings(tmp_path)
    for key in (
        PromptKey(prompt_set=name, prompt="hello", language="en"),
        PromptKey(prompt_set="trial", prompt=name, language="en"),
        PromptKey(prompt_set="trial", prompt="hello", language=name),
    ):
        with kept.upload_file() as place:
            place.write_bytes(tone())
            with pytest.raises(InvalidValue):
                await kept.add(key, place, by="li", at=START)
