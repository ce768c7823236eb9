"""What a waiting caller is told, asked and promised, and where his queue's rules send him."""

from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage
from callcenter.app.callback_choice import Numbers
from callcenter.app.callbacks import callback_id_of
from callcenter.app.caller import CallerGone, EndVerdict, RecordingEnd, TransferResult, TransferVerdict, WaitVerdict
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.callbacks import CallbackRules, CalledFirst, CustomerAnswer, Presence
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.interactions import Stage
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import EVERYBODY
from callcenter.domain.waiting_rules import UnusualLoad, WaitingRules
from tests.office import AGENT, CALL, SALES, FakeCallerChannel, Office, question

CALLBACK = callback_id_of(CALL)


def sales(**rules: object) -> QueueConfig:
    """The sales queue with other rules."""
    return replace(SALES, **rules)  # type: ignore[arg-type]


async def ask(office: Office, channel: FakeCallerChannel) -> FakeCallerChannel:
    """One question from a channel, and whatever the floor makes of it."""
    await office.calls.answer(channel)
    await office.settle()
    return channel


async def ask_again(office: Office, before: FakeCallerChannel, *, keys: str = "") -> FakeCallerChannel:
    """The next question of the same call, with what its channel carries."""
    asked = replace(before.question, state=before.state)
    return await ask(office, FakeCallerChannel(asked, keys=keys))


async def in_the_queue(office: Office, *, keys: str = "") -> FakeCallerChannel:
    """A caller who has come to sales over its own number."""
    return await ask(office, FakeCallerChannel(question(dnis="4001"), keys=keys))


def said(channel: FakeCallerChannel) -> list[str]:
    """The queue's prompts that were played or are to be played."""
    play = channel.verdict.play if channel.verdict is not None else ()
    names = [path.partition(":")[2] for path in (*channel.played, *play)]
    return [name.removeprefix("queue.") for name in names if name.startswith("queue.")]


# ---- would he rather be called back?


async def test_a_caller_is_asked_once_after_the_time_his_queue_says() -> None:
    async with Office(queues=[sales(offer_callback_after=timedelta(seconds=20))]) as office:
        first = await in_the_queue(office)
        assert "offer_callback" not in said(first)
        office.clock.advance(timedelta(seconds=20))
        second = await ask_again(office, first, keys=" ")
        assert "offer_callback" in said(second)
        assert isinstance(second.verdict, WaitVerdict)
        third = await ask_again(office, second)
        assert "offer_callback" not in said(third)


async def test_a_caller_is_asked_as_soon_as_he_is_expected_to_wait_long() -> None:
    async with Office(queues=[sales(offer_callback_above=timedelta(seconds=1))]) as office:
        await office.agent(AgentId("1001"))
        await office.caller(InteractionId("other"))
        await office.talk(InteractionId("other"))
        assert "offer_callback" in said(await in_the_queue(office, keys=" "))


async def test_a_step_of_the_queue_offers_a_callback_and_says_its_own_words() -> None:
    steps = (
        RoutingStep(after=timedelta(), who=EVERYBODY),
        RoutingStep(after=timedelta(seconds=30), who=EVERYBODY, announce="busy", offer_callback=True),
    )
    async with Office(queues=[sales(required=(), steps=steps)]) as office:
        first = await in_the_queue(office)
        await office.pass_time(timedelta(seconds=30))
        second = await ask_again(office, first, keys="1")
        assert {"busy", "offer_callback"} <= set(said(second))
        assert not {"busy", "offer_callback"} & set(said(await ask_again(office, second)))


async def callback_taken(office: Office, *, keys: str = "21") -> FakeCallerChannel:
    """A caller who chose to be called back: 2, and 1 for the number he calls from."""
    first = await in_the_queue(office)
    office.clock.advance(timedelta(seconds=20))
    return await ask_again(office, first, keys=keys)


async def test_without_a_trunk_for_calls_out_nobody_is_promised_a_callback() -> None:
    async with Office(queues=[ASKS]) as office:
        office.calls.waiting_room.numbers = Numbers(region="CN", can_call_out=False)
        channel = await callback_taken(office)
        assert "offer_callback" not in said(channel)
        assert isinstance(channel.verdict, WaitVerdict)


# ---- keys in the music


async def test_who_has_a_choice_is_listened_to_in_the_music_and_nobody_else() -> None:
    async with Office(queues=[ASKS]) as office:
        channel = await in_the_queue(office)
        assert isinstance(channel.verdict, WaitVerdict)
        assert channel.verdict.keys == "12"
    async with Office(queues=[sales()]) as office:
        channel = await in_the_queue(office)
        assert isinstance(channel.verdict, WaitVerdict)
        assert channel.verdict.keys == ""


async def test_a_key_in_the_music_is_done_at_once_before_anything_else_is_said() -> None:
    async with Office(queues=[ASKS]) as office:
        first = await in_the_queue(office)
        office.clock.advance(timedelta(seconds=20))
        asked = replace(first.question, state=first.state)
        channel = await ask(office, FakeCallerChannel(asked, pressed="921"))
        assert isinstance(channel.verdict, EndVerdict)
        assert "offer_callback" not in said(channel)
        assert office.record().outcome is ev.Outcome.CALLBACK_TAKEN


async def test_keys_in_the_music_that_mean_nothing_say_nothing() -> None:
    async with Office(queues=[ASKS]) as office:
        first = await in_the_queue(office)
        asked = replace(first.question, state=first.state)
        channel = await ask(office, FakeCallerChannel(asked, pressed="9#1"))
        assert channel.played == []
        assert isinstance(channel.verdict, WaitVerdict)
        assert (channel.verdict.play, channel.verdict.keys) == ((), "12")


async def test_an_announcement_leaves_no_time_without_listening() -> None:
    async with Office(queues=[replace(ASKS, announce_first_after=timedelta(seconds=5))]) as office:
        first = await in_the_queue(office)
        office.clock.advance(timedelta(seconds=6))
        channel = await ask_again(office, first)
        assert said(channel) == ["no_agent"]
        assert channel.listened == []
        assert isinstance(channel.verdict, WaitVerdict)
        assert channel.verdict.keys == "12"


ASKS = sales(offer_callback_after=timedelta(seconds=20))


async def test_who_chooses_a_callback_hangs_up_and_his_place_stays() -> None:
    async with Office(queues=[ASKS]) as office:
        channel = await callback_taken(office)
        assert isinstance(channel.verdict, EndVerdict)
        assert said(channel)[-1] == "callback_taken"
        origin, callback = office.record(), office.record(CALLBACK)
        assert (origin.outcome, origin.callback_id) == (ev.Outcome.CALLBACK_TAKEN, CALLBACK)
        assert (callback.media_type, callback.stage) == ("callback", Stage.WAITING)
        assert callback.ani == origin.ani
        waiting = office.floor.picture.waiting[CALLBACK]
        assert waiting.entered_at == origin.times.queued_at
        assert waiting.presence is Presence.ABSENT
        assert CALL not in office.floor.picture.waiting


async def test_a_callback_to_another_number_is_typed_and_confirmed() -> None:
    async with Office(queues=[ASKS]) as office:
        await callback_taken(office, keys="2" + "2" + "02112345678#" + "1")
        assert office.record(CALLBACK).ani.raw == "+862112345678"


async def test_a_number_that_is_none_is_asked_for_again_and_no_answer_lets_him_wait_on() -> None:
    async with Office(queues=[ASKS]) as office:
        channel = await callback_taken(office, keys="2" + "2" + "12#" + " ")
        assert "number_wrong" in said(channel)
        assert isinstance(channel.verdict, WaitVerdict)
        assert office.floor.picture.position(CALL) == 1


async def test_two_callers_who_give_one_number_get_one_callback() -> None:
    async with Office(queues=[ASKS]) as office:
        await callback_taken(office)
        other = InteractionId("cc1-1700000000.2")
        stranger = FakeCallerChannel(question(other, dnis="4001", ani=replace(question().ani, e164=None, raw="")))
        await ask(office, stranger)
        office.clock.advance(timedelta(seconds=20))
        again = await ask_again(office, stranger, keys="2" + "13800138000#" + "1")
        assert "callback_exists" in said(again)
        assert isinstance(again.verdict, WaitVerdict)


async def test_who_was_to_be_called_back_and_calls_by_himself_gets_the_place_back() -> None:
    async with Office(queues=[ASKS]) as office:
        await callback_taken(office)
        entered_at = office.floor.picture.waiting[CALLBACK].entered_at
        office.clock.advance(timedelta(minutes=5))
        again = InteractionId("cc1-1700000000.9")
        channel = await ask(office, FakeCallerChannel(question(again, dnis="4001"), keys="1"))
        assert "place_kept" in said(channel)
        assert office.record(CALLBACK).outcome is ev.Outcome.CALLED_AGAIN
        assert office.floor.picture.waiting[again].entered_at == entered_at


async def test_the_agent_is_rung_first_and_the_customer_when_he_has_answered() -> None:
    async with Office(queues=[ASKS]) as office:
        await callback_taken(office)
        await office.agent()
        order, _ = office.telephony.rung[-1]
        assert order.customer_absent
        assert office.telephony.called == []
        await office.tell(cmd.ReportAgentWaits(offer_id=order.offer_id))
        called, line = office.telephony.called[-1]
        assert (called.number, called.attempt, called.offer_id) == ("+8613800138000", 1, order.offer_id)
        assert line.display_number == "4001"
        await office.tell(cmd.ReportTalk(offer_id=order.offer_id, interaction_id=CALLBACK, agent_id=AGENT))
        assert office.record(CALLBACK).stage is Stage.TALKING


async def test_a_customer_who_cannot_be_reached_is_tried_again_and_then_the_record_says_so() -> None:
    rules = CallbackRules(attempts=2, retry_no_answer_after=timedelta(minutes=1))
    async with Office(queues=[replace(ASKS, callback=rules)]) as office:
        await callback_taken(office)
        await office.agent()
        for _ in range(2):
            order, _ = office.telephony.rung[-1]
            await office.tell(cmd.ReportAgentWaits(offer_id=order.offer_id))
            await office.tell(
                cmd.ReportCustomerCalled(interaction_id=CALLBACK, answer=CustomerAnswer.NO_ANSWER),
            )
            await office.pass_time(timedelta(minutes=1))
        assert office.record(CALLBACK).outcome is ev.Outcome.CALLBACK_FAILED
        assert [order.attempt for order, _ in office.telephony.called] == [1, 2]
        assert office.state() == "ready"


async def test_the_customer_who_is_called_first_waits_at_his_place_like_any_caller() -> None:
    rules = CallbackRules(first=CalledFirst.CUSTOMER)
    async with Office(queues=[replace(ASKS, callback=rules)]) as office:
        await callback_taken(office)
        await office.agent()
        assert office.telephony.rung == []
        order, line = office.telephony.called[-1]
        assert line.play == ("zh:queue.callback_hello",)
        assert line.state.stage is CallStage.QUEUE
        asked = replace(question(CALLBACK, dnis="4001", state=line.state), channel_id=f"{CALLBACK}-1.")
        leg_id = f"{CALLBACK}-1."
        await office.tell(
            ev.LegStarted(
                interaction_id=CALLBACK, at=office.clock.now(), leg_id=leg_id, channel="PJSIP/trunk-1", agent_id=None
            ),
            cmd.ReportCustomerCalled(interaction_id=CALLBACK, answer=CustomerAnswer.ANSWERED),
        )
        await ask(office, FakeCallerChannel(asked))
        rung, caller = office.telephony.rung[-1]
        assert (rung.interaction_id, rung.customer_absent) == (CALLBACK, False)
        assert order.offer_id is None
        assert [leg.leg_id for leg in office.record(CALLBACK).legs] == [leg_id]
        assert (caller.channel, caller.channel_id) == ("PJSIP/trunk-1", leg_id)
        assert caller.display_number == "+8613800138000"


# ---- where a rule of the queue sends him


def closed_by(overflow: Overflow) -> QueueConfig:
    """A queue that a supervisor has closed."""
    return sales(closed_by="sue", limits=QueueLimits(when_emergency=overflow))


async def test_a_closed_queue_says_so_and_ends_the_call() -> None:
    async with Office(queues=[sales(closed_by="sue")]) as office:
        channel = await in_the_queue(office)
        assert said(channel) == ["closed_now"]
        assert (office.record().outcome, office.record().queue_id) == (ev.Outcome.CLOSED, SALES.queue_id)


async def test_a_number_outside_is_called_for_him_and_when_nobody_answers_he_is_told() -> None:
    overflow = Overflow(kind=OverflowKind.NUMBER, target="+862187654321")
    async with Office(queues=[closed_by(overflow)]) as office:
        channel = await in_the_queue(office)
        assert isinstance(channel.verdict, TransferVerdict)
        assert channel.verdict.number == "+862187654321"
        back = replace(channel.question, state=channel.state, transfer=TransferResult.BUSY)
        again = await ask(office, FakeCallerChannel(back))
        assert said(again) == ["transfer_failed"]
        assert office.record().outcome is ev.Outcome.CLOSED


async def test_a_message_is_recorded_and_noted() -> None:
    async with Office(queues=[closed_by(Overflow(kind=OverflowKind.MESSAGE))]) as office:
        channel = await in_the_queue(office)
        assert said(channel) == ["closed_now", "leave_message", "message_review", "message_kept"]
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT
        assert "MessageLeft" in office.names()


@pytest.mark.parametrize("ended_by", [RecordingEnd.SILENCE, RecordingEnd.KEY])
async def test_a_message_of_nothing_is_none(ended_by: RecordingEnd) -> None:
    async with Office(queues=[closed_by(Overflow(kind=OverflowKind.MESSAGE))]) as office:
        channel = FakeCallerChannel(question(dnis="4001"))
        channel.ends_message_by = ended_by
        channel.speaks = timedelta(seconds=5.2) if ended_by is RecordingEnd.SILENCE else timedelta(seconds=0.4)
        await ask(office, channel)
        assert office.record().outcome is ev.Outcome.CLOSED
        assert "MessageLeft" not in office.names()


async def test_who_hangs_up_in_his_message_has_left_it() -> None:
    async with Office(queues=[closed_by(Overflow(kind=OverflowKind.MESSAGE))]) as office:
        channel = FakeCallerChannel(question(dnis="4001"))
        channel.ends_message_by = RecordingEnd.HANGUP
        await ask(office, channel)
        assert channel.verdict is None
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.MESSAGE_LEFT, ev.Side.CALLER)


async def test_a_callback_may_take_the_place_of_a_queue_that_cannot_serve() -> None:
    async with Office(queues=[closed_by(Overflow(kind=OverflowKind.CALLBACK))]) as office:
        channel = await in_the_queue(office, keys="1")
        assert said(channel)[-1] == "callback_taken"
        assert office.record(CALLBACK).stage is Stage.WAITING


async def test_whoever_waits_too_long_is_sent_to_the_other_queue_with_his_age() -> None:
    other = sales(queue_id="support")
    limits = QueueLimits(
        max_wait=timedelta(minutes=1), when_too_long=Overflow(kind=OverflowKind.QUEUE, target="support")
    )
    async with Office(queues=[sales(limits=limits), other]) as office:
        first = await in_the_queue(office)
        entered_at = office.floor.picture.waiting[CALL].entered_at
        await office.pass_time(timedelta(minutes=1))
        second = await ask_again(office, first)
        assert second.state.queue_id == "support"
        assert second.state.entered_at == entered_at
        assert office.record().queue_id == "support"


async def test_what_a_supervisor_changed_is_carried_by_the_channel_from_the_next_question_on() -> None:
    async with Office(queues=[SALES, sales(queue_id="support")]) as office:
        first = await in_the_queue(office)
        await office.tell(
            cmd.MoveInteraction(interaction_id=CALL, queue_id=sales(queue_id="support").queue_id, by="sue"),
            cmd.SetPriority(interaction_id=CALL, priority=7, by="sue"),
        )
        second = await ask_again(office, first)
        assert (second.state.queue_id, second.state.priority) == ("support", 7)


async def test_the_forecast_is_told_once_when_he_comes() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller(InteractionId("other"))
        await office.talk(InteractionId("other"))
        first = await in_the_queue(office)
        office.clock.advance(timedelta(seconds=5))
        await ask_again(office, first)
        assert office.names().count("WaitPredicted") == 1
        forecast = office.record().forecast
        assert forecast is not None
        assert forecast.low_seconds is not None
        assert forecast.expected_seconds is not None
        assert forecast.low_seconds < forecast.expected_seconds


async def test_while_he_is_asked_an_agent_may_take_him() -> None:
    async with Office(queues=[sales(offer_callback_after=timedelta())]) as office:

        class Pulled(FakeCallerChannel):
            async def listen(self, limit: timedelta) -> str | None:
                raise CallerGone("pulled into a talk")

        channel = await ask(office, Pulled(question(dnis="4001")))
        assert channel.verdict is None
        assert office.floor.picture.position(CALL) == 1


# ---- what he may choose


ENTRY = WaitingRules(ask_on_entry=True, message=True, self_service="service")


async def busy_agent(office: Office) -> None:
    """Somebody is at work, and talks with another caller."""
    await office.agent()
    await office.caller(InteractionId("other"))
    await office.talk(InteractionId("other"))


async def test_with_nobody_idle_he_hears_place_and_wait_and_every_choice_there_is() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await busy_agent(office)
        channel = await in_the_queue(office, keys=" ")
        names = [path.partition(":")[2] for path in channel.played]
        assert names[-4:] == [
            "queue.offer_wait",
            "queue.offer_callback",
            "queue.offer_message",
            "queue.offer_self_service",
        ]
        assert names[-6] == "queue.next_in_line"
        announced = [event for event in office.journal.events if isinstance(event, ev.PositionAnnounced)]
        assert [event.position for event in announced] == [office.floor.picture.position(CALL)]
        assert isinstance(channel.verdict, WaitVerdict)
        assert (channel.state.asked, channel.state.announced_position) == (1, 1)


async def test_a_place_for_which_there_was_no_sound_in_time_is_not_a_place_that_he_heard() -> None:
    async with Office(queues=[sales(announce_first_after=timedelta())]) as office:
        await busy_agent(office)
        office.voice.missing.add("queue.next_in_line")
        first = await in_the_queue(office)
        assert (first.state.announced_position, first.state.announced_wait is None) == (None, False)
        office.voice.missing.clear()
        office.clock.advance(SALES.announce_interval)
        second = await ask_again(office, first)
        assert "next_in_line" in said(second)
        assert second.state.announced_position == 1


async def test_an_announcement_without_any_sound_is_due_again_at_once() -> None:
    async with Office(queues=[sales(announce_first_after=timedelta())]) as office:
        office.voice.missing.add("queue.no_agent")
        first = await in_the_queue(office)
        assert first.state.announced_at is None
        office.voice.missing.clear()
        second = await ask_again(office, first)
        assert "no_agent" in said(second)


async def test_with_somebody_idle_he_is_asked_nothing() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await office.agent()
        assert said(await in_the_queue(office)) == []


async def test_without_a_trunk_the_callback_is_left_out_of_the_question() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        office.calls.waiting_room.numbers = Numbers(region="CN", can_call_out=False)
        names = said(await in_the_queue(office, keys=" "))
        assert "offer_message" in names
        assert "offer_callback" not in names


async def test_who_chooses_to_leave_a_message_leaves_the_queue_and_then_speaks() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await busy_agent(office)
        channel = await in_the_queue(office, keys="31")
        assert CALL not in office.floor.picture.waiting
        assert "leave_message" in said(channel)
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT


async def test_a_key_pressed_during_an_announcement_counts() -> None:
    rules = replace(ENTRY, information=("have_number_ready",), information_interval=timedelta(seconds=10))
    async with Office(queues=[sales(waiting=rules)]) as office:
        await busy_agent(office)
        first = await in_the_queue(office, keys="1")
        office.clock.advance(timedelta(seconds=10))
        asked = replace(first.question, state=first.state)
        second = FakeCallerChannel(asked, keys="21")
        second.types_ahead = True
        await ask(office, second)
        assert "have_number_ready" in said(second)
        assert office.record().outcome is ev.Outcome.CALLBACK_TAKEN


async def test_a_queue_greets_and_informs_in_turn() -> None:
    rules = WaitingRules(
        notice="longer_today",
        unusual=UnusualLoad(waiting_above=1),
        information=("have_number_ready", "say_more_languages"),
        information_interval=timedelta(seconds=10),
    )
    async with Office(queues=[sales(waiting=rules)]) as office:
        await busy_agent(office)
        await office.caller(InteractionId("before him"))
        channel, heard = await in_the_queue(office), []
        for _ in range(80):
            office.clock.advance(timedelta(seconds=1))
            channel = await ask_again(office, channel)
            heard += said(channel)
        assert heard[:2] == ["longer_today", "busy"]
        assert heard.count("busy") == heard.count("longer_today") == 1
        informed = [name for name in heard if name in rules.information]
        assert informed[:3] == ["have_number_ready", "say_more_languages", "have_number_ready"]


async def test_a_prompt_that_somebody_took_away_is_passed_over() -> None:
    async with Office(queues=[sales(waiting=WaitingRules(notice="gone"))]) as office:
        first = await in_the_queue(office)
        office.clock.advance(timedelta(seconds=2))
        assert isinstance((await ask_again(office, first)).verdict, WaitVerdict)


# ---- self-service at his place


async def test_in_his_self_service_he_keeps_his_place_and_is_back_in_line_after_it() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await busy_agent(office)
        before = len(office.names())
        # 4: self-service; there 3: opening hours, and 0: a person.
        channel = await in_the_queue(office, keys="430")
        assert office.floor.picture.position(CALL) == 1
        assert office.record().stage is Stage.WAITING
        assert {"FlowStarted", "NodeEntered"} <= set(office.names()[before:])
        assert said(channel)[-1] == "back_in_line"
        nodes = [state.node for state in channel.remembered if state.node.startswith("self_service")]
        assert nodes[0] == "self_service"
        assert "self_service/menu" in nodes
        assert {state.stage for state in channel.remembered if state.node.startswith("self")} == {CallStage.QUEUE}
        assert channel.state.node == ""
        assert office.record().flow == "sales"


async def test_after_a_crash_he_hears_the_node_of_his_self_service_again() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await busy_agent(office)
        first = await in_the_queue(office, keys="1")
        carried = replace(first.state, flow="service", node="self_service/menu")
        again = FakeCallerChannel(replace(first.question, state=carried), keys="0")
        await ask(office, again)
        assert "zh:service.welcome" not in again.played
        assert "zh:service.menu" in again.played
        assert said(again)[-1] == "back_in_line"


async def test_a_self_service_that_is_there_no_more_brings_him_back_into_line() -> None:
    async with Office(queues=[sales(waiting=replace(ENTRY, self_service="gone"))]) as office:
        await busy_agent(office)
        channel = await in_the_queue(office, keys="4")
        assert said(channel)[-1] == "back_in_line"
        assert office.floor.picture.position(CALL) == 1


async def test_who_hangs_up_in_his_self_service_has_abandoned_the_queue() -> None:
    async with Office(queues=[sales(waiting=ENTRY)]) as office:
        await busy_agent(office)
        await in_the_queue(office, keys="4")
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER))
        assert office.record().outcome is ev.Outcome.ABANDONED_IN_QUEUE


async def test_a_callback_s_customer_who_waits_is_not_asked() -> None:
    rules = CallbackRules(first=CalledFirst.CUSTOMER)
    async with Office(queues=[sales(waiting=ENTRY, callback=rules)]) as office:
        await in_the_queue(office, keys="21")
        await office.agent()
        _, line = office.telephony.called[-1]
        waits = replace(question(CALLBACK, dnis="4001", state=replace(line.state, asked=0)), channel_id="c2")
        await office.tell(
            ev.LegStarted(
                interaction_id=CALLBACK, at=office.clock.now(), leg_id="c2", channel="PJSIP/trunk-1", agent_id=None
            ),
            cmd.ReportCustomerCalled(interaction_id=CALLBACK, answer=CustomerAnswer.ANSWERED),
        )
        assert "offer_wait" not in said(await ask(office, FakeCallerChannel(waits)))
