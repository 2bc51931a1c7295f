"""Tables that are no text: workbooks (XLSX, XLS, ODS), Parquet, and a zip archive of one file. All become a CSV stream.

They are read from their end, so the stream must be seekable. Sizes are looked at before anything is unpacked, and every
member of a workbook is unpacked once to nothing, since an archive may lie about them.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import python_calamine

from broker.kernel.errors import InvalidInput

LARGEST_WORKBOOK = 1 << 30  # bytes of XML in a workbook: it is held in memory; a full sheet of 15 columns has 700 MB
LARGEST_ROW_GROUP = 1 << 30
MOST_ROWS = 50_000_000
LARGEST_EXPANSION = 300  # text packs 5 to 50 times
_EXPANSION_FREE = 64 << 20
_ROWS_A_BLOCK = 20_000
_ROWS_LOOKED_AT = 50  # of each sheet, for an address
_NOT_OURS = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_PK, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
Consumed = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Opened:
    """The text inside a container: how many raw bytes it took so far (None: as many as were read of it), and which
    sheet of a workbook of several it is.
    """

    text: BinaryIO
    consumed: Consumed | None = None
    sheet: str = ""


def open_container(stream: BinaryIO) -> Opened:
    """The stream of text inside `stream`."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    magic = buffered.peek(8)[:8]
    if not magic.startswith((_PK, _OLE, _PARQUET)) or not buffered.seekable():
        return Opened(cast("BinaryIO", buffered))
    consumed = buffered.tell
    if magic.startswith(_PARQUET):
        return Opened(_text(_parquet_rows(cast("BinaryIO", buffered))), consumed)
    if magic.startswith(_OLE):
        return replace(_open_sheet(cast("BinaryIO", buffered)), consumed=consumed)
    return replace(_open_zip(cast("BinaryIO", buffered)), consumed=consumed)


def _open_zip(stream: BinaryIO) -> Opened:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise _damaged() from None
    names = {info.filename for info in archive.infolist()}
    if "[Content_Types].xml" in names or "mimetype" in names:
        _prove_sizes(archive)
        stream.seek(0)
        return _open_sheet(stream)
    members = [info for info in archive.infolist() if not info.is_dir() and not _is_litter(info.filename)]
    if len(members) != 1:
        raise InvalidInput(
            f"The archive holds {len(members)} files; it must hold one. Send them one by one.", code="several_files"
        )
    (member,) = members
    if member.flag_bits & 0x1:
        raise InvalidInput("The archive is locked with a password. Unpack it and send the file.", code="locked_file")
    # A true announcement is enough to know a bomb by; a false one meets the measure while it is read.
    if member.file_size > max(_EXPANSION_FREE, member.compress_size * LARGEST_EXPANSION):
        raise _bomb()
    try:
        inner = io.BufferedReader(cast("io.RawIOBase", _Measured(archive.open(member), member.compress_size)), 1 << 18)
        magic = inner.peek(8)[:8]
        if not magic.startswith((_PK, _OLE, _PARQUET)):
            return Opened(cast("BinaryIO", inner))
        if magic.startswith(_PK) and not member.filename.lower().endswith((".xlsx", ".xlsm", ".ods")):
            raise InvalidInput("The archive holds another archive. Unpack it and send the file.", code="several_files")
        if member.file_size > LARGEST_WORKBOOK:
            raise _bomb()
        return open_container(cast("BinaryIO", io.BytesIO(inner.read())))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise _damaged() from None


def _is_litter(name: str) -> bool:
    return name.startswith(_NOT_OURS[0]) or name.rpartition("/")[2] in _NOT_OURS


class _Measured(io.RawIOBase):
    """A member of an archive, read no further than a table of text could have been packed."""

    def __init__(self, member: object, packed: int) -> None:
        self._member = cast("BinaryIO", member)
        self._most = max(_EXPANSION_FREE, packed * LARGEST_EXPANSION)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._member.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise _damaged() from None
        self._read += len(data)
        if self._read > self._most:
            raise _bomb()
        buffer[: len(data)] = data
        return len(data)


def _prove_sizes(archive: zipfile.ZipFile) -> None:
    """A workbook is opened by a library that trusts it: so it is unpacked here first, to nothing, within bounds."""
    if sum(info.file_size for info in archive.infolist()) > LARGEST_WORKBOOK:
        raise InvalidInput(
            "The workbook is too large to be read as one. Save the sheet as CSV (UTF-8).", code="archive_bomb"
        )
    try:
        for info in archive.infolist():
            if info.flag_bits & 0x1:
                raise InvalidInput("The workbook is locked with a password. Take it off first.", code="locked_file")
            # zipfile gives no more than the size announced, and then proves the checksum.
            with archive.open(info) as member:
                while member.read(1 << 20):
                    pass
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise _damaged() from None


def _open_sheet(stream: BinaryIO) -> Opened:
    """The first visible sheet that has an address in its first rows, or else that has rows at all."""
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(stream)
        sheets = [
            workbook.get_sheet_by_name(sheet.name)
            for sheet in workbook.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible
            and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        filled = [sheet for sheet in sheets if sheet.total_height > 1 or sheet.width > 1]
    except python_calamine.PasswordError:
        raise InvalidInput("The workbook is locked with a password. Take it off first.", code="locked_file") from None
    except (python_calamine.CalamineError, OSError, ValueError):
        raise InvalidInput(
            "The workbook cannot be read: it is damaged, or of another program. Save the sheet as CSV (UTF-8).",
            code="damaged_archive",
        ) from None
    if not filled:
        raise InvalidInput("The workbook has no sheet with rows.", code="empty_file")
    chosen = next((sheet for sheet in filled if _has_address(sheet)), filled[0])
    named = f"{chosen.name} ({sheets.index(chosen) + 1}/{len(sheets)})" if len(sheets) > 1 else ""
    return Opened(_text(_sheet_rows(chosen)), sheet=named)


def _has_address(sheet: python_calamine.CalamineSheet) -> bool:
    rows = sheet.to_python(nrows=_ROWS_LOOKED_AT)
    return any(isinstance(cell, str) and "@" in cell for row in rows for cell in row)


def _sheet_rows(sheet: python_calamine.CalamineSheet) -> Iterator[bytes]:
    """A sheet as CSV; a row keeps its number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\n")
    for number, row in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        writer.writerow([_cell(value) for value in row])
        if number % _ROWS_A_BLOCK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: object) -> str:
    """A cell as a CSV export of the same sheet would say it; a line break would shift the numbers of lines."""
    if isinstance(value, str):
        return " ".join(value.splitlines()) if "\n" in value or "\r" in value else value
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date | time) else "" if isinstance(value, timedelta) else str(value)


def _parquet_rows(stream: BinaryIO) -> Iterator[bytes]:
    """The rows as CSV, a batch at a time; lists become tags."""
    try:
        file = pq.ParquetFile(stream)
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        if file.metadata.num_rows > MOST_ROWS or any(group.total_byte_size > LARGEST_ROW_GROUP for group in groups):
            raise _bomb()
        header = ";".join(_quoted(name) for name in file.schema_arrow.names)
        yield header.encode() + b"\n"
        for batch in file.iter_batches(_ROWS_A_BLOCK):
            columns = [_as_text(column) for column in batch.columns]
            sink = io.BytesIO()
            pacsv.write_csv(
                pa.Table.from_arrays(columns, [f"c{number}" for number in range(len(columns))]),
                sink,
                pacsv.WriteOptions(include_header=False, delimiter=";"),
            )
            yield sink.getvalue()
    except (pa.ArrowException, OSError):
        raise InvalidInput(
            "The Parquet file cannot be read: it is damaged or holds columns that no table of people has.",
            code="damaged_archive",
        ) from None


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        text = pc.binary_join(column.cast(pa.list_(pa.string())), "|")
    elif pa.types.is_boolean(kind):
        text = pc.if_else(column, "oui", "non")
    elif pa.types.is_timestamp(kind):
        text = pc.strftime(column, format="%Y-%m-%d %H:%M:%S").cast(pa.string())
        text = pc.replace_substring_regex(text, r"\.\d+$", "")
    else:
        text = column.cast(pa.string())
    return pc.replace_substring_regex(pc.fill_null(text, ""), r"[\r\n]+", " ")


def _quoted(name: str) -> str:
    flat = " ".join(name.split()).replace('"', '""')
    return f'"{flat}"'


class _Text(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._held:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._held = memoryview(block)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def _text(blocks: Iterator[bytes]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Text(blocks), 1 << 18))


def _damaged() -> InvalidInput:
    return InvalidInput("The archive is damaged or cut short. Send it again.", code="damaged_archive")


def _bomb() -> InvalidInput:
    return InvalidInput(
        "The file grows beyond all measure when unpacked; it was not read further.", code="archive_bomb"
    )
