"""How long callers and agents wait for the machine: our queue beside a stock `app_queue`, on one Asterisk, in one run.

    python benchmarks/handover.py [--json] [--agents 4] [--waiting 16] [--talks 80] [--new-calls 40] [--rounds 2]

Exit status: 0 for a clean run, 1 when a call failed or a screen pop came after its call, 2 when the run was clean but
an expectation was missed and --strict was given.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import between
from benchmarks.crowd import Measured, hand_over, ring_new_calls, talk_lengths
from benchmarks.figures import Figures
from benchmarks.two_queues import APP_QUEUE, OURS, WAYS, TwoQueues
from callcenter.asterisk.errors import AsteriskError

HANDOVER_TIMES_SHORTER = 100.0
NEW_CALL_LONGER_MS = 10.0
JsonValue = dict[str, object]

EXPLANATION = """
handover  from the BYE that an agent's phone sends to the next INVITE that reaches the same phone, while more callers
          have waited for at least half a second than there are agents.
new_call  from the INVITE that a caller's phone sends to the INVITE that reaches an idle agent's phone. Both ways answer
          the call first and play nothing.
app_queue runs with its fastest settings: autofill, ringinuse=no, no wrap-up, retry=1. (It takes retry=0 for 5 seconds,
          its default.)
ratio_p50 the median of app_queue divided by the median of ours, ratio_p99 the same of the 99th percentiles: above 1
          ours is the shorter wait.
pop_before_invite  of every call of ours: whether the customer's card had arrived at the agent's desktop before the
          INVITE arrived at his phone; lead_ms is by how much.

Expected: a handover at least 100 times shorter than app_queue's, a new_call no longer than app_queue's and 10 ms, and
no late pop.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of a run."""

    agents: int
    waiting: int
    talks: int
    new_calls: int
    rounds: int
    seed: int
    retry_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything a run has found out."""

    plan: Plan
    results: dict[str, dict[str, Measured]]
    run: dict[str, str]
    faults: tuple[str, ...]

    def figures(self, what: str, way: str) -> Figures:
        """The figures of one measurement."""
        return Figures.of(self.results[what][way].milliseconds)

    @property
    def handover_ratio(self) -> float:
        """How many times shorter our hand-over is."""
        return self.figures("handover", "app_queue").p50 / self.figures("handover", "ours").p50

    @property
    def new_call_difference_ms(self) -> float:
        """By how much our way to an idle agent is longer; below zero it is shorter."""
        return self.figures("new_call", "ours").p50 - self.figures("new_call", "app_queue").p50

    @property
    def pops(self) -> tuple[int, int, Figures]:
        """Calls with a pop, late ones, and the lead in milliseconds."""
        ours = [ways["ours"] for ways in self.results.values()]
        leads = [lead for measured in ours for lead in measured.pop_lead_milliseconds]
        return sum(m.pops for m in ours), sum(m.late_pops for m in ours), Figures.of(leads)

    def missed(self) -> list[str]:
        """The expectations that this run did not meet."""
        missed = []
        if self.handover_ratio < HANDOVER_TIMES_SHORTER:
            missed.append(f"handover is {self.handover_ratio:.0f} times shorter, not {HANDOVER_TIMES_SHORTER:g}")
        if self.new_call_difference_ms > NEW_CALL_LONGER_MS:
            missed.append(
                f"new_call is {self.new_call_difference_ms:.1f} ms longer, not {NEW_CALL_LONGER_MS:g} at most"
            )
        return missed


async def measure(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Bring the house up, measure in turns, take it down."""
    load_before = os.getloadavg()[0]
    chance = random.Random(plan.seed)
    results = {what: {way.name: Measured() for way in WAYS} for what in ("handover", "new_call")}
    with tempfile.TemporaryDirectory(prefix="callcenter-benchmark-") as base:
        async with TwoQueues(
            Path(base), agents=plan.agents, waiting=plan.waiting, retry_seconds=plan.retry_seconds
        ) as house:
            version = ".".join(str(part) for part in await house.asterisk.version())
            for way in WAYS:  # The first call of either way pays for what is loaded then; it is not counted.
                await ring_new_calls(house, way, calls=2, chance=chance)
            for number in range(plan.rounds):
                # Turn about, so that a machine that grows slower is fair to both.
                for way in WAYS if number % 2 == 0 else reversed(WAYS):
                    say(f"round {number + 1} of {plan.rounds}: {way.name}")
                    new_calls = _share(plan.new_calls, plan.rounds, number)
                    results["new_call"][way.name].add(await ring_new_calls(house, way, calls=new_calls, chance=chance))
                    talks = _share(plan.talks, plan.rounds, number)
                    results["handover"][way.name].add(await hand_over(house, way, talks=talks, chance=chance))
            faults = [fault for ways in results.values() for m in ways.values() for fault in m.faults]
            faults += await house.left_over()
            faults += _in_the_books(house, results)
    run = {
        "command": " ".join(["python", "benchmarks/handover.py", *sys.argv[1:]]),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "asterisk": version,
        "python": platform.python_version(),
        "agents": f"{plan.agents}, {plan.waiting} callers kept waiting",
        "load": f"{load_before:.2f} before, {os.getloadavg()[0]:.2f} after",
    }
    return Outcome(plan=plan, results=results, run=run, faults=tuple(faults))


def _share(total: int, rounds: int, number: int) -> int:
    return total * (number + 1) // rounds - total * number // rounds


def _in_the_books(house: TwoQueues, results: dict[str, dict[str, Measured]]) -> list[str]:
    """Every call of ours must stand in the records as answered, and nothing may have gone wrong inside."""
    faults = [f"the server logged: {line[:300]}" for line in house.server_errors()]
    warm_up = 2
    calls = warm_up + sum(ways["ours"].calls for ways in results.values())
    outcomes = house.invariants().outcomes()
    if dict(outcomes) != {"answered": calls}:
        faults.append(f"{calls} calls came in, the records say {dict(outcomes)}")
    return faults


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def as_json(outcome: Outcome) -> JsonValue:
    """The one object of --json."""
    document: JsonValue = {}
    for what in ("handover", "new_call"):
        ours, stock = outcome.figures(what, "ours"), outcome.figures(what, "app_queue")
        document[what] = {
            "ours_ms": ours.as_json(),
            "app_queue_ms": stock.as_json(),
            "ratio_p50": round(stock.p50 / ours.p50, 3),
            "ratio_p99": round(stock.p99 / ours.p99, 3),
        }
    pops, late, lead = outcome.pops
    document["pop_before_invite"] = {"calls": pops, "late": late, "lead_ms": lead.as_json()}
    document["failed"] = list(outcome.faults)
    document["missed"] = outcome.missed()
    document["run"] = dict(outcome.run)
    return document


def as_text(outcome: Outcome) -> str:
    """The table for people."""
    lines = [f"{'':10}{'':12}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'n':>6}"]
    for what in ("handover", "new_call"):
        for way in WAYS:
            figures = outcome.figures(what, way.name)
            lines.append(
                f"{what:10}{way.name:12}{figures.p50:10.1f}{figures.p99:10.1f}{figures.most:10.1f}{figures.n:6}"
            )
        stock, ours = outcome.figures(what, APP_QUEUE.name), outcome.figures(what, OURS.name)
        ratios = f"{stock.p50 / ours.p50:10.2f}{stock.p99 / ours.p99:10.2f}"
        lines += [f"{what:10}{'ratio':12}{ratios}   app_queue / ours", ""]
    pops, late, lead = outcome.pops
    lines.append(
        f"pop before the INVITE in {pops - late} of {pops} calls; lead p50 {lead.p50:.1f} ms, least {lead.least:.1f} ms"
    )
    lines += [f"{name}: {value}" for name, value in outcome.run.items()]
    lines += [f"EXPECTATION MISSED: {one}" for one in outcome.missed()]
    lines += [f"FAILED: {one}" for one in outcome.faults]
    return "\n".join(lines)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        agents=arguments.agents,
        waiting=4 * arguments.agents if arguments.waiting is None else arguments.waiting,
        talks=arguments.talks,
        new_calls=arguments.new_calls,
        rounds=arguments.rounds,
        seed=arguments.seed,
        retry_seconds=arguments.retry,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Our queue beside a stock app_queue on one private Asterisk, with the same phones, in turns.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--agents", type=between(1, 100), default=4, help="agents' phones (4)")
    parser.add_argument("--waiting", type=between(1, 1000), help="callers kept waiting (4 to an agent)")
    parser.add_argument("--talks", type=between(8, 10_000), default=80, help="talks with each queue, kept full (80)")
    parser.add_argument("--new-calls", type=between(2, 10_000), default=40, help="calls to each, when idle (40)")
    parser.add_argument("--rounds", type=between(1, 100), default=2, help="turns that these are spread over (2)")
    parser.add_argument("--seed", type=int, default=1, help="of the talks' lengths and the callers' numbers (1)")
    parser.add_argument("--retry", type=between(0, 60), default=1, help="app_queue's setting of that name (1)")
    parser.add_argument("--strict", action="store_true", help="exit with 2 when an expectation is missed")
    return parser


def main() -> int:
    """Run it and say what came out."""
    arguments = _parser().parse_args()
    measuring: Awaitable[Outcome] = measure(_plan(arguments), lambda text: print(text, file=sys.stderr, flush=True))
    try:
        outcome = asyncio.run(_in_time(measuring, arguments))
    except (AssertionError, AsteriskError, OSError, TimeoutError) as error:
        print(f"the benchmark could not be run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(as_json(outcome), indent=2) if arguments.json else as_text(outcome))
    if outcome.faults or outcome.pops[1]:
        return 1
    return 2 if arguments.strict and outcome.missed() else 0


async def _in_time(measuring: Awaitable[Outcome], arguments: argparse.Namespace) -> Outcome:
    talking = (arguments.talks / arguments.agents + 4) * talk_lengths(arguments.agents)[1]
    async with asyncio.timeout(120 + 2 * arguments.agents + 4 * (talking + arguments.new_calls)):
        return await measuring


if __name__ == "__main__":
    sys.exit(main())
