"""Messages as work: one agent each, named to the other; news for desks and board; calling back."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.floor_messages import CallEnded
from callcenter.app.message_box import MessageBox, MessageCount, MessageFilters, MessageNews, news_for
from callcenter.app.message_callbacks import MessageCallbacks
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, InteractionId, MessageId, QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.messages import MESSAGE_TRANSITIONS, Message, MessageState, message_name, origin_of
from callcenter.domain.numbers import Number
from tests.fakes import START, FakeConfiguration
from tests.office import AGENT, CALL, SALES, SUPPORT, FakeJournal, Office, arrived

LI, CHEN = AgentId("1001"), AgentId("1002")
ID = MessageId("cc1-1.1_sales")


class FakeMessages:
    """`Messages` in memory."""

    def __init__(self, *messages: Message) -> None:
        self.kept = {message.message_id: message for message in messages}
        self.away: CallcenterError | None = None
        self.before_move = 0
        """So many moves find that somebody was faster."""

    async def message(self, message_id: MessageId) -> Message | None:
        return self.kept.get(message_id)

    async def messages(
        self, filters: MessageFilters, *, limit: int, after: MessageId | None, newest_first: bool
    ) -> tuple[Message, ...]:
        return tuple(self.kept.values())[:limit]

    async def counts(self) -> tuple[MessageCount, ...]:
        if self.away is not None:
            raise self.away
        new = [message for message in self.kept.values() if message.state is MessageState.NEW]
        queues = {message.queue_id for message in new}
        return tuple(
            MessageCount(
                queue_id=queue,
                new=sum(1 for message in new if message.queue_id == queue),
                oldest_at=min(message.left_at for message in new if message.queue_id == queue),
            )
            for queue in sorted(queues)
        )

    async def move(self, before: Message, after: Message) -> bool:
        if self.before_move:
            self.before_move -= 1
            return False
        assert after.state in MESSAGE_TRANSITIONS[before.state]
        if self.kept[before.message_id] != before:
            return False
        self.kept[before.message_id] = after
        return True


class FakeScreens:
    """Keeps what was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[Mapping[QueueId, MessageCount], int]] = []
        self.news = asyncio.Event()

    def show_messages(self, counts: Mapping[QueueId, MessageCount], change: int) -> None:
        self.shown.append((counts, change))
        self.news.set()


class NoCallBack:
    """Calls nobody back."""

    async def call_back(self, message: Message, agent_id: AgentId) -> InteractionId:
        raise Conflict("there is no trunk for calls out", code="no_calls_out")


def message(**changes: object) -> Message:
    known = Message(
        message_id=ID,
        interaction_id=InteractionId("cc1-1.1"),
        queue_id=QueueId("sales"),
        file="message-cc1-1.1_sales.wav",
        seconds=7.0,
        left_at=START,
        ani=Number(raw="13800138000", e164="+8613800138000"),
    )
    return replace(known, **changes)  # type: ignore[arg-type]


class Box:
    """A message box over fakes."""

    def __init__(self, *messages: Message) -> None:
        self.messages = FakeMessages(*messages)
        self.screens = FakeScreens()
        office = Office()
        self.box = MessageBox(
            messages=self.messages,
            configuration=FakeConfiguration(agent_configs={LI: AgentConfig(agent_id=LI, name="李娜")}),
            journal=FakeJournal(),
            clock=office.clock,
            screens=self.screens,
            queues_of=lambda agent_id: frozenset({QueueId("sales")} if agent_id in (LI, CHEN) else ()),
            callbacks=NoCallBack(),
        )


async def test_a_message_is_taken_once_and_the_other_is_told_who_has_it() -> None:
    box = Box(message()).box
    taken = await box.take(ID, LI)
    assert (taken.state, taken.taken_by, taken.taken_at) == (MessageState.TAKEN, LI, START)
    assert await box.take(ID, LI) == taken
    with pytest.raises(Conflict, match="1001 李娜") as refused:
        await box.take(ID, CHEN)
    assert refused.value.code == "message_taken"
    for attempt in (box.put_back(ID, CHEN), box.finish(ID, CHEN, by="1002", disposition=None, notes="")):
        with pytest.raises(Conflict, match="1001"):
            await attempt


async def test_put_back_it_is_everybodys_and_a_supervisor_may_do_it_for_him() -> None:
    box = Box(message()).box
    await box.take(ID, LI)
    assert (await box.put_back(ID, LI)).state is MessageState.NEW
    await box.take(ID, CHEN)
    back = await box.put_back(ID, None)
    assert (back.state, back.taken_by, back.taken_at) == (MessageState.NEW, None, None)
    assert await box.put_back(ID, LI) == back


async def test_done_stays_done_with_what_came_of_it() -> None:
    box = Box(message()).box
    await box.take(ID, LI)
    done = await box.finish(ID, LI, by="1001", disposition="solved", notes="called him")
    assert (done.state, done.taken_by, done.done_by, done.disposition) == (MessageState.DONE, LI, "1001", "solved")
    assert await box.finish(ID, LI, by="1001", disposition="solved", notes="called him") == done
    for attempt in (
        box.take(ID, LI),
        box.put_back(ID, None),
        box.finish(ID, None, by="super", disposition=None, notes="other"),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "message_done"


async def test_a_disposition_must_be_one_of_the_house() -> None:
    with pytest.raises(InvalidValue, match="known: callback, solved"):
        await Box(message()).box.finish(ID, LI, by="1001", disposition="nonsense", notes="")


async def test_who_does_not_serve_the_queue_does_not_even_learn_that_it_is_there() -> None:
    box = Box(message()).box
    for attempt in (box.find(ID, by=AgentId("9999")), box.take(ID, AgentId("9999"))):
        with pytest.raises(NotFound):
            await attempt
    assert await box.find(ID, by=None) == message()


async def test_who_has_a_message_keeps_it_when_he_serves_its_queue_no_more() -> None:
    box = Box(message(state=MessageState.TAKEN, taken_by=AgentId("9999"))).box
    assert (await box.finish(ID, AgentId("9999"), by="9999", disposition=None, notes="")).state is MessageState.DONE


async def test_a_message_that_changed_meanwhile_is_read_again() -> None:
    made = Box(message())
    made.messages.before_move = 2
    assert (await made.box.take(ID, LI)).taken_by == LI
    made.messages.before_move = 99
    with pytest.raises(Conflict) as refused:
        await made.box.put_back(ID, LI)
    assert refused.value.code == "message_busy"


async def test_every_change_is_counted_and_shown_and_a_store_that_is_away_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("callcenter.app.message_box.COUNT_AGAIN_AFTER", timedelta(milliseconds=1))
    made = Box(message())
    made.messages.away = CallcenterError("gone")
    task = asyncio.create_task(made.box.run())
    try:
        await asyncio.sleep(0)
        assert not made.screens.shown
        made.messages.away = None
        async with asyncio.timeout(10):
            await made.screens.news.wait()
        assert made.screens.shown[-1][0][QueueId("sales")].new == 1
        made.screens.news.clear()
        await made.box.take(ID, LI)
        async with asyncio.timeout(10):
            await made.screens.news.wait()
        assert made.screens.shown[-1] == ({}, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_desk_hears_of_the_queues_it_serves() -> None:
    counts = {
        queue: MessageCount(queue_id=queue, new=new, oldest_at=START + timedelta(minutes=new))
        for queue, new in ((QueueId("sales"), 2), (QueueId("support"), 1), (QueueId("vip"), 5))
    }
    served = frozenset({QueueId("sales"), QueueId("support"), QueueId("none")})
    assert news_for(served, counts, 7) == MessageNews(new=3, oldest_at=START + timedelta(minutes=1), change=7)
    assert news_for(frozenset(), counts, 7) == MessageNews(new=0, oldest_at=None, change=7)


async def test_the_board_and_the_desks_show_how_many_messages_there_are() -> None:
    async with Office() as office:
        await office.agent()
        assert office.screens.queues_of(AGENT) == {SALES.queue_id, SUPPORT.queue_id}
        count = MessageCount(queue_id=SALES.queue_id, new=2, oldest_at=START)
        office.screens.show_messages({SALES.queue_id: count}, 3)
        row = office.screens.queue_view(SALES.queue_id)
        assert (row.new_messages, row.oldest_message_at) == (2, START)
        assert office.screens.queue_view(SUPPORT.queue_id).new_messages == 0


def test_a_file_tells_whose_message_it_holds() -> None:
    name = message_name(CALL, QueueId("after_sales"))
    assert origin_of(f"{name}.wav") == (CALL, "after_sales")
    for other in ("talk-1.wav", "message-1.wav", "message-_x.wav", "message-1_.wav", f"{name}.mp3"):
        assert origin_of(other) is None


# ---- calling back


async def left_in(office: Office) -> Message:
    """A caller who left a message, and whose call is over."""
    await office.tell(
        arrived(),
        ev.MessageLeft(
            interaction_id=CALL,
            at=office.clock.now(),
            queue_id=SALES.queue_id,
            file=f"{message_name(CALL, SALES.queue_id)}.wav",
            seconds=7,
        ),
    )
    return message(interaction_id=CALL, message_id=MessageId(f"{CALL}_sales"), left_at=office.clock.now())


def callbacks(office: Office, *, can_call_out: bool = True) -> MessageCallbacks:
    return MessageCallbacks(floor=office.floor, records=office.records, clock=office.clock, can_call_out=can_call_out)


async def test_the_agent_who_calls_back_is_the_one_who_is_rung_though_another_waits_longer() -> None:
    async with Office() as office:
        await office.agent(CHEN)
        office.clock.advance(timedelta(minutes=5))
        await office.agent(LI)
        left = await left_in(office)
        callback_id = await callbacks(office).call_back(left, LI)
        assert office.record(callback_id).media_type == "callback"
        await office.pass_time(timedelta(seconds=1))
        assert [order.agent_id for order, _ in office.telephony.rung] == [LI]
        assert office.record(callback_id).stage is Stage.RINGING


async def test_a_second_callback_for_a_message_is_another_interaction() -> None:
    async with Office() as office:
        await office.agent(LI)
        left = await left_in(office)
        first = await callbacks(office).call_back(left, LI)
        with pytest.raises(Conflict) as refused:
            await callbacks(office).call_back(left, LI)
        assert refused.value.code == "callback_exists"
        await office.tell(ev_end(first))
        assert await callbacks(office).call_back(left, LI) != first


def ev_end(interaction_id: InteractionId) -> CallEnded:
    return CallEnded(interaction_id=interaction_id, outcome=ev.Outcome.CALLBACK_FAILED)


async def test_without_a_way_out_or_a_number_he_is_told_why() -> None:
    async with Office() as office:
        left = await left_in(office)
        for box, what, code in (
            (callbacks(office, can_call_out=False), left, "no_calls_out"),
            (callbacks(office), replace(left, ani=Number(raw="", withheld=True)), "number_unknown"),
        ):
            with pytest.raises(Conflict) as refused:
                await box.call_back(what, LI)
            assert refused.value.code == code
