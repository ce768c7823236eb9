"""A conversation with a flow that is only tried: what was done so far in, all of it with the answers out.

Law: nothing is kept between two requests; the same steps give the same conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from callcenter.app.flow_files import written_hours
from callcenter.app.flow_views import Conversation, SaidView, TurnView
from callcenter.domain.hours import OpeningHours
from callcenter.ivr import messages as m
from callcenter.ivr.dialogues import ended, read_scene
from callcenter.ivr.faults import FlowError
from callcenter.ivr.flow import Flow
from callcenter.ivr.rehearsal import Rehearsal, Scene

MOST_STEPS: Final = 60
MOST_KEYS: Final = 64
"""In one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep:
    """One thing the caller does."""

    did: Literal["presses", "silent", "hangs_up"]
    keys: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A call to be tried: in which language it begins (None: unknown), when, and what the caller does."""

    language: str | None
    at: datetime
    steps: Sequence[TrialStep] = ()


def run_trial(
    flow: Flow,
    flows: Mapping[str, Flow],
    trial: Trial,
    *,
    hours: Mapping[str, OpeningHours],
    data: tuple[str, str] | None,
) -> Conversation:
    """The whole conversation; `data` is a file of dialogues whose answers and hours count, if it fits the flow."""
    scene = Scene(at=trial.at, hours=hours)
    used: str | None = None
    if data is not None:
        try:
            told = read_scene(data[1], data[0], flows, flow, written_hours)
        except FlowError:
            pass  # It was written for another version; then nothing is known, as without it.
        else:
            used = data[0]
            scene = replace(told, at=trial.at, hours={**hours, **told.hours})
    call = Rehearsal(flow, flows, replace(scene, language=trial.language))
    turns = [_turn(call, "begins", "", 0)]
    for step in trial.steps[:MOST_STEPS]:
        if call.result is not None:
            break
        shown = len(call.events)
        if step.did == "presses":
            call.press(step.keys[:MOST_KEYS])
        elif step.did == "silent":
            call.be_silent()
        else:
            call.hang_up()
        turns.append(_turn(call, step.did, step.keys, shown))
    return Conversation(turns=tuple(turns), node=call.node, ended=ended(call.result), at=call.now, data=used)


def _turn(call: Rehearsal, did: Literal["begins", "presses", "silent", "hangs_up"], keys: str, shown: int) -> TurnView:
    came = call.events[shown:]
    return TurnView(
        did=did,
        keys=keys,
        nodes=tuple(event.node for event in came if isinstance(event, m.NodeEntered)),
        heard=tuple(SaidView(language=said.language, text=said.text) for said in call.take_heard()),
        notes=tuple(note for event in came if (note := _note(event))),
    )


def _note(event: m.Event) -> str:
    """What happened beside the words, as agents and logs would have it; a secret stays one."""
    match event:
        case m.DigitsCollected():
            return f"{event.variable} = {'***' if event.secret else event.digits}"
        case m.LookupEnded():
            return f"{event.node}: {event.found.value}" + (f" ({event.reason})" if event.reason else "")
        case m.ConditionFailed():
            return f"{event.node}: {event.reason}"
        case m.PartMissing():
            return f"{event.node}: {event.what}"
        case m.StepLimitReached():
            return f"{event.node}: {event.steps} nodes"
        case m.SurveyAnswered():
            return f"{event.question} = {event.score}"
        case _:
            return ""
