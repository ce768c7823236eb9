"""Erases a person: asked for by somebody who typed whom, done in the background, and told step by step.

Laws: what is erased cannot be brought back; who was asked for is erased to the end, however often the server dies
meanwhile; nobody is erased while he is in the house. The job itself never holds a name, a number or a text of his.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.domain.interactions import Interaction

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=30)
AGAIN_AFTER: Final = timedelta(seconds=5)
SHOWN: Final = 100
NIGHT_FROM: Final = time(3)
NIGHT_UNTIL: Final = time(5)
"""By the house's clock: when a large file may be written anew, for whoever writes waits as long as that takes."""
WAITS_FOR_NIGHT: Final = "waits_for_night"
"""Told in the place of an error: his rows are gone, the file is written anew at night."""


class ErasureState(StrEnum):
    """How far an erasure is."""

    WAITING = "waiting"
    """Asked for; it begins when it is its turn and he is not in the house."""
    RUNNING = "running"
    DONE = "done"


class ErasureStep(StrEnum):
    """What is being done, in this order; each can be done again."""

    BEGIN = "begin"
    FILES = "files"
    """Recordings, files of imports, logs of the exchange, what lies beside the journal."""
    EVENTS = "events"
    """The journal's rows."""
    ROWS = "rows"
    """Everything else, in one transaction."""
    REMAINS = "remains"
    """The database's file is written anew, so that nothing is left between its rows."""
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure; `counts` says how many rows of which table and how many files were concerned."""

    erasure_id: str
    number: int = 0
    customer_id: CustomerId
    asked_at: datetime
    asked_by: str
    open_cases_too: bool
    state: ErasureState = ErasureState.WAITING
    step: ErasureStep = ErasureStep.BEGIN
    counts: Mapping[str, int] = field(default_factory=dict)
    tries: int = 0
    error: str | None = None
    ended_at: datetime | None = None


class FoundPerson(Protocol):
    """Whom the store found: his ids, and what to look for where there are no ids."""

    @property
    def customer_id(self) -> CustomerId:
        """He himself."""
        ...

    @property
    def name(self) -> str:
        """As it is typed to confirm."""
        ...

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """He, and whoever was merged into him."""
        ...

    @property
    def customer_numbers(self) -> frozenset[str]:
        """His numbers with the business; one of them confirms, too."""
        ...

    @property
    def own_numbers(self) -> frozenset[str]:
        """Telephone numbers (E.164) that are his alone."""
        ...

    @property
    def words(self) -> frozenset[str]:
        """His names, numbers and addresses."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """The recordings of what he said."""
        ...

    @property
    def open_cases(self) -> int:
        """How many of his matters are open."""
        ...

    @property
    def interaction_ids(self) -> tuple[str, ...]:
        """His contacts."""
        ...


class ErasureStore(Protocol):
    """What the store does of it."""

    async def find(self, customer_id: CustomerId) -> FoundPerson:
        """The person; `NotFound`, also of one who was erased."""
        ...

    async def counts(self, person: FoundPerson) -> Mapping[str, int]:
        """How many rows of which table are concerned."""
        ...

    async def add(self, erasure: Erasure) -> Erasure:
        """Keep a new one with its line in the audit log; `Conflict` when one of him is under way."""
        ...

    async def put(self, erasure: Erasure) -> None:
        """Keep it as it is now."""
        ...

    async def erasure(self, erasure_id: str) -> Erasure | None:
        """One of them."""
        ...

    async def erasures(self, *, limit: int, customer_id: CustomerId | None = None) -> tuple[Erasure, ...]:
        """The newest first."""
        ...

    async def unfinished(self) -> tuple[Erasure, ...]:
        """Those that are not done, the oldest first."""
        ...

    async def blank_events(self, person: FoundPerson) -> int:
        """Take him out of the journal's rows, some at a time; returns how many were changed."""
        ...

    async def erase_rows(self, person: FoundPerson, erasure: Erasure, *, at: datetime) -> Erasure:
        """All the rest in one transaction, in which the erasure goes on to its next step."""
        ...

    async def wipes_briefly(self) -> bool:
        """Whether wiping keeps nobody waiting for long."""
        ...

    async def wipe(self) -> None:
        """Leave nothing between the rows; `CallcenterError` when it cannot be done now."""
        ...


class Traces(Protocol):
    """Files in which a person may stand."""

    async def count(self, person: FoundPerson) -> Mapping[str, int]:
        """How many recordings and files of imports are concerned."""
        ...

    async def remove(self, person: FoundPerson) -> Mapping[str, int]:
        """Delete recordings and files of imports, overwrite him in logs; what is gone is no error."""
        ...


class Memory(Protocol):
    """What the server remembers of those who are in the house."""

    def forget_customers(self, customers: Collection[str]) -> None:
        """Drop their cards."""
        ...


class Past(Protocol):
    """What was shown a moment ago, for screens that were cut off."""

    def forget_past(self) -> None:
        """Whoever comes back gets a fresh picture."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an erasure would do, and what stands against it."""

    customer_id: CustomerId
    name: str
    counts: Mapping[str, int]
    open_cases: int
    in_house: bool
    """He is in a call, waits, or an agent is at his after-call work."""
    confirm_with: tuple[str, ...]
    """What may be typed to confirm: his name, or one of his customer numbers."""


class Erasures:
    """The use case; `run` is owned by one task."""

    def __init__(
        self,
        *,
        store: ErasureStore,
        traces: Traces,
        memory: Memory,
        past: Past,
        alive: Callable[[], Mapping[InteractionId, Interaction]],
        settle: Callable[[], Awaitable[bool]],
        clock: Clock,
        timezone: ZoneInfo,
        new_id: Callable[[], str],
    ) -> None:
        """`alive` are the interactions in the house; `settle` waits until what was written is in the database."""
        self._store = store
        self._traces = traces
        self._memory = memory
        self._past = past
        self._alive = alive
        self._settle = settle
        self._clock = clock
        self._timezone = timezone
        self._new_id = new_id
        self._wake = asyncio.Event()

    async def plan(self, customer_id: CustomerId) -> Plan:
        """What would go; nothing is changed."""
        person = await self._store.find(customer_id)
        counts = {**await self._store.counts(person), **await self._traces.count(person)}
        return Plan(
            customer_id=person.customer_id,
            name=person.name,
            counts=counts,
            open_cases=person.open_cases,
            in_house=self._is_in_house(person),
            confirm_with=(person.name, *sorted(person.customer_numbers)),
        )

    async def ask(self, customer_id: CustomerId, *, confirm: str, open_cases_too: bool, by: str) -> Erasure:
        """Have him erased; `InvalidValue` when he was not named rightly, `Conflict` when it cannot be now."""
        person = await self._store.find(customer_id)
        known = {_plain(word) for word in (person.name, *person.customer_numbers)}
        if _plain(confirm) not in known:
            raise InvalidValue(
                "confirm: type the customer's name as it is written, or one of his customer numbers",
                code="not_confirmed",
            )
        if self._is_in_house(person):
            raise Conflict(
                "he is in a call, waits, or an agent still works on his contact; end that first", code="in_house"
            )
        if person.open_cases and not open_cases_too:
            raise Conflict(
                f"he has {person.open_cases} open cases; close them, or say open_cases_too", code="open_cases"
            )
        made = await self._store.add(
            Erasure(
                erasure_id=self._new_id(),
                customer_id=person.customer_id,
                asked_at=self._clock.now(),
                asked_by=by,
                open_cases_too=open_cases_too,
            )
        )
        self._wake.set()
        return made

    async def erasure(self, erasure_id: str) -> Erasure:
        """One of them; `NotFound`."""
        found = await self._store.erasure(erasure_id)
        if found is None:
            raise NotFound(f"there is no erasure {erasure_id}", code="unknown_erasure")
        return found

    async def erasures(self, customer_id: CustomerId | None = None) -> tuple[Erasure, ...]:
        """The newest first."""
        return await self._store.erasures(limit=SHOWN, customer_id=customer_id)

    async def run(self) -> None:
        """Erase who is asked for until cancelled; what a killed server left is gone on with."""
        while True:
            self._wake.clear()
            again = await self.turn()
            try:
                async with asyncio.timeout((AGAIN_AFTER if again else LOOK_EVERY).total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def turn(self) -> bool:
        """Do what can be done now; whether something is left."""
        try:
            waiting = await self._store.unfinished()
        except CallcenterError as error:
            log.warning("erasures_not_read", code=error.code)
            return True
        left, remaining = False, list[Erasure]()
        for erasure in waiting:
            try:
                gone_on = await self._erase(erasure)
            except (CallcenterError, OSError) as error:
                await self._note_failure(erasure, error)
                left = True
            else:
                left |= gone_on is None
                remaining += [] if gone_on is None else [gone_on]
        return await self._wipe_for(remaining) or left

    async def _wipe_for(self, erasures: Sequence[Erasure]) -> bool:
        """Once for all whose rows are gone; whether it has to be tried again soon."""
        if not erasures:
            return False
        try:
            if not self._is_night() and not await self._store.wipes_briefly():
                for erasure in erasures:
                    if erasure.error != WAITS_FOR_NIGHT:
                        await self._store.put(replace(erasure, error=WAITS_FOR_NIGHT))
                return False
            await self._store.wipe()
            for erasure in erasures:
                await self._end(erasure)
        except (CallcenterError, OSError) as error:
            for erasure in erasures:
                await self._note_failure(erasure, error)
            return True
        return False

    def _is_night(self) -> bool:
        return NIGHT_FROM <= self._clock.now().astimezone(self._timezone).time() < NIGHT_UNTIL

    async def _erase(self, erasure: Erasure) -> Erasure | None:
        """His rows and files, so that only the file is to be wiped; None when he is in the house."""
        if erasure.step in (ErasureStep.REMAINS, ErasureStep.END):
            return erasure
        person = await self._store.find(erasure.customer_id)
        if self._is_in_house(person) or not await self._settle():
            return None
        counts = dict(await self._store.counts(person))
        erasure = await self._go_on(erasure, ErasureStep.FILES, counts)
        counts |= await self._traces.remove(person)
        erasure = await self._go_on(erasure, ErasureStep.EVENTS, counts)
        await self._store.blank_events(person)
        erasure = await self._go_on(erasure, ErasureStep.ROWS, counts)
        erasure = await self._store.erase_rows(person, erasure, at=self._clock.now())
        self._memory.forget_customers(person.customer_ids)
        return erasure

    async def _go_on(self, erasure: Erasure, step: ErasureStep, counts: Mapping[str, int]) -> Erasure:
        gone_on = replace(erasure, state=ErasureState.RUNNING, step=step, counts=dict(counts), error=None)
        await self._store.put(gone_on)
        return gone_on

    async def _end(self, erasure: Erasure) -> None:
        # Only now: what was shown before the rows were changed may have come after a first time.
        self._past.forget_past()
        ended = replace(erasure, state=ErasureState.DONE, step=ErasureStep.END, error=None, ended_at=self._clock.now())
        await self._store.put(ended)
        log.info("person_erased", erasure_id=erasure.erasure_id)

    async def _note_failure(self, erasure: Erasure, failure: CallcenterError | OSError) -> None:
        code = failure.code if isinstance(failure, CallcenterError) else type(failure).__name__
        log.warning("erasure_tried", erasure_id=erasure.erasure_id, step=erasure.step, cause=code)
        try:
            known = await self._store.erasure(erasure.erasure_id)
            if known is not None:
                await self._store.put(replace(known, tries=known.tries + 1, error=code))
        except CallcenterError as error:
            log.warning("erasure_not_noted", code=error.code)

    def _is_in_house(self, person: FoundPerson) -> bool:
        """Whether a contact that is alive, or ended a moment ago, is his."""
        his, ids = frozenset(person.customer_ids), frozenset(person.interaction_ids)
        return any(
            record.customer_id in his
            or interaction_id in ids
            or (record.customer_id is None and record.ani.e164 is not None and record.ani.e164 in person.own_numbers)
            for interaction_id, record in self._alive().items()
        )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
