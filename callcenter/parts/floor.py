"""The floor: calls, agents and queues, the bridge to Asterisk, and what boards and desks are shown of them."""

import uuid
from collections.abc import Collection, Mapping

from callcenter.app.agent_figures import AgentFigures
from callcenter.app.alert_readings import TrunkStates
from callcenter.app.alert_watch import AlertWatch
from callcenter.app.callback_choice import Numbers
from callcenter.app.calls import Calls
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.day import DayTurn, Today, agents_today
from callcenter.app.emergency_intake import EmergencyIntake
from callcenter.app.exchange_accounts import ExchangeAccounts, ExchangeSilent, Known
from callcenter.app.feed import Feed
from callcenter.app.figures import DayFigures
from callcenter.app.floor import Floor
from callcenter.app.flow_figures import FlowFigures
from callcenter.app.lines import Lines
from callcenter.app.message_sweep import MessageSweep
from callcenter.app.recovery import Recovery, restore
from callcenter.app.renewal import Renewal
from callcenter.app.screens import Screens
from callcenter.app.trends import Trends
from callcenter.asterisk.bridge import Bridge
from callcenter.asterisk.cel import ChannelLog
from callcenter.asterisk.emergency_spool import EmergencySpool
from callcenter.asterisk.errors import AmiError
from callcenter.asterisk.recordings import Recordings
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId
from callcenter.exchange_files import PrivateFiles
from callcenter.heard import build_prompts, prompt_library
from callcenter.parts.ground import Ground, Owned
from callcenter.settled import NumberReader, bridge_config
from callcenter.store.accounts import StoredAccounts
from callcenter.store.alerts import StoredAlerts
from callcenter.store.cases import StoredCases
from callcenter.store.customers import StoredCustomers
from callcenter.store.journal import JournalWriter
from callcenter.store.messages import StoredMessages
from callcenter.store.records import StoredRecords
from callcenter.store.surveys import StoredSurveys
from callcenter.web_services import WebServices


class FloorGroup:
    """What must live for calls to flow."""

    def __init__(self, ground: Ground, *, web_services: WebServices) -> None:
        settings, database, clock = ground.settings, ground.database, ground.clock
        self._ground = ground
        self.records = StoredRecords(database)
        self.customers = StoredCustomers(database)
        self.surveys = StoredSurveys(database)
        self.stored_messages = StoredMessages(database)
        self.journal = JournalWriter(database, spill_directory=settings.server.data_directory)
        read_ani = NumberReader(settings.server.region)
        self.bridge = Bridge(bridge_config(settings), clock=clock, read_ani=read_ani)
        self.feed = Feed(epoch=uuid.uuid4().hex, clock=clock)
        self.memory = CustomerMemory(self.customers)
        self.figures = DayFigures(clock=clock, timezone=ground.timezone)
        self.agents_today = AgentFigures(day_begins=self.figures.day_begins)
        self.screens = Screens(
            feed=self.feed, figures=self.figures, agents_today=self.agents_today, memory=self.memory, clock=clock
        )
        self.trends = Trends(feed=self.feed, trend=self.figures.trend, queue_ids=self.screens.queue_ids, clock=clock)
        self.floor = Floor(clock=clock, journal=self.journal, telephony=self.bridge.telephony, screens=self.screens)
        self.figures.attach(self.floor.picture)
        self.agents_today.attach(self.floor.picture)
        self.screens.attach(self.floor)
        self.floor.watch(self.figures.take)
        self.alert_book = StoredAlerts(database)
        self.alerts = AlertWatch(
            book=self.alert_book,
            floor=self.floor,
            today=self.figures.today,
            trunks=self.trunk_states,
            unseen_cases=StoredCases(database).unseen,
            feed=self.feed,
            clock=clock,
        )
        private = settings.asterisk.private_directory
        self.accounts_there = ExchangeAccounts(
            book=ground.configuration,
            files=None if private is None else PrivateFiles(settings, private),
            known=self._accounts_known,
            clock=clock,
        )
        self.flow_figures = FlowFigures(clock=clock, timezone=ground.timezone)
        self.floor.watch(self.flow_figures.take)
        self.library = prompt_library(settings)
        self.accounts = StoredAccounts(database, clock=clock)
        self.numbers = Numbers(region=settings.server.region, can_call_out=ground.can_call_out)
        self.calls = Calls(
            floor=self.floor,
            memory=self.memory,
            voice=self.library,
            clock=clock,
            lines=ground.lines,
            numbers=self.numbers,
            accounts=self.accounts,
            web=web_services,
            surveys=self.surveys,
        )
        self._day_turn = DayTurn(floor=self.floor, clock=clock, day_begins=self.figures.day_begins)
        self._renewal = Renewal(
            configuration=ground.configuration,
            floor=self.floor,
            calls=self.calls,
            screens=self.screens,
            load_lines=ground.shelf.load,
            lines_changed=ground.shelf.changed,
            prepare=self._make_prompts,
            version=ground.version,
        )
        files = Recordings(settings.recordings_directory)
        self._sweep = MessageSweep(
            floor=self.floor, records=self.records, files=files, known=self.stored_messages, clock=clock
        )
        self._intake = EmergencyIntake(
            floor=self.floor,
            records=self.records,
            journal=self.journal,
            spool=EmergencySpool(settings.emergency_directory),
            files=files,
            clock=clock,
            read_number=read_ani,
        )
        channel_log = settings.asterisk.channel_log
        exchange_log = ChannelLog(channel_log, read_ani) if channel_log is not None else None
        self._recovery = Recovery(self.floor, self.records, exchange_log, (self._sweep, self._intake))

    async def load_figures(self) -> Mapping[AgentId, Today]:
        """The figures of today so far, from the journal; what the agents did is returned."""
        begun = self.figures.day_begins()
        recent = await self.records.events_since(self.figures.needs_events_since())
        self.figures.load(recent)
        self.agents_today.load(recent)
        events = [event for event in recent if event.at >= begun]
        self.flow_figures.load(events)
        agent_ids = [status.agent_id for status in await self.records.agent_statuses()]
        return agents_today(agent_ids, events, begun=begun, now=self._ground.clock.now())

    async def restore(self, today: Mapping[AgentId, Today]) -> None:
        """The calls and agents there were; the floor itself runs already."""
        await restore(self.floor, configuration=self._ground.configuration, records=self.records, today=today)
        await self.memory.restore(tuple(self.floor.interactions.values()))
        self.screens.refresh_everything()

    def owned(self) -> Owned:
        """All but the floor itself, which lives longer than the rest."""
        return {
            "screens": self.screens.run,
            "trends": self.trends.run,
            "bridge": lambda: self.bridge.run(self.floor, self.calls, self._recovery),
            "recovery bookmark": self._recovery.run,
            "prompts": lambda: self._make_prompts(self._ground.lines),
            "renewal": self._renewal.run,
            "turn of the day": self._day_turn.run,
            "accounts at the exchange": self.accounts_there.run,
            "alerts": self.alerts.run,
            "message sweep": self._sweep.run,
            "emergency intake": self._intake.run,
        }

    async def trunk_states(self) -> TrunkStates:
        """How the trunks out are; `ExchangeAway` when Asterisk does not say."""
        try:
            return await self.bridge.trunk_states(self._ground.outside_trunks)
        except AmiError as error:
            raise ExchangeAway(str(error)) from error

    async def _accounts_known(self, names: Collection[str]) -> Known:
        try:
            return await self.bridge.accounts_known(names)
        except AmiError as error:
            raise ExchangeSilent(str(error)) from error

    async def _make_prompts(self, lines: Lines) -> None:
        """In the background; what failed is in the log."""
        await build_prompts(self.library, lines)


class ExchangeAway(CallcenterError):
    """The exchange does not say how its trunks are."""

    code = "exchange_away"
