import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm import import_values as values
from callcenter.crm.custom_fields import CustomField, CustomKind
from callcenter.crm.import_columns import (
    ColumnMapping,
    InvalidMapping,
    check_mapping,
    fields_of,
    guess,
    signature,
)
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_reasons import RowFault
from callcenter.crm.import_rows import CustomerRow, OrderRow, RowReader, cells_of, changed_customer, new_customer
from callcenter.crm.import_values import BadCell, PointReader, quick_numbers
from callcenter.crm.numbers import to_e164
from callcenter.domain.customers import (
    Channel,
    Consent,
    ConsentState,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerKind,
)
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.domain.labels import Label
from callcenter.sheets.writing import plain, quoted

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIZE = CustomField(field_id="size", label=Label(zh="规模", en="Size"), kind=CustomKind.NUMBER)
VIP = CustomField(field_id="vip", label=Label(zh="贵宾", en="VIP"), kind=CustomKind.YES_NO)
HEADER = ("客户号", "姓名", "手机号", "邮箱", "标签", "电话同意", "规模")


def reader_of(header: tuple[str, ...], key: str | None = None) -> RowReader:
    mapping = guess(RecordKind.CUSTOMERS, header, (SIZE, VIP))
    if key is not None:
        mapping = dataclasses.replace(mapping, key=key)
    check_mapping(RecordKind.CUSTOMERS, header, mapping, (SIZE, VIP))
    return RowReader(header, mapping, region="CN", plain=plain, custom=(SIZE, VIP))


def test_headers_in_chinese_and_english_are_understood() -> None:
    assert guess(RecordKind.CUSTOMERS, HEADER, (SIZE,)).columns == (
        "customer_number",
        "name",
        "phone",
        "email",
        "tags",
        "consent.phone",
        "custom.size",
    )
    english = guess(RecordKind.CUSTOMERS, ("ID", "Full Name", "Phone 1", "Phone 2", "E-Mail", "Shoe"))
    assert english.columns == ("external_id", "name", "phone", "phone", "email", None)
    assert english.key == "external_id"
    orders = guess(RecordKind.ORDERS, ("订单号", "手机", "产品编码", "下单日期", "金额", "币种", "状态"))
    assert orders.columns == ("order_number", "phone", "product", "placed_on", "amount", "currency", "state")


@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_a_guess_is_a_mapping_that_lacks_nothing_but_a_key(header: list[str]) -> None:
    mapping = guess(RecordKind.CUSTOMERS, header, (SIZE, VIP))
    if mapping.key is None:
        mapping = ColumnMapping(columns=("email", *mapping.columns[1:]), key="email")
        if mapping.columns.count("email") > 1:
            return
    check_mapping(RecordKind.CUSTOMERS, header, mapping, (SIZE, VIP))


@pytest.mark.parametrize(
    ("columns", "key", "said"),
    [
        (("name", "name"), "phone", "cannot both be name"),
        (("name", "shoe"), "phone", "no field 'shoe'"),
        (("name", "phone"), None, "by what a customer is recognised"),
        (("name", "phone"), "email", "no column is e-mail"),
        (("name",), "phone", "2 columns, the mapping 1"),
    ],
)
def test_a_mapping_that_cannot_be_worked_with_says_why(columns: tuple[str, ...], key: str | None, said: str) -> None:
    with pytest.raises(InvalidMapping, match=said):
        check_mapping(RecordKind.CUSTOMERS, ("A", "B"), ColumnMapping(columns=columns, key=key))


def test_files_with_the_same_columns_have_the_same_signature() -> None:
    assert signature(RecordKind.CUSTOMERS, ("姓名", "Phone ")) == signature(RecordKind.CUSTOMERS, ("姓名 ", "phone"))
    assert signature(RecordKind.CUSTOMERS, ("姓名",)) != signature(RecordKind.ORDERS, ("姓名",))


def test_a_good_row_says_what_it_says() -> None:
    cells = ["10023", "李娜", "138 0013 8000; 010-65551234 [办公]", "Li@Example.ORG", "老客户；批发", "勿扰", "12.5"]
    row = reader_of(HEADER).customer(2, cells)
    assert isinstance(row, CustomerRow)
    assert row.key == "10023"
    assert [(point.value, point.label) for point in row.points] == [
        ("+8613800138000", ""),
        ("+861065551234", "办公"),
        ("li@example.org", ""),
    ]
    assert row.tags == ("老客户", "批发")
    assert row.consents == {Channel.PHONE: ConsentState.DO_NOT_CONTACT}
    assert row.custom == {"size": 12.5}


def test_everything_that_is_wrong_with_a_row_is_told() -> None:
    faults = reader_of(HEADER).customer(7, ["1", "x" * 10_000, "hello", "nobody", "", "maybe", "many"])
    assert isinstance(faults, list)
    assert [(one.row, one.column, one.code) for one in faults] == [
        (7, "客户号", "invalid_customer_number"),
        (7, "姓名", "too_long"),
        (7, "手机号", "invalid_phone"),
        (7, "邮箱", "invalid_email"),
        (7, "电话同意", "unknown_consent"),
        (7, "规模", "invalid_number"),
    ]
    assert faults[1].wrong().en == "has 10,000 characters"
    assert faults[1].wanted().en == "at most 200 characters"
    assert len(faults[1].value) <= 81


def test_a_row_without_its_key_is_refused() -> None:
    faults = reader_of(HEADER).customer(3, ["", "李娜"])
    assert isinstance(faults, list)
    assert [(one.column, one.code) for one in faults] == [("客户号", "key_empty")]


def test_a_cell_that_looks_like_a_formula_stays_text() -> None:
    row = reader_of(HEADER).customer(2, ["10023", '=HYPERLINK("http://x")'])
    assert isinstance(row, CustomerRow)
    assert row.name == '=HYPERLINK("http://x")'
    assert quoted(row.name).startswith("'=")


def test_an_order_needs_its_number_day_and_amount() -> None:
    header = ("订单号", "手机", "下单日期", "金额", "币种")
    mapping = guess(RecordKind.ORDERS, header)
    reader = RowReader(header, mapping, region="CN", plain=plain, orders=True)
    row = reader.order(2, ["70012", "13800138000", "2026年3月31日", "￥1,234.50", "人民币"])
    assert isinstance(row, OrderRow)
    assert (row.key, row.amount, row.placed_on.isoformat(), row.currency) == (
        "+8613800138000",
        Decimal("1234.50"),
        "2026-03-31",
        "CNY",
    )
    faults = reader.order(3, ["70013", "13800138000", "31.3.2026", ""])
    assert isinstance(faults, list)
    assert [one.code for one in faults] == ["invalid_date", "empty"]


@given(st.text(max_size=60))
def test_a_reader_returns_or_says_what_is_wrong(cell: str) -> None:
    everything: tuple[Callable[[str], object], ...] = (
        values.name,
        values.notes,
        values.kind,
        values.language,
        values.segment,
        values.customer_number,
        values.agent_id,
        values.day,
        values.amount,
        values.currency,
        values.consent,
        values.tags,
        values.code,
        *(PointReader(kind, "CN") for kind in ContactPointKind),
        *(values.custom_reader(one) for one in (SIZE, VIP)),
    )
    said: list[RowFault] = []
    for read in everything:
        try:
            read(cell)
        except BadCell as bad:
            said.append(RowFault(row=2, column="x", value="", code=bad.code, about=bad.about))
    # A place for which no value was given would be a question mark.
    told = [text for one in said for label in (one.wrong(), one.wanted()) for text in (label.zh, label.en)]
    assert not [text for text in told if not text or "?" in text]


def spaced(digits: str) -> st.SearchStrategy[str]:
    """As it is, or with signs that people put between digits."""
    signs = st.lists(st.sampled_from(("", "", "", " ", "-", ".", "(", ")", " - ")), min_size=len(digits))
    with_signs = signs.map(lambda some: "".join(map("".join, zip(digits, some, strict=False))))
    return st.one_of(st.just(digits), with_signs)


@given(
    st.one_of(
        st.from_regex(r"(\+86)?1[0-9]{9,11}", fullmatch=True),
        st.from_regex(r"\+1[0-9]{9,11}", fullmatch=True),
        st.from_regex(r"0[0-9]{8,12}", fullmatch=True),
        st.from_regex(r"(0|\+86)?(10|2[0-9]|[3-9][0-9]{2})[0-9]{7,8}", fullmatch=True),
        st.from_regex(r"[+(]?[0-9 ().-]{7,16}", fullmatch=True),
    ).flatmap(spaced),
    st.sampled_from(("CN", "US", "DE")),
)
def test_the_quick_way_to_a_number_is_the_long_way(text: str, region: str) -> None:
    found = quick_numbers(region)(text)
    assert found is None or found == to_e164(text, region)


def test_the_quick_way_knows_plain_numbers() -> None:
    assert quick_numbers("CN")("13800138000") == "+8613800138000"
    assert quick_numbers("US")("+12015550123") == "+12015550123"
    assert quick_numbers("CN")("+86 138-0013-8000") == "+8613800138000"
    assert quick_numbers("CN")("(010) 6555 1234") == "+861065551234"
    assert quick_numbers("CN")("0571-87654321") == "+8657187654321"
    assert quick_numbers("US")("13800138000") is None


LINE = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="[]"), min_size=1, max_size=30)
POINTS = st.one_of(
    st.builds(
        lambda digits, label: ContactPoint(kind=ContactPointKind.PHONE, value=f"+86138{digits:08}", label=label),
        st.integers(0, 10**8 - 1),
        st.one_of(st.just(""), LINE),
    ),
    st.builds(
        lambda name: ContactPoint(kind=ContactPointKind.EMAIL, value=f"{name}@example.org"),
        st.from_regex(r"[a-z0-9=+-]{1,20}", fullmatch=True),
    ),
)
CUSTOMERS = st.builds(
    Customer,
    customer_id=st.just(CustomerId("c")),
    name=LINE,
    kind=st.sampled_from(CustomerKind),
    language=st.sampled_from([None, "zh", "en", "zh-Hant-TW"]),
    segment=st.sampled_from([None, "A", "B", "C"]),
    account_manager_id=st.sampled_from([None, AgentId("1001")]),
    tags=st.lists(LINE, max_size=4, unique=True).map(tuple),
    contact_points=st.lists(POINTS, max_size=4, unique_by=lambda point: point.value).map(tuple),
    notes=st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), max_size=60),
    created_at=st.just(NOON),
    consents=st.lists(
        st.builds(
            Consent,
            channel=st.sampled_from(Channel),
            state=st.sampled_from(ConsentState),
            at=st.just(NOON),
            by=st.just("super"),
            source=st.just("import"),
        ),
        max_size=3,
        unique_by=lambda one: one.channel,
    ).map(tuple),
    custom=st.fixed_dictionaries(
        {}, optional={"size": st.floats(allow_nan=False, allow_infinity=False), "vip": st.booleans()}
    ),
)


@given(CUSTOMERS)
def test_what_is_exported_is_imported_to_the_same(customer: Customer) -> None:
    fields = fields_of(RecordKind.CUSTOMERS, (SIZE, VIP))
    cells = [quoted(cell) for cell in cells_of(customer, fields, external_id="crm-1")]
    reader = reader_of(fields, key="external_id")
    row = reader.customer(2, cells)
    assert isinstance(row, CustomerRow), row
    assert changed_customer(customer, row, at=NOON, by="x") is customer
    again = new_customer(row, customer.customer_id, at=NOON, by="super")
    assert set(again.contact_points) == set(customer.contact_points)
    assert {one.channel: one.state for one in again.consents} == {one.channel: one.state for one in customer.consents}
    for name in ("name", "kind", "language", "segment", "account_manager_id", "tags", "notes", "custom"):
        assert getattr(again, name) == getattr(customer, name), name


def test_an_empty_cell_changes_nothing_and_lists_only_grow() -> None:
    known = Customer(
        customer_id=CustomerId("c"), name="李娜", tags=("老客户",), notes="kept", created_at=NOON, language="zh"
    )
    row = CustomerRow(row=2, key="k", tags=("老客户", "批发"))
    after = changed_customer(known, row, at=NOON, by="super")
    assert (after.tags, after.notes, after.language, after.version) == (("老客户", "批发"), "kept", "zh", 2)
