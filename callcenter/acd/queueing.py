"""An interaction's way through its queue: entry, steps, coming of age, overflow, being kept for somebody, callbacks.

Laws: an interaction keeps its age wherever it goes; it never overflows back into a queue it came from; whom a queue
sends elsewhere is told apart from who left.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from callcenter.acd import overflow
from callcenter.acd.boosts import boost_of
from callcenter.acd.matching import CALL_GRACE, Matching
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import NOT_AGED, Place
from callcenter.acd.steps import OFFER_GRACE, Output, Steps
from callcenter.acd.waiting import Stand, WaitingRecord, place_in
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import CALLBACK
from callcenter.domain.callbacks import Callback, CalledFirst, CustomerAnswer, Presence
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, OfferId, QueueId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome
from callcenter.domain.overflows import Overflow, OverflowCause, OverflowKind

HELD_LIMIT = 20
"""So many callbacks that are to be tried again later do not hide who is next behind them."""


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
        if callback is not None and callback.not_before is not None and callback.not_before <= now:
            record.callback = replace(callback, not_before=None)
        return self._enter(record, now, admitted=message.admitted)

    def enter_call_out(self, message: cmd.CallOut, now: datetime) -> tuple[WaitingRecord, list[Output]]:
        """Put a call out into its agent's own queue; whoever asks offers it to him at once."""
        queue = self.picture.queue(message.queue_id)
        record = WaitingRecord(
            interaction_id=message.interaction_id,
            queue_id=message.queue_id,
            entered_at=now,
            placed_at=now,
            callback=Callback(number=message.number, requested_at=now, called_by=message.agent_id),
            presence=Presence.ABSENT,
            place=(NOT_AGED, 0, now, message.interaction_id),
            pool=queue.pools[0],
        )
        return record, self._enter(record, now, admitted=True)

    def _enter(self, record: WaitingRecord, now: datetime, *, admitted: bool, by: str | None = None) -> list[Output]:
        """`by` is a supervisor who moved it here: then the queue's rules for those who come do not count."""
        queue = self.picture.queues[record.queue_id]
        if by is None:
            routing = self._matching.routing
            found = overflow.at_entry(self.picture, record, now, admitted=admitted, routing=routing)
            if found is not None:
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
                by=by or "",
            )
        ]
        if by is None:
            out += self._keep_for_somebody(record, queue, now)
        self._steps.find_stand(record)
        self._steps.arm_waiting(record, now)
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
        self.picture.keep_for(record, agent_id, until)
        return [ev.InteractionReserved(interaction_id=record.interaction_id, at=now, agent_id=agent_id, until=until)]

    # ---- overflow

    def _overflow(self, record: WaitingRecord, cause: OverflowCause, where: Overflow, now: datetime) -> list[Output]:
        """Send an interaction on that waits nowhere (any more)."""
        told = ev.InteractionOverflowed(
            interaction_id=record.interaction_id,
            at=now,
            queue_id=record.queue_id,
            cause=cause,
            overflow=where,
        )
        if where.kind is not OverflowKind.QUEUE:
            self.picture.overflowed[record.interaction_id] = told
            return [told]
        self._go_to(record, QueueId(where.target), now)
        return [told, *self._enter(record, now, admitted=False)]

    def _go_to(self, record: WaitingRecord, queue_id: QueueId, now: datetime) -> None:
        record.visited = (*record.visited, record.queue_id)
        record.queue_id, record.placed_at = queue_id, now
        record.offer_ids, record.wake_at = (), None
        if record.agent_waits is not None:
            # The call to the customer was for an agent who has nothing to do with it any more.
            record.agent_waits, record.calling_until, record.presence = None, None, Presence.ABSENT

    def send_on(self, record: WaitingRecord, cause: OverflowCause, where: Overflow, now: datetime) -> list[Output]:
        """Take a waiting interaction out by a rule of its queue; nothing happens where it cannot go there."""
        if not overflow.can_go(self.picture, record, where):
            return []
        out = self._steps.take_out(record, OfferOutcome.WITHDRAWN, None, now)
        return out + self._overflow(record, cause, where, now)

    # ---- what a supervisor does

    def move(self, message: cmd.MoveInteraction, now: datetime) -> list[Output]:
        """To another queue, with its age; its rules for newcomers do not count."""
        record = self.picture.waiting_record(message.interaction_id)
        self.picture.queue(message.queue_id)
        _refuse_call_out(record)
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
        _refuse_call_out(record)
        if not agent.serving:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state} or about to go; pick somebody who is at work",
                code="agent_not_at_work",
            )
        if message.within <= timedelta():
            raise InvalidValue("an interaction can only be kept for somebody for longer than zero")
        if not record.on_the_phone and agent.config.chats < 1:
            raise Conflict(f"agent {agent.agent_id} holds no chats", code="agent_cannot")
        out: list[Output] = []
        for offer_id in record.offer_ids:
            if self.picture.offers[offer_id].agent_id != agent.agent_id:
                out += self._steps.withdraw(self.picture.offers[offer_id], now)
        self.picture.stand_nowhere(record)
        self.picture.keep_for(record, agent.agent_id, now + message.within, picked=True)
        self._steps.find_stand(record)
        self._steps.arm_waiting(record, now)
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
        record.wake_at = None
        if record.calling_until is not None and record.calling_until <= now:
            out += self._customer_not_reached(record, CustomerAnswer.NO_ANSWER, now)
            if record.interaction_id not in self.picture.waiting:
                return out
        if record.reserved_until is not None and record.reserved_until <= now:
            self.release(record)
        callback = record.callback
        if callback is not None and callback.not_before is not None and callback.not_before <= now:
            self._steps.hold_callback(record, None)
        waited = now - record.placed_at
        while record.step + 1 < len(config.routing) and config.routing[record.step + 1].after <= waited:
            out += self._escalate(record, queue, now)
        if not record.aged and config.ageing_limit is not None and now - record.entered_at >= config.ageing_limit:
            record.aged = True
            self._replace(record, queue)
            out.append(self._escalated(record, now))
        due = overflow.while_waiting(self.picture, record, now)
        if due is not None:
            return out + self.send_on(record, *due, now)
        self.picture.unmatched[record.interaction_id] = None
        self._steps.arm_waiting(record, now)
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

    def follow_rules(self, queue: QueueRecord, now: datetime) -> list[Output]:
        """After a queue's rules changed: everybody who waits, by the new ones."""
        out: list[Output] = []
        for record in [self.picture.waiting[interaction_id] for interaction_id in queue.waiting]:
            self.picture.stand_nowhere(record)
            queue.waiting.remove(record.place)
            record.pool.waiting -= 1
            before = (record.step, record.priority, record.aged)
            self._stand_to(record, queue, now)
            record.pool.waiting += 1
            queue.waiting.add(record.place)
            self._steps.find_stand(record)
            self._steps.arm_waiting(record, now)
            if before != (record.step, record.priority, record.aged):
                out.append(self._escalated(record, now))
        return out

    def follow_delays(self, queue: QueueRecord, now: datetime) -> None:
        """After agents hold back for other times than before: everybody who waits comes within their reach then."""
        for interaction_id in queue.waiting:
            self._steps.arm_waiting(self.picture.waiting[interaction_id], now)

    def release(self, record: WaitingRecord) -> None:
        """Keep an interaction for nobody any longer."""
        self.picture.stand_nowhere(record)
        self.picture.keep_for(record, None, None)
        self._steps.find_stand(record)

    # ---- callbacks

    def agent_waits(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """The agent of a callback has answered: call the customer for him."""
        offer = self.picture.offers.get(offer_id)
        record = self.picture.waiting.get(offer.interaction_id) if offer is not None else None
        if offer is None or record is None or record.callback is None or record.presence is not Presence.ABSENT:
            return []
        rules = self.picture.queues[record.queue_id].config.callback_rules
        # The end of the call to the customer ends the offer, so the offer itself is given up later than that.
        self._steps.set_offer_end(offer_id, now + rules.ring_timeout + CALL_GRACE + OFFER_GRACE)
        return self._matching.call_customer(record, now, offer_id=offer_id)

    def customer_called(self, message: cmd.ReportCustomerCalled, now: datetime) -> list[Output]:
        """What became of the call to a callback's customer."""
        record = self.picture.waiting.get(message.interaction_id)
        if record is None or record.callback is None or record.presence is Presence.PRESENT:
            return []
        if message.answer is not CustomerAnswer.ANSWERED:
            # Whose call is over already, or was taken back, is told of once more: that changes nothing.
            is_called = record.presence is Presence.CALLING
            return self._customer_not_reached(record, message.answer, now) if is_called else []
        out: list[Output] = []
        if record.agent_waits is None:
            # Agents who are being rung expect to call him; they are rung anew for somebody who is on the line.
            for offer_id in record.offer_ids:
                out += self._steps.withdraw(self.picture.offers[offer_id], now)
        self.picture.stand_nowhere(record)
        self.picture.set_presence(record, Presence.PRESENT)
        record.callback = replace(record.callback, not_before=None)
        self._steps.find_stand(record)
        self._steps.arm_waiting(record, now)
        return [*out, _answered(record, now, record.callback.attempts, message.answer, None)]

    def agent_gave_up(self, offer: Offer, now: datetime) -> list[Output] | None:
        """The leg of an agent who waits for a customer ended because nobody came; None where that is not the case."""
        record = self.picture.waiting[offer.interaction_id]
        if record.presence is not Presence.CALLING or record.agent_waits != offer.offer_id:
            return None
        return self._customer_not_reached(record, CustomerAnswer.NO_ANSWER, now)

    def _customer_not_reached(self, record: WaitingRecord, answer: CustomerAnswer, now: datetime) -> list[Output]:
        if record.callback is None:
            return []
        attempt = record.callback.attempts
        rules = self.picture.queues[record.queue_id].config.callback_rules
        # Of a call out the offer's end is the interaction's, so what came of it is told first.
        out: list[Output] = [_answered(record, now, attempt, answer, None)] if record.is_call_out else []
        for offer_id in record.offer_ids:
            out += self._steps.withdraw(self.picture.offers[offer_id], now, OfferCause.CUSTOMER_NOT_REACHED)
        if record.is_call_out:
            return out
        self.picture.set_presence(record, Presence.ABSENT)
        if attempt >= rules.attempts:
            self.picture.drop_waiting(record)
            return [
                *out,
                _answered(record, now, attempt, answer, None),
                ev.InteractionEnded(
                    interaction_id=record.interaction_id,
                    at=now,
                    outcome=ev.Outcome.CALLBACK_FAILED,
                    side=ev.Side.SYSTEM,
                ),
            ]
        pause = rules.retry_busy_after if answer is CustomerAnswer.BUSY else rules.retry_no_answer_after
        self._steps.hold_callback(record, now + pause)
        self._steps.arm_waiting(record, now)
        return [*out, _answered(record, now, attempt, answer, now + pause)]

    def call_those_next(self, queue: QueueRecord, now: datetime) -> list[Output]:
        """Customers who are to be called first are called when they are among the next of their queue."""
        rules, out = queue.config.callback_rules, list[Output]()
        lead = rules.lead
        if not queue.absent or rules.first is not CalledFirst.CUSTOMER:
            return out
        within_reach = (self.picture.waiting[place[3]] for place in queue.waiting.places[: lead + HELD_LIMIT])
        awaited = (one for one in within_reach if one.callback is None or one.callback.not_before is None)
        for record in list(islice(awaited, lead)):
            is_free = record.stand in (Stand.TO_CALL, Stand.RESERVED)
            if is_free and record.pool.serving and self._steps.must_be_called_first(record):
                out += self._matching.call_customer(record, now)
        return out


def _refuse_call_out(record: WaitingRecord) -> None:
    if record.is_call_out:
        raise Conflict(
            f"interaction {record.interaction_id} is an agent's call out; it waits for nobody else", code="call_out"
        )


def _nowhere(message: cmd.Enqueue) -> Place:
    return (NOT_AGED, 0, message.entered_at, message.interaction_id)


def _answered(
    record: WaitingRecord, now: datetime, attempt: int, answer: CustomerAnswer, next_at: datetime | None
) -> ev.CustomerAnswered:
    return ev.CustomerAnswered(
        interaction_id=record.interaction_id, at=now, attempt=attempt, answer=answer, next_at=next_at
    )
