"""A phone that an administrator adds works at once, one that he takes away is refused at once; talks do not notice."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent_phone import AgentPhone
from tests.e2e.desktop import Desktop
from tests.e2e.house import PASSWORD, STRAIGHT, House, until
from tests.e2e.phones import Tone

pytestmark = pytest.mark.e2e

NEW = "1020"
ITEM = f"/configuration/agents/items/{NEW}"


def ids_of(channels: str) -> set[str]:
    """The unique ids that `core show channels concise` lists, each last on its line."""
    return {line.rpartition("!")[2] for line in channels.splitlines() if "!" in line}


async def brought(admin: Desktop, change: dict[str, Any]) -> dict[str, Any]:
    """Wait until the exchange has what this change set; the list of accounts then."""
    listed: dict[str, Any] = {}

    async def is_brought() -> bool:
        listed.update(await admin.get("/phone-accounts"))
        assert listed["problem"] is None
        return bool(listed["version"] >= change["version"])

    await until(is_brought, "the exchange has what was changed", every_seconds=0.05)
    return listed


async def takes_a_call(house: House, secret: str) -> None:
    """The new agent signs in, registers, is rung, talks."""
    async with AgentPhone(server=house.sip, user=NEW, password=secret, log_dir=house.base / "sip"):
        desktop = await house.desktop(NEW)
        await desktop.set_state("ready")
        async with house.caller(STRAIGHT, "+8613812340002") as caller:
            await desktop.state_becomes("talking")
            await caller.hang_up()
        await desktop.state_becomes("wrap_up")
        await desktop.sign_out_of_work()


async def test_an_account_comes_works_changes_and_goes_while_others_talk() -> None:
    with tempfile.TemporaryDirectory(prefix="cc-accounts-", dir="/tmp") as base:
        async with House(Path(base)) as house:
            admin = await house.desktop("admin")
            started = house.asterisk.pid
            async with (
                house.agent("1001") as other,
                house.caller(STRAIGHT, "+8613812340001", sound=Tone(hertz=700)) as talker,
            ):
                talk = await other.talks()
                channels = set[str]()

                async def two_are_left() -> bool:
                    # While the two are being connected there is a third, for a moment.
                    channels.clear()
                    channels.update(ids_of(await house.asterisk.cli("core show channels concise")))
                    return len(channels) == 2

                await house.until(two_are_left, "the caller's channel and the agent's are all there are")

                change = await admin.send("PUT", ITEM, {"name": "New"})
                assert change["exchange_by_hand"] is False
                listed = await brought(admin, change)
                assert {one["agent_id"]: one["known"] for one in listed["items"]}[NEW] is True
                secret = (await admin.send("POST", f"/agents/{NEW}/phone/secret", None))["secret"]
                user = {"name": NEW, "role": "agent", "agent_id": NEW, "password": PASSWORD}
                await admin.send("POST", "/users", user)

                async def registers() -> bool:
                    try:
                        async with AgentPhone(server=house.sip, user=NEW, password=secret):
                            return True
                    except ConnectionRefusedError:
                        return False

                await house.until(registers, "the phone registers with its new secret")
                await takes_a_call(house, secret)

                gone = await admin.send("DELETE", ITEM, None)
                await brought(admin, gone)
                with pytest.raises(ConnectionRefusedError, match=r"401|403|404"):
                    await AgentPhone(server=house.sip, user=NEW, password=secret).start()

                # The talk that went on through all of it is the same, with sound both ways over the same channels.
                assert other.desktop.state["state"] == "talking"
                assert talker.end is None
                assert channels == ids_of(await house.asterisk.cli("core show channels concise"))
                await talk.audio.hear_tone(700)
                assert house.asterisk.pid == started
                await talker.hang_up()
                await other.desktop.state_becomes("wrap_up")
            await house.check()
