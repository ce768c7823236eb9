"""What the supervisor's board costs the browser: 200 agents, 40 waiting callers, 20 events a second, in Chromium.

    python -m benchmarks.board --agents 200 --events 20 --seconds 20 --json

The pages must be built (agent_ui/dist). The server and its feed are real, the house behind them is a fake; the main
thread's work is what the browser itself counts (Performance.getMetrics: TaskDuration) of its CPU time, frames are those
of requestAnimationFrame in the page. Whatever else the machine does makes frames late, so measure on a quiet one.
"""

import argparse
import asyncio
import json
import sys
import time
from datetime import timedelta
from multiprocessing.connection import Connection

import msgspec

from benchmarks.arguments import between
from benchmarks.page_costs import STATES, UI, Cost, Watch, furnished_server, queue_row, server_process, waiting_row

WAITING = 40
QUEUES = ("sales", "support", "operator", "service")


def run_server(pipe: Connection, agents: int, events_per_second: int, seconds: int) -> None:
    """Serve until told to end; sends its port, and puts events when told to."""
    asyncio.run(_serve(pipe, agents, events_per_second, seconds))


async def _serve(pipe: Connection, agents: int, events_per_second: int, seconds: int) -> None:
    async with furnished_server(pipe) as (house, listen):
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
            house.feed.put("waiting", f"w{number}", waiting_row(number, now.isoformat(), QUEUES))
        await listen()
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


async def measure(pipe: Connection, agents: int) -> tuple[Cost, float]:
    """What it costs, and milliseconds from the address to a board that is live."""
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
        watch = await Watch.begin(board.page)
        pipe.send("go")
        await asyncio.to_thread(pipe.recv)
        cost = await watch.end()
        pipe.send("end")
    return cost, interactive_ms


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
    with server_process(run_server, asked.agents, asked.events, asked.seconds) as pipe:
        cost, interactive_ms = asyncio.run(measure(pipe, asked.agents))
    counts = {"agents": asked.agents, "events_per_second": asked.events}
    if asked.json:
        print(json.dumps({**counts, **cost.as_json(), "interactive_ms": round(interactive_ms)}))
    else:
        print(f"{counts}: {cost.as_json()}, interactive after {interactive_ms:.0f} ms")
    return int(not cost.frames)


if __name__ == "__main__":
    sys.exit(main())
