"""Hang-ups that the exchange lost: a channel that is just pulled into a bridge may forget that its phone has left.

Law: a channel whose far end hung up has ended within `ENDS_WITHIN`, or it is hung up by us.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from callcenter.asterisk.ami_codec import AmiMessage

ENDS_WITHIN: Final = timedelta(seconds=2)
"""Asterisk needs some milliseconds; a question that is under way may hold a channel longer, and is none the worse."""
ORDERS: Final = 3
"""So often one channel is hung up, should the first order be lost as well."""
REMEMBERED: Final = 10_000


class HangupWatch:
    """Knows whose phone has hung up and whose channel has not ended; pure."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def hear(self, event: AmiMessage, now: datetime) -> None:
        """`HangupRequest` is the far end's own; `Hangup` is the end."""
        leg_id = event.get("Uniqueid", "")
        match event.get("Event"):
            case "HangupRequest" if leg_id and leg_id not in self._left:
                self._left[leg_id] = (now, 0)
                if len(self._left) > REMEMBERED:
                    self._left.popitem(last=False)
            case "Hangup":
                self._left.pop(leg_id, None)
            case _:
                pass

    def overdue(self, now: datetime) -> list[str]:
        """The channels to hang up now, by their unique ids."""
        due = [leg_id for leg_id, (at, _) in self._left.items() if now - at >= ENDS_WITHIN]
        for leg_id in due:
            _, ordered = self._left.pop(leg_id)
            if ordered + 1 < ORDERS:
                self._left[leg_id] = (now, ordered + 1)
        return due

    def forget(self) -> None:
        """The connection was lost, and events with it: the lists of channels tell what is."""
        self._left.clear()
