"""A system outside beside the store: its part of the pop arrives as an update, calls are told of, and nobody waits."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from callcenter.app.connectors import Answer, Connectors, read_card
from callcenter.app.hook_delivery import HookDelivery
from callcenter.app.views import ExternalState, PopView
from callcenter.domain.connectors import ConnectorRule, ExternalField, SecretPlace
from callcenter.secret_places import SecretMissing, SecretPlaces
from callcenter.store.database import Database
from callcenter.store.hooks import StoredHooks
from callcenter.store.journal import JournalWriter
from callcenter.store.schema import upgrade_database
from callcenter.web_services import WebServices
from tests.adapters.example_crm import TOKEN, ExampleCrm, running_crm
from tests.adapters.store_calls import folded, whole_call
from tests.fakes import FakeClock
from tests.office import AGENT, Office
from tests.patience import PATIENCE_SECONDS

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'callcenter.db'}")
    await upgrade_database(database)
    yield database
    await database.dispose()


@pytest.fixture
async def crm() -> AsyncIterator[ExampleCrm]:
    async with running_crm() as running:
        yield running


def rule_of(crm: ExampleCrm, *, timeout: timedelta = timedelta(seconds=3)) -> ConnectorRule:
    return ConnectorRule(
        connector_id="crm",
        label_zh="客户系统",
        label_en="CRM",
        look_up=f"{crm.url}/contacts?phone={{number}}",
        log_calls=f"{crm.url}/calls",
        found={
            ExternalField.NAME: "data.0.fullName",
            ExternalField.CLASS: "data.0.tier",
            ExternalField.ID: "data.0.id",
            ExternalField.LINK: "data.0.url",
        },
        secrets={"Authorization": SecretPlace(kind="env", name="CRM_TOKEN")},
        timeout=timeout,
    )


def connectors_of(database: Database, rule: ConnectorRule, *, inside: bool = True) -> Connectors:
    return Connectors(
        rules=lambda: (rule,),
        port=WebServices(private_networks=LOOPBACK if inside else ()),
        secrets=SecretPlaces({"CRM_TOKEN": TOKEN}),
        hooks=StoredHooks(database),
        clock=FakeClock(),
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  What is waited for has no event.
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def asking(connectors: Connectors, office: Office) -> AsyncGenerator[None]:
    """The office with the connectors beside it, as the server wires them."""
    connectors.arrived = office.screens.refresh_interaction
    office.screens.external = connectors.cards
    office.floor.watch(connectors.watch)
    task = asyncio.create_task(connectors.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def pop_of(office: Office) -> PopView:
    pop = office.screens.pop_view(AGENT)
    assert pop is not None
    return pop


async def ring(office: Office) -> None:
    """A caller comes, and rings at the agent's desk."""
    await office.agent()
    await office.caller()
    await until(lambda: office.screens.pop_view(AGENT) is not None)


async def test_what_the_crm_knows_arrives_after_the_card(database: Database, crm: ExampleCrm) -> None:
    connectors = connectors_of(database, rule_of(crm))
    async with Office() as office, asking(connectors, office):
        await ring(office)
        await until(lambda: [one.state for one in pop_of(office).external] == [ExternalState.KNOWN])
        found = pop_of(office).external[0]
        assert (found.name, found.customer_class, found.external_id) == ("王芳 (CRM)", "gold", "4711")
        assert found.link == "https://crm.example.org/c/4711"
        assert crm.asked == ["+8613800138000"]


async def test_a_crm_that_hangs_is_not_noticed_by_routing(database: Database, crm: ExampleCrm) -> None:
    crm.hangs = True
    connectors = connectors_of(database, rule_of(crm, timeout=timedelta(seconds=1)))
    async with Office() as office, asking(connectors, office):
        await ring(office)
        await until(lambda: bool(crm.asked))
        pop = pop_of(office)
        assert (pop.stage, [one.state for one in pop.external]) == ("ringing", [ExternalState.ASKING])
        assert office.telephony.rung, "the phone rings while the CRM hangs"
        await until(lambda: not connectors._asking)
        assert [(one.state, one.name) for one in pop_of(office).external] == [(ExternalState.UNREACHABLE, "")]


async def test_an_address_inside_the_house_is_not_asked(database: Database, crm: ExampleCrm) -> None:
    connectors = connectors_of(database, rule_of(crm), inside=False)
    async with Office() as office, asking(connectors, office):
        await ring(office)
        await until(lambda: not connectors._asking)
        assert crm.asked == []
        assert [one.state for one in pop_of(office).external] == [ExternalState.UNREACHABLE]


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, '{"data": [{"fullName": "Wang"}]}', ExternalState.KNOWN),
        (200, '{"data": []}', ExternalState.NOBODY),
        (404, "", ExternalState.NOBODY),
        (503, '{"data": [{"fullName": "Wang"}]}', None),
        (200, "<html>", None),
    ],
)
def test_only_an_answer_says_that_nobody_is_known(status: int, body: str, state: ExternalState | None) -> None:
    rule = ConnectorRule(
        connector_id="crm", look_up="https://crm.example.org/{number}", found={ExternalField.NAME: "data.0.fullName"}
    )
    card = read_card(rule, Answer(status=status, body=body))
    assert (None if card is None else card.state) == state


async def test_calls_are_told_through_the_outbox_and_tried_again(
    database: Database, crm: ExampleCrm, tmp_path: Path
) -> None:
    crm.refusals = 1
    connectors, hooks = connectors_of(database, rule_of(crm)), StoredHooks(database)
    await connectors.keep_hooks()
    await connectors.keep_hooks()
    (hook,) = await hooks.hooks()
    assert (hook.hook_id, hook.active) == ("connector-crm", True)
    journal = JournalWriter(database, spill_directory=tmp_path)
    await journal.start()
    events = whole_call("1.1", customer=None)
    journal.write(events=events, interactions=[folded(events)])
    await journal.stop()
    clock = FakeClock(events[-1].at + timedelta(minutes=1))
    delivery = HookDelivery(
        outbox=hooks,
        sender=WebServices(private_networks=LOOPBACK),
        clock=clock,
        chance=lambda: 0.5,
        headers_of=connectors.headers_of,
    )
    task = asyncio.create_task(delivery.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _tried(hooks, hook.hook_id):  # noqa: ASYNC110  It stands in a database.
                await asyncio.sleep(0)
        clock.advance(timedelta(minutes=1))
        await until(lambda: bool(crm.calls))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    told = crm.calls[0]
    assert told["type"] == "interaction.ended"
    data = told["data"]
    assert isinstance(data, dict)
    assert (data["interaction_id"], data["outcome"], data["talked_seconds"]) == ("1.1", "answered", 62.0)


async def _tried(hooks: StoredHooks, hook_id: str) -> bool:
    return bool((await hooks.deliveries(hook_id, limit=1, before=None, state=None))[0].tries)


async def test_a_connector_that_is_taken_away_tells_no_more(database: Database, crm: ExampleCrm) -> None:
    connectors, hooks = connectors_of(database, rule_of(crm)), StoredHooks(database)
    await connectors.keep_hooks()
    connectors._rules = lambda: ()
    await connectors.keep_hooks()
    assert [hook.active for hook in await hooks.hooks()] == [False]


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("Bearer x\n", encoding="utf-8")
    path.chmod(0o644)
    place = SecretPlace(kind="file", name=str(path))
    with pytest.raises(SecretMissing, match="chmod 600"):
        SecretPlaces({}).secret(place)
    path.chmod(0o600)
    assert SecretPlaces({}).secret(place) == "Bearer x"
    with pytest.raises(SecretMissing, match="is not set"):
        SecretPlaces({}).secret(SecretPlace(kind="env", name="NOTHING"))
