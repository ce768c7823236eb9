"""The office: customers and their matters, values, imports, privacy, hooks and connectors, the business's rules."""

import random
from collections.abc import Collection
from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from callcenter.app.access_log import AccessKind, AccessLog
from callcenter.app.business_book import BusinessBook
from callcenter.app.case_watch import CaseWatch
from callcenter.app.connectors import Connectors
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.erasure import Erasures
from callcenter.app.flow_book import FlowBook
from callcenter.app.hook_delivery import HookDelivery
from callcenter.app.house_rules import HouseRules
from callcenter.app.imports import Imports
from callcenter.app.management_counts import ManagementCounts
from callcenter.app.number_mask import MARK, mask_number
from callcenter.app.reminders import Reminders
from callcenter.app.retention import Retention
from callcenter.app.segments import Segments
from callcenter.app.values import Values
from callcenter.app.views import PopView
from callcenter.domain.ids import AgentId
from callcenter.domain.privacy import Viewer
from callcenter.importing.files import FileSheets
from callcenter.importing.process import ImportProcess
from callcenter.parts.floor import FloorGroup
from callcenter.parts.ground import Ground, Owned, new_id
from callcenter.parts.talks import TalkGroup
from callcenter.secret_places import SecretPlaces, new_secret
from callcenter.settings import Settings
from callcenter.settled import log_files, passing_files
from callcenter.store.accesses import StoredAccesses
from callcenter.store.business_book import StoredBusiness
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.cases import StoredCases
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_export import StoredIds
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import StoredCustomerNumbers
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.erasures import StoredErasures
from callcenter.store.flows import StoredFlows
from callcenter.store.hooks import StoredHooks
from callcenter.store.house_rules import StoredHouseRules
from callcenter.store.imports import StoredImports
from callcenter.store.kept_figures import StoredFigures
from callcenter.store.opportunities import StoredOpportunities
from callcenter.store.orders import StoredOrders
from callcenter.store.products import StoredProducts
from callcenter.store.reminders import StoredReminders
from callcenter.store.retention import StoredRetention
from callcenter.store.segments import StoredSegments
from callcenter.store.tasks import StoredTasks
from callcenter.store.told_apart import StoredTellingApart
from callcenter.store.values import StoredValues
from callcenter.traces import FileTraces
from callcenter.valuing import ValuingProcess
from callcenter.web.dependencies import Relations
from callcenter.web_services import WebServices

SETTLE_LIMIT: Final = timedelta(seconds=10)


def services_of(settings: Settings) -> WebServices:
    """The way to web services outside, of flows, hooks and connectors."""
    return WebServices(
        private_networks=tuple(ip_network(network) for network in settings.web_services.private_networks)
    )


class OfficeGroup:
    """What is known of customers and what follows from it."""

    def __init__(self, ground: Ground, floor: FloorGroup, talks: TalkGroup, *, web_services: WebServices) -> None:
        settings, database, clock = ground.settings, ground.database, ground.clock
        self._floor = floor
        self.relations = Relations(
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
        self.counts = ManagementCounts(kept=StoredFigures(database), clock=clock)
        self.reminders = Reminders(book=StoredReminders(database), feed=floor.feed, clock=clock)
        self._case_watch = CaseWatch(
            cases=self.relations.cases, tasks=self.relations.tasks, clock=clock, tell=self.reminders.take
        )
        self.business = BusinessBook(
            store=StoredBusiness(database, new_secret=new_secret),
            shelf=ground.shelf,
            conditions=lambda: self.segments.known(),
            clock=clock,
        )
        self.flows = FlowBook(
            shelf=ground.shelf,
            published=StoredFlows(database),
            configuration=ground.configuration,
            figures=floor.flow_figures,
            clock=clock,
            lines=lambda: floor.calls.lines,
        )
        self.imports = Imports(
            store=StoredImports(database),
            sheets=FileSheets(),
            worker=ImportProcess(
                database_url=settings.database_url,
                directory=settings.imports_directory,
                region=settings.server.region,
            ),
            book=self.relations.book,
            clock=clock,
            directory=settings.imports_directory,
            region=settings.server.region,
            new_id=new_id,
        )
        house_rules = StoredHouseRules(database)
        self.house = HouseRules(house_rules)
        floor.floor.shown_to_agents = self._shown_to_agents
        self.hooks = StoredHooks(database)
        self._connectors = Connectors(
            rules=lambda: self.house.connectors,
            port=web_services,
            secrets=SecretPlaces(),
            hooks=self.hooks,
            clock=clock,
        )
        self._connectors.arrived = floor.screens.refresh_interaction
        floor.screens.external = self._connectors.cards
        floor.floor.watch(self._connectors.watch)
        self._hook_delivery = HookDelivery(
            outbox=self.hooks,
            sender=web_services,
            clock=clock,
            chance=random.random,
            sees_numbers=lambda: self.house.sees_numbers(Viewer.HOOKS),
            headers_of=self._connectors.headers_of,
        )
        self.accesses = StoredAccesses(database)
        self.access_log = AccessLog(accesses=self.accesses, clock=clock)
        floor.screens.seen = self._note_pop
        self.erasures = Erasures(
            store=StoredErasures(database),
            traces=FileTraces(
                recordings=settings.recordings_directory,
                imports_directory=settings.imports_directory,
                imports=StoredImports(database),
                logs=log_files(settings),
                spool=settings.emergency_directory,
                passing=passing_files(settings, database.sqlite_path),
                clock=clock,
            ),
            memory=Remembered(floor.memory, self._connectors),
            past=floor.feed,
            alive=lambda: floor.floor.interactions,
            settle=self._settled,
            clock=clock,
            timezone=ground.timezone,
            new_id=new_id,
        )
        self.segments = Segments(
            store=StoredSegments(database),
            book=self.relations.book,
            configuration=ground.configuration,
            rules=house_rules,
            clock=clock,
            timezone=ground.timezone,
        )
        self.values = Values(
            store=StoredValues(database),
            worker=ValuingProcess(database_url=settings.database_url, timezone=settings.server.timezone),
            clock=clock,
            timezone=ground.timezone,
            new_id=new_id,
            interactions=lambda: floor.floor.interactions,
            show=talks.desk.customer_changed,
            also=self.segments.judge,
        )
        floor.floor.watch(self.values.watch)
        self.retention = Retention(
            store=StoredRetention(database),
            rules=self.house,
            audit=talks.users,
            recordings=settings.recordings_directory,
            clock=clock,
            timezone=ground.timezone,
        )

    def owned(self) -> Owned:
        """What goes on in the office."""
        return {
            "case watch": self._case_watch.run,
            "reminders": self.reminders.run,
            "web hooks": self._hook_delivery.run,
            "imports": self.imports.run,
            "access log": self.access_log.run,
            "erasures": self.erasures.run,
            "values": self.values.run,
            "values at once": self.values.follow,
            "segments": self.segments.run,
            "counts of figures": self.counts.run,
            "house rules": self.house.run,
            "connectors": self._connectors.run,
            "retention": self.retention.run,
        }

    def _shown_to_agents(self, text: str) -> str:
        """A phone shows plain letters: of a number that agents may not see, its last digits."""
        if self.house.sees_numbers(Viewer.AGENT):
            return text
        return mask_number(text).replace(MARK, "").strip()

    def _note_pop(self, agent_id: AgentId, pop: PopView) -> None:
        for shown in pop.customers:
            self.access_log.note(
                by=f"agent {agent_id}",
                kind=AccessKind.POP,
                customer_id=shown.customer_id,
                interaction_id=pop.interaction_id,
            )

    async def _settled(self) -> bool:
        """Whether what the calls have written is in the database, and nothing waits on the disk."""
        return await self._floor.journal.settled(SETTLE_LIMIT)


class Remembered:
    """All that is remembered of callers: our own cards, and what systems outside have said."""

    def __init__(self, memory: CustomerMemory, connectors: Connectors) -> None:
        self._memory = memory
        self._connectors = connectors

    def forget_customers(self, customers: Collection[str]) -> None:
        """Drop the cards of these, and everything that was learnt outside."""
        self._memory.forget_customers(customers)
        self._connectors.forget_numbers()
