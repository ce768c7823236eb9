import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.app.feed import QUEUES, Feed, Frame, Resume, Subscription, TooSlow, agent_topic
from callcenter.domain.ids import AgentId
from tests.fakes import FakeClock

NO_WAIT = timedelta(0)
ONE_SECOND = timedelta(seconds=1)
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


class Client:
    """Keeps the picture as docs/api.md tells a client to."""

    def __init__(self) -> None:
        self.epoch = ""
        self.seq = -1
        self.picture: Picture = {}
        self.last_first = ""

    async def read(self, subscription: Subscription) -> None:
        while (frame := await subscription.next_frame(NO_WAIT)) is not None:
            self.apply(json.loads(frame.text))
            subscription.handed(frame)

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
        st.sampled_from(["put", "put", "put", "delete", "leave", "come", "pass_time", "read"]),
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
    subscription: Subscription | None = feed.subscribe(TOPICS)
    for verb, topic, key, number in steps:
        match verb:
            case "put":
                feed.put(topic, key, {"number": number})
            case "delete":
                feed.delete(topic, key)
            case "leave" if subscription is not None:
                await client.read(subscription)
                subscription.close()
                subscription = None
            case "come" if subscription is None:
                resume = Resume(epoch=client.epoch, seq=client.seq)
                subscription = feed.subscribe(TOPICS, resume)
            case "pass_time":
                clock.advance(timedelta(seconds=50 * number))
            case "read" if subscription is not None:
                await client.read(subscription)
                assert client.picture == picture_of(feed)
    if subscription is None:
        subscription = feed.subscribe(TOPICS, Resume(epoch=client.epoch, seq=client.seq))
    await client.read(subscription)
    assert client.picture == picture_of(feed)


async def test_a_resume_within_two_minutes_gets_the_missed_events_alone() -> None:
    clock = FakeClock()
    feed = make_feed(clock)
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(QUEUES, "sales", {"waiting": 2})
    clock.advance(timedelta(minutes=2))
    subscription = feed.subscribe([QUEUES], Resume(epoch="first", seq=1))
    frames = [json.loads(frame.text) for frame in await take_all(subscription)]
    assert frames == [
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
    (frame,) = await take_all(feed.subscribe([QUEUES], Resume(epoch=epoch, seq=seq)))
    assert json.loads(frame.text) == {
        "type": "snapshot",
        "epoch": "first",
        "seq": 2,
        "topics": {"queues": {"sales": {"waiting": 2}}},
    }


async def test_more_missed_events_than_the_outbox_holds_are_a_snapshot() -> None:
    feed = make_feed(outbox_limit=10)
    for number in range(12):
        feed.put(QUEUES, "sales", {"waiting": number})
    (frame,) = await take_all(feed.subscribe([QUEUES], Resume(epoch="first", seq=0)))
    assert json.loads(frame.text)["type"] == "snapshot"


async def test_an_agents_topic_is_me_for_him() -> None:
    feed = make_feed()
    subscription = feed.subscribe([ME])
    feed.put(ME, "state", {"state": "ready"})
    feed.delete(ME, "state")
    frames = [json.loads(frame.text) for frame in await take_all(subscription)]
    assert frames[0]["topics"] == {"me": {}}
    assert [(frame["topic"], frame["document"]) for frame in frames[1:]] == [("me", {"state": "ready"}), ("me", None)]


async def test_the_same_document_again_is_no_event() -> None:
    feed = make_feed()
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.put(QUEUES, "sales", {"waiting": 1})
    feed.delete(QUEUES, "support")
    assert feed.seq == 1


async def test_every_client_gets_the_very_same_text() -> None:
    feed = make_feed()
    one, other = feed.subscribe([QUEUES]), feed.subscribe([QUEUES])
    feed.put(QUEUES, "sales", {"waiting": 1})
    assert (await take_all(one))[-1] is (await take_all(other))[-1]


async def test_a_slow_client_is_cut_and_the_others_are_not() -> None:
    feed = make_feed(outbox_limit=5)
    slow, quick = feed.subscribe([QUEUES]), feed.subscribe([QUEUES])
    for number in range(10):
        feed.put(QUEUES, "sales", {"waiting": number})
        await take_all(quick)
    with pytest.raises(TooSlow):
        await slow.next_frame(NO_WAIT)
    assert feed.followers(QUEUES) == 1


async def test_a_waiting_reader_is_told_that_he_was_cut() -> None:
    feed = make_feed(outbox_limit=2)
    subscription = feed.subscribe([QUEUES])
    await take_all(subscription)
    reading = asyncio.create_task(subscription.next_frame(timedelta(seconds=30)))
    await asyncio.sleep(0)
    for number in range(5):
        feed.put(QUEUES, "sales", {"waiting": number})
    with pytest.raises(TooSlow):
        await reading


async def test_delivered_waits_for_the_socket_and_no_longer() -> None:
    feed = make_feed()
    subscription = feed.subscribe([ME])
    await hand_all(subscription)
    feed.put(ME, "pop", {"offer_id": "1"})
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    frame = await subscription.next_frame(ONE_SECOND)
    assert frame is not None
    await asyncio.sleep(0)
    assert not delivered.done(), "a frame that was taken is not yet handed to the socket"
    subscription.handed(frame)
    await asyncio.wait_for(delivered, 5)


async def test_delivered_counts_a_snapshot_that_is_still_on_its_way() -> None:
    feed = make_feed()
    feed.put(ME, "pop", {"offer_id": "1"})
    subscription = feed.subscribe([ME])
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    assert not delivered.done()
    await hand_all(subscription)
    await asyncio.wait_for(delivered, 5)


async def test_delivered_counts_missed_events_of_a_resume() -> None:
    feed = make_feed()
    feed.put(ME, "state", {"state": "ready"})
    feed.put(ME, "pop", {"offer_id": "1"})
    subscription = feed.subscribe([ME], Resume(epoch="first", seq=1))
    resumed = await subscription.next_frame(ONE_SECOND)
    assert resumed is not None
    subscription.handed(resumed)
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    assert not delivered.done()
    await hand_all(subscription)
    await asyncio.wait_for(delivered, 5)


async def test_delivered_returns_at_once_when_nobody_follows_or_the_follower_left() -> None:
    feed = make_feed()
    feed.put(ME, "pop", {"offer_id": "1"})
    await asyncio.wait_for(feed.delivered(ME, timedelta(seconds=30)), 5)
    subscription = feed.subscribe([ME])
    delivered = asyncio.create_task(feed.delivered(ME, timedelta(seconds=30)))
    await asyncio.sleep(0)
    subscription.close()
    await asyncio.wait_for(delivered, 5)


async def test_delivered_gives_up_on_a_stuck_socket() -> None:
    feed = make_feed()
    subscription = feed.subscribe([ME])
    feed.put(ME, "pop", {"offer_id": "1"})
    await asyncio.wait_for(feed.delivered(ME, timedelta(milliseconds=5)), 5)
    assert len(await take_all(subscription)) == 2


async def test_a_closed_subscription_gets_nothing_more() -> None:
    feed = make_feed()
    subscription = feed.subscribe([QUEUES])
    subscription.close()
    subscription.close()
    feed.put(QUEUES, "sales", {"waiting": 1})
    assert await subscription.next_frame(ONE_SECOND) is None


async def take_all(subscription: Subscription) -> list[Frame]:
    frames = []
    while (frame := await subscription.next_frame(NO_WAIT)) is not None:
        frames.append(frame)
    return frames


async def hand_all(subscription: Subscription) -> None:
    for frame in await take_all(subscription):
        subscription.handed(frame)
