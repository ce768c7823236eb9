"""The tools that listen to flows, on made sound: each prompt is known again, each silence is found."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from callcenter.asterisk.synthesis import EspeakSynthesiser, SynthesisFailed
from tests.e2e.ivr_house import DIALLED, FLOWS, shipped_flows, shipped_prompts
from tests.e2e.prompt_tones import Samples, queue_prompts
from tests.e2e.rtp import FRAME_SAMPLES, FRAME_SECONDS, HeardFrame, encode_sample
from tests.e2e.silences import Silence, first_sound, silences
from tests.e2e.tone_voice import Listener, Said, ToneVoice

pytestmark = pytest.mark.e2e

ALAW, ULAW = 8, 0
QUIET = np.zeros(8_000)


def frames(sound: Samples, payload_type: int = ALAW, *, at: float = 0.0) -> list[HeardFrame]:
    """A sound as it comes over the line, in packets on time."""
    codes = {int(value): encode_sample(payload_type, int(value)) for value in np.unique(sound.round())}
    payload = bytes(codes[int(value)] for value in sound.round())
    return [
        HeardFrame(at + index * FRAME_SECONDS, payload_type, payload[start : start + FRAME_SAMPLES])
        for index, start in enumerate(range(0, len(payload), FRAME_SAMPLES))
    ]


def hum(seconds: float, level: float = 300.0) -> Samples:
    return level * np.sin(np.arange(round(seconds * 8_000)) / 10)


@pytest.mark.parametrize("payload_type", [ALAW, ULAW])
def test_each_prompt_there_is_can_be_told_from_every_other(payload_type: int) -> None:
    voice = ToneVoice(shipped_prompts())
    for said in voice.every:
        listener = Listener(voice, frames(np.concatenate([QUIET[:370], voice.tones_of(said.language, said.prompt)])))
        (heard,) = listener.heard()
        assert heard.is_(said.language, said.prompt)


def test_no_shipped_flow_is_forgotten() -> None:
    assert shipped_flows() == {*DIALLED, "identify", "survey"}


def test_prompts_are_heard_in_order_and_one_said_twice_is_heard_twice() -> None:
    voice = ToneVoice(shipped_prompts())
    spoken = [("zh", "main.welcome"), ("en", "main.welcome"), ("en", "main.welcome"), ("en", "queue.position")]
    sound: list[Samples] = []
    for language, prompt in spoken:
        sound += [voice.tones_of(language, prompt), QUIET[:900]]
    heard = Listener(voice, frames(np.concatenate(sound))).heard()
    assert [item.is_(*said) for item, said in zip(heard, spoken, strict=True)] == [True] * 4


def test_neither_music_nor_noise_nor_one_tone_is_a_prompt() -> None:
    voice = ToneVoice(shipped_prompts())
    chance = np.random.default_rng(1)
    at = np.arange(80_000) / 8_000
    chord = sum(4_000 * np.sin(2 * np.pi * hertz * at) for hertz in (262, 330, 392, 523, 1_046))
    for sound in (chance.normal(0, 3_000, 80_000), chord, 8_000 * np.sin(2 * np.pi * 1_060 * at)):
        assert Listener(voice, frames(np.clip(sound, -32_000, 32_000))).heard() == []


async def test_what_comes_out_of_order_is_told_with_all_that_was_heard() -> None:
    voice = ToneVoice(shipped_prompts())
    line = frames(voice.tones_of("zh", "sales.welcome"))
    with pytest.raises(AssertionError, match=r"zh:sales\.welcome was heard where en:sales\.welcome was to come"):
        await Listener(voice, line).hears("en", "sales.welcome")
    with pytest.raises(AssertionError, match=r"was not heard within 0 s; heard: nothing"):
        await Listener(voice, []).hears("en", "sales.welcome", seconds=0)
    with pytest.raises(ValueError, match="no flow says"):
        await Listener(voice, line).hears("en", "sales.goodbye")


async def test_the_voice_stands_in_espeak_s_place_and_its_words_can_be_read(tmp_path: Path) -> None:
    voice = ToneVoice(shipped_prompts())
    voice.install(tmp_path)
    speaker = EspeakSynthesiser(espeak=str(tmp_path / "espeak-ng"))
    target = tmp_path / "said.wav"
    said = queue_prompts(FLOWS).utterance("position", "zh", {"position": 3})
    await speaker.speak(said.text, said.language, target)
    samples = np.frombuffer(target.read_bytes()[44:], dtype="<i2").astype(float)
    (heard,) = Listener(voice, frames(samples)).heard()
    assert heard.prompts == {Said("zh", "queue.position")}
    assert voice.said("zh", "queue.position") == ["您现在排在第三位。"]
    assert voice.said("en", "queue.position") == []
    with pytest.raises(SynthesisFailed, match=r"no prompt has these words: Hello\?"):
        await speaker.speak("Hello?", "zh", target)


def found(heard: Iterable[HeardFrame], until: float, longer_than: float = 2.0) -> list[Silence]:
    return [Silence(round(s.since, 2), round(s.seconds, 2)) for s in silences(heard, 0, until, longer_than=longer_than)]


def test_silence_is_found_where_packets_are_silent_and_where_there_are_none() -> None:
    silent_packets = frames(np.concatenate([hum(1.0), np.zeros(20_000), hum(1.0)]))
    assert found(silent_packets, 4.5) == [Silence(0.98, 2.52)]
    no_packets = [*frames(hum(1.0)), *frames(hum(1.0), at=3.5)]
    assert found(no_packets, 4.5) == [Silence(0.98, 2.52)]


def test_a_line_is_silent_from_the_answer_on_and_to_the_end() -> None:
    assert found(frames(hum(1.0), at=3.0), 4.0) == [Silence(0.0, 3.0)]
    assert found(frames(hum(1.0)), 4.0) == [Silence(0.98, 3.02)]
    assert found([], 2.5) == [Silence(0.0, 2.5)]
    assert found(frames(hum(9.0)), 4.0) == []


def test_a_short_silence_is_none_and_faint_music_is_sound() -> None:
    assert found(frames(np.concatenate([hum(1.0), np.zeros(15_000), hum(1.0)])), 3.8) == []
    assert found(frames(hum(5.0, level=60)), 5.0) == []
    assert found(frames(hum(5.0, level=8)), 5.0) == [Silence(0.0, 5.0)]


def test_whoever_types_hears_his_own_keys() -> None:
    (left,) = silences(frames(hum(1.0)), 0, 6.0, longer_than=2.0, keys_at=[2.0, 3.0, 9.0])
    assert left == Silence(3.0, 3.0)


def test_the_first_sound_is_the_first_packet_that_is_not_silent() -> None:
    line = frames(np.concatenate([np.zeros(1_600), hum(0.5)]), at=1.0)
    assert first_sound(line, 0.5) == pytest.approx(1.2)
    assert first_sound(line, 1.3) == pytest.approx(1.3)
    assert first_sound(line, 2.0) is None
