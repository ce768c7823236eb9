"""Overdue cases in a real Chromium: whose it was reads who has it; what nobody has is on the supervisors' board."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect

from callcenter.crm.case_steps import CaseInput
from callcenter.domain.cases import CaseKind, CasePriority, ServiceTarget
from callcenter.domain.ids import AgentId, CaseId, CustomerId
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.cases import StoredCases
from callcenter.store.database import Database
from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

OWNER, TARGET = "1001", "1002"
MORNING_STAR = CustomerId("demo-morning-star")
PASSED, FREE = "设备故障 the printer is on fire", "无人认领 nobody took this"
SLOW_MS = 60_000
"""The watches look every 15 seconds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


async def open_overdue(house: BrowserHouse, case_id: str, kind: CaseKind, subject: str, owner: str | None) -> None:
    """A case that should have been resolved an hour ago; faults go to the target's person then."""
    now = datetime.now(UTC)
    database = Database(house.settings.database_url)
    try:
        target = ServiceTarget(
            kind=CaseKind.FAULT,
            priority=CasePriority.NORMAL,
            due_within=timedelta(hours=1),
            escalate_to=AgentId(TARGET),
        )
        await StoredCaseLists(database).put_target(target, at=now, by="admin")
        data = CaseInput(
            kind=kind,
            subject=subject,
            owner_id=None if owner is None else AgentId(owner),
            due_by_target=False,
            due_at=now - timedelta(hours=1),
        )
        await StoredCases(database).open_case(
            CaseId(case_id), MORNING_STAR, data, at=now - timedelta(hours=2), by="super"
        )
    finally:
        await database.dispose()


async def test_whose_case_it_was_reads_on_his_desk_who_has_it_now(house: BrowserHouse) -> None:
    desk = await house.chromium.desk(OWNER, PASSWORD)
    other = await house.chromium.desk(TARGET, PASSWORD, dark=True)
    await open_overdue(house, "passed", CaseKind.FAULT, PASSED, OWNER)
    await expect(desk.at("reminders")).to_contain_text(PASSED, timeout=SLOW_MS)
    await expect(desk.at("reminders")).to_contain_text("Case passed on")
    await desk.shows("reminder-passed-to", f"It was yours and is with Agent {TARGET} now.")
    await desk.picture("desk-passed-on")
    await desk.speaks("zh")
    await desk.shows("reminder-passed-to", f"现已转给 Agent {TARGET}")
    assert await desk.overflow_px() == 0
    await other.speaks("zh")
    await expect(other.at("reminders")).to_contain_text("工单超时")
    await expect(other.at("reminder-passed-to")).to_have_count(0)
    await other.picture("desk-escalated-zh-dark")
    await desk.at("reminder-dismiss").click()
    await expect(desk.at("reminders")).to_have_count(0)
    await expect(other.at("reminders")).to_contain_text(PASSED)


async def test_an_overdue_case_of_nobody_is_on_the_board_until_somebody_has_it(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    await open_overdue(house, "free", CaseKind.QUESTION, FREE, None)
    alert = board.at("alert-unowned_cases-unowned")
    await expect(alert).to_contain_text("1 overdue and nobody has them", timeout=SLOW_MS)
    await board.picture("board-unowned-cases")
    await board.speaks("zh")
    await expect(alert).to_contain_text("1 张已逾期且无人负责")
    assert await board.overflow_px() == 0
    await board.at("alert-cases").click()
    await expect(board.at("case-row")).to_have_count(1)
    await expect(board.at("case-row")).to_contain_text(FREE)
    await expect(board.at("cases-owner")).to_have_value("无人负责")
    await board.picture("cases-unowned-zh")
    await board.at("case-edit").click()
    await board.at("case-owner").fill(TARGET)
    await board.at("case-owner").press("Enter")
    await expect(board.at("case-owner")).to_have_value(f"Agent {TARGET}")
    await board.at("case-save").click()
    await expect(board.at("cases-none")).to_be_visible()
    await board.at("nav-board").click()
    await expect(alert).to_have_count(0, timeout=SLOW_MS)


async def test_a_condition_names_account_managers(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    answer = await board.context.request.patch(
        f"{house.web_url}/api/v1/customers/{MORNING_STAR}", data={"account_manager_id": OWNER}
    )
    assert answer.ok, await answer.text()
    await board.page.goto(f"{house.web_url}/segments/new")
    await board.at("condition-agent").fill(OWNER)
    await board.page.locator(f'[data-test="agent-choices"] [data-agent="{OWNER}"]').click()
    await expect(board.at("segment-condition")).to_have_value(f'account_manager = "{OWNER}"')
    await board.shows("condition-named", f"Agent {OWNER}")
    await board.shows("segment-count", "Customers: 1")
    await board.picture("segment-manager")
    await board.at("segment-name").fill("annas")
    await board.at("segment-label").fill("Anna's")
    await board.at("segment-save").click()
    await expect(board.at("segment-annas")).to_be_visible()
    admin = await house.chromium.board("admin", PASSWORD, dark=True)
    await admin.speaks("zh")
    await admin.page.goto(f"{house.web_url}/admin/best_offers/+")
    await admin.at("condition-agent").fill(OWNER)
    await admin.page.locator(f'[data-test="agent-choices"] [data-agent="{OWNER}"]').click()
    await admin.at("condition-count").click()
    await expect(admin.at("condition-counted")).to_contain_text("1")
    await admin.shows("condition-named", f"Agent {OWNER}")
    await admin.picture("best-offer-manager-zh-dark")
    assert await admin.overflow_px() == 0


async def test_who_shares_a_number_is_found_merged_and_told_by_name(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    made = {}
    for name in ("孙悟空", "Sun Wukong"):
        point = {"kind": "phone", "value": "13911112222"}
        answer = await board.context.request.post(
            f"{house.web_url}/api/v1/customers", data={"name": name, "contact_points": [point]}
        )
        made[name] = (await answer.json())["customer_id"]
    address = f"{house.web_url}/api/v1/customers/{made['孙悟空']}"
    task = {"text": "call", "kind": "follow_up", "due_at": "2030-01-01T00:00:00Z"}
    assert (await board.context.request.post(f"{address}/tasks", data=task)).ok
    deal = {"title": "x", "stage": "lead", "value": {"amount": "1200.00", "currency": "CNY"}}
    assert (await board.context.request.post(f"{address}/opportunities", data=deal)).ok
    await board.at("nav-customers").click()
    await board.at("to-duplicates").click()
    row = board.page.locator('[data-test="shared-row"][data-value="+8613911112222"]')
    await expect(row).to_contain_text("Sun Wukong")
    await board.speaks("zh")
    await board.picture("duplicates-zh")
    await row.get_by_text("孙悟空").click()
    await board.at("merge-ask").click()
    await board.at("merge").click()
    await expect(board.at("merge-row")).to_contain_text("Sun Wukong 并入该客户")
    await board.at("customer-changes").click()
    history = board.at("changes")
    await expect(history).to_contain_text("待办")
    await expect(history).to_contain_text("¥1,200.00")
    await expect(history).not_to_contain_text("follow_up")
    await expect(history.locator('[data-field="stage"]').first).not_to_contain_text("lead")
    await board.picture("changes-zh")
    await board.at("merge-undo").click()
    await expect(board.at("merge-row")).to_contain_text("已撤销")
