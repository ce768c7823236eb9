"""What the web adapter is made of, and how a route comes by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol, cast

from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from callcenter.app.access_log import Accesses, AccessLog
from callcenter.app.agreed_callbacks import AgreedCallbacks
from callcenter.app.alerts import Alert, AlertBook, AlertSight
from callcenter.app.audit_log import AuditBook
from callcenter.app.best_offers import BestOffers
from callcenter.app.board_wishes import WishBook
from callcenter.app.business_book import BusinessBook
from callcenter.app.business_preview import BusinessPreview
from callcenter.app.calling_out import CallingOut
from callcenter.app.case_book import CaseBook, CaseLists, TaskBook
from callcenter.app.consulting import Consulting
from callcenter.app.customer_book import CustomerBook, CustomerSearch, Merging, TellingApart
from callcenter.app.customer_export import ExportedIds
from callcenter.app.customer_numbers import CustomerNumbers
from callcenter.app.desk_port import AgentDesk, Board, Supervisor
from callcenter.app.erasure import Erasures
from callcenter.app.exchange_accounts import ExchangeAccounts
from callcenter.app.feed import Feed
from callcenter.app.flow_book import FlowBook
from callcenter.app.hooks import HookBook
from callcenter.app.imports import Imports
from callcenter.app.internal_calls import InternalCalls
from callcenter.app.lines import Lines
from callcenter.app.management import Management
from callcenter.app.management_counts import ManagementCounts
from callcenter.app.message_box import MessageBox
from callcenter.app.monitoring import Monitoring
from callcenter.app.notices import NoticeBoard
from callcenter.app.person_export import People
from callcenter.app.ports import Clock, Configuration, Customers, Records
from callcenter.app.prompt_book import PromptBook
from callcenter.app.rejoining import Rejoining
from callcenter.app.retention import Retention
from callcenter.app.sales_book import OpportunityBook, OrderBook, ProductBook
from callcenter.app.segments import Segments
from callcenter.app.sessions import Sessions
from callcenter.app.surveys import SurveyBook
from callcenter.app.transfers import Transfers
from callcenter.app.trends import Trends
from callcenter.app.trunks import Trunks
from callcenter.app.user_book import UserBook
from callcenter.app.values import Values
from callcenter.app.walls import Walls
from callcenter.domain.alerts import AlertRule
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.web.cursors import HiddenCursors
from callcenter.web.demo_info import DemoInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must be well before calls can be served; `detail` holds no personal data."""

    ok: bool
    detail: str


class Health(Protocol):
    """Whether the server can do its work."""

    async def checks(self) -> Mapping[str, Check]:
        """Each check by name."""
        ...


class Acknowledging(Protocol):
    """Whoever watches over the alerts."""

    async def acknowledge(self, number: int, *, by: str) -> Alert:
        """Somebody looks after it; `NotFound`."""
        ...

    async def look(self, rule: AlertRule) -> tuple[AlertSight, ...]:
        """What a rule sees now; nothing is raised by it."""
        ...


class Dismissing(Protocol):
    """Whoever shows reminders."""

    async def dismiss(self, agent_id: AgentId, number: int) -> None:
        """The agent has read it; `NotFound` when it is not his."""
        ...


class AuditLog(Protocol):
    """Where it is written who did, or heard, what."""

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        """Append one line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPhone:
    """Where a phone in the browser registers; the account is the agent's id with `user_suffix`."""

    websocket_url: str
    realm: str
    user_suffix: str = "w"

    def user(self, agent_id: AgentId) -> str:
        """The name of the agent's browser account."""
        return f"{agent_id}{self.user_suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessParts:
    """What the pages of configuration are made of."""

    book: BusinessBook
    preview: BusinessPreview
    lines: Callable[[], Lines]
    """Those that calls have now."""
    exchange_by_hand: bool = True
    """Whether the exchange learns of new phones and queues only when its files are written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeParts:
    """What the pages of users, of the audit log, of trunks and of the phones' accounts are made of."""

    users: UserBook
    audit: AuditBook
    trunks: Trunks
    accounts: ExchangeAccounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """The customer store beyond the card."""

    search: CustomerSearch
    merging: Merging
    apart: TellingApart
    book: CustomerBook
    cases: CaseBook
    tasks: TaskBook
    lists: CaseLists
    numbers: CustomerNumbers
    products: ProductBook
    orders: OrderBook
    opportunities: OpportunityBook
    ids: ExportedIds


class Sight(Protocol):
    """Whoever knows what the business lets people see."""

    def sees_numbers(self, viewer: str) -> bool:
        """Whether this role may be shown telephone numbers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Who looked at whom, and how a person is taken out or erased."""

    log: AccessLog
    accesses: Accesses
    people: People
    erasures: Erasures
    sight: Sight
    retention: Retention
    cursors: HiddenCursors = field(default_factory=HiddenCursors)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDependencies:
    """Everything the routes use; made in `parts/pages.py`, or of fakes in the tests."""

    desk: AgentDesk
    board: Board
    supervisor: Supervisor
    monitoring: Monitoring
    transfers: Transfers
    rejoining: Rejoining
    consulting: Consulting
    calling_out: CallingOut
    internal_calls: InternalCalls
    agreed_callbacks: AgreedCallbacks
    notices: NoticeBoard
    records: Records
    customers: Customers
    relations: Relations
    privacy: Privacy
    messages: MessageBox
    audit: AuditLog
    recordings: Path
    """The directory of what callers said."""
    temporary: Path
    """Where files are made that are sent once."""
    prompts: PromptBook
    surveys: SurveyBook
    hooks: HookBook
    trends: Trends
    wishes: WishBook
    walls: Walls
    alerts: Acknowledging
    alert_book: AlertBook
    reminders: Dismissing
    configuration: Configuration
    business: BusinessParts
    office: OfficeParts
    flows: FlowBook
    imports: Imports
    values: Values
    segments: Segments
    management: Management
    counts: ManagementCounts
    best_offers: BestOffers
    sessions: Sessions
    feed: Feed
    health: Health
    clock: Clock
    new_customer_id: Callable[[], CustomerId]
    new_record_id: Callable[[], str]
    """For cases, tasks, notes and merges."""
    new_request_id: Callable[[], str]
    metrics: CollectorRegistry
    ui_directory: Path
    timezone: str
    """The house's (IANA): its days are those of boards and reports."""
    default_region: str
    """Country (ISO 3166 alpha-2) that numbers without a country code belong to."""
    browser_phone: BrowserPhone | None = None
    demo: DemoInfo | None = None
    trusted_origins: frozenset[str] = frozenset()
    """Origins ("https://desk.example.org") whose pages may use the API besides the server's own."""
    desktop_grace: timedelta = timedelta(seconds=30)
    """How long a desktop may be away before its agent is reported lost: a page takes some seconds to reload."""


def _dependencies(connection: HTTPConnection) -> WebDependencies:
    return cast(WebDependencies, connection.app.state.dependencies)


Deps = Annotated[WebDependencies, Depends(_dependencies)]
"""The parameter by which a route asks for its dependencies."""
