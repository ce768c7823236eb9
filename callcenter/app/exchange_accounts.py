"""The SIP accounts of agents at the exchange: brought there as soon as they change, and whether it knows them.

Law: whatever could not be brought there is tried again until it is, and whoever looks is told why it is not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

import structlog

from callcenter.app.ports import Clock
from callcenter.domain.agents import AgentConfig
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId
from callcenter.domain.queues import QueueConfig

log = structlog.get_logger(__name__)

LOOK_INTERVAL: Final = timedelta(seconds=1)
AGAIN_AFTER: Final = timedelta(seconds=5)
APPLY_LIMIT: Final = timedelta(seconds=60)
"""Several modules read, one after the other, for 10 s each at most."""
KNOWN_LIMIT: Final = timedelta(seconds=5)
"""An exchange reads its files in the background; so long is it given."""
KNOWN_INTERVAL: Final = timedelta(seconds=0.1)

Known = Mapping[str, bool | None]
"""Of accounts whether the exchange has them; None where it does not say."""


class ExchangeFilesFailed(CallcenterError):
    """The exchange's files could not be written, or it did not read them."""

    code = "exchange_files"


class ExchangeSilent(CallcenterError):
    """The exchange does not say which accounts it has."""

    code = "exchange_away"


class AccountFiles(Protocol):
    """Writes accounts and fallback queues where the exchange reads them."""

    async def apply(
        self, secrets: Mapping[AgentId, str], queues: tuple[QueueConfig, ...], agents: tuple[AgentConfig, ...]
    ) -> None:
        """Have the exchange know exactly these; nothing happens when it does already. Raises `ExchangeFilesFailed`."""
        ...


class AccountBook(Protocol):
    """What is set, as the store has it."""

    async def version(self) -> int:
        """Grows with every change but those of secrets."""
        ...

    async def agents(self) -> tuple[AgentConfig, ...]:
        """Every agent."""
        ...

    async def queues(self) -> tuple[QueueConfig, ...]:
        """Every queue."""
        ...

    async def phone_secrets(self) -> dict[AgentId, str]:
        """The secret of each agent's account."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An agent's SIP account, and whether the exchange has it; None: it does not say."""

    agent_id: AgentId
    known: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountList:
    """How it stands with the accounts at the exchange."""

    kept_by: Literal["server", "operator"]
    """Who brings them there: by the operator's hand they come with `callcenter asterisk-config`."""
    version: int
    """Of what is set: the exchange has it up to here. 0 where the operator brings it, or before the first time."""
    problem: str | None
    """Why it could not be brought there the last time."""
    problem_since: datetime | None
    exchange_answers: bool
    items: tuple[Account, ...]


class ExchangeAccounts:
    """One task of its own: looks at what is set, and has the exchange know it."""

    def __init__(
        self,
        *,
        book: AccountBook,
        files: AccountFiles | None,
        known: Callable[[Collection[str]], Awaitable[Known]],
        clock: Clock,
    ) -> None:
        """Without `files` the operator brings the accounts; `known` asks the exchange, and raises where it is away."""
        self._book = book
        self._files = files
        self._known = known
        self._clock = clock
        self._applied: tuple[int, dict[AgentId, str]] | None = None
        self._problem: str | None = None
        self._problem_since: datetime | None = None

    async def run(self) -> None:
        """Follow what is set until cancelled."""
        if self._files is None:
            return
        while True:
            pause = LOOK_INTERVAL
            try:
                async with asyncio.timeout(APPLY_LIMIT.total_seconds()):
                    await self.bring()
            except (TimeoutError, CallcenterError) as error:
                self._failed(str(error) or "it took too long")
                pause = AGAIN_AFTER
            await asyncio.sleep(pause.total_seconds())

    async def bring(self) -> bool:
        """Have the exchange know what is set now; False when it does already. Raises why it does not."""
        if self._files is None:
            return False
        # Read first: what is changed from here on is noticed as something newer.
        wanted = (await self._book.version(), await self._book.phone_secrets())
        if wanted == self._applied:
            return False
        before = set() if self._applied is None else set(self._applied[1])
        await self._files.apply(wanted[1], await self._book.queues(), await self._book.agents())
        await self._until_known(wanted[1].keys(), before - wanted[1].keys())
        self._applied = wanted
        if self._problem is not None:
            log.info("accounts_brought", version=wanted[0])
        self._problem = self._problem_since = None
        return True

    async def view(self) -> AccountList:
        """How it stands now."""
        agents = sorted(await self._book.phone_secrets())
        answers = True
        known: Known = {}
        try:
            known = await self._known(agents)
        except CallcenterError:
            answers = False
        return AccountList(
            kept_by="operator" if self._files is None else "server",
            version=0 if self._applied is None else self._applied[0],
            problem=self._problem,
            problem_since=self._problem_since,
            exchange_answers=answers,
            items=tuple(Account(agent_id=agent_id, known=known.get(agent_id)) for agent_id in agents),
        )

    async def _until_known(self, wanted: Collection[str], gone: Collection[str]) -> None:
        """Until the exchange says so itself; one that does not answer, or does not say, is believed to have read."""
        deadline = asyncio.get_running_loop().time() + KNOWN_LIMIT.total_seconds()
        while True:
            try:
                known = await self._known([*wanted, *gone])
            except CallcenterError:
                return
            missing = sorted(name for name in wanted if known.get(name) is False)
            left = sorted(name for name in gone if known.get(name) is True)
            if not missing and not left:
                return
            if asyncio.get_running_loop().time() >= deadline:
                told = [f"it does not know {', '.join(missing[:5])}"] if missing else []
                told += [f"it still knows {', '.join(left[:5])}"] if left else []
                raise ExchangeFilesFailed(f"the exchange has read its files, but {' and '.join(told)}; see its log")
            await asyncio.sleep(KNOWN_INTERVAL.total_seconds())

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            log.error("accounts_not_brought", problem=problem)
        if self._problem is None:
            self._problem_since = self._clock.now()
        self._problem = problem
