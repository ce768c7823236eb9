"""A house with two queues on one Asterisk, ours and a stock `app_queue`, which the same phones answer for.

`async with TwoQueues(base, agents=4, waiting=16) as house:` brings everything up; `house.use(OURS)` before measuring.
"""

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from benchmarks.desktops import Desktops
from callcenter.app.ports import NumberRoute, User
from callcenter.app.sessions import hash_password
from callcenter.asterisk.config_files import render, write
from callcenter.asterisk.pbx_config import PhoneAccount
from callcenter.demo import AGENTS
from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId, QueueId, UserId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.store.configuration import put_agent, put_number, put_phone_secret, put_queue
from callcenter.store.database import Database
from callcenter.store.users import put_user
from tests.e2e.house import PASSWORD, House
from tests.e2e.phones import AgentPhone, Answer, Silence

HERE = Path(__file__).resolve().parent
SOUND = Silence(packets_per_second=10)
"""Enough to be heard as a phone, and so little that measuring does not slow what is measured."""
FOR_THE_STOCK_QUEUE = "break"

EXTENSIONS = """\
; The stock queue that the benchmark measures beside ours; never part of the product.
[cc-inbound]
exten => {dnis},1,Answer()
 same => n,Queue({queue})
 same => n,Hangup()
"""
STOCK_QUEUE = """\
; The stock queue that the benchmark measures beside ours, with its fastest settings.
[{queue}]
strategy = rrmemory
autofill = yes
ringinuse = no
retry = {retry}
wrapuptime = 0
timeout = 60
joinempty = yes
leavewhenempty = no
announce-frequency = 0
{members}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the two ways to an agent."""

    name: str
    dnis: str


OURS = Way(name="ours", dnis="4910")
APP_QUEUE = Way(name="app_queue", dnis="4911")
WAYS = (OURS, APP_QUEUE)


@dataclass(slots=True)
class Worker:
    """One agent and the phone that both queues ring."""

    agent_id: str
    phone: AgentPhone

    @property
    def free(self) -> bool:
        """Whether the phone is on the hook."""
        return not self.phone.calls_alive


class TwoQueues(House):
    """The house, with a queue of ours without wrap-up and menu, and a stock queue with the same agents."""

    forked = False

    def __init__(self, base: Path, *, agents: int, waiting: int | None = None, retry_seconds: int = 1) -> None:
        super().__init__(base, {"CALLCENTER_SIP_RTP_START": "20000", "CALLCENTER_SIP_RTP_END": "24999"})
        self.agent_ids = tuple(str(1001 + number) for number in range(agents))
        self.waiting = 4 * agents if waiting is None else waiting
        self.workers: list[Worker] = []
        self.desktops = Desktops(self.web_url, PASSWORD, self.agent_ids)
        self._retry_seconds = retry_seconds
        self._staff = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._add_stock_queue()
            await self.until(self._prompts_are_built, "the prompts are built", seconds=120)
            for agent_id in self.agent_ids:
                phone = AgentPhone(server=self.sip, user=agent_id, password=PASSWORD, sound=SOUND, behaviour=Answer())
                self.workers.append(Worker(agent_id, await self._staff.enter_async_context(phone)))
            await self._staff.enter_async_context(self.desktops)
        except BaseException:
            await self._staff.aclose()
            await super().__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await self._staff.aclose()
        finally:
            await super().__aexit__(*exc_info)

    async def start_server(self, *, watched: bool = False) -> None:
        """Put in our queue and the number that leads straight to it, then start."""
        await asyncio.to_thread(shutil.copytree, HERE / "flows", self.settings.flows.directory, dirs_exist_ok=True)
        await self._add_our_queue()
        await self._add_agents()
        await super().start_server(watched=watched)

    async def use(self, way: Way) -> None:
        """Ready for ours, not ready while the stock queue is measured."""
        if way is OURS:
            await self.desktops.set_state("ready")
        else:
            await self.desktops.set_state("not_ready", FOR_THE_STOCK_QUEUE)

    async def at_rest(self) -> None:
        """Wait until no phone and no agent is in a call."""

        async def phones_are_free() -> bool:
            return all(worker.free for worker in self.workers)

        await self.until(phones_are_free, "every phone is on the hook")
        await self.desktops.at_rest()

    async def left_over(self) -> list[str]:
        """Channels and interactions that are still there when nobody calls any more, each as a complaint."""
        try:
            await self.quiet()
        except AssertionError:
            channels = (await self.asterisk.cli("core show channels concise")).splitlines()
            left = [f"a channel is left over: {line}" for line in channels if "!" in line]
            return left + [f"an interaction has no end: {name}" for name in self.invariants().open_interactions()]
        return []

    def server_errors(self) -> list[str]:
        """What the server has logged as an error."""
        entries = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entries.append(line)
                continue
            if entry.get("level") in ("error", "critical"):
                entries.append(line)
        return entries

    async def _prompts_are_built(self) -> bool:
        return "prompts_built" in self.log_path.read_text(errors="replace")

    async def _add_our_queue(self) -> None:
        queue = QueueConfig(
            queue_id=QueueId("benchmark"),
            label=Label(zh="基准测试", en="Benchmark"),
            wrap_up=timedelta(),
            ring_timeout=timedelta(seconds=60),
        )
        database = Database(self.settings.database_url)
        try:
            async with database.writing() as connection:
                await put_queue(connection, queue)
                await put_number(connection, NumberRoute(dnis=OURS.dnis, flow="benchmark", label=queue.label))
        finally:
            await database.dispose()

    async def _add_agents(self) -> None:
        """Those whom the demo has not: logins and phones like its own."""
        more = self.agent_ids[len(AGENTS) :]
        if not more:
            return
        database = Database(self.settings.database_url)
        password_hash = await asyncio.to_thread(hash_password, PASSWORD)
        try:
            async with database.writing() as connection:
                for agent_id in map(AgentId, more):
                    await put_agent(connection, AgentConfig(agent_id=agent_id, name=f"Agent {agent_id}"))
                    await put_phone_secret(connection, agent_id, PASSWORD)
                    user = User(
                        user_id=UserId(f"user-{agent_id}"),
                        name=agent_id,
                        display_name=f"Agent {agent_id}",
                        role="agent",
                        agent_id=agent_id,
                        language="en",
                        password_hash=password_hash,
                    )
                    await put_user(connection, user)
        finally:
            await database.dispose()
        config = self.asterisk.config
        phones = tuple(PhoneAccount(agent_id=agent_id, secret=PASSWORD) for agent_id in more)
        files = render(replace(config, phones=(*config.phones, *phones)))
        await asyncio.to_thread(write, files, config.directories.etc)
        await self.asterisk.cli("module reload res_pjsip.so")
        await self.asterisk.cli("dialplan reload")

    async def _add_stock_queue(self) -> None:
        etc = self.asterisk.config.directories.etc
        members = "\n".join(f"member => PJSIP/{agent_id}" for agent_id in self.agent_ids)
        name = "benchmark-stock"
        parts = {
            "extensions": EXTENSIONS.format(dnis=APP_QUEUE.dnis, queue=name),
            "queues": STOCK_QUEUE.format(queue=name, retry=self._retry_seconds, members=members),
        }

        def add() -> None:
            for file, text in parts.items():
                (etc / f"{file}_benchmark.conf").write_text(text, encoding="utf-8")
                with (etc / f"{file}.conf").open("a", encoding="utf-8") as out:
                    out.write(f"\n#include {file}_benchmark.conf\n")

        await asyncio.to_thread(add)
        await self.asterisk.cli("dialplan reload")
        await self.asterisk.cli("queue reload all")
        shown = await self.asterisk.cli(f"queue show {name}")
        if any(f"PJSIP/{agent_id}" not in shown for agent_id in self.agent_ids):
            raise AssertionError(f"the stock queue has not its members: {shown}")
