"""The live feed: topics are collections of documents, and whoever subscribes holds a true copy of them.

Law: an old snapshot with the events applied in order equals a fresh snapshot, also across a resume.

A document is encoded once for each event, however many screens read it. Desks are told at once; boards ten times a
second at most, all that happened in between in one piece. A subscriber has a bounded outbox; one whose socket does not
keep up is cut and comes back for a snapshot, nobody ever waits for him.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from callcenter.app.ports import Clock
from callcenter.domain.ids import AgentId

QUEUES = "queues"
AGENTS = "agents"
WAITING = "waiting"
MONITORING = "monitoring"
ALERTS = "alerts"
TRENDS = "trends"
_AGENT_PREFIX = "agent:"

RESUME_WITHIN = timedelta(minutes=2)
KEPT_EVENTS = 10_000
"""So many events are kept for resuming at most; a client that missed more gets a snapshot."""
OUTBOX_LIMIT = 1_000
"""So many frames may wait for one client; its socket holds some seconds' worth besides."""
BOARD_TOPICS = frozenset({QUEUES, AGENTS, WAITING, TRENDS})
"""What is looked at from afar: many follow, and a tenth of a second is no delay."""
BOARD_PACE = timedelta(milliseconds=100)
"""An event of a board waits for so long at most, so that those that follow soon leave together with it."""
BOARD_LEAD = timedelta(milliseconds=10)
"""The first event after a pause waits for those of the same moment only."""
PIECE_BYTES = 65_536
FOLLOWERS_AT_ONCE = 100
"""After so many sockets calls have their turn: each costs some microseconds."""

_encoder = msgspec.json.Encoder()


def agent_topic(agent_id: AgentId) -> str:
    """The topic of one agent's own desk; he knows it as `me`."""
    return f"{_AGENT_PREFIX}{agent_id}"


def public_name(topic: str) -> str:
    """The topic's name on the wire."""
    return "me" if topic.startswith(_AGENT_PREFIX) else topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Where a client left off."""

    epoch: str
    seq: int


class Frame:
    """One message for the wire; `seq` is the last event it makes known."""

    __slots__ = ("_sent", "message", "seq")

    def __init__(self, *, seq: int, message: bytes) -> None:
        self.seq = seq
        self.message = message
        self._sent: dict[Callable[[bytes], bytes], bytes] = {}

    def sent_as(self, form: Callable[[bytes], bytes]) -> bytes:
        """The message in the form that sockets take; made once, however many take it."""
        sent = self._sent.get(form)
        if sent is None:
            sent = self._sent[form] = form(self.message)
        return sent


class Outlet(Protocol):
    """Where one client's frames leave."""

    @property
    def takes_more(self) -> bool:
        """Whether the socket has room; when it has again, whoever owns it calls `Subscription.flush`."""
        ...

    def write(self, frames: Iterable[Frame]) -> None:
        """Give these to the socket, in one piece."""
        ...

    def cut(self) -> None:
        """The client did not keep up: end it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All documents of some topics at one moment, by public topic name and key, as JSON."""

    epoch: str
    seq: int
    topics: Mapping[str, Mapping[str, msgspec.Raw]]


class _SnapshotMessage(msgspec.Struct, tag_field="type", tag="snapshot"):
    epoch: str
    seq: int
    topics: Mapping[str, msgspec.Raw]


class _ResumedMessage(msgspec.Struct, tag_field="type", tag="resumed"):
    epoch: str
    seq: int


class _EventMessage(msgspec.Struct, tag_field="type", tag="event"):
    seq: int
    topic: str
    key: str
    document: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    at: datetime
    topic: str
    frame: Frame


class Subscription:
    """One client's frames in order; made by `Feed.subscribe`."""

    def __init__(
        self, feed: "Feed", topics: frozenset[str], outlet: Outlet, first: Iterable[Frame], limit: int
    ) -> None:
        self.topics = topics
        self._feed = feed
        self._outlet = outlet
        self._limit = limit
        self._outbox = deque(first)
        self._handed_seq = -1
        self._closed = False
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def flush(self) -> None:
        """Give the socket what waits for it, as far as it takes it."""
        outbox = self._outbox
        while outbox and self._outlet.takes_more:
            piece = self._next_piece()
            self._outlet.write(piece)
            self._handed(piece[-1].seq)

    def close(self) -> None:
        """End the subscription; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._outbox.clear()
        self._feed._forget(self)
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _take(self, frame: Frame) -> None:
        if len(self._outbox) >= self._limit:
            self.flush()
        if len(self._outbox) >= self._limit:
            self.close()
            self._outlet.cut()
        else:
            self._outbox.append(frame)

    def _next_piece(self) -> list[Frame]:
        """What may go at once: a socket that is full says so only after it was given something."""
        outbox, size = self._outbox, 0
        piece: list[Frame] = []
        while outbox and size < PIECE_BYTES:
            frame = outbox.popleft()
            size += len(frame.message)
            piece.append(frame)
        return piece

    def _handed(self, seq: int) -> None:
        self._handed_seq = max(self._handed_seq, seq)
        for wanted, waiter in self._waiters:
            if wanted <= self._handed_seq and not waiter.done():
                waiter.set_result(None)

    def _has_handed(self, seq: int) -> bool:
        return self._closed or self._handed_seq >= seq

    async def _handed_over(self, seq: int) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (seq, waiter)
        self._waiters.append(entry)
        try:
            await waiter
        finally:
            self._waiters.remove(entry)


class Feed:
    """The collections, the recent past, and who follows them. Lives in one event loop; `put` never waits."""

    def __init__(
        self,
        *,
        clock: Clock,
        epoch: str,
        resume_within: timedelta = RESUME_WITHIN,
        kept_events: int = KEPT_EVENTS,
        outbox_limit: int = OUTBOX_LIMIT,
        board_pace: timedelta = BOARD_PACE,
    ) -> None:
        """`epoch` is new each time the server starts: a client of an older one gets a snapshot."""
        self._clock = clock
        self._epoch = epoch
        self._resume_within = resume_within
        self._kept_events = kept_events
        self._outbox_limit = outbox_limit
        self._board_pace_seconds = board_pace.total_seconds()
        self._seq = 0
        self._forgotten_seq = 0
        self._documents: dict[str, dict[str, bytes]] = {}
        self._encoded_topics: dict[str, msgspec.Raw] = {}
        self._topic_seq: dict[str, int] = {}
        self._past: deque[_Past] = deque()
        self._subscribers: dict[str, set[Subscription]] = {}
        self._held_topics: set[str] = set()
        self._flushing: asyncio.Handle | None = None
        self._flush_at = 0.0

    @property
    def epoch(self) -> str:
        """This feed's life."""
        return self._epoch

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self._seq

    def put(self, topic: str, key: str, document: object) -> None:
        """Set a document (a dataclass of views or plain values); the same document again is no event; None deletes."""
        if document is None:
            self.delete(topic, key)
            return
        encoded = _encoder.encode(document)
        documents = self._documents.setdefault(topic, {})
        if documents.get(key) == encoded:
            return
        documents[key] = encoded
        self._announce(topic, key, encoded)

    def delete(self, topic: str, key: str) -> None:
        """Take a document away; nothing happens when there is none."""
        if self._documents.get(topic, {}).pop(key, None) is not None:
            self._announce(topic, key, b"null")

    def forget_past(self) -> None:
        """Keep nothing of what was shown: whoever comes back gets a fresh snapshot."""
        self._past.clear()
        self._forgotten_seq = self._seq

    def snapshot(self, topics: Iterable[str]) -> Snapshot:
        """All documents of these topics now."""
        return Snapshot(
            epoch=self._epoch,
            seq=self._seq,
            topics={public_name(topic): self._raw_documents(topic) for topic in sorted(topics)},
        )

    def subscribe(self, topics: Iterable[str], outlet: Outlet, resume: Resume | None = None) -> Subscription:
        """Follow these topics from now on; the first frame is a snapshot, or `resumed` with what was missed.

        A resume is right only for the topics the client held at that place. What there is leaves by `outlet` at once.
        """
        wanted = frozenset(topics)
        missed = None if resume is None else self._missed(wanted, resume)
        if missed is None:
            encoded = {public_name(topic): self._encoded_topic(topic) for topic in sorted(wanted)}
            message: msgspec.Struct = _SnapshotMessage(epoch=self._epoch, seq=self._seq, topics=encoded)
            first = [Frame(seq=self._seq, message=_encoder.encode(message))]
        else:
            message = _ResumedMessage(epoch=self._epoch, seq=self._seq)
            # Until the missed frames are out, nothing new counts as handed over.
            seq_before = missed[0].seq - 1 if missed else self._seq
            first = [Frame(seq=seq_before, message=_encoder.encode(message)), *missed]
        subscription = Subscription(self, wanted, outlet, first, self._outbox_limit)
        for topic in wanted:
            self._subscribers.setdefault(topic, set()).add(subscription)
        subscription.flush()
        return subscription

    def flush(self) -> None:
        """Let everything go that is held for the pace of boards."""
        for _ in self._letting_go():
            pass

    async def delivered(self, topic: str, within: timedelta) -> None:
        """Return when the sockets of all who follow `topic` have taken what was put on it so far, or time is up."""
        seq = self._topic_seq.get(topic, 0)
        if seq == 0 or self._first_behind(topic, seq) is None:
            return
        try:
            async with asyncio.timeout(within.total_seconds()):
                while (behind := self._first_behind(topic, seq)) is not None:
                    await behind._handed_over(seq)
        except TimeoutError:
            return

    def followers(self, topic: str) -> int:
        """How many subscriptions follow this topic."""
        return len(self._subscribers.get(topic, ()))

    def _first_behind(self, topic: str, seq: int) -> Subscription | None:
        return next((one for one in self._subscribers.get(topic, ()) if not one._has_handed(seq)), None)

    def _announce(self, topic: str, key: str, encoded: bytes) -> None:
        self._seq += 1
        self._topic_seq[topic] = self._seq
        self._encoded_topics.pop(topic, None)
        message = _EventMessage(seq=self._seq, topic=public_name(topic), key=key, document=msgspec.Raw(encoded))
        frame = Frame(seq=self._seq, message=_encoder.encode(message))
        self._past.append(_Past(at=self._clock.now(), topic=topic, frame=frame))
        self._forget_old()
        followers = tuple(self._subscribers.get(topic, ()))
        for subscription in followers:
            subscription._take(frame)
        if topic not in BOARD_TOPICS:
            # What is held for the same client leaves before it: numbers only grow.
            for subscription in followers:
                subscription.flush()
        elif followers:
            self._held_topics.add(topic)
            self._plan_flush()

    def _plan_flush(self) -> None:
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            lead = min(BOARD_LEAD.total_seconds(), self._board_pace_seconds)
            self._flush_at = max(loop.time() + lead, self._flush_at + self._board_pace_seconds)
            self._flushing = loop.call_at(self._flush_at, self._let_go, loop, self._letting_go())

    def _let_go(self, loop: asyncio.AbstractEventLoop, going: Iterator[None]) -> None:
        """Serve some followers, and the others in the loop's next turns."""
        for _ in going:
            self._flushing = loop.call_soon(self._let_go, loop, going)
            return
        self._flushing = None
        if self._held_topics:
            self._plan_flush()

    def _letting_go(self) -> Iterator[None]:
        topics, self._held_topics = self._held_topics, set()
        followers = {one for topic in topics for one in self._subscribers.get(topic, ())}
        for number, subscription in enumerate(followers, start=1):
            subscription.flush()
            if number % FOLLOWERS_AT_ONCE == 0:
                yield

    def _raw_documents(self, topic: str) -> dict[str, msgspec.Raw]:
        return {key: msgspec.Raw(encoded) for key, encoded in self._documents.get(topic, {}).items()}

    def _encoded_topic(self, topic: str) -> msgspec.Raw:
        """A topic's documents as one text, kept until one of them changes: after a restart everybody asks for it."""
        encoded = self._encoded_topics.get(topic)
        if encoded is None:
            encoded = self._encoded_topics[topic] = msgspec.Raw(_encoder.encode(self._raw_documents(topic)))
        return encoded

    def _missed(self, topics: frozenset[str], resume: Resume) -> list[Frame] | None:
        """What happened on `topics` after that place; None when it cannot be told or is too much."""
        self._forget_old()
        if resume.epoch != self._epoch or not self._forgotten_seq <= resume.seq <= self._seq:
            return None
        missed = []
        for past in reversed(self._past):
            if past.frame.seq <= resume.seq:
                break
            if past.topic in topics:
                missed.append(past.frame)
        if len(missed) >= self._outbox_limit:
            return None
        missed.reverse()
        return missed

    def _forget_old(self) -> None:
        oldest = self._clock.now() - self._resume_within
        while self._past and (len(self._past) > self._kept_events or self._past[0].at < oldest):
            self._forgotten_seq = self._past.popleft().frame.seq

    def _forget(self, subscription: Subscription) -> None:
        for topic in subscription.topics:
            followers = self._subscribers.get(topic)
            if followers is not None:
                followers.discard(subscription)
                if not followers:
                    del self._subscribers[topic]
