"""Where a flow leads a caller: to an agent, a number outside, a callback, a message; and what it knows on the way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage, CallState, decode
from callcenter.app.callback_choice import Numbers
from callcenter.app.caller import EndVerdict, TransferResult, TransferVerdict, WaitVerdict
from callcenter.app.drawing import draw_typed
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.direct import agent_of, direct_queue_id
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.interactions import Stage
from callcenter.domain.numbers import Number
from callcenter.ivr.reader import parse_flow
from tests.office import AGENT, CALL, SALES, FakeCallerChannel, Office, question

SECOND = timedelta(seconds=1)
OTHER = AgentId("1002")
FLOW = """
flow: main
languages: [en]
start: account
rescue: queue
prompts:
  account: {{en: "Your account, please."}}
  sorry: {{en: "Nobody is there."}}
variables: {{tries: number}}
nodes:
  account:
    kind: collect
    say: account
    into: account
    label: {{zh: 账号, en: Account}}
    min_digits: 1
    max_digits: 4
    give_up: missed
    next: secret
  secret: {{kind: collect, say: account, into: pin, secret: yes, min_digits: 2, max_digits: 2, next: count}}
  count: {{kind: set, values: {{tries: "3"}}, next: there}}
  there: {there}
  missed: {{kind: say, say: sorry, next: queue}}
  queue: {{kind: queue, queue: sales}}
"""
TO_AGENT = '{kind: transfer, agent: "1001", ring_seconds: 15, failed: missed}'
TO_NUMBER = '{kind: transfer, number: "+862112345678", ring_seconds: 15, failed: missed}'
TO_CALLBACK = "{kind: callback, queue: sales, priority: 3}"
TO_TYPED = "{kind: callback, queue: sales, number: account}"
TO_MESSAGE = "{kind: voicemail, queue: sales, longest_seconds: 60}"
KEYS = "12#98"


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with Office() as office:
        yield office


def lead_to(office: Office, there: str) -> None:
    flow = parse_flow(FLOW.format(there=there), "main.yaml", queues={"sales"})
    office.calls.lines = replace(office.lines, flows={**office.lines.flows, "main": flow})


async def call(
    office: Office, there: str, *, keys: str = KEYS, state: CallState | None = None, ani: Number | None = None
) -> FakeCallerChannel:
    lead_to(office, there)
    return await ask(office, keys=keys, state=state, ani=ani)


async def ask(
    office: Office,
    *,
    keys: str = "",
    state: CallState | None = None,
    transfer: TransferResult | None = None,
    ani: Number | None = None,
) -> FakeCallerChannel:
    asked = replace(question(state=state, ani=ani), transfer=transfer)
    channel = FakeCallerChannel(asked, keys=keys)
    await office.calls.answer(channel)
    await office.settle()
    return channel


# ---- to one agent


async def test_an_agent_is_rung_for_the_caller_who_is_put_through_to_him(office: Office) -> None:
    await office.agent()
    await office.agent(OTHER)
    channel = await call(office, TO_AGENT)
    assert office.state() is AgentState.OFFERED
    assert office.state(OTHER) is AgentState.READY
    assert (office.record().queue_id, office.record().stage) == (direct_queue_id(AGENT), Stage.RINGING)
    assert agent_of(channel.state.queue_id) == AGENT
    assert decode(channel.state.encode()).goes_on_at == "main there"
    await office.talk()
    assert office.record().agent_id == AGENT


async def test_his_flow_goes_on_when_the_agent_does_not_answer_in_time(office: Office) -> None:
    await office.agent()
    channel = await call(office, TO_AGENT)
    await office.pass_time(30 * SECOND)
    assert office.state() is AgentState.NOT_READY
    office.clock.advance(SECOND)
    again = await ask(office, state=channel.state)
    assert "en:main.sorry" in again.played
    assert (again.state.queue_id, again.state.goes_on_at) == (SALES.queue_id, "")
    assert office.record().queue_id == SALES.queue_id
    assert office.floor.picture.waiting[CALL].queue_id == SALES.queue_id


async def test_his_flow_goes_on_at_once_when_the_agent_is_not_at_work(office: Office) -> None:
    await office.agent(ready=False)
    await office.tell(cmd.LogOut(agent_id=AGENT))
    channel = await call(office, TO_AGENT)
    assert "en:main.sorry" in channel.played
    assert channel.state.queue_id == SALES.queue_id


async def test_his_flow_goes_on_when_there_is_no_such_agent(office: Office) -> None:
    channel = await call(office, TO_AGENT)
    assert "en:main.sorry" in channel.played
    assert office.record().queue_id == SALES.queue_id


async def test_a_busy_agent_is_waited_for_no_longer_than_he_would_ring(office: Office) -> None:
    await office.agent()
    other = InteractionId("cc1-17.9")
    await office.caller(other)
    await office.talk(other)
    channel = await call(office, TO_AGENT)
    assert isinstance(channel.verdict, WaitVerdict)
    assert channel.verdict.play == (), "nothing is said of places and waits"
    await office.pass_time(16 * SECOND)
    again = await ask(office, state=channel.state)
    assert "en:main.sorry" in again.played


async def test_a_new_server_lets_him_wait_on_for_his_agent(office: Office) -> None:
    await office.agent()
    lead_to(office, TO_AGENT)
    state = CallState(
        stage=CallStage.QUEUE, queue_id=direct_queue_id(AGENT), entered_at=office.clock.now(), goes_on_at="main there"
    )
    await ask(office, state=state)
    assert office.state() is AgentState.OFFERED


async def test_an_agent_s_own_queue_is_on_the_board_only_while_somebody_waits_in_it(office: Office) -> None:
    await office.agent()
    before = [view.queue_id for view in office.desk.queues()]
    other = InteractionId("cc1-17.9")
    await office.caller(other)
    await office.talk(other)
    await call(office, TO_AGENT)
    assert [view.queue_id for view in office.desk.queues()] == [direct_queue_id(AGENT), *before]
    assert [view.interaction_id for view in office.desk.waiting()] == [CALL]
    await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER))
    assert [view.queue_id for view in office.desk.queues()] == before
    office.screens.show_board()


# ---- outside


async def test_a_number_outside_is_called_and_the_node_stays_on_the_channel(office: Office) -> None:
    channel = await call(office, TO_NUMBER)
    assert channel.verdict == TransferVerdict(number="+862112345678", ring_timeout=15 * SECOND)
    assert (channel.state.stage, channel.state.node) == (CallStage.MENU, "there")
    again = await ask(office, state=channel.state, transfer=TransferResult.BUSY)
    assert "en:main.sorry" in again.played
    assert again.state.queue_id == SALES.queue_id


# ---- called back, or a message


async def test_who_wants_to_be_called_back_hangs_up_with_a_place_in_the_queue(office: Office) -> None:
    channel = await call(office, TO_CALLBACK)
    assert channel.verdict == EndVerdict(play=("en:queue.callback_taken",))
    assert office.record().outcome is ev.Outcome.CALLBACK_TAKEN
    callback_id = office.record().callback_id
    assert callback_id is not None
    waiting = office.floor.picture.waiting[callback_id]
    assert (waiting.queue_id, waiting.base_priority) == (SALES.queue_id, 3)
    callback = office.record(callback_id)
    assert callback.callback is not None
    assert callback.callback.number == "+8613800138000"
    assert [typed.digits for typed in callback.given.typed] == ["12", ""], "the agent sees what he typed"


async def test_an_agent_who_is_free_is_offered_the_callback_at_once(office: Office) -> None:
    await office.agent()
    await call(office, TO_CALLBACK)
    assert office.record().outcome is ev.Outcome.CALLBACK_TAKEN
    assert office.state() is AgentState.OFFERED


async def test_a_number_that_is_called_back_already_is_told_so(office: Office) -> None:
    await call(office, TO_CALLBACK)
    second = FakeCallerChannel(question(InteractionId("cc1-17.2")), keys=KEYS)
    await office.calls.answer(second)
    assert second.verdict == EndVerdict(play=("en:queue.callback_exists",))
    assert office.record(InteractionId("cc1-17.2")).outcome is ev.Outcome.ENDED_IN_MENU


@pytest.mark.parametrize(("there", "ani"), [(TO_TYPED, None), (TO_CALLBACK, Number(raw="anonymous", withheld=True))])
async def test_who_has_no_number_to_be_called_under_waits_on_the_line(
    office: Office, there: str, ani: Number | None
) -> None:
    channel = await call(office, there, ani=ani)
    assert "en:queue.number_wrong" in channel.played
    assert CALL in office.floor.picture.waiting


async def test_without_a_trunk_nobody_is_promised_a_callback(office: Office) -> None:
    office.calls.waiting_room.numbers = Numbers(region="CN", can_call_out=False)
    channel = await call(office, TO_CALLBACK)
    assert isinstance(channel.verdict, WaitVerdict)
    assert CALL in office.floor.picture.waiting


async def test_a_message_is_taken_for_the_queue(office: Office) -> None:
    await call(office, TO_MESSAGE)
    assert office.record().outcome is ev.Outcome.MESSAGE_LEFT
    assert [message.queue_id for message in office.record().given.messages] == [SALES.queue_id]


# ---- what it knows


async def test_agents_read_what_was_typed_and_no_digit_of_a_secret(office: Office) -> None:
    await call(office, "{kind: queue, queue: sales}")
    typed = draw_typed(office.record())
    assert [(one.variable, one.digits, one.secret) for one in typed] == [("account", "12", False), ("pin", "", True)]
    assert typed[0].label is not None
    assert typed[0].label.en == "Account"
    assert not any("98" in str(value) for event in office.journal.events for value in _texts(event))


def _texts(event: ev.Event) -> list[object]:
    if isinstance(event, ev.DigitsCollected):
        return [event.digits]
    return [dict(event.values)] if isinstance(event, ev.ValuesKept) else []


async def test_after_a_crash_the_flow_goes_on_with_what_it_knew(office: Office) -> None:
    lead_to(office, "{kind: branch, cases: [{when: \"tries == 3 and account == '12'\", go: queue}], otherwise: missed}")
    await ask(office, keys=KEYS)
    assert office.record().given.values == {"account": "text:12", "tries": "number:3"}
    again = await ask(office, state=CallState(flow="main", node="there", language="en"))
    assert "en:main.sorry" not in again.played
    assert again.state.queue_id == SALES.queue_id


async def test_a_flow_that_begins_anew_knows_nothing_of_before(office: Office) -> None:
    lead_to(office, '{kind: branch, cases: [{when: "tries == 3", go: missed}], otherwise: queue}')
    await ask(office, keys=KEYS)
    again = await ask(office, state=CallState(flow="main", node="gone", language="en"), keys=KEYS)
    assert again.played.count("en:main.account") == 2
