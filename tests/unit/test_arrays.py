"""Arrays and lines as PostgreSQL reads them: what stands in them comes back as it was."""

import pytest

from callcenter.store.many_rows import array_of, copy_line


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


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (("a", None, "", 12), "a\t\\N\t\t12\n"),
        (("two\nlines", "\r", "a\tb"), "two\\nlines\t\\r\ta\\tb\n"),
        (("back\\slash", None, "\\N", "\\."), "back\\\\slash\t\\N\t\\\\N\t\\\\.\n"),
        (("李", "\v\f\u2028"), "李\t\v\f\u2028\n"),
    ],
)
def test_what_would_end_a_line_or_a_value_is_told_by_its_sign(row: tuple[object, ...], wanted: str) -> None:
    assert copy_line(row) == wanted
