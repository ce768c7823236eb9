"""What a caller hears while he waits in a queue: which prompt fits which moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from callcenter.domain.waiting_rules import Choice
from callcenter.domain.waits import MINUTES_SAID, WaitRange
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.prompts import PLACEHOLDER, PromptSet, Utterance
from callcenter.ivr.speech import say_wait_range
from callcenter.ivr.variables import Value, Variables

LIKELY_POSITIONS: Final = 20
WIDEST_LIKELY: Final = 6
"""The longer end of a range is mostly at most so many times the shorter."""


class WaitingPrompt(StrEnum):
    """The prompts that a set for queues must have."""

    QUEUED = "queued"
    POSITION = "position"
    NEXT_IN_LINE = "next_in_line"
    MOVED_BACK = "moved_back"
    EXPECTED_WAIT = "expected_wait"
    LONGER_WAIT = "longer_wait"
    SOON = "soon"
    COMFORT = "comfort"
    APOLOGY = "apology"
    NO_AGENT = "no_agent"
    NOBODY_LEFT = "nobody_left"
    CLOSED = "closed"
    CLOSED_NOW = "closed_now"
    TOO_MANY = "too_many"
    OFFER_WAIT = "offer_wait"
    OFFER_CALLBACK = "offer_callback"
    OFFER_MESSAGE = "offer_message"
    OFFER_SELF_SERVICE = "offer_self_service"
    BACK_IN_LINE = "back_in_line"
    CONFIRM_NUMBER = "confirm_number"
    ENTER_NUMBER = "enter_number"
    NUMBER_WRONG = "number_wrong"
    CALLBACK_TAKEN = "callback_taken"
    CALLBACK_EXISTS = "callback_exists"
    CALLBACK_HELLO = "callback_hello"
    PLACE_KEPT = "place_kept"
    LEAVE_MESSAGE = "leave_message"
    MESSAGE_REVIEW = "message_review"
    MESSAGE_UNHEARD = "message_unheard"
    MESSAGE_AS_BEFORE = "message_as_before"
    MESSAGE_IMPOSSIBLE = "message_impossible"
    MESSAGE_KEPT = "message_kept"
    EMERGENCY_OFFER = "emergency_offer"
    EMERGENCY_CALLBACK_TAKEN = "emergency_callback_taken"
    TRANSFERRING = "transferring"
    TRANSFER_FAILED = "transfer_failed"
    GOODBYE = "goodbye"
    ERROR = "error"


OFFERS: Final[Mapping[Choice, WaitingPrompt]] = {
    Choice.WAIT: WaitingPrompt.OFFER_WAIT,
    Choice.CALLBACK: WaitingPrompt.OFFER_CALLBACK,
    Choice.MESSAGE: WaitingPrompt.OFFER_MESSAGE,
    Choice.SELF_SERVICE: WaitingPrompt.OFFER_SELF_SERVICE,
}
"""The question is put together from one prompt for each choice; each names its key (`waiting_rules.KEYS`)."""


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

    def can_say(self, name: str) -> bool:
        """Whether the set has a prompt of this name that is the same for everybody."""
        return self.unsayable(name) is None

    def unsayable(self, name: str) -> str | None:
        """Why a queue cannot name this prompt; None when it can."""
        texts = self.prompts.texts.get(name)
        if texts is None:
            return f"which {self.prompts.filename or self.prompts.name} does not have"
        if any(PLACEHOLDER.search(text.text) is not None for text in texts.values()):
            return "which has variables in it that only place and wait can fill"
        return None

    @property
    def sayable(self) -> tuple[str, ...]:
        """The names of all prompts that a queue can name."""
        return tuple(sorted(filter(self.can_say, self.prompts.texts)))

    def named(self, name: str, language: str | None) -> Utterance:
        """A prompt by its name, as a queue's rules give it."""
        spoken = language if language in self.prompts.languages else self.prompts.languages[0]
        return self.prompts.utterance(name, spoken or self.prompts.languages[0], {})

    def announce(
        self, prompt: WaitingPrompt, language: str | None, *, position: int = 1, wait: WaitRange | None = None
    ) -> Utterance:
        """One announcement about the caller's place (1 is next) or his wait, which must be given where it is said."""
        spoken = language if language in self.prompts.languages else self.prompts.languages[0]
        variables: dict[str, Value] = {"position": position}
        if wait is not None:
            voice = self.prompts.texts[prompt.value][spoken or self.prompts.languages[0]].voice
            variables["expected_wait"] = say_wait_range(wait, voice)
        return self.say(prompt, spoken, variables)

    def likely_utterances(self) -> Iterator[Utterance]:
        """The first places and the likely waits, to be built before anybody asks."""
        for language in self.prompts.languages:
            for position in range(2, LIKELY_POSITIONS + 1):
                yield self.announce(WaitingPrompt.POSITION, language, position=position)
            for wait in likely_waits():
                yield self.announce(WaitingPrompt.EXPECTED_WAIT, language, wait=wait)


def likely_waits() -> Iterator[WaitRange]:
    """The ranges that are mostly said."""
    for high in MINUTES_SAID:
        yield WaitRange(low_minutes=None, high_minutes=high)
        for low in MINUTES_SAID:
            if low < high <= WIDEST_LIKELY * low:
                yield WaitRange(low_minutes=low, high_minutes=high)
    for low in MINUTES_SAID:
        yield WaitRange(low_minutes=low, high_minutes=None)
