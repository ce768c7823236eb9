"""The web application over fakes, furnished for the tests: three users, two agents, a customer, an interaction."""

import array
import asyncio
import atexit
import contextlib
import functools
import itertools
import math
import shutil
import tempfile
import wave
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from callcenter.acd.engine import AcdEngine
from callcenter.acd.picture import Picture
from callcenter.app.access_log import AccessLog
from callcenter.app.agreed_callbacks import AgreedCallbacks
from callcenter.app.alert_readings import TrunkStates
from callcenter.app.alert_watch import AlertWatch
from callcenter.app.audit_trail import AuditTrail
from callcenter.app.best_offers import BestOffers
from callcenter.app.business_book import BusinessBook
from callcenter.app.business_preview import BusinessPreview
from callcenter.app.callback_choice import Numbers
from callcenter.app.calling_out import CallingOut, CallOutRules
from callcenter.app.consulting import Consulting
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.erasure import Erasures
from callcenter.app.exchange_accounts import ExchangeAccounts
from callcenter.app.feed import Feed
from callcenter.app.figures import DayFigures
from callcenter.app.floor_messages import Message as FloorMessage
from callcenter.app.flow_book import FlowBook
from callcenter.app.flow_figures import FlowFigures
from callcenter.app.flow_files import FlowDirectory
from callcenter.app.flow_lines import LineRules, LinesOfBusiness, make_lines
from callcenter.app.flow_shelf import FlowShelf
from callcenter.app.flow_texts import QUEUE_PROMPTS, FlowText
from callcenter.app.house_rules import HouseRules
from callcenter.app.imports import Imports
from callcenter.app.internal_calls import InternalCalls
from callcenter.app.lines import Lines
from callcenter.app.management_counts import ManagementCounts
from callcenter.app.message_box import MessageBox, MessageCount
from callcenter.app.monitoring import Monitoring
from callcenter.app.notices import NoticeBoard
from callcenter.app.ports import CustomerInput, User
from callcenter.app.prompt_book import PromptBook, PromptSets
from callcenter.app.rejoining import Rejoining
from callcenter.app.reminders import Reminders
from callcenter.app.retention import Retention
from callcenter.app.segments import Segments
from callcenter.app.sessions import Sessions
from callcenter.app.transfers import Transfers
from callcenter.app.trends import Trends
from callcenter.app.trunks import Trunk, Trunks
from callcenter.app.user_book import UserBook
from callcenter.app.values import Values
from callcenter.app.views import PopView, QueueRef, TodayView
from callcenter.app.walls import Walls
from callcenter.asterisk.conversion import SoxConverter
from callcenter.asterisk.prompts import PromptLibrary
from callcenter.asterisk.recorded_prompts import RecordedPrompts
from callcenter.crm.dialling import DialRules
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig, AgentState
from callcenter.domain.customers import ContactPoint, ContactPointKind, Customer
from callcenter.domain.ids import (
    AgentId,
    CustomerId,
    InteractionId,
    InternalCallId,
    MonitoringId,
    NoticeId,
    OfferId,
    QueueId,
    TransferId,
    UserId,
)
from callcenter.domain.interactions import Interaction, apply, begin
from callcenter.domain.labels import Label
from callcenter.domain.messages import Message
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferOutcome, OfferReason, ReasonPart
from callcenter.domain.queues import QueueConfig
from callcenter.importing.alone import remove_leftovers
from callcenter.importing.files import FileSheets
from callcenter.importing.work import make_searchable, run_import
from callcenter.ivr.reader import parse_prompts
from callcenter.store.accesses import StoredAccesses
from callcenter.store.agreed_callbacks import StoredAgreedCallbacks
from callcenter.store.alerts import StoredAlerts
from callcenter.store.audit import StoredAudit
from callcenter.store.best_offers import StoredBestOffers
from callcenter.store.board import StoredWalls, StoredWishes
from callcenter.store.business_book import StoredBusiness
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.cases import StoredCases
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_export import StoredIds
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import StoredCustomerNumbers
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.database import Database
from callcenter.store.erasures import StoredErasures
from callcenter.store.flows import StoredFlows
from callcenter.store.hooks import StoredHooks
from callcenter.store.house_rules import StoredHouseRules
from callcenter.store.imports import StoredImports
from callcenter.store.kept_figures import StoredFigures
from callcenter.store.management import StoredManagement
from callcenter.store.messages import StoredMessages
from callcenter.store.monitoring import StoredMonitoring
from callcenter.store.notices import StoredNotices
from callcenter.store.opportunities import StoredOpportunities
from callcenter.store.orders import StoredOrders
from callcenter.store.person_export import StoredPeople
from callcenter.store.products import StoredProducts
from callcenter.store.reminders import StoredReminders
from callcenter.store.retention import StoredRetention
from callcenter.store.schema import upgrade
from callcenter.store.segments import StoredSegments
from callcenter.store.surveys import StoredSurveys
from callcenter.store.tasks import StoredTasks
from callcenter.store.told_apart import StoredTellingApart
from callcenter.store.user_book import StoredUserBook
from callcenter.store.values import StoredValues
from callcenter.traces import FileTraces
from callcenter.valuing import run_values
from callcenter.web.app import create_app
from callcenter.web.demo_info import DemoInfo
from callcenter.web.dependencies import (
    BrowserPhone,
    BusinessParts,
    Check,
    OfficeParts,
    Privacy,
    Relations,
    WebDependencies,
)
from callcenter.web.errors import PortTaken
from callcenter.web.server import serve
from tests.fakes import (
    QUICK_PASSWORDS,
    START,
    FakeClock,
    FakeConfiguration,
    FakeCustomers,
    FakeDesk,
    FakeInternalLine,
    FakeMonitorLine,
    FakeRecords,
    FakeRejoinLine,
    FakeSupervisor,
    FakeTransferLine,
    FakeUsers,
)
from tests.office import FakeJournal
from tests.patience import PATIENCE_SECONDS

UTC_ZONE = ZoneInfo("UTC")
PORTS = range(18300, 18400)
PASSWORD = "open sesame"
SHIPPED_FLOWS = Path(__file__).parents[2] / "ivr_flows"
_HASH = QUICK_PASSWORDS.hash(PASSWORD)
LI, CHEN = AgentId("1001"), AgentId("1002")
KNOWN_NUMBER = "+8613800138000"
WANG = CustomerId("customer-wang")
SERVES = {LI: frozenset({QueueId("sales")}), CHEN: frozenset({QueueId("sales"), QueueId("support")})}
"""Whose messages each agent may have."""
REASON = OfferReason(text=Label(zh="最久空闲", en="longest idle"), parts=(ReasonPart(name="idle", value="120"),))


class FakeCallBack:
    """Takes every wish for a callback; set `refusal` to what is to be raised."""

    def __init__(self) -> None:
        self.wanted: list[tuple[Message, AgentId]] = []
        self.refusal: Exception | None = None

    async def call_back(self, message: Message, agent_id: AgentId) -> InteractionId:
        if self.refusal is not None:
            raise self.refusal
        self.wanted.append((message, agent_id))
        return InteractionId(f"cb1-{message.interaction_id}")


class InlineWorker:
    """Does the work of imports in the tests' own process."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory

    async def run(self, import_id: str) -> bool:
        await run_import(self._database, self._directory, import_id, region="CN")
        return True

    async def make_searchable(self) -> bool:
        await make_searchable(self._database, self._directory)
        return True

    async def tidy(self, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
        return await remove_leftovers(self._directory, is_known, before=before)


class InlineValuing:
    """Does the runs in the tests' own process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        while await run_values(self._database) is not None:
            pass


class FakeMessageScreens:
    """Keeps what was shown last."""

    def __init__(self) -> None:
        self.counts: Mapping[QueueId, MessageCount] = {}

    def show_messages(self, counts: Mapping[QueueId, MessageCount], change: int) -> None:
        self.counts = counts


PROMPTS = PromptSets(
    flows=(
        parse_prompts(
            "prompt_set: main\nlanguages: [zh, en]\nprompts:\n"
            "  welcome: {zh: 欢迎致电。, en: Welcome.}\n"
            "  choose: {zh: {voice: en, text: 'For English, press 9.'}, en: {voice: zh, text: 中文请按9。}}\n"
            "  named: {zh: '{customer_name}，您好。', en: 'Hello, {customer_name}.'}\n",
            "main.yaml",
        ),
    ),
    queues=parse_prompts(
        "prompt_set: queue\nlanguages: [zh, en]\nprompts:\n  apology: {zh: 对不起。, en: We are sorry.}\n", "queue.yaml"
    ),
)


class HummingSynthesiser:
    """Speaks every text as a tone of half a second, at once."""

    def settings_of(self, language: str) -> str:
        return f"hum {language}"

    async def speak(self, text: str, language: str, target: Path) -> None:
        hum(target)

    async def convert(self, recorded: Path, target: Path) -> None:
        hum(target)


def hum(target: Path, *, hertz: int = 300, seconds: float = 0.5, level: int = 8_000) -> None:
    """Write a tone as Asterisk plays it."""
    values = [round(level * math.sin(2 * math.pi * hertz * at / 8_000)) for at in range(round(8_000 * seconds))]
    with wave.open(str(target), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(array.array("h", values).tobytes())


class QuietFloor:
    """Nothing happens on it."""

    def __init__(self) -> None:
        self.picture = Picture()


def no_figures(queue_id: QueueId) -> TodayView:
    """Nobody has called today."""
    return TodayView(offered=0, answered=0, abandoned=0, service_level=None, asa_seconds=None)


async def no_trunks() -> TrunkStates:
    """There are none."""
    return {}


async def every_account(names: Collection[str]) -> dict[str, bool | None]:
    """The exchange has them all."""
    return dict.fromkeys(names, True)


async def at_once() -> bool:
    """Nothing waits to be written."""
    return True


TRUNKS = (
    Trunk(
        name="carrier",
        match=("192.0.2.0/24",),
        contact="sip:192.0.2.1",
        username="us",
        trusts_identity=True,
        is_outside=True,
    ),
)


class FakeSight:
    """Everybody sees numbers, but those who are named."""

    def __init__(self) -> None:
        self.blind: set[str] = set()

    def sees_numbers(self, viewer: str) -> bool:
        return viewer not in self.blind


class FakeHealth:
    """Set `answer` to what is to be found."""

    def __init__(self) -> None:
        self.answer: Mapping[str, Check] = {"database": Check(ok=True, detail="answers")}

    async def checks(self) -> Mapping[str, Check]:
        return self.answer


@dataclass(slots=True)
class WebHouse:
    """The application and all it is made of."""

    clock: FakeClock
    users: FakeUsers
    records: FakeRecords
    customers: FakeCustomers
    configuration: FakeConfiguration
    desk: FakeDesk
    supervisor: FakeSupervisor
    feed: Feed
    sessions: Sessions
    health: FakeHealth
    app: FastAPI
    deps: WebDependencies
    database: Database
    called_back: FakeCallBack
    flows: "FlowOffice"
    floor: "StillFloor"
    lines: FakeMonitorLine
    directory: Path
    sight: FakeSight
    rules: HouseRules
    _calls: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def talk(self, agent_id: AgentId, *, ani: str = KNOWN_NUMBER, customer_id: CustomerId | None = None) -> Interaction:
        """An interaction that was offered to the agent and is in talk with him, with its pop."""
        number = next(self._calls)
        interaction_id = InteractionId(f"1793600000.{number}")
        offer = Offer(
            offer_id=OfferId(f"offer-{number}"),
            interaction_id=interaction_id,
            agent_id=agent_id,
            queue_id=QueueId("sales"),
            made_at=self.clock.now(),
            reason=REASON,
        )
        arrived = ev.InteractionArrived(
            interaction_id=interaction_id,
            at=self.clock.now(),
            channel="PJSIP/trunk-00000001",
            ani=Number(raw=ani, e164=ani, region="CN"),
            dnis="4001",
        )
        events: list[ev.InteractionEvent] = [
            ev.InteractionQueued(
                interaction_id=interaction_id,
                at=self.clock.now(),
                queue_id=QueueId("sales"),
                entered_at=self.clock.now(),
                priority=0,
            ),
            ev.OfferMade(interaction_id=interaction_id, at=self.clock.now(), offer=offer),
            ev.OfferEnded(
                interaction_id=interaction_id,
                at=self.clock.now() + timedelta(seconds=3),
                offer_id=offer.offer_id,
                agent_id=agent_id,
                outcome=OfferOutcome.ANSWERED,
            ),
            ev.InteractionConnected(
                interaction_id=interaction_id,
                at=self.clock.now() + timedelta(seconds=3),
                agent_id=agent_id,
                offer_id=offer.offer_id,
                queue_id=QueueId("sales"),
            ),
        ]
        record = begin(arrived)
        for event in events:
            record = apply(record, event)
        record = replace(record, customer_id=customer_id)
        self.records.events += [arrived, *events]
        self.desk.live[interaction_id] = record
        self.desk.occupy(agent_id, interaction_id, AgentState.TALKING)
        self.desk.pops[agent_id] = make_pop(record, offer)
        return record

    def end(self, record: Interaction, agent_id: AgentId) -> Interaction:
        """The caller hangs up, the agent is ready again, the floor has forgotten and the store knows."""
        ended = apply(
            self.desk.live.pop(record.interaction_id),
            ev.InteractionEnded(
                interaction_id=record.interaction_id,
                at=self.clock.now(),
                outcome=ev.Outcome.ANSWERED,
                side=ev.Side.CALLER,
                cause=16,
            ),
        )
        self.records.keep(ended)
        self.desk.occupy(agent_id, None, AgentState.READY)
        self.desk.pops.pop(agent_id, None)
        return ended


class StillFloor:
    """Two agents and two queues of whom an engine knows; `talks` puts one of them into a talk."""

    def __init__(self) -> None:
        self.engine = AcdEngine()
        self.interactions: dict[InteractionId, Interaction] = {}
        self.told: list[FloorMessage] = []
        self.routing = True
        for queue_id in ("sales", "support"):
            config = QueueConfig(queue_id=QueueId(queue_id), label=Label(zh=queue_id, en=queue_id))
            self.engine.handle(cmd.ConfigureQueue(config=config), START)
        for agent_id, name in ((LI, "李娜"), (CHEN, "Chen Wei")):
            self.engine.handle(cmd.ConfigureAgent(config=AgentConfig(agent_id=agent_id, name=name)), START)

    @property
    def picture(self) -> Picture:
        return self.engine.picture

    def tell(self, message: FloorMessage) -> None:
        self.told.append(message)

    async def request(self, message: FloorMessage) -> None:
        self.told.append(message)

    async def pulse(self) -> None:
        """It is never behind."""

    def talks(self, agent_id: AgentId, number: int = 1) -> OfferId:
        """The agent has a caller; the offer's id."""
        interaction_id, offer_id = InteractionId(f"cc1-{number}"), OfferId(f"cc1-{number}-{agent_id}-1")
        arrived = ev.InteractionArrived(
            interaction_id=interaction_id, at=START, channel="PJSIP/trunk-1", ani=Number(raw=""), dnis="4000"
        )
        self.interactions[interaction_id] = begin(arrived)
        talk = cmd.ReportTalk(
            offer_id=offer_id, interaction_id=interaction_id, agent_id=agent_id, queue_id=QueueId("sales")
        )
        self.engine.handle(talk, START)
        return offer_id


@dataclass(slots=True)
class FlowOffice:
    """One small flow and the announcements, in a directory of files, in force as if they had been loaded."""

    shelf: FlowShelf
    book: FlowBook
    figures: FlowFigures
    lines: Lines

    async def load(self) -> None:
        """As the server does within a second of every change."""
        self.lines = await self.shelf.load()


def flow_office(directory: Path, configuration: FakeConfiguration, database: Database, clock: FakeClock) -> FlowOffice:
    """The flows of a house; the queue `sales` need not be in its configuration."""
    (directory / "prompts").mkdir(parents=True)
    for name, text in _flow_texts().items():
        (directory / name).write_text(text, encoding="utf-8")
    rules = LineRules(directory=directory, default_flow=None, default_language="zh")
    published = StoredFlows(database)
    shelf = FlowShelf(FlowDirectory(directory), published=published, configuration=configuration, rules=rules)
    read = shelf.directory.read()
    lines = _lines()
    shelf.in_force, shelf.flows = read.texts, lines.flows
    figures = FlowFigures(clock=clock, timezone=UTC)
    book = FlowBook(
        shelf=shelf,
        published=published,
        configuration=configuration,
        figures=figures,
        clock=clock,
        lines=lambda: office.lines,
    )
    office = FlowOffice(shelf=shelf, book=book, figures=figures, lines=lines)
    return office


SMALL_FLOW = """\
flow: small
languages: [zh, en]
start: menu
rescue: bye
prompts:
  choose: {zh: 销售请按1。, en: "For sales, press 1."}
  goodbye: {zh: 再见。, en: Goodbye.}
nodes:
  menu:
    kind: menu
    say: choose
    keys:
      1: {label: {zh: 销售, en: Sales}, go: bye}
      2: {label: {zh: 再听一遍, en: Again}, go: menu}
  bye:
    kind: end
    say: goodbye
"""


@functools.cache
def _flow_texts() -> Mapping[str, str]:
    announcements = (SHIPPED_FLOWS / "prompts" / "queue.yaml").read_text(encoding="utf-8")
    return {"small.yaml": SMALL_FLOW, "prompts/queue.yaml": announcements}


@functools.cache
def _lines() -> Lines:
    texts = {
        "small": FlowText(name="small", text=SMALL_FLOW, filename="small.yaml"),
        QUEUE_PROMPTS: FlowText(name=QUEUE_PROMPTS, text=_flow_texts()["prompts/queue.yaml"], filename="queue.yaml"),
    }
    rules = LineRules(directory=SHIPPED_FLOWS, default_flow=None, default_language="zh")
    return make_lines(texts, rules, LinesOfBusiness(queues=(), agents=(), hours={}))


def make_pop(record: Interaction, offer: Offer) -> PopView:
    """The pop of an unnamed caller, or of a named one."""
    number = ContactPoint(kind=ContactPointKind.PHONE, value=record.ani.e164 or "")
    return PopView(
        offer_id=offer.offer_id,
        interaction_id=record.interaction_id,
        made_at=offer.made_at,
        stage="talking",
        ani=record.ani,
        dnis=record.dnis,
        queue=QueueRef(queue_id=offer.queue_id, label=Label(zh="销售", en="Sales")),
        language="zh",
        menu_path=(),
        waited_seconds=3.0,
        reason=offer.reason,
        verified=False,
        customers=(),
        customer_id=record.customer_id,
        blank=CustomerInput(name="", contact_points=(number,)) if record.customer_id is None else None,
        disposition=None,
        notes="",
    )


def make_user(name: str, role: str, agent_id: AgentId | None = None) -> User:
    return User(
        user_id=UserId(f"user-{name}"),
        name=name,
        display_name=f"{role} {name}",
        role=role,
        agent_id=agent_id,
        language="zh",
        password_hash=_HASH,
    )


USERS = (
    make_user("1001", "agent", LI),
    make_user("1002", "agent", CHEN),
    make_user("super", "supervisor"),
    make_user("admin", "administrator"),
)


@contextlib.contextmanager
def furnish(
    ui_directory: Path,
    *,
    demo: DemoInfo | None = None,
    desktop_grace: timedelta = timedelta(seconds=30),
    outbox_limit: int = 1_000,
) -> Generator[WebHouse]:
    """A furnished house; its threads end with the block."""
    clock, records, configuration, health = FakeClock(), FakeRecords(), FakeConfiguration(), FakeHealth()
    customers, users = FakeCustomers(), FakeUsers(USERS)
    directory = Path(tempfile.mkdtemp(prefix="callcenter-web-"))
    shutil.copy(_store_template(), directory / "callcenter.db")
    database = Database(f"sqlite:///{directory / 'callcenter.db'}")
    customers.customers[WANG] = Customer(
        customer_id=WANG,
        name="王芳",
        language="zh",
        contact_points=(ContactPoint(kind=ContactPointKind.PHONE, value=KNOWN_NUMBER),),
        created_at=clock.now(),
    )
    configuration.agent_configs[LI] = AgentConfig(agent_id=LI, name="李娜")
    configuration.secrets[LI] = "phone secret"
    desk = FakeDesk(
        clock,
        {LI: "李娜", CHEN: "Chen Wei"},
        records=records,
        configuration=configuration,
        customers=customers,
    )
    supervisor = FakeSupervisor(desk)
    feed = Feed(clock=clock, epoch="first", outbox_limit=outbox_limit)
    numbers = itertools.count(1)
    sessions = Sessions(users=users, clock=clock, new_token=lambda: f"token-{next(numbers)}", passwords=QUICK_PASSWORDS)
    called_back = FakeCallBack()
    messages = MessageBox(
        messages=StoredMessages(database),
        configuration=configuration,
        journal=FakeJournal(),
        clock=clock,
        screens=FakeMessageScreens(),
        queues_of=lambda agent_id: SERVES.get(agent_id, frozenset()),
        callbacks=called_back,
    )
    floor = StillFloor()
    lines = FakeMonitorLine()
    monitoring = Monitoring(
        floor=floor,
        line=lines,
        feed=feed,
        trail=AuditTrail(users),
        records=records,
        past=StoredMonitoring(database),
        clock=clock,
        new_id=lambda: MonitoringId(f"mon-{next(numbers)}"),
    )
    transfer_line = FakeTransferLine()
    transfers = Transfers(
        floor=floor,
        line=transfer_line,
        journal=FakeJournal(),
        numbers=Numbers(region="CN"),
        clock=clock,
        new_id=lambda: TransferId(f"transfer-{next(numbers)}"),
    )
    notices = NoticeBoard(
        notices=StoredNotices(database),
        feed=feed,
        picture=lambda: floor.picture,
        queues_of=lambda agent_id: SERVES.get(agent_id, frozenset()),
        clock=clock,
        new_id=lambda: NoticeId(f"notice-{next(numbers)}"),
    )
    office = flow_office(directory / "flows", configuration, database, clock)
    # Real files, real sox; the voice is quick and says nothing.
    library = PromptLibrary(directory / "sounds", directory / "recorded", HummingSynthesiser())
    prompts = PromptBook(
        sets=lambda: PROMPTS,
        sounds=library,
        recordings=RecordedPrompts(directory / "recorded", SoxConverter()),
        users=users,
        clock=clock,
    )
    store = StoredBusiness(database, new_secret=lambda: "secret of a new phone")
    rules = StoredHouseRules(database)
    house_rules = HouseRules(rules)
    business = BusinessBook(store=store, shelf=office.shelf, conditions=lambda: segments.known(), clock=clock)
    segments = Segments(
        store=StoredSegments(database),
        book=StoredCustomerBook(database),
        configuration=configuration,
        rules=rules,
        clock=clock,
        timezone=UTC_ZONE,
    )
    values = Values(
        store=StoredValues(database),
        worker=InlineValuing(database),
        clock=clock,
        timezone=UTC_ZONE,
        new_id=lambda: f"run-{next(numbers)}",
        interactions=dict,
        show=desk.customer_changed,
        also=segments.judge,
    )
    worker = InlineWorker(database, directory / "imports")
    imports = Imports(
        store=StoredImports(database),
        sheets=FileSheets(),
        worker=worker,
        book=StoredCustomerBook(database),
        clock=clock,
        directory=directory / "imports",
        region="CN",
        new_id=lambda: f"import-{next(numbers)}",
    )
    sight = FakeSight()
    erasures = Erasures(
        store=StoredErasures(database),
        traces=FileTraces(
            recordings=directory / "recordings",
            imports_directory=directory / "imports",
            imports=StoredImports(database),
            logs=(),
            spool=directory / "emergency",
            passing=(directory / "temporary" / "*",),
            clock=clock,
        ),
        memory=CustomerMemory(customers),
        past=feed,
        alive=lambda: floor.interactions,
        settle=at_once,
        clock=clock,
        timezone=UTC_ZONE,
        new_id=lambda: f"erasure-{next(numbers)}",
    )
    deps = WebDependencies(
        desk=desk,
        board=desk,
        supervisor=supervisor,
        monitoring=monitoring,
        transfers=transfers,
        rejoining=Rejoining(floor=floor, talks=transfers, line=FakeRejoinLine()),
        consulting=Consulting(
            floor=floor,
            line=transfer_line,
            transfers=transfers,
            feed=feed,
            journal=FakeJournal(),
            clock=clock,
            new_id=lambda: OfferId(f"con-{next(numbers)}"),
        ),
        calling_out=CallingOut(
            floor=floor,
            memory=CustomerMemory(customers),
            customers=customers,
            journal=FakeJournal(),
            feed=feed,
            trail=users,
            rules=CallOutRules(dial=DialRules(region="CN"), can_call_out=False),
            clock=clock,
            new_id=lambda: InteractionId(f"out-{next(numbers)}"),
        ),
        agreed_callbacks=AgreedCallbacks(
            store=StoredAgreedCallbacks(database),
            floor=floor,
            memory=CustomerMemory(customers),
            customers=customers,
            records=records,
            rules=CallOutRules(dial=DialRules(region="CN"), can_call_out=True),
            timezone="Asia/Shanghai",
            clock=clock,
            new_id=lambda: InteractionId(f"agreed-{next(numbers)}"),
        ),
        internal_calls=InternalCalls(
            floor=floor,
            line=FakeInternalLine(),
            feed=feed,
            clock=clock,
            new_id=lambda: InternalCallId(f"int-{next(numbers)}"),
        ),
        notices=notices,
        records=records,
        customers=customers,
        relations=Relations(
            search=StoredCustomerSearch(database),
            merging=StoredMerging(database),
            apart=StoredTellingApart(database),
            book=StoredCustomerBook(database),
            cases=StoredCases(database),
            tasks=StoredTasks(database),
            lists=StoredCaseLists(database),
            numbers=StoredCustomerNumbers(database, hash_pin=QUICK_PASSWORDS.hash),
            products=StoredProducts(database),
            orders=StoredOrders(database),
            opportunities=StoredOpportunities(database),
            ids=StoredIds(database),
        ),
        privacy=Privacy(
            log=AccessLog(accesses=StoredAccesses(database), clock=clock),
            accesses=StoredAccesses(database),
            people=StoredPeople(database),
            erasures=erasures,
            sight=sight,
            retention=Retention(
                store=StoredRetention(database),
                rules=house_rules,
                audit=users,
                recordings=directory / "recordings",
                clock=clock,
                timezone=UTC,
            ),
        ),
        messages=messages,
        audit=users,
        recordings=directory / "recordings",
        temporary=made_once(directory / "temporary"),
        prompts=prompts,
        surveys=StoredSurveys(database),
        hooks=StoredHooks(database),
        wishes=StoredWishes(database),
        walls=Walls(
            book=StoredWalls(database),
            rows=desk.queues,
            clock=clock,
            allowed=True,
            new_id=lambda: f"wall-{next(numbers)}",
            new_token=lambda: f"wall-token-{next(numbers)}",
        ),
        trends=Trends(
            feed=feed,
            trend=DayFigures(clock=clock, timezone=UTC).trend,
            queue_ids=lambda: [QueueId("sales")],
            clock=clock,
        ),
        alerts=AlertWatch(
            book=StoredAlerts(database),
            floor=QuietFloor(),
            today=no_figures,
            trunks=no_trunks,
            unseen_cases=StoredCases(database).unseen,
            feed=feed,
            clock=clock,
        ),
        alert_book=StoredAlerts(database),
        reminders=Reminders(book=StoredReminders(database), feed=feed, clock=clock),
        configuration=configuration,
        business=BusinessParts(
            book=business,
            preview=BusinessPreview(book=business, picture=lambda: floor.picture, clock=clock),
            lines=lambda: office.lines,
        ),
        office=OfficeParts(
            users=UserBook(
                store=StoredUserBook(database),
                clock=clock,
                new_id=lambda: UserId(f"user-{next(numbers)}"),
                new_secret=lambda: "secret of a phone",
                hash_password=QUICK_PASSWORDS.hash,
            ),
            audit=StoredAudit(database),
            trunks=Trunks(TRUNKS, states=no_trunks),
            accounts=ExchangeAccounts(book=configuration, files=None, known=every_account, clock=clock),
        ),
        flows=office.book,
        imports=imports,
        values=values,
        segments=segments,
        management=StoredManagement(database, UTC_ZONE),
        counts=ManagementCounts(kept=StoredFigures(database), clock=clock, patience=timedelta(seconds=30)),
        best_offers=BestOffers(
            store=StoredBestOffers(database),
            rules=house_rules,
            segments=segments,
            clock=clock,
            timezone=UTC_ZONE,
            new_id=lambda: f"answer-{next(numbers)}",
        ),
        sessions=sessions,
        feed=feed,
        health=health,
        clock=clock,
        new_customer_id=lambda: CustomerId(f"customer-{next(numbers)}"),
        new_record_id=lambda: f"record-{next(numbers)}",
        new_request_id=lambda: f"request-{next(numbers)}",
        metrics=CollectorRegistry(),
        ui_directory=ui_directory,
        timezone="UTC",
        default_region="CN",
        browser_phone=BrowserPhone(websocket_url="ws://127.0.0.1:8088/ws", realm="127.0.0.1"),
        demo=demo,
        desktop_grace=desktop_grace,
    )
    try:
        yield WebHouse(
            clock=clock,
            users=users,
            records=records,
            customers=customers,
            configuration=configuration,
            desk=desk,
            supervisor=supervisor,
            feed=feed,
            sessions=sessions,
            health=health,
            app=create_app(deps),
            deps=deps,
            database=database,
            called_back=called_back,
            flows=office,
            floor=floor,
            lines=lines,
            directory=directory,
            sight=sight,
            rules=house_rules,
        )
    finally:
        sessions.close()
        elsewhere(database.dispose())
        shutil.rmtree(directory)


def made_once(directory: Path) -> Path:
    """The directory, there."""
    directory.mkdir()
    return directory


@functools.cache
def _store_template() -> Path:
    """A SQLite file with its tables, made once; every house has a copy."""
    directory = Path(tempfile.mkdtemp(prefix="callcenter-web-"))
    atexit.register(shutil.rmtree, directory)
    path = directory / "callcenter.db"
    elsewhere(upgrade(f"sqlite:///{path}"))
    return path


def elsewhere(work: Coroutine[None, None, None]) -> None:
    """Run it on a loop of its own, whether or not the caller has one that runs."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work).result()


@contextlib.asynccontextmanager
async def serving(house: WebHouse) -> AsyncGenerator[int]:
    """The house on a real loopback port, whichever of the range is free."""
    stop = asyncio.Event()
    for port in PORTS:
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(
            serve(
                house.app,
                "127.0.0.1",
                port,
                stop=stop,
                on_listening=lambda _, real, told=listening: told.set_result(real),  # type: ignore[misc]
            )
        )
        both: tuple[asyncio.Future[None] | asyncio.Future[int], ...] = (server, listening)
        await asyncio.wait(both, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            break
        with contextlib.suppress(PortTaken):
            await server
    else:
        raise RuntimeError(f"no free port in {PORTS}")
    try:
        yield listening.result()
    finally:
        stop.set()
        await asyncio.wait_for(server, PATIENCE_SECONDS)
