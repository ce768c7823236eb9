"""A caller chooses to be called back in his turn: under which number, and his place becomes the callback's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.app.call_state import CallState
from callcenter.app.callbacks import callback_id_of
from callcenter.app.closing import close_call
from callcenter.app.conversation import Conversation
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import TakeCallback
from callcenter.app.ports import CustomerCard
from callcenter.crm.numbers import normalise
from callcenter.domain import events as ev
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import InteractionId
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
DIGIT_LIMIT = timedelta(seconds=5)
MOST_TRIES = 3
MOST_DIGITS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How a number that a caller types in is read, and whether numbers outside can be called at all."""

    region: str
    can_call_out: bool = True
    """Without a trunk for calls out nobody is promised a callback."""

    def dialled(self, digits: str) -> str | None:
        """The number in the form it can be called under; None when it is no number."""
        return normalise(digits, self.region).e164


class CardMemory(Protocol):
    """Whose numbers those are who are in the house."""

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """What was found."""
        ...

    def keep(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        """Remember it."""
        ...


async def ask_number(talk: Conversation, numbers: Numbers) -> str | None:
    """Where he wants to be called: his own number, or one he types; None when he gives none."""
    own = talk.channel.question.ani
    if own.e164 is not None:
        key = await talk.ask(WaitingPrompt.CONFIRM_NUMBER, "12", {"number": own.national or own.e164})
        if key == "1":
            return own.e164
        if key is None:
            return None
    for _ in range(MOST_TRIES):
        digits = await _digits(talk)
        number = numbers.dialled(digits) if digits else None
        if number is None:
            await talk.say(WaitingPrompt.NUMBER_WRONG)
            continue
        if await talk.ask(WaitingPrompt.CONFIRM_NUMBER, "12", {"number": digits}) == "1":
            return number
    return None


async def _digits(talk: Conversation) -> str:
    """What he types, up to the hash key or a pause."""
    digits = ""
    key = await talk.ask(WaitingPrompt.ENTER_NUMBER, "0123456789#")
    while key is not None and key != "#" and len(digits) < MOST_DIGITS:
        digits += key if key.isdigit() else ""
        key = await talk.channel.listen(DIGIT_LIMIT)
    return digits


async def take_callback(
    talk: Conversation, state: CallState, number: str, *, floor: Floor, memory: CardMemory, now: datetime
) -> bool:
    """Put a callback in his place and end his call; False where he is to wait on."""
    interaction_id = talk.channel.question.interaction_id
    try:
        await floor.request(TakeCallback(interaction_id=interaction_id, number=number, requested_at=now))
    except Conflict as error:
        log.info("callback_refused", code=error.code)
        if error.code == "callback_exists":
            await talk.say(WaitingPrompt.CALLBACK_EXISTS)
        return False
    # Who is known in a call is known in the callback he asked for.
    memory.keep(callback_id_of(interaction_id), memory.cards(interaction_id))
    play = await talk.prompt_paths(WaitingPrompt.CALLBACK_TAKEN)
    await close_call(floor, talk.channel, state, play, ev.Outcome.CALLBACK_TAKEN, CAUSE_NORMAL)
    return True
