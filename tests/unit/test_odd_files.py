"""Files as they really arrive: mixed encodings and line ends, titles above the header, what is no table at all."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from broker.bases.check import CheckResult, check_file
from broker.kernel.errors import InvalidInput
from broker.kernel.safe_csv import SafeWriter, harmless

TODAY = date(2026, 11, 22)
TABLE = "Email;Nom;Prénom\na@boite.fr;Noël;Zoé\nb@boite.fr;Durand;Élodie\n"


def check(tmp_path: Path, data: bytes, rejects: Path | None = None) -> CheckResult:
    file = tmp_path / "file.csv"
    file.write_bytes(data)
    return check_file(file, None, rejects, today=TODAY)


def test_a_few_lines_of_cp1252_do_not_turn_a_file_of_utf_8_into_cp1252(tmp_path: Path) -> None:
    result = check(tmp_path, TABLE.encode() + "c@boite.fr;Hervé;x\n".encode("cp1252"))
    assert (result.encoding, result.accepted) == ("utf-8", 3)
    assert result.columns["Prénom"] == "first_name"
    assert result.normalised["mixed_encoding_bytes"] == 1


def test_line_ends_of_three_systems_in_one_file_are_ends_of_lines(tmp_path: Path) -> None:
    result = check(tmp_path, b"Email;Nom\r\na@b.fr;x\nb@b.fr;y\r\n\r\n\nc@b.fr;z\rd@b.fr;w\r\n")
    assert (result.rows, result.accepted) == (4, 4)


def test_a_carriage_return_inside_a_cell_ends_no_line(tmp_path: Path) -> None:
    result = check(tmp_path, b"Email;Nom;CP\na@b.fr;Du\rpont;75002\nb@b.fr;y;75002\n")
    assert (result.rows, result.accepted) == (2, 2)


def test_titles_above_the_column_names_are_skipped_and_counted(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    data = b"Export clients du 12/03/2024\n\nEmail;Nom;CP\na@b.fr;x;75002\nno address;y;75002\n"
    result = check(tmp_path, data, rejects)
    assert (result.accepted, result.normalised["title_lines_skipped"]) == (1, 2)
    assert rejects.read_text(encoding="utf-8-sig").splitlines()[1].startswith("5;invalid_email;")


def test_a_single_column_above_wider_rows_is_no_title(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="column"):
        check(tmp_path, b"liste\na@b.fr;x;75002\nb@b.fr;y;75002\n")


def test_nul_bytes_become_blanks_and_are_counted(tmp_path: Path) -> None:
    result = check(tmp_path, b"Email;Nom\na@b.fr;x\0y\n")
    assert (result.accepted, result.normalised["nul_bytes"]) == (1, 1)


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, TABLE)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "empty_file", "empty"),
        (b"\n \n\n", "empty_file", "blank lines only"),
        (codecs.BOM_UTF8, "empty_file", "blank lines only"),
        (bytes(70_000), "not_a_table", "nothing but zeros"),
        (b"Email;Nom\n", "no_rows", "no rows"),
        (b'[{"email": "a@b.fr"}]', "not_a_table", "JSON"),
        (b'{"email": "a@b.fr"}\n{"email": "b@b.fr"}\n', "not_a_table", "JSON"),
        (b'<?xml version="1.0"?><a/>', "not_a_table", "XML"),
        (b"<html><table><tr><td>Email</td></tr></table>", "not_a_table", "HTML"),
        (b"INSERT INTO users VALUES ('a@b.fr');\n", "not_a_table", "SQL"),
        (b"BEGIN:VCARD\nEMAIL:a@b.fr\n", "not_a_table", "address book"),
        (TABLE.encode("utf-32"), "not_a_table", "UTF-32"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged_archive", "workbook"),
        (archive(), "not_a_table", "without a file"),
        (archive("a.csv", "b.csv"), "several_files", "2 files"),
        (gzip.compress(TABLE.encode() * 50, mtime=0)[:-20], "damaged_archive", "cut short"),
        ((";".join(f"c{n}" for n in range(5_000)) + "\n").encode(), "too_many_columns", "5,000 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(tmp_path: Path, data: bytes, code: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        check(tmp_path, data)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "cell",
    ["=cmd|' /C calc'!A0", "@SUM(1)", "+bad()", "-1+2", "\t=1", "\r=1", " =1", "＝1+1", "\ufeff=1", "-cmd", "\n=1"],
)
def test_no_cell_is_left_that_a_spreadsheet_would_compute(cell: str) -> None:
    buffer = io.StringIO()
    SafeWriter(buffer, delimiter=";").writerow((1, cell))
    assert harmless(cell) == f"'{cell}"
    assert "'" in buffer.getvalue()


@pytest.mark.parametrize("cell", ["+33 6 12 34 56 78", "-12,50", "- ", "", "Dupont", "a=b", "-1.234,50"])
def test_numbers_and_words_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell
