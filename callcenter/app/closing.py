"""Ends a call with its last words, so that its record ends as well, whoever dies meanwhile."""

from dataclasses import replace

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import CallerChannel, EndVerdict
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import events as ev


async def close_call(
    floor: Floor, channel: CallerChannel, state: CallState, play: tuple[str, ...], outcome: ev.Outcome, cause: int
) -> None:
    """The record ends here; the channel carries how, should this server die before the disk has it."""
    interaction_id = channel.question.interaction_id
    floor.tell(CallEnded(interaction_id=interaction_id, outcome=outcome, side=ev.Side.SYSTEM, cause=cause))
    ending = replace(state, stage=CallStage.ENDING, outcome=outcome.value)
    await channel.decide(EndVerdict(play=play, cause=cause), ending)
