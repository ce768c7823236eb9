"""Exports: the customers and orders of a list as the rows of a table, page by page, so that none is held whole."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from callcenter.app.customer_book import CustomerBook, CustomerFilters, CustomerSearch
from callcenter.app.sales_book import OrderBook, OrderFilters
from callcenter.crm.custom_fields import CustomField
from callcenter.crm.import_columns import fields_of, header_of
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_rows import cells_of
from callcenter.domain.cases import CaseCode
from callcenter.domain.customers import Customer
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.sales import Order

PAGE = 500
ORDER_FIELDS = (
    "order_number",
    "customer_number",
    "external_id",
    "product",
    "text",
    "quantity",
    "placed_on",
    "due_on",
    "amount",
    "currency",
    "state",
    "note",
    "record_id",
)
Told = str | Decimal | date
Table = Sequence[Sequence[Told]]
"""Amounts and days as what they are, so that a workbook can add them up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIds:
    """What customers are called: their numbers, the oldest first, and their ids in one other system."""

    numbers: Mapping[CustomerId, tuple[str, ...]]
    external_ids: Mapping[CustomerId, str]


class ExportedIds(Protocol):
    """Who knows what customers are called."""

    async def ids_of(self, customers: Sequence[CustomerId], source: str) -> KnownIds:
        """Of these customers, and of those who were merged into them."""
        ...


async def customer_pages(
    *,
    search: CustomerSearch,
    ids: ExportedIds,
    book: CustomerBook,
    text: str,
    filters: CustomerFilters,
    source: str,
    guesses_numbers: bool = True,
    language: str | None = None,
) -> AsyncIterator[Table]:
    """The header, then the customers of a list, some at a time; in a language, or in the words of the API."""
    custom: tuple[CustomField, ...] = tuple(await book.custom_fields())
    fields = fields_of(RecordKind.CUSTOMERS, custom)
    yield [list(header_of(RecordKind.CUSTOMERS, fields, language, custom))]
    after: str | None = None
    while True:
        page = await search.search(text, filters, limit=PAGE, after=after, guesses_numbers=guesses_numbers)
        known = await ids.ids_of([one.customer_id for one in page.items], source)
        yield [_customer_cells(one, fields, known, language) for one in page.items]
        after = page.next_after
        if after is None:
            return


def _customer_cells(customer: Customer, fields: Sequence[str], known: KnownIds, language: str | None) -> list[str]:
    return cells_of(
        customer,
        fields,
        numbers=known.numbers.get(customer.customer_id, ()),
        external_id=known.external_ids.get(customer.customer_id, ""),
        language=language,
    )


async def order_pages(
    *,
    orders: OrderBook,
    ids: ExportedIds,
    filters: OrderFilters,
    source: str,
    language: str | None = None,
    states: Sequence[CaseCode] = (),
) -> AsyncIterator[Table]:
    """The header, then the orders of a list: a row each line, with all that is the order's own in each of them; in a
    language, with the states as they are called in it, or in the words of the API."""
    yield [list(header_of(RecordKind.ORDERS, ORDER_FIELDS, language))]
    called = _called(states, language)
    before: OrderId | None = None
    while True:
        page = await orders.orders(filters, limit=PAGE, before=before)
        known = await ids.ids_of(list({one.customer_id for one in page}), source)
        yield [cells for one in page for cells in _order_rows(one, known, called)]
        if len(page) < PAGE:
            return
        before = page[-1].order_id


def _called(states: Sequence[CaseCode], language: str | None) -> dict[str, str]:
    """What states are called that can be told from each other by that."""
    words = [one.label.zh if language == "zh" else one.label.en for one in states if not one.retired]
    listed = zip([one.code for one in states if not one.retired], words, strict=True)
    return {code: word for code, word in listed if word and words.count(word) == 1} if language else {}


def _order_rows(order: Order, known: KnownIds, called: Mapping[str, str]) -> list[list[Told]]:
    """An order without lines is one row with its total."""
    numbers = known.numbers.get(order.customer_id, ())
    whose: list[Told] = [order.number, numbers[0] if numbers else "", known.external_ids.get(order.customer_id, "")]
    common: list[Told] = [order.total.currency, called.get(order.state, order.state), order.note, order.customer_id]
    lines: list[list[Told]] = [[one.product or "", one.text, one.quantity, one.amount] for one in order.lines]
    return [
        [*whose, *what, order.placed_on, order.due_on, amount, *common]
        for *what, amount in lines or [["", "", "", order.total.amount]]
    ]
