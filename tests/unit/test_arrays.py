"""Arrays as PostgreSQL reads them: what stands in them comes back as it was."""

import pytest

from callcenter.store.many_rows import array_of


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], "{}"),
        (["a", None, ""], '{"a",NULL,""}'),
        (["NULL", "a,b", "{}", " "], '{"NULL","a,b","{}"," "}'),
        (['say "no"', "back\\slash", '\\"'], r'{"say \"no\"","back\\slash","\\\""}'),
        ([b"\x00\xff", 12, 1.5, True, "李"], r'{"\\x00ff","12","1.5","True","李"}'),
    ],
)
def test_values_are_quoted_such_that_nothing_in_them_is_a_sign(values: list[object], wanted: str) -> None:
    assert array_of(values) == wanted
