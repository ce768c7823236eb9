"""Customer numbers and PINs: the numbers customers know themselves by, and what proves who they are on the telephone.

Law: a PIN comes in and never goes out.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from pydantic import Field, SecretStr, StringConstraints
from starlette.responses import Response

from callcenter.app.customer_numbers import NumberRecord
from callcenter.app.permissions import Action
from callcenter.domain.ids import CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, PathId

router = api_router()

Giver = Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER))]
Keeper = Annotated[Principal, Depends(Require(Action.WRITE_PINS))]
Digits = Annotated[str, StringConstraints(min_length=4, max_length=12, pattern=r"^[0-9]+$")]
PathNumber = Annotated[str, Path(min_length=4, max_length=12, pattern=r"^[0-9]+$")]


class NewNumberBody(Body):
    """The number to give; without one the server makes one."""

    number: Digits | None = None


class ChangedNumberBody(Body):
    """What the number becomes."""

    number: Digits


class PinBody(Body):
    """The new PIN, 4 to 8 digits."""

    pin: Annotated[SecretStr, Field(max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberList:
    """A customer's numbers, the oldest first."""

    items: tuple[NumberRecord, ...]


@router.get(
    "/customers/{customer_id}/numbers",
    response_model=NumberList,
    dependencies=[Depends(Require(Action.READ_CUSTOMER))],
)
async def read_numbers(customer_id: PathId, deps: Deps) -> Response:
    """The customer's numbers, whether they have a PIN, and whether they are locked."""
    return document(NumberList(items=await deps.relations.numbers.numbers_of(CustomerId(customer_id))))


@router.post("/customers/{customer_id}/numbers", status_code=201, response_model=NumberRecord)
async def give_number(customer_id: PathId, body: NewNumberBody, principal: Giver, deps: Deps) -> Response:
    """Give the customer a number, this one or one by chance."""
    made = await deps.relations.numbers.give(
        CustomerId(customer_id), body.number, at=deps.clock.now(), by=principal.user.name
    )
    await deps.desk.customer_changed(made.customer_id)
    return document(made, 201)


@router.patch("/customers/{customer_id}/numbers/{number}", response_model=NumberRecord)
async def change_number(
    customer_id: PathId, number: PathNumber, body: ChangedNumberBody, principal: Keeper, deps: Deps
) -> Response:
    """Make it another number; its PIN stays."""
    changed = await deps.relations.numbers.change(
        CustomerId(customer_id), number, body.number, at=deps.clock.now(), by=principal.user.name
    )
    await deps.desk.customer_changed(changed.customer_id)
    return document(changed)


@router.delete("/customers/{customer_id}/numbers/{number}", status_code=204)
async def take_number_back(customer_id: PathId, number: PathNumber, principal: Keeper, deps: Deps) -> Response:
    """Take the number away, with its PIN."""
    await deps.relations.numbers.take_back(CustomerId(customer_id), number, at=deps.clock.now(), by=principal.user.name)
    await deps.desk.customer_changed(CustomerId(customer_id))
    return no_content()


@router.put("/customers/{customer_id}/numbers/{number}/pin", response_model=NumberRecord)
async def set_pin(customer_id: PathId, number: PathNumber, body: PinBody, principal: Keeper, deps: Deps) -> Response:
    """Set or change the PIN; a lock ends."""
    return await _put_pin(customer_id, number, body.pin.get_secret_value(), principal, deps)


@router.delete("/customers/{customer_id}/numbers/{number}/pin", response_model=NumberRecord)
async def remove_pin(customer_id: PathId, number: PathNumber, principal: Keeper, deps: Deps) -> Response:
    """Remove the PIN: with this number nobody proves who he is any more."""
    return await _put_pin(customer_id, number, None, principal, deps)


@router.delete("/customers/{customer_id}/numbers/{number}/lock", response_model=NumberRecord)
async def unlock_number(customer_id: PathId, number: PathNumber, principal: Keeper, deps: Deps) -> Response:
    """Forget the wrong PINs, for a customer who called and has proved otherwise who he is."""
    unlocked = await deps.relations.numbers.unlock(
        CustomerId(customer_id), number, at=deps.clock.now(), by=principal.user.name
    )
    return document(unlocked)


async def _put_pin(customer_id: str, number: str, pin: str | None, principal: Principal, deps: Deps) -> Response:
    record = await deps.relations.numbers.set_pin(
        CustomerId(customer_id), number, pin, at=deps.clock.now(), by=principal.user.name
    )
    await deps.desk.customer_changed(record.customer_id)
    return document(record)
