"""Flows that are changed while callers are in them: on the real exchange, and through the page in a real browser."""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from callcenter.ivr.reader import parse_flow
from tests.e2e.browser import Chromium, SignedInScreen
from tests.e2e.desktop import Desktop
from tests.e2e.house import PASSWORD, STRAIGHT, House, until
from tests.e2e.prompt_tones import Ear, PromptTones

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


def told(version: str) -> str:
    """Two questions and a good-bye, each with a prompt of this version's own."""
    return f"""\
flow: straight
languages: [zh]
start: first
rescue: last
asking: {{timeout_seconds: 30}}
prompts:
  first_{version}: {{zh: 第一个问题，{version}。}}
  second_{version}: {{zh: 第二个问题，{version}。}}
  bye_{version}: {{zh: 再见，{version}。}}
nodes:
  first:
    kind: menu
    say: first_{version}
    keys:
      1: {{label: {{zh: 继续, en: Go on}}, go: second}}
  second:
    kind: menu
    say: second_{version}
    keys:
      1: {{label: {{zh: 结束, en: End}}, go: last}}
  last:
    kind: end
    say: bye_{version}
"""


OLD, NEW, FROM_FILE = "old", "new", "filed"
TONES = PromptTones(*(parse_flow(told(version), version).prompts for version in (OLD, NEW, FROM_FILE)))


class FlowHouse(House):
    """A house with a browser, and a flow of three nodes behind one number."""

    chromium: Chromium

    def __init__(self, base: Path) -> None:
        super().__init__(base, {"CALLCENTER_FLOWS_RECORDED_PROMPTS": str(base / "recorded")})
        self.file.write_text(told(OLD), encoding="utf-8")
        TONES.write(base / "recorded")

    @property
    def file(self) -> Path:
        """The file of the flow."""
        return self.base / "flows" / "straight.yaml"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[FlowHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-flows-", dir="/tmp") as base:
        house = FlowHouse(Path(base))
        async with Chromium(house.web_url) as house.chromium, house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: FlowHouse) -> AsyncIterator[FlowHouse]:
    yield the_house
    await the_house.chromium.close_screens()
    await the_house.check()


async def row_of(admin: Desktop, name: str = "straight") -> dict[str, Any]:
    document: dict[str, Any] = await admin.get(f"/flows/{name}")
    return dict(document["row"])


async def in_force(admin: Desktop, version: int) -> None:
    """Wait until calls have this version."""

    async def is_so() -> bool:
        row = await row_of(admin)
        return bool(row["in_force"]) and row["version"] == version

    await until(is_so, f"version {version} is in force", every_seconds=0.1)


async def hears_all_of(house: House, version: str) -> None:
    """A caller goes through the flow and hears this version alone."""
    async with house.caller(STRAIGHT) as caller:
        ear = Ear(TONES, caller.audio)
        await ear.hears(f"first_{version}")
        await caller.press("1")
        await ear.hears(f"second_{version}")
        await caller.press("1")
        assert (await caller.ended(20)).by == "server"
    assert ear.heard() == [f"first_{version}", f"second_{version}", f"bye_{version}"]


async def test_new_calls_hear_what_is_published_and_calls_under_way_what_they_began(house: FlowHouse) -> None:
    admin = await house.desktop("admin")
    async with house.caller(STRAIGHT) as under_way:
        ear = Ear(TONES, under_way.audio)
        await ear.hears("first_old")
        published = await admin.send(
            "POST", "/flows/straight/versions", {"text": told(NEW), "note": "n", "based_on": 0}
        )
        assert (published["version"], published["source"]) == (1, "published")
        await in_force(admin, 1)
        await hears_all_of(house, NEW)
        await under_way.press("1")
        await ear.hears("second_old")
        await under_way.press("1")
        assert (await under_way.ended(20)).by == "server"
        assert ear.heard() == ["first_old", "second_old", "bye_old"]
    await house.quiet()
    rows = house.invariants().rows("SELECT flow_version FROM interactions WHERE flow = 'straight' ORDER BY started_at")
    assert [row["flow_version"] for row in rows] == [parse_flow(told(v), v).version for v in (OLD, NEW)]
    # By the names of their nodes the two count together.
    row = await row_of(admin)
    assert row["started_today"] == 2
    picture = (await admin.send("POST", "/flows/straight/check", {"text": told(NEW)}))["picture"]
    assert len(re.findall("· 2<", picture)) == 2

    # What is faulty changes nothing, wherever it comes from.
    bad = told("worse").replace("go: second", "go: secnod")
    with pytest.raises(AssertionError, match="422"):
        await admin.send("POST", "/flows/straight/versions", {"text": bad, "based_on": 1})
    with pytest.raises(AssertionError, match="409"):
        await admin.send("POST", "/flows/straight/versions", {"text": told(OLD), "based_on": 0})
    await hears_all_of(house, NEW)

    # Who starts again finds it in the store.
    await house.quiet()
    await house.kill_server()
    await house.start_server()
    await in_force(admin, 1)
    await hears_all_of(house, NEW)

    taken_back = await admin.send("DELETE", "/flows/straight/published?based_on=1", None)
    assert taken_back["source"] == "file"
    await in_force(admin, 2)
    await hears_all_of(house, OLD)
    audit = house.invariants().rows("SELECT action, by, detail FROM audit WHERE action LIKE 'flow_%' ORDER BY at")
    assert [(line["action"], line["by"]) for line in audit] == [
        ("flow_published", "admin"),
        ("flow_retracted", "admin"),
    ]


async def test_a_changed_file_is_noticed_and_a_faulty_one_kept_out(house: FlowHouse) -> None:
    admin = await house.desktop("admin")
    version = (await row_of(admin))["version"]
    house.file.write_text(told(FROM_FILE), encoding="utf-8")
    filed = parse_flow(told(FROM_FILE), "").version

    async def is_filed() -> bool:
        return bool((await row_of(admin))["text_version"] == filed)

    await until(is_filed, "the file is in force", every_seconds=0.1)
    await hears_all_of(house, FROM_FILE)
    house.file.write_text(told(OLD).replace("go: second", "go: secnod"), encoding="utf-8")

    async def is_told() -> bool:
        return bool((await row_of(admin))["faults"])

    await until(is_told, "the fault is told", every_seconds=0.1)
    row = await row_of(admin)
    assert not row["in_force"]
    assert "there is no node 'secnod'" in row["faults"][0]["what"]
    await hears_all_of(house, FROM_FILE)
    await house.quiet()
    # A faulty file keeps nobody from starting.
    await house.kill_server()
    await house.start_server()
    await hears_all_of(house, FROM_FILE)
    house.file.write_text(told(OLD), encoding="utf-8")
    await in_force(admin, version)
    await hears_all_of(house, OLD)


async def shown(page: SignedInScreen, name: str) -> None:
    """Wait until the flow is open in the editor, checked."""
    await page.becomes("flows", "data-opened", name)
    await page.becomes("flow-editor", "data-ready", "true")


PASTE = """(element, text) => {
  const data = new DataTransfer()
  data.setData('text/plain', text)
  element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}"""


async def paste(page: SignedInScreen, text: str) -> None:
    """What the clipboard would bring into the editor, in place of what is selected."""
    await page.page.locator(".cm-content").evaluate(PASTE, text)


async def pictures(house: FlowHouse, language: Literal["zh", "en"], *, dark: bool) -> None:
    page = await house.chromium.board("admin", PASSWORD, dark=dark)
    await page.speaks(language)
    await page.page.goto(f"{house.web_url}/flows/service")
    await shown(page, "service")
    await page.becomes("flow-state", "data-state", "fine")
    assert await page.overflow_px() == 0
    mark = f"{language}-{'dark' if dark else 'light'}"
    await page.picture(f"flows-{mark}")
    await page.at("flow-tab-try").click()
    await expect(page.at("try-log")).to_contain_text(re.compile(r"\w"))
    await page.at("try-key-1").click()
    await page.picture(f"flows-try-{mark}")


async def test_an_administrator_edits_checks_tries_publishes_and_undoes(house: FlowHouse) -> None:
    page = await house.chromium.board("admin", PASSWORD)
    await page.at("nav-set-up").click()
    await page.at("nav-flows").click()
    await page.at("flow-row-straight").click()
    await shown(page, "straight")
    await page.becomes("flow-source", "data-source", "file")
    version = int(await page.at("flow-source").get_attribute("data-version") or 0)
    await page.becomes("flow-state", "data-state", "fine")
    # A node of the picture leads to its lines.
    await page.at("flow-picture").locator('g.node[data-node="second"]').click()
    await expect(page.page.locator(".cm-activeLine")).to_contain_text("second:")

    content = page.page.locator(".cm-content")
    await content.click()
    await page.page.keyboard.press("Control+a")
    await paste(page, told(NEW).replace("go: second", "go: secnod"))
    await page.becomes("flow-state", "data-state", "faulty")
    await page.shows("flow-faults", "there is no node 'secnod'")
    await expect(page.page.locator(".cm-lintRange-error").first).to_have_text("secnod")
    await expect(page.at("flow-publish")).to_be_disabled()
    await page.picture("flows-fault")

    # The draft outlives the page.
    await page.page.reload()
    await shown(page, "straight")
    await page.shows("flow-faults", "there is no node 'secnod'")
    await page.page.locator(".cm-content").click()
    await page.page.keyboard.press("Control+a")
    await paste(page, told(NEW))
    await page.becomes("flow-state", "data-state", "fine")

    await page.at("flow-tab-try").click()
    await page.shows("try-log", "第一个问题，new。")
    await page.at("try-key-1").click()
    await page.shows("try-log", "第二个问题，new。")
    await page.at("try-key-1").click()
    await page.shows("try-ended", "bye_new")
    await expect(page.at("flow-picture").locator("g.node.passed")).to_have_count(3)
    await page.picture("flows-tried")

    # Somebody is quicker: the page says who.
    other = await house.desktop("admin")
    await other.send("POST", "/flows/straight/versions", {"text": told(FROM_FILE), "note": "", "based_on": version})
    await page.at("flow-publish").click()
    await page.at("publish-note").fill("问候改短")
    await page.at("publish-confirm").click()
    await page.shows("publish-conflict", f"admin published version {version + 1}")
    await page.picture("flows-conflict")
    await page.at("publish-compare").click()
    await expect(page.at("diff").locator(".line.added").first).to_contain_text("new")
    await page.at("publish-over").click()
    await page.becomes("flow-source", "data-version", str(version + 2))
    await expect(page.at("flow-published")).to_be_visible()
    await in_force(other, version + 2)
    await hears_all_of(house, NEW)

    await page.at("flow-tab-history").click()
    await expect(page.at("history-version")).not_to_have_count(0)
    await expect(page.at("history-version").first).to_contain_text("问候改短")
    await page.picture("flows-history")
    await page.at("flow-undo").click()
    await expect(page.at("flow-undone")).to_be_visible()
    await in_force(other, version + 3)
    await hears_all_of(house, FROM_FILE)
    await page.at("history-retract").click()
    await page.at("confirm-yes").click()
    await page.becomes("flow-source", "data-source", "file")
    await in_force(other, version + 4)
    await hears_all_of(house, OLD)


async def test_supervisors_look_and_agents_do_not(house: FlowHouse) -> None:
    page = await house.chromium.board("super", PASSWORD)
    await page.at("nav-set-up").click()
    await page.at("nav-flows").click()
    await page.page.goto(f"{house.web_url}/flows/straight")
    await shown(page, "straight")
    await expect(page.at("flow-publish")).to_have_count(0)
    await expect(page.at("flow-new")).to_have_count(0)
    desk = await house.chromium.desk("1001", PASSWORD)
    await expect(desk.at("nav-flows")).to_have_count(0)
    await desk.page.goto(f"{house.web_url}/flows")
    await expect(desk.at("agent-state")).to_be_visible()


async def test_the_page_in_both_languages_and_both_lights(house: FlowHouse) -> None:
    seen: tuple[tuple[Literal["zh", "en"], bool], ...] = (("en", False), ("zh", True), ("zh", False), ("en", True))
    for language, dark in seen:
        await pictures(house, language, dark=dark)
