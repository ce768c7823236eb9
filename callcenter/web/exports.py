"""Exports over REST: the customers and orders of a list as CSV or XLSX, as an import takes them."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response, StreamingResponse

from callcenter.app.customer_book import CustomerFilters
from callcenter.app.customer_export import customer_pages, order_pages
from callcenter.app.permissions import Action
from callcenter.app.sales_book import OrderFilters
from callcenter.domain.cases import CodeList
from callcenter.domain.customers import CustomerKind
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.customers import Segment
from callcenter.web.dependencies import Deps
from callcenter.web.flows import Spoken
from callcenter.web.orders import Day
from callcenter.web.routing import api_router
from callcenter.web.tables_out import ANY_TABLE, Encoding, Format, Listing, table_out
from callcenter.web.text import Code, Language, QueryId, Short

router = api_router()

Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]
Source = Annotated[Short, Query(min_length=1, max_length=50)]


@router.get("/exports/customers", response_class=StreamingResponse, responses=ANY_TABLE)
async def export_customers(
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - the word people use.
    encoding: Encoding = "utf-8",
    source: Source = "import",
    header: Spoken | None = None,
    search: Annotated[Short, Query()] = "",
    kind: CustomerKind | None = None,
    segment: Segment | None = None,
    language: Language | None = None,
    account_manager_id: QueryId = None,
    tag: Annotated[Short | None, Query(min_length=1)] = None,
) -> Response:
    """The customers of a list with all that an import takes; `source` says of which system the ids are, `header` in
    which language the columns are called, else they are called as here."""
    filters = CustomerFilters(
        kind=kind,
        segment=segment,
        language=language,
        account_manager_id=None if account_manager_id is None else AgentId(account_manager_id),
        tag=tag,
    )
    relations = deps.relations
    pages = customer_pages(
        search=relations.search,
        ids=relations.ids,
        book=relations.book,
        text=search,
        filters=filters,
        source=source,
        guesses_numbers=deps.privacy.sight.sees_numbers(principal.user.role),
        language=header,
    )
    listing = Listing(chosen={"search": search, **asdict(filters)})
    return await table_out(
        pages, "customers", format, principal, deps, listing=listing, encoding=encoding, action="customers_exported"
    )


@router.get("/exports/orders", response_class=StreamingResponse, responses=ANY_TABLE)
async def export_orders(
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - as above.
    encoding: Encoding = "utf-8",
    source: Source = "import",
    header: Spoken | None = None,
    customer_id: QueryId = None,
    number: Annotated[Code | None, Query()] = None,
    state: Annotated[Code | None, Query()] = None,
    product: Annotated[Code | None, Query()] = None,
    placed_from: Annotated[Day | None, Query()] = None,
    placed_to: Annotated[Day | None, Query()] = None,
) -> Response:
    """The orders of a list, a row each line; `source` and `header` as of customers."""
    filters = OrderFilters(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        number=number,
        state=state,
        product=product,
        placed_from=placed_from,
        placed_to=placed_to,
    )
    relations = deps.relations
    states = await relations.lists.codes(CodeList.ORDER_STATES)
    pages = order_pages(
        orders=relations.orders, ids=relations.ids, filters=filters, source=source, language=header, states=states
    )
    listing = Listing(chosen=asdict(filters), customer_id=filters.customer_id)
    return await table_out(
        pages, "orders", format, principal, deps, listing=listing, encoding=encoding, action="orders_exported"
    )
