"""XLSX files, streamed: texts are always text, never formulas, links or numbers.

Written without a library: docs/decisions/0019 has the figures of each way.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from typing import IO, BinaryIO

from sfm.exports.columns.column import Cell, Column, Row
from sfm.exports.writers.text_rules import TextChanges, one_line, replace_counted

# Limits of Excel. Source: Microsoft, "Excel specifications and limits".
ROWS_PER_SHEET = 1_048_576
CELL_LIMIT = 32_767  # UTF-16 units

LEVEL = 4  # 6 takes a fifth of the rows per second for a tenth of the size

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FIRST_HALVES = "".join(map(chr, range(0xD800, 0xDC00)))  # of a character cut in two
_LIKE_AN_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # readers would undo what never was one
_WIDE = {"text": 60, "twitter_url": 30, "created_at": 22}
_WIDTHS = {"id": 22, "moment": 22, "text": 18, "list": 18}


class _Archive(zipfile.ZipFile):
    def __del__(self) -> None:
        """An unfinished one is left so: its file is closed by then, and is not wanted."""


class XlsxWriter:
    """Rows in, XLSX out. `file` must be open for writing bytes, and stays open.

    Beyond `rows_per_sheet`, the heading included, rows go on in a further sheet.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: Sequence[Column],
        *,
        keep_line_breaks: bool = False,
        rows_per_sheet: int = ROWS_PER_SHEET,
    ) -> None:
        self.rows = self.sheets = 0
        self.changes = TextChanges()
        self._columns = columns
        self._flatten = not keep_line_breaks
        self._rows_per_sheet = rows_per_sheet
        self._letters = [letters(place) for place in range(len(columns))]
        self._styles = [AS_TEXT if column.type == "id" else PLAIN for column in columns]
        self._zip = _Archive(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self._zip.writestr("[Content_Types].xml", CONTENT_TYPES)
        self._zip.writestr("_rels/.rels", PACKAGE_RELATIONS)
        self._zip.writestr("xl/styles.xml", STYLES)
        self._sheet: IO[bytes] = self._open_sheet()

    def write(self, rows: Sequence[Row]) -> None:
        """Write a batch of rows; best some hundreds at a time."""
        start = 0
        while start < len(rows):
            if self._row == self._rows_per_sheet:
                self._close_sheet()
                self._sheet = self._open_sheet()
            batch = rows[start : start + self._rows_per_sheet - self._row]
            self._write_rows(batch)
            start += len(batch)
        self.rows += len(rows)

    def finish(self) -> None:
        """Write the end of the file, which is no XLSX file before; it stays open."""
        self._close_sheet()
        self._zip.writestr("xl/workbook.xml", workbook(self.sheets))
        self._zip.writestr("xl/_rels/workbook.xml.rels", workbook_relations(self.sheets))
        self._zip.close()

    def _open_sheet(self) -> IO[bytes]:
        self.sheets += 1
        self._row = 1
        sheet = self._zip.open(f"xl/worksheets/sheet{self.sheets}.xml", "w", force_zip64=True)
        widths = [_WIDE.get(column.name, _WIDTHS.get(column.type, 12)) for column in self._columns]
        sheet.write(sheet_start(widths).encode())
        heading = "".join(
            self._text_cell(f"{letter}1", HEADING, column.name)
            for letter, column in zip(self._letters, self._columns, strict=True)
        )
        sheet.write(f'<row r="1">{heading}</row>'.encode())
        return sheet

    def _close_sheet(self) -> None:
        pairs = zip(self._letters, self._columns, strict=True)
        ids = [letter for letter, column in pairs if column.type == "id"]
        self._sheet.write(sheet_end(ids, self._row).encode())
        self._sheet.close()

    def _write_rows(self, rows: Sequence[Row]) -> None:
        out = []
        number = self._row
        places = list(zip(self._letters, self._styles, strict=True))
        for row in rows:
            number += 1
            cells = [
                self._cell(f"{letter}{number}", style, cell)
                for (letter, style), cell in zip(places, row, strict=True)
                if cell is not None and cell != ""
            ]
            out.append(f'<row r="{number}">{"".join(cells)}</row>')
        self._row = number
        self._sheet.write("".join(out).encode())

    def _cell(self, place: str, style: int, cell: Cell) -> str:
        if cell.__class__ is str:
            return self._text_cell(place, style, cell)  # type: ignore[arg-type]
        if cell.__class__ is bool:
            return f'<c r="{place}" t="b"><v>{cell:d}</v></c>'
        if cell.__class__ is float and not math.isfinite(cell):  # type: ignore[arg-type]
            return ""
        return f'<c r="{place}"><v>{cell}</v></c>'

    def _text_cell(self, place: str, style: int, text: str) -> str:
        if len(text) > CELL_LIMIT // 2:
            text = self._cut(text)
        if not text.isprintable():
            text = replace_counted(_FORBIDDEN, text, self.changes)
            text = one_line(text, self.changes) if self._flatten else text
        if "_x" in text:
            text = _LIKE_AN_ESCAPE.sub("_x005F_", text)
        if "&" in text:
            text = text.replace("&", "&amp;")
        if "<" in text:
            text = text.replace("<", "&lt;")
        if ">" in text:
            text = text.replace(">", "&gt;")
        if "\r" in text:
            text = text.replace("\r", "&#13;")  # a bare one would be read as a line feed
        styled = f' s="{style}"' if style else ""
        return (
            f'<c r="{place}"{styled} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        )

    def _cut(self, text: str) -> str:
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2
        if units <= CELL_LIMIT:
            return text
        self.changes.cut_cells += 1
        mark = f"… [cut here: the whole text has {len(text):,} characters]"
        start = text.encode("utf-16-le", "surrogatepass")[: 2 * (CELL_LIMIT - len(mark))]
        return start.decode("utf-16-le", "surrogatepass").rstrip(_FIRST_HALVES) + mark


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"

# Worksheets are the default for xml, so that this part can come first in the file, where programs
# that guess types look for it, before the number of sheets is known.
CONTENT_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    "</Types>"
)

PACKAGE_RELATIONS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>"
)

PLAIN, HEADING, AS_TEXT = 0, 1, 2  # the cell styles below, in their order
STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    "</cellXfs>"
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def workbook(sheets: int) -> str:
    """The list of sheets: Posts, Posts 2, and so on."""
    listed = "".join(
        f'<sheet name="{sheet_name(number)}" sheetId="{number}" r:id="rId{number}"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}">'
        f"<sheets>{listed}</sheets></workbook>"
    )


def workbook_relations(sheets: int) -> str:
    """Where the sheets and the styles are."""
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATION}/worksheet"'
        f' Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{listed}'
        f'<Relationship Id="rId{sheets + 1}" Type="{_RELATION}/styles" Target="styles.xml"/>'
        "</Relationships>"
    )


def sheet_name(number: int) -> str:
    """The name on the tab."""
    return "Posts" if number == 1 else f"Posts {number}"


def sheet_start(widths: list[int]) -> str:
    """A sheet up to its first row; the heading stays in sight when the reader scrolls."""
    columns = "".join(
        f'<col min="{place}" max="{place}" width="{width}" customWidth="1"/>'
        for place, width in enumerate(widths, start=1)
    )
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}">'
        '<sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f"</sheetView></sheetViews><cols>{columns}</cols><sheetData>"
    )


def sheet_end(id_letters: list[str], last_row: int) -> str:
    """A sheet after its last row; ids are no mistake only because they are digits as text."""
    ranges = " ".join(f"{letter}2:{letter}{max(2, last_row)}" for letter in id_letters)
    ignored = (
        f'<ignoredErrors><ignoredError sqref="{ranges}" numberStoredAsText="1"/></ignoredErrors>'
        if ranges
        else ""
    )
    return f"</sheetData>{ignored}</worksheet>"


def letters(place: int) -> str:
    """The letters of a column counted from 0: A, B, … Z, AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name
