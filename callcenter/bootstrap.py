"""Makes one server out of the settings and runs it: the only place that knows every group of parts.

Law: whatever can be checked is checked before the first port is opened; nothing is left half started.
"""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import structlog

from callcenter.app.sessions import Sessions
from callcenter.clock import SystemClock
from callcenter.heard import flow_shelf
from callcenter.listening import refuse_taken, server_ports
from callcenter.parts.floor import FloorGroup
from callcenter.parts.ground import Ground, Owned
from callcenter.parts.office import OfficeGroup, services_of
from callcenter.parts.pages import make_pages, new_token
from callcenter.parts.talks import TalkGroup
from callcenter.settings import Settings, check_runnable, empty_temporary, make_data_directory
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.schema import check_schema
from callcenter.watch import Notifier, WatchGone
from callcenter.web.demo_info import DemoInfo
from callcenter.web.server import serve as serve_web

log = structlog.get_logger(__name__)

THREAD_TURN: Final = timedelta(milliseconds=0.5)
LIFE_SIGN_INTERVAL: Final = timedelta(seconds=1)
FLOWS_IN_FORCE: Final = "flows-in-force.json"
"""Under the data directory: the flows that were sound last."""


async def run_server(settings: Settings, notifier: Notifier, stop: asyncio.Event, demo: DemoInfo | None = None) -> None:
    """Serve calls and pages until `stop` is set; raises one clear error when it cannot start."""
    check_runnable(settings)
    # A thread that stores rows may keep the interpreter from the calls for no longer than this; Python's own is 5 ms.
    sys.setswitchinterval(THREAD_TURN.total_seconds())
    await asyncio.to_thread(make_data_directory, settings)
    refuse_taken(server_ports(settings))
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url)
        stack.push_async_callback(database.dispose)
        await check_schema(database)
        configuration = StoredConfiguration(database)
        # Read first: what is applied from here on is noticed as a newer version.
        version = await configuration.version()
        shelf = flow_shelf(settings, database, memory=settings.server.data_directory / FLOWS_IN_FORCE)
        ground = Ground(
            settings=settings,
            database=database,
            configuration=configuration,
            shelf=shelf,
            lines=await shelf.load(),
            version=version,
            clock=SystemClock(),
        )
        await _Server(ground, notifier, demo).run(stop, stack)


class _Server:
    """The groups of parts of one running server, and who owns their tasks."""

    def __init__(self, ground: Ground, notifier: Notifier, demo: DemoInfo | None) -> None:
        self._bind, self._port = ground.settings.server.bind, ground.settings.server.port
        self._notifier = notifier
        self._settings = ground.settings
        web_services = services_of(ground.settings)
        self._floor = FloorGroup(ground, web_services=web_services)
        self._talks = TalkGroup(ground, self._floor)
        self._office = OfficeGroup(ground, self._floor, self._talks, web_services=web_services)
        self._sessions = Sessions(users=self._talks.users, clock=ground.clock, new_token=new_token)
        self._web = make_pages(ground, self._floor, self._talks, self._office, sessions=self._sessions, demo=demo)

    async def run(self, stop: asyncio.Event, stack: AsyncExitStack) -> None:
        """Start in order, run, stop in the opposite order."""
        floor = self._floor
        await self._office.house.load()
        await floor.journal.start()
        stack.push_async_callback(floor.journal.stop)
        # The journal's file is locked: nobody else sends out of this data directory.
        await asyncio.to_thread(empty_temporary, self._settings)
        stack.callback(self._sessions.close)
        stack.callback(floor.accounts.close)
        stack.push_async_callback(floor.library.aclose)
        today = await floor.load_figures()
        floor_task = asyncio.create_task(floor.floor.run(), name="floor")
        try:
            await floor.restore(today)
            await self._talks.notices.load()
            async with asyncio.TaskGroup() as tasks:
                own: Owned = {
                    "floor watch": lambda: self._until(floor_task),
                    "sign of life": self._live,
                }
                owned = [
                    tasks.create_task(work(), name=name)
                    for group in (own, floor.owned(), self._talks.owned(), self._office.owned())
                    for name, work in group.items()
                ]
                web = tasks.create_task(
                    serve_web(self._web, self._bind, self._port, stop=stop, on_listening=self._listening), name="web"
                )
                await web
                self._notifier.stopping()
                for task in owned:
                    task.cancel()
        finally:
            floor_task.cancel()
            await asyncio.gather(floor_task, return_exceptions=True)

    async def _until(self, floor_task: "asyncio.Task[None]") -> None:
        """The floor never ends by itself; if it does, everything ends with its error."""
        await asyncio.shield(floor_task)

    def _listening(self, host: str, port: int) -> None:
        # What was made to start with stays. Looking through all of it for garbage stood every call still for a tenth of
        # a second, again and again.
        gc.freeze()
        log.info("serving", address=f"http://{host}:{port}")
        self._notifier.ready()

    async def _live(self) -> None:
        """Tell whoever started us that the floor lives; go when nobody hears it any more."""
        while True:
            await self._floor.floor.pulse()
            if not self._notifier.alive():
                log.error("watch_gone")
                raise WatchGone("the process that started this server is gone")
            await asyncio.sleep(LIFE_SIGN_INTERVAL.total_seconds())
