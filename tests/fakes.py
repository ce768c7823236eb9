"""Small honest implementations of the ports, in memory, for every test that needs no database and no exchange."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from callcenter.acd.why import WaitingReason
from callcenter.app.call_state import CallState
from callcenter.app.customer_book import Merge
from callcenter.app.feed import Frame
from callcenter.app.internal_port import InternalCall, Shown
from callcenter.app.monitor_port import MonitorCall
from callcenter.app.ports import (
    AgentStatus,
    CodeLabel,
    CustomerCard,
    CustomerInput,
    InteractionSummary,
    NumberRoute,
    SessionRecord,
    User,
)
from callcenter.app.rejoining import PartedTalk
from callcenter.app.transfer_port import ConsultationState, ConsultCall
from callcenter.app.views import AgentView, PhoneView, PopView, QueueView, SkillView, WaitingView, WishView
from callcenter.domain.agents import (
    AgentConfig,
    AgentState,
    NotReadyReason,
    Phone,
    PhoneKind,
    PhoneStatus,
    check_agent_transition,
)
from callcenter.domain.customers import Case, Customer
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.events import Event, Outcome
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, InternalCallId, QueueId, UserId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label
from callcenter.domain.monitoring import MonitorMode
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import QueueConfig

QUICK_PASSWORDS = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
"""Real Argon2id with the least work there is."""
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class FakeUsers:
    """`Users` in memory. Set `away` to an error and everything raises it, as when the database is gone."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        self.users = {user.user_id: user for user in users}
        self.sessions: dict[str, SessionRecord] = {}
        self.audit_log: list[tuple[datetime, str, str, str, str]] = []
        self.away: Exception | None = None

    async def by_name(self, name: str) -> User | None:
        self._answer()
        return next((user for user in self.users.values() if user.name == name), None)

    async def by_id(self, user_id: UserId) -> User | None:
        self._answer()
        return self.users.get(user_id)

    async def add_session(self, session: SessionRecord) -> None:
        self._answer()
        self.sessions[session.token_hash] = session

    async def session(self, token_hash: str) -> SessionRecord | None:
        self._answer()
        return self.sessions.get(token_hash)

    async def touch_session(self, token_hash: str, last_seen_at: datetime) -> None:
        self._answer()
        known = self.sessions.get(token_hash)
        if known is not None:
            self.sessions[token_hash] = replace(known, last_seen_at=last_seen_at)

    async def end_session(self, token_hash: str) -> None:
        self._answer()
        self.sessions.pop(token_hash, None)

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        self._answer()
        self.audit_log.append((at, by, action, subject, detail))

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


class FakeCustomers:
    """`Customers` in memory."""

    def __init__(self) -> None:
        self.customers: dict[CustomerId, Customer] = {}
        self.histories: dict[CustomerId, tuple[InteractionSummary, ...]] = {}
        self.cases: dict[CustomerId, tuple[Case, ...]] = {}
        self.merged_into: dict[CustomerId, CustomerId] = {}

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        cards = [
            self._card(customer)
            for customer in self.customers.values()
            if any(point.value == value for point in customer.contact_points)
        ]
        cards.sort(key=_last_active, reverse=True)
        return tuple(cards[:20])

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        customer = await self.customer(customer_id)
        return None if customer is None else self._card(customer)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        return self.customers.get(self.merged_into.get(customer_id, customer_id))

    async def create(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        if customer_id in self.customers:
            raise Conflict(f"customer {customer_id} exists already", code="customer_exists")
        return self._keep(customer_id, data, at)

    async def update(
        self,
        customer_id: CustomerId,
        data: CustomerInput,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Customer:
        known = self.customers.get(customer_id)
        if known is None:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        if expected_version not in (None, known.version):
            raise Outdated(f"customer {customer_id} has version {known.version}, not {expected_version}")
        return self._keep(customer_id, data, known.created_at, known.version + 1)

    def _keep(self, customer_id: CustomerId, data: CustomerInput, created_at: datetime, version: int = 1) -> Customer:
        customer = Customer(
            customer_id=customer_id,
            kind=data.kind,
            name=data.name,
            language=data.language,
            segment=data.segment,
            account_manager_id=data.account_manager_id,
            tags=data.tags,
            contact_points=data.contact_points,
            notes=data.notes,
            created_at=created_at,
            consents=data.consents,
            custom=data.custom,
            version=version,
        )
        self.customers[customer_id] = customer
        return customer

    def _card(self, customer: Customer) -> CustomerCard:
        return CustomerCard(
            customer=customer,
            last_interactions=self.histories.get(customer.customer_id, ())[:5],
            open_cases=self.cases.get(customer.customer_id, ()),
        )


def _last_active(card: CustomerCard) -> datetime:
    return max((line.started_at for line in card.last_interactions), default=card.customer.created_at)


class FakeRecords:
    """`Records` in memory, fed by `keep`."""

    def __init__(self) -> None:
        self.kept: dict[InteractionId, Interaction] = {}
        self.events: list[Event] = []
        self.statuses: dict[AgentId, AgentStatus] = {}
        self.bookmarks: dict[str, str] = {}

    def keep(self, *interactions: Interaction) -> None:
        for interaction in interactions:
            self.kept[interaction.interaction_id] = interaction

    async def open_interactions(self) -> tuple[Interaction, ...]:
        return tuple(one for one in self.kept.values() if one.ended_at is None)

    async def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        return self.kept.get(interaction_id)

    async def interactions(
        self,
        *,
        limit: int,
        before: InteractionId | None = None,
        customer_id: CustomerId | None = None,
        agent_id: AgentId | None = None,
        queue_id: QueueId | None = None,
        outcomes: Sequence[Outcome] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Interaction, ...]:
        newest_first = sorted(self.kept.values(), key=lambda one: (one.started_at, one.interaction_id), reverse=True)
        if before is not None:
            border = self.kept.get(before)
            if border is None:
                return ()
            place = (border.started_at, border.interaction_id)
            newest_first = [one for one in newest_first if (one.started_at, one.interaction_id) < place]
        return tuple(
            one
            for one in newest_first
            if (customer_id is None or one.customer_id == customer_id)
            and (agent_id is None or one.agent_id == agent_id)
            and (queue_id is None or one.queue_id == queue_id)
            and (not outcomes or one.outcome in outcomes)
            and (since is None or one.started_at >= since)
            and (until is None or one.started_at < until)
        )[:limit]

    async def timeline(self, interaction_id: InteractionId) -> tuple[Event, ...]:
        return tuple(event for event in self.events if getattr(event, "interaction_id", None) == interaction_id)

    async def events_since(self, since: datetime) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.at >= since)

    async def known_interactions(self, ids: Sequence[InteractionId]) -> frozenset[InteractionId]:
        return frozenset(one for one in ids if one in self.kept and self.kept[one].ended_at is not None)

    async def agent_statuses(self) -> tuple[AgentStatus, ...]:
        return tuple(self.statuses.values())

    async def bookmark(self, name: str) -> str | None:
        return self.bookmarks.get(name)

    async def set_bookmark(self, name: str, value: str) -> None:
        self.bookmarks[name] = value


@dataclass(slots=True)
class FakeConfiguration:
    """`Configuration` in memory; set what a test needs."""

    queue_configs: tuple[QueueConfig, ...] = ()
    agent_configs: dict[AgentId, AgentConfig] = field(default_factory=dict)
    routes: tuple[NumberRoute, ...] = ()
    opening_hours: dict[str, OpeningHours] = field(default_factory=dict)
    reason_codes: tuple[CodeLabel, ...] = (CodeLabel(code="break", label=Label(zh="休息", en="Break")),)
    disposition_codes: tuple[CodeLabel, ...] = (
        CodeLabel(code="solved", label=Label(zh="已解决", en="Solved")),
        CodeLabel(code="callback", label=Label(zh="需回电", en="To be called back")),
    )
    secrets: dict[AgentId, str] = field(default_factory=dict)
    number_of_version: int = 0
    reason_rules: tuple[NotReadyReason, ...] = (NotReadyReason(code="break"),)
    away: Exception | None = None

    async def version(self) -> int:
        return self.number_of_version

    async def queues(self) -> tuple[QueueConfig, ...]:
        return self.queue_configs

    async def agents(self) -> tuple[AgentConfig, ...]:
        return tuple(self.agent_configs.values())

    async def numbers(self) -> tuple[NumberRoute, ...]:
        return self.routes

    async def hours(self) -> Mapping[str, OpeningHours]:
        return self.opening_hours

    async def reasons(self) -> tuple[CodeLabel, ...]:
        return self.reason_codes

    async def not_ready_reasons(self) -> tuple[NotReadyReason, ...]:
        return self.reason_rules

    async def dispositions(self) -> tuple[CodeLabel, ...]:
        return self.disposition_codes

    async def close_queue(self, queue_id: QueueId, *, by: str, at: datetime) -> None:
        if queue_id not in {queue.queue_id for queue in self.queue_configs}:
            raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
        self._set_closed_by(queue_id, by)

    async def open_queue(self, queue_id: QueueId) -> None:
        self._set_closed_by(queue_id, "")

    def _set_closed_by(self, queue_id: QueueId, by: str) -> None:
        if self.away is not None:
            raise self.away
        self.queue_configs = tuple(
            replace(queue, closed_by=by) if queue.queue_id == queue_id else queue for queue in self.queue_configs
        )

    async def set_agent_phone(self, agent_id: AgentId, phone: Phone) -> None:
        if agent_id not in self.agent_configs:
            raise NotFound(f"there is no agent {agent_id}", code="unknown_agent")
        self.agent_configs[agent_id] = replace(self.agent_configs[agent_id], phone=phone)

    async def phone_secret(self, agent_id: AgentId) -> str | None:
        return self.secrets.get(agent_id)

    async def phone_secrets(self) -> dict[AgentId, str]:
        return dict(self.secrets)


class FakeDesk:
    """`AgentDesk` and `Board` in memory: keeps the agents' table of states, routes nothing."""

    def __init__(
        self,
        clock: FakeClock,
        agents: Mapping[AgentId, str],
        *,
        records: FakeRecords | None = None,
        configuration: FakeConfiguration | None = None,
        customers: FakeCustomers | None = None,
    ) -> None:
        self._clock = clock
        self._records = records or FakeRecords()
        self._configuration = configuration or FakeConfiguration()
        self._customers = customers or FakeCustomers()
        self._agents = {agent_id: _new_agent(agent_id, name, clock.now()) for agent_id, name in agents.items()}
        self.pops: dict[AgentId, PopView] = {}
        self.live: dict[InteractionId, Interaction] = {}
        self.queue_rows: dict[QueueId, QueueView] = {}
        self.waiting_rows: tuple[WaitingView, ...] = ()
        self.lost: list[AgentId] = []
        self.back: list[AgentId] = []
        self.changed_customers: list[CustomerId] = []
        self.merges: list[Merge] = []
        self.annotations: list[str] = []

    def agent(self, agent_id: AgentId) -> AgentView:
        if agent_id not in self._agents:
            raise NotFound(f"there is no agent {agent_id}", code="unknown_agent")
        return self._agents[agent_id]

    def pop(self, agent_id: AgentId) -> PopView | None:
        self.agent(agent_id)
        return self.pops.get(agent_id)

    def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        return self.live.get(interaction_id)

    def occupy(self, agent_id: AgentId, interaction_id: InteractionId | None, state: AgentState) -> None:
        """Put an agent into a talk or out of it."""
        self._agents[agent_id] = replace(self.agent(agent_id), interaction_id=interaction_id, state=state)

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        agent = self.agent(agent_id)
        if agent.state != AgentState.LOGGED_OUT:
            return agent
        return self._become(agent, AgentState.NOT_READY, "signed_in")

    async def set_state(self, agent_id: AgentId, state: AgentState, reason: str | None) -> AgentView:
        agent = self.agent(agent_id) if state is AgentState.LOGGED_OUT else await self.sign_in(agent_id)
        if reason is not None and reason not in {item.code for item in self._configuration.reason_codes}:
            raise InvalidValue(f"there is no reason {reason!r}", code="unknown_reason")
        if agent.state == AgentState.TALKING:
            self._agents[agent_id] = replace(agent, after_call=WishView(state=state, reason=reason))
            return self._agents[agent_id]
        return self._become(agent, state, reason)

    async def set_phone(self, agent_id: AgentId, phone: Phone) -> AgentView:
        view = PhoneView(kind=phone.kind, address=phone.address, status=PhoneStatus.UNKNOWN)
        self._agents[agent_id] = replace(self.agent(agent_id), phone=view)
        return self._agents[agent_id]

    async def end_wrap_up(self, agent_id: AgentId, then: AgentState | None, reason: str | None) -> AgentView:
        agent = self.agent(agent_id)
        if agent.state != AgentState.WRAP_UP:
            raise Conflict(f"agent {agent_id} is {agent.state}, not in wrap-up", code="not_in_wrap_up")
        self.pops.pop(agent_id, None)
        return self._become(replace(agent, interaction_id=None), then or AgentState.READY, reason)

    async def extend_wrap_up(self, agent_id: AgentId, by: timedelta) -> AgentView:
        agent = self.agent(agent_id)
        if agent.state != AgentState.WRAP_UP:
            raise Conflict(f"agent {agent_id} is {agent.state}, not in wrap-up", code="not_in_wrap_up")
        self._agents[agent_id] = replace(agent, wrap_up_until=(agent.wrap_up_until or self._clock.now()) + by)
        return self._agents[agent_id]

    async def annotate(
        self,
        interaction_id: InteractionId,
        *,
        by: str,
        disposition: str | None,
        notes: str | None,
        customer_id: CustomerId | None,
    ) -> Interaction:
        known = self.live.get(interaction_id) or self._records.kept.get(interaction_id)
        if known is None:
            raise NotFound(f"there is no interaction {interaction_id}", code="unknown_interaction")
        if disposition and disposition not in {item.code for item in self._configuration.disposition_codes}:
            raise InvalidValue(f"there is no disposition {disposition!r}", code="unknown_disposition")
        if customer_id is not None and customer_id not in self._customers.customers:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        changed = replace(
            known,
            disposition=known.disposition if disposition is None else disposition,
            notes=known.notes if notes is None else notes,
            customer_id=known.customer_id if customer_id is None else customer_id,
        )
        if changed != known:
            self.annotations.append(by)
        if interaction_id in self.live:
            self.live[interaction_id] = changed
        self._records.keep(changed)
        for agent_id, pop in self.pops.items():
            if pop.interaction_id == interaction_id:
                self.pops[agent_id] = replace(
                    pop,
                    customer_id=changed.customer_id,
                    blank=pop.blank if changed.customer_id is None else None,
                    disposition=changed.disposition or None,
                    notes=changed.notes,
                )
        return changed

    async def customer_changed(self, customer_id: CustomerId) -> None:
        self.changed_customers.append(customer_id)

    async def customers_merged(self, merge: Merge, *, by: str) -> None:
        self.merges.append(merge)

    async def desktop_lost(self, agent_id: AgentId) -> None:
        self.lost.append(agent_id)

    async def desktop_back(self, agent_id: AgentId) -> None:
        self.back.append(agent_id)

    def queues(self) -> tuple[QueueView, ...]:
        return tuple(self.queue_rows.values())

    def agents(self) -> tuple[AgentView, ...]:
        return tuple(self._agents.values())

    def waiting(self) -> tuple[WaitingView, ...]:
        return self.waiting_rows

    def _become(self, agent: AgentView, state: AgentState, reason: str | None) -> AgentView:
        check_agent_transition(agent.agent_id, AgentState(agent.state), state)
        now = self._clock.now()
        ready_since = now if state is AgentState.READY else None
        changed = replace(agent, state=state, reason=reason, since=now, ready_since=ready_since)
        self._agents[agent.agent_id] = changed
        return changed


def _new_agent(agent_id: AgentId, name: str, now: datetime) -> AgentView:
    return AgentView(
        agent_id=agent_id,
        name=name,
        state=AgentState.LOGGED_OUT,
        reason=None,
        since=now,
        ready_since=None,
        interaction_id=None,
        offer_id=None,
        wrap_up_until=None,
        after_call=None,
        phone=PhoneView(kind=PhoneKind.SIP, address=None, status=PhoneStatus.UNKNOWN),
        skills=(SkillView(skill="sales", level=5),),
    )


class FakeSupervisor:
    """`Supervisor` in memory: remembers what was asked for; callers, agents and queues are those of the desk."""

    def __init__(self, desk: FakeDesk) -> None:
        self._desk = desk
        self.done: list[tuple[object, ...]] = []

    def why_waiting(self, interaction_id: InteractionId) -> WaitingReason:
        self._waiting(interaction_id)
        text = Label(zh="没有空闲坐席。", en="Nobody is free.")
        return WaitingReason(text=text, parts=(ReasonPart(name="position", value="1"),))

    async def set_priority(self, interaction_id: InteractionId, priority: int, *, by: str) -> WaitingView | None:
        return self._did("priority", interaction_id, priority, by)

    async def move(self, interaction_id: InteractionId, queue_id: QueueId, *, by: str) -> WaitingView | None:
        self._queue(queue_id)
        return self._did("move", interaction_id, queue_id, by)

    async def pick(
        self, interaction_id: InteractionId, agent_id: AgentId, *, within: timedelta | None, by: str
    ) -> WaitingView | None:
        self._desk.agent(agent_id)
        return self._did("pick", interaction_id, agent_id, within, by)

    async def cancel_callback(self, interaction_id: InteractionId, *, by: str) -> None:
        if self._waiting(interaction_id).callback is None:
            raise Conflict(f"interaction {interaction_id} is no callback", code="not_a_callback")
        self.done.append(("cancel", interaction_id, by))

    async def force_state(self, agent_id: AgentId, state: AgentState, reason: str | None, *, by: str) -> AgentView:
        if state is AgentState.READY and self._desk.agent(agent_id).state == AgentState.LOGGED_OUT:
            raise Conflict(f"agent {agent_id} is logged out", code="agent_not_logged_in")
        self.done.append(("force", agent_id, state, reason, by))
        return await self._desk.set_state(agent_id, state, reason)

    async def close_queues(self, queue_ids: tuple[QueueId, ...] | None, *, by: str) -> tuple[QueueView, ...]:
        return self._close(queue_ids, by)

    async def open_queues(self, queue_ids: tuple[QueueId, ...] | None, *, by: str) -> tuple[QueueView, ...]:
        return self._close(queue_ids, None)

    def _close(self, queue_ids: tuple[QueueId, ...] | None, closed_by: str | None) -> tuple[QueueView, ...]:
        rows = [self._queue(queue_id) for queue_id in (queue_ids or tuple(self._desk.queue_rows))]
        for row in rows:
            self._desk.queue_rows[row.queue_id] = replace(row, closed_by=closed_by)
        return tuple(self._desk.queue_rows[row.queue_id] for row in rows)

    def _queue(self, queue_id: QueueId) -> QueueView:
        if queue_id not in self._desk.queue_rows:
            raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
        return self._desk.queue_rows[queue_id]

    def _waiting(self, interaction_id: InteractionId) -> WaitingView:
        row = next((row for row in self._desk.waiting_rows if row.interaction_id == interaction_id), None)
        if row is None:
            raise NotFound(f"interaction {interaction_id} does not wait in any queue", code="not_waiting")
        return row

    def _did(self, *what: object) -> WaitingView | None:
        """Done; whose priority is very high is answered at once, and waits no more."""
        row = self._waiting(InteractionId(str(what[1])))
        self.done.append(what)
        return None if what[2] == 1_000 else row


class FakeTransferLine:
    """Notes whom it is to send on; `refuses` is what it says no with."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, CallState]] = []
        self.asked: list[tuple[ConsultCall, Phone | None, CallState]] = []
        self.ordered: list[str] = []
        self.refuses: CallcenterError | None = None

    async def send(self, caller_leg_id: str, state: CallState) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.sent.append((caller_leg_id, state))

    async def ask(self, call: ConsultCall, phone: Phone | None, shown: str, state: CallState) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.asked.append((call, phone, state))

    async def to_caller(self, call: ConsultCall) -> None:
        self.ordered.append("to_caller")

    async def to_consulted(self, call: ConsultCall, now: ConsultationState) -> None:
        self.ordered.append("to_consulted")

    async def together(self, call: ConsultCall, now: ConsultationState) -> None:
        self.ordered.append("together")

    async def take_back(self, call: ConsultCall, now: ConsultationState) -> None:
        self.ordered.append("take_back")

    async def leave(self, call: ConsultCall) -> None:
        self.ordered.append("leave")

    def end(self, call: ConsultCall) -> None:
        self.ordered.append("end")


class FakeRejoinLine:
    """`RejoinLine` that keeps what was ordered."""

    def __init__(self) -> None:
        self.parted: list[PartedTalk] = []
        self.joined: list[PartedTalk] = []

    async def part(self, talk: PartedTalk) -> None:
        self.parted.append(talk)

    async def join(self, talk: PartedTalk) -> None:
        self.joined.append(talk)


class FakeInternalLine:
    """`InternalLine` that keeps what was ordered; `refusal` is raised at the next call."""

    def __init__(self) -> None:
        self.called: list[tuple[InternalCall, Phone, Phone, Shown]] = []
        self.hung_up: list[InternalCallId] = []
        self.parted: list[tuple[InternalCallId, AgentId]] = []
        self.joined: list[tuple[InternalCallId, AgentId, Phone, str]] = []
        self.refusal: CallcenterError | None = None

    def call(self, call: InternalCall, caller: Phone, called: Phone, shown: Shown) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.called.append((call, caller, called, shown))

    def hang_up(self, call_id: InternalCallId) -> None:
        self.hung_up.append(call_id)

    async def part(self, call_id: InternalCallId, lost: AgentId) -> None:
        self.parted.append((call_id, lost))

    async def join(self, call_id: InternalCallId, lost: AgentId, phone: Phone, other_name: str) -> None:
        self.joined.append((call_id, lost, phone, other_name))


class FakeMonitorLine:
    """`MonitorLine` that keeps what was ordered; `refusal` is raised at the next call."""

    def __init__(self) -> None:
        self.called: list[tuple[MonitorCall, MonitorMode, Phone]] = []
        self.changed: list[MonitorMode] = []
        self.taken_over: list[MonitorCall] = []
        self.stopped: list[MonitorCall] = []
        self.toned: list[MonitorCall] = []
        self.refusal: Exception | None = None

    def call(self, call: MonitorCall, mode: MonitorMode, phone: Phone, shown_name: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.called.append((call, mode, phone))

    def change(self, call: MonitorCall, mode: MonitorMode) -> None:
        self.changed.append(mode)

    def take_over(self, call: MonitorCall) -> None:
        self.taken_over.append(call)

    def stop(self, call: MonitorCall) -> None:
        self.stopped.append(call)

    def sound_tone(self, call: MonitorCall) -> None:
        self.toned.append(call)


class FakeOutlet:
    """A client's socket that keeps what it was given; `takes_more` is for the test to set."""

    def __init__(self) -> None:
        self.takes_more = True
        self.pieces: list[list[Frame]] = []
        self.is_cut = False

    @property
    def frames(self) -> list[Frame]:
        """All frames, in order."""
        return [frame for piece in self.pieces for frame in piece]

    def write(self, frames: Iterable[Frame]) -> None:
        """Keep them."""
        self.pieces.append(list(frames))

    def cut(self) -> None:
        """Note it."""
        self.is_cut = True
