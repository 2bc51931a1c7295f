"""A CSV file as blocks of text columns with the line number of each row.

Rows are never lost and never shift: too short rows are filled up (and counted), too long ones are kept with a mark,
what is no row at all (an unclosed quote, an endless line) is listed as broken with its line.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from broker.bases.open_text import TextSource
from broker.bases.reading import AS_FOUND, Reading
from broker.bases.split_records import LONGEST_RECORD, Cut, cut_records
from broker.kernel.errors import InvalidInput

MOST_COLUMNS = 512
DELIMITERS = ";,\t|^~:"
_SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Broken:
    """What stood at `line` and could not be read as a row."""

    line: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows: one string column per header, `lines` and `too_many` (bool) of the same length."""

    table: pa.Table
    lines: npt.NDArray[np.int64]
    too_many: npt.NDArray[np.bool_]
    broken: list[Broken]
    padded: int
    surplus: dict[int, list[str]] = field(default_factory=dict)  # line → cells beyond the last column


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of the file, cut and not yet parsed. `line` is the number of lines before it, `header` says that
    its first record names the columns, `done_bytes` how much of the raw file was read when it was cut.
    """

    data: bytes
    cut: Cut
    line: int
    header: bool
    done_bytes: int
    endless: Broken | None = None


NO_CUT = Cut(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0, True)


class TableReader:
    """Reads one CSV stream. `headers` are unique; `encoding`, `delimiter` describe the file."""

    def __init__(self, stream: BinaryIO, reading: Reading = AS_FOUND) -> None:
        self.source = TextSource(stream, reading.encoding)
        sample = self.source.sample
        first, line = _skip_blank_lines(sample)
        self._first_offset, self._first_line = first, line
        end = sample.find(b"\n", first)
        if end < 0 and len(sample) >= LONGEST_RECORD // 2:
            raise self.source.refusal(
                InvalidInput(
                    "The first line is longer than a megabyte: this is no table with column names in its first line.",
                    code="no_header",
                )
            )
        hint = sample[first : end if end >= 0 else None].strip().lower()
        self.delimiter = ""
        self.title_lines = 0  # above the column names
        if hint.startswith(b"sep=") and len(hint) == 5:  # Excel's own hint
            self.delimiter = chr(sample[first + 4])
            self._first_offset, self._first_line = end + 1, line + 1
        else:
            self.title_lines, skipped = _titles(sample[self._first_offset :])
            self._first_offset, self._first_line = self._first_offset + skipped, line + self.title_lines
        self.delimiter = reading.delimiter or self.delimiter or _find_delimiter(sample[self._first_offset :])
        self._read_header(sample)

    @property
    def encoding(self) -> str:
        """The encoding, final once all blocks are read."""
        return self.source.encoding

    @property
    def names(self) -> list[str]:
        """Internal column names, `c0`, `c1`, …, in the order of `headers`."""
        return self.parser.names

    def _read_header(self, sample: bytes) -> None:
        body = sample[self._first_offset :]
        cut = cut_records(body, ord(self.delimiter), final=True)
        if not len(cut.starts):
            raise InvalidInput("The file holds no line with column names.", code="no_header")
        rows = [_fields(body[s:e], self.delimiter) for s, e in zip(cut.starts[:_SAMPLE_ROWS], cut.ends, strict=False)]
        cells = [cell.strip().strip("﻿") for cell in rows[0]]
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise InvalidInput(
                f"The header has {len(cells):,} columns; a base has at most {MOST_COLUMNS}. "
                "Keep the columns that you use and try again.",
                code="too_many_columns",
            )
        if any("@" in cell and "." in cell.partition("@")[2] and " " not in cell for cell in cells):
            raise InvalidInput(
                "The first line holds data, not column names. Add a first line that names the columns.",
                code="no_header",
            )
        # Trailing separators on the rows alone make one more, nameless column.
        usual = Counter(len(row) for row in rows[1:]).most_common(1)
        wider = usual and usual[0][0] > len(cells) and usual[0][1] * 2 > len(rows) - 1
        width = min(usual[0][0], MOST_COLUMNS) if wider else len(cells)
        self.headers = _unique(cells + [""] * (width - len(cells)))
        self._header_end = int(cut.ends[0])
        self.sample_rows = [(row + [""] * width)[:width] for row in rows[1:]]

    @property
    def parser(self) -> TableParser:
        """What makes blocks of pieces."""
        return TableParser(self.headers, self.delimiter)

    def blocks(self) -> Iterator[Block]:
        """All rows, in the file's order."""
        parser = self.parser
        for piece in self.pieces():
            block = parser.parse(piece)
            if block is not None:
                yield block

    def pieces(self) -> Iterator[Piece]:
        """The file cut into whole records, in its order; the same pieces whenever the same file is read."""
        pending = b""
        line = self._first_line
        header = True
        skipping = False
        offset = self._first_offset
        iterator = self.source.blocks()
        ended = False
        while not ended:
            piece = next(iterator, None)
            ended = piece is None
            piece = (piece or b"")[offset:]
            offset = 0
            if skipping:
                at = piece.find(b"\n")
                if at < 0:
                    continue
                piece, skipping = piece[at + 1 :], False
                line += 1
            pending += piece
            if b"\r" in pending:
                pending = _mend_returns(pending, ord(self.delimiter), len(self.headers), final=ended)
            cut = cut_records(pending, ord(self.delimiter), final=ended)
            if len(cut.starts) or cut.broken:
                yield Piece(pending[: cut.consumed], cut, line, header, self.source.bytes_read)
                header = header and not len(cut.starts)
            line += cut.newlines
            pending = pending[cut.consumed :]
            if not ended and len(pending) > LONGEST_RECORD and b"\n" not in pending:
                endless = Broken(line + 1, "line_too_long", "")
                yield Piece(b"", NO_CUT, line, header, self.source.bytes_read, endless)
                pending, skipping = b"", True


@dataclass(frozen=True, slots=True)
class TableParser:
    """Makes blocks of pieces: needs nothing but the headers and the separator, so that any process can do it."""

    headers: list[str]
    delimiter: str

    @property
    def names(self) -> list[str]:
        """Internal column names, `c0`, `c1`, …, in the order of `headers`."""
        return [f"c{index}" for index in range(len(self.headers))]

    def parse(self, piece: Piece) -> Block | None:
        """The rows of a piece; None where there are none, and nothing to say of it."""
        if piece.endless is not None:
            return self._nothing([piece.endless])
        return self._block(piece.data, piece.cut, piece.line, piece.header)

    def no_rows(self) -> Block:
        """A block without rows."""
        return self._nothing([])

    def _block(self, data: bytes, cut: Cut, line: int, header: bool) -> Block | None:
        broken = [
            Broken(line + number + 1, code, data[start:end].decode("utf-8", "replace"))
            for start, end, number, code in cut.broken
        ]
        lines = cut.lines + line + 1
        starts, ends = cut.starts, cut.ends
        first = 1 if header else 0
        if len(starts) <= first:
            return self._nothing(broken) if broken or (header and len(starts)) else None
        sizes = ends - starts
        giants = np.flatnonzero(sizes > LONGEST_RECORD)
        if cut.clean and not len(giants):
            begin = int(starts[first])
            table, kept, too_many, padded, wide = self._parse(data[begin : cut.consumed], len(starts) - first)
        else:
            rows = []
            good = []
            for index in range(first, len(starts)):
                text = data[starts[index] : ends[index]]
                try:
                    if len(text) > LONGEST_RECORD:
                        raise csv.Error
                    row = _fields(text, self.delimiter)
                except csv.Error:
                    broken.append(Broken(int(lines[index]), "line_too_long", ""))
                    continue
                if len(row) == 1 and not row[0].strip():
                    continue
                rows.append(row)
                good.append(index - first)
            table, too_many, padded = self._from_rows(rows)
            kept = np.array(good, np.int64)
            wide = self._surplus(good, rows)
        surplus = {int(lines[first + record]): cells for record, cells in wide.items()}
        lines = lines[first:][kept]
        if len(self.headers) == 1 and table.num_rows:
            full = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(table.column(0)), ""))
            table, lines, too_many = table.filter(pa.array(full)), lines[full], too_many[full]
        return Block(table, lines, too_many, broken, padded, surplus)

    def _parse(
        self, data: bytes, count: int
    ) -> tuple[pa.Table, npt.NDArray[np.int64], npt.NDArray[np.bool_], int, dict[int, list[str]]]:
        """Parse `count` records; returns the table, which records it holds, the marks, how many were filled, and the
        cells that records have beyond the last column.
        """
        odd: list[tuple[int, str]] = []

        def set_aside(row: pacsv.InvalidRow) -> str:
            odd.append((row.number - 1, row.text))
            return "skip"

        names = self.names
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False, check_utf8=False
            ),
        )
        kept = np.arange(count, dtype=np.int64)
        if not odd:
            return table, kept, np.zeros(count, np.bool_), 0, {}
        mask = np.ones(count, np.bool_)
        mask[[number for number, _ in odd]] = False
        rows, numbers = [], []
        for number, text in odd:
            if text.strip():
                rows.append(_fields(text.encode(), self.delimiter))
                numbers.append(number)
        others, marks, padded = self._from_rows(rows)
        order = np.concatenate((kept[mask], np.array(numbers, np.int64)))
        sorting = np.argsort(order, kind="stable")
        whole = pa.concat_tables([table, others]).combine_chunks().take(pa.array(sorting))
        too_many = np.concatenate((np.zeros(int(mask.sum()), np.bool_), marks))[sorting]
        return whole, order[sorting], too_many, padded, self._surplus(numbers, rows)

    def _surplus(self, records: list[int], rows: list[list[str]]) -> dict[int, list[str]]:
        width = len(self.headers)
        return {record: row[width:] for record, row in zip(records, rows, strict=True) if len(row) > width}

    def _from_rows(self, rows: list[list[str]]) -> tuple[pa.Table, npt.NDArray[np.bool_], int]:
        width = len(self.headers)
        marks = np.array([len(row) > width and any(cell.strip() for cell in row[width:]) for row in rows], np.bool_)
        padded = sum(len(row) < width for row in rows)
        full = [(row + [""] * (width - len(row)))[:width] for row in rows]
        columns = list(zip(*full, strict=True)) if full else [()] * width
        return (
            pa.table({name: pa.array(column, pa.string()) for name, column in zip(self.names, columns, strict=True)}),
            marks,
            padded,
        )

    def _nothing(self, broken: list[Broken]) -> Block:
        table, marks, padded = self._from_rows([])
        return Block(table, np.zeros(0, np.int64), marks, broken, padded)


def _fields(record: bytes, delimiter: str) -> list[str]:
    """The cells of one record, read as leniently as other readers do."""
    text = record.decode("utf-8", "replace")
    if '"' not in text:
        return text.split(delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return next(reader, [])


def _skip_blank_lines(sample: bytes) -> tuple[int, int]:
    at, line = 0, 0
    while (end := sample.find(b"\n", at)) >= 0 and not sample[at:end].strip():
        at, line = end + 1, line + 1
    return at, line


_MOST_TITLES, _TITLE_SAMPLE = 10, 30


def _titles(sample: bytes) -> tuple[int, int]:
    """Lines, and their bytes, above the column names: `Export du 12/03/2024`, often with a blank line after it.

    The names stand in the first line that has at least three cells, like the lines after it, where the lines above
    have less than half of them.
    """
    lines = sample[: 64 << 10].split(b"\n")[:_TITLE_SAMPLE]
    for delimiter in b";\t,|":
        counts = [line.count(delimiter) for line in lines]
        if counts[0] >= 2:  # names at the top; a later separator may only be decimal commas below them
            return 0, 0
        at = next((number for number, count in enumerate(counts) if count >= 2), 0)
        after = [count for count, line in zip(counts[at + 1 :], lines[at + 1 :], strict=True) if line.strip()]
        if not 0 < at <= _MOST_TITLES or not after or b"@" in b"".join(lines[: at + 1]):
            continue
        alike = sum(abs(count - counts[at]) <= 1 for count in after) >= 0.8 * len(after)
        if alike and all(count * 2 < counts[at] for count in counts[:at]):
            return at, sum(len(line) + 1 for line in lines[:at])
    return 0, 0


def _mend_returns(data: bytes, delimiter: int, width: int, *, final: bool) -> bytes:
    """A carriage return that stands alone ends a line where whole rows stand before and after it, as in a file that
    was joined of several; anywhere else it would end one for some readers only, and becomes a space.
    """
    if data.count(b"\r") == data.count(b"\r\n"):
        return data
    bytes_ = np.frombuffer(data, np.uint8).copy()
    returns = np.flatnonzero(bytes_ == 13)
    following = np.append(bytes_, 10 if not final else 0)[returns + 1]
    alone = returns[following != 10]
    bytes_[alone] = 32
    ends = np.union1d(np.flatnonzero(bytes_ == 10), alone)
    before = np.concatenate(([-1], ends))
    cells = np.searchsorted(np.flatnonzero(bytes_ == delimiter), np.append(ends, len(bytes_)))
    count = np.diff(np.concatenate(([0], cells)))  # separators in each piece between two ends
    at = np.searchsorted(ends, alone)
    whole = (count[at] >= width - 1) & (count[at + 1] >= width - 1) & (before[at] < alone - 1) & (width > 1)
    bytes_[alone[whole]] = 10
    return bytes_.tobytes()


def _find_delimiter(sample: bytes) -> str:
    """The separator under which most of the first lines have one width; `,` for a single column."""
    best, best_score = ",", 0.0
    head = sample[: 256 << 10]
    for delimiter in DELIMITERS:
        if delimiter not in head.decode("utf-8", "replace").partition("\n")[0]:
            continue
        cut = cut_records(head, ord(delimiter), final=len(head) == len(sample))
        widths = [len(_fields(head[s:e], delimiter)) for s, e in zip(cut.starts[:100], cut.ends, strict=False)]
        if not widths or widths[0] < 2:
            continue
        same = sum(abs(width - widths[0]) <= 1 for width in widths) / len(widths)
        score = same * min(widths[0], 50) ** 0.5 * (0.3 if delimiter in ":^~" else 1.0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _unique(cells: list[str]) -> list[str]:
    """Names for all columns: blanks become `column 7`, a second `Email` becomes `Email (2)`."""
    seen: Counter[str] = Counter()
    names = []
    for index, cell in enumerate(cells, start=1):
        name = cell or f"column {index}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names
