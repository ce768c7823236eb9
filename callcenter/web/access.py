"""Who asks, and whether he may: every route depends on `Require` or `Open` with the name of its action."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from callcenter.app.access_log import AccessKind
from callcenter.app.permissions import Action, Forbidden, Grant, Role, grant_of, require
from callcenter.app.ports import User
from callcenter.app.sessions import NotSignedIn, SignedIn
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.masking import mask_numbers

COOKIE = "cc_session"
_BEARER = "bearer "
LONGEST_ID = 100
_NO_ACCESS = frozenset({Action.EXPORT_PERSON, Action.READ_CUSTOMER_ACCESSES, Action.ERASE_PERSON})
"""They show nothing of him, or say themselves what was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, and how far his permission reaches for this action."""

    signed_in: SignedIn
    grant: Grant

    @property
    def user(self) -> User:
        """The user himself."""
        return self.signed_in.user

    def own_agent(self) -> AgentId:
        """The agent he is; raises `Forbidden` when he is none."""
        return own_agent(self.user)


def own_agent(user: User) -> AgentId:
    """The agent this user is; raises `Forbidden` when he is none."""
    if user.agent_id is None:
        raise Forbidden("this user is no agent and has no desk", code="no_agent")
    return user.agent_id


def role_of(user: User) -> Role:
    """The user's role; raises `Forbidden` for one that this version does not know."""
    try:
        role = Role(user.role)
    except ValueError:
        role = Role.VISITOR
    if role is Role.VISITOR:
        raise Forbidden("the role of this user is none of agent, supervisor, administrator", code="unknown_role")
    return role


def token_of(connection: HTTPConnection) -> str | None:
    """The token a request carries: in the Authorization header, else in the cookie."""
    authorization = connection.headers.get("authorization")
    if authorization is not None:
        return authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else None
    return connection.cookies.get(COOKIE)


class Require:
    """Lets a route be used by whoever has the permission for `action`, and tells it who that is."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, connection: HTTPConnection, deps: Deps) -> Principal:
        token = token_of(connection)
        signed_in = await deps.sessions.find(token) if token else None
        if signed_in is None:
            raise NotSignedIn("sign in first: POST /api/v1/session")
        grant = require(role_of(signed_in.user), self.action)
        principal = Principal(signed_in=signed_in, grant=grant)
        if not deps.privacy.sight.sees_numbers(signed_in.user.role):
            mask_numbers(connection)
        if grant is Grant.OWN:
            principal.own_agent()
        self._note_access(connection, deps, principal)
        return principal

    def _note_access(self, connection: HTTPConnection, deps: WebDependencies, principal: Principal) -> None:
        """Every route that is about one customer names him in its path: here, none can be forgotten."""
        customer_id = connection.path_params.get("customer_id")
        if customer_id is None or self.action in _NO_ACCESS or not _is_id(customer_id):
            return
        kind = AccessKind.PIN if self.action is Action.WRITE_PINS else AccessKind.READ
        deps.privacy.log.note(by=principal.user.name, kind=kind, customer_id=CustomerId(customer_id))


def _is_id(text: str) -> bool:
    return len(text) <= LONGEST_ID and text.isprintable()


class Open:
    """Names the action of a route that needs no session; the table must say so."""

    def __init__(self, action: Action) -> None:
        if grant_of(Role.VISITOR, action) is None:
            raise ValueError(f"{action} is not for visitors: use Require")
        self.action = action

    async def __call__(self) -> None:
        """Everyone may."""


class Named:
    """Names the action of a route that checks it by itself, as a WebSocket does to close with a code."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self) -> None:
        """The route checks."""
