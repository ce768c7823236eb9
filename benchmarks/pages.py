"""What 500 agents and 500 waiting callers cost the pages: main thread, frames, first snapshot, each in Chromium.

    python -m benchmarks.pages --agents 500 --waiting 500 --events 20 --seconds 10 --json

The pages must be built (agent_ui/dist). `agents`: the board at its list of agents; `waiting`: the board at its list of
waiting callers, all of them unfolded; `wall`: the screen on the wall, 20 queues; `calls`: 500 past calls unfolded;
`colleagues`: an agent's desk with the list of colleagues open. The server and its feed are real, the house behind them
is a fake; events go on for all topics whatever the page follows. `ready_ms` is from the address to the whole list,
`first_kb` the largest answer that took (the feed's snapshot, or what REST gave), uncompressed. The main thread's share
is of its CPU time, so that it hardly depends on what else the machine does; frames do.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from benchmarks.arguments import between
from benchmarks.page_costs import STATES, UI, Cost, Watch, furnished_server, queue_row, server_process, waiting_row
from callcenter.app.views import QueueView
from callcenter.domain.ids import QueueId

QUEUES = tuple(f"queue-{number:02}" for number in range(20))
CALLS = 500
PATIENCE_MS = 60_000.0
LARGEST_ANSWER = """
() => {
  const answers = performance.getEntriesByType('resource').filter((one) => one.name.includes('/api/v1/'))
  return Math.max(0, ...answers.map((one) => one.decodedBodySize))
}
"""


def run_server(pipe: Connection, agents: int, waiting: int, events_per_second: int) -> None:
    """Serve until told to end; sends its port, then puts events all the time."""
    asyncio.run(_serve(pipe, agents, waiting, events_per_second))


async def _serve(pipe: Connection, agents: int, waiting: int, events_per_second: int) -> None:
    async with furnished_server(pipe) as (house, listen):
        floor = _Crowd(house, agents, waiting)
        await listen()
        over = asyncio.create_task(asyncio.to_thread(pipe.recv))
        turn, began = 0, time.monotonic()
        while not over.done():
            await asyncio.sleep(max(began + turn / events_per_second - time.monotonic(), 0.0))
            floor.turn(turn)
            turn += 1


class _Crowd:
    """The house's documents, and how they change: of four events two agents, one caller, one queue."""

    def __init__(self, house: Any, agents: int, waiting: int) -> None:
        from callcenter.app.feed import agent_topic
        from callcenter.domain import commands as cmd
        from callcenter.domain.agents import AgentConfig
        from callcenter.domain.ids import AgentId
        from tests.adapters.web_house import LI

        self._feed, self._board, self._now = house.feed, house.desk, house.clock.now()
        self._agents, self._waiting = agents, waiting
        self._agent = msgspec.to_builtins(house.deps.board.agents()[0])
        self._queue = {**queue_row(), "agents": {**dict.fromkeys(STATES, agents // len(STATES)), "hold": 0}}
        for number in range(agents):
            self._put_agent(number, 0)
            config = AgentConfig(agent_id=AgentId(f"a{number:03}"), name=f"Agent {number:03}")
            house.floor.engine.handle(cmd.ConfigureAgent(config=config), self._now)
        for number in range(waiting):
            self._put_caller(number, 0)
        for number in range(len(QUEUES)):
            self._put_queue(number, 0)
        self._feed.put(agent_topic(LI), "state", house.desk.agent(LI))
        for _ in range(CALLS):
            house.records.keep(house.end(house.talk(LI), LI))

    def turn(self, turn: int) -> None:
        """The next event."""
        match turn % 4:
            case 0 | 2:
                self._put_agent(turn // 2 * 7 % self._agents, turn)
            case 1:
                self._put_caller(turn // 4 * 7 % self._waiting, turn)
            case _:
                self._put_queue(turn // 4 % len(QUEUES), turn)

    def _put_agent(self, number: int, turn: int) -> None:
        row = {
            **self._agent,
            "agent_id": f"a{number:03}",
            "name": f"Agent {number:03}",
            "state": STATES[(number + turn) % len(STATES)],
            "since": (self._now + timedelta(seconds=turn)).isoformat(),
            "queue_ids": QUEUES[number % 5 :: 5],
        }
        self._feed.put("agents", f"a{number:03}", row)

    def _put_caller(self, number: int, turn: int) -> None:
        row = waiting_row(number, self._now.isoformat(), QUEUES)
        self._feed.put("waiting", f"w{number}", {**row, "expected_wait_seconds": 60.0 + turn})

    def _put_queue(self, number: int, turn: int) -> None:
        label = {"zh": f"队列 {number}", "en": f"Queue {number}"}
        row = {**self._queue, "queue_id": QUEUES[number], "label": label, "waiting": 25 + turn % 7}
        self._feed.put("queues", QUEUES[number], row)
        self._board.queue_rows[QueueId(QUEUES[number])] = msgspec.convert(row, QueueView)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One page."""

    cost: Cost
    ready_ms: float
    first_kb: float

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**self.cost.as_json(), "ready_ms": round(self.ready_ms), "first_kb": round(self.first_kb, 1)}


async def measure(pipe: Connection, agents: int, waiting: int, seconds: int, wanted: str) -> dict[str, Outcome]:
    """Every page after the other."""
    from tests.adapters.web_house import PASSWORD
    from tests.e2e.browser import Chromium

    url = f"http://127.0.0.1:{pipe.recv()}"

    async def agents_listed(page: Any) -> None:
        await page.locator("[data-test^=board-agent-]").nth(agents - 1).wait_for(state="attached", timeout=PATIENCE_MS)
        await page.evaluate("document.getElementById('agents').scrollIntoView()")

    async def waiting_listed(page: Any) -> None:
        more = page.locator('[data-test="waiting-more"]')
        await page.locator("[data-test^=board-waiting-]").first.wait_for(state="attached", timeout=PATIENCE_MS)
        while await more.count() > 0:
            await more.click()
        await (
            page.locator("[data-test^=board-waiting-]").nth(waiting - 1).wait_for(state="attached", timeout=PATIENCE_MS)
        )
        await page.evaluate("document.getElementById('waiting').scrollIntoView()")

    async def wall_hung(page: Any) -> None:
        await page.locator('[data-test="wall"][data-live="true"]').wait_for(timeout=PATIENCE_MS)

    async def calls_listed(page: Any) -> None:
        rows, more = page.locator('[data-test="call-row"]'), page.locator('[data-test="calls-more"]')
        await rows.first.wait_for(timeout=PATIENCE_MS)
        while (shown := await rows.count()) < CALLS:
            await more.click()
            await rows.nth(shown).wait_for(state="attached", timeout=PATIENCE_MS)

    async def colleagues_listed(page: Any) -> None:
        await page.locator('[data-test="colleagues-toggle"]').click(timeout=PATIENCE_MS)
        await page.locator("[data-test^=colleague-a]").first.wait_for(timeout=PATIENCE_MS)

    every: dict[str, tuple[str, Callable[[Any], Awaitable[None]]]] = {
        "agents": ("/board", agents_listed),
        "waiting": ("/board", waiting_listed),
        "wall": ("/wall", wall_hung),
        "calls": ("/calls", calls_listed),
    }
    found: dict[str, Outcome] = {}
    async with Chromium(url) as chromium:
        board = await chromium.board("super", PASSWORD)
        for name, (path, listed) in every.items():
            if wanted in ("all", name):
                found[name] = await _watch(board, f"{url}{path}", listed, seconds)
        await board.page.close()
        if wanted in ("all", "colleagues"):
            desk = await chromium.desk("1001", PASSWORD)
            found["colleagues"] = await _watch(desk, f"{url}/desk", colleagues_listed, seconds)
    pipe.send("end")
    return found


async def _watch(screen: Any, address: str, listed: Callable[[Any], Awaitable[None]], seconds: int) -> Outcome:
    """Open a page, wait for its list, and look on."""
    page = screen.page
    snapshots: list[int] = []

    def hear(payload: str | bytes) -> None:
        if isinstance(payload, str) and payload.startswith('{"type":"snapshot"'):
            snapshots.append(len(payload.encode()))

    page.on("websocket", lambda socket: socket.on("framereceived", hear))
    await page.goto("about:blank")
    snapshots.clear()
    began = time.monotonic()
    await page.goto(address)
    await listed(page)
    ready_ms = (time.monotonic() - began) * 1_000
    # What opening it left to do is no part of looking on.
    await asyncio.sleep(2.0)
    watch = await Watch.begin(page)
    await asyncio.sleep(seconds)
    cost = await watch.end()
    largest = max([await page.evaluate(LARGEST_ANSWER), *snapshots])
    return Outcome(cost=cost, ready_ms=ready_ms, first_kb=largest / 1_000)


def main() -> int:
    """Run it; 1 when a page showed no frame."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", type=between(1, 1_000), default=500)
    parser.add_argument("--waiting", type=between(1, 1_000), default=500)
    parser.add_argument("--events", type=between(1, 200), default=20, help="a second")
    parser.add_argument("--seconds", type=between(2, 300), default=10, help="for each page")
    parser.add_argument("--page", choices=("all", "agents", "waiting", "wall", "calls", "colleagues"), default="all")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not (UI / "index.html").is_file():
        parser.error("the pages are not built: npm --prefix agent_ui run build")
    with server_process(run_server, asked.agents, asked.waiting, asked.events) as pipe:
        found = asyncio.run(measure(pipe, asked.agents, asked.waiting, asked.seconds, asked.page))
    if asked.json:
        counts = {"agents": asked.agents, "waiting": asked.waiting, "events_per_second": asked.events}
        print(json.dumps({**counts, "pages": {name: one.as_json() for name, one in found.items()}}))
    else:
        for name, one in found.items():
            print(name, one.as_json())
    return int(any(not one.cost.frames for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
