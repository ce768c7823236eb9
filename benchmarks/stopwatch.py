"""What measuring takes: durations by kind, the clock's own cost, a reference to compare machines by, gc's pauses."""

import gc
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

REFERENCE_ITEMS = 1_000


@dataclass(slots=True)
class Stopwatch:
    """Seconds by kind, while it `counts`; and the processor's time of all decisions together."""

    counts: bool = False
    processor_seconds: float = 0.0
    seconds: defaultdict[str, "array[float]"] = field(default_factory=lambda: defaultdict(lambda: array("d")))

    def note(self, kind: str, seconds: float) -> None:
        """One more of that kind."""
        if self.counts:
            self.seconds[kind].append(seconds)

    def of(self, *kinds: str) -> "array[float]":
        """Everything of these kinds; of none named, of all."""
        every: array[float] = array("d")
        for kind in kinds or self.seconds:
            every.extend(self.seconds[kind])
        return every


def clock_seconds(times: int = 20_000) -> float:
    """What reading both clocks before and after a decision adds to what is measured of it."""
    started = time.perf_counter()
    for _ in range(times):
        time.perf_counter()
        time.thread_time()
    return (time.perf_counter() - started) / times


def reference_seconds(repeats: int = 15) -> float:
    """The best time of a fixed piece of Python: 1,000 numbers through a heap and a dict of tuples.

    It stands for the machine and the interpreter: what is told in its units can be compared between machines.
    """
    return min(_reference() for _ in range(repeats))


def _reference() -> float:
    heap: list[tuple[int, int]] = []
    table: dict[tuple[int, int], int] = {}
    number = 1
    started = time.perf_counter()
    for _ in range(REFERENCE_ITEMS):
        number = number * 1_103_515_245 + 12_345 & 0x7FFF_FFFF
        heappush(heap, (number, -number))
        table[number, -number] = number
    while heap:
        table.pop(heappop(heap))
    return time.perf_counter() - started


@dataclass(slots=True)
class Pauses:
    """What Python's garbage collector took."""

    collections: int = 0
    seconds: float = 0.0
    longest_seconds: float = 0.0
    _started: float = 0.0

    def __call__(self, phase: str, _info: Mapping[str, int]) -> None:
        """As `gc.callbacks` has it."""
        if phase == "start":
            self._started = time.perf_counter()
            return
        pause = time.perf_counter() - self._started
        self.seconds += pause
        self.longest_seconds = max(self.longest_seconds, pause)
        self.collections += 1


@contextmanager
def watched_gc() -> Iterator[Pauses]:
    """Note the collector's pauses in this block."""
    pauses = Pauses()
    gc.callbacks.append(pauses)
    try:
        yield pauses
    finally:
        gc.callbacks.remove(pauses)


def rss_megabytes() -> float:
    """What of this process is in memory now; Linux only, elsewhere 0."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
