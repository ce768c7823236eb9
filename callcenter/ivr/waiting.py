"""What a caller hears while he waits in a queue: which prompt fits which moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final

from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.prompts import PromptSet, Utterance
from callcenter.ivr.speech import WAIT_RANGES
from callcenter.ivr.variables import Variables

LIKELY_POSITIONS: Final = 20


class WaitingPrompt(StrEnum):
    """The prompts that a set for queues must have."""

    QUEUED = "queued"
    POSITION = "position"
    NEXT_IN_LINE = "next_in_line"
    EXPECTED_WAIT = "expected_wait"
    COMFORT = "comfort"
    APOLOGY = "apology"
    NO_AGENT = "no_agent"
    CLOSED = "closed"
    GOODBYE = "goodbye"
    ERROR = "error"


class WaitingPrompts:
    """The announcements of a queue in every language of the set; raises FlowError when some are missing."""

    def __init__(self, prompts: PromptSet) -> None:
        faults = [
            Fault(
                code="missing_prompt",
                filename=prompts.filename,
                line=prompts.lines.get("prompts", 1),
                what=f"the set {prompts.name!r} has no prompt {prompt.value!r}",
                right="add it: queues say it",
            )
            for prompt in WaitingPrompt
            if prompt.value not in prompts.texts
        ]
        if faults:
            raise FlowError(faults)
        self.prompts = prompts

    def say(self, prompt: WaitingPrompt, language: str | None, variables: Variables | None = None) -> Utterance:
        """One announcement; a language the set lacks, or None, means its first."""
        spoken = language if language in self.prompts.languages else self.prompts.languages[0]
        return self.prompts.utterance(prompt.value, spoken or self.prompts.languages[0], variables or {})

    def place(self, language: str | None, *, position: int, expected_wait: timedelta | None) -> tuple[Utterance, ...]:
        """Where the caller stands (1 is next) and, if it can be told, how long it may take."""
        if position <= 1:
            told = [self.say(WaitingPrompt.NEXT_IN_LINE, language)]
        else:
            told = [self.say(WaitingPrompt.POSITION, language, {"position": position})]
        if expected_wait is not None:
            told.append(self.say(WaitingPrompt.EXPECTED_WAIT, language, {"expected_wait": expected_wait}))
        return tuple(told)

    def likely_utterances(self) -> Iterator[Utterance]:
        """The first places and every wait there is, to be built before anybody asks."""
        for language in self.prompts.languages:
            for position in range(2, LIKELY_POSITIONS + 1):
                yield self.say(WaitingPrompt.POSITION, language, {"position": position})
            for said in WAIT_RANGES:
                expected_wait = timedelta(minutes=said.low_minutes or 0)
                yield self.say(WaitingPrompt.EXPECTED_WAIT, language, {"expected_wait": expected_wait})
