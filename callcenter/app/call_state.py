"""What a caller's channel carries of its own call, so that a server with an empty memory can go on.

The form is a percent-encoded query string in one channel variable, at most `LIMIT` bytes; what cannot be read is
taken as absent, because a call must go on whatever it carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

from callcenter.domain import commands as cmd
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, SkillId
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL, SkillRequirement

LIMIT = 1_500
"""An AGI line holds 2,047 bytes; the rest is for the command around it."""


class CallStage(StrEnum):
    """Where the dialplan stands with this call."""

    MENU = "menu"
    QUEUE = "queue"
    MESSAGE = "message"
    """He is asked for a message for `queue_id`, speaks it, or is asked whether it is to stay so."""
    ENDING = "ending"
    AFTER = "after"
    """The talk is over, and he is asked what he thinks of it; `flow`, `node` and `scores` say how far."""
    OUT = "out"
    """An agent has sent him to a number outside (`sent.number`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Of a caller whom an agent has sent on: who did, from which talk, and where he came from."""

    by: AgentId
    offer_id: OfferId
    """The talk that he leaves."""
    from_queue: QueueId | None = None
    """The queue of the business that he had come from."""
    number: str = ""
    returned: bool = False
    """The target has not taken him: he is on his way back."""


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
    placed_at: datetime | None = None
    """When he came to this queue, where that was later than `entered_at`."""
    traits: CallerTraits = A_STRANGER
    """What counts of him in routing, as it was when he entered; for his language `language` stands."""
    greeted: bool = False
    """He has heard what this queue says to those who come."""
    told_step: int = 0
    """The last step of the queue whose announcement he has heard."""
    goes_on_at: str = ""
    """Of one who waits for an agent he was put through to: the flow and the node that go on where nobody takes him."""
    message_longest: timedelta | None = None
    message_silence: timedelta | None = None
    informed: int = 0
    """How many pieces of information he has heard in this queue."""
    informed_at: datetime | None = None
    asked: int = 0
    """How often he was asked what he would rather do than wait."""
    asked_at: datetime | None = None
    outcome: str = ""
    scores: tuple[tuple[str, int], ...] = ()
    """What he has answered in the survey: the questions' names and the scores."""
    sent: Sent | None = None

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
            "said_wait": _whole_microseconds(self.announced_wait),
            "placed": _microseconds(self.placed_at),
            "class": self.traits.customer_class,
            "complaint": "1" if self.traits.open_complaint else "",
            "last": self.traits.last_agent_id or "",
            "manager": self.traits.account_manager_id or "",
            "segments": " ".join(self.traits.segments),
            "greeted": "1" if self.greeted else "",
            "step": str(self.told_step) if self.told_step else "",
            "back": self.goes_on_at,
            "longest": _whole_microseconds(self.message_longest),
            "silence": _whole_microseconds(self.message_silence),
            "informed": str(self.informed) if self.informed else "",
            "informed_at": _microseconds(self.informed_at),
            "asked": str(self.asked) if self.asked else "",
            "asked_at": _microseconds(self.asked_at),
            "outcome": self.outcome,
            "scores": " ".join(f"{question}:{score}" for question, score in self.scores),
            "transferred": "1" if self.traits.transferred else "",
            **_sent_pairs(self.sent),
        }
        text = urlencode({name: value for name, value in pairs.items() if value})
        if len(text) > LIMIT:
            fewer = replace(self.traits, segments=())
            return replace(self, flow="", node="", skills=self.skills[:8], traits=fewer).encode()
        return text


def decode(text: str) -> CallState:
    """The state in a variable's text."""
    fields = dict(parse_qsl(text[:LIMIT], keep_blank_values=False))
    try:
        stage = CallStage(fields.get("stage", ""))
    except ValueError:
        stage = CallStage.MENU
    queue = fields.get("queue")
    if stage in (CallStage.QUEUE, CallStage.MESSAGE) and not queue:
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
        placed_at=_moment(fields.get("placed", "")),
        traits=CallerTraits(
            customer_class=fields.get("class", ""),
            open_complaint=bool(fields.get("complaint")),
            last_agent_id=AgentId(fields["last"]) if "last" in fields else None,
            account_manager_id=AgentId(fields["manager"]) if "manager" in fields else None,
            transferred=bool(fields.get("transferred")),
            segments=tuple(fields.get("segments", "").split()),
        ),
        greeted=bool(fields.get("greeted")),
        told_step=_whole(fields.get("step", "")) or 0,
        goes_on_at=fields.get("back", ""),
        message_longest=_duration(fields.get("longest", "")),
        message_silence=_duration(fields.get("silence", "")),
        informed=max(_whole(fields.get("informed", "")) or 0, 0),
        informed_at=_moment(fields.get("informed_at", "")),
        asked=max(_whole(fields.get("asked", "")) or 0, 0),
        asked_at=_moment(fields.get("asked_at", "")),
        outcome=fields.get("outcome", ""),
        scores=_scores(fields.get("scores", "")),
        sent=_sent(fields),
    )


def place_of(interaction_id: InteractionId, state: CallState, now: datetime) -> cmd.Enqueue | None:
    """The place in a queue that a state carries, for somebody who was let in before; None when it carries none."""
    if state.stage is not CallStage.QUEUE or state.queue_id is None:
        return None
    return cmd.Enqueue(
        interaction_id=interaction_id,
        queue_id=state.queue_id,
        entered_at=state.entered_at or now,
        placed_at=state.placed_at,
        priority=state.priority,
        skills=state.skills,
        traits=replace(state.traits, language=state.language),
        admitted=True,
    )


def interaction_of(channel_unique_id: str) -> InteractionId:
    """The caller's first leg names the interaction."""
    return InteractionId(channel_unique_id)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(at: datetime | None) -> str:
    return "" if at is None else str((at - _EPOCH) // timedelta(microseconds=1))


def _whole_microseconds(duration: timedelta | None) -> str:
    return "" if duration is None else str(duration // timedelta(microseconds=1))


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


def _sent_pairs(sent: Sent | None) -> dict[str, str]:
    if sent is None:
        return {}
    return {
        "by": sent.by,
        "offer": sent.offer_id,
        "from": sent.from_queue or "",
        "number": sent.number,
        "returned": "1" if sent.returned else "",
    }


def _sent(fields: Mapping[str, str]) -> Sent | None:
    if "by" not in fields or "offer" not in fields:
        return None
    return Sent(
        by=AgentId(fields["by"]),
        offer_id=OfferId(fields["offer"]),
        from_queue=QueueId(fields["from"]) if "from" in fields else None,
        number=fields.get("number", ""),
        returned=bool(fields.get("returned")),
    )


def _scores(text: str) -> tuple[tuple[str, int], ...]:
    pairs = (word.rpartition(":") for word in text.split())
    numbers = ((question, _whole(score)) for question, _, score in pairs)
    return tuple((question, number) for question, number in numbers if question and number is not None)


def _skills(text: str) -> tuple[SkillRequirement, ...]:
    needs = []
    for word in text.split():
        skill, _, level = word.partition(":")
        number = _whole(level)
        if skill and number is not None and LOWEST_LEVEL <= number <= HIGHEST_LEVEL:
            needs.append(SkillRequirement(skill=SkillId(skill), minimum_level=number))
    return tuple(needs)
