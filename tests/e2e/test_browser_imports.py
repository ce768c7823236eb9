"""Files of customers and orders in a real Chromium: brought, looked over, taken in, mended, taken out and back."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import Board
from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

CUSTOMERS = (
    "客户编号,姓名,手机号,微信,城市\n"
    "K0001,林晓,13900139001,,上海\n"
    'K0002,"=HYPERLINK(""http://x"")",hello,,\n'
    f"K0003,{'长' * 10_000},13900139003,,\n"
    "K0004,Anna,+49 30 123456,,Berlin\n"
)
ORDERS = (
    "订单编号;客户编号;商品名称;小计;下单时间;订单状态\n"
    "P-1;K0001;绿茶;50.10;2026-03-01 14:05;已付款\n"
    "P-1;K0001;运费;5;2026-03-01 14:05;已付款\n"
    "P-2;K0004;绿茶;9;2026/3/2;没听说过\n"
)
ENGLISH = re.compile(r"[A-Za-z]{3,}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


async def at_imports(house: BrowserHouse) -> Board:
    board = await house.chromium.board("super", PASSWORD)
    await board.page.goto(f"{house.web_url}/imports")
    await expect(board.at("exports")).to_be_visible()
    return board


async def bring(board: Board, path: Path, kind: str = "customers") -> None:
    """Choose a file; its columns are there."""
    await board.at("kind").select_option(kind)
    await board.at("file").set_input_files(path)
    await expect(board.at("mapping").locator("h2")).to_contain_text(path.name)
    await expect(board.at("column-0")).to_be_visible()


async def take_in(board: Board, name: str) -> None:
    """To its end."""
    await board.at("take-in").click()
    await expect(board.at("result")).to_contain_text(name)


def written(directory: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = directory / name
    path.write_bytes(text.encode(encoding))
    return path


async def test_a_chinese_file_is_tried_taken_in_and_its_bad_rows_are_mended(
    house: BrowserHouse, tmp_path: Path
) -> None:
    board = await at_imports(house)
    await board.speaks("zh")
    await bring(board, written(tmp_path, "客户.csv", CUSTOMERS, "gb18030"))
    await expect(board.at("encoding")).to_have_value("gb18030")
    await expect(board.at("key")).to_have_value("external_id")
    faults = board.at("first-faults").locator("tbody tr")
    await expect(faults).to_have_count(2)
    await expect(faults.first).to_contain_text("不是电话号码")
    await expect(faults.last).to_contain_text("最多 200 个字符")
    for told in (3, 4):
        assert not ENGLISH.search(await faults.first.locator("td").nth(told).inner_text())
    await board.picture("imports-columns-zh")
    await board.at("try").click()
    await expect(board.at("checked")).to_contain_text("将新增 2，更改 0，无变化 0，错误 2")
    await take_in(board, "客户.csv")
    await expect(board.at("result")).to_contain_text("新增 2，更改 0，无变化 0，错误 2")
    await expect(board.at("mapping")).to_have_count(0)
    await board.picture("imports-result-zh")
    async with board.page.expect_download() as begun:
        await board.at("result").locator("a").click()
    bad = await (await begun.value).path()
    text = bad.read_text(encoding="utf-8-sig")
    assert text.startswith("行,列,值,错误,正确写法,客户编号,姓名")
    mended = text.replace("hello", "13900139002").replace("长" * 10_000, "张长")
    await bring(board, written(tmp_path, "改正.csv", mended))
    await expect(board.at("whence")).to_contain_text("沿用上次")
    await expect(board.at("first-faults")).to_have_count(0)
    await take_in(board, "改正.csv")
    await expect(board.at("result")).to_contain_text("新增 2，更改 0，无变化 0，错误 0")
    await bring(board, tmp_path / "客户.csv")
    await take_in(board, "客户.csv")
    await expect(board.at("result")).to_contain_text("新增 0，更改 0，无变化 2，错误 2")
    assert await board.overflow_px() == 0


async def test_orders_come_in_and_what_goes_out_comes_back_as_nothing_new(house: BrowserHouse, tmp_path: Path) -> None:
    board = await at_imports(house)
    await bring(board, written(tmp_path, "people.csv", CUSTOMERS.replace("hello", "13900139002")))
    await take_in(board, "people.csv")
    await bring(board, written(tmp_path, "订单.csv", ORDERS), "orders")
    await expect(board.at("delimiter")).to_have_value(";")
    await expect(board.at("currency")).to_have_value("CNY")
    await expect(board.at("key")).to_have_value("external_id")
    await take_in(board, "订单.csv")
    await expect(board.at("result")).to_contain_text("1 new, 0 changed, 0 the same, 1 bad")
    for kind in ("customers", "orders"):
        await board.at("export-kind").select_option(kind)
        for link, ending in (("exportCsv", "csv"), ("exportGb", "csv"), ("exportXlsx", "xlsx")):
            async with board.page.expect_download() as begun:
                await board.at(link).click()
            path = tmp_path / f"{kind}-{link}.{ending}"
            await (await begun.value).save_as(path)
            await bring(board, path, kind)
            await expect(board.at("key")).to_have_value("record_id")
            await take_in(board, path.name)
            await expect(board.at("result")).to_contain_text(
                re.compile("0 new, 0 changed, [1-9][0-9]* the same, 0 bad")
            )
    await board.picture("imports-round-trip")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.csv", b"", "文件是空的"),
        ("only.csv", "姓名,手机\n".encode(), "只有列名"),
        ("doc.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "不是表格"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "旧格式"),
        ("cut.xlsx", b"PK\x03\x04 cut off", "工作簿已损坏"),
        ("odd.csv", b"name\n\xff\xff\xff\n\x81", "不是这种编码"),
        ("quote.csv", b'a,b\n"never closed\n' + b"x,y\n" * 20_000, "第 2 行"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_in_the_readers_language(
    house: BrowserHouse, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    board = await at_imports(house)
    await board.speaks("zh")
    (tmp_path / name).write_bytes(data)
    await board.at("file").set_input_files(tmp_path / name)
    await expect(board.at("upload-failed")).to_contain_text(said)


async def test_separator_header_and_columns_are_chosen_and_looked_at_at_once(
    house: BrowserHouse, tmp_path: Path
) -> None:
    board = await at_imports(house)
    await bring(board, written(tmp_path, "bar.csv", "林晓 a|13900139011\n王芳 b|x|y\n陈晨|13900139013\n"))
    await board.at("delimiter").select_option("|")
    await expect(board.at("has-header")).not_to_be_checked()
    await board.at("column-0").select_option("name")
    await board.at("column-1").select_option("phone")
    await expect(board.at("key")).to_have_value("phone")
    await expect(board.at("first-faults")).to_contain_text("is no telephone number")
    await board.at("column-1").select_option("")
    await expect(board.at("mapping-fault")).to_contain_text("Say by what a customer is recognised")
    await expect(board.at("take-in")).to_be_disabled()
    await board.speaks("zh")
    await expect(board.at("mapping-fault")).to_contain_text("请选择识别客户的依据")
    await board.at("has-header").check()
    await expect(board.at("mapping")).to_contain_text("林晓 a")
    await bring(board, written(tmp_path, "one.csv", "姓名~手机\n林晓~13900139011\n"))
    await expect(board.at("one-column")).to_contain_text("请选择其他分隔符")
