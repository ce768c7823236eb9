"""A message that a caller left for a queue, and whose work it is; its transitions stand in the table below.

Law: at most one agent has a message in hand, and what is done stays done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MessageId, QueueId
from callcenter.domain.numbers import Number


class MessageState(StrEnum):
    """What has become of a message."""

    NEW = "new"
    TAKEN = "taken"
    DONE = "done"


MESSAGE_TRANSITIONS: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.NEW: frozenset({MessageState.TAKEN, MessageState.DONE}),
    MessageState.TAKEN: frozenset({MessageState.NEW, MessageState.DONE}),
    MessageState.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message with what is known of who left it; `file` is its name in the directory of recordings."""

    message_id: MessageId
    interaction_id: InteractionId
    queue_id: QueueId
    file: str
    seconds: float
    left_at: datetime
    state: MessageState = MessageState.NEW
    taken_by: AgentId | None = None
    taken_at: datetime | None = None
    done_by: str | None = None
    """The name of the user: a supervisor may be no agent."""
    done_at: datetime | None = None
    disposition: str | None = None
    notes: str = ""
    ani: Number
    caller_name: str = ""
    language: str = ""
    customer_id: CustomerId | None = None
    customer_name: str | None = None


PREFIX = "message-"
SECOND_TAKE_PREFIX = "again-"
SUFFIX = ".wav"
_QUEUE_AFTER = "_"


def message_name(interaction_id: InteractionId, queue_id: QueueId) -> str:
    """What a message's recording is called, without its ending: it tells whose it is, should all else be lost."""
    return f"{PREFIX}{interaction_id}{_QUEUE_AFTER}{queue_id}"


def second_take_name(interaction_id: InteractionId, queue_id: QueueId) -> str:
    """What a message that is spoken anew is called until it takes the first one's place; no message's name."""
    return f"{SECOND_TAKE_PREFIX}{interaction_id}{_QUEUE_AFTER}{queue_id}"


def message_id_of(file: str) -> MessageId:
    """The id of the message in this file."""
    return MessageId(file.removeprefix(PREFIX).removesuffix(SUFFIX))


def origin_of(file: str) -> tuple[InteractionId, QueueId] | None:
    """Whose message a file holds and for which queue; None of a file that is no message's."""
    if not (file.startswith(PREFIX) and file.endswith(SUFFIX)):
        return None
    interaction_id, _, queue_id = message_id_of(file).partition(_QUEUE_AFTER)
    return (InteractionId(interaction_id), QueueId(queue_id)) if interaction_id and queue_id else None
