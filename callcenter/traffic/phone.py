"""An agent's phone: registered with a digest, answers by itself, taken off again at the end."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from callcenter.traffic.errors import SippError
from callcenter.traffic.plan import AnswerPlan
from callcenter.traffic.sipp import Place, SippProcess, scenario

log = structlog.get_logger(__name__)

EXPIRES: Final = timedelta(hours=1)
RENEW_AFTER: Final = timedelta(minutes=30)
RENEW_AT_LATEST: Final = timedelta(minutes=45)
REGISTER_LIMIT: Final = timedelta(seconds=8)
TAKE_OFF_LIMIT: Final = timedelta(seconds=3)
QUIET_LIMIT: Final = timedelta(seconds=4)
"""The callers hang up when traffic ends, and then the PBX hangs up the agents' phones."""
ANSWERS_IN_STORE: Final = 500
"""More calls than a phone gets before it is renewed; after the last one the first comes again."""
NEVER_QUARTERS: Final = 100_000
_UNFIT_FOR_SIPP = re.compile(r"[\s;\[\]<>\"']")


def refuse_unfit_password(password: str) -> None:
    """SIPp reads the password out of a line of its own small language."""
    if _UNFIT_FOR_SIPP.search(password) or not password.isascii():
        raise SippError(
            "the demo's password cannot be given to SIPp; choose one of ASCII characters without spaces, quotes, "
            "brackets and semicolons (CALLCENTER_DEMO_PASSWORD)"
        )


class AgentPhone:
    """One SIPp that answers for `user`.

    The PBX remembers the address that a registration came from, so it is renewed from the phone's own port, in a
    moment without a call: `renew` stops the phone, registers, and starts it again.
    """

    def __init__(
        self, *, user: str, password: str, server: str, place: Place, folder: Path, answers: Iterator[AnswerPlan]
    ) -> None:
        refuse_unfit_password(password)
        self._user = user
        self._password = password
        self._server = server
        self._place = place
        self._folder = folder
        self._answers = answers
        self._phone = SippProcess(place, folder / "phone")
        self._registered_at: float | None = None

    @property
    def wants_renewal(self) -> bool:
        """Whether the next quiet moment should be used."""
        return not self._phone.is_running or self._age() > RENEW_AFTER

    @property
    def must_renew(self) -> bool:
        """Whether a quiet moment should be made."""
        return not self._phone.is_running or self._age() > RENEW_AT_LATEST

    async def renew(self) -> None:
        """In a quiet moment: register and answer; `SippError` when the PBX refuses or is away."""
        await self._phone.end()
        await self._register(EXPIRES, REGISTER_LIMIT)
        self._registered_at = time.monotonic()
        lines = "".join(_line(answer) for answer in islice(self._answers, ANSWERS_IN_STORE))
        await self._phone.start(scenario("phone", {}), [], f"SEQUENTIAL\n{lines}")
        await self._phone.until_listening()

    async def end(self) -> None:
        """Let the call end, for some seconds; take the registration off if the PBX is still there."""
        await self._phone.until_marked(_is_quiet, QUIET_LIMIT)
        await self._phone.end()
        if self._registered_at is None:
            return
        self._registered_at = None
        try:
            await self._register(timedelta(), TAKE_OFF_LIMIT)
        except SippError as error:
            log.debug("traffic_phone_not_taken_off", agent_id=self._user, error=str(error))

    def _age(self) -> timedelta:
        if self._registered_at is None:
            return timedelta.max
        return timedelta(seconds=time.monotonic() - self._registered_at)

    async def _register(self, expires: timedelta, limit: timedelta) -> None:
        registrar = SippProcess(self._place, self._folder / "register")
        values = {"USER": self._user, "PASSWORD": self._password, "EXPIRES": str(round(expires.total_seconds()))}
        try:
            await registrar.start(scenario("register", values), [self._server, "-m", "1"])
            status = await registrar.wait(limit)
        finally:
            await registrar.end()
        if status != 0:
            raise SippError(f"phone {self._user} is not registered at {self._server}: {registrar.last_error()}")


def _is_quiet(marks: list[str]) -> bool:
    return marks.count("ringing") == sum(marks.count(end) for end in ("hung_up", "left", "cancelled"))


def _line(answer: AnswerPlan) -> str:
    quarters = NEVER_QUARTERS if answer.ring is None else max(1, round(answer.ring / timedelta(milliseconds=250)))
    return f"{quarters};{max(1, round(answer.talk.total_seconds()))};\n"
