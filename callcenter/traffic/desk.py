"""The REST side of a simulated agent: a session, his state, and what he writes about a call."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from callcenter.traffic.errors import DeskError, NotSignedInError

TIME_LIMIT_SECONDS: Final = 5.0
ANSWER_LIMIT_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """How the agent stands."""

    state: str
    reason: str | None
    interaction_id: str | None


class Desk:
    """One agent's session; opened by the first request and again whenever it is over."""

    def __init__(self, *, web_url: str, name: str, password: str) -> None:
        address = urlsplit(web_url)
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or 80
        self._name = name
        self._password = password
        self._token: str | None = None
        self.language = "zh"

    async def sign_in(self) -> None:
        """A new session, with the SIP phone; the agent is not ready then."""
        body = {"name": self._name, "password": self._password}
        answer = await self._send("POST", "/session", body, token=None)
        token, user = answer.get("token"), answer.get("user")
        if not isinstance(token, str):
            raise DeskError("the answer to POST /session holds no token")
        self._token = token
        if isinstance(user, dict) and user.get("language") in ("zh", "en"):
            self.language = str(user["language"])
        await self._ask("PUT", "/agents/me/phone", {"kind": "sip"})

    async def seat(self) -> Seat:
        """How the agent stands now."""
        return _seat(await self._ask("GET", "/agents/me"))

    async def set_state(self, state: str, reason: str | None = None) -> None:
        """Be `ready`, or `not_ready` for a reason."""
        await self._ask("PUT", "/agents/me/state", {"state": state} | ({"reason": reason} if reason else {}))

    async def annotate(self, interaction_id: str, *, disposition: str, notes: str) -> None:
        """Write what came of the call."""
        await self._ask("PATCH", f"/interactions/{interaction_id}", {"disposition": disposition, "notes": notes})

    async def end_wrap_up(self, then: str, reason: str | None = None) -> None:
        """End after-call work."""
        await self._ask("POST", "/agents/me/wrap-up/end", {"then": then} | ({"reason": reason} if reason else {}))

    async def codes(self, collection: str) -> tuple[str, ...]:
        """The codes of `reasons` or `dispositions`."""
        items = (await self._ask("GET", f"/{collection}")).get("items")
        if not isinstance(items, list):
            raise DeskError(f"the answer to GET /{collection} holds no items")
        return tuple(str(item["code"]) for item in items if isinstance(item, dict) and "code" in item)

    async def sign_out(self) -> None:
        """End the session; the agent is logged out with it."""
        if self._token is not None:
            await self._ask("DELETE", "/session")
            self._token = None

    async def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, object]:
        if self._token is None:
            raise NotSignedInError(f"{self._name} is not signed in")
        try:
            return await self._send(method, path, body, token=self._token)
        except NotSignedInError:
            self._token = None
            raise

    async def _send(
        self, method: str, path: str, body: Mapping[str, str] | None, *, token: str | None
    ) -> Mapping[str, object]:
        status, text = await asyncio.to_thread(self._exchange, method, path, body, token)
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise NotSignedInError(f"{method} {path} as {self._name}: the server asks to sign in")
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise DeskError(f"{method} {path} as {self._name}: {status} {text[:300].decode('utf-8', 'replace')}")
        if not text:
            return {}
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise DeskError(f"{method} {path}: the answer is no JSON") from error
        if not isinstance(answer, dict):
            raise DeskError(f"{method} {path}: the answer is no JSON object")
        return answer

    def _exchange(self, method: str, path: str, body: Mapping[str, str] | None, token: str | None) -> tuple[int, bytes]:
        """One request over a connection of its own; runs in a thread, and for so long at most."""
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIME_LIMIT_SECONDS)
        try:
            connection.request(method, f"/api/v1{path}", body=content, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER_LIMIT_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise DeskError(f"{method} {path}: the server does not answer ({error or type(error).__name__})") from error
        finally:
            connection.close()


def _seat(answer: Mapping[str, object]) -> Seat:
    state, reason, interaction_id = answer.get("state"), answer.get("reason"), answer.get("interaction_id")
    if not isinstance(state, str):
        raise DeskError("the answer to GET /agents/me holds no state")
    return Seat(
        state=state,
        reason=reason if isinstance(reason, str) else None,
        interaction_id=interaction_id if isinstance(interaction_id, str) else None,
    )
