"""The shipped prompts are spoken once for all houses: espeak-ng would only say the same words again, for each of them.

They are kept below .run, by what makes them, and a house gets links to them, or copies on another file system. A worker
that comes while another has them spoken waits for it.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from callcenter.asterisk import prompts, synthesis
from callcenter.asterisk.prompts import PromptLibrary, Synthesiser
from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.reader import parse_flows, parse_prompts
from callcenter.ivr.waiting import WaitingPrompts

PROJECT: Final = Path(__file__).parents[2]
FLOWS: Final = PROJECT / "ivr_flows"
AT_ONCE: Final = 2


async def give(sounds: Path) -> None:
    """Put what the shipped flows and queues say, fixed or likely, among the sounds of a house."""
    kept = await asyncio.to_thread(_place)
    with (kept / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        await fill(kept, EspeakSynthesiser())
    await asyncio.to_thread(_link, kept, sounds)


def _link(kept: Path, sounds: Path) -> None:
    for sound in kept.glob("callcenter/*/*-*.wav"):
        link = sounds / sound.relative_to(kept)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(sound, link)
        except OSError:
            shutil.copyfile(sound, link)


def _place() -> Path:
    makers = [Path(module.__file__ or "").read_bytes() for module in (prompts, synthesis)]
    directory = PROJECT / ".run" / "test-sounds" / hashlib.sha256(b"".join(makers)).hexdigest()[:16]
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def fill(sounds: Path, synthesiser: Synthesiser) -> None:
    """Make there what the shipped flows and queues say, as far as it is missing."""
    library = PromptLibrary(sounds, None, synthesiser, builds_at_once=AT_ONCE)
    try:
        missing = library.missing((), also=_said())
        parts = (library.build_all((), also=missing[part::AT_ONCE]) for part in range(AT_ONCE))
        failures = [failure for failed in await asyncio.gather(*parts) for failure in failed]
    finally:
        await library.aclose()
    if failures:
        raise AssertionError(f"{len(failures)} prompts were not made: {failures[0].reason}")


def _said() -> list[Utterance]:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(FLOWS.glob("*.yaml"))}
    queues = FLOWS / "prompts" / "queue.yaml"
    waiting = WaitingPrompts(parse_prompts(queues.read_text(encoding="utf-8"), str(queues)))
    flows = [utterance for flow in parse_flows(texts).values() for utterance in flow.prompts.fixed_utterances()]
    return list(dict.fromkeys([*flows, *waiting.prompts.fixed_utterances(), *waiting.likely_utterances()]))
