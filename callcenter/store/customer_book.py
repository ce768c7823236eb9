"""What is kept about a customer besides himself: members, notes, his history, and the business's own fields."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.customer_book import (
    Change,
    Experience,
    FieldChange,
    Member,
    Memberships,
    Note,
    StoryPage,
    TimelineKind,
)
from callcenter.crm.custom_fields import CustomField, CustomKind, check_definition
from callcenter.domain.customers import CustomerKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import CustomerId
from callcenter.domain.labels import Label
from callcenter.store import crm_tables, tables
from callcenter.store.audit import add_audit
from callcenter.store.changes import add_change, read_changes
from callcenter.store.customer_rows import by_id
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.experience import read_experience
from callcenter.store.tasks import check_case_of
from callcenter.store.timeline import read_timeline
from callcenter.store.upsert import insert_into

MOST_MEMBERS = 500


class StoredCustomerBook:
    """Implements `callcenter.app.customer_book.CustomerBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names_of(self, customers: Collection[CustomerId]) -> Mapping[CustomerId, str]:
        """What these are called; who is not there is left out."""
        table = tables.customers
        query = select(table.c.customer_id, table.c.name).where(table.c.customer_id.in_(sorted(set(customers))))

        def look(connection: Connection) -> Mapping[CustomerId, str]:
            return {CustomerId(row.customer_id): row.name for row in connection.execute(query)}

        return await self._database.look(look) if customers else {}

    # ---- members

    async def memberships(self, customer_id: CustomerId) -> Memberships:
        """Whom he belongs to and who belongs to him, by their names; at most 500 of each."""

        def look(connection: Connection) -> Memberships:
            root = _root(connection, customer_id)
            return Memberships(
                organisations=_ends(connection, root, mine="member_id", others="organisation_id"),
                members=_ends(connection, root, mine="organisation_id", others="member_id"),
            )

        return await self._database.look(look)

    async def put_member(
        self, organisation_id: CustomerId, member_id: CustomerId, role: str, *, at: datetime, by: str
    ) -> None:
        """Make one a member of the other, or change his role."""
        table = crm_tables.memberships
        async with self._database.writing() as connection:
            pair = await _pair(connection, organisation_id, member_id)
            kind = select(tables.customers.c.kind).where(tables.customers.c.customer_id == pair[0])
            if (await connection.execute(kind)).scalar_one() != CustomerKind.ORGANISATION:
                raise InvalidValue(f"customer {pair[0]} is no organisation and has no members", code="no_organisation")
            if pair[0] == pair[1]:
                raise InvalidValue(f"customer {pair[0]} cannot be a member of himself", code="same_customer")
            of_pair = (table.c.organisation_id == pair[0], table.c.member_id == pair[1])
            known = update(table).where(*of_pair).values(role=role).returning(table.c.membership_id)
            if (await connection.execute(known)).first() is None:
                row = {
                    "membership_id": uuid4().hex,
                    "organisation_id": pair[0],
                    "member_id": pair[1],
                    "role": role,
                    "since": at,
                }
                await connection.execute(insert(table), [row])
            await _note_member(connection, pair, FieldChange(field="role", before=None, after=role), at=at, by=by)

    async def remove_member(self, organisation_id: CustomerId, member_id: CustomerId, *, at: datetime, by: str) -> None:
        """End a membership."""
        table = crm_tables.memberships
        async with self._database.writing() as connection:
            pair = await _pair(connection, organisation_id, member_id)
            gone = delete(table).where(table.c.organisation_id == pair[0], table.c.member_id == pair[1])
            row = (await connection.execute(gone.returning(table.c.role))).first()
            if row is None:
                raise NotFound(f"customer {pair[1]} is no member of {pair[0]}", code="unknown_member")
            await _note_member(connection, pair, FieldChange(field="role", before=row.role, after=None), at=at, by=by)

    # ---- notes, history, timeline

    async def add_note(self, note: Note) -> Note:
        """Keep a note, for whom the customer was merged into if he was."""
        async with self._database.writing() as connection:
            root = await root_of(connection, note.customer_id)
            if note.case_id is not None:
                await check_case_of(connection, note.case_id, root)
            row = {
                "note_id": note.note_id,
                "customer_id": root,
                "at": note.at,
                "by": note.by,
                "text": note.text,
                "interaction_id": note.interaction_id,
                "case_id": note.case_id,
            }
            await connection.execute(insert(crm_tables.customer_notes), [row])
        return Note(
            note_id=note.note_id,
            customer_id=root,
            at=note.at,
            by=note.by,
            text=note.text,
            interaction_id=note.interaction_id,
            case_id=note.case_id,
        )

    async def changes(self, customer_id: CustomerId, *, limit: int, before: int | None) -> tuple[Change, ...]:
        """The history of changes, the newest first, those before the change of this number."""

        def look(connection: Connection) -> tuple[Change, ...]:
            return read_changes(connection, _root(connection, customer_id), limit=limit, before=before)

        return await self._database.look(look)

    async def timeline(
        self, customer_id: CustomerId, *, kinds: Sequence[TimelineKind], limit: int, before: str | None
    ) -> StoryPage:
        """Everything in one stream, the newest first."""

        def look(connection: Connection) -> StoryPage:
            root = _root(connection, customer_id)
            return read_timeline(connection, root, kinds=kinds, limit=limit, before=before)

        return await self._database.look(look)

    async def experience(self, customer_id: CustomerId) -> Experience:
        """His last survey and his last complaint."""
        return await self._database.look(lambda on: read_experience(on, _root(on, customer_id)))

    # ---- the business's own fields

    async def custom_fields(self) -> tuple[CustomField, ...]:
        """The business's own fields, in its order, retired ones too."""
        table = crm_tables.custom_fields
        async with self._database.reading() as connection:
            rows = (await connection.execute(table.select().order_by(table.c.position, table.c.field_id))).all()
        return tuple(_field(row) for row in rows)

    async def put_custom_field(self, definition: CustomField, *, at: datetime, by: str) -> CustomField:
        """Make or change a field; what it holds is fixed when it is made, for values are there already."""
        check_definition(definition)
        table = crm_tables.custom_fields
        last = select(func.coalesce(func.max(table.c.position), 0) + 1).scalar_subquery()
        changing = {
            "label_zh": definition.label.zh,
            "label_en": definition.label.en,
            "choices": definition.choices,
            "retired": definition.retired,
        }
        async with self._database.writing() as connection:
            found = table.select().where(table.c.field_id == definition.field_id).with_for_update()
            row = (await connection.execute(found)).one_or_none()
            if row is not None and row.kind != definition.kind:
                raise Conflict(
                    f"custom field {definition.field_id} holds {row.kind} and cannot hold {definition.kind}: "
                    "retire it, and make another under a new id",
                    code="custom_kind_fixed",
                )
            new = insert_into(connection, table).values(
                field_id=definition.field_id, position=last, kind=definition.kind, **changing
            )
            await connection.execute(new.on_conflict_do_update(index_elements=["field_id"], set_=changing))
            await add_audit(connection, at=at, by=by, action="custom_field_set", subject=definition.field_id)
        return definition


def _root(connection: Connection, customer_id: CustomerId) -> CustomerId:
    found = by_id(connection, customer_id)
    if not found:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    return found[0].customer_id


def _ends(connection: Connection, customer_id: CustomerId, *, mine: str, others: str) -> tuple[Member, ...]:
    """The other ends of his memberships, each once: a merge may have left one twice."""
    table, customers = crm_tables.memberships, tables.customers
    query = (
        select(customers.c.customer_id, customers.c.kind, customers.c.name, table.c.role, table.c.since)
        .join(customers, customers.c.customer_id == table.c[others])
        .where(table.c[mine] == customer_id, table.c[others] != customer_id)
        .order_by(customers.c.name, customers.c.customer_id, table.c.since, table.c.membership_id)
        .limit(MOST_MEMBERS)
    )
    found: dict[str, Member] = {}
    for row in connection.execute(query).all():
        member = Member(
            customer_id=CustomerId(row.customer_id),
            kind=CustomerKind(row.kind),
            name=row.name,
            role=row.role,
            since=row.since,
        )
        found.setdefault(row.customer_id, member)
    return tuple(found.values())


async def _pair(
    connection: AsyncConnection, organisation_id: CustomerId, member_id: CustomerId
) -> tuple[CustomerId, CustomerId]:
    return await root_of(connection, organisation_id), await root_of(connection, member_id)


async def _note_member(
    connection: AsyncConnection, pair: tuple[CustomerId, CustomerId], change: FieldChange, *, at: datetime, by: str
) -> None:
    """A line of history for both."""
    for customer_id, other in (pair, pair[::-1]):
        await add_change(
            connection,
            customer_id=customer_id,
            at=at,
            by=by,
            entity="membership",
            entity_id=other,
            action="removed" if change.after is None else "set",
            fields=(change,),
        )


def _field(row: Row[tuple[object, ...]]) -> CustomField:
    return CustomField(
        field_id=row.field_id,
        label=Label(zh=row.label_zh, en=row.label_en),
        kind=CustomKind(row.kind),
        choices=row.choices,
        retired=row.retired,
    )
