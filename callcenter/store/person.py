"""Everything the store holds of one person: who he is, and in which rows of which tables he stands.

Law: `HOLDINGS` and `NO_PERSON` name every table there is; a table that is in neither fails the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Table, cast, or_, select
from sqlalchemy.types import Text

from callcenter.app.blanking import texts_in
from callcenter.crm.numbers import notations, significant_digits
from callcenter.domain.customers import ContactPointKind
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import CustomerId
from callcenter.store import (
    agreed_tables,
    alert_tables,
    best_offer_tables,
    crm_tables,
    import_tables,
    privacy_tables,
    sales_tables,
    survey_tables,
    tables,
    value_tables,
)

IDS_A_QUERY = 500
SHORTEST_WORD = 2
SHORTEST_LATIN_WORD = 5
"""A shorter word of Latin letters or digits stands in too much that is not his."""


class Fate(StrEnum):
    """What becomes of a row when its person is erased."""

    DELETED = "deleted"
    BLANKED = "blanked"
    """The row stays, and so does every figure; what is the person is taken out."""
    KEPT = "kept"
    """Nothing of the person is in it but ids that lead nowhere any more."""


class Of(StrEnum):
    """By which ids a table's rows are found."""

    CUSTOMER = "customer"
    INTERACTION = "interaction"
    CASE = "case"
    TASK = "task"
    ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One column of one table that leads to the person."""

    table: Table
    column: str
    of: Of
    fate: Fate
    blanks: Mapping[str, object] = field(default_factory=dict)
    """What the columns become; interactions and events have functions of their own (erasures.py)."""
    hidden: frozenset[str] = frozenset()
    """Columns that are not given out in an export: hashes of secrets, and what shows somebody else."""


HOLDINGS: Sequence[Holding] = (
    Holding(table=tables.customers, column="customer_id", of=Of.CUSTOMER, fate=Fate.BLANKED),
    Holding(table=tables.contact_points, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.customer_terms, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=import_tables.external_ids, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(
        table=sales_tables.customer_numbers,
        column="customer_id",
        of=Of.CUSTOMER,
        fate=Fate.DELETED,
        hidden=frozenset({"pin_hash"}),
    ),
    Holding(table=crm_tables.memberships, column="organisation_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.memberships, column="member_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.told_apart, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.told_apart, column="other_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.customer_notes, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=alert_tables.reminders, column="case_id", of=Of.CASE, fate=Fate.DELETED),
    Holding(table=alert_tables.reminders, column="task_id", of=Of.TASK, fate=Fate.DELETED),
    Holding(table=agreed_tables.agreed_callbacks, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=crm_tables.tasks, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(
        table=tables.cases,
        column="customer_id",
        of=Of.CUSTOMER,
        fate=Fate.BLANKED,
        blanks={"subject": "", "description": ""},
    ),
    Holding(table=crm_tables.case_interactions, column="case_id", of=Of.CASE, fate=Fate.KEPT),
    Holding(table=crm_tables.customer_changes, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(
        table=crm_tables.customer_merges,
        column="survivor_id",
        of=Of.CUSTOMER,
        fate=Fate.DELETED,
        hidden=frozenset({"images"}),
    ),
    Holding(
        table=crm_tables.customer_merges,
        column="merged_id",
        of=Of.CUSTOMER,
        fate=Fate.DELETED,
        hidden=frozenset({"images"}),
    ),
    Holding(table=sales_tables.orders, column="customer_id", of=Of.CUSTOMER, fate=Fate.BLANKED, blanks={"note": ""}),
    Holding(table=sales_tables.order_lines, column="order_id", of=Of.ORDER, fate=Fate.BLANKED, blanks={"text": ""}),
    Holding(
        table=sales_tables.opportunities,
        column="customer_id",
        of=Of.CUSTOMER,
        fate=Fate.BLANKED,
        blanks={"title": "", "next_step": "", "remark": ""},
    ),
    Holding(table=tables.messages, column="interaction_id", of=Of.INTERACTION, fate=Fate.DELETED),
    Holding(
        table=survey_tables.surveys,
        column="interaction_id",
        of=Of.INTERACTION,
        fate=Fate.BLANKED,
        blanks={"customer_id": None, "number": None},
    ),
    Holding(
        table=survey_tables.survey_answers,
        column="interaction_id",
        of=Of.INTERACTION,
        fate=Fate.BLANKED,
        blanks={"customer_id": None},
    ),
    Holding(table=tables.legs, column="interaction_id", of=Of.INTERACTION, fate=Fate.BLANKED, blanks={"channel": ""}),
    Holding(table=tables.offers, column="interaction_id", of=Of.INTERACTION, fate=Fate.KEPT),
    Holding(table=tables.events, column="interaction_id", of=Of.INTERACTION, fate=Fate.BLANKED),
    # The last: by it the interactions are found, also after a kill in between.
    Holding(table=tables.interactions, column="interaction_id", of=Of.INTERACTION, fate=Fate.BLANKED),
    Holding(table=value_tables.segment_members, column="customer_id", of=Of.CUSTOMER, fate=Fate.DELETED),
    Holding(table=value_tables.customer_values, column="customer_id", of=Of.CUSTOMER, fate=Fate.KEPT),
    Holding(table=value_tables.value_changes, column="customer_id", of=Of.CUSTOMER, fate=Fate.KEPT),
    Holding(table=best_offer_tables.best_offer_answers, column="customer_id", of=Of.CUSTOMER, fate=Fate.KEPT),
    Holding(table=privacy_tables.accesses, column="customer_id", of=Of.CUSTOMER, fate=Fate.KEPT),
    Holding(table=privacy_tables.erasures, column="customer_id", of=Of.CUSTOMER, fate=Fate.KEPT),
)

BY_WORDS = frozenset({"audit", "notices", "hook_deliveries", "imports"})
"""Tables that name people in passing: searched for his names, numbers and ids (erasures.py)."""
NO_PERSON = frozenset(
    {
        "agent_skills",
        "agents",
        "alert_rules",
        "alerts",
        "board_wishes",
        "bookmarks",
        "case_codes",
        "configuration_versions",
        "custom_fields",
        "dispositions",
        "flow_publications",
        "hooks",
        "hours",
        "house_rules",
        "import_mappings",
        "terms_due",
        "journal_writers",
        "kept_figures",
        "merge_moves",
        "meta",
        "notice_receipts",
        "numbers",
        "products",
        "queue_closings",
        "queue_skills",
        "queues",
        "reasons",
        "segment_refreshes",
        "segments",
        "service_targets",
        "sessions",
        "skills",
        "users",
        "value_rules",
        "value_runs",
        "wall_links",
    }
)
"""Of the business, its people and the program; `merge_moves` are ids alone and go with their merges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose rows they are. Never logged and never stored: `words` are his names and numbers."""

    customer_id: CustomerId
    name: str
    ids: Mapping[Of, tuple[str, ...]]
    others_calls: tuple[str, ...]
    """Calls of somebody else in which his number or his id stands."""
    own_numbers: frozenset[str]
    """Telephone numbers (E.164) that are his alone."""
    customer_numbers: frozenset[str]
    files: tuple[str, ...]
    """The recordings of what he said."""
    words: frozenset[str]
    """His names, numbers and addresses, present and past, in every notation that is kept."""
    open_cases: int

    @property
    def interaction_ids(self) -> tuple[str, ...]:
        """His contacts."""
        return self.ids[Of.INTERACTION]

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """He, and whoever was merged into him."""
        return self.ids[Of.CUSTOMER]


def find_person(connection: Connection, customer_id: CustomerId) -> Person:
    """The person this customer is, with those merged into him; `NotFound`, also of one who was erased."""
    customers = tables.customers
    row = connection.execute(customers.select().where(customers.c.customer_id == customer_id)).one_or_none()
    if row is None or row.erased_at is not None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    root = row.merged_into or row.customer_id
    is_his = or_(customers.c.customer_id == root, customers.c.merged_into == root)
    family = connection.execute(customers.select().where(is_his)).all()
    family_ids = tuple(one.customer_id for one in family)
    name = next(one.name for one in family if one.customer_id == root)
    own_numbers = _own_numbers(connection, family_ids)
    interactions, others = _interactions(connection, family_ids, own_numbers)
    cases = _column(connection, tables.cases, "case_id", "customer_id", family_ids)
    is_open = (tables.cases.c.closed_at.is_(None), tables.cases.c.resolved_at.is_(None))
    open_cases = select(tables.cases.c.case_id).where(tables.cases.c.customer_id.in_(family_ids), *is_open)
    numbers = _column(connection, sales_tables.customer_numbers, "number", "customer_id", family_ids)
    words = _words(connection, family_ids)
    return Person(
        customer_id=CustomerId(root),
        name=name,
        ids={
            Of.CUSTOMER: family_ids,
            Of.INTERACTION: interactions,
            Of.CASE: cases,
            Of.TASK: _column(connection, crm_tables.tasks, "task_id", "customer_id", family_ids),
            Of.ORDER: _column(connection, sales_tables.orders, "order_id", "customer_id", family_ids),
        },
        others_calls=others,
        own_numbers=own_numbers,
        customer_numbers=frozenset(numbers),
        files=_column(connection, tables.messages, "file", "interaction_id", interactions),
        words=frozenset(word for word in {*words, *numbers} if _is_telling(word)),
        open_cases=len(connection.execute(open_cases).all()),
    )


def parts(ids: Sequence[str]) -> list[Sequence[str]]:
    """Ids some at a time: statements take no more."""
    return [ids[start : start + IDS_A_QUERY] for start in range(0, len(ids), IDS_A_QUERY)]


def _column(connection: Connection, table: Table, wanted: str, by: str, ids: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for part in parts(ids):
        query = select(table.c[wanted]).where(table.c[by].in_(part)).order_by(table.c[wanted])
        found += connection.execute(query).scalars()
    return tuple(found)


def _own_numbers(connection: Connection, family: Sequence[str]) -> frozenset[str]:
    """His telephone numbers that no one else has."""
    points = tables.contact_points
    query = select(points.c.value).where(points.c.customer_id.in_(family), points.c.kind == ContactPointKind.PHONE)
    mine = frozenset(connection.execute(query).scalars())
    shared = select(points.c.value).where(points.c.value.in_(mine), points.c.customer_id.not_in(family))
    return mine - frozenset(connection.execute(shared).scalars())


def _interactions(
    connection: Connection, family: Sequence[str], own_numbers: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """His own contacts, those of nobody from his numbers too; and those of others in which he stands."""
    table = tables.interactions
    own: dict[str, None] = {}
    others: dict[str, None] = {}
    named = select(table.c.interaction_id, table.c.callback_id).where(table.c.customer_id.in_(family))
    by_number = select(table.c.interaction_id, table.c.callback_id, table.c.customer_id).where(
        table.c.ani_e164.in_(sorted(own_numbers))
    )
    called = [row.callback_id for row in connection.execute(named).all() if own.setdefault(row.interaction_id) is None]
    for row in connection.execute(by_number).all():
        if row.customer_id is None:
            own.setdefault(row.interaction_id)
            called.append(row.callback_id)
        elif row.customer_id not in family:
            others.setdefault(row.interaction_id)
    callbacks = select(table.c.interaction_id, table.c.callback, table.c.customer_id).where(
        cast(table.c.callback, Text).is_not(None)
    )
    known = {one for one in called if one is not None}
    for row in connection.execute(callbacks).all():
        if row.callback is None or row.interaction_id in own:
            continue
        if row.customer_id is None and (row.callback.number in own_numbers or row.interaction_id in known):
            own.setdefault(row.interaction_id)
        elif row.callback.number in own_numbers:
            others.setdefault(row.interaction_id)
    might = or_(*(cast(table.c.customer_ids, Text).like(f'%"{one}"%') for one in family))
    for interaction_id in connection.execute(select(table.c.interaction_id).where(might)).scalars():
        others.setdefault(interaction_id)
    return tuple(own), tuple(one for one in others if one not in own)


def _words(connection: Connection, family: Sequence[str]) -> frozenset[str]:
    """His names, numbers and addresses, present and past, and what other systems call him."""
    customers, points, changes = tables.customers, tables.contact_points, crm_tables.customer_changes
    merges, external = crm_tables.customer_merges, import_tables.external_ids
    names = connection.execute(select(customers.c.name).where(customers.c.customer_id.in_(family))).scalars()
    values = connection.execute(select(points.c.value).where(points.c.customer_id.in_(family))).scalars()
    called = connection.execute(select(external.c.external_id).where(external.c.customer_id.in_(family))).scalars()
    words = {*names, *values, *called}
    for fields in connection.execute(select(changes.c.fields).where(changes.c.customer_id.in_(family))).scalars():
        for change in msgspec.json.decode(fields):
            if change["field"] in ("name", "contact_points"):
                words.update(one for side in ("before", "after") for one in _told(change["field"], change[side]))
    is_his = or_(merges.c.survivor_id.in_(family), merges.c.merged_id.in_(family))
    for row in connection.execute(select(merges.c.survivor_id, merges.c.merged_id, merges.c.images).where(is_his)):
        images = msgspec.json.decode(row.images)
        for whose, image in ((row.survivor_id, "before"), (row.merged_id, "merged")):
            if whose in family:
                words.add(images[image]["name"])
                words.update(point["value"] for point in images[image]["contact_points"])
    # What somebody else has as well is not his alone, and stays.
    theirs: set[str] = set()
    for part in parts(sorted(words)):
        query = select(points.c.value).where(points.c.value.in_(part), points.c.customer_id.not_in(family))
        theirs.update(connection.execute(query).scalars())
    words -= theirs
    digits = {found for word in words if (found := significant_digits(word)) is not None}
    plain = {word[1:] for word in words if word.startswith("+")}
    written = {one for word in words if word.startswith("+") for one in notations(word)}
    return frozenset(words | digits | plain | written)


def _told(field: str | None, value: object) -> frozenset[str]:
    """The texts of one side of a change; of a contact point its value, not its kind or label."""
    if field == "contact_points" and isinstance(value, list):
        return frozenset(point["value"] for point in value if isinstance(point, dict) and "value" in point)
    return texts_in(value)


def _is_telling(word: str) -> bool:
    return len(word) >= (SHORTEST_LATIN_WORD if word.isascii() else SHORTEST_WORD)
