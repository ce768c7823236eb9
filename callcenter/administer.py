"""What an administrator does at the command line: the business's configuration, users, secrets of phones.

Law: everything is checked before anything is written; each change is one transaction, with a line in the audit log.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.business import Business, Change, ChangeKind, Part, changes, combine
from callcenter.app.business_best_offers import KnownConditions
from callcenter.app.business_checks import warnings
from callcenter.app.business_file import read_business as read_file
from callcenter.app.business_text import write_business
from callcenter.app.flow_lines import LinesOfBusiness
from callcenter.app.lines import Lines
from callcenter.app.opening_hours import opening_hours
from callcenter.app.ports import User
from callcenter.app.sessions import hash_password
from callcenter.app.user_book import check_password, check_user
from callcenter.asterisk.pbx_config import check_secret
from callcenter.clock import SystemClock
from callcenter.crm.segment_fields import segment_fields
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, UserId
from callcenter.heard import flow_shelf
from callcenter.ivr.faults import Fault, FlowError
from callcenter.settings import Settings
from callcenter.store.audit import add_audit
from callcenter.store.business import (
    agents_without_secret,
    list_versions,
    lock_business,
    put_business,
    read_business,
    read_version,
    refuse_in_use,
    users_of,
)
from callcenter.store.configuration import put_phone_secret
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_numbers import StoredCustomerNumbers
from callcenter.store.database import Database
from callcenter.store.schema import check_schema
from callcenter.store.segments import StoredSegments
from callcenter.store.users import end_sessions_of, list_users, put_password_hash, put_user, remove_user

SECRET_MIN_CHARACTERS: Final = 12


# ---- the business's configuration


async def export_configuration(settings: Settings) -> str:
    """The whole configuration as YAML."""
    async with _database(settings) as database, database.reading() as connection:
        return write_business(await read_business(connection))


def _as_it_will_be(business: Business) -> LinesOfBusiness:
    """What flows are checked against; which number leads to which flow is checked with the file's own lines."""
    hours = {name: opening_hours(entry) for name, entry in business.hours.items()}
    return LinesOfBusiness(queues=business.queues, agents=business.agents, hours=hours)


async def apply_configuration(
    settings: Settings, text: str, filename: str, *, by: str, dry_run: bool = False, remove_missing: bool = False
) -> list[str]:
    """Make the configuration what the file says; returns lines about it.

    Raises `FlowError` with every fault of the file and of the flows, `BusinessInUse` for what cannot be removed now.
    """
    wanted = read_file(text, filename)
    async with _database(settings) as database:
        conditions = await _conditions(database)
        look = database.reading() if dry_run else database.writing()
        async with look as connection:
            if not dry_run:
                await lock_business(connection)
            before = await read_business(connection)
            after = combine(before, wanted.wanted, remove_missing=remove_missing)
            faults: list[Fault] = []
            lines: Lines | None = None
            try:
                there = await asyncio.to_thread(_as_it_will_be, after)
                lines = await flow_shelf(settings, database).load_for(there)
            except FlowError as error:
                faults.extend(error.faults)
            try:
                if lines is None:
                    wanted.check(after, flows=None, conditions=conditions)
                else:
                    wanted.check(after, flows=lines.flows, prompts=lines.waiting_prompts, conditions=conditions)
            except FlowError as error:
                faults.extend(error.faults)
            if faults:
                raise FlowError(faults)
            found = changes(before, after)
            told = [str(change) for change in found] or ["nothing to change"]
            told += [f"warning: {line}" for line in await _warnings(connection, after, found)]
            if dry_run:
                await refuse_in_use(connection, found)
                return [*told, "nothing was written, as this was a dry run"]
            if found:
                version = await put_business(connection, before, after, found, at=SystemClock().now(), by=by)
                told.append(f"applied as version {version}; a running server follows within seconds")
            told += await _left_to_do(connection, found)
    return told


async def _conditions(database: Database) -> KnownConditions:
    """What conditions may name."""
    segments = frozenset(segment.segment_id for segment in await StoredSegments(database).segments())
    return KnownConditions(fields=segment_fields(await StoredCustomerBook(database).custom_fields()), segments=segments)


async def _warnings(connection: AsyncConnection, after: Business, found: Sequence[Change]) -> list[str]:
    gone = [AgentId(c.item) for c in found if c.kind is ChangeKind.REMOVED and c.part is Part.AGENTS]
    orphans = await users_of(connection, gone) if gone else {}
    lost = [f"user {name} loses the agent {agent}; callcenter user remove {name}" for agent, name in orphans.items()]
    return [*warnings(after), *lost]


async def _left_to_do(connection: AsyncConnection, found: Sequence[Change]) -> list[str]:
    told = []
    missing = await agents_without_secret(connection)
    if missing:
        told.append(f"no phone secret yet: {', '.join(missing)}; callcenter phone secret AGENT --generate")
    if any(change.part in (Part.QUEUES, Part.AGENTS) for change in found):
        told.append("for Asterisk: callcenter asterisk-config DIRECTORY, then core reload")
    return told


async def configuration_history(settings: Settings, *, limit: int) -> list[str]:
    """The newest versions, a line each, the newest first."""
    async with _database(settings) as database, database.reading() as connection:
        versions = await list_versions(connection, limit=limit)
    return [f"{one.version:>6}  {one.at:%Y-%m-%d %H:%M:%S} UTC  by {one.by}" for one in versions]


async def configuration_version(settings: Settings, version: int) -> str:
    """The text of one version; `NotFound` when there is none."""
    async with _database(settings) as database, database.reading() as connection:
        return (await read_version(connection, version)).text


# ---- users


async def add_user(
    settings: Settings,
    name: str,
    *,
    role: str,
    agent_id: str | None,
    language: str,
    display_name: str | None,
    password: str,
    by: str,
) -> str:
    """Let somebody sign in; raises `InvalidValue`, `Conflict` for a name or desk that is taken, `NotFound`."""
    check_user(name, role, agent_id, language, display_name)
    check_password(password)
    hashed = await asyncio.to_thread(hash_password, password)
    user = User(
        user_id=UserId(uuid.uuid4().hex),
        name=name,
        display_name=display_name or name,
        role=role,
        agent_id=AgentId(agent_id) if agent_id is not None else None,
        language=language,
        password_hash=hashed,
    )
    async with _database(settings) as database, database.writing() as connection:
        known = await list_users(connection)
        if any(other.name == name for other in known):
            raise Conflict(f"there is a user {name} already; callcenter user password {name}", code="user_exists")
        if user.agent_id is not None:
            agents = (await read_business(connection)).agents
            if user.agent_id not in agents:
                raise NotFound(
                    f"there is no agent {agent_id}; known: {', '.join(sorted(agents)) or 'none'}", code="unknown_agent"
                )
            holder = next((other.name for other in known if other.agent_id == user.agent_id), None)
            if holder is not None:
                raise Conflict(f"agent {agent_id} is the user {holder} already; choose another", code="agent_taken")
        await put_user(connection, user)
        detail = role if agent_id is None else f"{role}, agent {agent_id}"
        await _audit(connection, by, "user_added", name, detail)
    return f"added {role} {name}"


async def change_password(settings: Settings, name: str, *, password: str, by: str) -> str:
    """Give a user another password and sign him out everywhere; raises `InvalidValue` or `NotFound`."""
    check_password(password)
    hashed = await asyncio.to_thread(hash_password, password)
    async with _database(settings) as database, database.writing() as connection:
        user = await _user(connection, name)
        await put_password_hash(connection, user.user_id, hashed)
        await end_sessions_of(connection, user.user_id)
        await _audit(connection, by, "password_changed", name)
    return f"changed the password of {name}, who is signed out everywhere within seconds"


async def take_user_away(settings: Settings, name: str, *, by: str) -> str:
    """Let a user sign in no more, and sign him out everywhere; raises `NotFound`."""
    async with _database(settings) as database, database.writing() as connection:
        user = await _user(connection, name)
        await remove_user(connection, user.user_id)
        await _audit(connection, by, "user_removed", name, user.role)
    return f"removed {user.role} {name}, who is signed out everywhere within seconds"


async def user_lines(settings: Settings) -> list[str]:
    """Everyone who may sign in, a line each."""
    async with _database(settings) as database, database.reading() as connection:
        users = await list_users(connection)
    width = max((len(user.name) for user in users), default=0)
    return [
        f"{user.name:<{width}}  {user.role:<13}  {user.language}  agent {user.agent_id or '-':<8}  {user.display_name}"
        for user in users
    ]


# ---- phones


async def set_phone_secret(settings: Settings, agent_id: str, *, secret: str, by: str) -> str:
    """Set the secret of an agent's SIP account; raises `InvalidValue`, `NotFound` or what the exchange refuses."""
    check_secret(f"the secret of phone {agent_id}", secret)
    if len(secret) < SECRET_MIN_CHARACTERS:
        raise InvalidValue(
            f"the secret has {len(secret)} characters; at least {SECRET_MIN_CHARACTERS} are wanted",
            code="secret_too_short",
        )
    async with _database(settings) as database, database.writing() as connection:
        await put_phone_secret(connection, AgentId(agent_id), secret)
        await _audit(connection, by, "phone_secret_set", agent_id)
    return f"set the phone secret of agent {agent_id}; callcenter asterisk-config DIRECTORY writes it for Asterisk"


# ---- customer numbers


async def give_number(settings: Settings, customer_id: str, number: str | None, *, by: str) -> str:
    """Give a customer a number, this one or one by chance; raises `NotFound`, `InvalidValue`, `Conflict`."""
    async with _database(settings) as database:
        numbers = StoredCustomerNumbers(database)
        made = await numbers.give(CustomerId(customer_id), number, at=SystemClock().now(), by=by)
    return (
        f"customer {made.customer_id} has the number {made.number}; callcenter customer pin {made.number} sets its PIN"
    )


async def set_pin(settings: Settings, number: str, *, pin: str | None, by: str) -> str:
    """Set or (None) remove the PIN of a customer number; raises `NotFound`, `InvalidValue`."""
    async with _database(settings) as database:
        numbers = StoredCustomerNumbers(database)
        customer_id = await _owner(numbers, number)
        await numbers.set_pin(customer_id, number, pin, at=SystemClock().now(), by=by)
    return f"{'removed' if pin is None else 'set'} the PIN of customer number {number} (customer {customer_id})"


async def unlock_number(settings: Settings, number: str, *, by: str) -> str:
    """Forget the wrong PINs of a customer number; raises `NotFound`."""
    async with _database(settings) as database:
        numbers = StoredCustomerNumbers(database)
        customer_id = await _owner(numbers, number)
        await numbers.unlock(customer_id, number, at=SystemClock().now(), by=by)
    return f"customer number {number} (customer {customer_id}) is not locked"


async def _owner(numbers: StoredCustomerNumbers, number: str) -> CustomerId:
    customer_id = await numbers.owner_of(number)
    if customer_id is None:
        raise NotFound(f"nobody has the customer number {number}", code="unknown_customer_number")
    return customer_id


# ---- what several of the above share


async def _user(connection: AsyncConnection, name: str) -> User:
    users = await list_users(connection)
    found = next((user for user in users if user.name == name), None)
    if found is None:
        raise NotFound(f"there is no user {name}; callcenter user list tells who there is", code="unknown_user")
    return found


async def _audit(connection: AsyncConnection, by: str, action: str, subject: str, detail: str = "") -> None:
    await add_audit(connection, at=SystemClock().now(), by=by, action=action, subject=subject, detail=detail)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        yield database
    finally:
        await database.dispose()
