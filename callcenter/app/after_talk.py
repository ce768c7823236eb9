"""After the talk: decides whether the caller is asked what he thinks of it, and asks him.

Law: nobody waits for a survey. Whatever cannot be known in a moment means that he is not asked, and hung up at once.
The record goes on until the caller's channel ends; his talk is over, and his agent free for the next.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import CallerChannel, CallerGone, EndVerdict, Question
from callcenter.app.floor import Floor, Touched
from callcenter.app.menu import Voice, run_flow
from callcenter.app.ports import Clock
from callcenter.app.surveys import SurveyBook
from callcenter.domain import events as ev
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.surveys import MOST_PERCENT, SurveyRules
from callcenter.ivr import messages as ivr
from callcenter.ivr.flow import Flow
from callcenter.ivr.survey import resumed_at, unfit
from callcenter.ivr.variables import Value

log = structlog.get_logger(__name__)

REST_LIMIT = timedelta(milliseconds=300)
"""The longest the store is asked whether he was asked before."""
TALK_END_LIMIT = timedelta(seconds=2)
"""The longest it takes until the talk's end, told on another line, is known; usually it is known already."""


class SurveyLines(Protocol):
    """The flows as the configuration has them now."""

    @property
    def flows(self) -> Mapping[str, Flow]:
        """Every flow by its name."""
        ...

    @property
    def default_language(self) -> str:
        """The language of who has not chosen one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """Who is asked what; `state` is what his channel carries."""

    record: Interaction
    flow: Flow
    state: CallState


class AfterTalk:
    """The use case behind the question of a channel that comes from a talk."""

    def __init__(
        self,
        *,
        floor: Floor,
        voice: Voice,
        clock: Clock,
        lines: Callable[[], SurveyLines],
        book: SurveyBook | None = None,
    ) -> None:
        """Without a `book` nobody can say who was asked before, so only queues without a rest ask."""
        self._floor = floor
        self._voice = voice
        self._clock = clock
        self._lines = lines
        self._book = book
        self._awaited: dict[InteractionId, asyncio.Event] = {}
        """Of calls whose talk is believed to go on: told when their records change."""
        floor.watch(self._note)

    async def answer(self, channel: CallerChannel) -> None:
        """Ask him, or let him go; raises `CallerGone`."""
        question = channel.question
        survey = self._under_way(question)
        if survey is None and question.state.stage is not CallStage.AFTER:
            survey = await self._begun(channel)
        state = question.state
        if survey is not None:
            state = await self._ask(channel, survey)
        await channel.decide(EndVerdict(), state)

    # ---- whether

    def _under_way(self, question: Question) -> _Survey | None:
        """He was being asked when a server died: the same question again."""
        if question.state.stage is not CallStage.AFTER:
            return None
        record = self._floor.interactions.get(question.interaction_id)
        flow = self._flow(question.state.flow)
        if record is None or flow is None:
            return None
        return _Survey(record=record, flow=flow, state=question.state)

    async def _begun(self, channel: CallerChannel) -> _Survey | None:
        record = await self._after_its_talk(channel.question.interaction_id)
        rules = self._rules(record) if record is not None else None
        if (
            record is None
            or rules is None
            or record.given.surveyed
            or not is_drawn(record.interaction_id, rules.percent)
        ):
            return None
        if not await self._has_rested(record, rules):
            return None
        flow = self._flow(rules.flow)
        if flow is None:
            return None
        state = CallState(
            stage=CallStage.AFTER,
            flow=flow.name,
            language=record.language or channel.question.state.language or self._lines().default_language,
            queue_id=channel.question.state.queue_id,
        )
        # The channel first: whoever finds it so goes on asking, and tells that he was asked if nobody has yet.
        await channel.remember(state)
        return _Survey(record=record, flow=flow, state=state)

    async def _after_its_talk(self, interaction_id: InteractionId) -> Interaction | None:
        """The record once its talk is over; None where there is none, or where it goes on with somebody else."""
        picture = self._floor.picture
        changed = self._awaited.setdefault(interaction_id, asyncio.Event())
        try:
            async with asyncio.timeout(TALK_END_LIMIT.total_seconds()):
                while interaction_id in picture.talking_interactions:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            log.warning("talk_end_not_told")
        finally:
            self._awaited.pop(interaction_id, None)
        record = self._floor.interactions.get(interaction_id)
        goes_on = interaction_id in picture.talking_interactions or interaction_id in picture.waiting
        if record is None or goes_on or record.stage is Stage.ENDED or record.times.talk_ended_at is None:
            return None
        return record

    def _note(self, touched: Touched) -> None:
        for interaction_id in touched.interactions & self._awaited.keys():
            self._awaited[interaction_id].set()

    def _rules(self, record: Interaction) -> SurveyRules | None:
        queue = self._floor.picture.queues.get(record.queue_id) if record.queue_id is not None else None
        return queue.config.survey if queue is not None and record.agent_id is not None else None

    async def _has_rested(self, record: Interaction, rules: SurveyRules) -> bool:
        """Whether he was not asked for as long as the queue wants; who is not known at all may have been."""
        number = record.ani.e164 or ""
        if not rules.rest:
            return True
        if record.customer_id is None and not number:
            return False
        since = self._clock.now() - rules.rest
        if any(_was_asked(other, record) for other in self._floor.interactions.values()) or self._book is None:
            return False
        try:
            async with asyncio.timeout(REST_LIMIT.total_seconds()):
                return not await self._book.asked_since(since, customer_id=record.customer_id, number=number)
        except (TimeoutError, CallcenterError) as error:
            log.warning("survey_rest_unknown", error=str(error) or type(error).__name__)
            return False

    def _flow(self, name: str) -> Flow | None:
        """The flow, if it may ask after a talk; the configuration is checked, but files may change after that."""
        if not name:
            return None
        flow = self._lines().flows.get(name)
        if flow is None:
            log.error("survey_flow_unknown", flow=name)
            return None
        for fault in unfit(flow):
            log.error("survey_flow_unfit", fault=str(fault))
            return None
        return flow

    # ---- asking

    async def _ask(self, channel: CallerChannel, survey: _Survey) -> CallState:
        record, state = survey.record, survey.state
        walk = _Walk(self._floor, self._clock, channel, record, state)
        walk.catch_up()
        flow, node = resumed_at(survey.flow, state.node, [question for question, _ in state.scores])
        ended = await run_flow(
            channel,
            ivr.StartFlow(
                flow=flow,
                variables=self._variables(record, state.language),
                language=state.language,
                at_node=node,
                flows=self._lines().flows,
            ),
            voice=self._voice,
            clock=self._clock,
            report=walk.report,
        )
        if isinstance(ended.result, ivr.CallerLeft):
            raise CallerGone("the caller left the survey")
        return walk.state

    def _variables(self, record: Interaction, language: str) -> dict[str, Value]:
        """What a survey's prompts may say of the talk, if its flow declares them as text."""
        picture = self._floor.picture
        agent = picture.agents.get(record.agent_id) if record.agent_id is not None else None
        queue = picture.queues.get(record.queue_id) if record.queue_id is not None else None
        label = queue.config.label if queue is not None else None
        queue_name = "" if label is None else label.zh if language == "zh" else label.en
        return {"agent_name": agent.config.name if agent is not None else "", "queue_name": queue_name}


class _Walk:
    """One walk through a survey: what is answered is told, and carried by the channel."""

    def __init__(
        self, floor: Floor, clock: Clock, channel: CallerChannel, record: Interaction, state: CallState
    ) -> None:
        self._floor = floor
        self._clock = clock
        self._channel = channel
        self._record = record
        self.state = state

    def catch_up(self) -> None:
        """Tell what the channel carries and the record lacks: a server may have died before the disk had it."""
        record, at = self._record, self._clock.now()
        if not record.given.surveyed:
            self._floor.tell(
                ev.SurveyAsked(
                    interaction_id=record.interaction_id,
                    at=at,
                    flow=self.state.flow,
                    agent_id=record.agent_id,
                    queue_id=record.queue_id,
                    customer_id=record.customer_id,
                    number=record.ani.e164 or "",
                )
            )
        known = {(score.flow, score.question): score.score for score in record.given.scores}
        for question, score in self.state.scores:
            if known.get((self.state.flow, question)) != score:
                self._tell_score(question, score)

    def _tell_score(self, question: str, score: int) -> None:
        record = self._record
        self._floor.tell(
            ev.SurveyAnswered(
                interaction_id=record.interaction_id,
                at=self._clock.now(),
                flow=self.state.flow,
                question=question,
                score=score,
                agent_id=record.agent_id,
                queue_id=record.queue_id,
                customer_id=record.customer_id,
            )
        )

    async def report(self, event: ivr.Event) -> None:
        """Take one event of the interpreter."""
        match event:
            case ivr.NodeEntered(node=node):
                self.state = replace(self.state, node=node)
                self._floor.tell(
                    ev.NodeEntered(
                        interaction_id=self._record.interaction_id, at=self._clock.now(), node=node, aside=True
                    )
                )
            case ivr.LanguageChosen(language=language):
                self.state = replace(self.state, language=language)
            case ivr.SurveyAnswered(question=question, score=score):
                scores = {**dict(self.state.scores), question: score}
                self.state = replace(self.state, scores=tuple(scores.items()))
                self._tell_score(question, score)
            case ivr.ConditionFailed() | ivr.StepLimitReached() | ivr.PartMissing():
                log.error("flow_fault", flow_event=type(event).__name__, node=event.node)
                return
            case _:
                return
        await self._channel.remember(self.state)


def is_drawn(interaction_id: InteractionId, percent: int) -> bool:
    """Whether this call is among the `percent` that are asked: the same call always is, or never."""
    drawn = int.from_bytes(hashlib.sha256(interaction_id.encode()).digest()[:8])
    return drawn % (MOST_PERCENT * 100) < percent * 100


def _was_asked(other: Interaction, record: Interaction) -> bool:
    """Whether another call of this very moment, which the store may not have yet, was his, and he was asked."""
    if not other.given.surveyed or other.interaction_id == record.interaction_id:
        return False
    if record.customer_id is not None:
        return other.customer_id == record.customer_id
    return other.ani.e164 == record.ani.e164
