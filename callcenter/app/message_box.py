"""The messages that callers left, as work: who may see them, who has one in hand, and how desks learn of new ones.

Law: of two agents who reach for a message one has it, and the other is told who.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.app.floor import Touched
from callcenter.app.ports import Clock, Configuration, Journal
from callcenter.domain import events as ev
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MessageId, QueueId
from callcenter.domain.messages import Message, MessageState

log = structlog.get_logger(__name__)

DURABLE_WITHIN = timedelta(seconds=5)
COUNT_EVERY = timedelta(minutes=1)
"""So often the messages are counted where nothing is known to have changed: a merge or a repair is no event."""
COUNT_AGAIN_AFTER = timedelta(seconds=2)
MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilters:
    """Which messages; `queues` None asks for those of all, an empty one for none."""

    queues: frozenset[QueueId] | None = None
    states: frozenset[MessageState] = frozenset()
    taken_by: AgentId | None = None
    customer_id: CustomerId | None = None
    interaction_id: InteractionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCount:
    """How many new messages a queue has, and since when the oldest waits."""

    queue_id: QueueId
    new: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNews:
    """What an agent's desk shows before the list is read: what is new in the queues he serves, and what he has."""

    new: int
    oldest_at: datetime | None
    change: int
    """Grows with every change of any message: whoever shows a list reads it again."""


class Messages(Protocol):
    """The store's part."""

    async def message(self, message_id: MessageId) -> Message | None:
        """One message."""
        ...

    async def messages(
        self, filters: MessageFilters, *, limit: int, after: MessageId | None, newest_first: bool
    ) -> tuple[Message, ...]:
        """Those that fit, from the one after `after`."""
        ...

    async def counts(self) -> tuple[MessageCount, ...]:
        """How many are new in each queue that has any."""
        ...

    async def move(self, before: Message, after: Message) -> bool:
        """Make a message what `after` says; False when it is not as `before` says any more."""
        ...


class CallBack(Protocol):
    """Whoever can have a customer called back."""

    async def call_back(self, message: Message, agent_id: AgentId) -> InteractionId:
        """Put a callback into the message's queue for this agent; `Conflict` says why there can be none."""
        ...


class MessageScreens(Protocol):
    """Whoever shows how many messages there are."""

    def show_messages(self, counts: Mapping[QueueId, MessageCount], change: int) -> None:
        """Bring boards and desks up to date."""
        ...


class MessageBox:
    """The use case behind the work list of messages."""

    def __init__(
        self,
        *,
        messages: Messages,
        configuration: Configuration,
        journal: Journal,
        clock: Clock,
        screens: MessageScreens,
        queues_of: Callable[[AgentId], frozenset[QueueId]],
        callbacks: CallBack,
    ) -> None:
        self._messages = messages
        self._configuration = configuration
        self._journal = journal
        self._clock = clock
        self._screens = screens
        self._queues_of = queues_of
        self._callbacks = callbacks
        self._changed = asyncio.Event()
        self._changes = 0

    # ---- reading

    def queues_of(self, agent_id: AgentId) -> frozenset[QueueId]:
        """The queues this agent may serve."""
        return self._queues_of(agent_id)

    async def list(
        self, filters: MessageFilters, *, limit: int, after: MessageId | None = None, newest_first: bool = False
    ) -> tuple[Message, ...]:
        """Those that fit, the oldest first unless said otherwise."""
        return await self._messages.messages(filters, limit=limit, after=after, newest_first=newest_first)

    async def find(self, message_id: MessageId, *, by: AgentId | None) -> Message:
        """One message, for an agent who may serve its queue or has it, or (None) for a supervisor; else `NotFound`."""
        message = await self._messages.message(message_id)
        if message is not None and by is not None:
            is_his = message.taken_by == by or message.queue_id in self._queues_of(by)
            message = message if is_his else None
        if message is None:
            raise NotFound(f"there is no message {message_id} for you", code="unknown_message")
        return message

    # ---- work

    async def take(self, message_id: MessageId, agent_id: AgentId) -> Message:
        """Take a message in hand; `Conflict` names who has it, or who has done it."""

        async def step(message: Message) -> Message:
            if message.state is MessageState.TAKEN and message.taken_by == agent_id:
                return message
            await self._check_free(message, agent_id)
            return replace(message, state=MessageState.TAKEN, taken_by=agent_id, taken_at=self._clock.now())

        return await self._move(message_id, agent_id, step)

    async def put_back(self, message_id: MessageId, agent_id: AgentId | None) -> Message:
        """Give a message back to all; a supervisor (None) takes it from whoever has it."""

        async def step(message: Message) -> Message:
            if message.state is MessageState.NEW:
                return message
            if message.state is MessageState.DONE or agent_id is not None:
                await self._check_free(message, agent_id)
            return replace(message, state=MessageState.NEW, taken_by=None, taken_at=None)

        return await self._move(message_id, agent_id, step)

    async def finish(
        self, message_id: MessageId, agent_id: AgentId | None, *, by: str, disposition: str | None, notes: str
    ) -> Message:
        """Say that a message is done, and what came of it; of one that somebody else has, a supervisor alone can."""
        if disposition is not None:
            await self._check_disposition(disposition)

        async def step(message: Message) -> Message:
            same = (message.done_by, message.disposition, message.notes) == (by, disposition, notes)
            if message.state is MessageState.DONE and same:
                return message
            if message.state is MessageState.DONE or agent_id is not None:
                await self._check_free(message, agent_id)
            now = self._clock.now()
            return replace(
                message,
                state=MessageState.DONE,
                taken_by=message.taken_by or agent_id,
                taken_at=message.taken_at or (now if agent_id is not None else None),
                done_by=by,
                done_at=now,
                disposition=disposition,
                notes=notes,
            )

        return await self._move(message_id, agent_id, step)

    async def call_back(self, message_id: MessageId, agent_id: AgentId) -> InteractionId:
        """Have the customer called back, and be the agent who talks to him; the message is in hand then."""
        message = await self.take(message_id, agent_id)
        return await self._callbacks.call_back(message, agent_id)

    # ---- news

    def watch(self, touched: Touched) -> None:
        """As the floor's watcher: a message that was left is news."""
        if any(isinstance(event, ev.MessageLeft) for event in touched.events):
            self.changed()

    def changed(self) -> None:
        """Something about the messages has changed."""
        self._changes += 1
        self._changed.set()

    async def run(self) -> None:
        """Count and show until cancelled; a store that is away is asked again."""
        while True:
            self._changed.clear()
            wait = COUNT_EVERY
            try:
                await self._journal.flushed(DURABLE_WITHIN)
                counts = {count.queue_id: count for count in await self._messages.counts()}
                self._screens.show_messages(counts, self._changes)
            except CallcenterError as error:
                log.warning("messages_not_counted", code=error.code)
                wait = COUNT_AGAIN_AFTER
            try:
                async with asyncio.timeout(wait.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    # ---- inside

    async def _move(self, message_id: MessageId, agent_id: AgentId | None, step: "Step") -> Message:
        for _ in range(MOST_TRIES):
            before = await self.find(message_id, by=agent_id)
            after = await step(before)
            if after == before:
                return before
            if await self._messages.move(before, after):
                self.changed()
                log.info("message_moved", message_id=message_id, state=after.state, agent_id=after.taken_by)
                return after
        raise Conflict(f"message {message_id} changes faster than it can be read; try again", code="message_busy")

    async def _check_free(self, message: Message, agent_id: AgentId | None) -> None:
        if message.state is MessageState.DONE:
            raise Conflict(f"message {message.message_id} was done by {message.done_by}", code="message_done")
        if message.state is MessageState.TAKEN and message.taken_by != agent_id:
            names = {agent.agent_id: agent.name for agent in await self._configuration.agents()}
            name = names.get(message.taken_by or AgentId(""), "")
            raise Conflict(
                f"message {message.message_id} is in hand of agent {message.taken_by} {name}".rstrip(),
                code="message_taken",
            )

    async def _check_disposition(self, disposition: str) -> None:
        known = {item.code for item in await self._configuration.dispositions()}
        if disposition not in known:
            raise InvalidValue(
                f"there is no disposition {disposition!r}; known: {', '.join(sorted(known))}",
                code="unknown_disposition",
            )


class Step(Protocol):
    """What a message is to become; raises `Conflict` where it cannot."""

    async def __call__(self, message: Message, /) -> Message:
        """The message after the step; the same when there is nothing to do."""
        ...


def news_for(
    queues: Sequence[QueueId] | frozenset[QueueId], counts: Mapping[QueueId, MessageCount], change: int
) -> MessageNews:
    """What an agent who serves these queues is shown."""
    served = [counts[queue_id] for queue_id in queues if queue_id in counts]
    return MessageNews(
        new=sum(count.new for count in served),
        oldest_at=min((count.oldest_at for count in served if count.oldest_at is not None), default=None),
        change=change,
    )
