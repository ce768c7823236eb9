"""The queues and agents of a day at random: small enough that everything meets everything."""

from dataclasses import replace

from callcenter.domain.agents import QueuePreference
from callcenter.domain.callbacks import CallbackRules, CalledFirst
from callcenter.domain.ids import AgentId, QueueId
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import AgentChoice, Boosts, CallerOrder, QueueLimits, RoutingStep
from callcenter.domain.rules import AnyOf, Anyone, InGroup
from tests.simulation.floor import agent_config, need, queue_config, seconds

_CALLBACK = CallbackRules(
    attempts=2, retry_busy_after=seconds(20), retry_no_answer_after=seconds(40), ring_timeout=seconds(20)
)
_MESSAGE = Overflow(kind=OverflowKind.MESSAGE)

QUEUES = (
    replace(
        queue_config("sales", wrap_up=15, ring_timeout=15, ageing=60, rona_limit=2),
        ring_several=2,
        callback=replace(_CALLBACK, first=CalledFirst.CUSTOMER, lead=2),
        boosts=Boosts(classes={"A": 5, "C": -1}, open_complaint=3, limit=6, last_agent=seconds(10)),
        limits=QueueLimits(
            max_waiting=4,
            when_full=Overflow(kind=OverflowKind.CALLBACK),
            nobody_after=seconds(20),
            when_nobody=_MESSAGE,
            when_emergency=Overflow(kind=OverflowKind.QUEUE, target="billing"),
        ),
    ),
    replace(
        queue_config("support", wrap_up=30, ring_timeout=20, ageing=120),
        steps=(
            RoutingStep(after=seconds(0), who=need("support", 5)),
            RoutingStep(after=seconds(10), who=need("support", 2), priority=1),
            RoutingStep(after=seconds(40), who=AnyOf(rules=(need("support"), InGroup(group="back")))),
            RoutingStep(after=seconds(90), who=Anyone()),
        ),
        agent_choice=AgentChoice.SPECIALISTS_FIRST,
        callback=_CALLBACK,
        limits=QueueLimits(max_wait=seconds(150), when_too_long=Overflow(kind=OverflowKind.CALLBACK)),
    ),
    replace(
        queue_config("billing", wrap_up=0, ring_timeout=10),
        steps=(
            RoutingStep(after=seconds(0), who=need("billing")),
            RoutingStep(after=seconds(60), who=Anyone(), overflow=Overflow(kind=OverflowKind.QUEUE, target="sales")),
        ),
        agent_choice=AgentChoice.ROUND_ROBIN,
        caller_order=CallerOrder.SERVICE_OBJECTIVE,
        callback=_CALLBACK,
    ),
)
AGENTS = (
    agent_config("a1", {"support": 5}),
    replace(agent_config("a2", {"support": 1, "zh": 3}), groups=frozenset({"back"})),
    agent_config("a3", {"billing": 2, "support": 2}),
    replace(
        agent_config("a4", {"zh": 5}),
        preferences={
            QueueId("sales"): QueuePreference(delay=seconds(10)),
            QueueId("support"): QueuePreference(priority=2),
        },
    ),
    agent_config("a5", {"support": 9, "billing": 9, "zh": 9}),
    replace(agent_config("a6"), groups=frozenset({"back"})),
)
AGENT_IDS: tuple[AgentId, ...] = tuple(agent.agent_id for agent in AGENTS)
