"""The watch over the server's process, with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.watch import EXIT_SETTINGS, EXIT_TRY_LATER, Watch, WatchConfig

pytestmark = pytest.mark.timed

CONFIG = WatchConfig(
    start_limit=timedelta(seconds=30),
    silence_limit=timedelta(seconds=3),
    restart_first=timedelta(milliseconds=10),
)
LIVING = """
import sys, time
from pathlib import Path
from callcenter.watch import Notifier
notifier = Notifier.from_environment()
notifier.ready()
with Path(sys.argv[1]).open("a") as log:
    print("started", file=log)
while notifier.alive():
    time.sleep(0.05)
with Path(sys.argv[1]).open("a") as log:
    print("orphaned", file=log)
"""


async def until(condition: object, *, seconds: float = 20) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  What is waited for happens in another process.
            await asyncio.sleep(0.01)


def starts(path: Path) -> int:
    return path.read_text().count("started") if path.exists() else 0


@asynccontextmanager
async def watched(path: Path) -> AsyncIterator[Watch]:
    watch = Watch([sys.executable, "-c", LIVING, str(path)], CONFIG)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        watch.stop()
        assert await task == 0
        assert watch.process is not None
        assert watch.process.returncode is not None


async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with watched(log) as watch:
        await until(lambda: starts(log) == 1)
        assert watch.process is not None
        watch.process.kill()
        await until(lambda: starts(log) >= 2)


async def test_a_frozen_server_is_killed_and_started_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with watched(log) as watch:
        await until(lambda: starts(log) == 1)
        assert watch.process is not None
        frozen = watch.process.pid
        os.kill(frozen, signal.SIGSTOP)
        await until(lambda: starts(log) >= 2)
        assert watch.process.pid != frozen


async def test_a_frozen_server_says_where_it_stands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom callcenter.logs import show_where_it_stands\n"
        "from callcenter.watch import Notifier\nshow_where_it_stands()\n"
        "with Path(sys.argv[1]).open('a') as log:\n    print('started', file=log)\n"
        "Notifier.from_environment().ready()\n"
        "def stands_still():\n    time.sleep(600)\nstands_still()"
    )
    watch = Watch([sys.executable, "-c", program, str(log)], CONFIG)
    task = asyncio.create_task(watch.run())
    await until(lambda: starts(log) >= 2)
    watch.stop()
    await task
    assert "in stands_still" in capfd.readouterr().err


async def test_a_server_that_lives_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with watched(log) as watch:
        await until(lambda: starts(log) == 1)
        first = watch.process
        await asyncio.sleep(1.5 * CONFIG.silence_limit.total_seconds())
        assert watch.process is first


async def test_wrong_settings_are_not_tried_again() -> None:
    watch = Watch([sys.executable, "-c", f"raise SystemExit({EXIT_SETTINGS})"], CONFIG)
    async with asyncio.timeout(20):
        assert await watch.run() == EXIT_SETTINGS


async def test_the_server_learns_that_its_watch_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    outer = (
        "import asyncio, sys\nfrom callcenter.watch import Watch\n"
        f"asyncio.run(Watch([sys.executable, '-c', {LIVING!r}, {str(log)!r}]).run())"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", outer)
    try:
        await until(lambda: starts(log) == 1)
    finally:
        process.kill()
        await process.wait()
    await until(lambda: "orphaned" in log.read_text())


async def test_what_has_served_is_started_again_even_when_it_cannot_start_now(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import sys\nfrom pathlib import Path\nfrom callcenter.watch import Notifier\n"
        "with Path(sys.argv[1]).open('a') as log:\n    print('started', file=log)\n"
        "if Path(sys.argv[1]).read_text().count('started') == 1:\n    Notifier.from_environment().ready()\n"
        f"raise SystemExit({EXIT_TRY_LATER})"
    )
    watch = Watch([sys.executable, "-c", program, str(log)], CONFIG)
    task = asyncio.create_task(watch.run())
    await until(lambda: starts(log) >= 3)
    watch.stop()
    await task


async def test_what_never_served_is_not_tried_again() -> None:
    watch = Watch([sys.executable, "-c", f"raise SystemExit({EXIT_TRY_LATER})"], CONFIG)
    async with asyncio.timeout(20):
        assert await watch.run() == EXIT_TRY_LATER
