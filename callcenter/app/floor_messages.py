"""What the floor is told besides the engine's commands, and how the records that begin by it begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.callbacks import Callback
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction, Placement
from callcenter.domain.numbers import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The caller's leg is gone, or was ended by us with this outcome."""

    interaction_id: InteractionId
    at: datetime | None = None
    outcome: ev.Outcome | None = None
    side: ev.Side | None = None
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """An interaction known from the store, taken over after a restart."""

    interaction: Interaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A report of what happened at `at`, while nobody listened: it counts with its own time, if nothing contradicts."""

    command: cmd.ReportTalk | cmd.ReportTalkEnded
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCallback:
    """The caller hangs up and is called back: an interaction of its own takes his place.

    Raises `Conflict` when he has no place, an agent is being rung for him, or the number is to be called back already.
    """

    interaction_id: InteractionId
    number: str
    requested_at: datetime
    not_before: datetime | None = None
    placement: Placement | None = None
    """The place it gets where the caller has none to keep: after his call, or when nobody here saw him wait."""
    callback_id: InteractionId | None = None
    """None: the one that is of this interaction, so that asking twice makes the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall:
    """An agent calls out: the record begins and his phone is rung, or `Conflict` says why not, and nothing began."""

    interaction_id: InteractionId
    agent_id: AgentId
    queue_id: QueueId
    number: Number
    dialled: str
    """The number as the trunk takes it."""
    shown: str
    """The number of ours that the customer sees."""
    at: datetime
    customer_ids: tuple[CustomerId, ...] = ()
    customer_id: CustomerId | None = None
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCallback:
    """The time of a callback has come that an agent agreed with a customer: it waits from now on.

    Raises `Conflict` (`callback_exists`) when the number waits to be called back already.
    """

    interaction_id: InteractionId
    callback: Callback
    placement: Placement
    number: Number
    shown: str
    """The number of ours that the customer sees."""
    by: str
    note: str = ""
    customer_id: CustomerId | None = None
    language: str = ""


Beginning = TakeCallback | PlaceCall | PlaceCallback
Message = cmd.Command | ev.InteractionEvent | CallEnded | Adopt | Late | Beginning | StopRinging
"""`StopRinging` is told where an order may have been lost: it is given again."""


def story_of_call_out(message: PlaceCall) -> Sequence[ev.InteractionEvent]:
    """How the record of a call out begins."""
    story: list[ev.InteractionEvent] = [
        ev.InteractionArrived(
            interaction_id=message.interaction_id,
            at=message.at,
            channel="",
            ani=message.number,
            dnis=message.shown,
            direction=ev.Direction.OUTBOUND,
        )
    ]
    if message.customer_ids:
        story.append(
            ev.CustomerMatched(
                interaction_id=message.interaction_id,
                at=message.at,
                customer_ids=message.customer_ids,
                customer_id=message.customer_id,
            )
        )
    if message.language:
        story.append(ev.LanguageChosen(interaction_id=message.interaction_id, at=message.at, language=message.language))
    return story


def story_of_agreed(
    message: PlaceCallback, now: datetime
) -> tuple[Sequence[ev.InteractionEvent], Sequence[ev.InteractionEvent]]:
    """How the record of an agreed callback begins, and what stands on it once it waits."""
    interaction_id = message.interaction_id
    begun: list[ev.InteractionEvent] = [
        ev.InteractionArrived(interaction_id=interaction_id, at=now, channel="", ani=message.number, dnis=message.shown)
    ]
    if message.customer_id is not None:
        begun.append(
            ev.CustomerMatched(
                interaction_id=interaction_id,
                at=now,
                customer_ids=(message.customer_id,),
                customer_id=message.customer_id,
            )
        )
    if message.language:
        begun.append(ev.LanguageChosen(interaction_id=interaction_id, at=now, language=message.language))
    if not message.note:
        return begun, []
    noted = ev.InteractionAnnotated(interaction_id=interaction_id, at=now, by=message.by, notes=message.note)
    return begun, [noted]
