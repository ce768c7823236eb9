"""A simulated agent: gets ready, lets the phone answer, writes up each call, takes a break now and then.

He goes by what the server says of him, as a person goes by the screen; whatever the server refuses he looks at anew.
"""

import asyncio
from datetime import timedelta
from random import Random
from typing import Final

import structlog

from callcenter.traffic.desk import Desk, Seat
from callcenter.traffic.errors import DeskError, NotSignedInError, SippError
from callcenter.traffic.phone import AgentPhone
from callcenter.traffic.plan import NOTES

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=1)
AWAY_PAUSE: Final = timedelta(seconds=3)
"""After the server or the PBX did not answer."""
FAREWELL_LIMIT: Final = timedelta(seconds=6)
BREAK_REASON: Final = "break"


class SimulatedAgent:
    """One agent with his phone; runs until cancelled, and signs out then."""

    def __init__(self, *, agent_id: str, desk: Desk, phone: AgentPhone, chance: Random) -> None:
        self._agent_id = agent_id
        self._desk = desk
        self._phone = phone
        self._chance = chance
        self._calls_until_break = self._next_break()
        self._dispositions: tuple[str, ...] = ()

    async def run(self) -> None:
        """Work."""
        try:
            while True:
                pause = LOOK_EVERY
                try:
                    await self._look()
                except NotSignedInError:
                    pause = await self._begin()
                except DeskError as error:
                    log.debug("traffic_desk", agent_id=self._agent_id, error=str(error))
                except SippError as error:
                    log.warning("traffic_phone", agent_id=self._agent_id, error=str(error))
                    pause = AWAY_PAUSE
                await asyncio.sleep(pause.total_seconds())
        finally:
            await self._leave()

    async def _begin(self) -> timedelta:
        try:
            await self._desk.sign_in()
            self._dispositions = await self._desk.codes("dispositions")
        except DeskError as error:
            log.debug("traffic_desk", agent_id=self._agent_id, error=str(error))
            return AWAY_PAUSE
        log.info("traffic_agent_signed_in", agent_id=self._agent_id)
        return timedelta()

    async def _look(self) -> None:
        seat = await self._desk.seat()
        match seat.state:
            case "not_ready":
                await self._come_back(seat)
            case "wrap_up":
                await self._write_up(seat)
            case "ready" if self._phone.must_renew:
                await self._desk.set_state("not_ready", BREAK_REASON)
            case "logged_out":
                # Someone else signed this agent out; a simulated one comes again.
                raise NotSignedInError(f"agent {self._agent_id} is logged out")

    async def _come_back(self, seat: Seat) -> None:
        match seat.reason:
            case "signed_in":
                least, most = 0.5, 3.0
            case "break":
                least, most = 15.0, 45.0
            case _:
                least, most = 4.0, 9.0
        await asyncio.sleep(self._chance.uniform(least, most))
        if self._phone.wants_renewal or seat.reason == "phone_unreachable":
            await self._phone.renew()
        await self._desk.set_state("ready")

    async def _write_up(self, seat: Seat) -> None:
        await asyncio.sleep(self._chance.uniform(2, 5))
        if seat.interaction_id is not None and self._dispositions:
            await self._desk.annotate(
                seat.interaction_id,
                disposition=self._chance.choice(self._dispositions),
                notes=self._chance.choice(NOTES[self._desk.language]),
            )
        await asyncio.sleep(self._chance.uniform(1, 4))
        self._calls_until_break -= 1
        if self._calls_until_break > 0:
            await self._desk.end_wrap_up("ready")
        else:
            self._calls_until_break = self._next_break()
            await self._desk.end_wrap_up("not_ready", BREAK_REASON)

    def _next_break(self) -> int:
        return self._chance.randint(5, 12)

    async def _leave(self) -> None:
        """Hang up and sign out, as far as PBX and server are still there."""
        try:
            await self._phone.end()
        finally:
            try:
                async with asyncio.timeout(FAREWELL_LIMIT.total_seconds()):
                    await self._desk.sign_out()
            except (DeskError, TimeoutError) as error:
                log.debug("traffic_agent_not_signed_out", agent_id=self._agent_id, error=str(error))
