"""A queue's survey: which flow asks callers after the talk, how many of them, and how seldom the same one."""

from dataclasses import dataclass
from datetime import timedelta

from callcenter.domain.errors import InvalidValue

MOST_PERCENT = 100
USUAL_REST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRules:
    """Whom a queue asks what he thinks of the talk he has just had."""

    flow: str
    percent: int = MOST_PERCENT
    """Of so many of a hundred callers, drawn by their interactions' ids."""
    rest: timedelta = USUAL_REST
    """How long a customer is left alone after he was asked, or a number that is nobody's; zero: he is asked again."""

    def __post_init__(self) -> None:
        if not self.flow:
            raise InvalidValue("a survey needs the name of a flow")
        if not 0 <= self.percent <= MOST_PERCENT:
            raise InvalidValue(f"a survey is asked of 0 to {MOST_PERCENT} % of callers, not of {self.percent} %")
        if self.rest < timedelta():
            raise InvalidValue("the rest between two surveys must not be negative")
