"""How fast menus answer: ours beside a plain menu of the dialplan, on one Asterisk, in one run; and how many at once.

    python benchmarks/ivr.py [--json] [--callers 4] [--keys 20] [--rounds 2] [--most 200] [--prompts 24]
                             [--seconds 240]

Exit status: 0 for a clean run, 1 when a call failed, 2 when the run was clean but an expectation was missed and
--strict was given.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import between
from benchmarks.figures import Figures
from benchmarks.menus import OURS, PLAIN, WAYS, Crowd, Measured, MenuHouse
from callcenter.asterisk.errors import AsteriskError
from callcenter.asterisk.prompts import PromptLibrary
from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.ivr.prompts import Utterance
from tests.e2e.ivr_house import shipped_prompts

KEY_LONGER_MS = 50.0
FIRST_SOUND_MS = 500.0
LIMIT_KEY_P99_MS = 200.0
LIMIT_FIRST_SOUND_P99_MS = 1_000.0
LIMIT_LOST_SHARE = 0.01
STEPS = (25, 50, 100, 150, 200, 300, 400)
AFTERWARDS_SECONDS = 60
"""A step of the crowd that was begun, the end of all calls, and the prompts."""
STEPS_HEADING = f"{'at once':>8}{'key p99':>10}{'first p99':>11}{'lost':>8}"
JsonValue = dict[str, object]

EXPLANATION = """
key_to_prompt  from the end of a key (RFC 4733) that a caller presses while a menu is said, to the first packet of the
               next menu's sound. Ours goes to the server and back; the dialplan's is Background() and WaitExten().
first_sound    from the answer that reaches the caller's phone to the first packet of the first menu.
ratio_p50      our median divided by the dialplan's, ratio_p99 the same of the 99th percentiles.
at_once        callers in menus of ours, each of whom presses a key every second and a half: the most at which four of
               them, who listen, find key_to_prompt p99 below 200 ms, first_sound p99 below 1 s, and less than 1 % of
               the packets missing. The others are SIPp's, on the same machine; `steps` tells each step's figures, and
               how much of a processor the server, Asterisk, the crowd and the listeners took.
prompts        prompts of the shipped flows made into sounds by the server's library in a second, one at a time as at
               a start, beside the two programs alone.

Expected: key_to_prompt's median no more than 50 ms above the dialplan's, first_sound p99 below 500 ms.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of a run."""

    callers: int
    keys: int
    rounds: int
    most: int
    prompts: int
    seed: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One size of the crowd."""

    callers: int
    measured: Measured

    @property
    def holds(self) -> bool:
        """Whether everybody was served as promised."""
        key, first = Figures.of(self.measured.key_to_prompt), Figures.of(self.measured.first_sound)
        return (
            not self.measured.faults
            and key.p99 <= LIMIT_KEY_P99_MS
            and first.p99 <= LIMIT_FIRST_SOUND_P99_MS
            and self.measured.lost_share <= LIMIT_LOST_SHARE
        )

    def as_line(self) -> str:
        """Its figures for people."""
        key, first = Figures.of(self.measured.key_to_prompt), Figures.of(self.measured.first_sound)
        cores = ", ".join(f"{name} {share:.2f}" for name, share in self.measured.cores.items())
        mark = "" if self.holds else "  too many"
        return (
            f"{self.callers:8}{key.p99:10.1f}{first.p99:11.1f}{self.measured.lost_share:8.2%}  "
            f"cores: {cores or 'not known'}{mark}"
        )

    def as_json(self) -> JsonValue:
        """Its figures."""
        return {
            "callers": self.callers,
            "holds": self.holds,
            "key_to_prompt_ms": Figures.of(self.measured.key_to_prompt).as_json(),
            "first_sound_ms": Figures.of(self.measured.first_sound).as_json(),
            "lost_share": round(self.measured.lost_share, 4),
            "cores": {name: round(share, 3) for name, share in self.measured.cores.items()},
            "faults": self.measured.faults[:3],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything a run has found out."""

    results: dict[str, Measured]
    steps: tuple[Step, ...]
    prompts_per_second: float
    programs_per_second: float
    run: dict[str, str]
    faults: tuple[str, ...]

    def figures(self, what: str, way: str) -> Figures:
        """The figures of one measurement."""
        measured = self.results[way]
        return Figures.of(measured.key_to_prompt if what == "key_to_prompt" else measured.first_sound)

    @property
    def at_once(self) -> int:
        """The largest crowd before the first that was not served as promised."""
        most = 0
        for step in self.steps:
            if not step.holds:
                break
            most = step.callers
        return most

    def missed(self) -> list[str]:
        """The expectations that this run did not meet."""
        missed = []
        longer = self.figures("key_to_prompt", OURS.name).p50 - self.figures("key_to_prompt", PLAIN.name).p50
        if longer > KEY_LONGER_MS:
            missed.append(f"key_to_prompt is {longer:.1f} ms longer, not {KEY_LONGER_MS:g} at most")
        first = self.figures("first_sound", OURS.name).p99
        if first > FIRST_SOUND_MS:
            missed.append(f"first_sound p99 is {first:.0f} ms, not {FIRST_SOUND_MS:g} at most")
        return missed


async def measure(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Bring the house up, measure in turns, let the crowd grow, take it down; then build prompts."""
    load_before = os.getloadavg()[0]
    # What comes after the last step takes its time as well.
    give_up_at = time.monotonic() + plan.seconds - AFTERWARDS_SECONDS
    chance = random.Random(plan.seed)
    results = {way.name: Measured() for way in WAYS}
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="cc-bench-", dir="/tmp") as base:
        async with MenuHouse(Path(base)) as house:
            version = ".".join(str(part) for part in await house.asterisk.version())
            for way in WAYS:  # The first call of either way pays for what is loaded then; it is not counted.
                await house.walk(way, keys=2, chance=chance)
            for number in range(plan.rounds):
                # Turn about, so that a machine that grows slower is fair to both.
                for way in WAYS if number % 2 == 0 else reversed(WAYS):
                    walks = (house.walk(way, keys=plan.keys, chance=chance) for _ in range(plan.callers))
                    for part in await asyncio.gather(*walks):
                        results[way.name].add(part)
                    key = Figures.of(results[way.name].key_to_prompt)
                    say(
                        f"round {number + 1} of {plan.rounds}, {way.name}: so far {key.n} keys, "
                        f"to the next prompt p50 {key.p50:.1f} ms, p99 {key.p99:.1f} ms"
                    )
            async with Crowd(house, chance) as crowd:
                say(STEPS_HEADING)
                for callers in (step for step in STEPS if step <= plan.most):
                    if time.monotonic() > give_up_at:
                        say(f"the time is over; {callers} and more were not tried")
                        break
                    steps.append(Step(callers=callers, measured=await crowd.measured(callers)))
                    say(steps[-1].as_line())
                    if not steps[-1].holds:
                        break
            faults = [fault for measured in results.values() for fault in measured.faults]
            faults += await house.left_over()
    say("building prompts")
    ours, programs = await build(plan.prompts)
    run = {
        "command": " ".join(["python", "benchmarks/ivr.py", *sys.argv[1:]]),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "asterisk": version,
        "python": platform.python_version(),
        "load": f"{load_before:.2f} before, {os.getloadavg()[0]:.2f} after",
    }
    return Outcome(
        results=results,
        steps=tuple(steps),
        prompts_per_second=ours,
        programs_per_second=programs,
        run=run,
        faults=tuple(faults),
    )


async def build(count: int) -> tuple[float, float]:
    """Prompts a second: by the library, and by espeak-ng and sox alone."""
    said: list[Utterance] = list(dict.fromkeys(u for prompts in shipped_prompts() for u in prompts.fixed_utterances()))
    said = said[:: max(1, len(said) // count)][:count]
    with tempfile.TemporaryDirectory(prefix="cc-bench-") as base:
        synthesiser = EspeakSynthesiser()
        started = time.perf_counter()
        for number, utterance in enumerate(said):
            await synthesiser.speak(utterance.text, utterance.language, Path(base) / f"{number}.wav")
        alone = time.perf_counter() - started
        library = PromptLibrary(Path(base) / "sounds", None, synthesiser)
        started = time.perf_counter()
        failures = await library.build_all((), also=said)
        ours = time.perf_counter() - started
        await library.aclose()
    if failures:
        raise AssertionError(f"{len(failures)} prompts were not built: {failures[0].reason}")
    return len(said) / ours, len(said) / alone


def as_json(outcome: Outcome) -> JsonValue:
    """The one object of --json."""
    document: JsonValue = {}
    for what in ("key_to_prompt", "first_sound"):
        ours, plain = outcome.figures(what, OURS.name), outcome.figures(what, PLAIN.name)
        document[what] = {
            "ours_ms": ours.as_json(),
            "dialplan_ms": plain.as_json(),
            "ratio_p50": round(ours.p50 / plain.p50, 3),
            "ratio_p99": round(ours.p99 / plain.p99, 3),
        }
    document["at_once"] = {"callers": outcome.at_once, "steps": [step.as_json() for step in outcome.steps]}
    document["prompts"] = {
        "per_second": round(outcome.prompts_per_second, 2),
        "programs_alone_per_second": round(outcome.programs_per_second, 2),
    }
    document["failed"] = list(outcome.faults)
    document["missed"] = outcome.missed()
    document["run"] = dict(outcome.run)
    return document


def as_text(outcome: Outcome) -> str:
    """The table for people."""
    lines = [f"{'':15}{'':10}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'n':>6}"]
    for what in ("key_to_prompt", "first_sound"):
        for way in WAYS:
            figures = outcome.figures(what, way.name)
            lines.append(
                f"{what:15}{way.name:10}{figures.p50:10.1f}{figures.p99:10.1f}{figures.most:10.1f}{figures.n:6}"
            )
    lines += ["", STEPS_HEADING]
    for step in outcome.steps:
        lines.append(step.as_line())
        lines += [f"{'':8}  {fault}" for fault in step.measured.faults[:3]]
    lines += [
        f"callers in menus at once: {outcome.at_once}",
        f"prompts built in a second: {outcome.prompts_per_second:.1f}; "
        f"the programs alone: {outcome.programs_per_second:.1f}",
    ]
    lines += [f"{name}: {value}" for name, value in outcome.run.items()]
    lines += [f"EXPECTATION MISSED: {one}" for one in outcome.missed()]
    lines += [f"FAILED: {one}" for one in outcome.faults]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Our menus beside plain ones of the dialplan, on one private Asterisk with the same sounds.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--callers", type=between(1, 100), default=4, help="callers of each menu in a round (4)")
    parser.add_argument("--keys", type=between(2, 100), default=20, help="keys that each presses (20)")
    parser.add_argument("--rounds", type=between(1, 100), default=2, help="turns (2)")
    parser.add_argument("--most", type=between(0, STEPS[-1]), default=200, help="callers at once, at most (200)")
    parser.add_argument("--prompts", type=between(1, 500), default=24, help="prompts to build (24)")
    parser.add_argument("--seconds", type=between(60, 3_600), default=240, help="no more callers after this (240)")
    parser.add_argument("--seed", type=int, default=1, help="of the pauses between keys (1)")
    parser.add_argument("--strict", action="store_true", help="exit with 2 when an expectation is missed")
    return parser


def main() -> int:
    """Run it and say what came out."""
    arguments = _parser().parse_args()
    plan = Plan(
        callers=arguments.callers,
        keys=arguments.keys,
        rounds=arguments.rounds,
        most=arguments.most,
        prompts=arguments.prompts,
        seed=arguments.seed,
        seconds=arguments.seconds,
    )
    try:
        outcome = asyncio.run(measure(plan, lambda text: print(text, file=sys.stderr, flush=True)))
    except (AssertionError, AsteriskError, OSError, TimeoutError) as error:
        print(f"the benchmark could not be run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(as_json(outcome), indent=2) if arguments.json else as_text(outcome))
    if outcome.faults:
        return 1
    return 2 if arguments.strict and outcome.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
