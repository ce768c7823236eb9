"""What a list of channels tells of consultations when events have gone on since it was asked for."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from callcenter.app.ports import Clock
from callcenter.app.transfer_port import ConsultationState, FoundConsultation
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.orders import OutsideLine
from callcenter.asterisk.transfer_lines import TransferLines
from callcenter.asterisk.translate import Translator
from callcenter.domain.ids import OfferId
from callcenter.domain.numbers import Number
from callcenter.domain.transfers import ConsultationEnd

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(milliseconds=1)
ASKED = "con-1."
CARRIED = {
    "CC_ROLE": "asked",
    "CC_ID": "cc1-1.1",
    "CC_CALLER": "cc1-1.1",
    "CC_ASKER": "cc1-1.1-1001-5",
    "CC_BY": "1001",
    "CC_AGENT": "1002",
    "CC_TARGET": "agent%3A1002",
}


class Heard:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.states: list[ConsultationState] = []
        self.lists: list[Sequence[FoundConsultation]] = []

    def became(self, _consultation_id: OfferId, state: ConsultationState) -> None:
        self.states.append(state)

    def took(self, consultation_id: OfferId) -> None:
        assert consultation_id == ASKED

    def gone(self, consultation_id: OfferId, end: ConsultationEnd) -> None:
        raise AssertionError(f"{consultation_id} ended: {end}")

    async def found(self, consultations: Sequence[FoundConsultation]) -> None:
        self.lists.append(consultations)


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


def lines() -> tuple[TransferLines, Heard]:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    made = TransferLines(cast(AmiClient, None), cast(OutsideLine, None), translator, cast(Clock, Still()))
    made.reports = heard = Heard()
    return made, heard


def listed(mode: str) -> AmiEvent:
    variables = tuple(("Variable", f"{name}={value}") for name, value in (CARRIED | {"CC_MODE": mode}).items())
    return AmiEvent((("Event", "Status"), ("Uniqueid", ASKED), ("ChannelState", "6"), *variables))


def asking(mode: str) -> AmiEvent:
    return AmiEvent((("Event", "UserEvent"), ("UserEvent", "CcAsking"), ("Uniqueid", ASKED), ("Mode", mode)))


def test_a_list_that_is_older_than_an_event_does_not_take_it_back() -> None:
    made, heard = lines()
    asyncio.run(made.find([listed("consulted")], BEFORE))
    made.hear(asking("together"))
    asyncio.run(made.find([listed("consulted")], BEFORE))
    asyncio.run(made.find([listed("consulted")], NOW + timedelta(seconds=5)))
    assert heard.states == [ConsultationState.TOGETHER]
    assert [one.state for (one,) in heard.lists] == ["consulted", "together", "consulted"]


def test_who_has_the_caller_is_not_asked_again_by_an_older_list() -> None:
    made, heard = lines()
    asyncio.run(made.find([listed("consulted")], BEFORE))
    role = ("ChanVariable", "CC_ROLE=agent")
    made.hear(AmiEvent((("Event", "BridgeEnter"), ("Uniqueid", ASKED), ("BridgeUniqueid", "b"), role)))
    asyncio.run(made.find([listed("consulted")], BEFORE))
    assert [len(one) for one in heard.lists] == [1, 0]
