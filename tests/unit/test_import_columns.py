"""Which fields the columns of people's files are, and by what their customers are recognised."""

from decimal import Decimal

import pytest

from callcenter.crm.custom_fields import CustomField, CustomKind
from callcenter.crm.import_columns import (
    check_mapping,
    column_names,
    guess,
    has_no_header,
    labels_of,
    signature,
)
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_orders import OrderGroup, order_groups
from callcenter.crm.import_reasons import FaultCode
from callcenter.crm.import_rows import RowReader
from callcenter.domain.labels import Label
from callcenter.sheets.writing import plain

SIZE = CustomField(field_id="size", label=Label(zh="规模", en="Size"), kind=CustomKind.NUMBER)


def test_what_may_be_there_once_is_guessed_once_and_the_surer_word_wins() -> None:
    assert guess(RecordKind.CUSTOMERS, ("姓名", "客户名称")).columns == ("name", None)
    assert guess(RecordKind.ORDERS, ("订单号", "单价", "价格", "金额")).columns == (
        "order_number",
        None,
        None,
        "amount",
    )
    assert guess(RecordKind.ORDERS, ("Order ID", "Price", "Amount")).columns == ("order_number", None, "amount")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("订单编号,客户编号,手机号,金额,下单日期", "order_number,customer_number,phone,amount,placed_on"),
        ("订单号*,客户手机,商品名称,数量,小计,下单时间", "order_number,phone,text,quantity,amount,placed_on"),
        (
            "交易单号,买家手机号,商品编码,实付金额,付款时间,成交时间,订单状态",
            "order_number,phone,product,total,,placed_on,state",
        ),
        ("Order No.,Customer No,Mobile,Amount,Order Date", "order_number,customer_number,phone,amount,placed_on"),
        ("OrderNo,CustID,SKU,Qty,LineTotal,CCY", "order_number,external_id,product,quantity,amount,currency"),
        ("Order #,Customer E-mail,Item,Order Total,Created at", "order_number,email,product,total,placed_on"),
        ("单号,客户ID,联系电话（必填）,合计,日期,币别", "order_number,external_id,phone,total,placed_on,currency"),
    ],
)
def test_orders_as_people_have_them_are_understood(header: str, columns: str) -> None:
    found = guess(RecordKind.ORDERS, header.split(","))
    assert [one or "" for one in found.columns] == columns.split(",")
    if "placed_on" in columns:
        check_mapping(RecordKind.ORDERS, header.split(","), found)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("会员卡号,客户姓名,联系手机,微信,客户备注,城市", "customer_number,name,phone,social,notes,"),
        ("Member No,Customer Name,Contact Number,Mail Address,City", "customer_number,name,phone,email,"),
        ("客户代码,公司名称,联系人,座机,手机（选填）", "external_id,name,,phone,phone"),
    ],
)
def test_customers_as_people_have_them_are_understood(header: str, columns: str) -> None:
    assert [one or "" for one in guess(RecordKind.CUSTOMERS, header.split(",")).columns] == columns.split(",")


def test_each_field_and_what_it_is_called_is_understood_as_itself() -> None:
    for kind in RecordKind:
        for name, label in labels_of(kind, (SIZE,)).items():
            for word in (name, label.zh, label.en):
                assert guess(kind, (word,), (SIZE,)).columns == (name,), word


def test_the_key_is_the_surest_that_stands_in_most_rows() -> None:
    header = ("订单号", "外部编号", "客户编号", "手机", "金额", "下单日期")
    empty = ["A1", "", "10023", "13800138001", "5", "2026-03-01"]
    filled = ["A2", "C9", *empty[2:]]
    assert guess(RecordKind.ORDERS, header, rows=[empty] * 20).key == "customer_number"
    assert guess(RecordKind.ORDERS, header, rows=[filled] * 20).key == "external_id"
    assert guess(RecordKind.ORDERS, header, rows=[filled] * 19 + [empty]).key == "external_id"
    some = [[*empty[:2], "" if at % 2 else "10023", "" if at % 3 else "13800138001"] for at in range(20)]
    assert guess(RecordKind.ORDERS, header, rows=some).key == "customer_number"
    # A row without it, and one that stands twice, are told; they are no reason to take what is less sure.
    people = [["C1", "1"], ["C1", "2"], ["", "3"], *([f"C{at}", f"{at}"] for at in range(4, 9))]
    assert guess(RecordKind.CUSTOMERS, ("编号", "手机"), rows=people).key == "external_id"
    # Of orders one customer may have many; of customers each row is another one.
    family = [[f"{at}", "10023", "13800138001", f"m{at}@example.org"] for at in range(20)]
    columns = ("序号", "客户号", "手机", "邮箱")
    assert guess(RecordKind.CUSTOMERS, columns, rows=family).key == "email"
    assert guess(RecordKind.ORDERS, columns, rows=family).key == "customer_number"


@pytest.mark.parametrize("kind", RecordKind)
def test_a_customers_number_with_letters_is_an_id_of_another_system(kind: RecordKind) -> None:
    rows = [["C0001"], ["C0002"], [""]]
    assert guess(kind, ("客户编号",), rows=rows).columns == ("external_id",)
    assert guess(kind, ("客户编号",), rows=rows).key == "external_id"
    assert guess(kind, ("客户编号",), rows=[["100023"], ["100024"]]).columns == ("customer_number",)
    assert guess(kind, ("客户编号", "外部编号"), rows=rows).columns == ("customer_number", "external_id")


def test_a_file_without_a_header_is_noticed_and_its_numbers_and_addresses_are_understood() -> None:
    assert has_no_header(RecordKind.CUSTOMERS, ["李娜", "13800138001"])
    assert has_no_header(RecordKind.CUSTOMERS, ["Anna", "anna@example.org", "x"])
    assert not has_no_header(RecordKind.CUSTOMERS, ["姓名", "2026"])
    assert not has_no_header(RecordKind.CUSTOMERS, ["甲", "乙"])
    header = column_names(4)
    assert (header, column_names(28)[25:]) == (("A", "B", "C", "D"), ("Z", "AA", "AB"))
    rows = [["李娜", "13800138001", "a@example.org", "3"], ["王芳", "+49 30 123456", "", "4"]]
    found = guess(RecordKind.CUSTOMERS, header, rows=rows)
    assert (found.columns, found.key) == ((None, "phone", "email", None), "phone")


@pytest.mark.parametrize("told", ["行,列,值,错误,正确写法", "row,column,value,what is wrong,what would be right"])
def test_a_file_of_bad_rows_is_the_file_it_came_of(told: str) -> None:
    header = ("订单号", "手机", "金额", "下单日期")
    again = (*told.split(","), *header)
    assert signature(RecordKind.ORDERS, again) == signature(RecordKind.ORDERS, header)
    assert guess(RecordKind.ORDERS, again).columns == (*[None] * 5, *guess(RecordKind.ORDERS, header).columns)


def groups(header: str, *rows: str) -> list[OrderGroup]:
    names = tuple(header.split(","))
    mapping = guess(RecordKind.ORDERS, names)
    reader = RowReader(names, mapping, region="CN", plain=plain, orders=True)
    return list(order_groups(((at, row.split(",")) for at, row in enumerate(rows, start=2)), reader))


def test_a_total_that_stands_in_each_row_is_counted_once() -> None:
    header = "订单号,手机,品名,订单总额,日期"
    (group,) = groups(header, "B-1,13800138001,茶,65,2026-03-01", "B-1,13800138001,杯,65,2026-03-01")
    assert group.order is not None
    assert [one.amount for one in (group.order, *group.order.others)] == [Decimal(65), Decimal(0)]


def test_a_total_beside_amounts_is_their_sum_or_the_order_is_refused() -> None:
    header = "订单号,手机,品名,金额,订单总额,日期"
    rows = ("B-1,13800138001,茶,60,65,2026-03-01", "B-1,13800138001,杯,5,65,2026-03-01")
    (group,) = groups(header, *rows)
    assert group.order is not None
    (group,) = groups(header, rows[0], rows[1].replace(",5,", ",4,"))
    assert group.order is None
    assert [(one.code, one.column, one.value) for one in group.faults[0]] == [
        (FaultCode.TOTAL_DIFFERS, "订单总额", "65")
    ]
    assert "64.00" in group.faults[0][0].wrong().zh
    assert [one.code for one in group.faults[1]] == [FaultCode.ORDER_REFUSED]


def test_what_rows_of_an_order_differ_in_is_told_by_its_column() -> None:
    header = "订单号,手机,金额,日期,备注"
    (group,) = groups(header, "B-1,13800138001,1,2026-03-01,", "B-1,13800138001,2,2026-03-02,急")
    assert [(one.code, one.column, one.value) for one in group.faults[1]] == [
        (FaultCode.ORDER_DIFFERS, "日期", "2026-03-02")
    ]
    (group,) = groups(header, "B-1,13800138001,1,2026-03-01,", "B-1,13800138001,2,2026-03-01,急")
    assert group.order is not None
    assert group.order.note == "急"
