import io
import random
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.sheets.encoding import detect
from callcenter.sheets.errors import SheetError
from callcenter.sheets.reading import Place, examine, rows
from callcenter.sheets.writing import WorkbookWriter, csv_parts, plain, quoted

LONG = "名称\n" + "上海贸易有限公司\n" * 30
SHORT = "姓名,电话\n李娜,13800138000\n"


def written(directory: Path, data: bytes, name: str = "x.csv") -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


SAMPLES = (SHORT, "a\n李\n", "name;phone\nMüller;1\n王;2\n", LONG)
# Without a mark and with hardly any ASCII, UTF-16 cannot be told: there one chooses it.
UNMARKED = [(codec, text) for codec in ("utf-16-le", "utf-16-be") for text in SAMPLES if text != LONG]
MARKED = [(codec, text) for codec in ("utf-8", "utf-8-sig", "gb18030", "utf-16") for text in SAMPLES]


@pytest.mark.parametrize(("codec", "text"), [*MARKED, *UNMARKED])
def test_encodings_are_found_by_short_samples(tmp_path: Path, codec: str, text: str) -> None:
    path = written(tmp_path, text.encode(codec))
    form = examine(path)
    assert form.encoding == codec.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    assert "\n".join(",".join(row) for row in rows(path, form)) == text.replace(form.delimiter, ",").rstrip("\n")


def test_chinese_names_by_chance_are_gb18030(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(200):
        name = "".join(chance.choice("王李张刘陈杨黄赵吴周伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超") for _ in range(2))
        assert detect(written(tmp_path, f"n\n{name}\n".encode("gb18030"))).name == "gb18030"


@pytest.mark.parametrize("text", ["n\nJosé\n", "n\nИванов\nПетров\n", "n\nΓιάννης\n", "n\nZoë Łukasz\n"])
def test_names_of_other_alphabets_are_utf_8(tmp_path: Path, text: str) -> None:
    assert detect(written(tmp_path, text.encode())).name == "utf-8"


def test_western_letters_are_not_taken_for_chinese(tmp_path: Path) -> None:
    path = written(tmp_path, "name,phone\nJürgen Müller,1\nLucía,2\nGünther,3\n".encode("windows-1252"))
    assert detect(path).name == "windows-1252"


def test_a_byte_that_fits_no_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="byte 4") as refused:
        examine(written(tmp_path, b"abc\n\xff\xff\xff\n\x81"))
    assert refused.value.code == "sheet_encoding"


def test_the_last_byte_of_a_large_file_counts(tmp_path: Path) -> None:
    path = written(tmp_path, b"name\n" + b"x" * 10 + b"\n" * 1_200_000 + "李\n".encode("gb18030"))
    assert detect(path).name == "gb18030"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "sheet_empty"),
        (b"PK\x03\x04 and then nothing of an archive", "sheet_broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "sheet_old_format"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path: Path, data: bytes, code: str) -> None:
    with pytest.raises(SheetError) as refused:
        examine(written(tmp_path, data))
    assert refused.value.code == code


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("hello.txt", "x")
    with pytest.raises(SheetError, match="no workbook") as refused:
        examine(written(tmp_path, made.getvalue()))
    assert refused.value.code == "sheet_no_table"


def test_a_workbook_made_to_fill_the_memory_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/sharedStrings.xml", b"\0" * (300 * 1024**2))
    with pytest.raises(SheetError) as refused:
        examine(written(tmp_path, made.getvalue()))
    assert refused.value.code == "sheet_too_large"


def test_a_workbook_with_a_part_cut_out_is_damaged(tmp_path: Path) -> None:
    book = workbook(tmp_path, [["name"], ["李娜"]])
    made = io.BytesIO()
    with zipfile.ZipFile(book) as whole, zipfile.ZipFile(made, "w") as cut:
        for part in whole.infolist():
            data = whole.read(part)
            cut.writestr(part.filename, data[: len(data) // 2] if "sheet1" in part.filename else data)
    path = written(tmp_path, made.getvalue(), "cut.xlsx")
    with pytest.raises(SheetError) as refused:
        list(rows(path, examine(path)))
    assert refused.value.code == "sheet_broken"


def test_a_quotation_mark_that_is_not_closed_is_told_with_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, b'name,notes\nLi,ok\nWang,"never closed\n' + b"more,and more\n" * 5_000)
    with pytest.raises(SheetError, match="row 3") as refused:
        list(rows(path, examine(path)))
    assert refused.value.code == "sheet_quotes"


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    path = written(tmp_path, b"name,phone\n\nLi,1\n,\nWang,2\n")
    place = Place()
    assert [(place.row, row[0]) for row in rows(path, examine(path), place)] == [(1, "name"), (3, "Li"), (5, "Wang")]
    assert place.part == 1.0


def workbook(directory: Path, table: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    path = directory / "made.xlsx"
    book.save(path)
    return path


def test_a_workbook_gives_numbers_days_and_formulas_as_text(tmp_path: Path) -> None:
    from datetime import datetime

    path = workbook(
        tmp_path,
        [["name", "phone", "day", "sum"], ["李娜", 13800138000, datetime(2026, 3, 31), 12.5], ["x", "=1+1"]],  # noqa: DTZ001 - spreadsheets know no zones.
    )
    assert list(rows(path, examine(path))) == [
        ["name", "phone", "day", "sum"],
        ["李娜", "13800138000", "2026-03-31", "12.5"],
        # Never worked out by anybody, so it has no value.
        ["x"],
    ]


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\ufeff"), max_size=20)


@given(st.text(max_size=30))
def test_a_quoted_cell_is_no_formula_and_comes_back(cell: str) -> None:
    assert not quoted(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain(quoted(cell)) == cell


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6))
def test_what_is_written_as_csv_is_read_again(table: list[list[str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        for encoding in ("utf-8", "gb18030"):
            path = Path(directory) / "x.csv"
            path.write_bytes(b"".join(csv_parts([["a", "b", "c"], *table], encoding)))
            found = list(rows(path, examine(path, encoding=encoding, delimiter=",")))
            assert [[plain(cell) for cell in row] for row in found[1:]] == [row for row in table if any(row)]


def test_a_workbook_that_was_written_is_read_again(tmp_path: Path) -> None:
    book = WorkbookWriter("customers")
    table = [["name", "phone"], ["=1+1", "+8613800138000"], ["李娜\x00", "x"]]
    for row in table:
        book.add(row)
    path = tmp_path / "out.xlsx"
    book.save(path)
    found = [[plain(cell) for cell in row] for row in rows(path, examine(path))]
    assert found == [["name", "phone"], ["=1+1", "+8613800138000"], ["李娜\ufffd", "x"]]
