import csv
import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.crm.import_columns import FAULT_COLUMNS
from tests.adapters.web_house import PASSWORD, WebHouse, furnish

FILE = "姓名,手机号,标签,鞋码\n李娜,13800138001,老客户,37\n王芳,hello,,\nAnna,+49 30 123456,,\n"
MAPPING = {"columns": ["name", "phone", None, None], "key": "phone"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        token = made.post("/api/v1/session", json={"name": "super", "password": PASSWORD}).json()["token"]
        made.cookies.clear()
        made.headers["Authorization"] = f"Bearer {token}"
        yield made


def bring(client: TestClient, data: bytes, query: str = "file_name=kunden.csv") -> Response:
    return client.post(f"/api/v1/imports?{query}", content=data, headers=CSV)


def work(house: WebHouse, client: TestClient) -> None:
    """What the server's task does by itself."""
    assert client.portal is not None
    client.portal.call(house.deps.imports.turn)


def test_a_file_is_brought_looked_at_tried_and_taken_in(house: WebHouse, client: TestClient) -> None:
    brought = bring(client, FILE.encode("gb18030"))
    assert brought.status_code == 201
    record = brought.json()
    assert (record["state"], record["encoding"], record["delimiter"]) == ("uploaded", "gb18030", ",")
    at = f"/api/v1/imports/{record['import_id']}"
    preview = client.post(f"{at}/preview", json={}).json()
    wanted = {"columns": ["name", "phone", "tags", None], "key": "phone", "source": "import", "currency": None}
    assert preview["mapping"] == wanted
    assert preview["rows"][0] == ["李娜", "13800138001", "老客户", "37"]
    assert not preview["remembered"]
    (fault,) = preview["faults"]
    assert (fault["row"], fault["column"], fault["code"]) == (3, "手机号", "invalid_phone")
    assert fault["wrong"] == {"zh": "不是电话号码", "en": "is no telephone number"}
    assert fault["wanted"]["zh"] == "电话号码，最好带国家代码（+86 138 0013 8000）"
    assert fault["wanted"]["en"].startswith("a telephone number")
    start = {"mapping": preview["mapping"], "dry_run": True}
    assert client.post(f"{at}/start", json=start).json()["state"] == "waiting"
    work(house, client)
    tried = client.get(at).json()
    assert (tried["state"], tried["checked"]) == ("uploaded", {"made": 2, "changed": 0, "same": 0, "bad": 1})
    assert client.get("/api/v1/customers?search=lina").json()["items"] == []
    client.post(f"{at}/start", json={**start, "dry_run": False})
    assert client.post(f"{at}/start", json=start).json()["code"] == "import_begun"
    work(house, client)
    done = client.get(at).json()
    assert (done["state"], done["made"], done["bad"], done["part"]) == ("done", 2, 1, 1.0)
    assert [one["name"] for one in client.get("/api/v1/customers?search=lina").json()["items"]] == ["李娜"]
    bad = client.get(f"{at}/bad-rows")
    assert bad.headers["content-disposition"] == 'attachment; filename="bad-rows-1.csv"'
    rows = list(csv.reader(io.StringIO(bad.content.decode("utf-8-sig"))))
    assert rows[0] == [
        "row",
        "column",
        "value",
        "what is wrong",
        "what would be right",
        "姓名",
        "手机号",
        "标签",
        "鞋码",
    ]
    assert rows[1][:4] == ["3", "手机号", "hello", "is no telephone number"]
    assert rows[1][5:] == ["王芳", "hello", "", ""]
    again = bring(client, FILE.encode()).json()
    assert client.post(f"/api/v1/imports/{again['import_id']}/preview", json={}).json()["remembered"]
    listed = client.get("/api/v1/imports?limit=1").json()
    assert [one["number"] for one in listed["items"]] == [2]
    older = client.get(f"/api/v1/imports?limit=1&before={listed['next_before']}").json()
    assert ([one["number"] for one in older["items"]], older["next_before"]) == ([1], None)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "sheet_empty"),
        (b"name,phone\n", "sheet_only_header"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "sheet_no_table"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50, "sheet_no_table"),
        (b"PK\x03\x04 cut off", "sheet_broken"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "sheet_old_format"),
        (b"name\n\xff\xff\xff\n\x81", "sheet_encoding"),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_not_kept(
    house: WebHouse, client: TestClient, data: bytes, code: str
) -> None:
    answer = bring(client, data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert list((house.directory / "imports").glob("*.data")) == []
    assert client.get("/api/v1/imports").json()["items"] == []


def test_a_body_that_is_no_table_is_refused(client: TestClient) -> None:
    answer = client.post("/api/v1/imports?file_name=x", content=b"<x/>", headers={"Content-Type": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_a_table")


def test_a_mapping_that_lacks_something_is_told(client: TestClient) -> None:
    at = f"/api/v1/imports/{bring(client, FILE.encode()).json()['import_id']}"
    mapping = {"columns": ["name", None, None, None], "key": "phone"}
    preview = client.post(f"{at}/preview", json={"mapping": mapping}).json()
    assert "No column is telephone" in preview["mapping_fault"]["en"]
    assert "没有一列是“电话”" in preview["mapping_fault"]["zh"]
    answer = client.post(f"{at}/start", json={"mapping": mapping})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_missing")


def test_another_encoding_may_be_chosen(client: TestClient) -> None:
    at = f"/api/v1/imports/{bring(client, FILE.encode('gb18030')).json()['import_id']}"
    wrong = client.post(f"{at}/preview", json={"encoding": "utf-8"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "sheet_encoding")
    other = client.post(f"{at}/preview", json={"encoding": "windows-1252", "delimiter": ";"})
    assert other.status_code in (200, 422)
    right = client.post(f"{at}/preview", json={"encoding": "gb18030", "delimiter": ","}).json()
    assert right["record"]["header"][0] == "姓名"


def test_bad_rows_are_given_out_in_the_language_of_who_asks_and_brought_again_when_mended(
    house: WebHouse, client: TestClient
) -> None:
    file = FILE.replace("王芳,hello", "=王芳,hello").encode()
    at = f"/api/v1/imports/{bring(client, file).json()['import_id']}"
    mapping = {**client.post(f"{at}/preview", json={}).json()["mapping"], "source": "shop"}
    client.post(f"{at}/start", json={"mapping": mapping})
    work(house, client)
    bad = client.get(f"{at}/bad-rows?language=zh").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(bad)))
    assert rows[0] == [*FAULT_COLUMNS["zh"], "姓名", "手机号", "标签", "鞋码"]
    assert rows[1] == [
        *("3", "手机号", "hello", "不是电话号码", "电话号码，最好带国家代码（+86 138 0013 8000）"),
        *("'=王芳", "hello", "", ""),
    ]
    mended = bad.replace("=王芳,hello", "=王芳,13800138077").encode("gb18030")
    again = f"/api/v1/imports/{bring(client, mended).json()['import_id']}"
    preview = client.post(f"{again}/preview", json={}).json()
    assert preview["remembered"]
    assert preview["mapping"] == {**mapping, "columns": [*[None] * 5, *mapping["columns"]]}
    assert preview["faults"] == []
    client.post(f"{again}/start", json={"mapping": preview["mapping"]})
    work(house, client)
    done = client.get(again).json()
    assert (done["state"], done["made"], done["bad"]) == ("done", 1, 0)
    assert [one["name"] for one in client.get("/api/v1/customers?search=13800138077").json()["items"]] == ["=王芳"]
    # What is wrong still is told once.
    twice = bring(client, bad.replace("hello", "nonsense").encode()).json()["import_id"]
    client.post(f"/api/v1/imports/{twice}/start", json={"mapping": preview["mapping"]})
    work(house, client)
    told = client.get(f"/api/v1/imports/{twice}/bad-rows?language=zh").content.decode("utf-8-sig")
    assert told == bad.replace("hello", "nonsense").replace("3,手机号", "2,手机号")
    # The file it came of is remembered as before.
    first = f"/api/v1/imports/{bring(client, file).json()['import_id']}"
    assert client.post(f"{first}/preview", json={}).json()["mapping"] == mapping


def test_a_file_without_a_header_is_taken_from_its_first_row(house: WebHouse, client: TestClient) -> None:
    headless = "\n".join(FILE.splitlines()[1:]) + "\n"
    brought = bring(client, headless.encode()).json()
    assert (brought["has_header"], brought["header"]) == (False, ["A", "B", "C", "D"])
    at = f"/api/v1/imports/{brought['import_id']}"
    preview = client.post(f"{at}/preview", json={}).json()
    assert (preview["mapping"]["columns"], preview["mapping"]["key"]) == ([None, None, None, None], None)
    assert preview["mapping_fault"]["zh"].startswith("请选择识别客户的依据")
    assert preview["rows"][0][0] == "李娜"
    mapping = {"columns": ["name", "phone", None, None], "key": "phone"}
    assert client.post(f"{at}/preview", json={"mapping": mapping}).json()["faults"][0]["row"] == 2
    client.post(f"{at}/start", json={"mapping": mapping})
    work(house, client)
    done = client.get(at).json()
    assert (done["made"], done["bad"]) == (2, 1)
    other = f"/api/v1/imports/{bring(client, headless.encode()).json()['import_id']}"
    # Another file without a header may have anything in its columns.
    assert not client.post(f"{other}/preview", json={}).json()["remembered"]
    named = client.post(f"{other}/preview", json={"has_header": True}).json()
    assert (named["record"]["header"][0], named["rows"][0][0]) == ("李娜", "王芳")
    back = client.post(f"{other}/preview", json={"encoding": "utf-8"}).json()
    assert back["record"]["has_header"] is True


def test_what_waits_is_cancelled_and_may_be_started_again(house: WebHouse, client: TestClient) -> None:
    at = f"/api/v1/imports/{bring(client, FILE.encode()).json()['import_id']}"
    mapping = client.post(f"{at}/preview", json={}).json()["mapping"]
    client.post(f"{at}/start", json={"mapping": mapping})
    ended = client.post(f"{at}/cancel").json()
    assert (ended["state"], ended["cancelled_by"]) == ("cancelled", "super")
    assert client.post(f"{at}/cancel").json()["code"] == "import_ended"
    work(house, client)
    assert client.get("/api/v1/customers?search=lina").json()["items"] == []
    assert client.post(f"{at}/start", json={"mapping": mapping}).json()["state"] == "waiting"


def test_only_some_imports_wait(client: TestClient) -> None:
    for number in range(6):
        at = f"/api/v1/imports/{bring(client, FILE.encode()).json()['import_id']}"
        answer = client.post(
            f"{at}/start", json={"mapping": {"columns": ["name", "phone", None, None], "key": "phone"}}
        )
        assert answer.status_code == (200 if number < 5 else 503)
    assert answer.json()["code"] == "too_many_imports"


def test_customers_are_exported_for_excel_and_as_a_workbook(house: WebHouse, client: TestClient) -> None:
    file = FILE.replace("李娜", "=cmd()").encode()
    at = f"/api/v1/imports/{bring(client, file).json()['import_id']}"
    client.post(f"{at}/start", json={"mapping": MAPPING})
    work(house, client)
    plain = client.get("/api/v1/exports/customers?format=csv")
    assert plain.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(plain.content.decode("utf-8-sig"))))
    assert sorted(row[2] for row in rows[1:]) == ["'=cmd()", "Anna"]
    assert "attachment" in plain.headers["content-disposition"]
    chinese = client.get("/api/v1/exports/customers?encoding=gb18030")
    assert chinese.content.decode("gb18030").startswith("customer_number,")
    book = client.get("/api/v1/exports/customers?format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).active
    assert sheet is not None
    assert sorted(str(row[2].value) for row in sheet.iter_rows()) == ["'=cmd()", "Anna", "name"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}
    assert [line[2] for line in house.users.audit_log].count("customers_exported") == 3
    some = client.get("/api/v1/exports/customers?search=anna&kind=person")
    assert len(some.content.splitlines()) == 2
    assert client.portal is not None
    client.portal.call(house.deps.privacy.log.write)
    token = client.post("/api/v1/session", json={"name": "admin", "password": PASSWORD}).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    noted = client.get("/api/v1/accesses?kind=list_exported").json()["items"]
    assert [line["detail"] for line in noted] == [
        "customers.csv rows=1 search=anna kind=person",
        "customers.xlsx rows=2",
        "customers.csv rows=2",
        "customers.csv rows=2",
    ]
    assert {line["by"] for line in noted} == {"super"}
    assert client.get("/api/v1/exports/orders").content.decode("utf-8-sig").startswith("order_number,")
    assert client.get("/api/v1/exports/customers?search=%21").json()["code"] == "empty_search"


def test_a_workbook_of_orders_that_comes_back_changes_nothing(house: WebHouse, client: TestClient) -> None:
    """Formula-like texts, fractions, several lines and none: all is said in the workbook and read from it."""
    file = "客户号,姓名\n10023,Anna\n".encode()
    customers = f"/api/v1/imports/{bring(client, file).json()['import_id']}"
    mapping = {"columns": ["customer_number", "name"], "key": "customer_number"}
    client.post(f"{customers}/start", json={"mapping": mapping})
    work(house, client)
    (anna,) = client.get("/api/v1/customers?search=anna").json()["items"]
    at = f"/api/v1/customers/{anna['customer_id']}"
    tea = {"text": "=绿茶", "quantity": "2", "amount": "50.1"}
    lines = [tea, {"text": "", "quantity": "1.5", "amount": "20"}, {"text": "+运费", "amount": "-5.1234"}]
    for order in (
        {"number": "00070012", "placed_on": "2026-11-01", "due_on": "2026-11-09", "currency": "CNY", "lines": lines},
        {
            "number": "70013",
            "placed_on": "2026-11-02",
            "due_on": "2026-11-02",
            "currency": "EUR",
            "total": "12345678.9",
            "note": "a\nb",
        },
    ):
        answer = client.post(f"{at}/orders", json=order)
        assert answer.status_code == 201, answer.text
    before = client.get("/api/v1/orders").json()
    book = client.get("/api/v1/exports/orders?format=xlsx")
    assert book.headers["content-type"].endswith("spreadsheetml.sheet")
    workbook = {"Content-Type": book.headers["content-type"]}
    answer = client.post("/api/v1/imports?file_name=orders.xlsx&kind=orders", content=book.content, headers=workbook)
    assert answer.status_code == 201, answer.text
    importing = f"/api/v1/imports/{answer.json()['import_id']}"
    preview = client.post(f"{importing}/preview", json={}).json()
    assert (preview["faults"], preview["mapping"]["currency"]) == ([], "CNY")
    client.post(f"{importing}/start", json={"mapping": preview["mapping"]})
    work(house, client)
    done = client.get(importing).json()
    counts = {name: done[name] for name in ("state", "made", "changed", "same", "bad")}
    assert counts == {"state": "done", "made": 0, "changed": 0, "same": 2, "bad": 0}
    assert client.get("/api/v1/orders").json() == before
