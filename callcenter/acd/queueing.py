"""An interaction's way through its queue: entry, steps, coming of age, overflow, being kept for somebody, callbacks.

Laws: an interaction keeps its age wherever it goes; it never overflows back into a queue it came from; whom a queue
sends elsewhere is told apart from who left.
"""

from collections.abc import Iterator
from datetime import datetime

from callcenter.acd.boosts import boost_of
from callcenter.acd.deadlines import DeadlineKind
from callcenter.acd.matching import CALL_GRACE, Matching
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import NOT_AGED, Place
from callcenter.acd.steps import Output, Steps
from callcenter.acd.waiting import WaitingRecord, place_in
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import CALLBACK, AgentState
from callcenter.domain.callbacks import CustomerAnswer, Presence
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, OfferId, QueueId
from callcenter.domain.offers import OfferCause, OfferOutcome
from callcenter.domain.overflows import Overflow, OverflowCause, OverflowKind
from callcenter.domain.queues import QueueLimits

_TOLD_CLOSED = Overflow(kind=OverflowKind.CLOSED)


class Queueing:
    """What happens to waiting interactions but the matching."""

    def __init__(self, picture: Picture, steps: Steps, matching: Matching) -> None:
        self.picture = picture
        self._steps = steps
        self._matching = matching

    # ---- entry

    def enter(self, message: cmd.Enqueue, now: datetime) -> list[Output]:
        """Put a newcomer into a queue, or wherever the queue's rules send him."""
        queue = self.picture.queue(message.queue_id)
        callback = message.callback
        if callback is not None and callback.number in self.picture.callbacks:
            raise Conflict(
                f"{callback.number} is to be called back already "
                f"(interaction {self.picture.callbacks[callback.number]}); one callback for a number is enough",
                code="callback_exists",
            )
        if (callback is not None) is not (message.media_type == CALLBACK):
            raise InvalidValue(f"a {message.media_type} interaction and a callback do not go together")
        self.picture.overflowed.pop(message.interaction_id, None)
        record = WaitingRecord(
            interaction_id=message.interaction_id,
            queue_id=message.queue_id,
            entered_at=message.entered_at,
            placed_at=message.placed_at or message.entered_at,
            media_type=message.media_type,
            base_priority=message.priority,
            skills=message.skills,
            traits=message.traits,
            callback=callback,
            presence=Presence.PRESENT if callback is None else Presence.ABSENT,
            place=_nowhere(message),
            pool=queue.pools[0],
        )
        return self._enter(record, now, admitted=message.admitted)

    def _enter(self, record: WaitingRecord, now: datetime, *, admitted: bool, by: str = "") -> list[Output]:
        queue = self.picture.queues[record.queue_id]
        found = None if by else self._entry_overflow(queue, now, admitted=admitted)
        if found is not None and self._may_overflow(record, found[1]):
            return self._overflow(record, *found, now)
        self._stand_to(record, queue, now)
        self.picture.add_waiting(record)
        out: list[Output] = [
            ev.InteractionQueued(
                interaction_id=record.interaction_id,
                at=now,
                queue_id=record.queue_id,
                entered_at=record.entered_at,
                priority=record.priority,
                skills=record.skills,
                media_type=record.media_type,
                base_priority=record.base_priority,
                grounds=record.grounds,
                traits=record.traits,
                callback=record.callback,
                placed_at=None if record.placed_at == record.entered_at else record.placed_at,
                by=by,
            )
        ]
        if not by:
            out += self._keep_for_somebody(record, queue, now)
        self._steps.find_stand(record)
        self._arm(record, queue, now)
        return out

    def _stand_to(self, record: WaitingRecord, queue: QueueRecord, now: datetime) -> None:
        """Work out step, boost, pool and place as they are now."""
        config = queue.config
        waited = now - record.placed_at
        steps = config.routing
        record.step = max((index for index, step in enumerate(steps) if step.after <= waited), default=0)
        record.step_priority = sum(step.priority for step in steps[: record.step + 1])
        record.boost, record.grounds = boost_of(record.traits, config.boosts)
        limit = config.ageing_limit
        record.aged = limit is not None and now - record.entered_at >= limit
        record.pool = self.picture.pool_for(queue, record)
        record.place = place_in(record, config)

    def _keep_for_somebody(self, record: WaitingRecord, queue: QueueRecord, now: datetime) -> list[Output]:
        boosts, traits = queue.config.boosts, record.traits
        wanted = ((traits.account_manager_id, boosts.account_manager), (traits.last_agent_id, boosts.last_agent))
        for agent_id, how_long in wanted:
            until = record.placed_at + how_long
            agent = self.picture.agents.get(agent_id) if agent_id is not None else None
            if agent is None or until <= now or not agent.serving or not record.on_the_phone:
                continue
            if any(agent.agent_id in pool.agents for pool in (record.pool, *queue.pools)):
                return self._keep_for(record, agent.agent_id, until, now)
        return []

    def _keep_for(self, record: WaitingRecord, agent_id: AgentId, until: datetime, now: datetime) -> list[Output]:
        record.reserved_for, record.reserved_until = agent_id, until
        return [ev.InteractionReserved(interaction_id=record.interaction_id, at=now, agent_id=agent_id, until=until)]

    # ---- overflow

    def _entry_overflow(
        self, queue: QueueRecord, now: datetime, *, admitted: bool
    ) -> tuple[OverflowCause, Overflow] | None:
        limits = queue.config.limits
        if queue.config.closed_by:
            return OverflowCause.EMERGENCY, limits.when_emergency or _TOLD_CLOSED
        if not admitted:
            if limits.hours is not None and limits.when_closed is not None and not limits.hours.is_open(now):
                return OverflowCause.HOURS, limits.when_closed
            is_full = limits.max_waiting is not None and len(queue.waiting) >= limits.max_waiting
            if is_full and limits.when_full is not None:
                return OverflowCause.FULL, limits.when_full
        if limits.when_nobody is not None and self._nobody_for_long(queue, limits, now):
            return OverflowCause.NOBODY, limits.when_nobody
        return None

    def _nobody_for_long(self, queue: QueueRecord, limits: QueueLimits, now: datetime) -> bool:
        if not self._matching.routing or queue.served:
            return False
        since = queue.unserved_since or now
        return now - since >= limits.nobody_after

    def _may_overflow(self, record: WaitingRecord, overflow: Overflow) -> bool:
        if overflow.kind is OverflowKind.QUEUE:
            target = QueueId(overflow.target)
            return target in self.picture.queues and target not in (record.queue_id, *record.visited)
        # Whose customer is not on the line cannot be told anything, and nobody else can be called for him.
        return record.presence is Presence.PRESENT and record.media_type != CALLBACK

    def _overflow(self, record: WaitingRecord, cause: OverflowCause, overflow: Overflow, now: datetime) -> list[Output]:
        """Send an interaction on that waits nowhere (any more)."""
        told = ev.InteractionOverflowed(
            interaction_id=record.interaction_id,
            at=now,
            queue_id=record.queue_id,
            cause=cause,
            overflow=overflow,
        )
        if overflow.kind is not OverflowKind.QUEUE:
            self.picture.overflowed[record.interaction_id] = told
            return [told]
        self._go_to(record, QueueId(overflow.target), now)
        return [told, *self._enter(record, now, admitted=False)]

    def _go_to(self, record: WaitingRecord, queue_id: QueueId, now: datetime) -> None:
        record.visited = (*record.visited, record.queue_id)
        record.queue_id, record.placed_at = queue_id, now
        record.reserved_for, record.reserved_until, record.picked = None, None, False
        record.offer_ids = ()

    def send_on(
        self, record: WaitingRecord, cause: OverflowCause, overflow: Overflow | None, now: datetime
    ) -> list[Output]:
        """Take a waiting interaction out by a rule of its queue; nothing happens where it cannot go there."""
        if overflow is None or not self._may_overflow(record, overflow):
            return []
        out = self._steps.take_out(record, OfferOutcome.WITHDRAWN, None, now)
        return out + self._overflow(record, cause, overflow, now)

    # ---- what a supervisor does

    def move(self, message: cmd.MoveInteraction, now: datetime) -> list[Output]:
        """To another queue, with its age; its rules for newcomers do not count."""
        record = self.picture.waiting_record(message.interaction_id)
        self.picture.queue(message.queue_id)
        if record.queue_id == message.queue_id:
            return []
        out = self._steps.take_out(record, OfferOutcome.WITHDRAWN, None, now)
        self._go_to(record, message.queue_id, now)
        record.visited = ()
        return out + self._enter(record, now, admitted=True, by=message.by)

    def set_priority(self, message: cmd.SetPriority, now: datetime) -> list[Output]:
        """Another priority, and with it another place."""
        record = self.picture.waiting_record(message.interaction_id)
        if record.base_priority == message.priority:
            return []
        record.base_priority = message.priority
        self._replace(record, self.picture.queues[record.queue_id])
        return [
            ev.PriorityChanged(
                interaction_id=record.interaction_id,
                at=now,
                priority=record.priority,
                base_priority=record.base_priority,
                by=message.by,
            )
        ]

    def pick(self, message: cmd.PickForAgent, now: datetime) -> list[Output]:
        """Keep an interaction for one agent; whoever else is rung for it stops."""
        record = self.picture.waiting_record(message.interaction_id)
        agent = self.picture.agent(message.agent_id)
        if agent.state in (AgentState.LOGGED_OUT, AgentState.NOT_READY):
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; pick somebody who is at work", code="agent_not_at_work"
            )
        if not record.on_the_phone and agent.config.chats < 1:
            raise Conflict(f"agent {agent.agent_id} holds no chats", code="agent_cannot")
        out: list[Output] = []
        for offer_id in record.offer_ids:
            if self.picture.offers[offer_id].agent_id != agent.agent_id:
                out += self._steps.withdraw(self.picture.offers[offer_id], now)
        self.picture.stand_nowhere(record)
        record.reserved_for, record.reserved_until, record.picked = agent.agent_id, now + message.within, True
        self._steps.find_stand(record)
        self._arm(record, self.picture.queues[record.queue_id], now)
        kept = ev.InteractionReserved(
            interaction_id=record.interaction_id,
            at=now,
            agent_id=agent.agent_id,
            until=now + message.within,
            by=message.by,
        )
        return [*out, kept]

    # ---- what happens by itself

    def wake(self, record: WaitingRecord, now: datetime) -> list[Output]:
        """Do what has become due of a waiting interaction."""
        queue = self.picture.queues[record.queue_id]
        config, out = queue.config, list[Output]()
        if record.reserved_until is not None and record.reserved_until <= now:
            self.release(record)
        if record.calling_until is not None and record.calling_until <= now:
            answer = CustomerAnswer.NO_ANSWER
            return self.customer_called(
                cmd.ReportCustomerCalled(interaction_id=record.interaction_id, answer=answer), now
            )
        callback = record.callback
        if callback is not None and callback.not_before is not None and callback.not_before <= now:
            self._steps.hold_callback(record, None)
        waited = now - record.placed_at
        while record.step + 1 < len(config.routing) and config.routing[record.step + 1].after <= waited:
            out += self._escalate(record, queue, now)
            overflow = config.routing[record.step].overflow
            if overflow is not None:
                sent = self.send_on(record, OverflowCause.STEP, overflow, now)
                if sent:
                    return out + sent
        if not record.aged and config.ageing_limit is not None and now - record.entered_at >= config.ageing_limit:
            record.aged = True
            self._replace(record, queue)
            out.append(self._escalated(record, now))
        limits = config.limits
        if limits.max_wait is not None and waited >= limits.max_wait:
            sent = self.send_on(record, OverflowCause.TOO_LONG, limits.when_too_long, now)
            if sent:
                return out + sent
        self.picture.unmatched[record.interaction_id] = None
        self._arm(record, queue, now)
        return out

    def _escalate(self, record: WaitingRecord, queue: QueueRecord, now: datetime) -> list[Output]:
        record.step += 1
        record.step_priority += queue.config.routing[record.step].priority
        self._replace(record, queue)
        return [self._escalated(record, now)]

    def _escalated(self, record: WaitingRecord, now: datetime) -> ev.InteractionEscalated:
        return ev.InteractionEscalated(
            interaction_id=record.interaction_id,
            at=now,
            queue_id=record.queue_id,
            step=record.step,
            priority=record.priority,
            aged=record.aged,
        )

    def _replace(self, record: WaitingRecord, queue: QueueRecord) -> None:
        """Put a waiting interaction at the place and into the pool that are right now."""
        self.picture.stand_nowhere(record)
        queue.waiting.remove(record.place)
        record.pool.waiting -= 1
        record.pool = self.picture.pool_for(queue, record)
        record.place = place_in(record, queue.config)
        record.pool.waiting += 1
        queue.waiting.add(record.place)
        self._steps.find_stand(record)
        self.picture.unsettled_queues[record.queue_id] = None

    def follow_rules(self, queue: QueueRecord, now: datetime) -> None:
        """After a queue's rules changed: everybody who waits, by the new ones."""
        for record in [self.picture.waiting[interaction_id] for interaction_id in queue.waiting]:
            self.picture.stand_nowhere(record)
            queue.waiting.remove(record.place)
            record.pool.waiting -= 1
            self._stand_to(record, queue, now)
            record.pool.waiting += 1
            queue.waiting.add(record.place)
            self._steps.find_stand(record)
            self._arm(record, queue, now)

    def release(self, record: WaitingRecord) -> None:
        """Keep an interaction for nobody any longer."""
        self.picture.stand_nowhere(record)
        record.reserved_for, record.reserved_until, record.picked = None, None, False
        self._steps.find_stand(record)

    def _arm(self, record: WaitingRecord, queue: QueueRecord, now: datetime) -> None:
        moment = min((moment for moment in self._moments(record, queue) if moment > now), default=None)
        record.wake_at = moment
        if moment is not None:
            self._steps.deadlines.arm(DeadlineKind.WAITING, record.interaction_id, moment)

    def _moments(self, record: WaitingRecord, queue: QueueRecord) -> Iterator[datetime]:
        config = queue.config
        steps = config.routing
        if record.step + 1 < len(steps):
            yield record.placed_at + steps[record.step + 1].after
        if not record.aged and config.ageing_limit is not None:
            yield record.entered_at + config.ageing_limit
        if record.reserved_until is not None:
            yield record.reserved_until
        if record.calling_until is not None:
            yield record.calling_until
        if record.callback is not None and record.callback.not_before is not None:
            yield record.callback.not_before
        if config.limits.max_wait is not None and config.limits.when_too_long is not None:
            yield record.placed_at + config.limits.max_wait
        for delay in queue.delays:
            yield record.entered_at + delay

    # ---- callbacks

    def agent_waits(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """The agent of a callback has answered: call the customer for him."""
        offer = self.picture.offers.get(offer_id)
        record = self.picture.waiting.get(offer.interaction_id) if offer is not None else None
        if offer is None or record is None or record.callback is None or record.presence is not Presence.ABSENT:
            return []
        rules = self.picture.queues[record.queue_id].config.callback_rules
        self._steps.set_offer_end(offer_id, now + rules.ring_timeout + CALL_GRACE)
        return self._matching.call_customer(record, now, offer_id)

    def customer_called(self, message: cmd.ReportCustomerCalled, now: datetime) -> list[Output]:
        """What became of the call to a callback's customer."""
        record = self.picture.waiting.get(message.interaction_id)
        if record is None or record.callback is None or record.presence is Presence.PRESENT:
            return []
        attempt, record.calling_until = record.callback.attempts, None
        if message.answer is CustomerAnswer.ANSWERED:
            self.picture.stand_nowhere(record)
            record.presence = Presence.PRESENT
            self._steps.find_stand(record)
            self._arm(record, self.picture.queues[record.queue_id], now)
            return [_answered(record, now, attempt, message.answer, None)]
        rules = self.picture.queues[record.queue_id].config.callback_rules
        out: list[Output] = []
        for offer_id in record.offer_ids:
            out += self._steps.withdraw(self.picture.offers[offer_id], now, OfferCause.CUSTOMER_NOT_REACHED)
        record.presence = Presence.ABSENT
        if attempt >= rules.attempts:
            self.picture.drop_waiting(record)
            return [
                *out,
                _answered(record, now, attempt, message.answer, None),
                ev.InteractionEnded(
                    interaction_id=record.interaction_id,
                    at=now,
                    outcome=ev.Outcome.CALLBACK_FAILED,
                    side=ev.Side.SYSTEM,
                ),
            ]
        pause = rules.retry_busy_after if message.answer is CustomerAnswer.BUSY else rules.retry_no_answer_after
        self._steps.hold_callback(record, now + pause)
        self._arm(record, self.picture.queues[record.queue_id], now)
        return [*out, _answered(record, now, attempt, message.answer, now + pause)]

    def call_those_next(self, queue: QueueRecord, now: datetime) -> list[Output]:
        """Customers who are to be called first are called when they are among the next of their queue."""
        lead = queue.config.callback_rules.lead
        out: list[Output] = []
        for _, _, _, interaction_id in queue.waiting.places[:lead]:
            record = self.picture.waiting[interaction_id]
            callback = record.callback
            if callback is None or callback.not_before is not None or record.presence is not Presence.ABSENT:
                continue
            if record.pool.serving and self._matching.must_be_called_first(record):
                out += self._matching.call_customer(record, now)
        return out


def _nowhere(message: cmd.Enqueue) -> Place:
    return (NOT_AGED, 0, message.entered_at, message.interaction_id)


def _answered(
    record: WaitingRecord, now: datetime, attempt: int, answer: CustomerAnswer, next_at: datetime | None
) -> ev.CustomerAnswered:
    return ev.CustomerAnswered(
        interaction_id=record.interaction_id, at=now, attempt=attempt, answer=answer, next_at=next_at
    )
