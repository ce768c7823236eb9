"""Who may sign in: users added, changed, shut out and removed by an administrator; secrets of agents' phones.

Law: there always is an administrator who can sign in, and nobody shuts himself out; each change is in the audit log.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from callcenter.app.permissions import Role
from callcenter.app.ports import Clock, User
from callcenter.app.sessions import hash_password
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, UserId

ROLES: Final = (Role.AGENT, Role.SUPERVISOR, Role.ADMINISTRATOR)
LANGUAGES: Final = ("zh", "en")
PASSWORD_MIN_CHARACTERS: Final = 10
PASSWORD_MAX_CHARACTERS: Final = 1_000
"""What the pages take when somebody signs in."""
NAME_MAX_CHARACTERS: Final = 64
DISPLAY_NAME_MAX_CHARACTERS: Final = 100


class UserStore(Protocol):
    """Where users are kept; every change carries its line of the audit log."""

    async def users(self) -> Mapping[UserId, tuple[User, int]]:
        """Everyone who may sign in, by name, and how many sessions he has."""
        ...

    async def agents(self) -> frozenset[AgentId]:
        """The agents there are."""
        ...

    async def put(self, user: User, *, end_sessions: bool, at: datetime, by: str, action: str, detail: str) -> None:
        """Make or change a user."""
        ...

    async def end_sessions(self, user: User, *, at: datetime, by: str) -> None:
        """Sign a user out everywhere."""
        ...

    async def remove(self, user: User, *, at: datetime, by: str) -> None:
        """Take a user away with his sessions."""
        ...

    async def put_secret(self, agent_id: AgentId, secret: str, *, at: datetime, by: str) -> None:
        """Set the secret of an agent's SIP account; `NotFound`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """What is to be otherwise; None stays, and of the agent an empty id is none."""

    display_name: str | None = None
    role: str | None = None
    agent_id: str | None = None
    language: str | None = None
    disabled: bool | None = None


class UserBook:
    """The use cases of the page of users."""

    def __init__(
        self,
        *,
        store: UserStore,
        clock: Clock,
        new_id: Callable[[], UserId],
        new_secret: Callable[[], str],
        hash_password: Callable[[str], str] = hash_password,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._new_secret = new_secret
        self._hash = hash_password
        self._changing = asyncio.Lock()

    async def users(self) -> Mapping[UserId, tuple[User, int]]:
        """Everyone who may sign in, and how many sessions he has."""
        return await self._store.users()

    async def add(
        self, name: str, *, role: str, agent_id: str | None, language: str, display_name: str, password: str, by: str
    ) -> User:
        """Let somebody sign in; raises `InvalidValue`, `Conflict` for a name or desk that is taken, `NotFound`."""
        check_user(name, role, agent_id, language, display_name or None)
        check_password(password)
        hashed = await asyncio.to_thread(self._hash, password)
        async with self._changing:
            user = User(
                user_id=self._new_id(),
                name=name,
                display_name=display_name or name,
                role=role,
                agent_id=AgentId(agent_id) if agent_id else None,
                language=language,
                password_hash=hashed,
            )
            known = await self._store.users()
            if any(other.name == name for other, _ in known.values()):
                raise Conflict(f"there is a user {name} already; choose another name", code="user_exists")
            await self._check_desk(user, known)
            detail = role if user.agent_id is None else f"{role}, agent {user.agent_id}"
            await self._put(user, by=by, action="user_added", detail=detail)
        return user

    async def change(self, user_id: UserId, wanted: UserChange, *, by: User) -> User:
        """Change a user; raises what `add` does, and `Conflict` where no administrator would be left."""
        async with self._changing:
            known = await self._store.users()
            user = _one(known, user_id)
            agent_id = user.agent_id if wanted.agent_id is None else AgentId(wanted.agent_id) or None
            changed = replace(
                user,
                display_name=user.display_name if wanted.display_name is None else wanted.display_name or user.name,
                role=wanted.role or user.role,
                agent_id=agent_id or None,
                language=wanted.language or user.language,
                disabled=user.disabled if wanted.disabled is None else wanted.disabled,
            )
            if changed == user:
                return user
            check_user(user.name, changed.role, changed.agent_id, changed.language, changed.display_name)
            await self._check_desk(changed, known)
            loses = user.role == Role.ADMINISTRATOR and (changed.role != Role.ADMINISTRATOR or changed.disabled)
            if loses:
                _check_not_last(known, user, by)
            detail = ", ".join(_differences(user, changed))
            # Whoever has another role or desk begins anew with it.
            anew = changed.disabled or (changed.role, changed.agent_id) != (user.role, user.agent_id)
            await self._put(changed, by=by.name, action="user_changed", detail=detail, end_sessions=anew)
        return changed

    async def set_password(self, user_id: UserId, password: str, *, by: str) -> None:
        """Give a user another password and sign him out everywhere; raises `InvalidValue`, `NotFound`."""
        check_password(password)
        hashed = await asyncio.to_thread(self._hash, password)
        async with self._changing:
            user = _one(await self._store.users(), user_id)
            changed = replace(user, password_hash=hashed)
            await self._put(changed, by=by, action="password_changed", detail="", end_sessions=True)

    async def sign_out(self, user_id: UserId, *, by: str) -> None:
        """End all sessions of a user; raises `NotFound`."""
        user = _one(await self._store.users(), user_id)
        await self._store.end_sessions(user, at=self._clock.now(), by=by)

    async def remove(self, user_id: UserId, *, by: User) -> None:
        """Let a user sign in no more; raises `NotFound`, `Conflict` where no administrator would be left."""
        async with self._changing:
            known = await self._store.users()
            user = _one(known, user_id)
            if user.role == Role.ADMINISTRATOR or user.user_id == by.user_id:
                _check_not_last(known, user, by)
            await self._store.remove(user, at=self._clock.now(), by=by.name)

    async def renew_secret(self, agent_id: AgentId, *, by: str) -> str:
        """Give an agent's SIP account a new secret, and tell it this once; raises `NotFound`."""
        secret = self._new_secret()
        await self._store.put_secret(agent_id, secret, at=self._clock.now(), by=by)
        return secret

    async def _put(self, user: User, *, by: str, action: str, detail: str, end_sessions: bool = False) -> None:
        at = self._clock.now()
        await self._store.put(user, end_sessions=end_sessions, at=at, by=by, action=action, detail=detail)

    async def _check_desk(self, user: User, known: Mapping[UserId, tuple[User, int]]) -> None:
        if user.agent_id is None:
            return
        agents = await self._store.agents()
        if user.agent_id not in agents:
            raise NotFound(f"there is no agent {user.agent_id}", code="unknown_agent")
        for other, _ in known.values():
            if other.agent_id == user.agent_id and other.user_id != user.user_id:
                what = f"agent {user.agent_id} is the user {other.name} already; choose another"
                raise Conflict(what, code="agent_taken")


def check_password(password: str) -> None:
    """Raise `InvalidValue` for a password that is too short or too long."""
    if not PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise InvalidValue(
            f"the password has {len(password)} characters; "
            f"{PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS} are wanted",
            code="password_length",
        )


def check_user(name: str, role: str, agent_id: str | None, language: str, display_name: str | None) -> None:
    """Raise `InvalidValue` for what no user can be."""
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS or not name.isprintable() or any(sign.isspace() for sign in name):
        raise InvalidValue(
            f"{name!r} cannot be a login name; 1 to {NAME_MAX_CHARACTERS} characters without blanks are wanted",
            code="invalid_name",
        )
    if display_name is not None and not (
        display_name.strip() and display_name.isprintable() and len(display_name) <= DISPLAY_NAME_MAX_CHARACTERS
    ):
        raise InvalidValue(
            f"{display_name[:80]!r} cannot be shown as a name; one line of at most {DISPLAY_NAME_MAX_CHARACTERS} "
            "characters is wanted",
            code="invalid_display_name",
        )
    if role not in ROLES:
        raise InvalidValue(f"there is no role {role!r}; possible: {', '.join(ROLES)}", code="unknown_role")
    if language not in LANGUAGES:
        raise InvalidValue(
            f"the pages do not speak {language!r}; possible: {', '.join(LANGUAGES)}", code="unknown_language"
        )
    if role == Role.AGENT and not agent_id:
        raise InvalidValue("an agent's user needs the agent he is, by its id", code="agent_missing")


def _one(known: Mapping[UserId, tuple[User, int]], user_id: UserId) -> User:
    found = known.get(user_id)
    if found is None:
        raise NotFound("there is no such user any more", code="unknown_user")
    return found[0]


def _check_not_last(known: Mapping[UserId, tuple[User, int]], user: User, by: User) -> None:
    if user.user_id == by.user_id:
        raise Conflict("nobody takes administration from himself; let another administrator do it", code="own_user")
    others = [
        other
        for other, _ in known.values()
        if other.role == Role.ADMINISTRATOR and not other.disabled and other.user_id != user.user_id
    ]
    if not others:
        raise Conflict("one administrator must be able to sign in; make another one first", code="last_administrator")


def _differences(before: User, after: User) -> list[str]:
    pairs = {
        "name": (before.display_name, after.display_name),
        "role": (before.role, after.role),
        "agent": (before.agent_id or "-", after.agent_id or "-"),
        "language": (before.language, after.language),
        "disabled": ("yes" if before.disabled else "no", "yes" if after.disabled else "no"),
    }
    return [f"{name} {was} -> {becomes}" for name, (was, becomes) in pairs.items() if was != becomes]
