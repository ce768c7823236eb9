"""Transfers: an agent sends his caller on, to a colleague, a queue or a number outside.

Laws: an order is one step of the exchange's: either he is sent on with all he needs on his channel, or he stays in his
talk. The note is on the disk before he leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture, QueueRecord
from callcenter.app.call_state import CallStage, CallState, Sent
from callcenter.app.callback_choice import Numbers
from callcenter.app.floor import caller_leg
from callcenter.app.floor_messages import Message
from callcenter.app.ports import Clock, Journal
from callcenter.app.sent_callers import FRONT_PRIORITY
from callcenter.app.transfer_port import SendLine
from callcenter.app.transfer_views import TargetsView, draw_agents, draw_queues
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.callers import A_STRANGER
from callcenter.domain.direct import agent_of, direct_queue_id
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.transfers import TargetKind, TransferEnd, TransferTarget

log = structlog.get_logger(__name__)

DURABLE_WITHIN = timedelta(seconds=2)
MOST_OUTSIDE = 20
"""So many callers at once are with numbers outside, or on the way there: each holds two lines of the trunk."""


class TransferFloor(Protocol):
    """What transfers want of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTalk:
    """The talk an agent has: whose it is, and the caller's channel."""

    record: Interaction
    agent_id: AgentId
    offer_id: OfferId
    caller_leg_id: str


class Transfers:
    """Blind transfers, and what consultations share with them."""

    def __init__(
        self,
        *,
        floor: TransferFloor,
        line: SendLine,
        journal: Journal,
        numbers: Numbers,
        clock: Clock,
        new_id: Callable[[], TransferId],
    ) -> None:
        self._floor = floor
        self._line = line
        self._journal = journal
        self._numbers = numbers
        self._clock = clock
        self._new_id = new_id

    async def send(self, agent_id: AgentId, target: TransferTarget, note: str) -> None:
        """Send the agent's caller on without asking; returns when the exchange has done it.

        Raises `NotFound`, `InvalidValue` or `Conflict`, and then the talk goes on.
        """
        talk = self.talk_of(agent_id)
        if any(one.ended_at is None for one in talk.record.handling.consultations):
            raise Conflict(
                "you are asking somebody about this caller; hand him over, or take him back first",
                code="consulting_already",
            )
        target = self.checked(agent_id, target)
        now = self._clock.now()
        told = ev.InteractionTransferred(
            interaction_id=talk.record.interaction_id,
            at=now,
            transfer_id=self._new_id(),
            agent_id=agent_id,
            offer_id=talk.offer_id,
            target=target,
            note=note,
        )
        await self._floor.request(told)
        await self._journal.flushed(DURABLE_WITHIN)
        try:
            await self._line.send(talk.caller_leg_id, self.state_for(talk, target))
        except CallcenterError:
            failed = ev.TransferEnded(
                interaction_id=told.interaction_id, at=self._clock.now(), end=TransferEnd.TO_QUEUE
            )
            await self._floor.request(failed)
            raise
        log.info("caller_sent", kind=target.kind, agent_id=agent_id, interaction_id=told.interaction_id)

    def targets(self, agent_id: AgentId) -> TargetsView:
        """Where his caller can be sent now."""
        picture = self._floor.picture
        return TargetsView(
            agents=draw_agents(picture, agent_id),
            queues=draw_queues(picture, self._clock.now()),
            numbers=self._numbers.can_call_out,
        )

    # ---- what consultations share

    def talk_of(self, agent_id: AgentId) -> OwnTalk:
        """The agent's talk with a caller; raises `Conflict`."""
        agent = self._floor.picture.agent(agent_id)
        if not agent.in_talk or agent.interaction_id is None or agent.offer_id is None:
            raise Conflict("you are in no talk; only a caller you talk with can be transferred", code="not_in_talk")
        record = self._floor.interactions.get(agent.interaction_id)
        leg = caller_leg(record) if record is not None else None
        if record is None or leg is None or record.stage is Stage.ENDED:
            raise Conflict("the talk is just ending", code="not_in_talk")
        waits = record.handling.open_transfer()
        if waits is not None and waits.offer_id == agent.offer_id:
            raise Conflict("this caller is being transferred already", code="transfer_under_way")
        return OwnTalk(record=record, agent_id=agent_id, offer_id=agent.offer_id, caller_leg_id=leg.leg_id)

    def checked(self, agent_id: AgentId, target: TransferTarget) -> TransferTarget:
        """The target as it is called; raises `NotFound`, `InvalidValue` or `Conflict` where it cannot be one."""
        match target.kind:
            case TargetKind.AGENT:
                self._check_agent(agent_id, AgentId(target.target))
                return target
            case TargetKind.QUEUE:
                self._check_queue(QueueId(target.target))
                return target
            case TargetKind.NUMBER:
                return TransferTarget(kind=target.kind, target=self._checked_number(target.target))

    def state_for(self, talk: OwnTalk, target: TransferTarget) -> CallState:
        """What the caller's channel carries on the way to the target."""
        state = self._state(talk)
        match target.kind:
            case TargetKind.NUMBER:
                return replace(
                    state, stage=CallStage.OUT, sent=_sent(talk, self.from_queue(talk.record), target.target)
                )
            case TargetKind.AGENT:
                return replace(state, queue_id=direct_queue_id(AgentId(target.target)))
            case TargetKind.QUEUE:
                queue = self._floor.picture.queue(QueueId(target.target))
                placement = talk.record.placement
                skills = placement.skills if placement is not None else ()
                return replace(
                    state,
                    queue_id=queue.config.queue_id,
                    priority=min(placement.base_priority, FRONT_PRIORITY - 1) if placement is not None else 0,
                    skills=tuple(need for need in skills if _somebody_has(queue, need)),
                )

    def state_for_front(self, talk: OwnTalk) -> CallState:
        """What it carries should the agent be gone while nobody else has the caller: the first place of his queue."""
        queue_id = self.from_queue(talk.record)
        if queue_id is None:
            # He came by no queue of the business: to the agent's own, and from there by the rule of who comes back.
            return replace(self._state(talk), queue_id=direct_queue_id(talk.agent_id))
        return replace(self._state(talk), queue_id=queue_id, priority=FRONT_PRIORITY, sent=None)

    def from_queue(self, record: Interaction) -> QueueId | None:
        """The queue of the business that he came by last."""
        passed = (record.queue_id, *(offer.queue_id for offer in reversed(record.offers)))
        queues = self._floor.picture.queues
        return next((name for name in passed if name is not None and name in queues and agent_of(name) is None), None)

    def _state(self, talk: OwnTalk) -> CallState:
        record, now = talk.record, self._clock.now()
        traits = record.placement.traits if record.placement is not None else A_STRANGER
        return CallState(
            stage=CallStage.QUEUE,
            language=record.language,
            entered_at=now,
            traits=replace(traits, transferred=True),
            sent=_sent(talk, self.from_queue(record), ""),
        )

    def _check_agent(self, agent_id: AgentId, target: AgentId) -> None:
        if target == agent_id:
            raise Conflict("you have this caller already; choose somebody else", code="own_talk")
        agent = self._floor.picture.agents.get(target)
        if agent is None:
            raise NotFound(f"there is no agent {target}", code="unknown_agent")
        if not agent.serving:
            how = "about to go" if agent.state not in (AgentState.NOT_READY, AgentState.LOGGED_OUT) else agent.state
            raise Conflict(
                f"agent {target} is {how}; choose somebody who is at work, or a queue", code="agent_not_at_work"
            )

    def _check_queue(self, queue_id: QueueId) -> None:
        queue = self._floor.picture.queues.get(queue_id)
        if queue is None or agent_of(queue_id) is not None:
            raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
        hours = queue.config.limits.hours
        if queue.config.closed_by or (hours is not None and not hours.is_open(self._clock.now())):
            raise Conflict(f"queue {queue_id} is closed; choose another one", code="queue_closed")
        if not queue.served:
            raise Conflict(f"nobody at work serves queue {queue_id}; choose another one", code="queue_unserved")

    def _checked_number(self, text: str) -> str:
        if not self._numbers.can_call_out:
            raise Conflict("there is no line for calls out; choose an agent or a queue", code="no_outside_line")
        number = self._numbers.dialled(text)
        if number is None:
            raise InvalidValue(
                f"{text!r} is no telephone number; type it as you would dial it, or with +86", code="invalid_number"
            )
        outside = sum(1 for record in self._floor.interactions.values() if _is_outside(record))
        if outside >= MOST_OUTSIDE:
            raise Conflict(
                f"{outside} callers are with numbers outside already; try again in a moment", code="too_many_outside"
            )
        return number


def _is_outside(record: Interaction) -> bool:
    if record.stage is Stage.ENDED:
        return False
    waits = record.handling.open_transfer()
    asked = any(one.ended_at is None and one.target.kind is TargetKind.NUMBER for one in record.handling.consultations)
    return asked or (waits is not None and waits.target.kind is TargetKind.NUMBER)


def _somebody_has(queue: QueueRecord, need: SkillRequirement) -> bool:
    """Whether anybody of the queue could ever take him: what the queue before asked for may be nothing here."""
    agents = (agent for pool in queue.pools for agent in pool.agents.values())
    return any(agent.config.skills.get(need.skill, 0) >= need.minimum_level for agent in agents)


def _sent(talk: OwnTalk, from_queue: QueueId | None, number: str) -> Sent:
    return Sent(by=talk.agent_id, offer_id=talk.offer_id, from_queue=from_queue, number=number)
