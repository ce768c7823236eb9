"""Custom fields take what fits them and say what would."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.custom_fields import CustomField, CustomKind, InvalidCustomField, apply_custom, check_definition
from callcenter.domain.customers import CustomValue
from callcenter.domain.labels import Label

LABEL = Label(zh="会员", en="Member")
FIELDS = {
    kind.value: CustomField(
        field_id=kind.value, label=LABEL, kind=kind, choices=("gold", "silver") if kind is CustomKind.CHOICE else ()
    )
    for kind in CustomKind
}
GOOD: dict[str, CustomValue] = {
    "text": "会员 12",
    "number": 12.5,
    "date": "2026-02-28",
    "yes_no": False,
    "choice": "gold",
}


def test_what_fits_is_kept_as_it_is() -> None:
    assert apply_custom({}, GOOD, FIELDS) == GOOD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", ""),
        ("text", "x" * 2_001),
        ("text", 1.0),
        ("number", "12"),
        ("number", True),
        ("number", float("inf")),
        ("number", float("nan")),
        ("number", 10**400),
        ("date", "2026-02-30"),
        ("date", "20260228"),
        ("date", 1.0),
        ("yes_no", 1),
        ("yes_no", "true"),
        ("choice", "bronze"),
        ("choice", False),
        ("nothing", "x"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(name: str, value: CustomValue) -> None:
    with pytest.raises(InvalidCustomField, match=name) as caught:
        apply_custom({}, {name: value}, FIELDS)
    assert caught.value.code == "invalid_custom_field"


def test_nothing_takes_a_value_away_and_the_rest_stays() -> None:
    assert apply_custom(GOOD, {"text": None, "nothing": None}, FIELDS) == {k: v for k, v in GOOD.items() if k != "text"}


def test_a_retired_field_keeps_its_value_and_takes_no_other() -> None:
    retired = {**FIELDS, "text": CustomField(field_id="text", label=LABEL, kind=CustomKind.TEXT, retired=True)}
    assert apply_custom(GOOD, {"text": GOOD["text"]}, retired) == GOOD
    with pytest.raises(InvalidCustomField):
        apply_custom(GOOD, {"text": "other"}, retired)


def test_true_is_not_one() -> None:
    with pytest.raises(InvalidCustomField):
        apply_custom({"number": 1.0}, {"number": True}, FIELDS)


def test_a_definition_has_choices_where_they_belong() -> None:
    for choices, kind in (((), CustomKind.CHOICE), (("a", "a"), CustomKind.CHOICE), (("a",), CustomKind.TEXT)):
        with pytest.raises(InvalidCustomField):
            check_definition(CustomField(field_id="x", label=LABEL, kind=kind, choices=choices))
    check_definition(FIELDS["choice"])


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "other"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | st.sampled_from(["gold"]),
    )
)
def test_what_passes_survives_the_store(changes: dict[str, CustomValue | None]) -> None:
    try:
        result = apply_custom({}, changes, FIELDS)
    except InvalidCustomField:
        return
    assert json.loads(json.dumps(result)) == result
    assert apply_custom(result, result, {}) == result
