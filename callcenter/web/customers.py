"""Customers: finding, making and changing them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from callcenter.app.customer_book import CustomerFilters
from callcenter.app.drawing import draw_customer
from callcenter.app.number_mask import is_masked, mask_number, mask_text
from callcenter.app.permissions import Action
from callcenter.app.ports import CustomerInput
from callcenter.app.views import CustomerView
from callcenter.crm.contact_points import normal_point, normal_value
from callcenter.crm.custom_fields import apply_custom
from callcenter.domain.customers import (
    Channel,
    Consent,
    ConsentState,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerKind,
    CustomValue,
)
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Language, Name, Notes, PathId, QueryId, Short

router = api_router()

MOST_ENTRIES = 50
LARGEST_PAGE = 100


class ContactPointBody(Body):
    """A number in any notation, or a mail address."""

    kind: ContactPointKind
    value: Annotated[Name, Field(max_length=254)]
    label: Short = ""


ContactPoints = Annotated[tuple[ContactPointBody, ...], Field(max_length=MOST_ENTRIES)]
Tags = Annotated[tuple[Annotated[Short, Field(min_length=1)], ...], Field(max_length=MOST_ENTRIES)]
Segment = Literal["A", "B", "C"]
MOST_CUSTOM_FIELDS = 100


class ConsentBody(Body):
    """What the customer said about one channel; when and to whom is noted by the server."""

    channel: Channel
    state: ConsentState
    source: Short = ""


Consents = Annotated[tuple[ConsentBody, ...], Field(max_length=len(Channel))]
CustomChanges = Annotated[dict[Code, bool | float | Notes | None], Field(max_length=MOST_CUSTOM_FIELDS)]
"""Of the business's own fields those that change; null takes a value away."""
ManagerId = Annotated[str, Field(min_length=1, max_length=64)]
"""The id of the agent who looks after the customer."""


class CustomerBody(Body):
    """A new customer."""

    kind: CustomerKind = CustomerKind.PERSON
    name: Name
    language: Language | None = None
    segment: Segment | None = None
    account_manager_id: ManagerId | None = None
    tags: Tags = ()
    contact_points: ContactPoints = ()
    notes: Notes = ""
    consents: Consents = ()
    custom: CustomChanges = Field(default_factory=dict)


class CustomerChange(Body):
    """What changes of a customer; what is left out stays."""

    kind: CustomerKind | None = None
    name: Name | None = None
    language: Language | None = None
    segment: Segment | None = None
    account_manager_id: ManagerId | None = None
    tags: Tags | None = None
    contact_points: ContactPoints | None = None
    notes: Notes | None = None
    consents: Consents | None = None
    custom: CustomChanges | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerList:
    """Some customers; `next_after` asks for those after them, null at the end."""

    items: tuple[Customer, ...]
    next_after: str | None = None


@router.get("/customers/{customer_id}", response_model=Customer, dependencies=[Depends(Require(Action.READ_CUSTOMER))])
async def read_customer(customer_id: PathId, deps: Deps) -> Response:
    """One customer."""
    customer = await find_customer(deps, CustomerId(customer_id))
    return versioned(customer, customer.version)


@router.get(
    "/customers/{customer_id}/card", response_model=CustomerView, dependencies=[Depends(Require(Action.READ_CUSTOMER))]
)
async def read_card(customer_id: PathId, deps: Deps) -> Response:
    """One customer as the pop shows him: with his last contacts, open cases and numbers."""
    card = await deps.customers.card(CustomerId(customer_id))
    if card is None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    return document(draw_customer(card))


@router.get("/customers", response_model=CustomerList)
async def find_customers(
    principal: Annotated[Principal, Depends(Require(Action.READ_CUSTOMER))],
    deps: Deps,
    contact_point: Annotated[Name | None, Query(max_length=254)] = None,
    search: Annotated[Short | None, Query()] = None,
    kind: CustomerKind | None = None,
    segment: Segment | None = None,
    language: Language | None = None,
    account_manager_id: QueryId = None,
    tag: Annotated[Short | None, Query(min_length=1)] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
    after: Annotated[str | None, Query(max_length=1_000, pattern=r"^[!-~]+$")] = None,
) -> Response:
    """Everyone who has exactly this number or address, or those with a part of a name, number or address; paged.

    Without either all customers, by their ids. Who may not see numbers finds a number that he types whole.
    """
    if contact_point is not None:
        if search is not None:
            raise InvalidValue("give contact_point or search, not both")
        cards = await deps.customers.cards_by_contact_point(normal_value(contact_point, deps.default_region))
        return document(CustomerList(items=tuple(card.customer for card in cards)))
    filters = CustomerFilters(
        kind=kind,
        segment=segment,
        language=language,
        account_manager_id=None if account_manager_id is None else AgentId(account_manager_id),
        tag=tag,
    )
    privacy = deps.privacy
    sees_numbers = privacy.sight.sees_numbers(principal.user.role)
    page = await deps.relations.search.search(
        search or "",
        filters,
        limit=limit,
        after=after if sees_numbers else privacy.cursors.find(after),
        guesses_numbers=sees_numbers,
    )
    next_after = page.next_after if sees_numbers else privacy.cursors.hide(page.next_after)
    return document(CustomerList(items=page.items, next_after=next_after))


@router.post("/customers", status_code=201, response_model=Customer)
async def create_customer(
    body: CustomerBody, principal: Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))], deps: Deps
) -> Response:
    """Make a customer; when he has the number of the agent's nameless caller, that caller is he."""
    points = _points(_unmasked(body.contact_points, _of_pop(deps, principal)), deps.default_region)
    now = deps.clock.now()
    data = CustomerInput(
        kind=body.kind,
        name=body.name,
        language=body.language,
        segment=body.segment,
        account_manager_id=None if body.account_manager_id is None else AgentId(body.account_manager_id),
        tags=tuple(dict.fromkeys(body.tags)),
        contact_points=points,
        notes=body.notes,
        consents=_consents((), body.consents, at=now, by=principal.user.name),
        custom=await _custom(deps, {}, body.custom),
    )
    customer = await deps.customers.create(deps.new_customer_id(), data, at=now, by=principal.user.name)
    await _name_caller(deps, principal, customer)
    return versioned(customer, customer.version, 201)


@router.patch("/customers/{customer_id}", response_model=Customer)
async def change_customer(
    customer_id: PathId,
    body: CustomerChange,
    principal: Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))],
    deps: Deps,
    if_match: IfMatch = None,
) -> Response:
    """Change parts of a customer, of the version in If-Match if there is one; the pops that show him follow."""
    for name in body.model_fields_set - {"language", "segment", "account_manager_id"}:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> Customer:
        known = await find_customer(deps, CustomerId(customer_id))
        data = await _changed(deps, known, body, by=principal.user.name)
        return await deps.customers.update(
            CustomerId(customer_id),
            data,
            at=deps.clock.now(),
            by=principal.user.name,
            expected_version=known.version if expected is None else expected,
        )

    customer = await changed(expected, attempt)
    await deps.desk.customer_changed(customer.customer_id)
    return versioned(customer, customer.version)


async def _changed(deps: WebDependencies, known: Customer, body: CustomerChange, *, by: str) -> CustomerInput:
    """The customer as he is to be."""
    given = body.model_fields_set
    return CustomerInput(
        kind=known.kind if body.kind is None else body.kind,
        name=known.name if body.name is None else body.name,
        language=body.language if "language" in given else known.language,
        segment=body.segment if "segment" in given else known.segment,
        account_manager_id=(
            (AgentId(body.account_manager_id) if body.account_manager_id is not None else None)
            if "account_manager_id" in given
            else known.account_manager_id
        ),
        tags=known.tags if body.tags is None else tuple(dict.fromkeys(body.tags)),
        contact_points=(
            known.contact_points
            if body.contact_points is None
            else _points(_unmasked(body.contact_points, known.contact_points), deps.default_region)
        ),
        notes=known.notes if body.notes is None else body.notes,
        consents=_consents(known.consents, body.consents or (), at=deps.clock.now(), by=by),
        custom=await _custom(deps, known.custom, body.custom or {}),
    )


def _consents(
    known: tuple[Consent, ...], changes: tuple[ConsentBody, ...], *, at: datetime, by: str
) -> tuple[Consent, ...]:
    """What is known with what was said now; the same again keeps the time and place of the first."""
    by_channel = {consent.channel: consent for consent in known}
    for change in changes:
        old = by_channel.get(change.channel)
        if old is None or old.state is not change.state:
            by_channel[change.channel] = Consent(
                channel=change.channel, state=change.state, at=at, by=by, source=change.source
            )
    return tuple(by_channel.values())


async def _custom(
    deps: WebDependencies, known: Mapping[str, CustomValue], changes: Mapping[str, CustomValue | None]
) -> Mapping[str, CustomValue]:
    if not changes:
        return known
    definitions = {definition.field_id: definition for definition in await deps.relations.book.custom_fields()}
    return apply_custom(known, changes, definitions)


async def find_customer(deps: WebDependencies, customer_id: CustomerId) -> Customer:
    """The customer, or whom he was merged into; raises `NotFound`."""
    customer = await deps.customers.customer(customer_id)
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    return customer


def _of_pop(deps: WebDependencies, principal: Principal) -> tuple[ContactPoint, ...]:
    """The number of whom the agent is talking to, which he may have been shown masked."""
    agent_id = principal.user.agent_id
    pop = None if agent_id is None else deps.desk.pop(agent_id)
    if pop is None or pop.ani.e164 is None:
        return ()
    return (ContactPoint(kind=ContactPointKind.PHONE, value=pop.ani.e164),)


def _unmasked(points: tuple[ContactPointBody, ...], known: tuple[ContactPoint, ...]) -> tuple[ContactPointBody, ...]:
    """What was sent back as it was shown is what it stands for: who may not see a number does not change it."""
    found = []
    rest = list(known)
    for point in points:
        meant = next((one for one in rest if point.value in (mask_number(one.value), mask_text(one.value))), None)
        if is_masked(point.value):
            if meant is None:
                raise InvalidValue(
                    "contact_points: a masked number is none that this customer has", code="masked_number"
                )
            rest.remove(meant)
            found.append(point.model_copy(update={"value": meant.value}))
        else:
            found.append(point)
    return tuple(found)


def _points(points: tuple[ContactPointBody, ...], region: str) -> tuple[ContactPoint, ...]:
    """In stored form, each number or address once."""
    by_value: dict[tuple[ContactPointKind, str], ContactPoint] = {}
    for entry in points:
        point = normal_point(ContactPoint(kind=entry.kind, value=entry.value, label=entry.label), region)
        by_value.setdefault((point.kind, point.value), point)
    return tuple(by_value.values())


async def _name_caller(deps: WebDependencies, principal: Principal, customer: Customer) -> None:
    agent_id = principal.user.agent_id
    pop = None if agent_id is None else deps.desk.pop(agent_id)
    if pop is None or pop.customer_id is not None or pop.ani.e164 is None:
        return
    if any(point.value == pop.ani.e164 for point in customer.contact_points):
        await deps.desk.annotate(
            pop.interaction_id,
            by=principal.user.name,
            disposition=None,
            notes=None,
            customer_id=customer.customer_id,
        )
