"""How fast the ACD engine decides with 10,000 callers waiting for 7,500 agents, and how its cost grows with the size.

    python benchmarks/engine.py [--json] [--decisions 200000] [--divided-by 1] [--profile] [--no-gc]

Exit status: 0 for a run, 1 when it could not be run, 2 with --strict when an expectation was missed.
"""

import argparse
import cProfile
import gc
import json
import math
import multiprocessing
import os
import platform
import pstats
import random
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.business import Business, Size
from benchmarks.figures import Figures
from benchmarks.floor import QUESTION, QUESTION_INTERVAL_SECONDS, Floor
from benchmarks.stopwatch import (
    REFERENCE_ITEMS,
    Stopwatch,
    clock_seconds,
    reference_seconds,
    rss_megabytes,
    watched_gc,
)

DECISIONS_A_SECOND = 20_000.0
P99_MS = 1.0
COST_PER_DOUBLING = 1.25
DIVISORS = (8, 4, 2, 1)
WARM_UP = timedelta(minutes=8)
RECONFIGURATIONS = 10
JsonValue = dict[str, object]

EXPLANATION = """
A decision is one command handled, or one call at a deadline, and what the application asks after each: when to be woken
next. Under the stopwatch is the engine alone, on one core; the callers and agents around it are not. Decisions a second
are reckoned from the processor's time, p50, p99 and max from the time that passed: of a machine that others use too,
these say little.
A question is what every waiting caller's dialplan asks every 5 seconds: his place and his forecast. It is no decision.
cost_per_doubling is the geometric mean, over the doublings from 1/8 of the size to all of it, of how many times more
one decision costs; everything is doubled: callers, agents, skills, queues.
reference is the time of a fixed piece of Python (1,000 numbers through a heap and a dict) on this machine in this run;
decisions per reference can be compared between machines.

Expected: 20,000 decisions a second, 99 of 100 in less than 1 ms, a cost_per_doubling below 1.25.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    decisions: int
    seed: int
    gc_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one size gave; everything is told once more by kind of command, in microseconds."""

    size: Size
    decisions: Figures
    mean_ms: float
    """Of the processor's time; the other figures are of the time that passed."""
    questions: Figures
    question_mean_ms: float
    with_forecast: float
    kinds: dict[str, tuple[int, float, float, float]]
    """Of each kind: how many, mean, p99 and most in microseconds."""
    start_ms: float
    reconfigure_ms: dict[str, float]
    reference_ms: float
    rss_mb: float
    rss_before_mb: float
    gc_collections: int
    gc_longest_ms: float
    gc_share: float
    interruptions: int
    floor_seconds: float
    census: dict[str, int]
    facts: dict[str, int]

    @property
    def per_second(self) -> float:
        """Decisions in a second of one core."""
        return 1000 / self.mean_ms

    @property
    def per_reference(self) -> float:
        """Decisions in the time of the reference."""
        return self.reference_ms / self.mean_ms

    @property
    def core_share(self) -> float:
        """How much of one core this floor would take if its seconds were real ones, with all its questions."""
        decided = self.decisions.n * self.mean_ms / 1000 / self.floor_seconds
        return decided + self.size.waiting / QUESTION_INTERVAL_SECONDS * self.question_mean_ms / 1000


def measure(size: Size, plan: Plan, profile: cProfile.Profile | None = None) -> Result:
    """Open a floor of this size, let it run in, and measure."""
    if not plan.gc_on:
        gc.disable()
    chance = random.Random(plan.seed)
    business = Business(size, chance)
    before = rss_megabytes()
    watch = Stopwatch(counts=True)
    floor = Floor(business, watch, chance)
    floor.open()
    start_ms = 1000 * watch.of("StartRouting")[0]
    watch.counts = False
    floor.run_for(WARM_UP)
    references = [reference_seconds()]
    watch.seconds.clear()
    watch.processor_seconds = 0.0
    watch.counts, began_at, facts_before = True, floor.now, floor.facts.copy()
    interrupted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    with watched_gc() as pauses:
        if profile is not None:
            profile.enable()
        started = time.perf_counter()
        floor.run(plan.decisions)
        took = time.perf_counter() - started
        if profile is not None:
            profile.disable()
    interrupted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - interrupted
    processor_seconds = watch.processor_seconds
    references.append(reference_seconds())
    kinds = [kind for kind in watch.seconds if kind != QUESTION]
    decisions, questions = _milliseconds(watch, *kinds), _milliseconds(watch, QUESTION)
    by_kind = {kind: _microseconds(watch, kind) for kind in sorted(kinds)}
    census, facts = floor.census(), floor.facts - facts_before
    floor_seconds = (floor.now - began_at).total_seconds()
    rss = rss_megabytes()
    watch.seconds.clear()
    for _ in range(RECONFIGURATIONS):
        floor.reconfigure()
    return Result(
        size=size,
        decisions=Figures.of(decisions),
        mean_ms=1000 * processor_seconds / len(decisions),
        questions=Figures.of(questions),
        question_mean_ms=math.fsum(questions) / len(questions) if questions else math.nan,
        with_forecast=floor.with_forecast / max(floor.asked, 1),
        kinds=by_kind,
        start_ms=start_ms,
        reconfigure_ms={
            kind: Figures.of(_milliseconds(watch, kind)).most for kind in ("ConfigureQueue", "ConfigureAgent")
        },
        reference_ms=1000 * min(references),
        rss_mb=rss,
        rss_before_mb=before,
        gc_collections=pauses.collections,
        gc_longest_ms=1000 * pauses.longest_seconds,
        gc_share=pauses.seconds / took,
        interruptions=interrupted,
        floor_seconds=floor_seconds,
        census=census,
        facts=dict(sorted(facts.items())),
    )


def _milliseconds(watch: Stopwatch, *kinds: str) -> list[float]:
    return [1000 * seconds for seconds in watch.of(*kinds)]


def _microseconds(watch: Stopwatch, kind: str) -> tuple[int, float, float, float]:
    values = [1e6 * seconds for seconds in watch.of(kind)]
    figures = Figures.of(values)
    return figures.n, math.fsum(values) / len(values), figures.p99, figures.most


def cost_per_doubling(results: list[Result]) -> float:
    """The geometric mean over the doublings from the smallest to the largest size; NaN of one size."""
    least, most = results[0], results[-1]
    doublings = math.log2(most.size.agents / least.size.agents)
    return math.nan if doublings < 1 else (most.mean_ms / least.mean_ms) ** (1 / doublings)


def missed(results: list[Result]) -> list[str]:
    """The expectations that this run did not meet."""
    largest, growth = results[-1], cost_per_doubling(results)
    found = []
    if largest.per_second < DECISIONS_A_SECOND:
        found.append(f"{largest.per_second:,.0f} decisions a second, not {DECISIONS_A_SECOND:,.0f}")
    if largest.decisions.p99 >= P99_MS:
        found.append(f"p99 is {largest.decisions.p99:.3f} ms, not below {P99_MS:g} ms")
    if growth >= COST_PER_DOUBLING:
        found.append(f"twice the size costs {growth:.2f} times as much a decision, not less than {COST_PER_DOUBLING:g}")
    return found


def as_json(results: list[Result]) -> JsonValue:
    """The one object of --json."""
    largest, growth = results[-1], cost_per_doubling(results)
    return {
        "decisions_per_second": round(largest.per_second, 1),
        "p50_ms": round(largest.decisions.p50, 4),
        "p99_ms": round(largest.decisions.p99, 4),
        "max_ms": round(largest.decisions.most, 3),
        "rss_mb": round(largest.rss_mb, 1),
        "cost_per_doubling": None if math.isnan(growth) else round(growth, 3),
        "decisions_per_reference": round(largest.per_reference, 3),
        "question_mean_ms": round(largest.question_mean_ms, 4),
        "core_share": round(largest.core_share, 4),
        "missed": missed(results),
    }


def as_text(results: list[Result], plan: Plan, load_before: float) -> str:
    """The tables for people."""
    largest, growth = results[-1], cost_per_doubling(results)
    lines = [
        f"{'waiting':>8}{'agents':>8}{'skills':>7}{'queues':>7}{'decisions/s':>13}{'mean ms':>9}{'p50 ms':>8}"
        f"{'p99 ms':>8}{'max ms':>9}{'a reference':>12}{'question ms':>12}{'p99 ms':>8}{'rss MB':>8}{'start ms':>10}"
    ]
    lines += [_row(result) for result in results]
    if not math.isnan(growth):
        lines.append(f"cost per doubling: {growth:.3f} times")
    lines += ["", f"of the largest, by kind {'n':>14}{'share':>8}{'mean us':>10}{'p99 us':>10}{'max us':>12}"]
    everything = sum(n * mean for n, mean, _, _ in largest.kinds.values())
    for kind, (n, mean, p99, most) in sorted(largest.kinds.items(), key=lambda one: -one[1][0] * one[1][1]):
        lines.append(f"  {kind:22}{n:14}{n * mean / everything:8.1%}{mean:10.1f}{p99:10.1f}{most:12.1f}")
    census = ", ".join(f"{name} {count}" for name, count in largest.census.items())
    facts = ", ".join(f"{name} {count}" for name, count in largest.facts.items())
    reconfigure = ", ".join(f"{kind} {most:.1f} ms" for kind, most in largest.reconfigure_ms.items())
    lines += [
        "",
        f"the floor at the end: {census}",
        f"in {largest.floor_seconds:.0f} of its seconds: {facts}",
        f"in real time it would take {largest.core_share:.1%} of a core, {largest.size.waiting} callers' questions "
        f"every {QUESTION_INTERVAL_SECONDS:g} s included ({largest.with_forecast:.0%} of them got a forecast)",
        f"changed while it runs, the most of {RECONFIGURATIONS}: {reconfigure}",
        f"memory: {largest.rss_mb:.0f} MB, {largest.rss_before_mb:.0f} MB of it before the floor opened; "
        "callers and phones of the simulation included",
        f"garbage collection {'on' if plan.gc_on else 'OFF'}: {largest.gc_collections} times, the longest pause "
        f"{largest.gc_longest_ms:.1f} ms, {largest.gc_share:.1%} of the run; it falls into decisions and counts there",
        f"reading the clocks costs {1e6 * clock_seconds():.2f} us a decision, which is not taken off; "
        f"the reference took {largest.reference_ms:.3f} ms ({REFERENCE_ITEMS} numbers)",
        f"the system took the processor away {largest.interruptions} times; "
        f"load {load_before:.2f} before, {os.getloadavg()[0]:.2f} after; {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, seed {plan.seed}",
    ]
    lines += [f"EXPECTATION MISSED: {one}" for one in missed(results)]
    return "\n".join(lines)


def _row(result: Result) -> str:
    size, decisions = result.size, result.decisions
    return (
        f"{size.waiting:8}{size.agents:8}{size.skills:7}{size.queues:7}{result.per_second:13,.0f}{result.mean_ms:9.4f}"
        f"{decisions.p50:8.4f}{decisions.p99:8.4f}{decisions.most:9.2f}{result.per_reference:12.2f}"
        f"{result.question_mean_ms:12.4f}{result.questions.p99:8.4f}{result.rss_mb:8.0f}{result.start_ms:10.1f}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="The ACD engine under a full floor: decisions a second, time per decision, memory, growth.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--decisions", type=int, default=200_000, help="to measure at each size (200,000)")
    parser.add_argument("--divided-by", type=int, choices=DIVISORS, help="only this fraction of the size, no growth")
    parser.add_argument("--seed", type=int, default=1, help="of everything that happens (1)")
    parser.add_argument("--no-gc", action="store_true", help="without garbage collection, to see what it costs")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, of one size (full size)")
    parser.add_argument("--strict", action="store_true", help="exit with 2 when an expectation is missed")
    return parser


def main() -> int:
    """Run it and say what came out."""
    arguments = _parser().parse_args()
    plan = Plan(decisions=max(arguments.decisions, 1000), seed=arguments.seed, gc_on=not arguments.no_gc)
    if arguments.profile:
        profile = cProfile.Profile()
        measure(Size().divided(arguments.divided_by or 1), plan, profile)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return 0
    load_before = os.getloadavg()[0]
    results = []
    # Each size has a process of its own, so that none inherits another's memory.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as processes:
        for divisor in (arguments.divided_by,) if arguments.divided_by else DIVISORS:
            size = Size().divided(divisor)
            print(f"{size.waiting} waiting, {size.agents} agents ...", file=sys.stderr, flush=True)
            results.append(processes.submit(measure, size, plan).result())
    print(json.dumps(as_json(results), indent=2) if arguments.json else as_text(results, plan, load_before))
    return 2 if arguments.strict and missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
