"""The AMI client against a scripted peer that misbehaves in every way a peer can."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.asterisk.ami import AmiClient, AmiPhase, AmiState, reconnect_delay
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.errors import (
    AmiActionFailed,
    AmiAuthenticationError,
    AmiBusy,
    AmiConnectError,
    AmiDisconnected,
    AmiError,
    AmiFieldError,
    AmiInboxOverflow,
    AmiProtocolError,
    AmiSilent,
    AmiTimeout,
)
from tests.adapters.ami_peer import WAIT_SECONDS, Action, AmiPeer, block, silence, success

pytestmark = pytest.mark.timed

LONG = timedelta(seconds=WAIT_SECONDS)
SHORT = timedelta(milliseconds=50)

Inbox = asyncio.Queue[AmiEvent | AmiState]


def config_for(peer: AmiPeer) -> AmiConfig:
    return AmiConfig(
        port=peer.port,
        username="callcenter",
        secret="s3cret",
        reconnect_first=timedelta(milliseconds=10),
        reconnect_max=timedelta(milliseconds=10),
        authentication_retry=timedelta(milliseconds=10),
    )


@asynccontextmanager
async def running(client: AmiClient) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(client.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take(inbox: Inbox) -> AmiEvent | AmiState:
    async with asyncio.timeout(WAIT_SECONDS):
        return await inbox.get()


async def take_state(inbox: Inbox, phase: AmiPhase) -> AmiState:
    while True:
        item = await take(inbox)
        if isinstance(item, AmiState) and item.phase is phase:
            return item


async def take_event(inbox: Inbox, name: str) -> AmiEvent:
    while True:
        item = await take(inbox)
        if isinstance(item, AmiEvent) and item.name == name:
            return item


@asynccontextmanager
async def ready(
    peer: AmiPeer, change: Callable[[AmiConfig], AmiConfig] = lambda config: config
) -> AsyncIterator[tuple[AmiClient, Inbox]]:
    inbox: Inbox = asyncio.Queue(1000)
    client = AmiClient(change(config_for(peer)), inbox.put_nowait, inbox.put_nowait, jitter=lambda: 0.0)
    async with running(client):
        await take_state(inbox, AmiPhase.READY)
        yield client, inbox


async def test_who_is_let_in_before_the_client_had_its_turn_is_ready_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with AmiPeer() as peer:
        inbox: Inbox = asyncio.Queue(1000)
        client = AmiClient(config_for(peer), inbox.put_nowait, inbox.put_nowait)
        connect = client._connect
        went_on = asyncio.Event()

        async def connect_slowly(connecting: asyncio.Task[object]) -> None:
            await connect(connecting)
            await take_state(inbox, AmiPhase.READY)
            went_on.set()

        monkeypatch.setattr(client, "_connect", connect_slowly)
        async with running(client):
            async with asyncio.timeout(WAIT_SECONDS):
                await went_on.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            assert client.state.phase is AmiPhase.READY


async def test_it_logs_in_and_hands_on_events_in_order() -> None:
    async with AmiPeer() as peer:
        inbox: Inbox = asyncio.Queue(1000)
        client = AmiClient(config_for(peer), inbox.put_nowait, inbox.put_nowait)
        async with running(client):
            phases: list[AmiPhase | str] = []
            for _ in range(4):
                item = await take(inbox)
                phases.append(item.phase if isinstance(item, AmiState) else item.name)
            assert phases == [AmiPhase.CONNECTING, AmiPhase.LOGGING_IN, "FullyBooted", AmiPhase.READY]
            peer.say("".join(block("Event: Newchannel", f"Uniqueid: {number}") for number in range(100)))
            assert [(await take_event(inbox, "Newchannel"))["Uniqueid"] for _ in range(100)] == [
                str(number) for number in range(100)
            ]
        assert await peer.closed() == 1
        assert client.state.phase is AmiPhase.DISCONNECTED
    assert "s3cret" not in repr(config_for(peer))


async def test_an_originate_pending_at_a_disconnect_fails_and_is_never_sent_again() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        future = client.send_nowait("Originate", {"Channel": "PJSIP/1001", "Async": "true"}, LONG)
        await peer.action("Originate")
        peer.cut()
        with pytest.raises(AmiDisconnected, match="it may have been done"):
            await future
        state = await take_state(inbox, AmiPhase.DISCONNECTED)
        assert isinstance(state.error, AmiDisconnected)
        again = await take_state(inbox, AmiPhase.READY)
        assert (again.connection, again.error) == (2, None)
        peer.answers["coresettings"] = success
        await client.action("CoreSettings", {}, LONG)
        assert peer.count("Originate") == 1


async def test_a_peer_that_falls_silent_is_noticed_and_the_connection_made_anew() -> None:
    def impatient(config: AmiConfig) -> AmiConfig:
        return replace(config, ping_interval=SHORT, ping_timeout=timedelta(milliseconds=200))

    async with AmiPeer() as peer, ready(peer, impatient) as (client, inbox):
        await peer.action("Ping")
        future = client.send_nowait("Originate", {"Channel": "PJSIP/1001"}, LONG)
        peer.silent = True
        state = await take_state(inbox, AmiPhase.DISCONNECTED)
        assert isinstance(state.error, AmiSilent)
        with pytest.raises(AmiDisconnected, match="no sign from Asterisk"):
            await future
        peer.silent = False
        await take_state(inbox, AmiPhase.READY)
        assert peer.count("Originate") == 1


async def test_a_peer_slow_with_pings_but_full_of_events_is_alive() -> None:
    def impatient(config: AmiConfig) -> AmiConfig:
        return replace(config, ping_interval=SHORT, ping_timeout=timedelta(milliseconds=200))

    async with AmiPeer() as peer, ready(peer, impatient) as (client, inbox):
        peer.answers["ping"] = lambda action: block("Event: Busy", f"Ping: {action['actionid']}")
        seen = {(await take_event(inbox, "Busy"))["Ping"] for _ in range(3)}
        assert len(seen) == 3
        assert client.state.connection == 1


def test_a_half_open_connection_is_noticed_within_10_seconds_as_shipped() -> None:
    config = AmiConfig(username="x", secret="y")
    assert config.ping_interval + config.ping_timeout <= timedelta(seconds=10)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PlayDTMF", "DTMF successfully queued"),
        ("QueueAdd", "Added interface to queue"),
        ("Originate", "Originate successfully queued"),
        ("Command", "Command output follows"),
        ("Status", "Channel status will follow"),
    ],
)
async def test_one_answer_resolves_whatever_its_words(name: str, message: str) -> None:
    async with AmiPeer() as peer, ready(peer) as (client, _):
        peer.answers[name.lower()] = lambda action: success(action, message)
        response = await client.action(name, {"Queue": "sales"}, LONG)
        assert response.message == message
        assert client.state == AmiState(phase=AmiPhase.READY, connection=1)


async def test_an_exception_in_the_handler_harms_neither_connection_nor_later_events() -> None:
    inbox: Inbox = asyncio.Queue(1000)

    def fragile(event: AmiEvent) -> None:
        if event.name == "Bad":
            raise RuntimeError("a handler's fault")
        inbox.put_nowait(event)

    async with AmiPeer() as peer:
        client = AmiClient(config_for(peer), fragile, inbox.put_nowait)
        async with running(client):
            await take_state(inbox, AmiPhase.READY)
            peer.say(block("Event: Bad") + block("Event: Good"))
            await take_event(inbox, "Good")
            assert client.state.connection == 1


async def test_letters_split_between_two_reads_arrive_whole() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        peer.answers["coresettings"] = success
        message = block("Event: Newstate", "CallerIDName: 王小明").encode()
        for place in range(len(message)):
            peer.say(message[place : place + 1])
            if place % 8 == 0 and place < len(message) - 1:
                # What the client sends meanwhile shows that its loop has gone round between two bytes.
                client.send_nowait("Probe", {}, LONG)
                await peer.action("Probe")
        assert (await take_event(inbox, "Newstate"))["CallerIDName"] == "王小明"


async def test_concurrent_actions_get_their_own_answers() -> None:
    held: list[Action] = []

    def hold(action: Action) -> str:
        held.append(action)
        if len(held) < 3:
            return ""
        return "".join(success(action, action["variable"]) for action in reversed(held))

    async with AmiPeer() as peer, ready(peer) as (client, _):
        peer.answers["getvar"] = hold
        responses = await asyncio.gather(
            *(client.action("Getvar", {"Variable": name}, LONG) for name in ("a", "b", "c"))
        )
        assert [response.message for response in responses] == ["a", "b", "c"]


async def test_a_reader_too_slow_loses_the_connection_but_nothing_in_silence() -> None:
    async with AmiPeer() as peer:
        inbox: Inbox = asyncio.Queue(8)
        client = AmiClient(config_for(peer), inbox.put_nowait, inbox.put_nowait, jitter=lambda: 0.0)
        async with running(client):
            await peer.action("Login")
            peer.say("".join(block("Event: Flood", f"Number: {number}") for number in range(50)))
            assert await peer.closed() == 1
            assert peer.connections == 1
            flood = []
            while not (isinstance(item := await take(inbox), AmiState) and item.error is not None):
                flood.append(item)
            numbers = [item["Number"] for item in flood if isinstance(item, AmiEvent) and "Number" in item]
            assert numbers == ["0", "1", "2", "3"]
            assert item.phase is AmiPhase.DISCONNECTED
            assert isinstance(item.error, AmiInboxOverflow)
            assert (await take_state(inbox, AmiPhase.READY)).connection == 2


async def test_a_list_ends_by_its_own_end_while_other_events_pass() -> None:
    def channels(action: Action) -> str:
        mine = f"ActionID: {action['actionid']}"
        return (
            block("Response: Success", mine, "EventList: start", "Message: Channels will follow")
            + block("Event: CoreShowChannel", mine, "Channel: PJSIP/1")
            + block("Event: AgentComplete", "Queue: sales")
            + block("Event: CoreShowChannel", mine, "Channel: PJSIP/2")
            + block("Event: CoreShowChannelsComplete", mine, "EventList: Complete", "ListItems: 2")
        )

    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        peer.answers["coreshowchannels"] = channels
        items = await client.list_action("CoreShowChannels", {}, LONG)
        assert [item.get("Channel") for item in items] == ["PJSIP/1", "PJSIP/2", None]
        assert items[-1].ends_list
        await take_event(inbox, "AgentComplete")


async def test_a_refused_list_fails_with_the_reason() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, _):
        peer.answers["queuestatus"] = lambda action: block(
            "Response: Error", f"ActionID: {action['actionid']}", "Message: Permission denied"
        )
        with pytest.raises(AmiActionFailed, match="Permission denied") as failure:
            await client.list_action("QueueStatus", {}, LONG)
        assert failure.value.reason == "Permission denied"


async def test_a_list_that_comes_too_late_is_no_news() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        with pytest.raises(AmiTimeout):
            await client.list_action("Status", {}, SHORT)
        mine = f"ActionID: {(await peer.action('Status'))['actionid']}"
        peer.say(
            block("Response: Success", mine, "EventList: start")
            + block("Event: Status", mine)
            + block("Event: StatusComplete", mine, "EventList: Complete")
            + block("Event: Hangup", "Uniqueid: 1")
        )
        item = await take(inbox)
        assert isinstance(item, AmiEvent)
        assert item.name == "Hangup"


async def test_a_list_without_measure_is_cut_off() -> None:
    def endless(action: Action) -> str:
        mine = f"ActionID: {action['actionid']}"
        return block("Response: Success", mine, "EventList: start") + block("Event: Status", mine) * 30

    async with AmiPeer() as peer, ready(peer, lambda config: replace(config, max_list_events=20)) as (client, _):
        peer.answers["status"] = endless
        with pytest.raises(AmiBusy, match="20 items"):
            await client.list_action("Status", {}, LONG)


async def test_an_originate_response_is_news_and_known_by_its_action_id() -> None:
    def originate(action: Action) -> str:
        mine = f"ActionID: {action['actionid']}"
        return block("Event: OriginateResponse", mine, "Response: Failure") + success(action)

    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        peer.answers["originate"] = originate
        response = await client.action("Originate", {"Async": "true"}, LONG, action_id="offer-17")
        assert response.action_id == "offer-17"
        assert (await take_event(inbox, "OriginateResponse")).action_id == "offer-17"


async def test_a_wrong_secret_is_its_own_error_and_is_tried_again() -> None:
    async with AmiPeer(secret="other") as peer:
        inbox: Inbox = asyncio.Queue(1000)
        client = AmiClient(config_for(peer), inbox.put_nowait, inbox.put_nowait)
        async with running(client):
            state = await take_state(inbox, AmiPhase.DISCONNECTED)
            assert isinstance(state.error, AmiAuthenticationError)
            assert state.error.code == "ami_authentication"
            assert "'callcenter'" in str(state.error)
            assert "s3cret" not in str(state.error)
            # The reason stays visible while it tries again.
            assert (await take_state(inbox, AmiPhase.CONNECTING)).error is state.error
            peer.secret = "s3cret"
            assert (await take_state(inbox, AmiPhase.READY)).error is None


async def test_an_unanswered_action_times_out_and_its_late_answer_harms_nothing() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, _):
        with pytest.raises(AmiTimeout, match="Getvar"):
            await client.action("Getvar", {"Variable": "x"}, SHORT)
        peer.say(success(await peer.action("Getvar")))
        peer.answers["getvar"] = lambda action: success(action, "second")
        assert (await client.action("Getvar", {"Variable": "x"}, LONG)).message == "second"


async def test_waiting_actions_are_bounded_and_a_cancelled_one_gives_its_place_back() -> None:
    async with AmiPeer() as peer, ready(peer, lambda config: replace(config, max_pending_actions=1)) as (client, _):
        peer.answers["getvar"] = silence
        first = asyncio.create_task(client.action("Getvar", {}, LONG))
        await peer.action("Getvar")
        with pytest.raises(AmiBusy):
            await client.action("Getvar", {}, LONG)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        peer.answers["getvar"] = success
        assert (await client.action("Getvar", {}, LONG)).success


async def test_a_value_with_a_line_end_is_refused_with_nothing_sent() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, _):
        peer.answers["coresettings"] = success
        with pytest.raises(AmiFieldError):
            client.send_nowait("Originate", {"CallerID": "x\r\n\r\nAction: Hangup\r\nChannel: /.*/"}, LONG)
        await client.action("CoreSettings", {}, LONG)
        assert peer.count("Originate") == 0
        assert peer.count("Hangup") == 0


async def test_an_action_id_in_use_is_refused() -> None:
    async with AmiPeer() as peer, ready(peer) as (client, _):
        first = client.send_nowait("Originate", {}, LONG, action_id="offer-1")
        with pytest.raises(AmiFieldError, match="offer-1"):
            client.send_nowait("Originate", {}, LONG, action_id="offer-1")
        first.cancel()


async def test_without_a_connection_actions_fail_and_connecting_goes_on() -> None:
    async with AmiPeer() as peer:
        config = config_for(peer)
    inbox: Inbox = asyncio.Queue(1000)
    client = AmiClient(config, inbox.put_nowait, inbox.put_nowait, jitter=lambda: 0.0)
    with pytest.raises(AmiDisconnected):
        await client.action("Ping", {}, LONG)
    async with running(client):
        for _ in range(3):
            state = await take_state(inbox, AmiPhase.DISCONNECTED)
            assert isinstance(state.error, AmiConnectError)
        peer.port = config.port
        async with peer:
            await take_state(inbox, AmiPhase.READY)


async def expect_failure(peer: AmiPeer, kind: type[AmiError], text: str, config: AmiConfig) -> None:
    inbox: Inbox = asyncio.Queue(1000)
    client = AmiClient(config, inbox.put_nowait, inbox.put_nowait)
    async with running(client):
        state = await take_state(inbox, AmiPhase.DISCONNECTED)
        assert isinstance(state.error, kind)
        assert text in str(state.error)


async def test_a_port_that_is_no_manager_is_named() -> None:
    async with AmiPeer(banner="SSH-2.0-OpenSSH_9.2\r\n") as peer:
        await expect_failure(peer, AmiProtocolError, "SSH-2.0", config_for(peer))


async def test_a_peer_that_never_answers_the_login_is_left() -> None:
    async with AmiPeer() as peer:
        peer.silent = True
        await expect_failure(peer, AmiSilent, "login", replace(config_for(peer), login_timeout=SHORT))


async def test_an_asterisk_that_never_boots_is_named() -> None:
    async with AmiPeer(booted=False) as peer:
        config = replace(config_for(peer), boot_timeout=SHORT)
        await expect_failure(peer, AmiProtocolError, "read=system", config)


async def test_a_message_without_measure_is_named() -> None:
    async with AmiPeer(booted=False) as peer:
        peer.answers["ping"] = silence
        inbox: Inbox = asyncio.Queue(1000)
        config = replace(config_for(peer), message_max_bytes=1000)
        async with running(AmiClient(config, inbox.put_nowait, inbox.put_nowait)):
            await take_state(inbox, AmiPhase.LOGGING_IN)
            await peer.action("Login")
            peer.say("Event: " + "x" * 2000)
            assert "1000 bytes" in str((await take_state(inbox, AmiPhase.DISCONNECTED)).error)


async def test_cancelling_leaves_no_task_and_no_connection() -> None:
    before = asyncio.all_tasks()
    async with AmiPeer() as peer:
        async with ready(peer) as (client, _):
            future = client.send_nowait("Originate", {}, LONG)
            await peer.action("Originate")
        assert await peer.closed() == 1
        with pytest.raises(AmiDisconnected):
            await future
    assert asyncio.all_tasks() == before


def test_backoff_doubles_up_to_its_bound_and_jitter_spreads_its_upper_half() -> None:
    config = AmiConfig(username="x", secret="y")
    gone = AmiDisconnected("gone")
    delays = [reconnect_delay(config, failures, gone, 1.0) for failures in range(9)]
    assert [delay.total_seconds() for delay in delays] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]
    assert reconnect_delay(config, 3, gone, 0.0) == delays[3] / 2
    assert reconnect_delay(config, 10**9, gone, 1.0) == config.reconnect_max
    assert reconnect_delay(config, 0, AmiAuthenticationError("no"), 0.0) == config.authentication_retry


FOREIGN_CLIENT = """
import json, queue, sys, warnings
warnings.simplefilter("ignore")
from asterisk.manager import Manager
events = queue.Queue()
manager = Manager()
manager.register_event("*", lambda event, _: events.put(event))
manager.connect("127.0.0.1", int(sys.argv[1]))
login = manager.login("callcenter", "s3cret")
events.get(timeout=20)
response = manager.send_action({"Action": "Getvar", "Channel": "PJSIP/1", "Variable": ["a", "b"]})
event = events.get(timeout=20)
manager.close()
print(json.dumps({
    "title": manager.title, "login": login.headers, "response": response.headers, "event": event.headers,
}))
"""


async def test_an_independent_client_sees_the_same_in_the_same_bytes() -> None:
    told = block("Event: Newstate", "Channel: PJSIP/trunk-1", "CallerIDName: 王小明", "Exten: ", "AppData: a: b,c")

    def answer(action: Action) -> str:
        return block("Response: Success", f"ActionID: {action['actionid']}", "Value: x y") + told

    async with AmiPeer() as peer, ready(peer) as (client, inbox):
        peer.answers["getvar"] = answer
        ours = await client.action("Getvar", {"Channel": "PJSIP/1", "Variable": ["a", "b"]}, LONG)
        event = await take_event(inbox, "Newstate")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FOREIGN_CLIENT, str(peer.port), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
        theirs = json.loads(output)
        assert theirs["title"] == "Asterisk Call Manager"
        assert theirs["login"]["Message"] == "Authentication accepted"
        assert theirs["event"] == dict(event)
        assert theirs["response"]["Value"] == ours["Value"]
        # And the peer, in turn, reads the same action from both.
        mine, foreign = ({**action, "actionid": ""} for action in peer.actions if action["action"] == "Getvar")
        assert mine == foreign
