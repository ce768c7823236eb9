"""What transfers want of the exchange, and what it tells of consultations."""

from typing import Protocol

from callcenter.app.call_state import CallState


class SendLine(Protocol):
    """Sending callers on."""

    async def send(self, caller_leg_id: str, state: CallState) -> None:
        """Take the caller out of his talk: his channel asks what is next, with this state; the agent's hangs up.

        Raises `Conflict` where he is gone, `Overloaded` while the exchange is out of reach.
        """
        ...
