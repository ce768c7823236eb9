"""A queue of the business's file: its fields become rules for the routing, or faults with their lines."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar

from callcenter.app.business_fields import (
    A_DAY_SECONDS,
    NAME,
    NAME_RULE,
    inner_label,
    levels,
    optional_seconds,
    optional_whole,
    overflow,
    script,
    seconds,
)
from callcenter.app.business_items import QueueEntry
from callcenter.app.business_waiting import read_waiting
from callcenter.domain.callbacks import USUAL_CALLBACK, CallbackRules
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import (
    MAX_RING_SEVERAL,
    MAX_STEPS,
    Boosts,
    QueueConfig,
    QueueLimits,
    RoutingStep,
)
from callcenter.domain.rule_text import RULE_MAX_CHARACTERS, RuleTextError, parse_rule
from callcenter.domain.rules import EVERYBODY, Rule
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.surveys import MOST_PERCENT, USUAL_REST, SurveyRules
from callcenter.ivr.document import NAME as WORD
from callcenter.ivr.document import Section
from callcenter.ivr.reader import MAX_PRIORITY

MAX_ATTEMPTS: Final = 20
MAX_LEAD: Final = 100
MAX_WAITING: Final = 100_000
MAX_MISSES: Final = 100
RINGING_MAX_SECONDS: Final = 300
AUTO_ANSWER_MAX_SECONDS: Final = 30
NEVER: Final = "never"
REST_MAX_DAYS: Final = 3_650

LIMIT_FIELDS: Final = (
    "when_closed",
    "max_waiting",
    "when_full",
    "max_wait_seconds",
    "when_too_long",
    "nobody_after_seconds",
    "when_nobody",
    "when_emergency",
)
QUEUE_FIELDS: Final = (
    "label",
    "skills",
    "steps",
    "agent_choice",
    "ring_several",
    "caller_order",
    "ageing_limit_seconds",
    "boosts",
    "hours",
    *LIMIT_FIELDS,
    "callback",
    "offer_callback_after_seconds",
    "offer_callback_above_seconds",
    "survey",
    "waiting",
    "monitoring",
    "auto_answer_seconds",
    "script",
    "rona_limit",
    "rest_after_miss_seconds",
    "ring_timeout_seconds",
    "wrap_up_seconds",
    "wrap_up_limit_seconds",
    "service_level_threshold_seconds",
    "expected_handle_time_seconds",
    "announce_first_after_seconds",
    "announce_interval_seconds",
    "music_class",
)
STEP_FIELDS: Final = ("after_seconds", "who", "priority", "announce", "offer_callback", "overflow")
USUAL: Final = QueueConfig(queue_id=QueueId(""), label=Label(zh="", en=""))


def read_queue(name: str, fields: Section) -> QueueEntry:
    """The queue that these fields describe."""
    fields.only(*QUEUE_FIELDS)
    required = tuple(SkillRequirement(skill=skill, minimum_level=level) for skill, level in levels(fields).items())
    steps = _steps(fields)
    if steps and required:
        fields.fault("bad_steps", f"{fields.path} has steps and skills", "say the skills in the steps", "skills")
        required = ()
    config = QueueConfig(
        queue_id=QueueId(name),
        label=inner_label(fields),
        required=required,
        steps=steps,
        agent_choice=_choice(fields, "agent_choice", USUAL.agent_choice),
        ring_several=fields.whole("ring_several", 1, MAX_RING_SEVERAL, usual=USUAL.ring_several),
        caller_order=_choice(fields, "caller_order", USUAL.caller_order),
        ageing_limit=_ageing_limit(fields),
        boosts=_boosts(fields),
        limits=_limits(fields),
        callback=_callback(fields),
        offer_callback_after=optional_seconds(fields, "offer_callback_after_seconds", 0),
        offer_callback_above=optional_seconds(fields, "offer_callback_above_seconds", 0),
        survey=_survey(fields),
        waiting=read_waiting(fields),
        monitoring=_choice(fields, "monitoring", USUAL.monitoring),
        auto_answer=_auto_answer(fields),
        script=script(fields, "script"),
        rona_limit=fields.whole("rona_limit", 1, MAX_MISSES, usual=USUAL.rona_limit),
        rest_after_miss=seconds(fields, "rest_after_miss_seconds", 0, USUAL.rest_after_miss),
        ring_timeout=seconds(fields, "ring_timeout_seconds", 1, USUAL.ring_timeout, high=RINGING_MAX_SECONDS),
        wrap_up=seconds(fields, "wrap_up_seconds", 0, USUAL.wrap_up),
        wrap_up_limit=seconds(fields, "wrap_up_limit_seconds", 0, USUAL.wrap_up_limit),
        service_level_threshold=seconds(fields, "service_level_threshold_seconds", 1, USUAL.service_level_threshold),
        expected_handle_time=seconds(fields, "expected_handle_time_seconds", 1, USUAL.expected_handle_time),
        announce_first_after=seconds(fields, "announce_first_after_seconds", 0, USUAL.announce_first_after),
        announce_interval=seconds(fields, "announce_interval_seconds", 1, USUAL.announce_interval),
        music_class=fields.word("music_class", pattern=NAME) if fields.has("music_class") else USUAL.music_class,
    )
    return QueueEntry(config=config, hours=fields.word("hours", pattern=NAME) if fields.has("hours") else "")


# ---- steps


def _steps(fields: Section) -> tuple[RoutingStep, ...]:
    if not fields.has("steps"):
        return ()
    found: list[RoutingStep] = []
    sections = fields.sections("steps")
    if len(sections) > MAX_STEPS:
        what = f"{fields.path}.steps has {len(sections)} steps"
        fields.fault("bad_steps", what, f"at most {MAX_STEPS} are possible", "steps")
    for section in sections[:MAX_STEPS]:
        step = _step(section, found[-1] if found else None)
        if not found or step.after > found[-1].after:
            found.append(step)
    return tuple(found) if found and found[0].after == timedelta() else ()


def _step(fields: Section, before: RoutingStep | None) -> RoutingStep:
    fields.only(*STEP_FIELDS)
    after = fields.seconds("after_seconds", 0, A_DAY_SECONDS, usual=0)
    told = f"{after.total_seconds():g} s"
    if before is None and after != timedelta():
        what = f"{fields.path}: the first step begins at {told}"
        fields.fault("bad_steps", what, "let it begin at 0: nobody could be served until then", "after_seconds")
    elif before is not None and not fields.has("after_seconds"):
        what = f"{fields.path} has no 'after_seconds'"
        fields.fault("missing_field", what, "say when the step begins, counted from the queue's entry")
    elif before is not None and after == before.after:
        fields.fault("bad_steps", f"{fields.path}: two steps begin at {told}", "make them one", "after_seconds")
    elif before is not None and after < before.after:
        what = (
            f"{fields.path}: this step begins at {told}, before the one above it ({before.after.total_seconds():g} s)"
        )
        fields.fault("bad_steps", what, "put the steps in the order of their times", "after_seconds")
    return RoutingStep(
        after=after,
        who=_rule(fields, before.who if before is not None else None),
        priority=fields.whole("priority", -MAX_PRIORITY, MAX_PRIORITY, usual=0),
        announce=fields.optional_word("announce") or "",
        offer_callback=fields.yes_or_no("offer_callback", usual=False),
        overflow=overflow(fields, "overflow"),
    )


def _rule(fields: Section, before: Rule | None) -> Rule:
    text = fields.text("who", at_most=RULE_MAX_CHARACTERS)
    if not text.strip():
        return before or EVERYBODY
    try:
        return parse_rule(text, before=before)
    except RuleTextError as error:
        fields.fault("bad_rule", f"{fields.path}.who, column {error.column}: {error.what}", error.right, "who")
        return before or EVERYBODY


# ---- what counts, and how callers are called back


Choice = TypeVar("Choice", bound=StrEnum)


def _choice(fields: Section, name: str, usual: Choice) -> Choice:
    choices = tuple(type(usual))
    said = fields.one_of(name, choices, usual=usual)
    return type(usual)(said) if said in choices else usual


def _ageing_limit(fields: Section) -> timedelta | None:
    name = "ageing_limit_seconds"
    if not fields.has(name):
        return USUAL.ageing_limit
    said = fields.text(name, at_most=20)
    if said.strip() == NEVER:
        return None
    return optional_seconds(fields, name, 1) if said else USUAL.ageing_limit


def _boosts(fields: Section) -> Boosts:
    section = fields.section("boosts", needed=False)
    if section is None:
        return Boosts()
    section.only(
        *(
            "classes",
            "open_complaint",
            "languages",
            "segments",
            "transferred",
            "limit",
            "last_agent_seconds",
            "account_manager_seconds",
        )
    )
    usual = Boosts()
    return Boosts(
        classes=_priorities(section, "classes"),
        open_complaint=section.whole("open_complaint", 0, MAX_PRIORITY, usual=usual.open_complaint),
        transferred=section.whole("transferred", 0, MAX_PRIORITY, usual=usual.transferred),
        languages=_priorities(section, "languages"),
        segments=_priorities(section, "segments"),
        limit=section.whole("limit", 0, MAX_PRIORITY, usual=usual.limit),
        last_agent=seconds(section, "last_agent_seconds", 0, usual.last_agent),
        account_manager=seconds(section, "account_manager_seconds", 0, usual.account_manager),
    )


def _priorities(fields: Section, name: str) -> Mapping[str, int]:
    section = fields.section(name, needed=False)
    if section is None:
        return {}
    for key in section.names(pattern=None):
        if not WORD.fullmatch(key):
            section.fault("bad_name", f"{key!r} cannot be one of {section.path}", NAME_RULE, key)
    return {key: section.whole(key, 0, MAX_PRIORITY, usual=0) for key in section.names(pattern=None)}


def _limits(fields: Section) -> QueueLimits:
    return QueueLimits(
        when_closed=overflow(fields, "when_closed"),
        max_waiting=optional_whole(fields, "max_waiting", 0, MAX_WAITING),
        when_full=overflow(fields, "when_full"),
        max_wait=optional_seconds(fields, "max_wait_seconds", 1),
        when_too_long=overflow(fields, "when_too_long"),
        nobody_after=seconds(fields, "nobody_after_seconds", 0, timedelta()),
        when_nobody=overflow(fields, "when_nobody"),
        when_emergency=overflow(fields, "when_emergency"),
    )


def _callback(fields: Section) -> CallbackRules | None:
    if not fields.has("callback"):
        return USUAL_CALLBACK
    if not fields.is_section("callback"):
        return USUAL_CALLBACK if fields.yes_or_no("callback", usual=True) else None
    section = fields.section("callback")
    if section is None:
        return USUAL_CALLBACK
    usual = USUAL_CALLBACK
    section.only("first", "attempts", "retry_busy_seconds", "retry_no_answer_seconds", "ring_timeout_seconds", "lead")
    return CallbackRules(
        first=_choice(section, "first", usual.first),
        attempts=section.whole("attempts", 1, MAX_ATTEMPTS, usual=usual.attempts),
        retry_busy_after=seconds(section, "retry_busy_seconds", 1, usual.retry_busy_after),
        retry_no_answer_after=seconds(section, "retry_no_answer_seconds", 1, usual.retry_no_answer_after),
        ring_timeout=seconds(section, "ring_timeout_seconds", 1, usual.ring_timeout, high=RINGING_MAX_SECONDS),
        lead=section.whole("lead", 1, MAX_LEAD, usual=usual.lead),
    )


def _auto_answer(fields: Section) -> timedelta | None:
    name = "auto_answer_seconds"
    return fields.seconds(name, 0, AUTO_ANSWER_MAX_SECONDS, usual=0) if fields.has(name) else None


def _survey(fields: Section) -> SurveyRules | None:
    if not fields.has("survey"):
        return None
    if not fields.is_section("survey"):
        if fields.yes_or_no("survey", usual=False):
            what = f"{fields.path}.survey does not say which flow asks"
            fields.fault("missing_field", what, "write survey: {flow: survey, percent: 30, rest_days: 30}", "survey")
        return None
    section = fields.section("survey")
    if section is None:
        return None
    section.only("flow", "percent", "rest_days")
    flow = section.word("flow")
    percent = section.whole("percent", 0, MOST_PERCENT, usual=MOST_PERCENT)
    rest = timedelta(days=section.whole("rest_days", 0, REST_MAX_DAYS, usual=USUAL_REST.days))
    return SurveyRules(flow=flow, percent=percent, rest=rest) if flow else None
