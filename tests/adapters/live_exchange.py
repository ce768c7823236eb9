"""A real private Asterisk under the real bridge; where the floor would be, its reports are only kept.

async with live_exchange(base) as exchange:
    exchange.telephony.ring_agent(...)
    await exchange.told(cmd.ReportTalk)
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import pytest

from callcenter.acd.engine import AcdEngine
from callcenter.acd.picture import Picture
from callcenter.app.caller import CallerChannel, WaitVerdict
from callcenter.app.calls import Calls
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Message
from callcenter.app.ports import CallerLine, Telephony
from callcenter.app.reconcile import LegSnapshot
from callcenter.asterisk.ami import AmiClient, AmiPhase, AmiState
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.bridge import Bridge, BridgeConfig
from callcenter.asterisk.channel_list import STATUS_VARIABLES
from callcenter.asterisk.config_files import FallbackQueue, PbxConfig, TrunkConfig, installed_modules
from callcenter.asterisk.fastagi import FastAgiConfig
from callcenter.asterisk.installation import find_installation, private_directories
from callcenter.asterisk.orders import OutsideLine
from callcenter.asterisk.process import PrivateAsterisk
from callcenter.asterisk.translate import Translator
from callcenter.clock import SystemClock
from callcenter.domain.actions import RingAgent
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Interaction
from callcenter.domain.numbers import Number
from tests.e2e.phones import AgentPhone, Behaviour, Caller
from tests.ports import free_ports, own_share

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))
OUTSIDE_HOST = "127.0.0.4"
OUTSIDE_TRUNK = "trunk-outside"
RTP_FIRST, RTP_LAST = own_share(15_100, 15_899)
WAIT_SECONDS = 60.0

Wanted = TypeVar("Wanted")


class ListeningFloor:
    """Keeps what it is told; nothing follows from it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.interactions: dict[InteractionId, Interaction] = {}
        self.picture: Picture = AcdEngine().picture
        self.news = asyncio.Condition()
        self._noting: set[asyncio.Task[None]] = set()

    def tell(self, message: Message) -> None:
        self.messages.append(message)
        task = asyncio.ensure_future(self._note())
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def deliver(self, message: Message) -> None:
        self.tell(message)

    async def request(self, message: Message) -> None:
        self.tell(message)

    async def pulse(self) -> None:
        """It is never behind."""

    async def _note(self) -> None:
        async with self.news:
            self.news.notify_all()


async def wait_with_music(channel: CallerChannel) -> None:
    """The answer that keeps a caller waiting, with short questions."""
    await channel.decide(WaitVerdict(music=timedelta(seconds=0.2)), channel.question.state)


@dataclass(slots=True)
class Answers:
    """The use case's place: what every question is answered with."""

    answer_with: Callable[[CallerChannel], Awaitable[None]] = wait_with_music
    questions: list[CallerChannel] = field(default_factory=list)

    async def answer(self, channel: CallerChannel) -> None:
        self.questions.append(channel)
        await self.answer_with(channel)


class NoMemory:
    """Nothing is known from before."""

    async def recover(self, startup: str) -> tuple[list[Message], bool]:
        return [], False

    async def recall(self, ids: Sequence[InteractionId]) -> None:
        """Nothing is looked up."""


@dataclass(slots=True)
class LiveExchange:
    """Asterisk, the bridge to it, and what it tells."""

    asterisk: PrivateAsterisk
    base: Path
    sip: tuple[str, int]
    outside_port: int
    floor: ListeningFloor
    calls: Answers
    config: BridgeConfig
    bridge: Bridge
    _running: asyncio.Task[None] | None = None

    @property
    def telephony(self) -> Telephony:
        """Where orders go."""
        return self.bridge.telephony

    async def connect(self) -> None:
        """Run the bridge until it routes."""
        running = self.bridge.run(cast(Floor, self.floor), cast(Calls, self.calls), NoMemory())
        self._running = asyncio.create_task(running, name="bridge")
        await self.until(lambda: self.bridge.health().ok or None)

    async def disconnect(self) -> None:
        """The server dies; what it knew is forgotten."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def restart_server(self) -> None:
        """Another server takes over."""
        await self.disconnect()
        self.floor.messages.clear()
        self.bridge = _bridge(self.config)
        await self.connect()

    async def until(self, found: Callable[[], Wanted | None]) -> Wanted:
        """Wait until there is something."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (what := found()) is None:
                async with self.floor.news:
                    # What is waited for is mostly a report, and now and then something else.
                    try:
                        await asyncio.wait_for(self.floor.news.wait(), 0.05)
                    except TimeoutError:
                        continue
        return what

    def reports(self, kind: type[Wanted]) -> list[Wanted]:
        """All reports of one kind so far."""
        return [message for message in self.floor.messages if isinstance(message, kind)]

    async def told(self, kind: type[Wanted], *, number: int = 1) -> Wanted:
        """The report of that kind with that number, once there is one."""
        return await self.until(lambda: next(iter(self.reports(kind)[number - 1 : number]), None))

    async def question(self, number: int = 1) -> CallerChannel:
        """That question, once it was asked."""
        return await self.until(lambda: next(iter(self.calls.questions[number - 1 : number]), None))

    async def channels(self) -> list[str]:
        """The names of all channels there are."""
        text = await self.asterisk.cli("core show channels concise")
        return [line.partition("!")[0] for line in text.splitlines() if "!" in line]

    async def logged(self, text: str) -> None:
        """Wait until Asterisk's own log holds the text."""
        path = self.base / "log" / "messages.log"
        await self.until(lambda: text in path.read_text(errors="replace") or None)

    async def quiet(self) -> None:
        """Wait until no channel is left."""
        async with asyncio.timeout(WAIT_SECONDS):
            while await self.channels():  # noqa: ASYNC110  Nothing tells of it but another look.
                await asyncio.sleep(0.05)

    async def find_monitors(self) -> None:
        """Look for supervisors' channels as every reconciliation does."""
        channels = await self._status()
        await self.bridge.monitor_lines.find(channels, SystemClock().now())

    async def legs(self) -> dict[str, LegSnapshot]:
        """Our legs as a server that knows nothing reads them."""
        snapshot = Translator(_read_ani).snapshot(await self._status(), SystemClock().now(), restarted=False)
        return {leg.leg_id: leg for leg in snapshot.legs}

    async def _status(self) -> list[AmiEvent]:
        listed: list[AmiEvent] = []

        def look(state: AmiState) -> None:
            if state.phase is AmiPhase.READY:
                ready.set()

        ready = asyncio.Event()
        client = AmiClient(self.config.ami, lambda _event: None, look)
        running = asyncio.create_task(client.run())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await ready.wait()
            fields = {"Variables": ",".join(STATUS_VARIABLES)}
            listed += await client.list_action("Status", fields, timedelta(seconds=5))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return listed

    # ---- people

    def caller(self, ani: str = "+442079460001") -> Caller:
        """Somebody who calls; use it with `async with`."""
        return Caller(server=self.sip, dnis="4000", ani=ani)

    def phone(self, user: str, behaviour: Behaviour) -> AgentPhone:
        """An agent's phone at a fixed address; use it with `async with`."""
        return AgentPhone(server=self.sip, user=user, behaviour=behaviour)

    def outside(self, behaviour: Behaviour) -> AgentPhone:
        """Whoever is called over the outside trunk; use it with `async with`."""
        return AgentPhone(
            server=self.sip, user="outside", behaviour=behaviour, host=OUTSIDE_HOST, port=self.outside_port
        )

    def ring(
        self,
        phone: AgentPhone,
        interaction_id: InteractionId,
        *,
        stamp: int = 1,
        customer_absent: bool = False,
        channel_id: str | None = None,
        ring_timeout: timedelta = timedelta(seconds=10),
    ) -> OfferId:
        """Order an agent to be rung, as the engine would; the offer's id."""
        host, port = phone.address
        offer_id = OfferId(f"{interaction_id}-{phone.user}-{stamp}")
        order = RingAgent(
            offer_id=offer_id,
            interaction_id=interaction_id,
            agent_id=AgentId(phone.user),
            phone=Phone(kind=PhoneKind.ADDRESS, address=f"{phone.user}@{host}:{port}"),
            ring_timeout=ring_timeout,
            customer_absent=customer_absent,
        )
        line = CallerLine(channel="", display_number="+442079460001", display_name="", channel_id=channel_id)
        self.telephony.ring_agent(order, line)
        return offer_id


def _read_ani(raw: str, _presentation: str) -> Number:
    return Number(raw=raw, e164=raw or None)


def _bridge(config: BridgeConfig) -> Bridge:
    return Bridge(config, clock=SystemClock(), read_ani=_read_ani)


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for Asterisk's control socket."""
    path = Path("/tmp") / f"cc-live-{os.getpid()}-{os.urandom(3).hex()}"
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@asynccontextmanager
async def live_exchange() -> AsyncIterator[LiveExchange]:
    """Start it all, and stop it; skips the test where there is no Asterisk."""
    if not await asyncio.to_thread((TOOLS / "asterisk" / "install.json").exists):
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    installation = find_installation(TOOLS)
    sip, http, ami, agi, outside = free_ports(5)
    with short_directory() as base:
        pbx = PbxConfig(
            directories=private_directories(base, installation),
            ami_secret="live-secret",
            sip_port=sip,
            ami_port=ami,
            http_port=http,
            fastagi_port=agi,
            rtp_start=RTP_FIRST,
            rtp_end=RTP_LAST,
            media_address="127.0.0.1",
            trunks=(
                TrunkConfig(name="trunk-tests", match=("127.0.0.2",)),
                TrunkConfig(name=OUTSIDE_TRUNK, match=(OUTSIDE_HOST,), contact=f"sip:{OUTSIDE_HOST}:{outside}"),
            ),
            fallback_queues=(FallbackQueue(name="default", members=()),),
            modules_present=installed_modules(installation.modules_dir),
        )
        config = BridgeConfig(
            ami=AmiConfig(port=ami, username="callcenter", secret="live-secret"),
            fastagi=FastAgiConfig(port=agi),
            outside=OutsideLine(trunk=OUTSIDE_TRUNK),
            recordings=base / "messages",
            reconcile_interval=timedelta(hours=1),
        )
        asterisk = PrivateAsterisk(installation, pbx)
        await asterisk.start()
        exchange = LiveExchange(
            asterisk=asterisk,
            base=base,
            sip=("127.0.0.1", sip),
            outside_port=outside,
            floor=ListeningFloor(),
            calls=Answers(),
            config=config,
            bridge=_bridge(config),
        )
        try:
            await exchange.connect()
            yield exchange
        finally:
            await exchange.disconnect()
            await asterisk.stop()
