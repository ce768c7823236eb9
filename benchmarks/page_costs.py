"""What a page costs its browser: a real server and feed with a fake house behind them, and a watch on the main thread.

Law: what the pages show is put into the feed by the benchmark alone; nothing else happens in the house.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from benchmarks.figures import Figures

UI = Path(__file__).resolve().parents[1] / "agent_ui" / "dist"
STATES = ("ready", "talking", "wrap_up", "not_ready", "offered")
END_WITHIN_SECONDS = 10.0
_WATCH_FRAMES = """
() => {
  window.frames_ms = []
  let last = performance.now()
  const step = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(step) }
  requestAnimationFrame(step)
}
"""


# ---- the server, in a process of its own


@contextmanager
def server_process(serve: Callable[..., None], *arguments: int) -> Iterator[Connection]:
    """Run `serve` with its end of a pipe and these; gives the other end. It is ended when it does not end itself."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, *arguments))
    server.start()
    try:
        yield ours
    finally:
        ours.close()
        server.join(timeout=END_WITHIN_SECONDS)
        if server.is_alive():
            server.kill()


@asynccontextmanager
async def furnished_server(pipe: Connection) -> AsyncIterator[Any]:
    """The pages and a fake house behind them: (house, listen). What the house begins with is put into it first; then
    `await listen()` serves, and sends the port."""
    # Read here alone: the browser's process has no need of it.
    import structlog

    from callcenter.web.server import serve
    from tests.adapters.web_house import furnish

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stop = asyncio.Event()
    serving: list[asyncio.Task[None]] = []
    with tempfile.TemporaryDirectory(prefix="cc-pages-"), furnish(UI) as house:

        async def listen() -> None:
            listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            serving.append(
                asyncio.create_task(
                    serve(house.app, "127.0.0.1", 0, stop=stop, on_listening=lambda _, port: listening.set_result(port))
                )
            )
            pipe.send(await listening)

        try:
            yield house, listen
        finally:
            stop.set()
            await asyncio.gather(*serving)


# ---- what is put into the feed


def queue_row() -> dict[str, object]:
    """A queue's row, without its name."""
    today = {"offered": 100, "answered": 90, "abandoned": 5, "service_level": 0.8, "asa_seconds": 12.0}
    half = {"offered": 10, "answered": 9, "abandoned": 1, "service_level": 0.9}
    return {
        "waiting": 3,
        "longest_wait_since": None,
        "expected_wait_seconds": 40.0,
        "expected_low_seconds": 20.0,
        "expected_high_seconds": 60.0,
        "today": today,
        "last_half_hour": half,
        "service_level_threshold_seconds": 20.0,
        "callbacks": 0,
        "unserved": False,
        "closed_by": None,
        "when_emergency": None,
        "open": None,
        "opens_at": None,
        "forecast_error": None,
        "new_messages": 0,
        "oldest_message_at": None,
    }


def waiting_row(number: int, at: str, queues: Sequence[str]) -> dict[str, object]:
    """Somebody who waits in one of these queues."""
    ani = {"e164": f"+86138000{number:05}", "national": None, "raw": "", "withheld": False, "region": "CN"}
    return {
        "interaction_id": f"w{number}",
        "queue_id": queues[number % len(queues)],
        "position": number // len(queues) + 1,
        "entered_at": at,
        "priority": 0,
        "expected_wait_seconds": 60.0,
        "ani": ani,
        "customer_name": None,
        "media_type": "voice",
        "base_priority": 0,
        "grounds": [],
        "step": 1,
        "steps": 1,
        "aged": False,
        "offered_to": [],
        "reserved_for": None,
        "reserved_until": None,
        "expected_low_seconds": 30.0,
        "expected_high_seconds": 90.0,
        "callback": None,
        "needs": [],
        "segment": None,
    }


# ---- the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one page while it was looked at."""

    share: float
    """Of its main thread's time that it worked, by the thread's own clock: other load on the machine hardly counts."""
    frames: list[float]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        figures = Figures.of(self.frames)
        return {
            "main_thread_share": round(self.share, 3),
            "frame_p99_ms": round(figures.p99, 1),
            "longest_frame_ms": round(figures.most, 1),
            "frames_over_100_ms": sum(frame > 100 for frame in self.frames),
        }


class Watch:
    """Looks at one page from `begin` to `end`."""

    def __init__(self, page: Any, devtools: Any) -> None:
        self._page = page
        self._devtools = devtools
        self._began = (0.0, 0.0)

    @classmethod
    async def begin(cls, page: Any) -> Self:
        """From now on."""
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        watch = cls(page, devtools)
        await page.evaluate(_WATCH_FRAMES)
        watch._began = await watch._worked()
        return watch

    async def end(self) -> Cost:
        """Until now."""
        (worked, since), (worked_then, until) = self._began, await self._worked()
        frames: list[float] = await self._page.evaluate("window.frames_ms.slice(1)")
        await self._devtools.detach()
        return Cost(share=(worked_then - worked) / (until - since), frames=frames)

    async def _worked(self) -> tuple[float, float]:
        told = {one["name"]: one["value"] for one in (await self._devtools.send("Performance.getMetrics"))["metrics"]}
        return float(told["TaskDuration"]), time.monotonic()
