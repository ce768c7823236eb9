"""Simulated traffic: its chance, its SIPp phones on a real Asterisk, its agents' desk on the real web adapter."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from itertools import islice, repeat
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from callcenter.asterisk.config_files import PbxConfig, PhoneAccount, TrunkConfig, installed_modules
from callcenter.asterisk.installation import find_installation, private_directories
from callcenter.asterisk.process import PrivateAsterisk
from callcenter.domain.agents import AgentState
from callcenter.traffic import Traffic, TrafficConfig
from callcenter.traffic.agent import SimulatedAgent
from callcenter.traffic.caller import caller_scenario, place_call
from callcenter.traffic.desk import Desk
from callcenter.traffic.errors import DeskError, NotSignedInError, SippError
from callcenter.traffic.phone import AgentPhone, refuse_unfit_password
from callcenter.traffic.plan import (
    LONGEST_STAY,
    AnswerPlan,
    CallPlan,
    KeyPress,
    answer_plans,
    call_plans,
    seconds_between,
)
from callcenter.traffic.sipp import Places
from tests.adapters.web_house import LI, PASSWORD, WebHouse, furnish, serving

pytestmark = pytest.mark.e2e

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))
SIP_PORT = 18660
SERVER = f"127.0.0.1:{SIP_PORT}"
SECRET = "phones-of-the-tests"
has_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="there is no SIPp; install sip-tester")


async def until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  What is waited for happens in another process or thread.
            await asyncio.sleep(0.02)


def own_sipps(folder: Path) -> list[int]:
    """The SIPp processes that work in this folder or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text().strip() == "sipp" and (process / "cwd").resolve().is_relative_to(folder):
                found.append(int(process.name))
    return found


def plan(*, dnis_line: str = "sales", stay: float = 60, keys: tuple[KeyPress, ...] = ()) -> CallPlan:
    return CallPlan(
        number=1, kind="known", ani="+8613800138000", line=dnis_line, keys=keys, stay=timedelta(seconds=stay)
    )


# ---- chance


def test_the_same_seed_makes_the_same_callers() -> None:
    def first(seed: str) -> list[CallPlan]:
        return list(islice(call_plans(Random(seed)), 50))

    assert first("one") == first("one")
    assert first("one") != first("two")


def test_callers_are_of_every_kind_and_never_stay_too_long() -> None:
    plans = list(islice(call_plans(Random("kinds")), 2_000))
    assert {each.kind for each in plans} == {"known", "unknown", "withheld"}
    assert {each.dnis for each in plans} == {"4000", "4001", "4002"}
    assert {press.key for each in plans for press in each.keys} == {"0", "1", "2", "5"}
    assert all((each.ani is None) == (each.kind == "withheld") for each in plans)
    assert all(not each.keys for each in plans if each.line != "main")
    assert all(timedelta() < each.stay <= each.longest <= LONGEST_STAY for each in plans)


def test_a_known_caller_is_not_asked_for_his_language() -> None:
    main = [each for each in islice(call_plans(Random("keys")), 2_000) if each.keys and "5" not in str(each.keys)]
    assert {len(each.keys) for each in main if each.kind == "known"} == {1}
    assert {len(each.keys) for each in main if each.kind == "unknown"} == {2}


def test_some_ringing_is_not_heard() -> None:
    answers = list(islice(answer_plans(Random("rona")), 1_000))
    assert 30 < sum(answer.ring is None for answer in answers) < 170
    assert all(
        timedelta(seconds=1) <= (answer.ring or timedelta(seconds=1)) <= timedelta(seconds=4) for answer in answers
    )
    assert all(timedelta(seconds=10) <= answer.talk <= timedelta(seconds=60) for answer in answers)


def test_arrivals_have_the_wanted_rate() -> None:
    gaps = list(islice(seconds_between(Random("rate"), 30), 5_000))
    assert 1.8 < sum(gaps) / len(gaps) < 2.2


def test_a_callers_scenario_is_well_formed_and_complete() -> None:
    keys = (KeyPress(after=timedelta(seconds=1.5), key="2"), KeyPress(after=timedelta(seconds=2), key="0"))
    text = caller_scenario(plan(dnis_line="main", keys=keys))
    ElementTree.fromstring(text)  # noqa: S314  Our own text.
    assert text.count("Signal=") == 2
    assert 'timeout="1500"' in text
    assert not any(f"@{name}@" in text for name in ("KEYS", "KEY", "FROM", "DNIS", "STAY", "AFTER", "NUMBER", "CSEQ"))
    assert "anonymous.invalid" not in text


# ---- what makes it impossible


async def test_without_sipp_one_line_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with capture_logs() as lines:
        async with asyncio.timeout(10):
            await Traffic(config(tmp_path)).run()
    assert [line["event"] for line in lines] == ["traffic_not_possible"]
    assert "sip-tester" in lines[0]["mend"]


@pytest.mark.parametrize("password", ["two words", "semi;colon", "br]acket", "密码", 'quo"te'])
def test_a_password_that_sipp_would_misread_is_refused(password: str) -> None:
    with pytest.raises(SippError, match="CALLCENTER_DEMO_PASSWORD"):
        refuse_unfit_password(password)


def config(folder: Path, *, web_url: str = "http://127.0.0.1:9", password: str = SECRET) -> TrafficConfig:
    return TrafficConfig(
        web_url=web_url,
        sip_host="127.0.0.1",
        sip_port=SIP_PORT,
        password=password,
        calls_a_minute=240,
        directory=folder,
    )


# ---- phones, on a real Asterisk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk() -> AsyncIterator[PrivateAsterisk]:
    if not (TOOLS / "asterisk" / "install.json").exists():
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    installation = find_installation(TOOLS)
    base = Path(tempfile.mkdtemp(prefix="callcenter-traffic-", dir="/tmp"))
    pbx = PrivateAsterisk(
        installation,
        PbxConfig(
            directories=private_directories(base, installation),
            ami_secret="traffic-ami-secret",
            sip_port=SIP_PORT,
            ami_port=18638,
            http_port=18688,
            fastagi_port=18673,
            rtp_start=25000,
            rtp_end=25499,
            media_address="127.0.0.1",
            trunks=(TrunkConfig(name="trunk-tests", match=("127.0.0.2",)),),
            phones=tuple(PhoneAccount(agent_id=str(number), secret=SECRET) for number in range(1006, 1011)),
            modules_present=installed_modules(installation.modules_dir),
        ),
    )
    await pbx.start()
    try:
        # Only these tests order calls on the console and need these applications.
        for module in ("res_clioriginate", "app_echo"):
            await pbx.cli(f"module load {module}.so")
        yield pbx
    finally:
        await pbx.stop()
        shutil.rmtree(base)


async def channels(pbx: PrivateAsterisk, wanted: str) -> None:
    """Wait until Asterisk counts so many channels."""
    async with asyncio.timeout(20):
        while f"{wanted} active channel" not in (count := await pbx.cli("core show channels count")):
            assert "active channel" in count
            await asyncio.sleep(0.05)


def agent_phone(folder: Path, answer: AnswerPlan, *, password: str = SECRET) -> AgentPhone:
    return AgentPhone(
        user="1006",
        password=password,
        server=SERVER,
        place=Places().take("127.0.0.3"),
        folder=folder,
        answers=repeat(answer),
    )


def marks(folder: Path) -> list[str]:
    path = folder / "phone" / "marks.log"
    return path.read_text().split() if path.exists() else []


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_phone_answers_hangs_up_is_renewed_and_is_taken_off(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    phone = agent_phone(tmp_path, AnswerPlan(ring=timedelta(seconds=0.5), talk=timedelta(seconds=1)))
    assert phone.must_renew
    try:
        await phone.renew()
        assert not phone.wants_renewal
        for calls in (1, 2):
            await asterisk.cli("channel originate PJSIP/1006 application Echo")
            await until(lambda wanted=calls: marks(tmp_path).count("hung_up") == wanted)  # type: ignore[misc]
            await channels(asterisk, "0")
        await phone.renew()
        assert "1006/sip" in await asterisk.cli("pjsip show contacts")
    finally:
        await phone.end()
    assert "1006/sip" not in await asterisk.cli("pjsip show contacts")
    assert own_sipps(tmp_path) == []


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_phone_that_nobody_hears_rings_until_it_is_cancelled(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    phone = agent_phone(tmp_path, AnswerPlan(ring=None, talk=timedelta(seconds=1)))
    try:
        await phone.renew()
        await asterisk.cli("channel originate PJSIP/1006 application Echo")
        await until(lambda: marks(tmp_path) == ["ringing"])
        await asterisk.cli("channel request hangup all")
        await until(lambda: marks(tmp_path) == ["ringing", "cancelled"])
    finally:
        await phone.end()


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_phone_is_ended_after_its_talk(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    phone = agent_phone(tmp_path, AnswerPlan(ring=timedelta(seconds=0.3), talk=timedelta(seconds=1)))
    try:
        await phone.renew()
        await asterisk.cli("channel originate PJSIP/1006 application Echo")
        await until(lambda: "up" in marks(tmp_path))
    finally:
        await phone.end()
    assert marks(tmp_path) == ["ringing", "up", "hung_up"]
    await channels(asterisk, "0")


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_password_is_told(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    answer = AnswerPlan(ring=None, talk=timedelta(seconds=1))
    with pytest.raises(SippError, match="1006 is not registered"):
        await agent_phone(tmp_path, answer, password="wrong").renew()
    assert own_sipps(tmp_path) == []


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_caller_leaves_when_he_has_had_enough(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    keys = (KeyPress(after=timedelta(seconds=0.2), key="1"),)
    with capture_logs() as lines:
        await place_call(
            plan(dnis_line="main", stay=0.5, keys=keys),
            server=SERVER,
            place=Places().take("127.0.0.2"),
            folder=tmp_path / "call",
        )
    (line,) = lines
    assert (line["event"], line["ended_by"], line["keys"], line["line"]) == ("traffic_call", "caller", "1", "main")
    assert "13800138000" not in str(line)
    assert not (tmp_path / "call").exists()
    await channels(asterisk, "0")


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_a_caller_who_is_cut_off_hangs_up(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    call = asyncio.create_task(
        place_call(plan(), server=SERVER, place=Places().take("127.0.0.2"), folder=tmp_path / "call")
    )
    await channels(asterisk, "1")
    await until(lambda: "up" in (tmp_path / "call" / "marks.log").read_text())
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await channels(asterisk, "0")
    assert own_sipps(tmp_path) == []


# ---- the desk, and all of it


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


class IdlePhone(AgentPhone):
    """A phone that needs no PBX."""

    renewals = 0

    @property
    def wants_renewal(self) -> bool:
        return self.renewals == 0

    @property
    def must_renew(self) -> bool:
        return self.renewals == 0

    async def renew(self) -> None:
        self.renewals += 1


async def test_an_agent_gets_ready_writes_up_his_calls_and_signs_out(house: WebHouse, tmp_path: Path) -> None:
    async with serving(house) as port:
        desk = Desk(web_url=f"http://127.0.0.1:{port}", name=LI, password=PASSWORD)
        phone = IdlePhone(
            user=LI,
            password=PASSWORD.replace(" ", ""),
            server=SERVER,
            place=Places().take("127.0.0.3"),
            folder=tmp_path,
            answers=repeat(AnswerPlan(ring=None, talk=timedelta(seconds=1))),
        )
        agent = asyncio.create_task(
            SimulatedAgent(agent_id=LI, desk=desk, phone=phone, chance=Random("agent")).run(), name="agent"
        )
        try:
            await until(lambda: house.desk.agent(LI).state == AgentState.READY)
            assert phone.renewals == 1
            record = house.talk(LI)
            house.desk.occupy(LI, record.interaction_id, AgentState.WRAP_UP)
            await until(lambda: house.desk.agent(LI).state in (AgentState.READY, AgentState.NOT_READY))
            written = house.desk.live[record.interaction_id]
            assert written.disposition
            assert written.notes
        finally:
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)
        assert house.desk.agent(LI).state == AgentState.LOGGED_OUT


async def test_a_desk_tells_refusal_from_absence(house: WebHouse) -> None:
    async with serving(house) as port:
        desk = Desk(web_url=f"http://127.0.0.1:{port}", name=LI, password="wrong")
        with pytest.raises(NotSignedInError):
            await desk.seat()
        with pytest.raises(NotSignedInError):
            await desk.sign_in()
    with pytest.raises(DeskError, match="does not answer"):
        await desk.sign_in()


@has_sipp
@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_left_when_traffic_is_cancelled(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    traffic = asyncio.create_task(Traffic(config(tmp_path)).run(), name="traffic")
    try:
        await until(lambda: len(own_sipps(tmp_path)) >= 3, seconds=40)
    finally:
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)
    assert traffic.cancelled()
    assert own_sipps(tmp_path) == []
    assert not (tmp_path / "sipp").exists()
    await channels(asterisk, "0")
