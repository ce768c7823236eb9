"""A floor for tests of the ACD: an engine, a clock that moves only when told, and everything the engine has said."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from callcenter.acd.engine import AcdEngine
from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentDay, AgentRecord
from callcenter.acd.steps import Output
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, PresentWork, RingAgent, StopRinging
from callcenter.domain.agents import CALLBACK, VOICE, AgentConfig, AgentState, Phone, PhoneStatus
from callcenter.domain.callbacks import Callback, CustomerAnswer, Presence
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.offers import Offer, OfferCause
from callcenter.domain.queues import QueueConfig
from callcenter.domain.rules import EVERYBODY
from callcenter.domain.skills import SkillRequirement

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    """Shorter to read in a test than the keyword."""
    return timedelta(seconds=count)


def need(skill: str, minimum_level: int = 1) -> SkillRequirement:
    """At least this level of a skill."""
    return SkillRequirement(skill=SkillId(skill), minimum_level=minimum_level)


def queue_config(
    name: str,
    *needs: SkillRequirement,
    wrap_up: float = 30,
    ring_timeout: float = 20,
    expected_handle_time: float = 180,
    ageing: float | None = None,
    rona_limit: int = 1,
) -> QueueConfig:
    """The rules of a queue; times in seconds."""
    return QueueConfig(
        queue_id=QueueId(name),
        label=Label(zh=name, en=name),
        required=needs,
        ageing_limit=None if ageing is None else seconds(ageing),
        rona_limit=rona_limit,
        wrap_up=seconds(wrap_up),
        ring_timeout=seconds(ring_timeout),
        expected_handle_time=seconds(expected_handle_time),
    )


def agent_config(name: str, skills: dict[str, int] | None = None) -> AgentConfig:
    """What the administrator set about an agent."""
    levels = {SkillId(skill): level for skill, level in (skills or {}).items()}
    return AgentConfig(agent_id=AgentId(name), name=name, skills=levels)


def copy_of(thing: object) -> dict[str, object]:
    """The fields of a record of the engine, such that a later change of it does not change them."""
    copied: dict[str, object] = {}
    for name in (name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())):
        value = getattr(thing, name)
        if name in ("pool", "pools"):
            continue
        copied[name] = deepcopy(value) if isinstance(value, dict | set | list | AgentDay) else value
    return copied


_LEARNED_ANEW = ("busy_since", "counted_until", "limit_at", "limit_told", "expects")
"""What of an agent a restart does not give back as it was."""


def lasting_state_of(engine: AcdEngine) -> object:
    """A copy of what an engine holds and a restart must give back."""
    state = state_of(engine)
    queues = {queue_id: entry[:2] for queue_id, entry in state["queues"].items()}
    agents = {
        agent_id: {name: value for name, value in agent.items() if name not in _LEARNED_ANEW}
        for agent_id, agent in state["agents"].items()
    }
    return {**state, "queues": queues, "agents": agents}


def state_of(engine: AcdEngine) -> dict[str, Any]:
    """A copy of all an engine holds, to compare with a later one."""
    picture = engine.picture
    return {
        "routing": engine.routing,
        "deadline": engine.next_deadline(),
        "queues": {
            queue_id: (
                queue.config,
                list(queue.waiting),
                copy_of(queue.handle_time),
                copy_of(queue.patience),
                (queue.unserved_since, queue.nobody_at, queue.delays, queue.absent),
                dict(queue.last_offered),
            )
            for queue_id, queue in picture.queues.items()
        },
        "agents": {agent_id: copy_of(agent) for agent_id, agent in picture.agents.items()},
        "waiting": {interaction_id: copy_of(record) for interaction_id, record in picture.waiting.items()},
        "pools": {
            key: (
                sorted(pool.agents),
                pool.serving,
                list(pool.open),
                list(pool.more),
                list(pool.to_call),
                pool.waiting,
                sorted(pool.needed_by),
            )
            for key, pool in picture.pools.by_rule.items()
        },
        "reasons": dict(picture.reasons),
        "free_for_texts": list(picture.free_for_texts),
        "free": [agent_id for _, agent_id in picture.free.candidates(EVERYBODY)],
        "reserved": {agent_id: list(kept) for agent_id, kept in picture.reserved.items()},
        "picked": {agent_id: list(kept) for agent_id, kept in picture.picked.items()},
        "callbacks": dict(picture.callbacks),
        "overflowed": dict(picture.overflowed),
        "works": dict(picture.works),
        "offers": dict(picture.offers),
        "offers_end": dict(picture.offers_end),
        "talks": dict(picture.talks),
        "talking_interactions": dict(picture.talking_interactions),
    }


def status_of(agent: AgentRecord) -> cmd.RestoreAgent:
    """What the store would give back of an agent after a restart."""
    return cmd.RestoreAgent(
        agent_id=agent.agent_id,
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        ready_since=agent.ready_since,
        wrap_up_until=agent.wrap_up_until,
        after_call=None if agent.wish is None else agent.wish.state,
        after_call_reason=None if agent.wish is None else agent.wish.reason,
        interaction_id=agent.interaction_id,
        offer_id=agent.offer_id,
        queue_id=agent.queue_id,
        misses=agent.misses,
        answered_today=agent.day.answered,
        busy_today=agent.day.busy,
        ready_today=agent.day.ready,
        by=agent.by,
    )


def entry_of(record: WaitingRecord) -> cmd.Enqueue:
    """What the caller's channel, or the callback's record, gives back of a place after a restart."""
    return cmd.Enqueue(
        interaction_id=record.interaction_id,
        queue_id=record.queue_id,
        entered_at=record.entered_at,
        priority=record.base_priority,
        skills=record.skills,
        traits=record.traits,
        media_type=record.media_type,
        callback=record.callback,
        placed_at=record.placed_at,
        admitted=True,
    )


def words_after_restart(old: Picture, *, with_offers: bool = True) -> Iterator[cmd.Command]:
    """All that outlives a server, in the order in which a resync tells it; without `StartRouting`."""
    yield cmd.ConfigureReasons(reasons=tuple(old.reasons.values()))
    for queue in old.queues.values():
        yield cmd.ConfigureQueue(config=queue.config)
    for agent in old.agents.values():
        yield cmd.ConfigureAgent(config=agent.config)
        yield status_of(agent)
        yield cmd.ReportPhone(agent_id=agent.agent_id, status=agent.phone_status)
    for record in old.waiting.values():
        yield entry_of(record)
        if record.callback is not None and record.presence is Presence.PRESENT:
            yield cmd.ReportCustomerCalled(interaction_id=record.interaction_id, answer=CustomerAnswer.ANSWERED)
    for offer in old.offers.values():
        is_text = offer.offer_id in old.agents[offer.agent_id].texts_offered
        if with_offers or is_text:
            yield cmd.RestoreOffer(offer=offer)


class Floor:
    """One engine at work; every word to it is one method."""

    def __init__(self, *, routing: bool = True) -> None:
        self.engine = AcdEngine()
        self.now = MORNING
        self.said: list[Output] = []
        if routing:
            self.tell(cmd.StartRouting())

    # ---- time and words

    def tell(self, message: cmd.Command) -> list[Output]:
        """Hand the engine one command."""
        out = self.engine.handle(message, self.now)
        self.said += out
        return out

    def wait(self, count: float) -> list[Output]:
        """Let time pass, with every deadline at its own moment."""
        end = self.now + seconds(count)
        out: list[Output] = []
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            out += self.engine.handle_deadline(self.now)
        self.now = end
        self.said += out
        return out

    # ---- who is there

    def queue(self, name: str, *needs: SkillRequirement, wrap_up: float = 30, ring_timeout: float = 20) -> None:
        self.tell(cmd.ConfigureQueue(config=queue_config(name, *needs, wrap_up=wrap_up, ring_timeout=ring_timeout)))

    def agent(self, name: str, skills: dict[str, int] | None = None) -> None:
        self.tell(cmd.ConfigureAgent(config=agent_config(name, skills)))

    def rules(self, config: QueueConfig) -> list[Output]:
        """A queue, or new rules for it."""
        return self.tell(cmd.ConfigureQueue(config=config))

    def at_work(self, config: AgentConfig) -> list[Output]:
        """An agent, who sits down and says that he is ready."""
        self.tell(cmd.ConfigureAgent(config=config))
        self.tell(cmd.LogIn(agent_id=config.agent_id))
        return self.ready(config.agent_id)

    def ready_agent(self, name: str, skills: dict[str, int] | None = None) -> list[Output]:
        """An agent who has just sat down and said that he is ready."""
        self.agent(name, skills)
        self.tell(cmd.LogIn(agent_id=AgentId(name)))
        return self.ready(name)

    # ---- what agents do

    def log_in(self, name: str) -> list[Output]:
        return self.tell(cmd.LogIn(agent_id=AgentId(name)))

    def log_out(self, name: str) -> list[Output]:
        return self.tell(cmd.LogOut(agent_id=AgentId(name)))

    def ready(self, name: str) -> list[Output]:
        return self.tell(cmd.SetReady(agent_id=AgentId(name)))

    def not_ready(self, name: str, reason: str = "lunch") -> list[Output]:
        return self.tell(cmd.SetNotReady(agent_id=AgentId(name), reason=reason))

    def end_wrap_up(self, name: str, then: AgentState | None = None, reason: str | None = None) -> list[Output]:
        return self.tell(cmd.EndWrapUp(agent_id=AgentId(name), then=then, reason=reason))

    def phone(self, name: str, status: PhoneStatus) -> list[Output]:
        return self.tell(cmd.ReportPhone(agent_id=AgentId(name), status=status))

    def change_phone(self, name: str, phone: Phone) -> list[Output]:
        return self.tell(cmd.ChangePhone(agent_id=AgentId(name), phone=phone))

    # ---- what callers do

    def enqueue(
        self,
        name: str,
        queue: str,
        *needs: SkillRequirement,
        priority: int = 0,
        ago: float = 0,
        traits: CallerTraits = A_STRANGER,
        media_type: str = VOICE,
        admitted: bool = False,
    ) -> list[Output]:
        return self.tell(
            cmd.Enqueue(
                interaction_id=InteractionId(name),
                queue_id=QueueId(queue),
                entered_at=self.now - seconds(ago),
                priority=priority,
                skills=needs,
                traits=traits,
                media_type=media_type,
                admitted=admitted,
            )
        )

    def callback(
        self, name: str, queue: str, *, number: str = "1001", ago: float = 0, at: float | None = None
    ) -> list[Output]:
        """A caller has hung up and keeps his place; `at` is so many seconds from now when he chose a time."""
        chosen = None if at is None else self.now + seconds(at)
        return self.tell(
            cmd.Enqueue(
                interaction_id=InteractionId(name),
                queue_id=QueueId(queue),
                entered_at=chosen or self.now - seconds(ago),
                media_type=CALLBACK,
                callback=Callback(number=number, requested_at=self.now, not_before=chosen),
            )
        )

    def customer(self, name: str, answer: CustomerAnswer) -> list[Output]:
        """What became of the call to a callback's customer."""
        return self.tell(cmd.ReportCustomerCalled(interaction_id=InteractionId(name), answer=answer))

    def agent_waits(self, agent: str) -> list[Output]:
        """The agent has answered, and waits for the customer."""
        return self.tell(cmd.ReportAgentWaits(offer_id=self.offer_to(agent).offer_id))

    def pick(self, name: str, agent: str, within: float = 120) -> list[Output]:
        """A supervisor keeps a caller for an agent."""
        return self.tell(
            cmd.PickForAgent(
                interaction_id=InteractionId(name), agent_id=AgentId(agent), by="sue", within=seconds(within)
            )
        )

    def set_priority(self, name: str, priority: int) -> list[Output]:
        """A supervisor changes a caller's priority."""
        return self.tell(cmd.SetPriority(interaction_id=InteractionId(name), priority=priority, by="sue"))

    def move(self, name: str, queue: str) -> list[Output]:
        """A supervisor moves a waiting caller."""
        return self.tell(cmd.MoveInteraction(interaction_id=InteractionId(name), queue_id=QueueId(queue), by="sue"))

    def leave(self, name: str) -> list[Output]:
        return self.tell(cmd.Leave(interaction_id=InteractionId(name)))

    # ---- what the exchange reports

    def answer(self, agent: str) -> list[Output]:
        """The agent takes what he is offered, and is bridged."""
        offer = self.offer_to(agent)
        return self.talk(offer.offer_id, offer.interaction_id, agent)

    def talk(self, offer_id: str, interaction: str, agent: str, queue: str | None = None) -> list[Output]:
        return self.tell(
            cmd.ReportTalk(
                offer_id=OfferId(offer_id),
                interaction_id=InteractionId(interaction),
                agent_id=AgentId(agent),
                queue_id=None if queue is None else QueueId(queue),
            )
        )

    def fail(self, agent: str, cause: OfferCause) -> list[Output]:
        """The agent's leg ends without a talk."""
        return self.tell(cmd.ReportOfferFailed(offer_id=self.offer_to(agent).offer_id, cause=cause))

    def hang_up(self, agent: str, side: ev.Side = ev.Side.AGENT) -> list[Output]:
        """The agent's talk ends."""
        offer_id = self.record(agent).offer_id
        assert offer_id is not None, f"agent {agent} holds no interaction"
        return self.tell(cmd.ReportTalkEnded(offer_id=offer_id, side=side))

    # ---- what can be seen

    def record(self, agent: str) -> AgentRecord:
        return self.engine.picture.agent(AgentId(agent))

    def state(self, agent: str) -> str:
        """The agent's state, with the reason where there is one."""
        record = self.record(agent)
        return str(record.state) if record.reason is None else f"{record.state}({record.reason})"

    def offer_to(self, agent: str) -> Offer:
        offer_id = self.record(agent).offer_id
        assert offer_id is not None, f"agent {agent} is {self.state(agent)} and holds no offer"
        return self.engine.picture.offers[offer_id]

    def holds(self, agent: str) -> str | None:
        """The interaction an agent is offered, talks to or wraps up."""
        return self.record(agent).interaction_id

    def place(self, name: str) -> WaitingRecord:
        """All that the engine holds of somebody who waits."""
        return self.engine.picture.waiting[InteractionId(name)]

    def sent(self, name: str) -> tuple[str, str] | None:
        """By which rule, and where, somebody was sent on who is to leave the queues."""
        told = self.engine.picture.overflowed.get(InteractionId(name))
        return None if told is None else (str(told.cause), str(told.overflow))

    def place_queue(self) -> QueueId:
        """The one queue of a small floor."""
        (queue_id,) = self.engine.picture.queues
        return queue_id

    def waiting(self, queue: str) -> list[str]:
        """Who waits, next first."""
        return [str(record.interaction_id) for record in self.engine.picture.waiting_in(QueueId(queue))]

    def position(self, name: str) -> int | None:
        return self.engine.picture.position(InteractionId(name))

    def expected_wait(self, name: str) -> float | None:
        """In seconds."""
        expected = self.engine.picture.expected_wait(InteractionId(name), self.now)
        return None if expected is None else expected.total_seconds()


def without_queues(outputs: Iterable[Output]) -> list[Output]:
    """What is said of agents and interactions."""
    return [o for o in outputs if not isinstance(o, ev.QueueEvent)]


def rings(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """Whom these outputs ring for which interaction."""
    return [(str(o.agent_id), str(o.interaction_id)) for o in outputs if isinstance(o, RingAgent)]


def rung_by(outputs: Iterable[Output]) -> list[str]:
    """The agents these outputs ring, in order."""
    return [agent for agent, _ in rings(outputs)]


def shown(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """Whom these outputs show which chat or mail."""
    return [(str(o.agent_id), str(o.interaction_id)) for o in outputs if isinstance(o, PresentWork)]


def customers_called(outputs: Iterable[Output]) -> list[tuple[str, int]]:
    """Which callbacks' customers these outputs call, and the how-manieth time."""
    return [(str(o.interaction_id), o.attempt) for o in outputs if isinstance(o, CallCustomer)]


def stops(outputs: Iterable[Output]) -> list[OfferId]:
    """Which offers these outputs stop ringing."""
    return [o.offer_id for o in outputs if isinstance(o, StopRinging)]


def ended_offers(outputs: Iterable[Output]) -> list[tuple[str, str]]:
    """Agent and outcome of the offers that ended."""
    return [(str(o.agent_id), str(o.outcome)) for o in outputs if isinstance(o, ev.OfferEnded)]


def names(outputs: Iterable[Output]) -> list[str]:
    """The kinds of what is said of agents and interactions, in order."""
    return [type(o).__name__ for o in without_queues(outputs)]
