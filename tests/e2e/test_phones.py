"""The test phones proved against each other: whoever calls whom, what they report is what happened."""

import time
import wave
from pathlib import Path

import pytest

from tests.e2e.phones import (
    AgentPhone,
    Answer,
    Caller,
    Ignore,
    PhoneTimeoutError,
    Reject,
    Ring,
    Tone,
)
from tests.e2e.rtp import DECODED, encode_sample
from tests.e2e.sip_message import Identity, SipMessage, digest_authorization

pytestmark = pytest.mark.e2e

NOWHERE = ("127.0.0.3", 9)


def agent_phone() -> AgentPhone:
    """An agent's phone that is called directly, without a server between."""
    return AgentPhone(server=NOWHERE, user="1001", sound=Tone(hertz=1000))


def caller_to(phone: AgentPhone, ani: str | None = "+8613800138000") -> Caller:
    return Caller(server=phone.address, dnis="4000", ani=ani, sound=Tone(hertz=700))


async def test_an_answered_call_carries_sound_both_ways() -> None:
    async with agent_phone() as phone, caller_to(phone) as caller:
        await caller.answered()
        call = await phone.talking()
        await caller.audio.hear_tone(1000)
        await call.audio.hear_tone(700)
        now = time.monotonic()
        assert caller.audio.tone_share(700, now - 0.4, now) < 0.1
        assert call.caller == Identity(display_name="", user="+8613800138000", host="127.0.0.2")
        assert call.invited_at <= call.answered_at <= now  # type: ignore[operator]
        await caller.hang_up()
        end = await call.ended()
    assert (end.by, end.status) == ("server", 200)
    assert caller.end is not None
    assert (caller.end.by, caller.end.status) == ("phone", 200)


async def test_the_agent_hangs_up_by_himself_after_a_while() -> None:
    async with agent_phone() as phone:
        phone.behaviour = Answer(hang_up_after_seconds=0.2)
        async with caller_to(phone) as caller:
            end = await caller.ended()
        assert (end.by, end.status) == ("server", 200)
        assert phone.calls[0].end is not None
        assert phone.calls[0].end.by == "phone"


@pytest.mark.parametrize("status", [603, 486, 480])
async def test_a_refusal_reaches_the_caller_with_its_status(status: int) -> None:
    async with agent_phone() as phone:
        phone.behaviour = Reject(status=status)
        async with caller_to(phone) as caller:
            end = await caller.ended()
            with pytest.raises(ConnectionRefusedError, match=str(status)):
                await caller.answered()
    assert (end.by, end.status) == ("server", status)


async def test_a_caller_gives_up_while_it_rings() -> None:
    async with agent_phone() as phone:
        phone.behaviour = Ring()
        async with caller_to(phone) as caller:
            call = await phone.ringing()
            assert await caller.ringing() == 180
            await caller.cancel()
            end = await call.ended()
        assert (end.by, end.status) == ("server", 487)
        assert caller.end is not None
        assert (caller.end.by, caller.end.status) == ("phone", 487)
        assert call.answered_at is None


async def test_the_test_answers_a_ringing_phone_when_it_likes() -> None:
    async with agent_phone() as phone:
        phone.behaviour = Ring()
        async with caller_to(phone) as caller:
            call = await phone.ringing()
            await caller.ringing()
            assert caller.answered_at is None
            await call.answer()
            assert await caller.answered() >= call.invited_at
            await call.hang_up()
            assert (await caller.ended()).by == "server"


async def test_one_phone_takes_calls_one_after_another() -> None:
    async with agent_phone() as phone:
        for number in range(3):
            async with caller_to(phone, ani=f"+49301234{number}") as caller:
                await phone.talking()
                await caller.hang_up()
        assert [call.caller.user for call in phone.invites] == ["+493012340", "+493012341", "+493012342"]
        assert phone.calls_alive == []


async def test_keys_arrive_in_order_by_rfc_4733() -> None:
    async with agent_phone() as phone, caller_to(phone) as caller:
        await caller.answered()
        call = await phone.talking()
        for key in "20*#D":
            await caller.press(key)
        await call.audio.hear_keys("20*#D")


async def test_the_same_key_twice_is_two_keys() -> None:
    async with agent_phone() as phone, caller_to(phone) as caller:
        await caller.answered()
        call = await phone.talking()
        await caller.press("7")
        await caller.press("7")
        await call.audio.hear_keys("77")


async def test_scripted_keys_go_out_by_info() -> None:
    async with (
        agent_phone() as phone,
        Caller(
            server=phone.address,
            dnis="4000",
            ani="1",
            keys=[("key", "1"), ("wait", 0.05), ("key", "2")],
            keys_by="info",
            hang_up_after_seconds=0.3,
        ) as caller,
    ):
        call = await phone.talking()
        assert (await caller.ended()).by == "phone"
        assert call.audio.keys_heard == "12"


async def test_a_withheld_number_shows_only_where_it_is_asserted() -> None:
    async with agent_phone() as phone:
        caller = Caller(
            server=phone.address,
            dnis="4000",
            ani=None,
            asserted_identity="<sip:+442079460000@example.net>",
        )
        async with caller:
            call = await phone.talking()
            assert call.caller == Identity(display_name="Anonymous", user="anonymous", host="anonymous.invalid")
            assert call.asserted_caller is not None
            assert call.asserted_caller.user == "+442079460000"
            assert call.invite.header("Privacy") == "id"


@pytest.mark.parametrize("display_name", ['a "quoted" \\ name', "张伟 ☎", "<script>alert(1)</script>", "x" * 4096])
async def test_odd_display_names_arrive_unchanged(display_name: str) -> None:
    async with agent_phone() as phone:
        caller = Caller(server=phone.address, dnis="4000", ani="123", display_name=display_name)
        async with caller:
            call = await phone.talking()
            assert call.caller == Identity(display_name=display_name, user="123", host="127.0.0.2")


async def test_a_dead_phone_leaves_the_invite_unanswered() -> None:
    async with agent_phone() as phone:
        phone.behaviour = Ignore()
        caller = Caller(server=phone.address, dnis="4000", ani="1", invite_timeout_seconds=1.2)
        async with caller:
            end = await caller.ended()
        sent = [traced for traced in caller.messages if traced.direction == "sent"]
    assert end.status == 408
    # The INVITE was repeated after 0.5 s, and the phone counted it as one call.
    assert len(sent) == 2
    assert len(phone.calls) == 1


async def test_a_vanished_phone_tells_nobody() -> None:
    async with agent_phone() as phone, caller_to(phone) as caller:
        await caller.answered()
        call = await phone.talking()
        caller.vanish()
        await call.audio.hear_silence()
        assert call.end is None
        await call.hang_up()


async def test_waiting_in_vain_says_for_what() -> None:
    async with agent_phone() as phone:
        with pytest.raises(PhoneTimeoutError, match=r"agent-1001: no call came within 0\.05 s"):
            await phone.ringing(timeout_seconds=0.05)


async def test_what_was_heard_and_said_is_on_disk(tmp_path: Path) -> None:
    async with agent_phone() as phone:
        caller = Caller(server=phone.address, dnis="4000", ani="1", log_dir=tmp_path, name="c")
        async with caller:
            await caller.answered()
            await caller.audio.hear_tone(1000)
            caller.audio.write_wav(tmp_path / "heard.wav")
    log = (tmp_path / "c.sip.log").read_text()
    assert "INVITE sip:4000@127.0.0.3" in log
    assert "BYE" in log
    with wave.open(str(tmp_path / "heard.wav")) as heard:
        assert heard.getframerate() == 8000
        assert heard.getnframes() >= 2400


@pytest.mark.parametrize("payload_type", [0, 8])
def test_g711_codes_survive_a_round_trip(payload_type: int) -> None:
    values = DECODED[payload_type]
    assert [DECODED[payload_type][encode_sample(payload_type, value)] for value in values] == values
    assert max(values) > 32000
    assert min(values) < -32000


def test_g711_codes_of_known_samples() -> None:
    # ITU-T G.711, tables 1a and 2a: the largest value and the smallest positive one.
    assert (DECODED[8][0xAA], DECODED[8][0xD5], DECODED[0][0x80], DECODED[0][0xFF]) == (32256, 8, 32124, 0)


def test_the_digest_answer_is_that_of_rfc_2617() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    answer = digest_authorization(
        challenge,
        method="GET",
        uri="/dir/index.html",
        user="Mufasa",
        password="Circle Of Life",
        cnonce="0a4f113b",
    )
    assert 'response="6629fae49393a05397450978507c4ef1"' in answer


def test_a_message_survives_parsing_and_writing() -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx\r\ni: 1\r\nContent-Length: 2\r\n\r\nhi"
    message = SipMessage.parse(data)
    assert (message.method, message.branch, message.call_id, message.body) == ("OPTIONS", "z9hG4bKx", "1", "hi")
    assert message.encode() == data
