"""What a queue does for those who wait in it: what they hear beside place and wait, and what they are asked.

Law: a choice has the same key in every queue, so that nobody has to learn it anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from callcenter.domain.errors import InvalidValue

MOST_INFORMATION: Final = 20
MOST_QUESTIONS: Final = 20
USUAL_COMFORT: Final = "comfort"
USUAL_UNUSUAL: Final = "busy"


class Choice(StrEnum):
    """What a waiting caller may choose."""

    WAIT = "wait"
    CALLBACK = "callback"
    """To be called back in his turn."""
    MESSAGE = "message"
    SELF_SERVICE = "self_service"
    """A flow, while his place is kept."""


KEYS: Final[Mapping[Choice, str]] = {
    Choice.WAIT: "1",
    Choice.CALLBACK: "2",
    Choice.MESSAGE: "3",
    Choice.SELF_SERVICE: "4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualLoad:
    """When a queue is unusually busy, and the prompt that says so."""

    waiting_above: int | None = None
    wait_above: timedelta | None = None
    say: str = USUAL_UNUSUAL

    def __post_init__(self) -> None:
        if self.waiting_above is None and self.wait_above is None:
            raise InvalidValue("an unusual load needs a number of callers or a wait above which it is one")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRules:
    """The treatment of one queue; every prompt is one of the queues' prompt set, by its name."""

    notice: str = ""
    """Said to whoever comes: why it takes long today."""
    unusual: UnusualLoad | None = None
    """Said to whoever comes while the load is unusual."""
    information: tuple[str, ...] = ()
    """Said in turn between the announcements."""
    information_interval: timedelta = timedelta(seconds=20)
    """How long after whatever was said last the next piece of information comes."""
    information_rounds: int = 2
    """How often each piece is told to one caller at most."""
    comfort: str = USUAL_COMFORT
    """Thanks, when an announcement is due and nothing has changed; empty: nothing is said then."""
    ask_on_entry: bool = False
    """With nobody idle a caller hears his place and his wait as soon as he comes, and is asked."""
    ask_again_after: timedelta | None = None
    """How long after one question the next comes by itself; None: only at the moments that the queue names."""
    ask_at_most: int = 3
    """How often one caller is asked in all."""
    message: bool = False
    """Whether he may leave a message instead of waiting."""
    self_service: str = ""
    """The flow that he may use meanwhile; empty: none."""

    def __post_init__(self) -> None:
        if self.information_interval <= timedelta():
            raise InvalidValue("information_interval must be longer than zero")
        if self.ask_again_after is not None and self.ask_again_after <= timedelta():
            raise InvalidValue("ask_again_after must be longer than zero")
        if not 1 <= self.ask_at_most <= MOST_QUESTIONS:
            raise InvalidValue(f"ask_at_most must be 1 to {MOST_QUESTIONS}")
        if self.information_rounds < 1:
            raise InvalidValue("information_rounds must be at least 1")
        if len(self.information) > MOST_INFORMATION:
            raise InvalidValue(f"at most {MOST_INFORMATION} pieces of information are possible")

    @property
    def prompts(self) -> Mapping[str, tuple[str, ...]]:
        """The prompts it names, by the field that does."""
        named = {
            "notice": (self.notice,),
            "unusual": (self.unusual.say,) if self.unusual is not None else (),
            "information": self.information,
            "comfort": (self.comfort,),
        }
        return {field: tuple(filter(None, prompts)) for field, prompts in named.items()}


USUAL_WAITING: Final = WaitingRules()
