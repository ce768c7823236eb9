"""Configurations and wishes at random, for the state machine of the ACD: small numbers, so that they meet."""

from datetime import timedelta

from hypothesis import strategies as st

from callcenter.domain import commands as cmd
from callcenter.domain.agents import CHAT, VOICE, AgentConfig, NotReadyReason, QueuePreference
from callcenter.domain.callbacks import Callback, CallbackRules, CalledFirst
from callcenter.domain.callers import CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import AgentChoice, Boosts, CallerOrder, QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import AllOf, AnyOf, Anyone, InGroup, Rule, SpeaksWithCaller
from callcenter.domain.skills import SkillRequirement
from tests.simulation.floor import MORNING, need, seconds

AGENTS = tuple(AgentId(name) for name in ("anna", "bo", "carl", "dora"))
QUEUES = tuple(QueueId(name) for name in ("sales", "support", "backup"))
SKILLS = ("billing", "zh")
NUMBERS = ("1001", "1002", "1003")
REASONS = (
    NotReadyReason(code="lunch", limit=seconds(30), warn_before=seconds(10)),
    NotReadyReason(code="short", limit=seconds(2), warn_before=seconds(60)),
    NotReadyReason(code="training"),
)

agents = st.sampled_from(AGENTS)
queues = st.sampled_from(QUEUES)


def times(*counts: float) -> st.SearchStrategy[timedelta]:
    """One of these many seconds."""
    return st.sampled_from([seconds(count) for count in counts])


def perhaps_times(*counts: float) -> st.SearchStrategy[timedelta | None]:
    """One of these many seconds, or never."""
    return st.none() | times(*counts)


needs: st.SearchStrategy[tuple[SkillRequirement, ...]] = st.lists(
    st.builds(need, st.sampled_from(SKILLS), st.integers(1, 3)), max_size=1
).map(tuple)
one_rule: st.SearchStrategy[Rule] = st.one_of(
    st.builds(need, st.sampled_from(SKILLS), st.integers(1, 4)),
    st.just(InGroup(group="back")),
    st.builds(SpeaksWithCaller, minimum_level=st.integers(1, 2)),
    st.just(Anyone()),
    st.just(AllOf(rules=())),
)
rules: st.SearchStrategy[Rule] = st.one_of(
    one_rule,
    st.lists(one_rule.filter(lambda rule: not isinstance(rule, Anyone)), min_size=1, max_size=2).map(
        lambda parts: AllOf(rules=tuple(parts))
    ),
    st.lists(one_rule, min_size=1, max_size=2).map(lambda parts: AnyOf(rules=tuple(parts))),
)
overflows = st.one_of(
    queues.map(lambda queue_id: Overflow(kind=OverflowKind.QUEUE, target=queue_id)),
    st.sampled_from(
        [
            Overflow(kind=OverflowKind.NUMBER, target="2000"),
            Overflow(kind=OverflowKind.CALLBACK),
            Overflow(kind=OverflowKind.MESSAGE),
        ]
    ),
)
perhaps_overflow = st.none() | overflows
"""Mostly nobody is sent on, so that there is somebody to serve."""


@st.composite
def steps(draw: st.DrawFn) -> tuple[RoutingStep, ...]:
    """One to three steps, the first at once."""
    starts = draw(st.sampled_from([(0,), (0, 4), (0, 4, 20)]))
    return tuple(
        RoutingStep(
            after=seconds(start),
            who=draw(rules),
            priority=draw(st.integers(-1, 2)),
            overflow=draw(perhaps_overflow) if start == 20 else None,
        )
        for start in starts
    )


limits = st.one_of(
    st.just(QueueLimits()),
    st.builds(
        QueueLimits,
        max_waiting=st.none() | st.integers(1, 3),
        when_full=perhaps_overflow,
        max_wait=perhaps_times(20, 60),
        when_too_long=perhaps_overflow,
        nobody_after=times(0, 4),
        when_nobody=perhaps_overflow,
        when_emergency=perhaps_overflow,
    ),
)
boosts = st.builds(
    Boosts,
    classes=st.just({"A": 3, "C": -1}),
    open_complaint=st.just(2),
    languages=st.just({"zh": 1}),
    limit=st.integers(0, 4),
    last_agent=times(0, 4, 20),
    account_manager=times(0, 4),
)
callback_rules = st.builds(
    CallbackRules,
    first=st.sampled_from(CalledFirst),
    attempts=st.integers(1, 3),
    retry_busy_after=times(1, 4),
    retry_no_answer_after=times(4, 20),
    ring_timeout=times(10),
    lead=st.integers(1, 2),
)


@st.composite
def queue_configs(draw: st.DrawFn, queue_id: QueueId | None = None) -> QueueConfig:
    """A queue with steps or without, and any of the other rules."""
    name = draw(queues) if queue_id is None else queue_id
    has_steps = draw(st.booleans())
    return QueueConfig(
        queue_id=name,
        label=Label(zh=name, en=name),
        required=() if has_steps else draw(needs),
        steps=draw(steps()) if has_steps else (),
        agent_choice=draw(st.sampled_from(AgentChoice)),
        ring_several=draw(st.integers(1, 3)),
        caller_order=draw(st.sampled_from(CallerOrder)),
        ageing_limit=draw(perhaps_times(10, 60)),
        boosts=draw(boosts),
        limits=draw(limits),
        callback=draw(st.none() | callback_rules),
        closed_by=draw(st.sampled_from([""] * 9 + ["sue"])),
        rona_limit=draw(st.integers(1, 2)),
        rest_after_miss=draw(times(0, 5)),
        wrap_up=draw(times(0, 5, 30)),
        wrap_up_limit=draw(times(20, 60)),
    )


preferences = st.dictionaries(
    queues, st.builds(QueuePreference, priority=st.integers(-1, 2), delay=times(0, 4, 20)), max_size=2
)


@st.composite
def agent_configs(draw: st.DrawFn, agent_id: AgentId | None = None) -> AgentConfig:
    """An agent with skills, groups, preferences, and perhaps chats."""
    name = draw(agents) if agent_id is None else agent_id
    levels = draw(st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 4)))
    return AgentConfig(
        agent_id=name,
        name=name,
        skills={SkillId(skill): level for skill, level in levels.items()},
        groups=frozenset({"back"}) if draw(st.booleans()) else frozenset(),
        preferences=draw(st.just({}) | preferences),
        order=draw(st.integers(0, 2)),
        weight=draw(st.integers(1, 3)),
        chats=draw(st.sampled_from([1, 2, 0])),
        voice_interrupts=draw(st.booleans()),
    )


traits = st.builds(
    CallerTraits,
    customer_class=st.sampled_from(["", "A", "B", "C"]),
    open_complaint=st.booleans(),
    language=st.sampled_from(["", "zh", "fi"]),
    last_agent_id=st.none() | agents,
    account_manager_id=st.none() | agents,
)
callbacks = st.builds(
    Callback,
    number=st.sampled_from(NUMBERS),
    requested_at=st.just(MORNING),
    not_before=st.none() | times(1, 30).map(lambda later: MORNING + later),
)
newcomers = st.builds(
    cmd.Enqueue,
    interaction_id=st.just(InteractionId("named when he comes")),
    queue_id=queues,
    entered_at=st.integers(0, 5).map(lambda ago: MORNING - seconds(ago)),
    priority=st.integers(0, 1),
    skills=st.just(()) | needs,
    traits=traits,
    media_type=st.sampled_from([VOICE, CHAT, VOICE]),
)
"""Who comes, as if it were morning."""
