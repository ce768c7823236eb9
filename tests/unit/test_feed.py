import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.app import feed as feed_module
from callcenter.app.feed import AGENTS, QUEUES, Feed, Resume, agent_topic
from callcenter.domain.ids import AgentId
from tests.fakes import FakeClock, FakeOutlet

ME = agent_topic(AgentId("1001"))
TOPICS = (QUEUES, ME)

Picture = dict[str, dict[str, Any]]


def make_feed(clock: FakeClock | None = None, epoch: str = "first", outbox_limit: int = 1_000) -> Feed:
    return Feed(clock=clock or FakeClock(), epoch=epoch, outbox_limit=outbox_limit)


def picture_of(feed: Feed, topics: tuple[str, ...] = TOPICS) -> Picture:
    snapshot = feed.snapshot(topics)
    return {
        topic: {key: json.loads(bytes(raw)) for key, raw in documents.items()}
        for topic, documents in snapshot.topics.items()
    }


class Client(FakeOutlet):
    """Keeps the picture as docs/api.md tells a client to."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = ""
        self.seq = -1
        self.picture: Picture = {}
        self.last_first = ""

    def read(self) -> None:
        for frame in self.frames:
            self.apply(json.loads(frame.message))
        self.pieces.clear()

    def apply(self, message: dict[str, Any]) -> None:
        if message["type"] == "event":
            if message["seq"] <= self.seq:
                return
            documents = self.picture[message["topic"]]
            if message["document"] is None:
                documents.pop(message["key"])
            else:
                documents[message["key"]] = message["document"]
            self.seq = message["seq"]
            return
        self.last_first = message["type"]
        if message["type"] == "snapshot":
            self.picture = message["topics"]
            self.epoch, self.seq = message["epoch"], message["seq"]
        else:
            assert message["epoch"] == self.epoch


Step = tuple[str, str, str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "put", "put", "delete", "leave", "come", "pass_time", "flush", "fill", "empty", "read"]
        ),
        st.sampled_from([*TOPICS, "waiting"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps=steps)
def test_old_snapshot_and_events_equal_a_fresh_snapshot(steps: list[Step]) -> None:
    asyncio.run(_check_law(steps))


async def _check_law(steps: list[Step]) -> None:
    clock = FakeClock()
    feed = Feed(clock=clock, epoch="first", kept_events=12, outbox_limit=100)
    client = Client()
    subscription = feed.subscribe(TOPICS, client)
    here = True
    for verb, topic, key, number in steps:
        match verb:
            case "put":
                feed.put(topic, key, {"number": number})
            case "delete":
                feed.delete(topic, key)
            case "leave" if here:
                # What was not sent yet is lost with the connection.
                client.read()
                subscription.close()
                here = False
            case "come" if not here:
                client.takes_more = True
                subscription = feed.subscribe(TOPICS, client, Resume(epoch=client.epoch, seq=client.seq))
                here = True
            case "pass_time":
                clock.advance(timedelta(seconds=50 * number))
            case "flush":
                feed.flush()
            case "fill":
                client.takes_more = False
            case "empty" if here:
                client.takes_more = True
                subscription.flush()
            case "read" if here:
                client.takes_more = True
                subscription.flush()
                client.read()
                assert client.picture == picture_of(feed)
    if not here:
        subscription = feed.subscribe(TOPICS, client, Resume(epoch=client.epoch, seq=client.seq))
    client.takes_more = True
    subscription.flush()
    client.read()
    assert client.picture == picture_of(feed)
    assert not client.is_cut


async def test_a_resume_within_two_minutes_gets_the_missed_events_alone() -> None:
    clock = FakeClock()
    feed = make_feed(clock)
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(QUEUES, "sales", {"waiting": 2})
    clock.advance(timedelta(minutes=2))
    assert told(feed, [QUEUES], Resume(epoch="first", seq=1)) == [
        {"type": "resumed", "epoch": "first", "seq": 2},
        {"type": "event", "seq": 2, "topic": "queues", "key": "sales", "document": {"waiting": 2}},
    ]


@pytest.mark.parametrize(
    ("epoch", "seq", "after"),
    [
        ("first", 1, timedelta(minutes=2, seconds=1)),
        ("another", 1, timedelta(0)),
        ("first", 99, timedelta(0)),
    ],
    ids=["too late", "another life of the server", "from the future"],
)
async def test_a_resume_that_cannot_be_true_gets_a_snapshot(epoch: str, seq: int, after: timedelta) -> None:
    clock = FakeClock()
    feed = make_feed(clock)
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(QUEUES, "sales", {"waiting": 2})
    clock.advance(after)
    assert told(feed, [QUEUES], Resume(epoch=epoch, seq=seq)) == [
        {"type": "snapshot", "epoch": "first", "seq": 2, "topics": {"queues": {"sales": {"waiting": 2}}}}
    ]


async def test_more_missed_events_than_the_outbox_holds_are_a_snapshot() -> None:
    feed = make_feed(outbox_limit=10)
    for number in range(12):
        feed.put(QUEUES, "sales", {"waiting": number})
    (message,) = told(feed, [QUEUES], Resume(epoch="first", seq=0))
    assert message["type"] == "snapshot"


async def test_each_snapshot_has_the_documents_of_its_moment() -> None:
    feed = make_feed()
    pictures = []
    for change in ({"waiting": 1}, {"waiting": 2}, None):
        feed.put(QUEUES, "sales", change)
        pictures.append(told(feed, [QUEUES])[0]["topics"]["queues"])
    assert pictures == [{"sales": {"waiting": 1}}, {"sales": {"waiting": 2}}, {}]


async def test_an_agents_topic_is_me_for_him() -> None:
    feed, client = make_feed(), FakeOutlet()
    feed.subscribe([ME], client)
    feed.put(ME, "state", {"state": "ready"})
    feed.delete(ME, "state")
    first, *events = messages(client)
    assert first["topics"] == {"me": {}}
    assert [(event["topic"], event["document"]) for event in events] == [("me", {"state": "ready"}), ("me", None)]


async def test_the_same_document_again_is_no_event() -> None:
    feed = make_feed()
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.delete(QUEUES, "support")
    assert feed.seq == 1


async def test_every_client_gets_the_very_same_bytes() -> None:
    feed, one, other = make_feed(), FakeOutlet(), FakeOutlet()
    feed.subscribe([QUEUES], one)
    feed.subscribe([QUEUES], other)
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.flush()
    assert one.frames[-1] is other.frames[-1]
    made: list[bytes] = []

    def form(message: bytes) -> bytes:
        made.append(message)
        return b"!" + message

    assert one.frames[-1].sent_as(form) is other.frames[-1].sent_as(form)
    assert len(made) == 1


async def test_a_desk_is_told_at_once_and_a_board_of_several_events_in_one_piece() -> None:
    feed, desk, board = make_feed(), FakeOutlet(), FakeOutlet()
    feed.subscribe([ME], desk)
    feed.subscribe([QUEUES, AGENTS], board)
    feed.put(ME, "pop", {"offer_id": "1"})
    for number in range(5):
        feed.put(QUEUES, "sales", {"waiting": number})
        feed.put(AGENTS, "1001", {"offers": number})
    assert len(desk.pieces) == 2
    assert len(board.pieces) == 1, "the snapshot alone"
    feed.flush()
    assert [len(piece) for piece in board.pieces] == [1, 10]


async def test_what_is_held_for_a_client_leaves_before_news_of_his_desk() -> None:
    feed, client = make_feed(), FakeOutlet()
    feed.subscribe([QUEUES, ME], client)
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(ME, "pop", {"offer_id": "1"})
    assert [message["seq"] for message in messages(client)] == [0, 1, 2]


async def test_the_board_goes_by_itself_also_what_comes_while_many_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "FOLLOWERS_AT_ONCE", 2)
    feed = Feed(clock=FakeClock(), epoch="first", board_pace=timedelta(milliseconds=1))
    clients = [FakeOutlet() for _ in range(7)]
    for client in clients:
        feed.subscribe([QUEUES], client)
    async with asyncio.timeout(30):
        for number in range(1, 4):
            feed.put(QUEUES, "sales", {"waiting": number})
            await until_all(clients[:1], number)
        await until_all(clients, 3)
    assert all([frame.seq for frame in client.frames] == [0, 1, 2, 3] for client in clients)


async def test_a_slow_client_is_cut_and_the_others_are_not() -> None:
    feed, slow, quick = make_feed(outbox_limit=5), FakeOutlet(), FakeOutlet()
    feed.subscribe([QUEUES], slow)
    feed.subscribe([QUEUES], quick)
    slow.takes_more = False
    for number in range(10):
        feed.put(QUEUES, "sales", {"waiting": number})
    assert (slow.is_cut, quick.is_cut) == (True, False)
    assert feed.followers(QUEUES) == 1
    feed.flush()
    assert quick.frames[-1].seq == 10


async def test_more_than_an_outbox_in_one_moment_cuts_nobody_whose_socket_has_room() -> None:
    feed, client = make_feed(outbox_limit=5), FakeOutlet()
    feed.subscribe([QUEUES], client)
    for number in range(100):
        feed.put(QUEUES, "sales", {"waiting": number})
    feed.flush()
    assert not client.is_cut
    assert [frame.seq for frame in client.frames] == list(range(101))


async def test_a_full_socket_gets_no_more_than_a_piece_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PIECE_BYTES", 100)
    feed, client = make_feed(), FakeOutlet()
    subscription = feed.subscribe([QUEUES], client)
    client.takes_more = False
    for number in range(5):
        feed.put(QUEUES, "sales", {"waiting": number, "ballast": "x" * 100})
    feed.flush()
    assert len(client.pieces) == 1
    client.takes_more = True
    subscription.flush()
    assert [len(piece) for piece in client.pieces] == [1, 1, 1, 1, 1, 1]


async def test_delivered_waits_for_the_socket_and_no_longer() -> None:
    feed, client = make_feed(), FakeOutlet()
    subscription = feed.subscribe([ME], client)
    client.takes_more = False
    feed.put(ME, "pop", {"offer_id": "1"})
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    assert not delivered.done()
    client.takes_more = True
    subscription.flush()
    await asyncio.wait_for(delivered, 5)
    feed.put(ME, "pop", {"offer_id": "2"})
    await asyncio.wait_for(feed.delivered(ME, timedelta(seconds=30)), 5)


async def test_delivered_counts_a_snapshot_that_is_still_on_its_way() -> None:
    feed, client = make_feed(), FakeOutlet()
    feed.put(ME, "pop", {"offer_id": "1"})
    client.takes_more = False
    subscription = feed.subscribe([ME], client)
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    assert not delivered.done()
    client.takes_more = True
    subscription.flush()
    await asyncio.wait_for(delivered, 5)


async def test_delivered_counts_missed_events_of_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PIECE_BYTES", 1)
    feed, client = make_feed(), OneFrame()
    feed.put(ME, "state", {"state": "ready"})
    feed.put(ME, "pop", {"offer_id": "1"})
    subscription = feed.subscribe([ME], client, Resume(epoch="first", seq=1))
    assert messages(client)[0]["type"] == "resumed"
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    assert not delivered.done()
    client.takes_more = True
    subscription.flush()
    await asyncio.wait_for(delivered, 5)


async def test_delivered_returns_at_once_when_nobody_follows_or_the_follower_left() -> None:
    feed, client = make_feed(), FakeOutlet()
    feed.put(ME, "pop", {"offer_id": "1"})
    await asyncio.wait_for(feed.delivered(ME, timedelta(seconds=30)), 5)
    client.takes_more = False
    subscription = feed.subscribe([ME], client)
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    subscription.close()
    await asyncio.wait_for(delivered, 5)


async def test_delivered_gives_up_on_a_stuck_socket() -> None:
    feed, client = make_feed(), FakeOutlet()
    feed.subscribe([ME], client)
    client.takes_more = False
    feed.put(ME, "pop", {"offer_id": "1"})
    await asyncio.wait_for(feed.delivered(ME, timedelta(milliseconds=5)), 5)
    assert len(client.frames) == 1


async def test_a_closed_subscription_gets_nothing_more() -> None:
    feed, client = make_feed(), FakeOutlet()
    subscription = feed.subscribe([QUEUES], client)
    feed.put(QUEUES, "sales", {"waiting": 1})
    subscription.close()
    subscription.close()
    feed.put(QUEUES, "sales", {"waiting": 2})
    feed.flush()
    assert [frame.seq for frame in client.frames] == [0]


async def until_all(clients: list[FakeOutlet], seq: int) -> None:
    while any(client.frames[-1].seq != seq for client in clients):  # noqa: ASYNC110 - the loop's next turns.
        await asyncio.sleep(0)


class OneFrame(FakeOutlet):
    """Full after each write."""

    def write(self, frames: Any) -> None:
        super().write(frames)
        self.takes_more = False


def messages(client: FakeOutlet) -> list[dict[str, Any]]:
    return [json.loads(frame.message) for frame in client.frames]


def told(feed: Feed, topics: list[str], resume: Resume | None = None) -> list[dict[str, Any]]:
    """What a client that comes now is told at once."""
    client = FakeOutlet()
    feed.subscribe(topics, client, resume).close()
    return messages(client)
