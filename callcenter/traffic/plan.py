"""What chance decides about callers and agents, all of it from one seed: the same seed, the same decisions.

Law: a caller stays less than `LONGEST_STAY`, so that the PBX never takes him for one who vanished: he sends no sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

LONGEST_STAY: Final = timedelta(seconds=280)
"""The PBX ends a call after 300 s without a packet of sound from the phone."""
KNOWN_ANIS: Final = ("+8613800138000", "+442079460000", "+8613900139000")
LINES: Final = {"main": "4000", "sales": "4001", "support": "4002"}
NOTES: Final = {
    "zh": (
        "询问送货时间，已答复。",
        "咨询价格，稍后发报价单。",
        "设备无法启动，已指导重启。",
        "要求开具发票，已登记。",
    ),
    "en": (
        "Asked when the order will arrive; told.",
        "Wants a quotation by mail.",
        "Device did not start; a restart helped.",
        "Asked for an invoice; noted.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPress:
    """A digit pressed so long after what came before it."""

    after: timedelta
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One caller: who he is, where he calls, what he presses, when he has had enough. `ani` None is withheld."""

    number: int
    kind: str
    ani: str | None
    line: str
    keys: tuple[KeyPress, ...]
    stay: timedelta
    """From his last key on, or from the answer when he presses none."""

    @property
    def dnis(self) -> str:
        """The number he dials."""
        return LINES[self.line]

    @property
    def longest(self) -> timedelta:
        """How long the whole call can last."""
        return sum((press.after for press in self.keys), self.stay)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlan:
    """How a phone takes one call. `ring` None: nobody picks it up."""

    ring: timedelta | None
    talk: timedelta


def seconds_between(chance: Random, calls_a_minute: float) -> Iterator[float]:
    """Arrivals of a Poisson process: exponential times between them."""
    while True:
        yield chance.expovariate(calls_a_minute / 60)


def call_plans(chance: Random) -> Iterator[CallPlan]:
    """One caller after the other."""
    number = 0
    while True:
        number += 1
        kind = chance.choices(("known", "unknown", "withheld"), (40, 48, 12))[0]
        line = chance.choices(tuple(LINES), (60, 18, 22))[0]
        leaves_in_menu = line == "main" and chance.random() < 0.08
        keys = () if line != "main" or leaves_in_menu else tuple(_keys(chance, is_known=kind == "known"))
        stay = timedelta(seconds=chance.uniform(3, 12)) if leaves_in_menu else _patience(chance)
        spent = sum((press.after for press in keys), timedelta())
        yield CallPlan(
            number=number, kind=kind, ani=_ani(chance, kind), line=line, keys=keys, stay=min(stay, LONGEST_STAY - spent)
        )


def answer_plans(chance: Random) -> Iterator[AnswerPlan]:
    """One ringing after the other; one in twelve is let ring."""
    while True:
        is_heard = chance.random() >= 1 / 12
        ring = timedelta(seconds=chance.uniform(1, 4)) if is_heard else None
        yield AnswerPlan(ring=ring, talk=timedelta(seconds=chance.uniform(10, 60)))


def _ani(chance: Random, kind: str) -> str | None:
    if kind == "withheld":
        return None
    if kind == "known":
        return chance.choice(KNOWN_ANIS)
    # Numbers that stand for nobody: the British ones are kept for films; the Chinese range is the demo's own.
    if chance.random() < 0.3:
        return f"+442079460{chance.randrange(100, 1000)}"
    return f"+86137123456{chance.randrange(100):02d}"


def _keys(chance: Random, *, is_known: bool) -> Iterator[KeyPress]:
    """The language where it is asked (a known customer's is known), now and then a wrong key, then the choice."""
    first = timedelta(seconds=chance.uniform(3, 7))
    if not is_known:
        yield KeyPress(after=first, key=chance.choice("12"))
        first = timedelta(seconds=chance.uniform(2, 5))
    if chance.random() < 0.08:
        yield KeyPress(after=first, key="5")
        first = timedelta(seconds=chance.uniform(3, 6))
    yield KeyPress(after=first, key=chance.choices("120", (35, 40, 25))[0])


def _patience(chance: Random) -> timedelta:
    if chance.random() < 0.25:
        return timedelta(seconds=5 + chance.expovariate(1 / 20))
    return timedelta(seconds=chance.uniform(90, 240))
