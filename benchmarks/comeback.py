"""How long desktops that are cut at once take to be back with the truth: one server process, the desktops in another.

    python -m benchmarks.comeback --desktops 500 --events 20 --how reset --json

The server is the real one (uvicorn, routes, sessions, feed) over fakes of the house behind it; the desktops come back
as the page does (tests/adapters/feed_desktop.py). `--how reset`: their connections are ended; `silent`: they hear
nothing more and the server is not told, as when a network goes away; `forgotten`: ended, and the server has no past any
more, as after a restart, so that each takes a snapshot. Events go on all the while. At the end every picture is held
against the truth.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.arguments import between
from benchmarks.figures import Figures

BEFORE_SECONDS = 3.0
LIMIT_SECONDS = 120.0


def run_server(pipe: Connection, desktops: int, events_per_second: int) -> None:
    """Serve until told to end; sends port and tokens, at the end the last event's number, the truth, its share."""
    asyncio.run(_serve(pipe, desktops, events_per_second))


async def _serve(pipe: Connection, desktops: int, events_per_second: int) -> None:
    # Read here alone: the other process is to measure, not to have imported.
    import structlog

    from callcenter.web.server import serve
    from tests.adapters.feed_desktop import happen, hire, truth
    from tests.adapters.web_house import furnish

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="cc-comeback-") as base, furnish(Path(base)) as house:
        hired = await hire(house, desktops)
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve(house.app, "127.0.0.1", 0, stop=stop, on_listening=lambda _, port: listening.set_result(port))
        )
        pipe.send((await listening, hired))
        number, told = -1, asyncio.create_task(asyncio.to_thread(pipe.recv))
        began = used = 0.0
        while True:
            if told.done():
                word = told.result()
                if word == "over":
                    break
                if word == "forget":
                    house.feed.forget_past()
                began, used = time.monotonic(), time.process_time()
                told = asyncio.create_task(asyncio.to_thread(pipe.recv))
            number += 1
            happen(house, hired, number)
            await asyncio.sleep(1 / events_per_second)
        share = (time.process_time() - used) / (time.monotonic() - began)
        pipe.send((number, {agent_id: truth(house, agent_id) for agent_id, _ in hired}, share, len(house.desk.lost)))
        await asyncio.to_thread(pipe.recv)
        stop.set()
        await serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen."""

    back_ms: list[float]
    wrong: int
    missed: int
    tries: int
    snapshots: int
    server_core_share: float
    lost_desks: int


async def measure(pipe: Connection, how: str) -> Outcome:
    """Connect all, cut all, wait until all are back and know the last event."""
    from tests.adapters.feed_desktop import Desktop

    port, hired = pipe.recv()
    desktops = [Desktop(port=port, token=token, agent_id=agent_id) for agent_id, token in hired]
    tasks = [asyncio.create_task(one.run()) for one in desktops]
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.gather(*(one.live.wait() for one in desktops))
        await asyncio.sleep(BEFORE_SECONDS)
        tries, snapshots = sum(one.tries for one in desktops), sum(one.snapshots for one in desktops)
        pipe.send("forget" if how == "forgotten" else "mark")
        began = time.monotonic()
        for one in desktops:
            one.cut(silently=how == "silent")
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.gather(*(one.live.wait() for one in desktops))
        back_ms = [(one.live_at - began) * 1e3 for one in desktops]
        pipe.send("over")
        last, truths, share, lost_desks = await asyncio.to_thread(pipe.recv)
        await _until_all_know(desktops, last)
        # A snapshot in the place of events leaves out what was overtaken.
        missed = 0 if how == "forgotten" else sum(one.gaps for one in desktops)
        return Outcome(
            back_ms=back_ms,
            wrong=sum(one.picture != truths[one.agent_id] for one in desktops),
            missed=missed,
            tries=sum(one.tries for one in desktops) - tries,
            snapshots=sum(one.snapshots for one in desktops) - snapshots,
            server_core_share=share,
            lost_desks=lost_desks,
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pipe.send("end")


async def _until_all_know(desktops: list[Any], last: int) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    for one in desktops:
        while one.numbers[-1:] != [last] and time.monotonic() < end:  # noqa: ASYNC110 - who waits is all there is.
            await asyncio.sleep(0.02)


def main() -> int:
    """Run it; 1 when somebody is not back in time or has missed something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comeback", description=__doc__.partition("\n")[0])
    parser.add_argument("--desktops", type=between(1, 3_500), default=500)
    parser.add_argument("--events", type=between(1, 200), default=20, help="a second, on the board; as many on desks")
    parser.add_argument("--how", choices=("reset", "silent", "forgotten"), default="reset")
    parser.add_argument("--within", type=between(1, 120), default=15, help="seconds, until the last is to be back")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=run_server, args=(theirs, asked.desktops, asked.events)
    )
    server.start()
    try:
        seen = asyncio.run(measure(ours, asked.how))
    finally:
        server.join(timeout=10)
        if server.is_alive():
            server.kill()
    figures = Figures.of(seen.back_ms)
    result = {
        "desktops": asked.desktops,
        "how": asked.how,
        "back_ms": figures.as_json(),
        "last_back_ms": round(figures.most, 1),
        "wrong_pictures": seen.wrong,
        "missed_events": seen.missed,
        "tries": seen.tries,
        "snapshots": seen.snapshots,
        "desks_thought_lost": seen.lost_desks,
        "server_core_share": round(seen.server_core_share, 3),
    }
    if asked.json:
        print(json.dumps(result))
    else:
        print(f"{asked.desktops} desktops, {asked.how}: back p50 {figures.p50:.0f} ms, last {figures.most:.0f} ms")
        print(f"wrong pictures {seen.wrong}, missed events {seen.missed}, snapshots {seen.snapshots}")
    return int(seen.wrong > 0 or seen.missed > 0 or figures.most > asked.within * 1_000)


if __name__ == "__main__":
    sys.exit(main())
