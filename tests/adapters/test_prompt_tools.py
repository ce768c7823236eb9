"""`callcenter prompts build|list|missing`, as one types them, with the real voice."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import commands
from tests.adapters.sounds import tone

FLOWS = Path(__file__).parents[2] / "ivr_flows"
FLOW = """
flow: hello
languages: [zh, en]
start: greet
rescue: bye
prompts:
  welcome: {zh: 欢迎致电。, en: Welcome.}
  named: {zh: "您的号码是{ani:phone}。", en: "Your number is {ani:phone}."}
nodes:
  greet: {kind: say, say: [welcome, named], next: bye}
  bye: {kind: end, say: welcome}
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("sox")), reason="espeak-ng and sox are not installed"
)


class Tool:
    """Runs the command in a place of its own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        flows = base / "flows"
        (flows / "prompts").mkdir(parents=True)
        shutil.copy(FLOWS / "prompts" / "queue.yaml", flows / "prompts")
        (flows / "hello.yaml").write_text(FLOW, encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "CALLCENTER_SERVER_DATA_DIRECTORY": str(base / "data"),
            "CALLCENTER_FLOWS_DIRECTORY": str(flows),
        }
        assert self.run("db", "upgrade").returncode == 0

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return commands.run(arguments, environment=self.environment, directory=FLOWS.parent, seconds=100)

    def rows(self, *arguments: str) -> dict[tuple[str, str], dict[str, object]]:
        done = self.run("prompts", "list", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return {(row["prompt"], row["language"]): row for row in json.loads(done.stdout)}


def test_what_is_missing_is_told_made_and_replaced_by_recordings(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    missing = tool.run("prompts", "missing", "--flow", "hello", "--language", "en")
    assert missing.returncode == 1
    assert missing.stdout.splitlines()[0].startswith("hello.welcome  missing")
    built = tool.run("prompts", "build", "--flow", "hello")
    assert (built.returncode, built.stderr) == (0, "")
    assert tool.run("prompts", "missing", "--flow", "hello").returncode == 0
    recorded = tmp_path / "data" / "recorded_prompts" / "zh"
    recorded.mkdir(parents=True)
    (recorded / "hello.welcome.wav").write_bytes(tone(seconds=1.5))
    rows = tool.rows("--flow", "hello")
    assert {key: row["state"] for key, row in rows.items()} == {
        ("welcome", "zh"): "recorded",
        ("welcome", "en"): "made",
        ("named", "zh"): "variables",
        ("named", "en"): "variables",
    }
    assert (rows["welcome", "zh"]["seconds"], rows["named", "zh"]["seconds"]) == (1.5, None)
    file = rows["welcome", "en"]["file"]
    assert isinstance(file, str)
    assert Path(file).is_file()
    # The queues' prompts are still to be made.
    told = tool.run("prompts", "list").stdout.splitlines()[-1]
    assert "1 recorded, 1 made" in told
    assert tool.run("prompts", "missing").returncode == 1


def test_all_of_them_are_made_and_what_asterisk_plays_by_itself_too(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    built = tool.run("prompts", "build")
    assert (built.returncode, built.stderr) == (0, "")
    assert (tmp_path / "data" / "sounds" / "zh" / "callcenter" / "apology.wav").is_file()
    assert tool.run("prompts", "missing").stdout == "none is missing\n"


def test_what_fails_is_told_by_reason(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    tool.environment["PATH"] = str(tmp_path)
    built = tool.run("prompts", "build", "--flow", "hello")
    assert built.returncode == 1
    assert built.stderr.startswith("2 not made: espeak-ng is not installed")
    assert "apt-get install espeak-ng" in built.stderr
    assert "zh/hello.welcome" in built.stderr


def test_a_flow_that_is_not_there_is_told(tmp_path: Path) -> None:
    listed = Tool(tmp_path).run("prompts", "list", "--flow", "nothing")
    assert listed.returncode == 2
    assert "there are those of hello, queue" in listed.stderr
