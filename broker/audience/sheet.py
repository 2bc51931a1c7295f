"""A CSV or Parquet file as a table that rules can be counted on, without a database."""

from __future__ import annotations

import codecs
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from broker.kernel.errors import InvalidInput

_SAMPLE = 1 << 20
_DAYS = (  # how a column may write days, and how each turns into an ISO one
    (r"^(\d{4}-\d\d-\d\d)([ T]\d\d:\d\d(:\d\d([.]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$", r"\1"),
    (r"^(\d\d)/(\d\d)/(\d{4})$", r"\3-\2-\1"),
)
_NUMBER = r"^-?\d{1,15}([.,]\d+)?([eE][-+]?\d{1,2})?$"
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
    if b"\0" in head:
        raise _fault(path, "is neither a CSV nor a Parquet file")
    encoding = _encoding(path)
    first = head.decode(encoding, "replace").lstrip("\ufeff").splitlines()[0]
    delimiter = max(";,\t|", key=first.count)
    try:
        read = pcsv.ReadOptions(encoding=encoding, block_size=16 << 20)
        form = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        names = pcsv.open_csv(path, read_options=read, parse_options=form).schema.names
        if len(set(names)) < len(names):
            raise _fault(path, "has two columns of one name")
        convert = pcsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        table = pcsv.read_csv(path, read_options=read, parse_options=form, convert_options=convert)
    except pa.ArrowInvalid as error:
        raise _fault(path, f"cannot be read as a table: {_shortened(str(error))}") from None
    columns = [_typed(column.combine_chunks()) for column in table.columns]
    return pa.table(columns, names=[name.strip().lstrip("\ufeff") for name in table.column_names])


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


def _typed(texts: pa.Array) -> pa.Array:
    """Numbers, days or truth values if all values of a column are; else text in composed form, without outer blanks."""
    if isinstance(texts, pa.ChunkedArray):  # an empty table has no chunk to combine
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    texts = pc.utf8_normalize(pc.utf8_trim_whitespace(texts), form="NFC")
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    plain = pc.if_else(pc.is_in(texts, value_set=pa.array(_NOTHING)), pa.scalar(None, pa.string()), texts)
    if plain.null_count == len(plain):
        return texts
    if _all(plain, _NUMBER) and not pc.any(pc.match_substring_regex(plain, _CODE)).as_py():
        return _numbers(pc.replace_substring(plain, ",", "."))
    for form, iso in _DAYS:
        if _all(plain, form):
            try:
                return pc.cast(pc.replace_substring_regex(plain, form, iso), pa.date32())
            except pa.ArrowInvalid:
                return texts
    lowered = pc.utf8_lower(plain)
    if pc.all(pc.is_in(lowered, value_set=pa.array(["true", "false"]))).as_py():
        return pc.equal(lowered, "true")
    return texts


def _numbers(texts: pa.Array) -> pa.Array:
    whole = not pc.any(pc.match_substring_regex(texts, "[.eE]")).as_py()
    return pc.cast(texts, pa.int64() if whole else pa.float64())


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _shortened(message: str) -> str:
    """The reader's message without the row it quotes."""
    return message.split(": ", 1)[-1].split(". Row")[0].split("\n")[0][:120].rstrip(".")


def _fault(path: Path, why: str) -> InvalidInput:
    return InvalidInput(f"The file {path.name} {why}.", code="unreadable_file", field="source")
