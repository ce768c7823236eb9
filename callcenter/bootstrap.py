"""Makes one server out of the settings and runs it: the only place that knows every package.

Law: whatever can be checked is checked before the first port is opened; nothing is left half started.
"""

import asyncio
import random
import secrets
import sys
import uuid
from collections.abc import Collection
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_network
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry

from callcenter.app.access_log import AccessKind, AccessLog
from callcenter.app.agent_figures import AgentFigures
from callcenter.app.agreed_callbacks import AgreedCallbacks
from callcenter.app.alert_readings import TrunkStates
from callcenter.app.alert_watch import AlertWatch
from callcenter.app.audit_trail import AuditTrail
from callcenter.app.best_offers import BestOffers
from callcenter.app.business_book import BusinessBook
from callcenter.app.business_preview import BusinessPreview
from callcenter.app.callback_choice import Numbers
from callcenter.app.calling_out import CallingOut
from callcenter.app.calls import Calls
from callcenter.app.case_watch import CaseWatch
from callcenter.app.connectors import Connectors
from callcenter.app.consulting import Consulting
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.day import DayTurn, agents_today
from callcenter.app.desk import Desk
from callcenter.app.emergency_intake import EmergencyIntake
from callcenter.app.erasure import Erasures
from callcenter.app.exchange_accounts import ExchangeAccounts, ExchangeSilent, Known
from callcenter.app.feed import Feed
from callcenter.app.figures import DayFigures
from callcenter.app.floor import Floor
from callcenter.app.flow_book import FlowBook
from callcenter.app.flow_figures import FlowFigures
from callcenter.app.flow_shelf import FlowShelf
from callcenter.app.hook_delivery import HookDelivery
from callcenter.app.house_rules import HouseRules
from callcenter.app.imports import Imports
from callcenter.app.internal_calls import InternalCalls
from callcenter.app.lines import Lines
from callcenter.app.management_counts import ManagementCounts
from callcenter.app.message_box import MessageBox
from callcenter.app.message_callbacks import MessageCallbacks
from callcenter.app.message_sweep import MessageSweep
from callcenter.app.monitoring import Monitoring
from callcenter.app.notices import NoticeBoard
from callcenter.app.number_mask import MARK, mask_number
from callcenter.app.prompt_book import PromptBook
from callcenter.app.recovery import Recovery, restore
from callcenter.app.rejoining import Rejoining
from callcenter.app.reminders import Reminders
from callcenter.app.renewal import Renewal
from callcenter.app.retention import Retention
from callcenter.app.screens import Screens
from callcenter.app.segments import Segments
from callcenter.app.sessions import Sessions
from callcenter.app.supervision import Supervision
from callcenter.app.transfers import Transfers
from callcenter.app.trends import Trends
from callcenter.app.trunks import Trunks
from callcenter.app.user_book import UserBook
from callcenter.app.values import Values
from callcenter.app.views import PopView
from callcenter.app.walls import Walls
from callcenter.asterisk.bridge import Bridge
from callcenter.asterisk.cel import ChannelLog
from callcenter.asterisk.emergency_spool import EmergencySpool
from callcenter.asterisk.errors import AmiError
from callcenter.asterisk.recordings import Recordings
from callcenter.clock import SystemClock
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import (
    AgentId,
    CustomerId,
    InteractionId,
    InternalCallId,
    MonitoringId,
    NoticeId,
    OfferId,
    TransferId,
    UserId,
)
from callcenter.domain.privacy import Viewer
from callcenter.exchange_files import PrivateFiles
from callcenter.gauges import FloorGauges
from callcenter.health import ServerHealth
from callcenter.heard import build_prompts, flow_shelf, prompt_library, prompt_sets, recorded_prompts
from callcenter.importing.files import FileSheets
from callcenter.importing.process import ImportProcess
from callcenter.listening import refuse_taken, server_ports
from callcenter.secret_places import SecretPlaces, new_secret
from callcenter.settings import Settings, check_runnable, make_data_directory
from callcenter.settled import NumberReader, bridge_config, call_out_rules, log_files, trunks_of
from callcenter.store.accesses import StoredAccesses
from callcenter.store.accounts import StoredAccounts
from callcenter.store.agreed_callbacks import StoredAgreedCallbacks
from callcenter.store.alerts import StoredAlerts
from callcenter.store.audit import StoredAudit
from callcenter.store.best_offers import StoredBestOffers
from callcenter.store.board import StoredWalls, StoredWishes
from callcenter.store.business_book import StoredBusiness
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.cases import StoredCases
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_export import StoredIds
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import StoredCustomerNumbers
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.erasures import StoredErasures
from callcenter.store.flows import StoredFlows
from callcenter.store.hooks import StoredHooks
from callcenter.store.house_rules import StoredHouseRules
from callcenter.store.imports import StoredImports
from callcenter.store.journal import JournalWriter
from callcenter.store.kept_figures import StoredFigures
from callcenter.store.management import StoredManagement
from callcenter.store.messages import StoredMessages
from callcenter.store.monitoring import StoredMonitoring
from callcenter.store.notices import StoredNotices
from callcenter.store.opportunities import StoredOpportunities
from callcenter.store.orders import StoredOrders
from callcenter.store.person_export import StoredPeople
from callcenter.store.products import StoredProducts
from callcenter.store.records import StoredRecords
from callcenter.store.reminders import StoredReminders
from callcenter.store.retention import StoredRetention
from callcenter.store.schema import check_schema
from callcenter.store.segments import StoredSegments
from callcenter.store.surveys import StoredSurveys
from callcenter.store.tasks import StoredTasks
from callcenter.store.told_apart import StoredTellingApart
from callcenter.store.user_book import StoredUserBook
from callcenter.store.users import StoredUsers
from callcenter.store.values import StoredValues
from callcenter.traces import FileTraces
from callcenter.valuing import ValuingProcess
from callcenter.watch import Notifier, WatchGone
from callcenter.web.app import create_app
from callcenter.web.demo_info import DemoInfo
from callcenter.web.dependencies import (
    BrowserPhone,
    BusinessParts,
    OfficeParts,
    Privacy,
    Relations,
    WebDependencies,
)
from callcenter.web.server import serve as serve_web
from callcenter.web_services import WebServices

log = structlog.get_logger(__name__)

THREAD_TURN: Final = timedelta(milliseconds=0.5)
LIFE_SIGN_INTERVAL: Final = timedelta(seconds=1)
FLOWS_IN_FORCE: Final = "flows-in-force.json"
"""Under the data directory: the flows that were sound last."""
SETTLE_LIMIT: Final = timedelta(seconds=10)


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
        lines = await shelf.load()
        await _Server(settings, notifier, database, configuration, shelf, lines, version, demo).run(stop, stack)


class _Server:
    """The parts of one running server and who owns them."""

    def __init__(
        self,
        settings: Settings,
        notifier: Notifier,
        database: Database,
        configuration: StoredConfiguration,
        shelf: FlowShelf,
        lines: Lines,
        version: int,
        demo: DemoInfo | None,
    ) -> None:
        self._settings = settings
        self._notifier = notifier
        self._configuration = configuration
        self._lines = lines
        clock = SystemClock()
        read_ani = NumberReader(settings.server.region)
        self._records = StoredRecords(database)
        customers = StoredCustomers(database)
        surveys = StoredSurveys(database)
        self._counts = ManagementCounts(kept=StoredFigures(database), clock=clock)
        self._relations = relations = Relations(
            search=StoredCustomerSearch(database),
            merging=StoredMerging(database),
            apart=StoredTellingApart(database),
            book=StoredCustomerBook(database),
            cases=StoredCases(database),
            tasks=StoredTasks(database),
            lists=StoredCaseLists(database),
            numbers=StoredCustomerNumbers(database),
            products=StoredProducts(database),
            orders=StoredOrders(database),
            opportunities=StoredOpportunities(database),
            ids=StoredIds(database),
        )
        self._journal = JournalWriter(database, spill_directory=settings.server.data_directory)
        self._bridge = Bridge(bridge_config(settings), clock=clock, read_ani=read_ani)
        feed = Feed(epoch=uuid.uuid4().hex, clock=clock)
        self._reminders = Reminders(book=StoredReminders(database), feed=feed, clock=clock)
        self._case_watch = CaseWatch(
            cases=relations.cases, tasks=relations.tasks, clock=clock, tell=self._reminders.take
        )
        networks = tuple(ip_network(network) for network in settings.web_services.private_networks)
        web_services = WebServices(private_networks=networks)
        hooks = StoredHooks(database)
        self._memory = memory = CustomerMemory(customers)
        self._figures = DayFigures(clock=clock, timezone=ZoneInfo(settings.server.timezone))
        self._agents_today = AgentFigures(day_begins=self._figures.day_begins)
        self._screens = Screens(
            feed=feed, figures=self._figures, agents_today=self._agents_today, memory=memory, clock=clock
        )
        self._trends = Trends(feed=feed, trend=self._figures.trend, queue_ids=self._screens.queue_ids, clock=clock)
        self._floor = Floor(clock=clock, journal=self._journal, telephony=self._bridge.telephony, screens=self._screens)
        self._figures.attach(self._floor.picture)
        self._agents_today.attach(self._floor.picture)
        self._screens.attach(self._floor)
        self._floor.watch(self._figures.take)
        alert_book = StoredAlerts(database)
        trunks = tuple(trunk.name for trunk in settings.trunks if trunk.contact is not None)
        self._alerts = AlertWatch(
            book=alert_book,
            floor=self._floor,
            today=self._figures.today,
            trunks=lambda: self._trunk_states(trunks),
            feed=feed,
            clock=clock,
        )
        private = settings.asterisk.private_directory
        self._accounts_there = ExchangeAccounts(
            book=configuration,
            files=None if private is None else PrivateFiles(settings, private),
            known=self._accounts_known,
            clock=clock,
        )
        self._flow_figures = FlowFigures(clock=clock, timezone=ZoneInfo(settings.server.timezone))
        self._floor.watch(self._flow_figures.take)
        self._library = prompt_library(settings)
        self._accounts = StoredAccounts(database, clock=clock)
        numbers = Numbers(region=settings.server.region, can_call_out=settings.asterisk.outside_trunk is not None)
        self._calls = Calls(
            floor=self._floor,
            memory=memory,
            voice=self._library,
            clock=clock,
            lines=lines,
            numbers=numbers,
            accounts=self._accounts,
            web=web_services,
            surveys=surveys,
        )
        self._clock = clock
        self._day_turn = DayTurn(floor=self._floor, clock=clock, day_begins=self._figures.day_begins)
        self._renewal = Renewal(
            configuration=configuration,
            floor=self._floor,
            calls=self._calls,
            screens=self._screens,
            load_lines=shelf.load,
            lines_changed=shelf.changed,
            prepare=self._make_prompts,
            version=version,
        )
        channel_log = settings.asterisk.channel_log
        exchange_log = ChannelLog(channel_log, read_ani) if channel_log is not None else None
        stored_messages = StoredMessages(database)
        files = Recordings(settings.recordings_directory)
        self._sweep = MessageSweep(
            floor=self._floor, records=self._records, files=files, known=stored_messages, clock=clock
        )
        self._intake = EmergencyIntake(
            floor=self._floor,
            records=self._records,
            journal=self._journal,
            spool=EmergencySpool(settings.emergency_directory),
            files=files,
            clock=clock,
            read_number=read_ani,
        )
        left_behind = (self._sweep, self._intake)
        self._recovery = Recovery(self._floor, self._records, exchange_log, left_behind)
        desk = Desk(
            floor=self._floor,
            screens=self._screens,
            memory=memory,
            journal=self._journal,
            records=self._records,
            customers=customers,
            configuration=configuration,
            clock=clock,
        )
        users = StoredUsers(database)
        self._messages = MessageBox(
            messages=stored_messages,
            configuration=configuration,
            journal=self._journal,
            clock=clock,
            screens=self._screens,
            queues_of=self._screens.queues_of,
            callbacks=MessageCallbacks(
                floor=self._floor,
                records=self._records,
                clock=clock,
                can_call_out=settings.asterisk.outside_trunk is not None,
            ),
        )
        self._floor.watch(self._messages.watch)
        supervision = Supervision(
            floor=self._floor,
            screens=self._screens,
            journal=self._journal,
            configuration=configuration,
            users=users,
            clock=clock,
        )
        self._trail = AuditTrail(users)
        self._monitoring = Monitoring(
            floor=self._floor,
            line=self._bridge.monitor_lines,
            feed=feed,
            trail=self._trail,
            records=self._records,
            past=StoredMonitoring(database),
            clock=clock,
            new_id=lambda: MonitoringId(f"mon-{uuid.uuid4().hex}"),
        )
        self._bridge.monitor_lines.reports = self._monitoring
        transfers = Transfers(
            floor=self._floor,
            line=self._bridge.transfer_lines,
            journal=self._journal,
            numbers=numbers,
            clock=clock,
            new_id=lambda: TransferId(uuid.uuid4().hex),
        )
        self._floor.watch(self._monitoring.watch)
        consulting = Consulting(
            floor=self._floor,
            line=self._bridge.transfer_lines,
            transfers=transfers,
            feed=feed,
            journal=self._journal,
            clock=clock,
            # Asterisk refuses an id that begins another one in use; a full stop is in no other.
            new_id=lambda: OfferId(f"con-{uuid.uuid4().hex}."),
        )
        self._bridge.transfer_lines.reports = consulting
        rejoining = Rejoining(floor=self._floor, talks=transfers, line=self._bridge.rejoin_lines)
        self._bridge.rejoin_lines.lost = rejoining.lost
        self._floor.watch(consulting.watch)
        calling_out = CallingOut(
            floor=self._floor,
            memory=memory,
            customers=customers,
            journal=self._journal,
            feed=feed,
            trail=users,
            rules=call_out_rules(settings),
            clock=clock,
            new_id=lambda: InteractionId(f"out-{uuid.uuid4().hex}"),
        )
        self._floor.watch(calling_out.watch)
        self._agreed = AgreedCallbacks(
            store=StoredAgreedCallbacks(database),
            floor=self._floor,
            memory=memory,
            customers=customers,
            records=self._records,
            rules=call_out_rules(settings),
            timezone=settings.server.timezone,
            clock=clock,
            new_id=lambda: InteractionId(f"agreed-{uuid.uuid4().hex}"),
        )
        internal_calls = InternalCalls(
            floor=self._floor,
            line=self._bridge.internal_lines,
            feed=feed,
            clock=clock,
            new_id=lambda: InternalCallId(f"int-{uuid.uuid4().hex}."),
        )
        self._bridge.internal_lines.reports = internal_calls
        self._notices = NoticeBoard(
            notices=StoredNotices(database),
            feed=feed,
            picture=lambda: self._floor.picture,
            queues_of=self._screens.queues_of,
            clock=clock,
            new_id=lambda: NoticeId(uuid.uuid4().hex),
        )
        book = BusinessBook(
            store=StoredBusiness(database, new_secret=new_secret),
            shelf=shelf,
            conditions=lambda: self._segments.known(),
            clock=clock,
        )
        flows = FlowBook(
            shelf=shelf,
            published=StoredFlows(database),
            configuration=configuration,
            figures=self._flow_figures,
            clock=clock,
            lines=lambda: self._calls.lines,
        )
        self._imports = Imports(
            store=StoredImports(database),
            sheets=FileSheets(),
            worker=ImportProcess(
                database_url=settings.database_url,
                directory=settings.imports_directory,
                region=settings.server.region,
            ),
            book=relations.book,
            clock=clock,
            directory=settings.imports_directory,
            region=settings.server.region,
            new_id=lambda: uuid.uuid4().hex,
        )
        house_rules = StoredHouseRules(database)
        self._house = HouseRules(house_rules)
        self._floor.shown_to_agents = self._shown_to_agents
        self._hook_delivery = HookDelivery(
            outbox=hooks,
            sender=web_services,
            clock=clock,
            chance=random.random,
            sees_numbers=lambda: self._house.sees_numbers(Viewer.HOOKS),
            headers_of=lambda hook_id: self._connectors.headers_of(hook_id),
        )
        self._connectors = Connectors(
            rules=lambda: self._house.connectors,
            port=web_services,
            secrets=SecretPlaces(),
            hooks=hooks,
            clock=clock,
        )
        self._connectors.arrived = self._screens.refresh_interaction
        self._screens.external = self._connectors.cards
        self._floor.watch(self._connectors.watch)
        accesses = StoredAccesses(database)
        self._access_log = AccessLog(accesses=accesses, clock=clock)
        self._screens.seen = self._note_pop
        self._erasures = Erasures(
            store=StoredErasures(database),
            traces=FileTraces(
                recordings=settings.recordings_directory,
                imports_directory=settings.imports_directory,
                imports=StoredImports(database),
                logs=log_files(settings),
                spool=settings.emergency_directory,
                clock=clock,
            ),
            memory=Remembered(memory, self._connectors),
            past=feed,
            alive=lambda: self._floor.interactions,
            settle=self._settled,
            clock=clock,
            timezone=ZoneInfo(settings.server.timezone),
            new_id=lambda: uuid.uuid4().hex,
        )
        timezone = ZoneInfo(settings.server.timezone)
        self._segments = Segments(
            store=StoredSegments(database),
            book=relations.book,
            configuration=configuration,
            rules=house_rules,
            clock=clock,
            timezone=timezone,
        )
        self._values = Values(
            store=StoredValues(database),
            worker=ValuingProcess(database_url=settings.database_url, timezone=settings.server.timezone),
            clock=clock,
            timezone=timezone,
            new_id=lambda: uuid.uuid4().hex,
            interactions=lambda: self._floor.interactions,
            show=desk.customer_changed,
            also=self._segments.judge,
        )
        self._floor.watch(self._values.watch)
        self._retention = Retention(
            store=StoredRetention(database),
            rules=self._house,
            audit=users,
            recordings=settings.recordings_directory,
            clock=clock,
            timezone=ZoneInfo(settings.server.timezone),
        )
        self._sessions = Sessions(users=users, clock=clock, new_token=lambda: secrets.token_urlsafe(32))
        metrics = CollectorRegistry()
        metrics.register(FloorGauges(self._floor, self._journal, self._figures))
        self._web = create_app(
            WebDependencies(
                desk=desk,
                board=desk,
                supervisor=supervision,
                monitoring=self._monitoring,
                transfers=transfers,
                rejoining=rejoining,
                consulting=consulting,
                calling_out=calling_out,
                internal_calls=internal_calls,
                agreed_callbacks=self._agreed,
                notices=self._notices,
                records=self._records,
                customers=customers,
                relations=self._relations,
                privacy=Privacy(
                    log=self._access_log,
                    accesses=accesses,
                    people=StoredPeople(database),
                    erasures=self._erasures,
                    sight=self._house,
                    retention=self._retention,
                ),
                messages=self._messages,
                audit=users,
                recordings=settings.recordings_directory,
                prompts=PromptBook(
                    sets=lambda: prompt_sets(self._calls.lines),
                    sounds=self._library,
                    recordings=recorded_prompts(settings),
                    users=users,
                    clock=clock,
                ),
                surveys=surveys,
                hooks=hooks,
                trends=self._trends,
                wishes=StoredWishes(database),
                walls=Walls(
                    book=StoredWalls(database),
                    rows=desk.queues,
                    clock=clock,
                    allowed=settings.server.wall_links,
                    new_id=lambda: uuid.uuid4().hex,
                    new_token=lambda: secrets.token_urlsafe(32),
                ),
                alerts=self._alerts,
                alert_book=alert_book,
                reminders=self._reminders,
                configuration=configuration,
                business=BusinessParts(
                    book=book,
                    preview=BusinessPreview(book=book, picture=lambda: self._floor.picture, clock=clock),
                    lines=lambda: self._calls.lines,
                    exchange_by_hand=private is None,
                ),
                office=OfficeParts(
                    users=UserBook(
                        store=StoredUserBook(database),
                        clock=clock,
                        new_id=lambda: UserId(uuid.uuid4().hex),
                        new_secret=new_secret,
                    ),
                    audit=StoredAudit(database),
                    trunks=Trunks(
                        trunks_of(settings, is_private=private is not None), states=lambda: self._trunk_states(trunks)
                    ),
                    accounts=self._accounts_there,
                ),
                flows=flows,
                imports=self._imports,
                values=self._values,
                segments=self._segments,
                management=StoredManagement(database, timezone),
                counts=self._counts,
                best_offers=BestOffers(
                    store=StoredBestOffers(database),
                    rules=self._house,
                    segments=self._segments,
                    clock=clock,
                    timezone=timezone,
                    new_id=lambda: uuid.uuid4().hex,
                ),
                sessions=self._sessions,
                feed=feed,
                health=ServerHealth(self._bridge, database, self._journal),
                clock=clock,
                new_customer_id=lambda: CustomerId(uuid.uuid4().hex),
                new_record_id=lambda: uuid.uuid4().hex,
                new_request_id=lambda: uuid.uuid4().hex[:16],
                metrics=metrics,
                ui_directory=settings.server.ui_directory,
                timezone=settings.server.timezone,
                default_region=settings.server.region,
                browser_phone=BrowserPhone(websocket_url=settings.websocket_url, realm=settings.sip.bind),
                demo=demo,
                desktop_grace=settings.desk_lost_after,
            )
        )

    async def run(self, stop: asyncio.Event, stack: AsyncExitStack) -> None:
        """Start in order, run, stop in the opposite order."""
        settings = self._settings
        await self._house.load()
        await self._journal.start()
        stack.push_async_callback(self._journal.stop)
        stack.callback(self._sessions.close)
        stack.callback(self._accounts.close)
        stack.push_async_callback(self._library.aclose)
        begun = self._figures.day_begins()
        recent = await self._records.events_since(self._figures.needs_events_since())
        self._figures.load(recent)
        self._agents_today.load(recent)
        events = [event for event in recent if event.at >= begun]
        self._flow_figures.load(events)
        agent_ids = [status.agent_id for status in await self._records.agent_statuses()]
        today = agents_today(agent_ids, events, begun=begun, now=self._clock.now())
        floor_task = asyncio.create_task(self._floor.run(), name="floor")
        try:
            await restore(self._floor, configuration=self._configuration, records=self._records, today=today)
            await self._memory.restore(tuple(self._floor.interactions.values()))
            self._screens.refresh_everything()
            await self._notices.load()
            async with asyncio.TaskGroup() as tasks:
                owned = [
                    tasks.create_task(self._until(floor_task), name="floor watch"),
                    tasks.create_task(self._screens.run(), name="screens"),
                    tasks.create_task(self._trends.run(), name="trends"),
                    tasks.create_task(self._bridge.run(self._floor, self._calls, self._recovery), name="bridge"),
                    tasks.create_task(self._recovery.run(), name="recovery bookmark"),
                    tasks.create_task(self._make_prompts(self._lines), name="prompts"),
                    tasks.create_task(self._renewal.run(), name="renewal"),
                    tasks.create_task(self._day_turn.run(), name="turn of the day"),
                    tasks.create_task(self._accounts_there.run(), name="accounts at the exchange"),
                    tasks.create_task(self._live(), name="sign of life"),
                    tasks.create_task(self._case_watch.run(), name="case watch"),
                    tasks.create_task(self._reminders.run(), name="reminders"),
                    tasks.create_task(self._alerts.run(), name="alerts"),
                    tasks.create_task(self._hook_delivery.run(), name="web hooks"),
                    tasks.create_task(self._messages.run(), name="messages"),
                    tasks.create_task(self._sweep.run(), name="message sweep"),
                    tasks.create_task(self._monitoring.run(), name="monitoring"),
                    tasks.create_task(self._agreed.run(), name="agreed callbacks"),
                    tasks.create_task(self._trail.run(), name="audit trail"),
                    tasks.create_task(self._intake.run(), name="emergency intake"),
                    tasks.create_task(self._imports.run(), name="imports"),
                    tasks.create_task(self._access_log.run(), name="access log"),
                    tasks.create_task(self._erasures.run(), name="erasures"),
                    tasks.create_task(self._values.run(), name="values"),
                    tasks.create_task(self._values.follow(), name="values at once"),
                    tasks.create_task(self._segments.run(), name="segments"),
                    tasks.create_task(self._counts.run(), name="counts of figures"),
                    tasks.create_task(self._house.run(), name="house rules"),
                    tasks.create_task(self._connectors.run(), name="connectors"),
                    tasks.create_task(self._retention.run(), name="retention"),
                ]
                web = tasks.create_task(
                    serve_web(
                        self._web, settings.server.bind, settings.server.port, stop=stop, on_listening=self._listening
                    ),
                    name="web",
                )
                await web
                self._notifier.stopping()
                for task in owned:
                    task.cancel()
        finally:
            floor_task.cancel()
            await asyncio.gather(floor_task, return_exceptions=True)

    def _shown_to_agents(self, text: str) -> str:
        """A phone shows plain letters: of a number that agents may not see, its last digits."""
        if self._house.sees_numbers(Viewer.AGENT):
            return text
        return mask_number(text).replace(MARK, "").strip()

    def _note_pop(self, agent_id: AgentId, pop: PopView) -> None:
        for shown in pop.customers:
            self._access_log.note(
                by=f"agent {agent_id}",
                kind=AccessKind.POP,
                customer_id=shown.customer_id,
                interaction_id=pop.interaction_id,
            )

    async def _settled(self) -> bool:
        """Whether what the calls have written is in the database, and nothing waits on the disk."""
        return await self._journal.flushed(SETTLE_LIMIT) and not self._journal.state().spilled_batches

    async def _make_prompts(self, lines: Lines) -> None:
        """In the background; what failed is in the log."""
        await build_prompts(self._library, lines)

    async def _trunk_states(self, names: tuple[str, ...]) -> TrunkStates:
        try:
            return await self._bridge.trunk_states(names)
        except AmiError as error:
            raise ExchangeAway(str(error)) from error

    async def _accounts_known(self, names: Collection[str]) -> Known:
        try:
            return await self._bridge.accounts_known(names)
        except AmiError as error:
            raise ExchangeSilent(str(error)) from error

    async def _until(self, floor_task: "asyncio.Task[None]") -> None:
        """The floor never ends by itself; if it does, everything ends with its error."""
        await asyncio.shield(floor_task)

    def _listening(self, host: str, port: int) -> None:
        log.info("serving", address=f"http://{host}:{port}")
        self._notifier.ready()

    async def _live(self) -> None:
        """Tell whoever started us that the floor lives; go when nobody hears it any more."""
        while True:
            await self._floor.pulse()
            if not self._notifier.alive():
                log.error("watch_gone")
                raise WatchGone("the process that started this server is gone")
            await asyncio.sleep(LIFE_SIGN_INTERVAL.total_seconds())


class Remembered:
    """All that is remembered of callers: our own cards, and what systems outside have said."""

    def __init__(self, memory: CustomerMemory, connectors: Connectors) -> None:
        self._memory = memory
        self._connectors = connectors

    def forget_customers(self, customers: Collection[str]) -> None:
        """Drop the cards of these, and everything that was learnt outside."""
        self._memory.forget_customers(customers)
        self._connectors.forget_numbers()


class ExchangeAway(CallcenterError):
    """The exchange does not say how its trunks are."""

    code = "exchange_away"
