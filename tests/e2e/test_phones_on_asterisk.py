"""The test phones proved on a real Asterisk: registration, sound, keys and many calls, with no server behind it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from callcenter.asterisk.config_files import PbxConfig, PhoneAccount, TrunkConfig, installed_modules
from callcenter.asterisk.installation import find_installation, private_directories
from callcenter.asterisk.process import PrivateAsterisk
from tests.e2e.phones import AgentPhone, Answer, Caller, Ring, Tone
from tests.e2e.sipp_phones import CallerLoad, SippAgent

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))
SERVER = ("127.0.0.1", 17060)
SECRET = "phones-of-the-tests"

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk() -> AsyncIterator[PrivateAsterisk]:
    if not (TOOLS / "asterisk" / "install.json").exists():
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    installation = find_installation(TOOLS)
    base = Path(tempfile.mkdtemp(prefix="callcenter-phones-", dir="/tmp"))
    pbx = PrivateAsterisk(
        installation,
        PbxConfig(
            directories=private_directories(base, installation),
            ami_secret="phones-ami-secret",
            sip_port=SERVER[1],
            ami_port=17038,
            http_port=17088,
            fastagi_port=17573,
            rtp_start=23000,
            rtp_end=23999,
            media_address="127.0.0.1",
            trunks=(TrunkConfig(name="trunk-tests", match=("127.0.0.2",)),),
            phones=(
                PhoneAccount(agent_id="1001", secret=SECRET),
                PhoneAccount(agent_id="1002", secret=SECRET),
            ),
            modules_present=installed_modules(installation.modules_dir),
        ),
    )
    await pbx.start()
    try:
        # Only these tests order calls on the console and need these applications.
        for module in ("res_clioriginate", "app_echo", "app_senddtmf"):
            await pbx.cli(f"module load {module}.so")
            assert "1 modules loaded" in await pbx.cli(f"module show like {module}.so")
        yield pbx
    finally:
        await pbx.stop()
        shutil.rmtree(base)


async def no_channel_left(pbx: PrivateAsterisk) -> None:
    """Wait until Asterisk has no call any more."""
    async with asyncio.timeout(10):
        while "0 active channels" not in (count := await pbx.cli("core show channels count")):
            assert "active channel" in count
            await asyncio.sleep(0.05)


async def test_a_phone_registers_and_is_rung(asterisk: PrivateAsterisk) -> None:
    async with AgentPhone(
        server=SERVER, user="1001", password=SECRET, behaviour=Ring(), sound=Tone(hertz=1000)
    ) as phone:
        await asterisk.cli("channel originate PJSIP/1001 application Echo")
        call = await phone.ringing()
        assert call.answered_at is None
        await call.answer()
        # Echo gives back what the phone says, so sound flows both ways.
        await call.audio.hear_tone(1000)
        await call.hang_up()
        assert call.end is not None
        assert call.end.by == "phone"
        await no_channel_left(asterisk)
    assert "1001/sip" not in await asterisk.cli("pjsip show contacts")


async def test_a_wrong_password_is_refused(asterisk: PrivateAsterisk) -> None:
    phone = AgentPhone(server=SERVER, user="1001", password="wrong")
    with pytest.raises(ConnectionRefusedError, match=r"401|403"):
        await phone.start()


async def test_a_phone_hears_the_keys_that_asterisk_sends(asterisk: PrivateAsterisk) -> None:
    async with AgentPhone(server=SERVER, user="1001", password=SECRET) as phone:
        await asterisk.cli("channel originate PJSIP/1001 application SendDTMF 42#")
        call = await phone.talking()
        await call.audio.hear_keys("42#")
        assert (await call.ended()).by == "server"


async def test_a_phone_that_hangs_up_by_itself_and_one_that_is_cancelled(asterisk: PrivateAsterisk) -> None:
    async with AgentPhone(server=SERVER, user="1001", password=SECRET) as phone:
        phone.behaviour = Answer(hang_up_after_seconds=0.1)
        await asterisk.cli("channel originate PJSIP/1001 application Echo")
        call = await phone.ringing()
        assert (await call.ended()).by == "phone"
        phone.behaviour = Ring()
        await asterisk.cli("channel originate PJSIP/1001 application Echo")
        call = await phone.ringing()
        await asterisk.cli("channel request hangup all")
        end = await call.ended()
        assert (end.by, end.status) == ("server", 487)


@pytest.mark.parametrize("ani", ["+8613800138000", None])
async def test_a_caller_of_the_trunk_is_answered_with_music(asterisk: PrivateAsterisk, ani: str | None) -> None:
    async with Caller(server=SERVER, dnis="4000", ani=ani) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press("2")
        await caller.hang_up()
        await no_channel_left(asterisk)


async def test_a_stranger_is_not_answered(asterisk: PrivateAsterisk) -> None:
    async with Caller(server=SERVER, dnis="4000", ani="1", host="127.0.0.4") as caller:
        end = await caller.ended()
    assert (end.by, end.status) == ("server", 401)


async def test_a_sipp_agent_registers_and_answers(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    async with SippAgent(server=SERVER, user="1002", password=SECRET, log_dir=tmp_path) as agent:
        await asterisk.cli("channel originate PJSIP/1002 application Echo")
        await agent.until("up")
        await asterisk.cli("channel originate PJSIP/1002 application Echo")
        await agent.until("up", 2)
    # Leaving the block ended both calls.
    await no_channel_left(asterisk)
    assert [event.what for event in agent.events].count("ended-by-phone") == 2


async def test_forty_sipp_callers_wait_and_leave(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    async with CallerLoad(server=SERVER, dnis="4001", count=40, per_second=40, log_dir=tmp_path) as load:
        await load.until_up(40)
        assert "40 active channels" in await asterisk.cli("core show channels count")
    await no_channel_left(asterisk)
    assert load.counted("ended-by-phone") == 40


async def test_sipp_callers_whose_server_ends_the_calls(asterisk: PrivateAsterisk, tmp_path: Path) -> None:
    async with CallerLoad(server=SERVER, dnis="4001", count=3, per_second=30, log_dir=tmp_path) as load:
        await load.until_up(3)
        await asterisk.cli("channel request hangup all")
        await load.until_ended(3)
        assert load.counted("ended-by-server") == 3
