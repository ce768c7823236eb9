"""The live feed: topics are collections of documents, and whoever subscribes holds a true copy of them.

Law: an old snapshot with the events applied in order equals a fresh snapshot, also across a resume.

A document is encoded once for each event, however many screens read it. A subscriber has a bounded outbox; one who
does not keep up is cut and comes back for a snapshot, nobody ever waits for him.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

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

_encoder = msgspec.json.Encoder()


def agent_topic(agent_id: AgentId) -> str:
    """The topic of one agent's own desk; he knows it as `me`."""
    return f"{_AGENT_PREFIX}{agent_id}"


def public_name(topic: str) -> str:
    """The topic's name on the wire."""
    return "me" if topic.startswith(_AGENT_PREFIX) else topic


class TooSlow(Exception):
    """The subscriber did not take his frames; he has been cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Where a client left off."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message for the wire; `seq` is the last event it makes known."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All documents of some topics at one moment, by public topic name and key, as JSON."""

    epoch: str
    seq: int
    topics: Mapping[str, Mapping[str, msgspec.Raw]]


class _SnapshotMessage(msgspec.Struct, tag_field="type", tag="snapshot"):
    epoch: str
    seq: int
    topics: Mapping[str, Mapping[str, msgspec.Raw]]


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
    """One client's frames in order; made by `Feed.subscribe`, read by the task that owns the socket."""

    def __init__(self, feed: "Feed", topics: frozenset[str], first: Iterable[Frame], limit: int) -> None:
        self.topics = topics
        self._feed = feed
        self._limit = limit
        self._outbox = deque(first)
        self._handed_seq = -1
        self._closed = False
        self._too_slow = False
        self._wake: asyncio.Future[None] | None = None
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    async def next_frame(self, within: timedelta) -> Frame | None:
        """The next frame; None when there is none within this time or the subscription is closed.

        Raises `TooSlow` when the outbox ran over.
        """
        if self._too_slow:
            raise TooSlow
        if not self._outbox and not self._closed:
            self._wake = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within.total_seconds()):
                    await self._wake
            except TimeoutError:
                return None
            finally:
                self._wake = None
            if self._too_slow:
                raise TooSlow
        return self._outbox.popleft() if self._outbox else None

    def handed(self, frame: Frame) -> None:
        """Note that the socket has taken this frame."""
        self._handed_seq = max(self._handed_seq, frame.seq)
        if self._waiters:
            for seq, waiter in self._waiters:
                if seq <= self._handed_seq and not waiter.done():
                    waiter.set_result(None)

    def close(self) -> None:
        """End the subscription; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._outbox.clear()
        self._feed._forget(self)
        self._rouse()
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _take(self, frame: Frame) -> None:
        if len(self._outbox) >= self._limit:
            self._too_slow = True
            self.close()
            return
        self._outbox.append(frame)
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

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
    ) -> None:
        """`epoch` is new each time the server starts: a client of an older one gets a snapshot."""
        self._clock = clock
        self._epoch = epoch
        self._resume_within = resume_within
        self._kept_events = kept_events
        self._outbox_limit = outbox_limit
        self._seq = 0
        self._forgotten_seq = 0
        self._documents: dict[str, dict[str, bytes]] = {}
        self._topic_seq: dict[str, int] = {}
        self._past: deque[_Past] = deque()
        self._subscribers: dict[str, set[Subscription]] = {}

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
            topics={
                public_name(topic): {
                    key: msgspec.Raw(encoded) for key, encoded in self._documents.get(topic, {}).items()
                }
                for topic in sorted(topics)
            },
        )

    def subscribe(self, topics: Iterable[str], resume: Resume | None = None) -> Subscription:
        """Follow these topics from now on; the first frame is a snapshot, or `resumed` with what was missed.

        A resume is right only for the topics the client held at that place.
        """
        wanted = frozenset(topics)
        missed = None if resume is None else self._missed(wanted, resume)
        if missed is None:
            picture = self.snapshot(wanted)
            message: msgspec.Struct = _SnapshotMessage(epoch=picture.epoch, seq=picture.seq, topics=picture.topics)
            first = [Frame(seq=self._seq, text=_encoder.encode(message).decode())]
        else:
            message = _ResumedMessage(epoch=self._epoch, seq=self._seq)
            # Until the missed frames are out, nothing new counts as handed over.
            seq_before = missed[0].seq - 1 if missed else self._seq
            first = [Frame(seq=seq_before, text=_encoder.encode(message).decode()), *missed]
        subscription = Subscription(self, wanted, first, self._outbox_limit)
        for topic in wanted:
            self._subscribers.setdefault(topic, set()).add(subscription)
        return subscription

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
        message = _EventMessage(seq=self._seq, topic=public_name(topic), key=key, document=msgspec.Raw(encoded))
        frame = Frame(seq=self._seq, text=_encoder.encode(message).decode())
        self._past.append(_Past(at=self._clock.now(), topic=topic, frame=frame))
        self._forget_old()
        for subscription in tuple(self._subscribers.get(topic, ())):
            subscription._take(frame)

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
