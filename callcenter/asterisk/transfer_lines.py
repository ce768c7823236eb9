"""Sending callers on: their channel gets the state of what comes next, and leaves the talk for it.

Law: the state means nothing until the one order that takes him out of the talk; a server that dies between the two has
changed nothing.
"""

from typing import Final

import structlog

from callcenter.app.call_state import CallState
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.errors import AmiActionFailed, AmiError
from callcenter.asterisk.orders import ACTION_TIMEOUT
from callcenter.domain.errors import Conflict, Overloaded

log = structlog.get_logger(__name__)

SENT_CONTEXT: Final = "cc-sent"
NEXT_VARIABLE: Final = "CC_NEXT"


class TransferLines:
    """The port `SendLine`."""

    def __init__(self, client: AmiClient) -> None:
        self._client = client

    async def send(self, caller_leg_id: str, state: CallState) -> None:
        """Take the caller out of his talk, with the state of what comes next."""
        await self.order("Setvar", {"Channel": caller_leg_id, "Variable": NEXT_VARIABLE, "Value": state.encode()})
        await self.order("Redirect", {"Channel": caller_leg_id, "Context": SENT_CONTEXT, "Exten": "s", "Priority": "1"})

    async def order(self, action: str, fields: dict[str, str]) -> None:
        """One order, done or refused in plain words."""
        try:
            await self._client.action(action, fields, ACTION_TIMEOUT)
        except AmiActionFailed as error:
            log.info("transfer_refused", action=action, error=str(error))
            raise Conflict("the caller has just hung up", code="not_in_talk") from error
        except AmiError as error:
            log.warning("transfer_failed", action=action, error=str(error))
            raise Overloaded(
                "the exchange is out of reach; the talk goes on, try again in a moment", code="exchange_away"
            ) from error
