"""Products, and the lists that sales are told with: states of orders, stages of opportunities, reasons of closing."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import Depends
from pydantic import Field, StringConstraints
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.domain.cases import CaseCode, CodeList
from callcenter.domain.labels import Label
from callcenter.domain.money import Money
from callcenter.domain.sales import Product
from callcenter.web.access import Principal, Require
from callcenter.web.customer_lists import Administrator, CaseCodeBody, CaseCodeList, LabelBody, PathCode
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body

router = api_router()

_READ = [Depends(Require(Action.READ_CUSTOMER_LISTS))]
Amount = Annotated[Decimal, Field(max_digits=14, decimal_places=4)]
"""Up to ten billion, exact; as a text ("12.50") it passes no float on its way."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class MoneyBody(Body):
    """An amount and its currency, by ISO 4217."""

    amount: Amount
    currency: Currency

    def money(self) -> Money:
        """As the domain has it."""
        return Money(amount=self.amount, currency=self.currency)


class ProductBody(Body):
    """A product; one that is not `active` is put on no new order."""

    label: LabelBody
    unit_price: MoneyBody
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductList:
    """All products, by their codes."""

    items: tuple[Product, ...]


@router.get("/products", response_model=ProductList, dependencies=_READ)
async def list_products(deps: Deps) -> Response:
    """What is sold, and what was."""
    return document(ProductList(items=await deps.relations.products.products()))


@router.put("/products/{code}", response_model=Product)
async def put_product(
    code: PathCode, body: ProductBody, principal: Administrator, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Make or change a product, of the version in If-Match if there is one."""
    product = Product(
        code=code,
        label=Label(zh=body.label.zh, en=body.label.en),
        unit_price=body.unit_price.money(),
        active=body.active,
    )
    made = await deps.relations.products.put_product(
        product, at=deps.clock.now(), by=principal.user.name, expected_version=expected_version(if_match)
    )
    return versioned(made, made.version)


@router.get("/order-states", response_model=CaseCodeList, dependencies=_READ)
async def list_order_states(deps: Deps) -> Response:
    """How an order may stand, retired states too."""
    return document(CaseCodeList(items=await deps.relations.lists.codes(CodeList.ORDER_STATES)))


@router.put("/order-states/{code}", response_model=CaseCode)
async def put_order_state(code: PathCode, body: CaseCodeBody, principal: Administrator, deps: Deps) -> Response:
    """Add a state at the end, or change it; what the self-service calls it is in the flow's `words`."""
    return await _put(CodeList.ORDER_STATES, code, body, principal, deps)


@router.get("/opportunity-stages", response_model=CaseCodeList, dependencies=_READ)
async def list_opportunity_stages(deps: Deps) -> Response:
    """The stages of opportunities in their order, retired ones too."""
    return document(CaseCodeList(items=await deps.relations.lists.codes(CodeList.OPPORTUNITY_STAGES)))


@router.put("/opportunity-stages/{code}", response_model=CaseCode)
async def put_opportunity_stage(code: PathCode, body: CaseCodeBody, principal: Administrator, deps: Deps) -> Response:
    """Add a stage at the end, or change it."""
    return await _put(CodeList.OPPORTUNITY_STAGES, code, body, principal, deps)


@router.get("/closing-reasons", response_model=CaseCodeList, dependencies=_READ)
async def list_closing_reasons(deps: Deps) -> Response:
    """Why opportunities are won and lost, retired reasons too."""
    return document(CaseCodeList(items=await deps.relations.lists.codes(CodeList.CLOSING_REASONS)))


@router.put("/closing-reasons/{code}", response_model=CaseCode)
async def put_closing_reason(code: PathCode, body: CaseCodeBody, principal: Administrator, deps: Deps) -> Response:
    """Add a reason at the end, or change it."""
    return await _put(CodeList.CLOSING_REASONS, code, body, principal, deps)


async def _put(of: CodeList, code: str, body: CaseCodeBody, principal: Principal, deps: Deps) -> Response:
    entry = CaseCode(code=code, label=Label(zh=body.label.zh, en=body.label.en), retired=body.retired)
    await deps.relations.lists.put_code(of, entry, at=deps.clock.now(), by=principal.user.name)
    return document(entry)
