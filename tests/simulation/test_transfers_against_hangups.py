"""500 seeded walks of transfers and consultations against hang-ups, on the production engine, use cases and record.

Whoever does what in whatever order: one interaction has one agent at most, an agent who is asked holds nothing else,
and when the caller is gone everybody is free and the record has ended once. A failure names its seed.
"""

import asyncio
import random
from datetime import timedelta

import pytest

from callcenter.app.floor import Touched
from callcenter.app.transfer_port import ConsultationState
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, OfferId, QueueId
from callcenter.domain.interactions import Stage, apply
from callcenter.domain.transfers import ConsultationEnd, TargetKind, TransferTarget
from tests.unit.test_transfers import CALL, ONE, THREE, TWO, Office

SEEDS = range(500)
STEPS = 30
ACTS = (
    "send",
    "consult",
    "consult",
    "answer",
    "answer",
    "decline",
    "leave",
    "took",
    "took",
    "take",
    "take",
    "ready",
    "away",
    "wait",
)
AGENTS = (ONE, TWO, THREE)


class Walk:
    """One call and three agents, pushed about."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.office = Office()
        self.floor = self.office.floor
        self.talks = 0
        self.done: list[str] = []

    @property
    def holder(self) -> AgentId | None:
        return self.floor.picture.talking_interactions.get(CALL)

    def act(self) -> None:
        """Something happens, possible or not."""
        what = self.chance.choice(ACTS)
        self.done.append(what)
        getattr(self, f"_{what}")()

    def _target(self) -> TransferTarget:
        kind = self.chance.choice(list(TargetKind))
        to = {
            TargetKind.AGENT: self.chance.choice(AGENTS),
            TargetKind.QUEUE: self.chance.choice(["sales", "support"]),
            TargetKind.NUMBER: "+8613800138000",
        }
        return TransferTarget(kind=kind, target=to[kind])

    def _send(self) -> None:
        holder = self.holder or ONE
        before = len(self.office.line.sent)
        asyncio.run(self.office.transfers.send(holder, self._target(), ""))
        if len(self.office.line.sent) == before or self.holder is None:
            return
        agent = self.floor.picture.agents[holder]
        assert agent.offer_id is not None
        self.floor.do(cmd.ReportTalkEnded(offer_id=agent.offer_id))
        state = self.office.line.sent[-1][1]
        if state.queue_id in self.floor.picture.queues:
            entered = self.office.clock.now()
            self.floor.do(cmd.Enqueue(interaction_id=CALL, queue_id=QueueId(state.queue_id or ""), entered_at=entered))

    def _consult(self) -> None:
        asyncio.run(self.office.consulting.begin(self.holder or ONE, self._target(), ""))

    def _answer(self) -> None:
        self.office.consulting.became(OfferId("con-1."), self.chance.choice(list(ConsultationState)[1:4]))

    def _decline(self) -> None:
        self.office.consulting.gone(OfferId("con-1."), ConsultationEnd.NOT_REACHED)

    def _leave(self) -> None:
        """The agent hangs up; where somebody is on the line, the exchange joins him with the caller."""
        holder = self.holder
        if holder is None:
            return
        offer_id = self.floor.picture.agents[holder].offer_id
        assert offer_id is not None
        self.floor.do(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.AGENT))
        ended = ev.TalkEnded(
            interaction_id=CALL, at=self.office.clock.now(), agent_id=holder, offer_id=offer_id, side=ev.Side.AGENT
        )
        self._watch(ended)

    def _took(self) -> None:
        view = next((self.office.consulting.view(one) for one in AGENTS if self.office.consulting.view(one)), None)
        call = self.office.line.asked[-1][0] if self.office.line.asked else None
        if view is None or call is None or view.answered_at is None:
            return
        self.office.consulting.took(call.consultation_id)
        if call.asked_id is not None:
            self.talks += 1
            talk = OfferId(f"taken-{self.talks}")
            self.floor.do(cmd.ReportTalk(offer_id=talk, interaction_id=CALL, agent_id=call.asked_id))

    def _take(self) -> None:
        """Somebody who is offered the waiting caller answers."""
        for offer in list(self.floor.picture.offers.values()):
            self.floor.do(
                cmd.ReportTalk(offer_id=offer.offer_id, interaction_id=offer.interaction_id, agent_id=offer.agent_id)
            )

    def _ready(self) -> None:
        for agent_id in AGENTS:
            self.floor.do(cmd.SetReady(agent_id=agent_id))

    def _away(self) -> None:
        self.floor.do(cmd.SetNotReady(agent_id=self.chance.choice(AGENTS), reason="x"))

    def _wait(self) -> None:
        """Time goes by."""
        self.office.clock.advance(timedelta(seconds=self.chance.randint(0, 9)))

    def _watch(self, event: ev.TalkEnded | ev.InteractionEnded) -> None:
        self.office.consulting.watch(
            Touched(agents=frozenset(), queues=frozenset(), interactions=frozenset({CALL}), events=(event,))
        )

    def check(self) -> None:
        """What holds at every moment."""
        picture = self.floor.picture
        having = [one for one in picture.agents.values() if one.interaction_id == CALL and one.in_talk]
        assert len(having) <= 1
        assert not (having and CALL in picture.waiting)
        for agent in picture.agents.values():
            assert (agent.state in (AgentState.OFFERED, AgentState.TALKING)) is (agent.interaction_id is not None)

    def end(self) -> None:
        """The caller hangs up, wherever he is."""
        self.floor.do(cmd.Leave(interaction_id=CALL))
        ended = ev.InteractionEnded(interaction_id=CALL, at=self.office.clock.now(), outcome=ev.Outcome.ANSWERED)
        self.floor.interactions[CALL] = apply(self.floor.record, ended)
        self._watch(ended)
        self.check()
        states = {agent.state for agent in self.floor.picture.agents.values()}
        assert states <= {AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT, AgentState.WRAP_UP}
        record = self.floor.record
        assert record.stage is Stage.ENDED
        assert all(one.end is not None for one in record.handling.transfers)
        assert all(one.end is not None for one in record.handling.consultations)
        assert all(talk.until is not None for talk in record.handling.talks)


def test_transfers_against_hangups_lose_nobody_and_leave_nobody_busy() -> None:
    for seed in SEEDS:
        walk = Walk(seed)
        try:
            for _ in range(STEPS):
                try:
                    walk.act()
                except CallcenterError:
                    walk.done.append("refused")
                walk.check()
            walk.end()
        except AssertionError as error:
            pytest.fail(f"seed {seed}, {walk.done}: {error}")
