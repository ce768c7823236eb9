"""Customers: finding, making and changing them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import ContactPoint, ContactPointKind, Customer, CustomerKind
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.contact_points import normal_point, normal_value
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Language, Name, Notes, PathId, Short

router = api_router()

MOST_ENTRIES = 50


class ContactPointBody(Body):
    """A number in any notation, or a mail address."""

    kind: ContactPointKind
    value: Annotated[Name, Field(max_length=254)]
    label: Short = ""


ContactPoints = Annotated[tuple[ContactPointBody, ...], Field(max_length=MOST_ENTRIES)]
Tags = Annotated[tuple[Annotated[Short, Field(min_length=1)], ...], Field(max_length=MOST_ENTRIES)]
Segment = Literal["A", "B", "C"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerList:
    """Some customers."""

    items: tuple[Customer, ...]


@router.get("/customers/{customer_id}", response_model=Customer, dependencies=[Depends(Require(Action.READ_CUSTOMER))])
async def read_customer(customer_id: PathId, deps: Deps) -> Response:
    """One customer."""
    return document(await _find(deps, CustomerId(customer_id)))


@router.get("/customers", response_model=CustomerList, dependencies=[Depends(Require(Action.READ_CUSTOMER))])
async def find_customers(
    contact_point: Annotated[Name, Query(max_length=254)],
    deps: Deps,
) -> Response:
    """Everyone who has this number, in any notation, or this mail address."""
    cards = await deps.customers.cards_by_contact_point(normal_value(contact_point, deps.default_region))
    return document(CustomerList(items=tuple(card.customer for card in cards)))


@router.post("/customers", status_code=201, response_model=Customer)
async def create_customer(
    body: CustomerBody, principal: Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))], deps: Deps
) -> Response:
    """Make a customer; when he has the number of the agent's nameless caller, that caller is he."""
    points = _points(body.contact_points, deps.default_region)
    data = CustomerInput(
        kind=body.kind,
        name=body.name,
        language=body.language,
        segment=body.segment,
        account_manager_id=None if body.account_manager_id is None else AgentId(body.account_manager_id),
        tags=tuple(dict.fromkeys(body.tags)),
        contact_points=points,
        notes=body.notes,
    )
    customer = await deps.customers.create(deps.new_customer_id(), data, at=deps.clock.now(), by=principal.user.name)
    await _name_caller(deps, principal, customer)
    return document(customer, 201)


@router.patch("/customers/{customer_id}", response_model=Customer)
async def change_customer(
    customer_id: PathId,
    body: CustomerChange,
    principal: Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))],
    deps: Deps,
) -> Response:
    """Change parts of a customer; the pops that show him follow."""
    known = await _find(deps, CustomerId(customer_id))
    given = body.model_fields_set
    for name in given - {"language", "segment", "account_manager_id"}:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    data = CustomerInput(
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
            known.contact_points if body.contact_points is None else _points(body.contact_points, deps.default_region)
        ),
        notes=known.notes if body.notes is None else body.notes,
    )
    customer = await deps.customers.update(known.customer_id, data, at=deps.clock.now(), by=principal.user.name)
    await deps.desk.customer_changed(customer.customer_id)
    return document(customer)


async def _find(deps: WebDependencies, customer_id: CustomerId) -> Customer:
    customer = await deps.customers.customer(customer_id)
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    return customer


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
