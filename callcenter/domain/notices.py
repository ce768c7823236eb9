"""A short text from a supervisor to agents' desks, and who has read it when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, NoticeId

LONGEST_NOTICE: Final = 500
"""Characters."""
MOST_UNREAD: Final = 100
"""So many may lie on one desk; who has that many gets no more until he reads."""


class Audience(StrEnum):
    """To whom it goes."""

    AGENT = "agent"
    QUEUE = "queue"
    """All who may serve the queue when it is sent."""
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One text; `to_id` is the agent's or the queue's id, empty where it goes to all."""

    notice_id: NoticeId
    at: datetime
    by: str
    by_name: str
    text: str
    to: Audience
    to_id: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > LONGEST_NOTICE:
            raise InvalidValue(f"a notice has 1 to {LONGEST_NOTICE} characters", code="invalid_notice")
        if (self.to is Audience.ALL) is bool(self.to_id):
            raise InvalidValue("a notice to an agent or a queue names it, one to all names none", code="invalid_notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """On whose desk it lies, and since when it lies there no more."""

    agent_id: AgentId
    read_at: datetime | None = None
