"""What each writer puts into a file is what other programs read out of it again."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm.exports.columns.column import column
from sfm.exports.writers.csv_writer import CsvOptions, CsvWriter
from sfm.exports.writers.line_writer import LineWriter
from sfm.exports.writers.text_rules import FORMULA_STARTS
from sfm.exports.writers.xlsx_writer import CELL_LIMIT, XlsxWriter
from tests.exports.conftest import HOSTILE

COLUMNS = (
    column("number", "integer", "Number", "A number."),
    column("key", "id", "Key", "An id."),
    column("text", "text", "Text", "A text."),
    column("other", "text", "Other", "Another text."),
)
PLAIN = CsvOptions(keep_line_breaks=True, guard_formulas=False)


def rows_of(texts: tuple[str, ...] | list[str]) -> list[tuple[Any, ...]]:
    return [(place, str(2**63 - 1 - place), text, None) for place, text in enumerate(texts)]


def csv_bytes(rows: list[Any], options: CsvOptions = PLAIN) -> tuple[bytes, CsvWriter]:
    sink = io.BytesIO()
    writer = CsvWriter(sink, COLUMNS, options)
    writer.write(rows)
    writer.finish()
    return sink.getvalue(), writer


def xlsx_file(path: Path, rows: list[Any], **more: Any) -> XlsxWriter:
    with open(path, "wb") as sink:
        writer = XlsxWriter(sink, COLUMNS, **more)
        writer.write(rows)
        writer.finish()
    return writer


def texts_by_csv(path: Path) -> list[str]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def as_openpyxl_reads(text: str | None) -> str:
    """It knows no `_x005F_` in inline texts, which the standard asks readers to undo."""
    return re.sub(r"_x005F_(?=x[0-9A-Fa-f]{4}_)", "_", text or "")


def test_csv_is_read_back_equal_by_python_pandas_and_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "hostile.csv"
    path.write_bytes(csv_bytes(rows_of(HOSTILE))[0])
    assert texts_by_csv(path) == list(HOSTILE)
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, lineterminator=None)
    assert frame["text"].tolist() == list(HOSTILE)
    options = "header=true, all_varchar=true"
    read = duckdb.sql(f"SELECT text, key FROM read_csv('{path}', {options})").fetchall()
    assert [row[0] for row in read] == list(HOSTILE)
    assert read[0][1] == str(2**63 - 1)


@given(
    width=st.integers(1, 4),
    texts=st.lists(st.one_of(st.none(), st.text(), st.sampled_from(HOSTILE)), min_size=4),
    delimiter=st.sampled_from(",\t"),
)
def test_csv_is_byte_for_byte_what_pythons_own_module_writes(
    width: int, texts: list[str | None], delimiter: str
) -> None:
    columns = [column(f"text{place}", "text", "Text", "A text.") for place in range(width)]
    plain = [text and re.sub("[\x00\ud800-\udfff]", "\ufffd", text) for text in texts]
    rows = list(zip(*[plain[place:] + plain[:place] for place in range(width)], strict=True))
    options = CsvOptions(delimiter=delimiter, keep_line_breaks=True, guard_formulas=False)
    sink, expected = io.BytesIO(), io.StringIO(newline="")
    writer = CsvWriter(sink, columns, options)
    writer.write(rows)
    writer.finish()
    judge = csv.writer(expected, delimiter=delimiter, lineterminator="\r\n")
    judge.writerow([one.name for one in columns])
    judge.writerows(rows)
    assert sink.getvalue() == expected.getvalue().encode()


def test_csv_writes_numbers_dates_and_booleans_as_pythons_own_module_does() -> None:
    types: list[Any] = ["integer", "number", "boolean", "moment", "day", "id"]
    columns = [column(kind, kind, "One", "One of a type.") for kind in types]
    rows = [
        (0, 0.1, True, "2026-11-22T00:00:00Z", "11/22/2026", "9223372036854775807"),
        (2**63 - 1, 1e-7, False, None, None, None),
        (-5, float("inf"), None, "", "", ""),
        (None, -0.0, True, None, None, "0"),
    ]
    sink, expected = io.BytesIO(), io.StringIO(newline="")
    writer = CsvWriter(sink, columns)
    writer.write(rows)
    csv.writer(expected, lineterminator="\r\n").writerows([types, *rows])
    assert sink.getvalue() == expected.getvalue().encode()


def test_csv_after_rfc_4180_ends_lines_with_crlf_and_doubles_quotes() -> None:
    content, _writer = csv_bytes([(1, "2", 'a "b", c', "x\ny")])
    assert content == b'number,key,text,other\r\n1,2,"a ""b"", c","x\ny"\r\n'


def test_tsv_is_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "hostile.tsv"
    options = CsvOptions(delimiter="\t", keep_line_breaks=True, guard_formulas=False)
    path.write_bytes(csv_bytes(rows_of(HOSTILE), options)[0])
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    assert frame["text"].tolist() == list(HOSTILE)


def test_the_excel_mark_comes_first_and_only_when_asked() -> None:
    assert csv_bytes([], CsvOptions(excel_mark=True))[0].startswith(b"\xef\xbb\xbfnumber")
    assert csv_bytes([], CsvOptions())[0].startswith(b"number")


def unguard(text: str) -> str:
    """What a guarded text was before: takes the mark off again, and nothing else."""
    is_guarded = re.match(rf"'+(?:[\t\r\n]|\s*[{FORMULA_STARTS}])", text)
    return text[1:] if is_guarded else text


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "＝1", "＋1", "－1",
     "＠x", "'=1", "''@x", "=cmd|' /C calc'!A0"],
)  # fmt: skip
def test_ex1_what_looks_like_a_formula_is_marked_and_the_mark_comes_off(text: str) -> None:
    options = CsvOptions(keep_line_breaks=True)
    content, writer = csv_bytes([(1, "2", text, None)], options)
    cell = next(csv.DictReader(io.StringIO(content.decode(), newline="")))["text"]
    assert cell == "'" + text
    assert unguard(cell) == text
    assert writer.changes.as_dict() == {"guarded_cells": 1}


@pytest.mark.parametrize("text", ["plain", "'quoted'", "a=b", "'", "#=1", "1+1", "", "é"])
def test_ex1_other_texts_are_left_as_they_are(text: str) -> None:
    content, writer = csv_bytes([(1, "2", text, None)], CsvOptions())
    assert next(csv.DictReader(io.StringIO(content.decode(), newline="")))["text"] == text
    assert unguard(text) == text
    assert not writer.changes.as_dict()


def test_ex1_a_spreadsheet_finds_no_formula(tmp_path: Path, spreadsheet: Any) -> None:
    evaluating = "Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1,true"
    naked = tmp_path / "naked.csv"
    naked.write_bytes(csv_bytes([(1, "2", "=1+1", None)])[0])
    assert texts_by_csv(spreadsheet(naked, filter_in=evaluating)) == ["2"]  # it does see formulas
    path = tmp_path / "guarded.csv"
    path.write_bytes(csv_bytes(rows_of(HOSTILE), CsvOptions(excel_mark=True))[0])
    shown = texts_by_csv(spreadsheet(path, filter_in=evaluating))
    guarded = [
        (was, now) for was, now in zip(texts_by_csv(path), shown, strict=True) if was[0] == "'"
    ]
    assert len(guarded) > 12
    assert not [pair for pair in guarded if pair[0] != pair[1]]


def test_line_breaks_become_blanks_unless_kept() -> None:
    text = "one\r\ntwo\nthree\rfour\u2028five"
    content, writer = csv_bytes([(1, "2", text, None)], CsvOptions())
    assert "one two three four five" in content.decode()
    assert writer.changes.as_dict() == {"flattened_cells": 1}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=10))
def test_ex10_any_text_comes_back_from_csv(texts: list[str]) -> None:
    content, writer = csv_bytes(rows_of(texts))
    back = [row["text"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    expected = [text.replace("\x00", "\ufffd") for text in texts]
    assert back == expected
    assert writer.changes.replaced_characters == sum(text.count("\x00") for text in texts)


def test_lone_surrogates_and_nul_are_replaced_and_counted_in_csv() -> None:
    content, writer = csv_bytes([(1, "2", "a\ud800b\x00c", "ok")])
    assert content.decode().splitlines()[1] == "1,2,a\ufffdb\ufffdc,ok"
    assert writer.changes.as_dict() == {"replaced_characters": 2}


def test_ex2_every_character_of_the_basic_plane_survives_or_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "all.xlsx"
    characters = [chr(code) for code in range(0x10000)]
    texts = ["[" + "".join(characters[at : at + 64]) + "]" for at in range(0, 0x10000, 64)]
    writer = xlsx_file(path, rows_of(texts), keep_line_breaks=True)
    sheet = openpyxl.load_workbook(path, read_only=True).active
    back = [as_openpyxl_reads(row[2]) for row in sheet.iter_rows(min_row=2, values_only=True)]
    forbidden = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
    assert back == [forbidden.sub("\ufffd", text) for text in texts]
    assert writer.changes.replaced_characters == sum(len(forbidden.findall(text)) for text in texts)
    assert writer.changes.replaced_characters == 9 + 2 + 18 + 0x800 + 2


def test_ex1_ex6_xlsx_holds_texts_and_ids_as_texts_never_formulas(tmp_path: Path) -> None:
    path = tmp_path / "hostile.xlsx"
    xlsx_file(path, rows_of(HOSTILE), keep_line_breaks=True)
    sheet = openpyxl.load_workbook(path).active
    cells = list(sheet.iter_rows(min_row=2))
    assert {cell.data_type for row in cells for cell in row[1:3]} == {"s"}
    expected = [text.replace("\x0c", "\ufffd").replace("\x0b", "\ufffd") for text in HOSTILE]
    assert [as_openpyxl_reads(row[2].value) for row in cells] == expected
    assert [row[1].value for row in cells] == [str(2**63 - 1 - n) for n in range(len(HOSTILE))]
    assert not sheet._hyperlinks


def test_xlsx_is_read_back_equal_by_pandas_and_libreoffice(
    tmp_path: Path, spreadsheet: Any
) -> None:
    path = tmp_path / "hostile.xlsx"
    xlsx_file(path, rows_of(HOSTILE))
    one_line = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
    expected = [one_line.sub(" ", re.sub("[\x0b\x0c]", "\ufffd", text)) for text in HOSTILE]
    frame = pd.read_excel(path, dtype=str, keep_default_na=False)
    assert [as_openpyxl_reads(text) for text in frame["text"]] == expected
    with open(spreadsheet(path), encoding="utf-8", newline="") as file:
        shown = list(csv.DictReader(file))
    # LibreOffice undoes only those escapes that stand for control characters
    plain = [row["text"].replace("_x005F_", "_") for row in shown]
    assert plain == [text.replace("_x000D_", "_x000D_") for text in expected]
    assert [row["key"] for row in shown] == [str(2**63 - 1 - n) for n in range(len(HOSTILE))]


def test_ex4_long_texts_are_cut_at_excels_limit_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    texts = ["x" * CELL_LIMIT, "y" * 40_000, "😀" * 20_000]
    writer = xlsx_file(path, rows_of(texts))
    sheet = openpyxl.load_workbook(path).active
    back = [row[2] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert back[0] == texts[0]
    assert back[1].endswith("[cut here: the whole text has 40,000 characters]")
    for text in back:
        assert len(text.encode("utf-16-le")) // 2 <= CELL_LIMIT
        assert "\ufffd" not in text
    assert writer.changes.as_dict() == {"cut_cells": 2}


def test_ex3_rows_beyond_a_sheet_go_on_in_further_sheets(tmp_path: Path) -> None:
    path = tmp_path / "sheets.xlsx"
    writer = xlsx_file(path, rows_of([f"t{n}" for n in range(25)]), rows_per_sheet=11)
    book = openpyxl.load_workbook(path)
    assert (writer.sheets, book.sheetnames) == (3, ["Posts", "Posts 2", "Posts 3"])
    texts = []
    for sheet in book:
        rows = list(sheet.iter_rows(values_only=True))
        assert rows[0] == ("number", "key", "text", "other")
        assert len(rows) <= 11
        texts += [row[2] for row in rows[1:]]
    assert texts == [f"t{n}" for n in range(25)]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ex3_one_row_over_excels_own_limit(tmp_path: Path) -> None:
    path = tmp_path / "million.xlsx"
    with open(path, "wb") as sink:
        writer = XlsxWriter(sink, COLUMNS[:2])
        for start in range(0, 1_048_576, 4096):
            writer.write([(n, str(n)) for n in range(start, start + 4096)])
        writer.finish()
    with zipfile.ZipFile(path) as book:
        counts = [
            book.read(f"xl/worksheets/sheet{number}.xml").count(b"<row ") for number in (1, 2)
        ]
    assert (writer.sheets, counts) == (2, [1_048_576, 2])


def test_ex5_many_links_are_plain_texts(tmp_path: Path) -> None:
    path = tmp_path / "links.xlsx"
    links = [f"https://example.org/{n}" for n in range(65_600)]
    xlsx_file(path, [(n, str(n), link, None) for n, link in enumerate(links)])
    with zipfile.ZipFile(path) as book:
        assert not [name for name in book.namelist() if "rels/sheet" in name]
    sheet = openpyxl.load_workbook(path, read_only=True).active
    assert [row[2] for row in sheet.iter_rows(min_row=2, values_only=True)] == links


def test_ex6_numbers_that_are_none_stay_empty(tmp_path: Path) -> None:
    path = tmp_path / "numbers.xlsx"
    columns = (column("x", "number", "X", "X."), column("b", "boolean", "B", "B."))
    with open(path, "wb") as sink:
        writer = XlsxWriter(sink, columns)
        writer.write([(float("nan"), True), (float("inf"), False), (1.5, None), (-0.25, None)])
        writer.finish()
    rows = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    assert rows == [(None, True), (None, False), (1.5, None), (-0.25, None)]


def test_lines_hold_one_thing_each_whatever_line_breaks_stand_between_the_parts() -> None:
    sink = io.BytesIO()
    writer = LineWriter(sink)
    writer.write(['{"a":1}', '{\n "b":\r\n 2}'])
    writer.write(["3"])
    assert sink.getvalue() == b'{"a":1}\n{ "b": 2}\n3\n'
    assert writer.rows == 3


ENDS_ELSEWHERE = 'a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\\"h\\n'  # ends of lines to Python


@pytest.mark.parametrize("gap", ["", "\n", "\r", "\r\n", " \n\t"])
def test_only_cr_and_lf_between_the_parts_of_a_record_go(gap: str) -> None:
    neighbour = f'{{"text": "{ENDS_ELSEWHERE}"}}'
    record = f'{{{gap}"text":{gap}"{ENDS_ELSEWHERE}"{gap},"n": 1{gap}}}'
    sink = io.BytesIO()
    LineWriter(sink).write([neighbour, record, neighbour])
    kept = record.replace("\r", "").replace("\n", "")
    assert sink.getvalue().decode() == f"{neighbour}\n{kept}\n{neighbour}\n"
    assert ENDS_ELSEWHERE in kept
