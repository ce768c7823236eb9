"""A row of a file as what it says of a customer or an order, or the reasons why it cannot be taken.

Laws: an empty cell says nothing and changes nothing; tags, contact points and consents of a file are added, never taken
away; the same row again changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from callcenter.crm import import_values as values
from callcenter.crm.custom_fields import CustomField
from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_fields import CONSENT, CUSTOM
from callcenter.crm.import_reasons import FaultCode, RowFault, Told
from callcenter.crm.import_values import BadCell, PointReader
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
from callcenter.domain.ids import AgentId, CustomerId

SHOWN_VALUE = 80
IMPORTED = "import"
"""The source that consents of files have."""


@dataclass(slots=True, kw_only=True)
class CustomerRow:
    """What a row says of a customer; None and nothing are not said. `key` is what he is recognised by."""

    row: int
    key: str
    name: str | None = None
    kind: CustomerKind | None = None
    language: str | None = None
    segment: str | None = None
    account_manager_id: str | None = None
    tags: tuple[str, ...] = ()
    points: tuple[ContactPoint, ...] = ()
    notes: str | None = None
    consents: dict[Channel, ConsentState] = field(default_factory=dict)
    custom: dict[str, CustomValue] = field(default_factory=dict)
    customer_number: str | None = None
    external_id: str | None = None


@dataclass(slots=True, kw_only=True)
class OrderRow:
    """What a row says of an order, and by what its customer is recognised.

    `others` are the further rows of an order with several lines; then the amount of each is that of its line. `total`
    is the whole order's, the same in each row.
    """

    row: int
    key: str
    """The customer's."""
    number: str
    placed_on: date
    amount: Decimal
    total: Decimal | None = None
    due_on: date | None = None
    product: str | None = None
    text: str = ""
    quantity: Decimal = Decimal(1)
    currency: str | None = None
    state: str | None = None
    note: str | None = None
    others: "tuple[OrderRow, ...]" = ()


Said = dict[str, object]
_Read = Callable[[str], object]


class RowReader:
    """Reads rows by a mapping that was checked; `plain` takes away what an export puts before formulas."""

    def __init__(
        self,
        header: Sequence[str],
        mapping: ColumnMapping,
        *,
        region: str,
        plain: Callable[[str], str],
        custom: Sequence[CustomField] = (),
        orders: bool = False,
    ) -> None:
        self._key = mapping.key or ""
        self._plain = plain
        readers = _order_readers(region) if orders else _customer_readers(region, custom)
        self._columns = [
            (at, header[at], name, readers[name], _adds(name))
            for at, name in enumerate(mapping.columns)
            if name is not None
        ]
        self._key_column = next((cell for _, cell, name, _, _ in self._columns if name == self._key), self._key)

    def customer(self, row: int, cells: Sequence[str]) -> CustomerRow | list[RowFault]:
        """The row, or everything that is wrong with it."""
        said, faults = self._read(row, cells)
        key = self._key_of(said)
        if not key and not faults:
            faults.append(self.fault(row, "", FaultCode.KEY_EMPTY))
        said.pop("record_id", None)
        points = cast(tuple[ContactPoint, ...], said.pop("points", ()))
        if len(points) > 1:
            points = tuple(dict.fromkeys(points))
        if len(points) > values.MOST_ENTRIES:
            about: dict[str, Told] = {"count": len(points), "most": values.MOST_ENTRIES}
            faults.append(self.fault(row, "", FaultCode.TOO_MANY, about))
        if faults:
            return faults
        return CustomerRow(row=row, key=key, points=points, **said)  # type: ignore[arg-type]

    def order(self, row: int, cells: Sequence[str]) -> OrderRow | list[RowFault]:
        """The row, or everything that is wrong with it."""
        said, faults = self._read(row, cells)
        for name in ("order_number", "placed_on", "amount" if self.has_amounts else "total"):
            column = self.header_of(name)
            if name not in said and not any(one.column == column for one in faults):
                faults.append(RowFault(row=row, column=column, value="", code=FaultCode.EMPTY))
        key = self._key_of(said)
        if not key and not faults:
            faults.append(self.fault(row, "", FaultCode.KEY_EMPTY))
        if faults:
            return faults
        for name in ("customer_number", "external_id", "record_id", "points"):
            said.pop(name, None)
        said["number"] = said.pop("order_number")
        said.setdefault("amount", said.get("total"))
        return OrderRow(row=row, key=key, **said)  # type: ignore[arg-type]

    @property
    def has_amounts(self) -> bool:
        """Whether each row of an order tells its own amount, or all of them the order's."""
        return any(name == "amount" for _, _, name, _, _ in self._columns)

    def fault(self, row: int, value: str, code: FaultCode, about: dict[str, Told] | None = None) -> RowFault:
        """A reason that is about what the customer is recognised by."""
        return RowFault(row=row, column=self._key_column, value=value[:SHOWN_VALUE], code=code, about=about or {})

    def order_number(self, cells: Sequence[str]) -> str:
        """The number of the order a row is about, "" where there is none: rows of one number are told apart by it."""
        at = next((at for at, _, name, _, _ in self._columns if name == "order_number"), len(cells))
        return self._plain(cells[at]).strip() if at < len(cells) else ""

    def order_fault(
        self, row: int, code: FaultCode, about: dict[str, Told], *, name: str = "order_number", value: str = ""
    ) -> RowFault:
        """A reason that is about the order as a whole, or about one of its fields."""
        return RowFault(row=row, column=self.header_of(name), value=value[:SHOWN_VALUE], code=code, about=about)

    def header_of(self, name: str) -> str:
        """What the file calls a field; the field's own name where it has no column."""
        return next((cell for _, cell, field_name, _, _ in self._columns if field_name == name), name)

    def _read(self, row: int, cells: Sequence[str]) -> tuple[Said, list[RowFault]]:
        said: Said = {}
        faults: list[RowFault] = []
        count = len(cells)
        for at, header, name, read, adds in self._columns:
            if at >= count:
                continue
            cell = cells[at]
            if not cell or cell.isspace():
                continue
            if cell[0] == "'":
                cell = self._plain(cell)
            try:
                value = read(cell)
                if adds is None:
                    said[name] = value
                else:
                    adds(said, name, value)
            except BadCell as bad:
                shown = cell if len(cell) <= SHOWN_VALUE else cell[:SHOWN_VALUE] + "…"
                faults.append(RowFault(row=row, column=header, value=shown, code=bad.code, about=bad.about))
        return said, faults

    def _key_of(self, said: Said) -> str:
        if self._key in ("phone", "email"):
            kind = ContactPointKind(self._key)
            points = cast(tuple[ContactPoint, ...], said.get("points", ()))
            return next((point.value for point in points if point.kind is kind), "")
        return cast(str, said.get(self._key, ""))


def _adds(name: str) -> Callable[[Said, str, object], None] | None:
    """How what a cell says comes beside what the row says already; None: under its own name, alone."""
    if name in _POINT_FIELDS:
        return lambda said, _, value: _add(said, "points", value)
    if name == "tags":
        return _add
    if name.startswith(CONSENT):
        channel = Channel(name[len(CONSENT) :])
        return lambda said, _, value: cast(dict[Channel, object], said.setdefault("consents", {})).__setitem__(
            channel, value
        )
    if name.startswith(CUSTOM):
        field_id = name[len(CUSTOM) :]
        return lambda said, _, value: cast(dict[str, object], said.setdefault("custom", {})).__setitem__(
            field_id, value
        )
    if name == "account_manager":
        return lambda said, _, value: said.__setitem__("account_manager_id", value)
    return None


def _add(said: Said, name: str, value: object) -> None:
    known = said.get(name)
    said[name] = value if known is None else (*cast(tuple[object, ...], known), *cast(tuple[object, ...], value))


_POINT_FIELDS = {kind.value: kind for kind in ContactPointKind}


def _customer_readers(region: str, custom: Sequence[CustomField]) -> dict[str, _Read]:
    readers: dict[str, _Read] = {
        "customer_number": values.customer_number,
        "external_id": values.identity,
        "name": values.name,
        "kind": values.kind,
        "language": values.language,
        "segment": values.segment,
        "account_manager": values.agent_id,
        "tags": values.tags,
        "notes": values.notes,
        "record_id": values.identity,
    }
    readers |= {name: PointReader(kind, region) for name, kind in _POINT_FIELDS.items()}
    readers |= {f"{CONSENT}{channel}": values.consent for channel in Channel}
    readers |= {f"{CUSTOM}{one.field_id}": values.custom_reader(one) for one in custom}
    return readers


def _order_readers(region: str) -> dict[str, _Read]:
    readers: dict[str, _Read] = {
        "order_number": values.code,
        "customer_number": values.customer_number,
        "external_id": values.identity,
        "product": values.line,
        "text": values.line,
        "quantity": values.amount,
        "placed_on": values.day,
        "due_on": values.day,
        "amount": values.amount,
        "total": values.amount,
        "currency": values.currency,
        "state": values.line,
        "note": values.notes,
        "record_id": values.identity,
    }
    return readers | {name: PointReader(_POINT_FIELDS[name], region) for name in ("phone", "email")}


def new_customer(said: CustomerRow, customer_id: CustomerId, *, at: datetime, by: str) -> Customer:
    """A customer of whom nobody knew; his row must have a name."""
    return Customer(
        customer_id=customer_id,
        kind=said.kind or CustomerKind.PERSON,
        name=said.name or "",
        language=said.language,
        segment=said.segment,
        account_manager_id=None if said.account_manager_id is None else AgentId(said.account_manager_id),
        tags=tuple(dict.fromkeys(said.tags)),
        contact_points=said.points
        if len(said.points) < 2
        else tuple({point.value: point for point in reversed(said.points)}.values())[::-1],
        notes=said.notes or "",
        created_at=at,
        consents=_consents((), said.consents, at=at, by=by),
        custom=dict(said.custom),
    )


def changed_customer(known: Customer, said: CustomerRow, *, at: datetime, by: str) -> Customer:
    """The customer with what the row says; the same object when that is nothing new."""
    changes: Said = {}
    for name in ("name", "kind", "language", "segment", "notes"):
        value = getattr(said, name)
        if value is not None and value != getattr(known, name):
            changes[name] = value
    if said.account_manager_id is not None and said.account_manager_id != known.account_manager_id:
        changes["account_manager_id"] = AgentId(said.account_manager_id)
    new_tags = [tag for tag in dict.fromkeys(said.tags) if tag not in known.tags]
    if new_tags:
        changes["tags"] = (*known.tags, *new_tags)
    there = {point.value for point in known.contact_points}
    new_points = {point.value: point for point in reversed(said.points) if point.value not in there}
    if new_points:
        changes["contact_points"] = (*known.contact_points, *reversed(new_points.values()))
    consents = _consents(known.consents, said.consents, at=at, by=by)
    if consents != known.consents:
        changes["consents"] = consents
    if any(name not in known.custom or known.custom[name] != value for name, value in said.custom.items()):
        changes["custom"] = {**known.custom, **said.custom}
    return replace(known, version=known.version + 1, **changes) if changes else known  # type: ignore[arg-type]


def _consents(
    known: tuple[Consent, ...], said: Mapping[Channel, ConsentState], *, at: datetime, by: str
) -> tuple[Consent, ...]:
    if not said:
        return known
    kept = {one.channel: one for one in known}
    for channel, state in said.items():
        if channel not in kept or kept[channel].state is not state:
            kept[channel] = Consent(channel=channel, state=state, at=at, by=by, source=IMPORTED)
    return tuple(kept.values())


# ---- the way back


def cells_of(
    customer: Customer,
    fields: Sequence[str],
    *,
    numbers: Sequence[str] = (),
    external_id: str = "",
    language: str | None = None,
) -> list[str]:
    """The cells of a customer, such that reading them again says the same of him; kinds and consents in Chinese, or in
    the words of the API."""
    cells = [_cell(customer, name, numbers, external_id) for name in fields]
    if language != "zh":
        return cells
    return [_CHINESE.get(cell, cell) if _has_words(name) else cell for name, cell in zip(fields, cells, strict=True)]


def _has_words(name: str) -> bool:
    return name == "kind" or name.startswith(CONSENT)


_CHINESE: Mapping[str, str] = {
    CustomerKind.PERSON: "个人",
    CustomerKind.ORGANISATION: "公司",
    ConsentState.GRANTED: "同意",
    ConsentState.REFUSED: "拒绝",
    ConsentState.DO_NOT_CONTACT: "勿扰",
}


def _cell(customer: Customer, name: str, numbers: Sequence[str], external_id: str) -> str:
    if name == "customer_number":
        return numbers[0] if numbers else ""
    if name == "external_id":
        return external_id
    if name == "record_id":
        return customer.customer_id
    if name == "account_manager":
        return customer.account_manager_id or ""
    if name == "tags":
        return _joined(customer.tags)
    if name in _POINT_FIELDS:
        kind = _POINT_FIELDS[name]
        return _joined([_labelled(point) for point in customer.contact_points if point.kind is kind])
    if name.startswith(CONSENT):
        channel = Channel(name[len(CONSENT) :])
        return next((one.state.value for one in customer.consents if one.channel is channel), "")
    if name.startswith(CUSTOM):
        value = customer.custom.get(name[len(CUSTOM) :], "")
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    return str(getattr(customer, name) or "")


def _labelled(point: ContactPoint) -> str:
    label = point.label.translate({ord("["): "(", ord("]"): ")"})
    return f"{point.value} [{label}]" if label or point.value.endswith("]") else point.value


def _joined(entries: Sequence[str]) -> str:
    """Each on its line; one alone that holds a semicolon has an empty line behind it, so that it is not divided."""
    text = "\n".join(entries)
    return f"{text}\n" if len(entries) == 1 and (";" in text or "；" in text) else text
