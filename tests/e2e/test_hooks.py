"""A server that is killed between a fact and its delivery delivers it when it is back, once by id.

No exchange is needed: what happens to customers reaches hooks without one.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx2
import pytest

from callcenter.app.ports import User
from callcenter.app.sessions import hash_password
from callcenter.domain.ids import UserId
from callcenter.store.database import Database
from callcenter.store.schema import upgrade_database
from callcenter.store.users import put_user
from tests.adapters.hook_receiver import Receiver
from tests.adapters.web_house import SMALL_FLOW
from tests.e2e.house import PROJECT, until
from tests.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PASSWORD = "the password of the hooks' house"
API = "/api/v1"


class Server:
    """The real program over a SQLite file; its exchange is away all the time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.web, ami, agi = free_ports(3)
        self._config = directory / "callcenter.toml"
        self._config.write_text(
            f'[server]\nport = {self.web}\ndata_directory = "{directory / "data"}"\n'
            f'[asterisk]\nami_port = {ami}\nfastagi_port = {agi}\nami_secret = "secret-of-nobody-at-all"\n'
            f'[flows]\ndirectory = "{directory / "flows"}"\n'
            '[web_services]\nprivate_networks = ["127.0.0.0/8"]\n',
            encoding="utf-8",
        )
        self.process: asyncio.subprocess.Process | None = None

    async def furnish(self) -> None:
        (self.directory / "data").mkdir()
        (self.directory / "flows" / "prompts").mkdir(parents=True)
        (self.directory / "flows" / "small.yaml").write_text(SMALL_FLOW, encoding="utf-8")
        shutil.copy(PROJECT / "ivr_flows" / "prompts" / "queue.yaml", self.directory / "flows" / "prompts")
        database = Database(f"sqlite:///{self.directory / 'data' / 'callcenter.sqlite3'}")
        await upgrade_database(database)
        async with database.writing() as connection:
            admin = User(
                user_id=UserId("admin"),
                name="admin",
                display_name="Admin",
                role="administrator",
                agent_id=None,
                language="en",
                password_hash=hash_password(PASSWORD),
            )
            await put_user(connection, admin)
        await database.dispose()

    async def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "callcenter", "serve", "--unwatched", "--config", str(self._config)),
                cwd=PROJECT,
                env={name: os.environ[name] for name in ("PATH", "HOME", "CALLCENTER_TEST_RUN") if name in os.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    @contextlib.asynccontextmanager
    async def signed_in(self) -> AsyncGenerator[httpx2.AsyncClient]:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.web}", verify=False) as client:

            async def answers() -> bool:
                assert self.process is not None
                assert self.process.returncode is None, (self.directory / "log").read_text()[-3000:]
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await until(answers, "the server answers", seconds=40)
            session = await client.post(f"{API}/session", json={"name": "admin", "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {session.raise_for_status().json()['token']}"
            client.cookies.clear()
            yield client


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    await server.furnish()
    await server.start()
    yield server
    await server.kill()


async def test_what_was_stored_before_a_kill_is_delivered_after_it_once_by_id(server: Server) -> None:
    receiver = Receiver()
    await receiver.start()
    await receiver.stop()  # Its address is known, and nobody listens there.
    async with server.signed_in() as client:
        body = {"url": receiver.url, "events": ["customer.created"], "description": "CRM"}
        made = (await client.post(f"{API}/hooks", json=body)).raise_for_status().json()
        created = (await client.post(f"{API}/customers", json={"name": "Anna"})).raise_for_status().json()
    await server.kill()
    await receiver.start()
    try:
        receiver.answers = [500]
        await server.start()
        await receiver.until(lambda: len(receiver.received) >= 2, seconds=60)
        async with server.signed_in() as client:

            async def noted() -> bool:
                log = (await client.get(f"{API}/hooks/{made['hook']['hook_id']}/deliveries")).json()["items"]
                return [(one["state"], one["last_status"]) for one in log] == [("delivered", 204)]

            await until(noted, "the log has the delivery")
        await server.kill()
        await server.start()
        async with server.signed_in():
            # It is up again and has nothing to send: what is delivered stays so.
            pass
    finally:
        await receiver.stop()
    assert {one.id for one in receiver.received} == {receiver.received[0].id}
    assert len(receiver.received) == 2
    assert all(one.is_signed_with(made["secret"]) for one in receiver.received)
    assert receiver.received[1].document["data"]["customer_id"] == created["customer_id"]  # type: ignore[index]
    assert b"Anna" not in receiver.received[1].body
