"""The demo's customers: their numbers, their history as the journal would have written it, and their open cases."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.names import customer_terms
from callcenter.domain import events as ev
from callcenter.domain.customers import ContactPoint, ContactPointKind, CustomerKind
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Interaction, apply, begin
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferOutcome, OfferReason, ReasonPart
from callcenter.store import crm_tables, tables
from callcenter.store.batches import make_entry, store_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCall:
    """One call of long ago; without an agent it was abandoned in the queue."""

    days_ago: int
    queue_id: str
    waited_seconds: int
    talked_seconds: int
    agent_id: str | None = None
    disposition: str | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCase:
    """A matter of the customer's; closed when it says after how many days."""

    kind: str
    subject: str
    opened_days_ago: int
    closed_days_ago: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCustomer:
    """A made-up customer with what happened so far."""

    customer_id: str
    kind: CustomerKind
    name: str
    language: str
    segment: str
    tags: tuple[str, ...]
    number: Number
    email: str | None = None
    notes: str = ""
    calls: tuple[DemoCall, ...] = ()
    cases: tuple[DemoCase, ...] = ()


_SHARED = Number(raw="13900139000", e164="+8613900139000", national="139 0013 9000", region="CN")

CUSTOMERS = (
    DemoCustomer(
        customer_id="demo-morning-star",
        kind=CustomerKind.ORGANISATION,
        name="示例客户 晨星贸易",
        language="zh",
        segment="A",
        tags=("批发", "季度结算"),
        number=Number(raw="13800138000", e164="+8613800138000", national="138 0013 8000", region="CN"),
        email="morning-star@example.com",
        notes="演示数据。请用中文接待，发票按季度开具。",
        calls=(
            DemoCall(
                days_ago=62,
                queue_id="sales",
                waited_seconds=14,
                talked_seconds=312,
                agent_id="1001",
                disposition="sale",
                notes="续订年度合同。",
            ),
            DemoCall(days_ago=34, queue_id="support", waited_seconds=95, talked_seconds=0),
            DemoCall(
                days_ago=33,
                queue_id="support",
                waited_seconds=21,
                talked_seconds=540,
                agent_id="1003",
                disposition="follow_up",
                notes="第 3 批货物少两箱，已登记。",
            ),
            DemoCall(
                days_ago=6,
                queue_id="support",
                waited_seconds=8,
                talked_seconds=185,
                agent_id="1003",
                disposition="callback_promised",
                notes="仓库核对中，答应周五前回电。",
            ),
            DemoCall(
                days_ago=2,
                queue_id="operator",
                waited_seconds=3,
                talked_seconds=45,
                agent_id="1010",
                disposition="information",
                notes="询问节假日营业时间。",
            ),
        ),
        cases=(
            DemoCase(kind="complaint", subject="第 3 批货物短少两箱", opened_days_ago=33),
            DemoCase(kind="order", subject="年度合同续订", opened_days_ago=70, closed_days_ago=62),
        ),
    ),
    DemoCustomer(
        customer_id="demo-harbour",
        kind=CustomerKind.ORGANISATION,
        name="Sample Customer Harbour Ltd",
        language="en",
        segment="B",
        tags=("export", "invoice by mail"),
        number=Number(raw="02079460000", e164="+442079460000", national="020 7946 0000", region="GB"),
        email="harbour@example.com",
        notes="Demo data. Prefers English; the office opens at 09:00 London time.",
        calls=(
            DemoCall(
                days_ago=48,
                queue_id="support",
                waited_seconds=40,
                talked_seconds=420,
                agent_id="1004",
                disposition="resolved",
                notes="Label printer set up again.",
            ),
            DemoCall(
                days_ago=19,
                queue_id="sales",
                waited_seconds=11,
                talked_seconds=230,
                agent_id="1002",
                disposition="information",
                notes="Asked for a quotation of 200 units.",
            ),
            DemoCall(
                days_ago=4,
                queue_id="sales",
                waited_seconds=27,
                talked_seconds=150,
                agent_id="1002",
                disposition="follow_up",
                notes="Quotation to be sent again with shipping.",
            ),
        ),
        cases=(DemoCase(kind="order", subject="Quotation for 200 units", opened_days_ago=19),),
    ),
    DemoCustomer(
        customer_id="demo-front-desk",
        kind=CustomerKind.ORGANISATION,
        name="示例客户 云杉大厦前台",
        language="zh",
        segment="C",
        tags=("共用号码",),
        number=_SHARED,
        calls=(
            DemoCall(
                days_ago=12,
                queue_id="operator",
                waited_seconds=5,
                talked_seconds=70,
                agent_id="1010",
                disposition="resolved",
                notes="转告快递到达时间。",
            ),
        ),
    ),
    DemoCustomer(
        customer_id="demo-accounts",
        kind=CustomerKind.ORGANISATION,
        name="Sample Customer Spruce Tower Accounts",
        language="en",
        segment="B",
        tags=("shared number",),
        number=_SHARED,
        calls=(
            DemoCall(
                days_ago=9,
                queue_id="sales",
                waited_seconds=16,
                talked_seconds=200,
                agent_id="1006",
                disposition="sale",
                notes="Ordered 40 units.",
            ),
        ),
        cases=(DemoCase(kind="question", subject="Which address goes on the invoice?", opened_days_ago=9),),
    ),
)


async def load_demo_customers(connection: AsyncConnection, now: datetime) -> frozenset[str]:
    """Put in the customers that are not there, each with its history and cases; gives back whom."""
    known = frozenset((await connection.execute(select(tables.customers.c.customer_id))).scalars())
    for customer in CUSTOMERS:
        if customer.customer_id not in known:
            await _load(connection, customer, now)
    return frozenset(customer.customer_id for customer in CUSTOMERS) - known


async def _load(connection: AsyncConnection, customer: DemoCustomer, now: datetime) -> None:
    first_seen = now - timedelta(days=90)
    row = {
        "customer_id": customer.customer_id,
        "kind": customer.kind,
        "name": customer.name,
        "language": customer.language,
        "segment": customer.segment,
        "tags": customer.tags,
        "notes": customer.notes,
        "created_at": first_seen,
        "updated_at": first_seen,
    }
    await connection.execute(insert(tables.customers), [row])
    points = [ContactPoint(kind=ContactPointKind.PHONE, value=customer.number.e164 or customer.number.raw)]
    if customer.email is not None:
        points.append(ContactPoint(kind=ContactPointKind.EMAIL, value=customer.email))
    await connection.execute(
        insert(tables.contact_points),
        [
            {
                "customer_id": customer.customer_id,
                "position": position,
                "kind": point.kind,
                "value": point.value,
                "label": point.label,
            }
            for position, point in enumerate(points)
        ],
    )
    terms = customer_terms(customer.name, points)
    await connection.execute(
        insert(crm_tables.customer_terms),
        [{"term": term, "customer_id": customer.customer_id} for term in sorted(terms)],
    )
    for index, case in enumerate(customer.cases):
        closed = None if case.closed_days_ago is None else now - timedelta(days=case.closed_days_ago)
        case_row = {
            "case_id": f"{customer.customer_id}-case-{index + 1}",
            "customer_id": customer.customer_id,
            "kind": case.kind,
            "subject": case.subject,
            "state": "open" if closed is None else "closed",
            "opened_at": now - timedelta(days=case.opened_days_ago),
            "closed_at": closed,
        }
        await connection.execute(insert(tables.cases), [case_row])
    for index, call in enumerate(customer.calls):
        history = _history(customer, call, f"{customer.customer_id}-call-{index + 1}", now)
        await store_entries(connection, [make_entry(history, [_fold(history)], [])])


def _fold(history: list[ev.InteractionEvent]) -> Interaction:
    arrived = history[0]
    if not isinstance(arrived, ev.InteractionArrived):
        raise TypeError("a history begins with an arrival")
    record = begin(arrived)
    for event in history[1:]:
        record = apply(record, event)
    return record


def _history(customer: DemoCustomer, call: DemoCall, name: str, now: datetime) -> list[ev.InteractionEvent]:
    """The events of a call as the server would have written them."""
    interaction_id = InteractionId(name)
    customer_id = CustomerId(customer.customer_id)
    queue_id = QueueId(call.queue_id)
    arrived = now - timedelta(days=call.days_ago)
    queued = arrived + timedelta(seconds=9)
    waited = queued + timedelta(seconds=call.waited_seconds)
    key, label = _KEYS[call.queue_id]
    history: list[ev.InteractionEvent] = [
        ev.InteractionArrived(
            interaction_id=interaction_id, at=arrived, channel="", ani=customer.number, dnis="4000", trunk="demo"
        ),
        ev.CustomerMatched(
            interaction_id=interaction_id, at=arrived, customer_ids=(customer_id,), customer_id=customer_id
        ),
        ev.FlowStarted(interaction_id=interaction_id, at=arrived, flow="main", flow_version="demo"),
        ev.LanguageChosen(interaction_id=interaction_id, at=arrived, language=customer.language),
        ev.MenuChosen(interaction_id=interaction_id, at=queued, node="main", key=key, label=label),
        ev.InteractionQueued(
            interaction_id=interaction_id, at=queued, queue_id=queue_id, entered_at=queued, priority=0
        ),
    ]
    if call.agent_id is None:
        history.append(
            ev.InteractionEnded(
                interaction_id=interaction_id,
                at=waited,
                outcome=ev.Outcome.ABANDONED_IN_QUEUE,
                side=ev.Side.CALLER,
                cause=16,
            )
        )
        return history
    offer_id = OfferId(f"{name}-offer-1")
    agent_id = AgentId(call.agent_id)
    offered = waited - timedelta(seconds=2)
    ended = waited + timedelta(seconds=call.talked_seconds)
    history += [
        ev.OfferMade(
            interaction_id=interaction_id,
            at=offered,
            offer=Offer(
                offer_id=offer_id,
                interaction_id=interaction_id,
                agent_id=agent_id,
                queue_id=queue_id,
                made_at=offered,
                reason=OfferReason(
                    text=Label(zh="最久空闲的坐席", en="longest idle"),
                    parts=(ReasonPart(name="rule", value="longest_idle"),),
                ),
            ),
        ),
        ev.OfferEnded(
            interaction_id=interaction_id,
            at=waited,
            offer_id=offer_id,
            agent_id=agent_id,
            outcome=OfferOutcome.ANSWERED,
        ),
        ev.InteractionConnected(
            interaction_id=interaction_id, at=waited, agent_id=agent_id, offer_id=offer_id, queue_id=queue_id
        ),
        ev.TalkEnded(
            interaction_id=interaction_id, at=ended, agent_id=agent_id, offer_id=offer_id, side=ev.Side.CALLER
        ),
        ev.InteractionEnded(
            interaction_id=interaction_id, at=ended, outcome=ev.Outcome.ANSWERED, side=ev.Side.CALLER, cause=16
        ),
        ev.InteractionAnnotated(
            interaction_id=interaction_id,
            at=ended + timedelta(seconds=20),
            by=call.agent_id,
            disposition=call.disposition,
            notes=call.notes,
        ),
    ]
    return history


_KEYS = {
    "sales": ("1", Label(zh="销售", en="Sales")),
    "support": ("2", Label(zh="技术支持", en="Support")),
    "operator": ("0", Label(zh="总机", en="Operator")),
}
