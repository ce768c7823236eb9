import csv
import dataclasses
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from callcenter.app.customer_book import CustomerFilters
from callcenter.app.customer_export import ORDER_FIELDS, customer_pages, order_pages
from callcenter.app.import_records import ImportCounts, ImportRecord, ImportState, faults_of, file_of
from callcenter.app.sales_book import OrderFilters
from callcenter.crm.import_columns import FAULT_COLUMNS, ColumnMapping, guess
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_orders import MOST_LINES
from callcenter.domain.customers import Channel, ConsentState, Customer
from callcenter.domain.ids import MergeId
from callcenter.domain.labels import Label
from callcenter.domain.money import Money
from callcenter.domain.sales import Product
from callcenter.importing.alone import ImportBusy
from callcenter.importing.files import FileSheets
from callcenter.importing.work import make_searchable, run_import
from callcenter.sheets.writing import csv_parts
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_export import StoredIds
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.imports import StoredImports
from callcenter.store.orders import StoredOrders
from callcenter.store.products import StoredProducts
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import mail, make, phone, whole_store

HEADER = ["编号", "姓名", "手机号", "邮箱", "标签", "电话同意"]
ROWS = [
    ["C1", "李娜", "13800138001", "li@example.org", "老客户", "同意"],
    ["C2", "王芳", "13800138002;010-65551234", "", "老客户;批发", ""],
    ["C3", "Anna Müller", "+49 30 123456", "anna@example.org", "", "勿扰"],
]


async def bring(
    database: Database,
    directory: Path,
    table: Sequence[Sequence[str]],
    *,
    import_id: str = "i1",
    kind: RecordKind = RecordKind.CUSTOMERS,
    mapping: ColumnMapping | None = None,
    dry_run: bool = False,
) -> ImportRecord:
    """A file, brought and said to run."""
    path = file_of(directory, import_id)
    path.write_bytes(b"".join(csv_parts(table, "utf-8")))
    form = FileSheets().examine(path, encoding=None, delimiter=None)
    header = tuple(table[0])
    store = StoredImports(database)
    record = await store.add(
        ImportRecord(
            import_id=import_id,
            kind=kind,
            file_name="customers.csv",
            size_bytes=path.stat().st_size,
            created_at=NOON,
            created_by="super",
            form=form,
            header=header,
        )
    )
    running = dataclasses.replace(
        record,
        state=ImportState.RUNNING,
        dry_run=dry_run,
        mapping=mapping or guess(kind, header, rows=table[1:]),
        started_at=NOON,
        started_by="super",
    )
    assert await store.put(running, expected=ImportState.UPLOADED)
    return running


async def taken_in(
    database: Database, directory: Path, table: Sequence[Sequence[str]], import_id: str = "i1", rows: int = 2
) -> ImportRecord:
    await bring(database, directory, table, import_id=import_id)
    ended = await run_import(database, directory, import_id, region="CN", rows_a_batch=rows)
    await make_searchable(database, directory)
    return ended


def bad_rows(directory: Path, import_id: str = "i1") -> list[list[str]]:
    text = faults_of(directory, import_id).read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


async def by_number(database: Database, number: str) -> Customer:
    cards = await StoredCustomers(database).cards_by_contact_point(number)
    return cards[0].customer


async def test_a_file_is_taken_in_as_if_a_person_had_written_it(database: Database, tmp_path: Path) -> None:
    ended = await taken_in(database, tmp_path, [HEADER, *ROWS])
    assert (ended.state, ended.counts, ended.part) == (ImportState.DONE, ImportCounts(made=3), 1.0)
    wang = await by_number(database, "+8613800138002")
    assert (wang.name, wang.tags, wang.version) == ("王芳", ("老客户", "批发"), 1)
    assert [point.value for point in wang.contact_points] == ["+8613800138002", "+861065551234"]
    anna = await by_number(database, "+4930123456")
    assert [(one.channel, one.state) for one in anna.consents] == [(Channel.PHONE, ConsentState.DO_NOT_CONTACT)]
    search = StoredCustomerSearch(database)
    for text in ("wangfang", "芳", "8002"):
        found = await search.search(text, CustomerFilters(), limit=5, after=None)
        assert [one.customer_id for one in found.items] == [wang.customer_id], text
    history = await StoredCustomerBook(database).changes(wang.customer_id, limit=5, before=None)
    assert [(one.action, one.by) for one in history] == [("created", "super")]
    assert {one.field for one in history[0].fields} >= {"name", "tags", "contact_points"}


async def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    await taken_in(database, tmp_path, [HEADER, *ROWS])
    before = await whole_store(database)
    ended = await taken_in(database, tmp_path, [HEADER, *ROWS], "i2")
    assert ended.counts == ImportCounts(same=3)
    assert await whole_store(database) == before


async def test_what_differs_is_changed_with_its_history(database: Database, tmp_path: Path) -> None:
    await taken_in(database, tmp_path, [HEADER, *ROWS])
    changed = [["C1", "李娜娜", "13800138009", "", "批发", "拒绝"], ROWS[1], ["C2x", "新客户", "", "", "", ""]]
    ended = await taken_in(database, tmp_path, [HEADER, *changed], "i2")
    assert ended.counts == ImportCounts(made=1, changed=1, same=1)
    li = await by_number(database, "+8613800138001")
    assert (li.name, li.tags, li.version) == ("李娜娜", ("老客户", "批发"), 2)
    assert [point.value for point in li.contact_points] == ["+8613800138001", "li@example.org", "+8613800138009"]
    search = StoredCustomerSearch(database)
    for text in ("linana", "8009"):
        found = await search.search(text, CustomerFilters(), limit=5, after=None)
        assert [one.customer_id for one in found.items] == [li.customer_id]
    history = await StoredCustomerBook(database).changes(li.customer_id, limit=5, before=None)
    assert [one.action for one in history] == ["changed", "created"]
    assert {one.field for one in history[0].fields} == {"name", "tags", "contact_points", "consents"}


async def test_one_bad_row_keeps_no_other_out_and_says_why(database: Database, tmp_path: Path) -> None:
    many = [[f"M{number}", f"客户{number}", f"138{number:08}", "", "", ""] for number in range(20)]
    many[7] = ["M7", "x" * 10_000, "hello", "", "", ""]
    many[11] = ["M3", "again", "", "", "", ""]
    many[12] = ["M12", "", "", "", "", ""]
    many[13] = ["M13", "=cmd()", "10086000000000000000", "", "", ""]
    ended = await taken_in(database, tmp_path, [HEADER, *many], rows=6)
    assert ended.counts == ImportCounts(made=16, bad=4)
    told = bad_rows(tmp_path)
    assert told[0] == [*FAULT_COLUMNS["en"], "错误", "正确写法", *HEADER]
    assert [(row[0], row[1]) for row in told[1:]] == [
        ("9", "姓名; 手机号"),
        ("13", "编号"),
        ("14", "编号"),
        ("15", "手机号"),
    ]
    assert "10,000 characters" in told[1][3]
    assert "stands in row 5 already" in told[2][3]
    assert "the row has no name" in told[3][3]
    # What was in the file stands there again, and is no formula.
    assert told[4][8] == "'=cmd()"
    assert told[2][5:7] == ["与第 5 行重复", "每个只出现一次"]
    assert told[1][5] == "姓名：有 10,000 个字符，太长；手机号：不是电话号码"
    assert told[1][6].startswith("姓名：最多 200 个字符；手机号：电话号码，最好带国家代码")
    assert ended.faults_bytes == faults_of(tmp_path, "i1").stat().st_size


async def test_a_dry_run_counts_and_changes_nothing(database: Database, tmp_path: Path) -> None:
    await taken_in(database, tmp_path, [HEADER, ROWS[0]])
    before = await whole_store(database)
    table = [HEADER, *ROWS, ["C1", "twice", "", "", "", ""], ["C9", "y", "no number", "", "", ""]]
    await bring(database, tmp_path, table, import_id="i2", dry_run=True)
    ended = await run_import(database, tmp_path, "i2", region="CN", rows_a_batch=2)
    assert ended.state is ImportState.UPLOADED
    assert ended.checked == ImportCounts(made=2, same=1, bad=2)
    assert await whole_store(database) == before
    assert len(bad_rows(tmp_path, "i2")) == 3


async def test_an_import_that_was_cut_off_goes_on_behind_its_last_batch(database: Database, tmp_path: Path) -> None:
    table = [[f"M{number}", f"客户{number}", "" if number % 7 else "bad", "", "", ""] for number in range(30)]
    await bring(database, tmp_path, [HEADER, *table])
    done = 0

    class Killed(BaseException):
        """As if the process were gone."""

    def kill(record: ImportRecord) -> None:
        nonlocal done
        done += 1
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        await run_import(database, tmp_path, "i1", region="CN", rows_a_batch=5, tell=kill)
    left = await StoredImports(database).find("i1")
    assert left is not None
    assert (left.state, left.last_row) == (ImportState.RUNNING, 16)
    # What the dying process had written behind its last batch is written again, once.
    with faults_of(tmp_path, "i1").open("ab") as file:
        file.write(b"17,half a li")
    ended = await run_import(database, tmp_path, "i1", region="CN", rows_a_batch=5)
    assert ended.counts == ImportCounts(made=25, bad=5)
    assert [row[0] for row in bad_rows(tmp_path)[1:]] == ["2", "9", "16", "23", "30"]
    found = await StoredCustomerSearch(database).search("", CustomerFilters(), limit=100, after=None)
    assert len(found.items) == 25


@pytest.mark.parametrize(("seconds", "last_row"), [(0.0, 16), (3_600.0, 6)])
async def test_how_far_it_is_is_told_in_time_where_nothing_is_written(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, last_row: int
) -> None:
    monkeypatch.setattr("callcenter.importing.work.PROGRESS_SECONDS", seconds)
    table = [[f"M{number}", f"客户{number}", "", "", "", ""] for number in range(30)]
    await taken_in(database, tmp_path, [HEADER, *table])
    await bring(database, tmp_path, [HEADER, *table[:4], ["M4", "", "bad", "", "", ""], *table[5:]], import_id="i2")
    told: list[int] = []

    class Killed(BaseException):
        """As if the process were gone."""

    def kill(record: ImportRecord) -> None:
        told.append(record.last_row)
        if len(told) == 3:
            raise Killed

    with pytest.raises(Killed):
        await run_import(database, tmp_path, "i2", region="CN", rows_a_batch=5, tell=kill)
    left = await StoredImports(database).find("i2")
    assert left is not None
    assert (told, left.last_row) == ([6, 11, 16], last_row)


async def test_a_key_of_several_customers_is_refused_until_they_are_merged(database: Database, tmp_path: Path) -> None:
    shared = phone("+8613800138001")
    one, two = await make(database, "一", shared), await make(database, "二", shared, mail("li@example.org"))
    table = [["手机", "标签"], ["13800138001", "新"]]
    ended = await taken_in(database, tmp_path, table)
    assert ended.counts == ImportCounts(bad=1)
    assert "belongs to 2 customers" in bad_rows(tmp_path)[1][3]
    await StoredMerging(database).merge(one.customer_id, two.customer_id, merge_id=MergeId("m1"), at=NOON, by="super")
    ended = await taken_in(database, tmp_path, table, "i2")
    assert ended.counts == ImportCounts(changed=1)
    assert (await by_number(database, "+8613800138001")).tags == ("新",)


async def test_an_id_leads_to_whom_its_customer_was_merged_into(database: Database, tmp_path: Path) -> None:
    await taken_in(database, tmp_path, [HEADER, *ROWS])
    li, wang = await by_number(database, "+8613800138001"), await by_number(database, "+8613800138002")
    merging = StoredMerging(database)
    merge = await merging.merge(li.customer_id, wang.customer_id, merge_id=MergeId("m1"), at=NOON, by="super")
    ended = await taken_in(database, tmp_path, [["编号", "备注"], ["C2", "见过"]], "i2")
    assert ended.counts == ImportCounts(changed=1)
    assert (await by_number(database, "+8613800138002")).notes == "见过"
    known = await StoredIds(database).ids_of([li.customer_id], "import")
    assert known.external_ids == {li.customer_id: "C1"}
    await merging.undo(merge.merge_id, at=NOON, by="super")
    ended = await taken_in(database, tmp_path, [["编号", "备注"], ["C2", "又见"]], "i3")
    assert (await by_number(database, "+8613800138002")).customer_id == wang.customer_id
    assert (await by_number(database, "+8613800138002")).notes == "又见"


async def test_two_rows_about_one_customer_are_told_however_he_is_named(database: Database, tmp_path: Path) -> None:
    await make(database, "李娜", phone("+8613800138001"), phone("+8613800138002"))
    table = [["手机", "备注"], ["13800138001", "a"], ["13800138003", ""], ["13800138002", "b"]]
    ended = await taken_in(database, tmp_path, table, rows=1)
    assert ended.counts == ImportCounts(changed=1, bad=2)
    reasons = [row[3] for row in bad_rows(tmp_path)[1:]]
    assert "no name" in reasons[0]
    assert "customer of row 2" in reasons[1]


async def test_numbers_are_given_once_and_never_taken_from_another(database: Database, tmp_path: Path) -> None:
    header = ["手机", "姓名", "客户号"]
    table = [header, ["13800138001", "一", "10023"], ["13800138002", "二", "10023"], ["13800138003", "三", "12"]]
    ended = await taken_in(database, tmp_path, table)
    # The number is the likelier key; here people are known by their phone.
    assert ended.counts == ImportCounts(made=1, bad=2)
    mapping = ColumnMapping(columns=("phone", "name", "customer_number"), key="phone")
    table[2][2] = "10024"
    await bring(database, tmp_path, [*table[:3], ["13800138004", "四", "10023"]], import_id="i2", mapping=mapping)
    ended = await run_import(database, tmp_path, "i2", region="CN")
    assert ended.counts == ImportCounts(made=1, same=1, bad=1)
    assert "belongs to another customer" in bad_rows(tmp_path, "i2")[1][3]


async def test_only_one_import_runs_in_a_directory(database: Database, tmp_path: Path) -> None:
    await bring(database, tmp_path, [HEADER, *ROWS], import_id="i1")
    await bring(database, tmp_path, [HEADER, *ROWS], import_id="i2")
    tried: list[ImportRecord] = []

    def tell(record: ImportRecord) -> None:
        tried.append(record)

    import fcntl

    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ImportBusy):
            await run_import(database, tmp_path, "i1", region="CN", tell=tell)
    assert not tried
    assert (await run_import(database, tmp_path, "i1", region="CN", tell=tell)).counts.made == 3


async def test_a_file_that_breaks_off_ends_as_failed_and_keeps_what_is_in(database: Database, tmp_path: Path) -> None:
    rows = [[f"M{number}", f"客户{number}", "", "", "", ""] for number in range(8)]
    await bring(database, tmp_path, [HEADER, *rows])
    with file_of(tmp_path, "i1").open("ab") as file:
        file.write(b'M9,"never closed' + b"\nx" * 40_000)
    ended = await run_import(database, tmp_path, "i1", region="CN", rows_a_batch=4)
    assert ended.state is ImportState.FAILED
    assert ("row 10" in (ended.error or ""), ended.error_code) == (True, "sheet_quotes")
    assert ended.counts == ImportCounts(made=8)


async def test_what_is_exported_is_imported_to_the_same(database: Database, tmp_path: Path) -> None:
    await taken_in(database, tmp_path, [HEADER, *ROWS])
    await make(database, "上海;贸易", mail("=x@example.org"), tags=("a;b",))
    pages = customer_pages(
        search=StoredCustomerSearch(database),
        ids=StoredIds(database),
        book=StoredCustomerBook(database),
        text="",
        filters=CustomerFilters(),
        source="import",
    )
    table = [[str(cell) for cell in row] async for page in pages for row in page]
    assert len(table) == 5
    before = await whole_store(database)
    # Not each of them has a number or an id of another system, but all have their record here.
    assert guess(RecordKind.CUSTOMERS, table[0], rows=table[1:]).key == "record_id"
    ended = await taken_in(database, tmp_path, table, "i2")
    assert ended.counts == ImportCounts(same=4)
    mapping = dataclasses.replace(guess(RecordKind.CUSTOMERS, table[0]), key="email")
    await bring(database, tmp_path, table, import_id="i3", mapping=mapping)
    ended = await run_import(database, tmp_path, "i3", region="CN")
    assert (ended.counts.same, ended.counts.bad) == (3, 1)
    assert await whole_store(database) == before


async def test_a_record_leads_to_whom_it_was_merged_into_and_none_is_made_up(
    database: Database, tmp_path: Path
) -> None:
    one, two = await make(database, "一", phone("+8613800138001")), await make(database, "二")
    await StoredMerging(database).merge(one.customer_id, two.customer_id, merge_id=MergeId("m1"), at=NOON, by="super")
    table = [["记录编号", "姓名", "备注"], [two.customer_id, "", "见过"], ["nobody", "三", ""]]
    ended = await taken_in(database, tmp_path, table)
    assert ended.counts == ImportCounts(changed=1, bad=1)
    assert (await by_number(database, "+8613800138001")).notes == "见过"
    assert bad_rows(tmp_path)[1][:6] == [
        "3",
        "记录编号",
        "nobody",
        "is the record of nobody here",
        "as exported; recognise new ones by something else",
        "没有这个记录编号",
    ]


async def test_orders_are_taken_in_once(database: Database, tmp_path: Path) -> None:
    await make(database, "李娜", phone("+8613800138001"))
    header = ["订单号", "手机", "描述", "下单日期", "金额", "币种", "状态"]
    table = [
        header,
        ["A-1", "13800138001", "两箱茶叶", "2026-03-01", "1,234.50", "CNY", ""],
        ["A-2", "13800138001", "", "2026/3/2", "10", "CNY", "unheard_of"],
        ["A-3", "13800138009", "", "2026-03-03", "10", "CNY", ""],
        ["A-4", "13800138001", "", "2026-03-04", "-20.00", "CNY", ""],
    ]
    await bring(database, tmp_path, table, kind=RecordKind.ORDERS)
    ended = await run_import(database, tmp_path, "i1", region="CN", rows_a_batch=2)
    assert ended.counts == ImportCounts(made=2, bad=2)
    assert bad_rows(tmp_path)[1][1:7] == [
        "状态",
        "unheard_of",
        "is no state of orders",
        "one of Received, Paid, Packed, Sent, Delivered, Cancelled",
        "没有这个订单状态",
        "已下单、已付款、已打包、已发货、已送达、已取消 之一",
    ]
    assert bad_rows(tmp_path)[2][5] == "不属于任何客户"
    found = await StoredOrders(database).orders(OrderFilters(), limit=5, before=None)
    assert [(one.number, str(one.total.amount), one.state) for one in found] == [
        ("A-4", "-20.00", "new"),
        ("A-1", "1234.50", "new"),
    ]
    table[1][4] = "1,300"
    await bring(database, tmp_path, table[:2], import_id="i2", kind=RecordKind.ORDERS)
    assert (await run_import(database, tmp_path, "i2", region="CN")).counts == ImportCounts(changed=1)
    await bring(database, tmp_path, table[:2], import_id="i3", kind=RecordKind.ORDERS)
    assert (await run_import(database, tmp_path, "i3", region="CN")).counts == ImportCounts(same=1)
    pages = order_pages(orders=StoredOrders(database), ids=StoredIds(database), filters=OrderFilters(), source="import")
    exported = [row async for page in pages for row in page]
    assert [row[0] for row in exported[1:]] == ["A-4", "A-1"]
    assert exported[2][8] == Decimal("1300.00")


ORDER_HEADER = ["订单号", "手机", "产品", "描述", "数量", "下单日期", "金额", "币种", "状态"]


async def some_orders(database: Database) -> list[list[str]]:
    """Rows of a customer who is there: an order of three lines, one of one line, one of none."""
    await make(database, "李娜", phone("+8613800138001"))
    li = "13800138001"
    return [
        ["B-1", li, "", "绿茶", "2", "2026-03-01", "50.10", "CNY", "paid"],
        ["B-1", li, "", "杯子", "1.5", "2026-03-01", "20", "", ""],
        ["B-1", li, "", "运费", "1", "2026-03-01", "-5.10", "CNY", "paid"],
        ["B-2", li, "", "红茶", "3", "2026-03-02", "9", "CNY", "paid"],
        ["B-3", li, "", "", "", "2026-03-03", "7", "CNY", "paid"],
    ]


async def orders_of(database: Database, directory: Path, rows: Sequence[Sequence[str]], name: str) -> ImportCounts:
    """How many orders of these rows are made, changed and the same; batches end in the middle of orders."""
    await bring(database, directory, rows, import_id=name, kind=RecordKind.ORDERS)
    return (await run_import(database, directory, name, region="CN", rows_a_batch=2)).counts


async def exported_orders(database: Database) -> list[list[str]]:
    pages = order_pages(orders=StoredOrders(database), ids=StoredIds(database), filters=OrderFilters(), source="import")
    return [[str(cell) for cell in row] async for page in pages for row in page]


async def test_rows_of_one_number_are_the_lines_of_an_order_there_and_back(database: Database, tmp_path: Path) -> None:
    rows = await some_orders(database)
    assert await orders_of(database, tmp_path, [ORDER_HEADER, *rows], "i1") == ImportCounts(made=3)
    found = {one.number: one for one in await StoredOrders(database).orders(OrderFilters(), limit=9, before=None)}
    assert [(line.text, str(line.quantity), str(line.amount)) for line in found["B-1"].lines] == [
        ("绿茶", "2.00", "50.10"),
        ("杯子", "1.50", "20.00"),
        ("运费", "1.00", "-5.10"),
    ]
    assert (found["B-1"].total.amount, found["B-3"].lines) == (Decimal("65.00"), ())
    assert await orders_of(database, tmp_path, [ORDER_HEADER, *rows], "i2") == ImportCounts(same=3)
    table = await exported_orders(database)
    assert [row[0] for row in table[1:]] == ["B-3", "B-2", "B-1", "B-1", "B-1"]
    # He has no number and no id of another system; so the export says whose they are by his record.
    assert guess(RecordKind.ORDERS, table[0], rows=table[1:]).key == "record_id"
    assert await orders_of(database, tmp_path, table, "i3") == ImportCounts(same=3)
    rows[1][6] = "21"
    assert await orders_of(database, tmp_path, [ORDER_HEADER, *rows[:3]], "i4") == ImportCounts(changed=1)
    assert [row[8] for row in (await exported_orders(database))[3:]] == ["50.10", "21.00", "-5.10"]


async def test_an_order_is_taken_whole_or_not_at_all_and_each_row_is_told_why(
    database: Database, tmp_path: Path
) -> None:
    rows = await some_orders(database)
    rows[2][6] = "five"
    rows[3][8] = "unheard_of"
    again = ["B-3", "13800138001", "", "", "", "2026-03-03", "8", "CNY", "paid"]
    other = [["B-4", *rows[4][1:]], ["B-4", *rows[4][1:5], "2026-03-04", *rows[4][6:]]]
    table = [ORDER_HEADER, *rows, *other, again]
    assert await orders_of(database, tmp_path, table, "i1") == ImportCounts(made=1, bad=7)
    assert [row[0] for row in (await exported_orders(database))[1:]] == ["B-3"]
    told = [(row[0], row[3]) for row in bad_rows(tmp_path)[1:]]
    assert [row for row, _ in told] == ["2", "3", "4", "5", "7", "8", "9"]
    assert "is of an order that is not taken, see row 4" in told[0][1]
    assert "is not what row 7 says of the same order" in told[5][1]
    assert "stands in row 6 already" in told[6][1]


async def test_states_and_products_are_named_as_people_name_them_and_a_currency_is_chosen(
    database: Database, tmp_path: Path
) -> None:
    await make(database, "李娜", phone("+8613800138001"))
    for code, zh in (("TEA-1", "绿茶"), ("TEA-2", "红茶"), ("CUP-1", "杯子"), ("CUP-2", "杯子")):
        tea = Product(
            code=code, label=Label(zh=zh, en=f"{code} tea"), unit_price=Money(amount=Decimal(9), currency="CNY")
        )
        await StoredProducts(database).put_product(tea, at=NOON, by="super")
    header = ["订单号", "手机", "产品", "金额", "下单日期", "订单状态"]
    table = [
        header,
        ["C-1", "13800138001", "绿茶", "9", "2026-03-01", "已付款"],
        ["C-2", "13800138001", "tea-2 TEA", "9", "2026-03-01", "SENT"],
        ["C-3", "13800138001", "杯子", "9", "2026-03-01", "已付款"],
        ["C-4", "13800138001", "CUP-2", "9", "2026-03-01", "paid"],
    ]
    mapping = guess(RecordKind.ORDERS, header)
    await bring(database, tmp_path, table, kind=RecordKind.ORDERS, mapping=mapping)
    assert (await run_import(database, tmp_path, "i1", region="CN")).counts == ImportCounts(bad=4)
    assert {row[5] for row in bad_rows(tmp_path)[1:]} >= {"缺少币种"}
    mapping = dataclasses.replace(mapping, currency="CNY")
    await bring(database, tmp_path, table, import_id="i2", kind=RecordKind.ORDERS, mapping=mapping)
    assert (await run_import(database, tmp_path, "i2", region="CN")).counts == ImportCounts(made=3, bad=1)
    # Two products are called that.
    assert bad_rows(tmp_path, "i2")[1][5] == "没有在售的这个产品（第 4 行）"
    found = {one.number: one for one in await StoredOrders(database).orders(OrderFilters(), limit=9, before=None)}
    told = {number: (one.state, one.lines[0].product, one.total.currency) for number, one in found.items()}
    assert told == {"C-1": ("paid", "TEA-1", "CNY"), "C-2": ("sent", "TEA-2", "CNY"), "C-4": ("paid", "CUP-2", "CNY")}
    # What is sold no more stays on the order that has it, and is put on no other.
    gone = Product(code="TEA-1", label=Label(zh="绿茶", en=""), unit_price=tea.unit_price, active=False)
    await StoredProducts(database).put_product(gone, at=NOON, by="super")
    again = [row for row in await exported_orders(database) if row[0] in ("order_number", "C-1")]
    assert await orders_of(database, tmp_path, again, "i3") == ImportCounts(same=1)
    again[1][0] = "C-9"
    assert await orders_of(database, tmp_path, again, "i4") == ImportCounts(bad=1)


async def test_postgresql_is_told_of_tables_that_an_import_of_orders_has_filled(
    database: Database, tmp_path: Path
) -> None:
    await make(database, "李娜", phone("+8613800138001"))
    header = ["订单号", "手机", "描述", "金额", "下单日期", "币种"]
    rows = [[f"D-{at}", "13800138001", "绿茶" * 20, "9", "2026-03-01", "CNY"] for at in range(2_000)]
    await bring(database, tmp_path, [header, *rows], kind=RecordKind.ORDERS)
    ended = await run_import(database, tmp_path, "i1", region="CN")
    assert ended.counts == ImportCounts(made=2_000)
    for table in ("orders", "order_lines", "customer_changes"):
        assert await counted(database, table), table


async def counted(database: Database, table: str) -> bool:
    """Whether the planner knows how many rows a table has; SQLite has none that would forget."""
    if database.is_sqlite:
        return True
    async with database.reading() as connection:
        found = await connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE relname = %s", (table,))
        return float(found.scalar_one()) >= 2_000


async def test_an_order_without_end_is_refused(database: Database, tmp_path: Path) -> None:
    (row, *_) = await some_orders(database)
    table = [ORDER_HEADER, *([row] * (MOST_LINES + 20))]
    assert await orders_of(database, tmp_path, table, "i1") == ImportCounts(bad=MOST_LINES + 20)
    assert await exported_orders(database) == [list(ORDER_FIELDS)]


async def test_mappings_are_remembered(database: Database) -> None:
    store = StoredImports(database)
    assert await store.remembered("s") is None
    for columns in (("name", None), ("name", "phone")):
        mapping = ColumnMapping(columns=columns, key="phone", source="crm")
        await store.remember("s", mapping, at=NOON, by="super")
        assert await store.remembered("s") == mapping
