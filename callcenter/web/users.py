"""Users, the audit log, trunks and phones' accounts over REST: who may sign in, what was done, who is reached how."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import Field, StringConstraints
from starlette.responses import Response

from callcenter.app.audit_log import AuditLine, AuditWanted
from callcenter.app.exchange_accounts import AccountList
from callcenter.app.permissions import Action
from callcenter.app.ports import User
from callcenter.app.trunks import TrunkList
from callcenter.app.user_book import DISPLAY_NAME_MAX_CHARACTERS, NAME_MAX_CHARACTERS, UserChange
from callcenter.domain.ids import AgentId, UserId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Moment, Password, PathId

router = api_router()

MOST_LINES = 200
HIGHEST_LINE = 2**62
reading_users = [Depends(Require(Action.READ_USERS))]
reading_audit = [Depends(Require(Action.READ_AUDIT))]
reading_trunks = [Depends(Require(Action.READ_TRUNKS))]
reading_accounts = [Depends(Require(Action.READ_PHONE_ACCOUNTS))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_USERS))]
UserPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
RoleWord = Literal["agent", "supervisor", "administrator"]
LanguageWord = Literal["zh", "en"]
DisplayName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=DISPLAY_NAME_MAX_CHARACTERS)]
Filter = Annotated[str | None, Query(max_length=200)]


class NewUserBody(Body):
    """Somebody who may sign in from now on."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX_CHARACTERS)]
    role: RoleWord
    agent_id: Annotated[str | None, Field(max_length=64)] = None
    language: LanguageWord = "zh"
    display_name: DisplayName = ""
    password: Password


class UserBody(Body):
    """What is to be otherwise; of the agent an empty id is none."""

    display_name: DisplayName | None = None
    role: RoleWord | None = None
    agent_id: Annotated[str | None, Field(max_length=64)] = None
    language: LanguageWord | None = None
    disabled: bool | None = None


class PasswordBody(Body):
    """A new password."""

    password: Password


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccount:
    """One user, without his password."""

    user_id: str
    name: str
    display_name: str
    role: str
    agent_id: str | None
    language: str
    disabled: bool
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccounts:
    """Everyone who may sign in, by name."""

    items: tuple[UserAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSecret:
    """A secret of a SIP account; told this once."""

    agent_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLines:
    """Lines of the log, the newest first."""

    items: tuple[AuditLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditActions:
    """What was ever done."""

    items: tuple[str, ...]


@router.get("/users", response_model=UserAccounts, dependencies=reading_users)
async def list_accounts(deps: Deps) -> Response:
    """Everyone who may sign in."""
    found = await deps.office.users.users()
    return document(UserAccounts(items=tuple(_account(user, sessions) for user, sessions in found.values())))


@router.post("/users", response_model=UserAccount, status_code=201)
async def add_user(body: NewUserBody, principal: Writer, deps: Deps) -> Response:
    """Let somebody sign in."""
    user = await deps.office.users.add(
        body.name,
        role=body.role,
        agent_id=body.agent_id or None,
        language=body.language,
        display_name=body.display_name,
        password=body.password,
        by=principal.user.name,
    )
    return document(_account(user, 0), status=201)


@router.patch("/users/{user_id}", response_model=UserAccount)
async def change_user(user_id: UserPath, body: UserBody, principal: Writer, deps: Deps) -> Response:
    """Change a user, shut him out, or let him in again."""
    wanted = UserChange(
        display_name=body.display_name,
        role=body.role,
        agent_id=body.agent_id,
        language=body.language,
        disabled=body.disabled,
    )
    user = await deps.office.users.change(UserId(user_id), wanted, by=principal.user)
    sessions = (await deps.office.users.users()).get(user.user_id, (user, 0))[1]
    return document(_account(user, sessions))


@router.put("/users/{user_id}/password", status_code=204)
async def set_password(user_id: UserPath, body: PasswordBody, principal: Writer, deps: Deps) -> Response:
    """Give a user another password; he is signed out everywhere."""
    await deps.office.users.set_password(UserId(user_id), body.password, by=principal.user.name)
    return no_content()


@router.delete("/users/{user_id}/sessions", status_code=204)
async def end_sessions(user_id: UserPath, principal: Writer, deps: Deps) -> Response:
    """Sign a user out everywhere."""
    await deps.office.users.sign_out(UserId(user_id), by=principal.user.name)
    return no_content()


@router.delete("/users/{user_id}", status_code=204)
async def remove_user(user_id: UserPath, principal: Writer, deps: Deps) -> Response:
    """Let a user sign in no more."""
    await deps.office.users.remove(UserId(user_id), by=principal.user)
    return no_content()


@router.post("/agents/{agent_id}/phone/secret", response_model=PhoneSecret)
async def renew_phone_secret(agent_id: PathId, principal: Writer, deps: Deps) -> Response:
    """Give an agent's SIP account a new secret, told this once."""
    secret = await deps.office.users.renew_secret(AgentId(agent_id), by=principal.user.name)
    return document(PhoneSecret(agent_id=agent_id, secret=secret))


@router.get("/audit", response_model=AuditLines, dependencies=reading_audit)
async def read_audit(
    deps: Deps,
    by: Filter = None,
    action: Filter = None,
    about: Filter = None,
    since: Moment | None = None,
    until: Moment | None = None,
    before: Annotated[int | None, Query(ge=1, le=HIGHEST_LINE)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 100,
) -> Response:
    """The newest lines that fit, the newest first."""
    wanted = AuditWanted(
        by=by or None, action=action or None, about=about or None, since=since, until=until, before=before
    )
    return document(AuditLines(items=await deps.office.audit.lines(wanted, limit=limit)))


@router.get("/audit/actions", response_model=AuditActions, dependencies=reading_audit)
async def read_actions(deps: Deps) -> Response:
    """Everything that was ever done, by name."""
    return document(AuditActions(items=await deps.office.audit.actions()))


@router.get("/trunks", response_model=TrunkList, dependencies=reading_trunks)
async def read_trunks(deps: Deps) -> Response:
    """The trunks of the operator's settings, and whether they answer."""
    return document(await deps.office.trunks.list())


@router.get("/phone-accounts", response_model=AccountList, dependencies=reading_accounts)
async def read_phone_accounts(deps: Deps) -> Response:
    """Which SIP accounts the exchange knows, who brings them there, and why the last change did not get there."""
    return document(await deps.office.accounts.view())


def _account(user: User, sessions: int) -> UserAccount:
    return UserAccount(
        user_id=user.user_id,
        name=user.name,
        display_name=user.display_name,
        role=user.role,
        agent_id=user.agent_id,
        language=user.language,
        disabled=user.disabled,
        sessions=sessions,
    )
