"""The treatment of those who wait in a queue, as the business's file writes it."""

from typing import Final

from callcenter.app.business_fields import optional_seconds, optional_whole, seconds
from callcenter.domain.waiting_rules import (
    MOST_INFORMATION,
    MOST_QUESTIONS,
    USUAL_UNUSUAL,
    USUAL_WAITING,
    UnusualLoad,
    WaitingRules,
)
from callcenter.ivr.document import Section

MOST_ROUNDS: Final = 100
MOST_CALLERS: Final = 100_000
NONE: Final = "none"
WAITING_FIELDS: Final = (
    "notice",
    "unusual",
    "information",
    "information_interval_seconds",
    "information_rounds",
    "comfort",
    "ask_on_entry",
    "ask_again_seconds",
    "ask_at_most",
    "message",
    "self_service",
)


def read_waiting(fields: Section) -> WaitingRules:
    """The table `waiting` of a queue."""
    section = fields.section("waiting", needed=False)
    if section is None:
        return USUAL_WAITING
    section.only(*WAITING_FIELDS)
    usual = USUAL_WAITING
    information = section.words("information", needed=False)
    if len(information) > MOST_INFORMATION:
        what = f"{section.path}.information has {len(information)} prompts"
        section.fault("too_many", what, f"at most {MOST_INFORMATION} are possible", "information")
    comfort = section.optional_word("comfort")
    return WaitingRules(
        notice=section.optional_word("notice") or "",
        unusual=_unusual(section),
        information=information[:MOST_INFORMATION],
        information_interval=seconds(section, "information_interval_seconds", 1, usual.information_interval),
        information_rounds=section.whole("information_rounds", 1, MOST_ROUNDS, usual=usual.information_rounds),
        comfort=usual.comfort if comfort is None else "" if comfort == NONE else comfort,
        ask_on_entry=section.yes_or_no("ask_on_entry", usual=usual.ask_on_entry),
        ask_again_after=optional_seconds(section, "ask_again_seconds", 1),
        ask_at_most=section.whole("ask_at_most", 1, MOST_QUESTIONS, usual=usual.ask_at_most),
        message=section.yes_or_no("message", usual=usual.message),
        self_service=section.optional_word("self_service") or "",
    )


def _unusual(fields: Section) -> UnusualLoad | None:
    section = fields.section("unusual", needed=False)
    if section is None:
        return None
    section.only("waiting_above", "wait_above_seconds", "say")
    waiting = optional_whole(section, "waiting_above", 0, MOST_CALLERS)
    wait = optional_seconds(section, "wait_above_seconds", 0)
    say = section.optional_word("say") or USUAL_UNUSUAL
    if waiting is None and wait is None:
        what = f"{section.path} says of no load that it is unusual"
        fields.fault("missing_field", what, "write waiting_above, wait_above_seconds, or both", "unusual")
        return None
    return UnusualLoad(waiting_above=waiting, wait_above=wait, say=say)
