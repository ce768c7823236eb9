"""The whole of it: five agents, and callers who come by chance, as often as was asked for."""

import asyncio
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import structlog

from callcenter.traffic.agent import SimulatedAgent
from callcenter.traffic.caller import place_call
from callcenter.traffic.desk import Desk
from callcenter.traffic.errors import SippError, TrafficError
from callcenter.traffic.phone import AgentPhone, refuse_unfit_password
from callcenter.traffic.plan import CallPlan, answer_plans, call_plans, seconds_between
from callcenter.traffic.sipp import Places

log = structlog.get_logger(__name__)

SEED_VARIABLE: Final = "CALLCENTER_TRAFFIC_SEED"
AGENTS: Final = ("1006", "1007", "1008", "1009", "1010")
CALLERS_HOST: Final = "127.0.0.2"
AGENTS_HOST: Final = "127.0.0.3"
CALLERS_MOST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficConfig:
    """Where the demo listens, and how many calls a minute to place."""

    web_url: str
    sip_host: str
    sip_port: int
    password: str
    calls_a_minute: float
    directory: Path


class Traffic:
    """Runs until cancelled; leaves no process. Chance comes from the seed in CALLCENTER_TRAFFIC_SEED, any text."""

    def __init__(self, config: TrafficConfig) -> None:
        self._config = config
        self._server = f"{config.sip_host}:{config.sip_port}"
        self._folder = config.directory / "sipp"
        self._places = Places()
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Place calls and answer them. What makes that impossible is one line in the log, and the end."""
        if shutil.which("sipp") is None:
            log.warning("traffic_not_possible", missing="sipp", mend="install the package sip-tester")
            return
        try:
            refuse_unfit_password(self._config.password)
        except SippError as error:
            log.warning("traffic_not_possible", error=str(error))
            return
        seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(4)
        log.info("traffic_begins", seed=seed, calls_a_minute=self._config.calls_a_minute)
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            async with asyncio.TaskGroup() as tasks:
                for agent_id in AGENTS:
                    tasks.create_task(self._agent(agent_id, seed), name=f"traffic agent {agent_id}")
                tasks.create_task(self._callers(seed), name="traffic callers")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _agent(self, agent_id: str, seed: str) -> None:
        config = self._config
        try:
            place = self._places.take(AGENTS_HOST)
        except TrafficError as error:
            log.warning("traffic_phone", agent_id=agent_id, error=str(error))
            return
        phone = AgentPhone(
            user=agent_id,
            password=config.password,
            server=self._server,
            place=place,
            folder=self._folder / agent_id,
            answers=answer_plans(Random(f"{seed} phone {agent_id}")),
        )
        desk = Desk(web_url=config.web_url, name=agent_id, password=config.password)
        agent = SimulatedAgent(agent_id=agent_id, desk=desk, phone=phone, chance=Random(f"{seed} agent {agent_id}"))
        await agent.run()

    async def _callers(self, seed: str) -> None:
        """Callers come whether or not there is room, as in life; one too many is not let in."""
        plans = call_plans(Random(f"{seed} callers"))
        try:
            for seconds in seconds_between(Random(f"{seed} arrivals"), self._config.calls_a_minute):
                await asyncio.sleep(seconds)
                plan = next(plans)
                if len(self._calls) >= CALLERS_MOST:
                    log.info("traffic_call_left_out", call=plan.number, callers=len(self._calls))
                    continue
                call = asyncio.create_task(self._call(plan), name=f"traffic call {plan.number}")
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        finally:
            calls = list(self._calls)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _call(self, plan: CallPlan) -> None:
        try:
            place = self._places.take(CALLERS_HOST)
            try:
                await place_call(plan, server=self._server, place=place, folder=self._folder / f"call-{plan.number}")
            finally:
                self._places.give_back(place)
        except (TrafficError, OSError) as error:
            log.warning("traffic_call_failed", call=plan.number, error=str(error))
