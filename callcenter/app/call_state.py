"""What a caller's channel carries of its own call, so that a server with an empty memory can go on.

The form is a percent-encoded query string in one channel variable, at most `LIMIT` bytes; what cannot be read is
taken as absent, because a call must go on whatever it carries.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

from callcenter.domain.ids import InteractionId, QueueId, SkillId
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL, SkillRequirement

LIMIT = 1_500
"""An AGI line holds 2,047 bytes; the rest is for the command around it."""


class CallStage(StrEnum):
    """Where the dialplan stands with this call."""

    MENU = "menu"
    QUEUE = "queue"
    ENDING = "ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """The carried state; times are in UTC with microseconds, for the order of two callers may hang on one."""

    stage: CallStage = CallStage.MENU
    flow: str = ""
    node: str = ""
    language: str = ""
    queue_id: QueueId | None = None
    entered_at: datetime | None = None
    priority: int = 0
    skills: tuple[SkillRequirement, ...] = ()
    announced_at: datetime | None = None
    announced_position: int | None = None
    announced_wait: timedelta | None = None
    """What was promised of the wait when something was last said; zero: that it is a matter of moments."""
    outcome: str = ""

    def encode(self) -> str:
        """The variable's text."""
        pairs = {
            "stage": self.stage.value,
            "flow": self.flow,
            "node": self.node,
            "lang": self.language,
            "queue": self.queue_id or "",
            "entered": _microseconds(self.entered_at),
            "priority": str(self.priority) if self.priority else "",
            "skills": " ".join(f"{need.skill}:{need.minimum_level}" for need in self.skills),
            "said": _microseconds(self.announced_at),
            "said_position": "" if self.announced_position is None else str(self.announced_position),
            "said_wait": "" if self.announced_wait is None else str(self.announced_wait // timedelta(microseconds=1)),
            "outcome": self.outcome,
        }
        text = urlencode({name: value for name, value in pairs.items() if value})
        if len(text) > LIMIT:
            return replace(self, flow="", node="", skills=self.skills[:8]).encode()
        return text


def decode(text: str) -> CallState:
    """The state in a variable's text."""
    fields = dict(parse_qsl(text[:LIMIT], keep_blank_values=False))
    try:
        stage = CallStage(fields.get("stage", ""))
    except ValueError:
        stage = CallStage.MENU
    queue = fields.get("queue")
    if stage is CallStage.QUEUE and not queue:
        stage = CallStage.MENU
    return CallState(
        stage=stage,
        flow=fields.get("flow", ""),
        node=fields.get("node", ""),
        language=fields.get("lang", ""),
        queue_id=QueueId(queue) if queue else None,
        entered_at=_moment(fields.get("entered", "")),
        priority=_whole(fields.get("priority", "")) or 0,
        skills=_skills(fields.get("skills", "")),
        announced_at=_moment(fields.get("said", "")),
        announced_position=_whole(fields.get("said_position", "")),
        announced_wait=_duration(fields.get("said_wait", "")),
        outcome=fields.get("outcome", ""),
    )


def interaction_of(channel_unique_id: str) -> InteractionId:
    """The caller's first leg names the interaction."""
    return InteractionId(channel_unique_id)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(at: datetime | None) -> str:
    return "" if at is None else str((at - _EPOCH) // timedelta(microseconds=1))


def _moment(text: str) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> timedelta | None:
    count = _whole(text)
    try:
        return None if count is None or count < 0 else timedelta(microseconds=count)
    except OverflowError:
        return None


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _skills(text: str) -> tuple[SkillRequirement, ...]:
    needs = []
    for word in text.split():
        skill, _, level = word.partition(":")
        number = _whole(level)
        if skill and number is not None and LOWEST_LEVEL <= number <= HIGHEST_LEVEL:
            needs.append(SkillRequirement(skill=SkillId(skill), minimum_level=number))
    return tuple(needs)
