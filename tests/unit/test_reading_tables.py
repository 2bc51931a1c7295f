"""Files as owners send them become rows with the right line numbers, or are refused with a sentence."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.bases.read_table import TableReader
from broker.bases.split_records import cut_records
from broker.kernel.errors import InvalidInput


def read(data: bytes) -> tuple[TableReader, list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """The reader, (line, cells) of each row, (line, code) of what is no row."""
    reader = TableReader(io.BytesIO(data))
    rows, broken = [], []
    for block in reader.blocks():
        cells = zip(*(column.to_pylist() for column in block.table.columns), strict=True)
        rows += [(int(line), list(row)) for line, row in zip(block.lines, cells, strict=True)]
        broken += [(item.line, item.code) for item in block.broken]
    return reader, rows, broken


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_accents_survive_every_encoding(encoding: str) -> None:
    _, rows, _ = read("email;prénom\r\na@b.fr;Zoé\r\n".encode(encoding))
    assert rows == [(2, ["a@b.fr", "Zoé"])]


def test_the_encoding_is_named() -> None:
    assert read("email;n\na@b.fr;é\n".encode())[0].encoding == "utf-8"
    assert read("email;n\na@b.fr;é€\n".encode("cp1252"))[0].encoding == "cp1252"
    assert read("email;n\na@b.fr;é\n".encode("utf-16"))[0].encoding == "utf-16-le"


def test_an_ascii_beginning_is_settled_by_the_first_byte_that_is_not() -> None:
    head = b"email;nom\n" + b"a@b.fr;abc\n" * 120_000
    reader, rows, _ = read(head + "x@y.fr;Zoé\n".encode("cp1252"))
    assert reader.encoding == "cp1252"
    assert rows[-1] == (120_002, ["x@y.fr", "Zoé"])


def test_one_cp1252_byte_inside_utf8_text_is_mended_and_counted() -> None:
    late = b"a@b.fr;abc\n" * 120_000
    reader, rows, _ = read("email;nom\nx@y.fr;Zoé\n".encode() + late + b"z@y.fr;Lo\xefc\n")
    assert rows[0][1][1] == "Zoé"
    assert rows[-1][1][1] == "Loïc"
    assert reader.source.mixed_encoding == 1


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_separator_is_found(delimiter: str) -> None:
    rows = [["email", "nom", "ville"], ["a@b.fr", "Le, Gall; x", "Brest"], ["c@d.fr", "b|c", "Lyon"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    reader, read_rows, _ = read(buffer.getvalue().encode())
    assert reader.delimiter == delimiter
    assert [cells for _, cells in read_rows] == rows[1:]


def test_excels_separator_hint_is_followed() -> None:
    reader, rows, _ = read(b"sep=|\r\nemail|nom\r\na@b.fr|x;y\r\n")
    assert (reader.delimiter, rows) == ("|", [(3, ["a@b.fr", "x;y"])])


def test_quoted_newlines_keep_line_numbers_right() -> None:
    _, rows, _ = read(b'email;rue\na@b.fr;"1 rue\nBat. B\n3e"\nc@d.fr;x\n\n\ne@f.fr;y')
    assert [line for line, _ in rows] == [2, 5, 8]
    assert rows[0][1][1] == "1 rue\nBat. B\n3e"


def test_empty_lines_are_no_rows_and_leading_ones_no_header() -> None:
    reader, rows, _ = read(b"\r\n  \r\nemail;nom\r\n\r\na@b.fr;x\r\n   \r\n")
    assert reader.headers == ["email", "nom"]
    assert rows == [(5, ["a@b.fr", "x"])]


def test_an_unclosed_quote_costs_its_own_row_only() -> None:
    _, rows, broken = read(b'email;nom\na@b.fr;"oops\nc@d.fr;fine\ne@f.fr;"good one"\n')
    assert broken == [(2, "unbalanced_quote")]
    assert [cells[0] for _, cells in rows] == ["c@d.fr", "e@f.fr"]


def test_an_unclosed_quote_in_a_long_file_does_not_swallow_it() -> None:
    body = b"".join(b"p%d@b.fr;x\n" % number for number in range(300_000))
    _, rows, broken = read(b'email;nom\nbad@b.fr;"oops\n' + body)
    assert len(rows) == 300_000
    assert broken == [(2, "unbalanced_quote")]


def test_an_inch_mark_is_text() -> None:
    assert read(b'email;ecran\na@b.fr;24" plat\nc@d.fr;27"\n')[1][0] == (2, ["a@b.fr", '24" plat'])


def test_short_rows_are_filled_and_counted_long_ones_marked() -> None:
    reader = TableReader(io.BytesIO(b"email;nom;ville\na@b.fr\nb@b.fr;x;y;z\nc@b.fr;x;y;\n" + b"d@b.fr;x;y\n" * 3))
    (block,) = [block for block in reader.blocks() if block.table.num_rows]
    assert block.padded == 1
    assert block.too_many.tolist() == [False, True, False, False, False, False]
    assert block.lines.tolist() == [2, 3, 4, 5, 6, 7]


def test_trailing_separators_on_rows_alone_are_no_fault() -> None:
    _, rows, broken = read(b"email;nom\na@b.fr;x;\nc@d.fr;y;\n")
    assert [cells[:2] for _, cells in rows] == [["a@b.fr", "x"], ["c@d.fr", "y"]]
    assert not broken


def test_old_mac_line_ends_and_stray_returns() -> None:
    assert [line for line, _ in read(b"email,nom\ra@b.fr,x\rc@d.fr,y")[1]] == [2, 3]
    assert read(b"email;nom\r\na@b.fr;x\ry\r\n")[1] == [(2, ["a@b.fr", "x y"])]


def test_a_line_of_many_megabytes_is_one_broken_row() -> None:
    _, rows, broken = read(b"email;nom\na@b.fr;x\n" + b"y" * 7_000_000 + b"\nc@d.fr;z\n")
    assert [line for line, _ in rows] == [2, 4]
    assert broken == [(3, "line_too_long")]


def test_gzip_is_read_and_a_bomb_is_not() -> None:
    assert read(gzip.compress(b"email;nom\na@b.fr;x\n"))[1] == [(2, ["a@b.fr", "x"])]
    bomb = gzip.compress(b"email;nom\n" + b"a@b.fr;" + b"x" * 90_000_000 + b"\n")
    with pytest.raises(InvalidInput) as refusal:
        read(bomb)
    assert refusal.value.code == "archive_bomb"
    for nothing in (b"0", b"\0"):  # neither a first line without an end nor zeros are what such a file suffers from
        with pytest.raises(InvalidInput) as refusal:
            read(gzip.compress(nothing * 90_000_000))
        assert refusal.value.code == "archive_bomb"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\0" * 5000, "not_a_table"),
        (bytes(range(256)) * 200, "not_a_table"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "not_a_table"),
        (b"PK\x03\x04rest", "damaged_archive"),
        (b"PAR1rest", "damaged_archive"),
        (b"x" * 3_000_000, "no_header"),
        (b"a@b.fr;Dupont\nc@d.fr;Martin\n", "no_header"),
        (b";".join(b"c%d" % number for number in range(5000)) + b"\n", "too_many_columns"),
        (gzip.compress(b"email;nom\n" * 1000, mtime=0)[:-20], "damaged_archive"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(data)
    assert refusal.value.code == code
    assert refusal.value.sentence.endswith(".")


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from(['"', ";", "\n"]), max_size=12
)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS).filter(lambda row: any(cell.strip() for cell in row)), max_size=12))
def test_whatever_a_csv_writer_quotes_comes_back(rows: list[tuple[str, str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("email", "b", "c"))
    writer.writerows(rows)
    _, read_rows, broken = read(buffer.getvalue().encode())
    assert not broken
    assert [tuple(cells) for _, cells in read_rows] == rows


@given(st.binary(max_size=300))
def test_no_bytes_make_the_splitter_lose_or_repeat_any(data: bytes) -> None:
    cut = cut_records(data, ord(";"), final=True)
    covered = [(int(start), int(end)) for start, end in zip(cut.starts, cut.ends, strict=True)]
    covered += [(start, end) for start, end, _, _ in cut.broken]
    last = 0
    for start, end in sorted(covered):
        assert last <= start <= end
        assert not data[last:start].strip(b"\r\n")
        last = end
    assert not data[last:].strip(b"\r\n")
