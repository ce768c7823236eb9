"""After the talk: who is asked what he thinks of it, by which flow, and what becomes of his answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callcenter.app.after_talk import AfterTalk, is_drawn
from callcenter.app.call_state import CallStage, CallState, decode
from callcenter.app.caller import EndVerdict
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.domain.interactions import SurveyScore
from callcenter.domain.numbers import Number
from callcenter.domain.queues import QueueConfig
from callcenter.domain.surveys import SurveyRules
from callcenter.ivr.reader import parse_flow
from callcenter.ivr.survey import questions_of, resumed_at, unfit
from callcenter.metrics.flow_ways import FlowWays
from callcenter.metrics.survey import SurveyTally
from tests.office import AGENT, CALL, SALES, FakeCallerChannel, Office, question, shipped_lines

ALWAYS = SurveyRules(flow="survey", percent=100, rest=timedelta())
RESTED = SurveyRules(flow="survey", percent=100, rest=timedelta(days=30))
KNOWN = Number(raw="13712345678", e164="+8613712345678")
SECOND = InteractionId("cc1-second")
TWO_QUESTIONS = """
flow: survey
languages: [zh, en]
start: ask
rescue: out
prompts:
  one: {zh: 一, en: One.}
  two: {zh: 二, en: Two.}
nodes:
  ask:
    kind: survey
    questions:
      - {question: one, say: one}
      - {question: two, say: two}
    next: out
    timeout_seconds: 3
    retries: 0
    give_up: out
  out: {kind: end}
"""


class FakeBook:
    """Knows whether he was asked; with `silent` it never answers."""

    def __init__(self, *, asked: bool = False, silent: bool = False) -> None:
        self._asked = asked
        self._silent = silent
        self.questions: list[tuple[datetime, CustomerId | None, str]] = []

    async def asked_since(self, since: datetime, *, customer_id: CustomerId | None, number: str) -> bool:
        self.questions.append((since, customer_id, number))
        if self._silent:
            await asyncio.Event().wait()
        return self._asked

    async def tallies(self, since: datetime, until: datetime) -> tuple[SurveyTally, ...]:
        raise NotImplementedError


def sales(rules: SurveyRules | None) -> QueueConfig:
    return replace(SALES, survey=rules)


@asynccontextmanager
async def office_of(rules: SurveyRules | None = ALWAYS) -> AsyncIterator[Office]:
    async with Office(queues=[sales(rules)]) as office:
        await office.agent()
        yield office


async def after_a_talk(
    office: Office, call: InteractionId = CALL, *, ani: Number = KNOWN, keys: str = "", gone_after: int | None = None
) -> FakeCallerChannel:
    """The channel of a caller whose agent has just hung up."""
    await office.caller(call, ani=ani)
    offer_id = await office.talk(call)
    await office.tell(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.AGENT))
    return returning(call, ani=ani, keys=keys, gone_after=gone_after)


def returning(
    call: InteractionId = CALL,
    *,
    ani: Number = KNOWN,
    keys: str = "",
    gone_after: int | None = None,
    state: CallState | None = None,
) -> FakeCallerChannel:
    asked = question(
        call, ani=ani, state=state or CallState(stage=CallStage.QUEUE, language="en", queue_id=SALES.queue_id)
    )
    return FakeCallerChannel(replace(asked, after_talk=True), keys=keys, gone_after=gone_after)


async def ask(office: Office, channel: FakeCallerChannel, book: FakeBook | None = None) -> FakeCallerChannel:
    after = AfterTalk(floor=office.floor, voice=office.voice, clock=office.clock, lines=lambda: office.lines, book=book)
    await after.answer(channel)
    await office.settle()
    return channel


def was_asked(channel: FakeCallerChannel) -> bool:
    assert isinstance(channel.verdict, EndVerdict)
    return bool(channel.played)


# ---- asking


async def test_a_caller_whose_agent_hung_up_is_asked_in_his_language_and_his_answers_are_kept() -> None:
    async with office_of() as office:
        channel = await after_a_talk(office, keys="41")
        await office.calls.answer(channel)
        await office.settle()
        assert channel.played == ["en:survey.invite", "en:survey.satisfaction", "en:survey.solved", "en:survey.thanks"]
        assert isinstance(channel.verdict, EndVerdict)
        given = office.record().given
        assert given.surveyed == "survey"
        assert given.scores == (
            SurveyScore(flow="survey", question="satisfaction", score=4),
            SurveyScore(flow="survey", question="solved", score=1),
        )
        told = [event for event in office.journal.events if isinstance(event, ev.SurveyAsked | ev.SurveyAnswered)]
        assert all((event.agent_id, event.queue_id) == (AGENT, SALES.queue_id) for event in told)
        assert [event.number for event in told if isinstance(event, ev.SurveyAsked)] == [KNOWN.e164]
        # The picture of the flow counts him on his way; how far his call has come stays as it is.
        entered = [event for event in office.journal.events if isinstance(event, ev.NodeEntered)]
        assert all(event.aside for event in entered[-4:])
        ways = FlowWays(office.journal.events)
        assert ways.started["survey"] == 1
        assert ("satisfaction", "solved") in {(way.one, way.other) for way in ways.counts if way.flow == "survey"}


async def test_the_time_of_the_survey_is_no_talk_and_the_record_ends_once_as_answered() -> None:
    async with office_of() as office:
        channel = await after_a_talk(office, keys="5 ")
        office.clock.advance(timedelta(seconds=40))
        await ask(office, channel)
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER), CallEnded(interaction_id=CALL))
        record = office.record()
        assert record.outcome is ev.Outcome.ANSWERED
        assert record.talked(office.clock.now()) == timedelta()
        assert record.hangup_side is ev.Side.AGENT
        assert office.names().count("InteractionEnded") == 1


async def test_the_agent_gets_the_next_caller_while_the_former_one_is_asked() -> None:
    async with office_of() as office:
        channel = await after_a_talk(office, keys="41")
        await office.tell(cmd.EndWrapUp(agent_id=AGENT))
        await office.caller(SECOND)
        await office.talk(SECOND)
        await ask(office, channel)
        assert was_asked(channel)
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER))
        assert office.floor.picture.talking_interactions == {SECOND: AGENT}
        assert office.record().agent_id == AGENT


async def test_who_hangs_up_between_two_questions_has_answered_the_first() -> None:
    async with office_of() as office:
        whole = await after_a_talk(office, keys="4")
        await ask(office, whole)
        second = await after_a_talk_of_another(office)
        await office.calls.answer(second)
        await office.settle()
        assert second.verdict is None
        assert [score.question for score in office.record(SECOND).given.scores] == ["satisfaction"]


async def after_a_talk_of_another(office: Office) -> FakeCallerChannel:
    await office.tell(cmd.EndWrapUp(agent_id=AGENT))
    return await after_a_talk(office, SECOND, keys="4", gone_after=9)


# ---- a server that died


@pytest.mark.parametrize(
    ("node", "scores", "heard"),
    [
        ("satisfaction", (), ["satisfaction", "solved", "thanks"]),
        ("solved", (("satisfaction", 4),), ["solved", "thanks"]),
        ("satisfaction", (("satisfaction", 4),), ["solved", "thanks"]),
    ],
)
async def test_a_new_server_asks_the_same_question_again(
    node: str, scores: tuple[tuple[str, int], ...], heard: list[str]
) -> None:
    async with office_of() as office:
        await after_a_talk(office)
        state = CallState(stage=CallStage.AFTER, flow="survey", node=node, language="en", scores=scores)
        channel = returning(keys="41"[len(scores) :], state=decode(state.encode()))
        await ask(office, channel)
        assert channel.played == [f"en:survey.{prompt}" for prompt in heard]
        assert office.names().count("SurveyAsked") == 1
        # What the channel carries counts, also where the journal was lost with the server.
        assert [(score.question, score.score) for score in office.record().given.scores] == [
            ("satisfaction", 4),
            ("solved", 1),
        ]


async def test_what_is_told_already_is_not_told_again() -> None:
    async with office_of() as office:
        await ask(office, await after_a_talk(office, keys="41"))
        state = CallState(
            stage=CallStage.AFTER, flow="survey", node="solved", language="en", scores=(("satisfaction", 4),)
        )
        await ask(office, returning(keys="1", state=state))
        assert office.names().count("SurveyAsked") == 1
        answered = [event for event in office.journal.events if isinstance(event, ev.SurveyAnswered)]
        assert [event.question for event in answered] == ["satisfaction", "solved", "solved"]


async def test_a_channel_whose_flow_or_record_is_gone_is_let_go() -> None:
    async with office_of() as office:
        await after_a_talk(office)
        gone = returning(state=CallState(stage=CallStage.AFTER, flow="nothing", node="x"))
        assert not was_asked(await ask(office, gone))
        unknown = returning(SECOND, state=CallState(stage=CallStage.AFTER, flow="survey", node="solved"))
        assert not was_asked(await ask(office, unknown))
        assert SECOND not in office.floor.interactions


# ---- who is not asked


async def test_a_queue_without_a_survey_lets_its_callers_go() -> None:
    async with office_of(None) as office:
        assert not was_asked(await ask(office, await after_a_talk(office)))
        assert office.record().given.surveyed == ""


async def test_nobody_is_asked_at_no_percent() -> None:
    async with office_of(replace(ALWAYS, percent=0)) as office:
        assert not was_asked(await ask(office, await after_a_talk(office)))


async def test_who_was_in_no_talk_is_not_asked() -> None:
    async with office_of() as office:
        unknown = returning(SECOND)
        assert not was_asked(await ask(office, unknown))
        await office.caller()
        assert not was_asked(await ask(office, returning()))


async def test_a_caller_between_two_agents_is_not_asked() -> None:
    async with office_of() as office:
        channel = await after_a_talk(office, keys="41")
        await office.tell(cmd.Enqueue(interaction_id=CALL, queue_id=SALES.queue_id, entered_at=office.clock.now()))
        assert not was_asked(await ask(office, channel))


async def test_who_was_asked_in_this_call_is_not_asked_again_in_it() -> None:
    async with office_of() as office:
        await ask(office, await after_a_talk(office, keys="41"))
        assert not was_asked(await ask(office, returning()))


async def test_a_flow_that_is_no_survey_any_more_asks_nobody() -> None:
    async with office_of(replace(ALWAYS, flow="sales")) as office:
        assert not was_asked(await ask(office, await after_a_talk(office)))


async def test_the_question_may_come_before_the_news_that_the_talk_is_over() -> None:
    async with office_of() as office:
        await office.caller(ani=KNOWN)
        offer_id = await office.talk()
        channel = returning(keys="41")
        asking = asyncio.create_task(ask(office, channel))
        await office.settle()
        assert not channel.played
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.AGENT))
        await asking
        assert was_asked(channel)


# ---- the rest


async def test_who_was_asked_of_late_is_left_alone() -> None:
    book = FakeBook(asked=True)
    async with office_of(RESTED) as office:
        assert not was_asked(await ask(office, await after_a_talk(office), book))
        assert book.questions == [(office.clock.now() - RESTED.rest, None, "+8613712345678")]


async def test_a_customer_is_known_by_himself_and_not_by_his_number() -> None:
    book = FakeBook()
    customer = CustomerId("anna")
    async with office_of(RESTED) as office:
        channel = await after_a_talk(office, keys="41")
        match = ev.CustomerMatched(
            interaction_id=CALL, at=office.clock.now(), customer_ids=(customer,), customer_id=customer
        )
        await office.tell(match)
        assert was_asked(await ask(office, channel, book))
        assert [asked[1] for asked in book.questions] == [customer]


async def test_a_store_that_does_not_answer_in_time_asks_nobody() -> None:
    async with office_of(RESTED) as office:
        assert not was_asked(await ask(office, await after_a_talk(office), FakeBook(silent=True)))


async def test_without_a_rest_the_store_is_not_asked() -> None:
    book = FakeBook(asked=True)
    async with office_of(ALWAYS) as office:
        assert was_asked(await ask(office, await after_a_talk(office, keys="41"), book))
        assert book.questions == []


async def test_who_cannot_be_told_from_others_is_not_asked_where_there_is_a_rest() -> None:
    async with office_of(RESTED) as office:
        withheld = Number(raw="", withheld=True)
        assert not was_asked(await ask(office, await after_a_talk(office, ani=withheld), FakeBook()))


async def test_two_calls_of_the_same_moment_ask_once_though_the_store_does_not_know_yet() -> None:
    async with office_of(RESTED) as office:
        book = FakeBook()
        assert was_asked(await ask(office, await after_a_talk(office, keys="41"), book))
        await office.tell(cmd.EndWrapUp(agent_id=AGENT))
        assert not was_asked(await ask(office, await after_a_talk(office, SECOND), book))


# ---- whom the lot falls on


def test_the_lot_is_the_same_each_time_and_falls_on_about_so_many() -> None:
    ids = [InteractionId(f"cc1-{number}.7") for number in range(4_000)]
    drawn = [call for call in ids if is_drawn(call, 30)]
    assert drawn == [call for call in ids if is_drawn(call, 30)]
    # Six standard deviations of 4,000 throws at 30 %.
    assert abs(len(drawn) - 1_200) < 174
    assert set(drawn) <= {call for call in ids if is_drawn(call, 31)}
    assert not any(is_drawn(call, 0) for call in ids)
    assert all(is_drawn(call, 100) for call in ids)


@pytest.mark.parametrize("rules", [{"percent": 101}, {"percent": -1}, {"rest": timedelta(-1)}, {"flow": ""}])
def test_rules_that_mean_nothing_are_refused(rules: dict[str, int | str | timedelta]) -> None:
    with pytest.raises(InvalidValue):
        SurveyRules(**{"flow": "survey", **rules})  # type: ignore[arg-type]


# ---- what a survey may be


def test_the_shipped_survey_is_one_and_the_other_flows_are_none() -> None:
    flows = shipped_lines().flows
    assert list(unfit(flows["survey"])) == []
    assert [asked.name for asked in questions_of(flows["survey"])] == ["satisfaction", "solved"]
    faults = [str(fault) for fault in unfit(flows["sales"])]
    assert any("node 'to_sales'" in fault and fault.startswith("sales.yaml:") for fault in faults)
    assert any("asks nothing" in fault for fault in faults)


def test_a_node_of_several_questions_goes_on_at_the_first_without_an_answer() -> None:
    flow = parse_flow(TWO_QUESTIONS, "survey.yaml")
    shorter, node = resumed_at(flow, "ask", ["one"])
    assert node == "ask"
    assert [asked.name for asked in questions_of(shorter)] == ["two"]
    assert resumed_at(flow, "ask", ["one", "two"]) == (flow, "out")
    assert resumed_at(flow, "", []) == (flow, None)


async def test_a_question_in_the_middle_of_a_node_is_asked_again_alone() -> None:
    async with office_of() as office:
        office.lines = replace(office.lines, flows={"survey": parse_flow(TWO_QUESTIONS, "survey.yaml")})
        await after_a_talk(office)
        state = CallState(stage=CallStage.AFTER, flow="survey", node="ask", language="zh", scores=(("one", 2),))
        channel = await ask(office, returning(keys="3", state=state))
        assert channel.played == ["zh:survey.two"]
        assert [(score.question, score.score) for score in office.record().given.scores] == [("one", 2), ("two", 3)]
