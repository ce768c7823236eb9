import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callcenter.app.feed import QUEUES, agent_topic
from callcenter.web import live
from callcenter.web.errors import PortTaken
from callcenter.web.server import serve
from tests.adapters.web_house import CHEN, LI, PASSWORD, WebHouse, furnish, serving
from tests.patience import PATIENCE_SECONDS

WITHIN = PATIENCE_SECONDS
ME = agent_topic(LI)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[WebHouse]:
    with furnish(tmp_path, desktop_grace=timedelta(milliseconds=50), outbox_limit=50) as made:
        yield made


@pytest.fixture
async def port(house: WebHouse) -> AsyncIterator[int]:
    async with serving(house) as port:
        yield port


async def token_for(house: WebHouse, name: str = "1001") -> str:
    return (await house.sessions.sign_in(name, PASSWORD, "127.0.0.1")).token


@contextlib.asynccontextmanager
async def desktop(port: int, token: str | None, *, cookie: bool = False) -> AsyncGenerator[ClientConnection]:
    headers = {"Cookie": f"cc_session={token}"} if cookie else {}
    protocols = None if cookie or token is None else ["callcenter.v1", f"bearer.{token}"]
    async with connect(
        f"ws://127.0.0.1:{port}/api/v1/live",
        subprotocols=protocols,  # type: ignore[arg-type]
        additional_headers=headers,
        origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
        ping_interval=None,
        compression=None,
    ) as socket_:
        yield socket_


async def hear(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), WITHIN))
    return message


async def subscribe(client: ClientConnection, *topics: str, resume: dict[str, object] | None = None) -> dict[str, Any]:
    message: dict[str, object] = {"type": "subscribe", "topics": topics}
    if resume is not None:
        message["resume"] = resume
    await client.send(json.dumps(message))
    return await hear(client)


async def closed_with(client: ClientConnection) -> int:
    """The close code, whatever else comes before."""
    async with asyncio.timeout(WITHIN):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
        await client.wait_closed()
    assert client.close_code is not None
    return client.close_code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 - the conditions are of the world, not of an event of ours.
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("cookie", [True, False])
async def test_a_snapshot_comes_first_and_then_events(house: WebHouse, port: int, cookie: bool) -> None:
    house.feed.put(QUEUES, "sales", {"waiting": 1})
    async with desktop(port, await token_for(house), cookie=cookie) as client:
        assert client.subprotocol == (None if cookie else "callcenter.v1")
        assert await subscribe(client, "me", "queues") == {
            "type": "snapshot",
            "epoch": "first",
            "seq": 1,
            "topics": {"me": {}, "queues": {"sales": {"waiting": 1}}},
        }
        house.feed.put(ME, "state", house.desk.agent(LI))
        house.feed.put(agent_topic(CHEN), "state", house.desk.agent(CHEN))
        house.feed.delete(QUEUES, "sales")
        event = await hear(client)
        assert (event["seq"], event["topic"], event["key"]) == (2, "me", "state")
        assert event["document"]["agent_id"] == "1001"
        # The other agent's event had number 3 and is not for these eyes.
        assert await hear(client) == {"type": "event", "seq": 4, "topic": "queues", "key": "sales", "document": None}


async def test_a_desk_that_was_cut_off_resumes_with_what_it_missed(house: WebHouse, port: int) -> None:
    token = await token_for(house)
    async with desktop(port, token) as client:
        seq = (await subscribe(client, "me", "queues"))["seq"]
    house.feed.put(QUEUES, "sales", {"waiting": 1})
    async with desktop(port, token) as client:
        resumed = await subscribe(client, "me", "queues", resume={"epoch": "first", "seq": seq})
        assert resumed == {"type": "resumed", "epoch": "first", "seq": seq + 1}
        assert (await hear(client))["document"] == {"waiting": 1}


async def test_delivered_resolves_when_the_pop_is_in_the_agents_socket(house: WebHouse, port: int) -> None:
    async with desktop(port, await token_for(house)) as client:
        await subscribe(client, "me")
        house.feed.put(ME, "pop", {"offer_id": "1"})
        await house.feed.delivered(ME, timedelta(seconds=WITHIN))
        subscription = next(iter(house.feed._subscribers[ME]))
        assert subscription._handed_seq == house.feed.seq
        assert (await hear(client))["key"] == "pop"


async def test_nobody_signed_in_is_closed_with_4401(house: WebHouse, port: int) -> None:
    for token in (None, "not a token".replace(" ", "-")):
        async with desktop(port, token) as client:
            assert await closed_with(client) == 4401


async def test_signing_out_closes_the_feed_of_that_session_alone(house: WebHouse, port: int) -> None:
    new = await house.sessions.sign_in("1001", PASSWORD, "127.0.0.1")
    async with desktop(port, new.token) as mine, desktop(port, await token_for(house, "super")) as other:
        await subscribe(mine, "me")
        await subscribe(other, "agents")
        await house.sessions.sign_out(new.signed_in)
        assert await closed_with(mine) == 4401
        house.feed.put("agents", "1001", {"state": "ready"})
        assert (await hear(other))["topic"] == "agents"
    assert house.desk.lost == []


async def test_a_session_that_ran_out_closes_its_feed(
    house: WebHouse, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SESSION_CHECK_SECONDS", 0.02)
    async with desktop(port, await token_for(house)) as client:
        await subscribe(client, "me")
        house.clock.advance(timedelta(hours=12))
        assert await closed_with(client) == 4401


async def test_an_open_feed_keeps_its_session_in_use(
    house: WebHouse, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SESSION_CHECK_SECONDS", 0.02)
    token = await token_for(house)
    async with desktop(port, token) as client:
        await subscribe(client, "me")
        for _ in range(3):
            house.clock.advance(timedelta(minutes=20))
            now = house.clock.now()
            await until(lambda now=now: any(one.last_seen_at == now for one in house.users.sessions.values()))  # type: ignore[misc]
    assert await house.sessions.find(token) is not None


@pytest.mark.parametrize(("name", "topic"), [("1001", "agents"), ("1001", "waiting"), ("super", "me"), ("admin", "me")])
async def test_a_topic_that_is_not_allowed_closes_with_4403(house: WebHouse, port: int, name: str, topic: str) -> None:
    async with desktop(port, await token_for(house, name)) as client:
        error = await subscribe(client, "queues", topic)
        assert (error["type"], error["code"]) == ("error", "no_agent" if topic == "me" else "forbidden")
        assert await closed_with(client) == 4403
    assert house.feed.followers(QUEUES) == 0


@pytest.mark.parametrize("topic", ["queues", "agents", "waiting"])
@pytest.mark.parametrize("name", ["super", "admin"])
async def test_supervisors_and_administrators_follow_the_floor(
    house: WebHouse, port: int, name: str, topic: str
) -> None:
    async with desktop(port, await token_for(house, name)) as client:
        assert (await subscribe(client, topic))["topics"] == {topic: {}}


async def test_the_second_desk_of_an_agent_takes_over(house: WebHouse, port: int) -> None:
    token = await token_for(house)
    async with desktop(port, token) as first, desktop(port, token) as second:
        await subscribe(first, "me")
        await subscribe(second, "me")
        assert await closed_with(first) == 4409
        house.feed.put(ME, "state", {"state": "ready"})
        assert (await hear(second))["document"] == {"state": "ready"}
    await until(lambda: house.desk.lost == [LI])


async def test_a_lost_desktop_is_reported_once_and_so_is_its_return(house: WebHouse, port: int) -> None:
    token = await token_for(house)
    for times in (1, 2):
        async with desktop(port, token) as client:
            await subscribe(client, "me")
            await until(lambda times=times: len(house.desk.back) == times - 1)  # type: ignore[misc]
        await until(lambda times=times: len(house.desk.lost) == times)  # type: ignore[misc]
    assert (house.desk.lost, house.desk.back) == ([LI, LI], [LI])


async def test_a_page_of_another_site_gets_no_socket(house: WebHouse, port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://127.0.0.1:{port}/api/v1/live",
            origin="https://evil.example",  # type: ignore[arg-type]
            additional_headers={"Cookie": f"cc_session={await token_for(house)}"},
        ):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type": "subscribe"}',
        '{"type": "subscribe", "topics": []}',
        '{"type": "subscribe", "topics": "me"}',
        '{"type": "subscribe", "topics": ["queues"], "resume": {"epoch": "first", "seq": -1}}',
        '{"type": "subscribe", "topics": ["queues"], "resume": {"epoch": "first", "seq": 1e99}}',
        '{"type": "subscribe", "topics": ["queues"], "more": 1}',
        '{"type": "launch"}',
        '{"type": "subscribe", "topics": ["nothing"]}',
        '{"type": "subscribe", "topics": ["agent:1002"]}',
        "\\u0000" * 10,
        "[" * 10_000,
    ],
)
async def test_a_message_that_is_none_is_answered_with_an_error_and_the_feed_lives(
    house: WebHouse, port: int, text: str
) -> None:
    async with desktop(port, await token_for(house)) as client:
        await client.send(text)
        error = await hear(client)
        assert error["type"] == "error"
        assert error["code"] in ("invalid_message", "unknown_topic")
        assert (await subscribe(client, "queues"))["type"] == "snapshot"


async def test_bytes_and_floods_do_no_harm(house: WebHouse, port: int) -> None:
    async with desktop(port, await token_for(house)) as client:
        await client.send(b"\xff\xfe")
        assert (await hear(client))["code"] == "invalid_message"
        for _ in range(live.MOST_MESSAGES):
            await client.send("x")
        assert await closed_with(client) == 1008


async def test_a_changed_subscription_replaces_the_old_one(house: WebHouse, port: int) -> None:
    async with desktop(port, await token_for(house, "super")) as client:
        await subscribe(client, "queues")
        assert (await subscribe(client, "agents"))["topics"] == {"agents": {}}
        assert house.feed.followers(QUEUES) == 0
        house.feed.put(QUEUES, "sales", {"waiting": 1})
        house.feed.put("agents", "1001", {"state": "ready"})
        assert (await hear(client))["topic"] == "agents"


async def test_pings_come_by_themselves(house: WebHouse, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_INTERVAL_SECONDS", 0.02)
    async with desktop(port, await token_for(house)) as client:
        assert await hear(client) == {"type": "ping"}
        await client.send('{"type": "subscribe", "topics": ["queues"]}')
        kinds = [(await hear(client))["type"] for _ in range(6)]
        assert "snapshot" in kinds
        assert kinds[-1] == "ping" or kinds.count("ping") > 2


async def test_a_client_that_does_not_read_is_cut_and_the_others_see_everything(house: WebHouse, port: int) -> None:
    async with (
        desktop(port, await token_for(house, "super")) as good,
        stubborn(port, await token_for(house, "admin")) as slow,
    ):
        await subscribe(good, "queues")
        slow.sendall(masked('{"type": "subscribe", "topics": ["queues"]}'))
        await until(lambda: house.feed.followers(QUEUES) == 2)
        last = -1
        for number in range(2_000):
            house.feed.put(QUEUES, "sales", {"number": number, "ballast": "x" * 500_000})
            last = (await hear(good))["document"]["number"]
            if house.feed.followers(QUEUES) == 1:
                break
        assert house.feed.followers(QUEUES) == 1
        house.feed.put(QUEUES, "sales", {"number": last + 1})
        assert (await hear(good))["document"] == {"number": last + 1}
        await until(lambda: house.deps.metrics.get_sample_value("callcenter_live_closed_total", {"code": "4408"}) == 1)
    await until(lambda: house.deps.metrics.get_sample_value("callcenter_live_connections") == 0)
    assert house.sessions._listeners == {}
    assert house.feed._subscribers == {}


async def test_a_slow_client_that_wakes_up_learns_why(house: WebHouse, port: int) -> None:
    async with desktop(port, await token_for(house, "super")) as client:
        await subscribe(client, "queues")
        # More than what the library, both ends of the socket and the outbox hold together; nobody reads meanwhile.
        for number in range(100):
            house.feed.put(QUEUES, "sales", {"number": number, "ballast": "x" * 500_000})
        assert await closed_with(client) == 4408


async def test_a_socket_that_is_full_and_takes_nothing_is_cut_before_its_outbox_runs_over(
    house: WebHouse, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STUCK_LIMIT_SECONDS", 0.05)
    async with stubborn(port, await token_for(house, "admin")) as slow:
        await until(lambda: house.deps.metrics.get_sample_value("callcenter_live_connections") == 1)
        slow.sendall(masked('{"type": "subscribe", "topics": ["queues"]}'))
        await until(lambda: house.feed.followers(QUEUES) == 1)
        house.feed.put(QUEUES, "sales", {"ballast": "x" * 20_000_000})
        await until(lambda: house.deps.metrics.get_sample_value("callcenter_live_closed_total", {"code": "4408"}) == 1)
    assert house.feed.followers(QUEUES) == 0


async def test_stopping_the_server_tells_the_feeds_and_ends(house: WebHouse) -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with serving(house) as port:
            client = await clients.enter_async_context(desktop(port, await token_for(house)))
            await subscribe(client, "me")
        # 1012: the service restarts (RFC 6455, section 11.7).
        assert await closed_with(client) == 1012
        assert house.deps.metrics.get_sample_value("callcenter_live_connections") == 0


async def test_a_taken_port_is_one_clear_line(house: WebHouse, port: int) -> None:
    with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} is in use already") as refused:
        await serve(house.app, "127.0.0.1", port, stop=asyncio.Event())
    assert refused.value.code == "port_taken"
    assert "\n" not in str(refused.value)


async def test_an_address_of_another_machine_is_refused_clearly(house: WebHouse) -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1:18399"):
        await serve(house.app, "192.0.2.1", 18399, stop=asyncio.Event())


@contextlib.asynccontextmanager
async def stubborn(port: int, token: str) -> AsyncGenerator[socket.socket]:
    """A client that has said hello and never reads again."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    try:
        raw.sendall(
            (
                f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Cookie: cc_session={token}\r\n\r\n"
            ).encode()
        )
        yield raw
    finally:
        raw.close()


def masked(text: str) -> bytes:
    """One text frame (RFC 6455, section 5.2) with an empty mask."""
    payload = text.encode()
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def test_who_may_not_see_numbers_gets_none_by_the_feed(house: WebHouse, port: int) -> None:
    house.sight.blind = {"agent"}
    house.talk(LI)
    house.feed.put(f"agent:{LI}", "pop", house.desk.pops[LI])
    async with desktop(port, await token_for(house)) as client:
        told = [await subscribe(client, "me")]
        house.feed.put(f"agent:{LI}", "pop", replace(house.desk.pops[LI], notes="+8613800138000 called"))
        told.append(await hear(client))
    whole = json.dumps(told, ensure_ascii=False)
    assert "13800138000" not in whole
    assert whole.count("••••••••••000") >= 3
