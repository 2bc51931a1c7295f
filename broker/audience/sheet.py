"""A CSV or Parquet file as a table that rules can be counted on, without a database."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from broker.kernel.errors import InvalidInput

_SAMPLE = 1 << 20
_TIME = r"(?:[ T]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
_ISO = rf"^(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_TIME}$"
_DAY_FIRST = rf"^(?P<d>\d{{1,2}})[-/.](?P<m>\d{{1,2}})[-/.](?P<y>\d{{4}}){_TIME}$"
_MONTH_FIRST = rf"^(?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})[-/.](?P<y>\d{{4}}){_TIME}$"
_NUMBER = r"^-?(\d{1,15}([.,]\d*)?|[.,]\d+)([eE][-+]?\d{1,2})?$"
# Groups of three: English (1,234.5), French (1 234,5 with any of the blanks in use) and German or Italian (1.234,5).
_GROUPED = (
    (r"^-?(\d{1,3}(,\d{3}){1,4}|\d{1,15})([.]\d+)?$", r",", "."),
    ("^-?(\\d{1,3}([ '\u2019\u00a0\u202f]\\d{3}){1,4}|\\d{1,15})([.,]\\d+)?$", "[ '\u2019\u00a0\u202f]", ","),
    (r"^-?(\d{1,3}([.]\d{3}){1,4}|\d{1,15})(,\d+)?$", r"[.]", ","),
)
_NOTHING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\\N", "?")  # missing, in a column of numbers or days
_CODE = r"^-?0\d"  # a leading zero makes a code (01000), not a number


def attach_sheet(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Make the rows of a file known to DuckDB and return the name. Raises `unreadable_file` with a sentence.

    A CSV file's columns are typed by their values; a Parquet file keeps its own types.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_SAMPLE)
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from None
    if head[:4] == b"PAR1":
        place = str(path.absolute()).replace("'", "''")
        try:
            connection.execute(f"CREATE VIEW sheet AS SELECT * FROM read_parquet('{place}')")  # noqa: S608 - quoted
        except duckdb.Error:
            raise _fault(path, "is a damaged Parquet file") from None
    else:
        connection.register("sheet_rows", _read_csv(path, head))
        connection.execute("CREATE TABLE sheet AS SELECT * FROM sheet_rows")
        connection.unregister("sheet_rows")
    return "sheet"


def _read_csv(path: Path, head: bytes) -> pa.Table:
    if not head.strip():
        raise _fault(path, "is empty")
    wide = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if b"\0" in head and not wide:
        raise _fault(path, "is neither a CSV nor a Parquet file")
    encoding = "utf-16" if wide else _encoding(path)
    lines = head.decode(encoding, "replace").lstrip("\ufeff").splitlines()
    told = lines[0].strip().lower().removeprefix('"').removesuffix('"') if lines else ""
    skipped = 1 if told.startswith("sep=") and len(told) == 5 else 0  # as spreadsheets begin a file
    header = next((line for line in lines[skipped:] if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", header)
    delimiter = told[4] if skipped else max(";,\t|", key=unquoted.count)
    if not skipped and delimiter not in unquoted:  # a single column: a comma outside quotes is a decimal one
        delimiter = ";" if "," in re.sub(r'"[^"]*"', "", "".join(lines[:1_000])) else ","
    try:
        read = pcsv.ReadOptions(encoding=encoding, block_size=16 << 20, skip_rows=skipped)
        form = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        names = _distinct(pcsv.open_csv(path, read_options=read, parse_options=form).schema.names)
        read.column_names, read.skip_rows_after_names = names, 1
        convert = pcsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        table = pcsv.read_csv(path, read_options=read, parse_options=form, convert_options=convert)
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise _fault(path, f"cannot be read as a table: {_shortened(str(error))}") from None
    columns = [_typed(column.combine_chunks(), delimiter) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _distinct(names: list[str]) -> list[str]:
    """Names as rules may use them: an empty one is the column's number, a repeated one gets a number behind."""
    found: list[str] = []
    taken: set[str] = set()
    for place, raw in enumerate(names, start=1):
        name = unicodedata.normalize("NFC", raw.strip().lstrip("\ufeff").strip()) or f"column {place}"
        number, fresh = 1, name
        while fresh.casefold() in taken:
            number += 1
            fresh = f"{name}_{number}"
        taken.add(fresh.casefold())
        found.append(fresh)
    return found


def _encoding(path: Path) -> str:
    """UTF-8 if all of it is, else the Windows code page that French spreadsheets write."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(1 << 22):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _typed(texts: pa.Array, delimiter: str) -> pa.Array:
    """Numbers, days or truth values if all values of a column are; else text in composed form, without outer blanks."""
    if isinstance(texts, pa.ChunkedArray):  # an empty table has no chunk to combine
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    texts = pc.utf8_normalize(pc.utf8_trim_whitespace(texts), form="NFC")
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    plain = pc.if_else(pc.is_in(texts, value_set=pa.array(_NOTHING)), pa.scalar(None, pa.string()), texts)
    if plain.null_count == len(plain):
        return texts
    if not pc.any(pc.match_substring_regex(plain, _CODE)).as_py():
        numbers = _as_numbers(plain, delimiter)
        if numbers is not None:
            return numbers
    days = _as_days(plain)
    if days is not None:
        return days
    lowered = pc.utf8_lower(plain)
    if pc.all(pc.is_in(lowered, value_set=pa.array(["true", "false"]))).as_py():
        return pc.equal(lowered, "true")
    return texts


def _as_numbers(plain: pa.Array, delimiter: str) -> pa.Array | None:
    """The numbers that all texts are, or None. In a file of commas a comma with three digits behind it groups
    thousands (1,234); in others it is the decimal sign (1,234 is a little more than 1)."""
    commas = pc.any(pc.match_substring(plain, ",")).as_py()
    if _all(plain, _NUMBER) and not (commas and delimiter == "," and _all(plain, _GROUPED[0][0])):
        return _numbers(pc.replace_substring(plain, ",", "."))
    for form, groups, decimal in _GROUPED:
        if _all(plain, form):
            return _numbers(pc.replace_substring(pc.replace_substring_regex(plain, groups, ""), decimal, "."))
    return None


def _as_days(plain: pa.Array) -> pa.Array | None:
    """The days that all texts are, or None. 03/04/2026 is the 3rd of April, unless another value of the column says
    that months come first."""
    for form in (_ISO, _DAY_FIRST, _MONTH_FIRST):
        if not _all(plain, form):
            continue
        parts = pc.extract_regex(plain, form)
        fields = {name: pc.struct_field(parts, name) for name in ("y", "m", "d")}
        iso = pc.binary_join_element_wise(
            fields["y"], pc.utf8_lpad(fields["m"], 2, "0"), pc.utf8_lpad(fields["d"], 2, "0"), "-"
        )
        try:
            return pc.cast(iso, pa.date32())
        except pa.ArrowInvalid:  # no such day: the next form
            continue
    return None


def _numbers(texts: pa.Array) -> pa.Array:
    whole = not pc.any(pc.match_substring_regex(texts, "[.eE]")).as_py()
    return pc.cast(texts, pa.int64() if whole else pa.float64())


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _shortened(message: str) -> str:
    """The reader's message without the row it quotes: which line, how many fields it expected and got."""
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if found:
        line = f"line {found[1]} has" if found[1] else "a line has"
        return f"{line} {found[3]} fields where the header has {found[2]}"
    return message.split(": ", 1)[-1].split(". Row")[0].split("\n")[0][:120].rstrip(".")


def _fault(path: Path, why: str) -> InvalidInput:
    return InvalidInput(f"The file {path.name} {why}.", code="unreadable_file", field="source")
