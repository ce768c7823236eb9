"""What the business sets, from an empty database to a served call, and changed while calls are served.

Every command is a process of its own.
"""

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import commands
from tests.e2e.desktop import Desktop
from tests.e2e.house import PASSWORD, PROJECT, WRAP_UP, House, until

pytestmark = pytest.mark.e2e

EXAMPLE = PROJECT / "config" / "business.example.yaml"
SECRET = "a-secret-of-good-length"


class Office:
    """A data directory and an environment for commands."""

    def __init__(self, environment: Mapping[str, str], config: Path | None = None) -> None:
        self._environment = dict(environment)
        self._config = ["--config", str(config)] if config is not None else []

    def run(self, *arguments: str, said: str = "", status: int = 0) -> str:
        """Run `callcenter`, which must end with `status`; what it printed."""
        done = commands.run([*arguments, *self._config], environment=self._environment, directory=PROJECT, said=said)
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        assert done.returncode == status, told
        return told


@pytest.fixture
def office(tmp_path: Path) -> Office:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(tmp_path)),
        "CALLCENTER_SERVER_DATA_DIRECTORY": str(tmp_path / "data"),
        "CALLCENTER_FLOWS_DIRECTORY": str(PROJECT / "ivr_flows"),
        "CALLCENTER_ASTERISK_AMI_SECRET": SECRET,
    }
    return Office(environment)


def test_an_empty_database_is_filled_with_commands_alone(office: Office, tmp_path: Path) -> None:
    office.run("db", "upgrade")
    dry = office.run("config", "apply", str(EXAMPLE), "--dry-run")
    assert "added queue sales" in dry
    assert "nothing was written" in dry
    assert office.run("config", "history") == ""
    applied = office.run("config", "apply", str(EXAMPLE), "--by", "the administrator")
    assert "applied as version 1" in applied
    assert "no phone secret yet: 1001, 1002, 1003" in applied
    assert office.run("config", "history").endswith("by the administrator\n")
    assert "nothing to change" in office.run("config", "apply", str(EXAMPLE), "--remove-missing")

    office.run("user", "add", "li", "--role", "agent", "--agent", "1001", "--password-stdin", said="long enough\n")
    office.run("user", "add", "boss", "--role", "supervisor", "--password-stdin", said="long enough\n")
    listed = office.run("user", "list")
    assert [line.split()[:2] for line in listed.splitlines()] == [["boss", "supervisor"], ["li", "agent"]]
    secret = office.run("phone", "secret", "1001", "--generate", "--show").splitlines()[-1]
    office.run("phone", "secret", "1002", "--stdin", said=f"{SECRET}\n")

    assert "queue support: 2 of 3 agents can serve it" in office.run("config", "check")
    office.run("asterisk-config", str(tmp_path / "asterisk"))
    accounts = (tmp_path / "asterisk" / "pjsip_callcenter.conf").read_text()
    assert secret in accounts
    assert SECRET in accounts
    assert "[1003]" not in accounts

    exported = tmp_path / "exported.yaml"
    office.run("config", "export", str(exported))
    assert secret not in exported.read_text()
    exported.write_text(exported.read_text().replace("Sales line", "Line for sales"))
    assert "changed number 4001: label" in office.run("config", "apply", str(exported), "--remove-missing")
    first = office.run("config", "show", "1")
    undone = office.run("config", "apply", "-", "--remove-missing", said=first)
    assert "Line for sales -> " in undone
    assert office.run("config", "show", "3") == office.run("config", "export") == first


def test_what_cannot_be_used_is_told_with_its_place_and_changes_nothing(office: Office, tmp_path: Path) -> None:
    office.run("db", "upgrade")
    bad = tmp_path / "bad.yaml"
    bad.write_text(EXAMPLE.read_text().replace("{sales: 1}", "{sails: 1}").replace("flow: main", "flow: mane"))
    lines = office.run("config", "apply", str(bad), status=2).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{bad}:") for line in lines)
    assert "there is no skill 'sails'" in lines[0]
    assert "leads to the flow 'mane'" in lines[1]
    assert office.run("config", "history") == ""
    # A flow that leads to a queue which would not be there is a fault of the flow's file.
    bad.write_text("skills: {}\n")
    assert "ivr_flows/sales.yaml:20: " in office.run("config", "apply", str(bad), status=2)
    office.run("config", "apply", str(EXAMPLE))
    add = ("user", "add", "li", "--password-stdin", "--role")
    assert "has 5 characters; 10 to 1000" in office.run(*add, "administrator", said="short\n", status=2)
    assert "needs the agent he is" in office.run(*add, "agent", said="long enough\n", status=2)
    assert "no agent 9; known: 1001" in office.run(*add, "agent", "--agent", "9", said="long enough\n", status=2)
    assert "no role 'king'" in office.run(*add, "king", said="long enough\n", status=2)
    assert "use --password-stdin" in office.run("user", "add", "li", "--role", "administrator", status=2)
    assert "there is no user li" in office.run("user", "remove", "li", status=2)
    office.run(*add, "agent", "--agent", "1001", said="long enough\n")
    assert "there is a user li already" in office.run(*add, "administrator", said="long enough\n", status=2)
    taken = ("user", "add", "wu", "--password-stdin", "--role", "agent", "--agent", "1001")
    assert "agent 1001 is the user li already" in office.run(*taken, said="long enough\n", status=2)
    assert "there is no agent 9" in office.run("phone", "secret", "9", "--generate", status=2)
    assert "at least 12" in office.run("phone", "secret", "1001", "--stdin", said="short\n", status=2)
    assert "there is no version 7" in office.run("config", "show", "7", status=2)


async def test_a_change_is_followed_while_calls_are_served(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        office = Office(house.environment, house.config_path)
        board = await house.desktop("super")

        def skills_shown() -> dict[str, int]:
            shown = board.documents["agents"].get("1010", {}).get("skills", [])
            return {entry["skill"]: entry["level"] for entry in shown}

        async with house.agent("1010") as agent, house.caller("4900") as talker:
            await talker.answered()
            talk = await agent.talks()
            # A skill for an agent in a talk, a queue that needs it, and a number that leads there.
            (Path(house.environment["CALLCENTER_FLOWS_DIRECTORY"]) / "gold.yaml").write_text(
                "flow: gold\nlanguages: [zh, en]\nstart: to_gold\nrescue: to_gold\nprompts: {}\n"
                "nodes:\n  to_gold: {kind: queue, queue: gold}\n"
            )
            change = (
                "skills: {gold: {zh: 贵宾, en: Gold}}\n"
                f"queues: {{gold: {{label: {{zh: 贵宾, en: Gold}}, skills: {{gold: 5}}, "
                f"ring_timeout_seconds: 3, wrap_up_seconds: {WRAP_UP.total_seconds():g}}}}}\n"
                "agents: {'1010': {name: Agent 1010, skills: {zh: 10, en: 6, gold: 7}}}\n"
                "numbers: {'4999': {flow: gold, label: {zh: 贵宾, en: Gold}}}\n"
            )
            told = await asyncio.to_thread(office.run, "config", "apply", "-", said=change)
            assert "applied as version 2" in told
            await board.until(lambda: skills_shown().get("gold") == 7, "the agent's new skill is shown")
            await board.until(lambda: "gold" in board.documents["queues"], "the new queue is on the board")
            # While somebody is at work or called, nothing is pulled away under him.
            refused = await asyncio.to_thread(
                office.run, "config", "apply", "-", "--remove-missing", said="agents: {}\n", status=2
            )
            assert "agent 1010 is talking; remove him when he has logged out" in refused
            await talk.hang_up()
            await agent.desktop.state_becomes("wrap_up")
            await agent.desktop.end_wrap_up("ready")

            async with house.caller("4999") as caller:
                await caller.answered()
                call = await agent.talks()
                pop = agent.desktop.pop
                assert pop is not None
                assert pop["queue"]["queue_id"] == "gold"
                assert pop["dnis"] == "4999"
                await call.hang_up()
            await agent.desktop.state_becomes("wrap_up")
        await house.check()

        # Flows with a fault: what runs goes on, and the server says why.
        gold = Path(house.environment["CALLCENTER_FLOWS_DIRECTORY"]) / "gold.yaml"
        whole = gold.read_text()
        gold.write_text("flow: [gold\n")
        broken = await asyncio.to_thread(
            office.run, "config", "apply", "-", said="reasons: {tea: {zh: 茶, en: Tea}}\n", status=2
        )
        assert "gold.yaml:" in broken
        gold.write_text(whole)

        # The number, the flow and the queue go again, and the agent's user with his sessions.
        gold.unlink()
        first = await asyncio.to_thread(office.run, "config", "show", "1")
        assert "removed queue gold" in await asyncio.to_thread(
            office.run, "config", "apply", "-", "--remove-missing", said=first
        )
        await board.until(lambda: "gold" not in board.documents["queues"], "the queue is gone from the board")
        seat = Desktop(house.web_url, "1009", PASSWORD)
        await seat.open()
        try:
            new = "another password\n"
            await asyncio.to_thread(office.run, "user", "password", "1009", "--password-stdin", said=new)
            await until(lambda: is_signed_out(seat), "the session with the old password is over")
        finally:
            await seat.close()
        with sqlite3.connect(house.database_path) as connection:
            audited = [row[0] for row in connection.execute("SELECT action FROM audit WHERE subject = '1009'")]
        connection.close()
        assert "password_changed" in audited


async def is_signed_out(seat: Desktop) -> bool:
    try:
        await seat.get("/session")
    except AssertionError as refused:
        return "401" in str(refused)
    return False
