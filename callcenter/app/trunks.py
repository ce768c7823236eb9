"""The trunks for those who look: what the operator's settings say of them, without secrets, and whether they answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from callcenter.app.alert_readings import TrunkStates
from callcenter.domain.errors import CallcenterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """One trunk as the settings have it."""

    name: str
    match: tuple[str, ...]
    contact: str | None
    username: str | None
    trusts_identity: bool
    is_outside: bool
    """Whether calls to numbers outside go over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkRow:
    """One trunk, and whether it answers; None: nobody knows."""

    trunk: Trunk
    answers: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkList:
    """All trunks, and whether the exchange could be asked about them."""

    exchange_answers: bool
    items: tuple[TrunkRow, ...]


class Trunks:
    """Reads them; nothing of them can be changed here."""

    def __init__(self, trunks: Sequence[Trunk], *, states: Callable[[], Awaitable[TrunkStates]]) -> None:
        """`states` asks the exchange; it raises where that is away."""
        self._trunks = tuple(trunks)
        self._states = states

    async def list(self) -> TrunkList:
        """The trunks as they are now."""
        answers = True
        states: TrunkStates = {}
        try:
            states = await self._states()
        except CallcenterError:
            answers = False
        rows = tuple(TrunkRow(trunk=trunk, answers=states.get(trunk.name)) for trunk in self._trunks)
        return TrunkList(exchange_answers=answers, items=rows)
