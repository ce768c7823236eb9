"""Accounts of phones at the exchange: brought when they change, tried again when not taken, told as they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest

from callcenter.app import exchange_accounts
from callcenter.app.exchange_accounts import ExchangeAccounts, ExchangeFilesFailed, ExchangeSilent
from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId
from callcenter.domain.queues import QueueConfig
from tests.fakes import FakeClock, FakeConfiguration

LI, BO = AgentId("1001"), AgentId("1002")


@dataclass(slots=True)
class Exchange:
    """Files, and an exchange that reads them, or does not."""

    secrets: dict[AgentId, str] = field(default_factory=dict)
    written: int = 0
    fault: str | None = None
    deaf: bool = False
    away: bool = False

    async def apply(
        self, secrets: Mapping[AgentId, str], queues: tuple[QueueConfig, ...], agents: tuple[AgentConfig, ...]
    ) -> None:
        self.written += 1
        if self.fault is not None:
            raise ExchangeFilesFailed(self.fault)
        if not self.deaf:
            self.secrets = dict(secrets)

    async def known(self, names: Collection[str]) -> dict[str, bool | None]:
        if self.away:
            raise ExchangeSilent("not connected")
        return {name: name in self.secrets for name in names}


@pytest.fixture
def book() -> FakeConfiguration:
    return FakeConfiguration(secrets={LI: "one"}, number_of_version=3)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def accounts_of(book: FakeConfiguration, exchange: Exchange, clock: FakeClock) -> ExchangeAccounts:
    return ExchangeAccounts(book=book, files=exchange, known=exchange.known, clock=clock)


async def test_a_new_account_a_new_secret_and_one_that_goes_are_brought_and_nothing_else_is(
    book: FakeConfiguration, exchange: Exchange, clock: FakeClock
) -> None:
    accounts = accounts_of(book, exchange, clock)
    assert await accounts.bring()
    assert not await accounts.bring()
    book.secrets[BO] = "two"
    assert await accounts.bring()
    assert exchange.secrets == {LI: "one", BO: "two"}
    book.secrets[BO] = "three"
    assert await accounts.bring()
    del book.secrets[LI]
    book.number_of_version = 4
    assert await accounts.bring()
    assert not await accounts.bring()
    assert (exchange.secrets, exchange.written) == ({BO: "three"}, 4)
    view = await accounts.view()
    assert (view.kept_by, view.version, view.problem) == ("server", 4, None)
    assert [(one.agent_id, one.known) for one in view.items] == [(BO, True)]


@pytest.mark.parametrize("gone", [False, True])
async def test_an_exchange_that_does_not_take_it_is_named_and_tried_again(
    book: FakeConfiguration, exchange: Exchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr(exchange_accounts, "KNOWN_LIMIT", exchange_accounts.KNOWN_INTERVAL)
    accounts = accounts_of(book, exchange, clock)
    await accounts.bring()
    exchange.deaf = True
    if gone:
        book.secrets.clear()
    else:
        book.secrets[BO] = "two"
    with pytest.raises(ExchangeFilesFailed, match="it still knows 1001" if gone else "it does not know 1002"):
        await accounts.bring()
    exchange.deaf = False
    assert await accounts.bring()


async def test_an_exchange_that_is_away_is_believed_and_the_list_says_that_nobody_knows(
    book: FakeConfiguration, exchange: Exchange, clock: FakeClock
) -> None:
    exchange.away = True
    accounts = accounts_of(book, exchange, clock)
    assert await accounts.bring()
    view = await accounts.view()
    assert (view.exchange_answers, [one.known for one in view.items]) == (False, [None])


async def test_where_the_operator_brings_them_nothing_is_written_and_what_is_missing_is_told(
    book: FakeConfiguration, exchange: Exchange, clock: FakeClock
) -> None:
    exchange.secrets = {LI: "one"}
    book.secrets[BO] = "two"
    accounts = ExchangeAccounts(book=book, files=None, known=exchange.known, clock=clock)
    await accounts.run()
    assert not await accounts.bring()
    view = await accounts.view()
    assert (view.kept_by, exchange.written) == ("operator", 0)
    assert {one.agent_id: one.known for one in view.items} == {LI: True, BO: False}
