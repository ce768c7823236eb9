"""What the supervisor's board costs the browser: 200 agents, 40 waiting callers, 20 events a second, in Chromium.

    python -m benchmarks.board --agents 200 --events 20 --seconds 20 --json

The pages must be built (agent_ui/dist). The server and its feed are real, the house behind them is a fake; the main
thread's work is what the browser itself counts (Performance.getMetrics: TaskDuration), frames are those of
requestAnimationFrame in the page. Whatever else the machine does makes frames late, so measure on a quiet one.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from benchmarks.arguments import between
from benchmarks.figures import Figures

UI = Path(__file__).resolve().parents[1] / "agent_ui" / "dist"
WAITING = 40
QUEUES = ("sales", "support", "operator", "service")
STATES = ("ready", "talking", "wrap_up", "not_ready", "offered")
WATCH_FRAMES = """
() => {
  window.frames_ms = []
  let last = performance.now()
  const step = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(step) }
  requestAnimationFrame(step)
}
"""


def run_server(pipe: Connection, agents: int, events_per_second: int, seconds: int) -> None:
    """Serve until told to end; sends its port, and puts events when told to."""
    asyncio.run(_serve(pipe, agents, events_per_second, seconds))


async def _serve(pipe: Connection, agents: int, events_per_second: int, seconds: int) -> None:
    # Read here alone: the browser's process has no need of it.
    import structlog

    from callcenter.web.server import serve
    from tests.adapters.web_house import furnish

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="cc-board-"), furnish(UI) as house:
        now = house.clock.now()
        agent = msgspec.to_builtins(house.deps.board.agents()[0])
        queue = {
            **queue_row(),
            "agents": {"ready": 40, "not_ready": 40, "offered": 40, "talking": 40, "hold": 0, "wrap_up": 40},
        }

        def put_agent(number: int, turn: int) -> None:
            row = {
                **agent,
                "agent_id": f"a{number:03}",
                "name": f"Agent {number:03}",
                "state": STATES[(number + turn) % len(STATES)],
                "since": (now + timedelta(seconds=turn)).isoformat(),
                "queue_ids": list(QUEUES),
            }
            house.feed.put("agents", f"a{number:03}", row)

        for number in range(agents):
            put_agent(number, 0)
        for queue_id in QUEUES:
            house.feed.put(
                "queues", queue_id, {**queue, "queue_id": queue_id, "label": {"zh": queue_id, "en": queue_id}}
            )
        for number in range(WAITING):
            house.feed.put("waiting", f"w{number}", waiting_row(number, now.isoformat()))
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve(house.app, "127.0.0.1", 0, stop=stop, on_listening=lambda _, port: listening.set_result(port))
        )
        pipe.send(await listening)
        await asyncio.to_thread(pipe.recv)
        began = time.monotonic()
        for turn in range(events_per_second * seconds):
            await asyncio.sleep(max(began + turn / events_per_second - time.monotonic(), 0.0))
            if turn % 4 == 3:
                queue_id = QUEUES[turn // 4 % len(QUEUES)]
                label = {"zh": queue_id, "en": queue_id}
                row = {**queue, "queue_id": queue_id, "label": label, "waiting": turn % 60}
                house.feed.put("queues", queue_id, row)
            else:
                put_agent(turn % agents, turn)
        pipe.send("over")
        await asyncio.to_thread(pipe.recv)
        stop.set()
        await serving


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


def waiting_row(number: int, at: str) -> dict[str, object]:
    """Somebody who waits."""
    ani = {"e164": f"+86138000{number:05}", "national": None, "raw": "", "withheld": False, "region": "CN"}
    return {
        "interaction_id": f"w{number}",
        "queue_id": QUEUES[number % len(QUEUES)],
        "position": number // len(QUEUES) + 1,
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


async def measure(pipe: Connection, agents: int) -> tuple[float, list[float], float]:
    """The main thread's share, the frames' lengths, and milliseconds from the address to a board that is live."""
    from tests.adapters.web_house import PASSWORD
    from tests.e2e.browser import Chromium

    url = f"http://127.0.0.1:{pipe.recv()}"
    async with Chromium(url) as chromium:
        board = await chromium.board("super", PASSWORD)
        await board.page.locator("[data-test^=board-agent-]").nth(agents - 1).wait_for()
        began = time.monotonic()
        await board.page.goto(f"{url}/board")
        await board.becomes("board", "data-live", "true")
        interactive_ms = (time.monotonic() - began) * 1_000
        await board.page.locator("[data-test^=board-agent-]").nth(agents - 1).wait_for()
        devtools = await board.context.new_cdp_session(board.page)
        await devtools.send("Performance.enable")

        async def busy() -> tuple[float, float]:
            found = {one["name"]: one["value"] for one in (await devtools.send("Performance.getMetrics"))["metrics"]}
            return float(found["TaskDuration"]), float(found["Timestamp"])

        await board.page.evaluate(WATCH_FRAMES)
        worked, since = await busy()
        pipe.send("go")
        await asyncio.to_thread(pipe.recv)
        worked_then, until = await busy()
        frames: list[float] = await board.page.evaluate("window.frames_ms.slice(1)")
        pipe.send("end")
    return (worked_then - worked) / (until - since), frames, interactive_ms


def main() -> int:
    """Run it; 1 when no frame was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.board", description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", type=between(1, 1_000), default=200)
    parser.add_argument("--events", type=between(1, 200), default=20, help="a second")
    parser.add_argument("--seconds", type=between(2, 300), default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not (UI / "index.html").is_file():
        parser.error("the pages are not built: npm --prefix agent_ui run build")
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=run_server, args=(theirs, asked.agents, asked.events, asked.seconds)
    )
    server.start()
    try:
        share, frames, interactive_ms = asyncio.run(measure(ours, asked.agents))
    finally:
        server.join(timeout=10)
        if server.is_alive():
            server.kill()
    figures = Figures.of(frames)
    result = {
        "agents": asked.agents,
        "events_per_second": asked.events,
        "main_thread_share": round(share, 3),
        "frame_ms": figures.as_json(),
        "longest_frame_ms": round(figures.most, 1) if frames else None,
        "frames_over_100_ms": sum(frame > 100 for frame in frames),
        "interactive_ms": round(interactive_ms),
    }
    if asked.json:
        print(json.dumps(result))
    else:
        print(f"{asked.agents} agents, {asked.events} events/s: main thread {share:.0%}")
        print(f"frames: p99 {figures.p99:.0f} ms, longest {figures.most:.0f} ms; interactive {interactive_ms:.0f} ms")
    return int(not frames)


if __name__ == "__main__":
    sys.exit(main())
