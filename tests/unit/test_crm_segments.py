"""Segments: read, answered for a record, written again, translated; and what is said about faults."""

import re
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.errors import CrmError, SegmentError
from callcenter.crm.segment_text import DEEPEST, LONGEST_TEXT, MOST_VALUES, parse_segment
from callcenter.crm.segments import (
    AllOf,
    AnyOf,
    Between,
    Comparator,
    Compare,
    Condition,
    Contains,
    FieldKind,
    FieldValue,
    IsMissing,
    Not,
    OneOf,
    Operand,
    Value,
    fields_of,
    holds,
    text_of,
    translate,
)

TODAY = date(2026, 6, 30)
FIELDS = {
    "name": FieldKind.TEXT,
    "class": FieldKind.TEXT,
    "stage": FieldKind.TEXT,
    "value": FieldKind.NUMBER,
    "p_alive": FieldKind.NUMBER,
    "do_not_call": FieldKind.BOOLEAN,
    "last_purchase": FieldKind.DATE,
    "tags": FieldKind.WORDS,
    "custom.branch": FieldKind.TEXT,
    "地区": FieldKind.TEXT,
}
WANG: dict[str, FieldValue] = {
    "name": "王小明 Wang",
    "class": "A",
    "value": 1200.5,
    "p_alive": 0.4,
    "do_not_call": False,
    "last_purchase": date(2026, 3, 31),
    "tags": frozenset({"vip", "old friend"}),
    "地区": "北京",
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('class = "A"', True),
        ("class == 'a'", False),
        ('class != "A"', False),
        ('class in ("B", "A")', True),
        ('class not in ("B", "A")', False),
        ("value > 1200.5", False),
        ("value >= 1200.5 and p_alive < .5", True),
        ("value between 1000 and 1200.5", True),
        ("value between -1e3 and 1000", False),
        ("do_not_call = false", True),
        ("last_purchase < 2026-04-01", True),
        ("last_purchase between 2026-04-01 and 2026-06-30", False),
        # 2026-03-31 to 2026-06-30 are 91 days.
        ("days since last_purchase > 90", True),
        ("days since last_purchase in (90, 91)", True),
        ("DAYS SINCE last_purchase <= 90", False),
        ('name contains "小明"', True),
        ('name contains "wANG"', True),
        ('tags contains "vip"', True),
        ('tags contains "VIP"', False),
        ('tags contains "friend"', False),
        ("tags is missing", False),
        ("custom.branch is missing", True),
        ("custom.branch is not missing", False),
        ('地区 = "北京"', True),
        ('not class = "A"', False),
        # A missing value is in no comparison, so it is in every opposite.
        ('stage = "lost"', False),
        ('stage != "lost"', True),
        ('stage not in ("lost")', True),
        ('not stage > "a"', True),
        ('stage contains ""', False),
        # and binds more strongly than or, not more strongly than and.
        ('class = "A" or class = "B" and value < 0', True),
        ('(class = "A" or class = "B") and value < 0', False),
        ("not value < 0 and value < 0", False),
        ("not (value < 0 and value < 0)", True),
    ],
)
def test_a_segment_answers_for_a_record(text: str, answer: bool) -> None:
    condition = parse_segment(text, FIELDS)
    assert holds(condition, WANG, today=TODAY) is answer
    assert parse_segment(text_of(condition), FIELDS) == condition


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("", 1, "the segment is empty"),
        ("   ", 1, "the segment is empty"),
        ('clas = "A"', 1, "there is no field clas; did you mean class?"),
        ('value > 5 and xyz = "A"', 15, "there is no field xyz; known are class, custom.branch"),
        ("value", 6, "found the end, expected a comparison"),
        ('value > "5"', 9, "found '\"5\"', expected a number, say 90, since value is a number"),
        ("value > ", 9, "found the end, expected a number"),
        ("value > true", 9, "expected a number"),
        ("class = A", 9, "found 'A', expected a text in quotes"),
        ('class = "A', 9, 'this text has no closing "'),
        ("class = “A”", 9, "'“' is no quote here"),
        ("class in （'A')", 10, "full-width"),
        ("class in ()", 11, "found ')', expected a text"),
        ('class in ("A" "B")', 15, "expected , or )"),
        ("last_purchase > 2026-02-30", 17, "there is no day 2026-02-30"),
        ("last_purchase > 2026-2-3", 17, "'2026-2-3' is no number and no date"),
        ("days since value > 3", 12, "days since needs a date, and value is a number"),
        ("days since last_purchase > 2026-01-01", 28, "since days since last_purchase is a number"),
        ('tags = "vip"', 6, "'=' does not fit tags, a words field; use contains"),
        ("do_not_call < true", 13, "use =, !=, in"),
        ("value contains 5", 7, "'contains' does not fit value, a number field"),
        ("do_not_call between false and true", 13, "does not fit"),
        ("value between 1 or 2", 17, "expected and with the higher value"),
        ("(value > 1", 11, "the ) of the bracket at character 1"),
        ("value > 1)", 10, "found ')', expected and, or, or the end"),
        ("value > 1 value < 3", 11, "found 'value', expected and, or"),
        ("value is 5", 10, "expected missing or not missing"),
        ("value not 5", 11, "expected in"),
        ("and value > 1", 1, "there is no field and"),
        ("value > 1e999", 9, "too large"),
        ("value > 12abc", 9, "'12abc' is no number"),
        ("value ! 5", 7, "'!' has no meaning here"),
        ("value > 1; drop", 10, "';' has no meaning here"),
    ],
)
def test_a_fault_is_told_with_its_position_and_what_would_be_right(text: str, position: int, said: str) -> None:
    with pytest.raises(SegmentError) as caught:
        parse_segment(text, FIELDS)
    assert said in str(caught.value)
    assert caught.value.position == position
    assert str(caught.value).startswith(f"at character {position}: ")
    assert caught.value.code == "segment_invalid"
    # The same in Chinese, where only what was typed, keywords and names of fields stay Latin.
    assert caught.value.said is not None
    chinese = caught.value.said.zh
    assert chinese.startswith(f"第 {position} 个字符：")
    assert re.search("[\u4e00-\u9fff]", chinese.split("：", 1)[1])
    assert not re.search(r"\b(found|expected|here|write|there|known|field|text|number|date|boolean|words)\b", chinese)


def test_a_segment_has_limits() -> None:
    with pytest.raises(SegmentError, match=f"{LONGEST_TEXT} are the most"):
        parse_segment("value > 1" + " " * LONGEST_TEXT, FIELDS)
    deepest = "(" * (DEEPEST - 1) + "value > 1" + ")" * (DEEPEST - 1)
    assert holds(parse_segment(deepest, FIELDS), WANG, today=TODAY)
    with pytest.raises(SegmentError, match="deeper than"):
        parse_segment(f"not {deepest}", FIELDS)
    with pytest.raises(SegmentError, match="more than 500 values"):
        parse_segment(f"value in ({', '.join(['1'] * (MOST_VALUES + 1))})", FIELDS)


def test_a_record_of_another_kind_is_told_not_guessed() -> None:
    with pytest.raises(CrmError, match="the field value holds 'much', which cannot be compared with 5"):
        holds(parse_segment("value > 5", FIELDS), {"value": "much"}, today=TODAY)
    for wrong in ("yesterday", datetime(2026, 1, 1)):  # noqa: DTZ001
        with pytest.raises(CrmError, match="which is no date"):
            holds(parse_segment("days since last_purchase > 5", FIELDS), {"last_purchase": wrong}, today=TODAY)


numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3) + 0.0)
texts = st.text(max_size=8)
dates = st.dates(date(2000, 1, 1), date(2030, 12, 31))


def _conditions_on(operand: Operand, values: st.SearchStrategy[Value]) -> st.SearchStrategy[Condition]:
    several = st.lists(values, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Compare, operand=st.just(operand), comparator=st.sampled_from(Comparator), value=values),
        st.builds(OneOf, operand=st.just(operand), values=several, negated=st.booleans()),
        st.builds(Between, operand=st.just(operand), low=values, high=values),
        st.builds(IsMissing, operand=st.just(operand), negated=st.booleans()),
    )


leaves = st.one_of(
    _conditions_on(Operand(field="value"), numbers),
    _conditions_on(Operand(field="name"), texts),
    _conditions_on(Operand(field="last_purchase"), dates),
    _conditions_on(Operand(field="last_purchase", days_since=True), numbers),
    st.builds(Contains, operand=st.just(Operand(field="tags")), part=texts),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, parts=st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, parts=st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, part=inner),
    ),
    max_leaves=8,
)
records: st.SearchStrategy[dict[str, FieldValue]] = st.fixed_dictionaries(
    {},
    optional={
        "value": numbers,
        "name": texts,
        "last_purchase": dates,
        "tags": st.frozensets(texts, max_size=3),
    },
)


@given(condition=conditions)
def test_reading_what_was_written_gives_the_same_condition(condition: Condition) -> None:
    assert parse_segment(text_of(condition), FIELDS) == condition
    assert fields_of(condition) <= set(FIELDS)


@given(condition=conditions, record=records)
def test_every_condition_or_its_opposite_holds(condition: Condition, record: dict[str, FieldValue]) -> None:
    assert holds(condition, record, today=TODAY) is not holds(Not(part=condition), record, today=TODAY)


@given(text=st.text(alphabet="value>5(),.\"'= andortis123-", max_size=40))
def test_whatever_is_written_is_read_or_refused_with_a_position(text: str) -> None:
    try:
        condition = parse_segment(text, FIELDS)
    except SegmentError as error:
        position = error.position
    else:
        position = 1
        assert parse_segment(text_of(condition), FIELDS) == condition
    assert 1 <= position <= len(text) + 1


class _Sql:
    """A store's translator in small: SQL with the values apart, so that no value is ever part of the statement."""

    def __init__(self) -> None:
        self.values: list[Value] = []

    def compare(self, condition: Compare) -> str:
        self.values.append(condition.value)
        if condition.comparator is Comparator.NOT_EQUAL:
            return f"NOT COALESCE({condition.operand.field} = ?, FALSE)"
        return f"COALESCE({condition.operand.field} {condition.comparator} ?, FALSE)"

    def one_of(self, condition: OneOf) -> str:
        self.values.extend(condition.values)
        return f"COALESCE({condition.operand.field} IN ({', '.join('?' * len(condition.values))}), FALSE)"

    def between(self, condition: Between) -> str:
        self.values.extend((condition.low, condition.high))
        return f"COALESCE({condition.operand.field} BETWEEN ? AND ?, FALSE)"

    def contains(self, condition: Contains) -> str:
        self.values.append(condition.part)
        return f"COALESCE(instr(lower({condition.operand.field}), lower(?)) > 0, FALSE)"

    def is_missing(self, condition: IsMissing) -> str:
        return f"{condition.operand.field} IS NULL"

    def all_of(self, parts: tuple[str, ...]) -> str:
        return f"({' AND '.join(parts)})"

    def any_of(self, parts: tuple[str, ...]) -> str:
        return f"({' OR '.join(parts)})"

    def negate(self, part: str) -> str:
        return f"NOT {part}"


def test_a_store_can_translate_a_segment() -> None:
    condition = parse_segment("""value >= 5 and not (name contains "x';--" or class in ("A", "B"))""", FIELDS)
    sql = _Sql()
    assert translate(condition, sql) == (
        "(COALESCE(value >= ?, FALSE) AND "
        "NOT (COALESCE(instr(lower(name), lower(?)) > 0, FALSE) OR COALESCE(class IN (?, ?), FALSE)))"
    )
    assert sql.values == [5.0, "x';--", "A", "B"]
