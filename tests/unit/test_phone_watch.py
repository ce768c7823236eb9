"""Desk phones that vanish in a talk."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from callcenter.asterisk.ami_codec import AmiResponse
from callcenter.asterisk.errors import AmiActionFailed
from callcenter.asterisk.phone_watch import PhoneWatch
from callcenter.domain.ids import AgentId, OfferId

TALK = (OfferId("cc1-1.1-1001-1"), AgentId("1001"))
CONTACT = "1001;@5f2a"


class Exchange:
    """One talk of agent 1001: how many packets have come, and whether his phone answers."""

    def __init__(self) -> None:
        self.packets: str | None = "100"
        self.status: str | None = "Unreachable"
        self.ended: list[tuple[str, str]] = []

    async def action(self, name: str, fields: Mapping[str, str], timeout: timedelta, /) -> AmiResponse:  # noqa: ASYNC109
        assert timeout > timedelta()
        if name == "Hangup":
            self.ended.append((fields["Channel"], fields["Cause"]))
            return AmiResponse((("Response", "Success"),))
        answers: dict[tuple[str, str | None], str | None] = {
            ("CHANNEL(rtcp,rxcount)", TALK[0]): self.packets,
            ("PJSIP_AOR(1001,contact)", None): CONTACT,
            (f"PJSIP_CONTACT({CONTACT},status)", None): self.status,
        }
        told = answers[fields["Variable"], fields.get("Channel")]
        if told is None:
            raise AmiActionFailed("Getvar", "No such channel")
        return AmiResponse((("Response", "Success"), ("Value", told)))


async def test_one_that_neither_sends_nor_answers_is_ended_as_silent_at_the_second_look() -> None:
    exchange = Exchange()
    watch = PhoneWatch(exchange)
    await watch.look([TALK])
    assert exchange.ended == []
    await watch.look([TALK])
    assert exchange.ended == [(TALK[0], "44")]


@pytest.mark.parametrize("status", ["Reachable", "Unknown", "", None])
async def test_one_that_is_silent_and_answers_or_of_which_nothing_is_known_is_left_alone(status: str | None) -> None:
    exchange = Exchange()
    exchange.status = status
    watch = PhoneWatch(exchange)
    for _ in range(3):
        await watch.look([TALK])
    assert exchange.ended == []


async def test_one_that_sends_is_left_alone_and_so_is_a_channel_that_is_gone() -> None:
    exchange = Exchange()
    watch = PhoneWatch(exchange)
    for packets in ("100", "350", "600", None, None):
        exchange.packets = packets
        await watch.look([TALK])
    assert exchange.ended == []


async def test_a_talk_that_is_over_is_forgotten() -> None:
    exchange = Exchange()
    watch = PhoneWatch(exchange)
    for talks in ([TALK], [], [TALK]):
        await watch.look(talks)
    assert exchange.ended == []
