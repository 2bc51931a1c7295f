"""Workbooks, Parquet and archives are read like the CSV file they stand for; what lies about its size is not."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rustpy_xlsxwriter
from cryptography.exceptions import InvalidTag

from broker.bases.check import check_file
from broker.bases.open_container import open_container
from broker.kernel.errors import IntegrityFault, InvalidInput
from broker.vault.open_anywhere import JoinedStreams, SeekableOpening
from broker.vault.seal import CHUNK_LENGTH, SealingWriter
from tests.unit.rings import worker_ring

TODAY = date(2026, 1, 5)
CSV = "email;nom;cp;date de naissance\na@b.example;Durand;75011;1980-02-01\nb@b.example;Le Gall;1000;1990-03-04\n"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/", 1) if name.startswith("dir") else name, data)
    return buffer.getvalue()


def workbook(path: Path) -> bytes:
    rows = [
        {"email": "a@b.example", "nom": "Durand", "cp": 75011, "date de naissance": date(1980, 2, 1)},
        {"email": "b@b.example", "nom": "Le\nGall", "cp": 1000, "date de naissance": date(1990, 3, 4)},
    ]
    rustpy_xlsxwriter.write_worksheet(rows, str(path))
    return path.read_bytes()


def parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table(
        {
            "email": ["a@b.example", "b@b.example"],
            "nom": pa.array(["Durand", "Le Gall"]).dictionary_encode(),
            "cp": ["75011", "01000"],
            "date de naissance": [date(1980, 2, 1), date(1990, 3, 4)],
            "intérêts": [["golf", "voile"], None],
            "fidèle": [True, None],
            "vu le": [datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), None],
            "taille": [1.5, None],
        }
    )
    pq.write_table(table, sink)
    return sink.getvalue()


def read(tmp_path: Path, data: bytes) -> tuple[int, int, dict[str, str]]:
    path = tmp_path / "file"
    path.write_bytes(data)
    result = check_file(path, today=TODAY)
    return result.accepted, result.rejected, result.columns


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "zip", "zipped xlsx"])
def test_every_format_gives_the_same_people(tmp_path: Path, kind: str) -> None:
    data = {
        "csv": CSV.encode(),
        "xlsx": workbook(tmp_path / "w.xlsx"),
        "parquet": parquet(),
        "zip": zipped(**{"base.csv": CSV.encode(), "__MACOSX/._base.csv": b"x", ".DS_Store": b"y"}),
        "zipped xlsx": zipped(**{"base.xlsx": workbook(tmp_path / "w.xlsx")}),
    }[kind]
    accepted, rejected, columns = read(tmp_path, data)
    assert (accepted, rejected) == (2, 0)
    assert [columns[name] for name in ("email", "nom", "cp", "date de naissance")] == [
        "email", "last_name", "postcode", "birth_date",
    ]  # fmt: skip


def test_cells_are_written_as_a_csv_export_would(tmp_path: Path) -> None:
    for data, second in (
        (workbook(tmp_path / "w.xlsx"), ["b@b.example", "Le Gall", "1000", "1990-03-04"]),
        (parquet(), ["b@b.example", "Le Gall", "01000", "1990-03-04", "", "", "", ""]),
    ):
        opened = open_container(io.BytesIO(data))
        stream, consumed = opened.text, opened.consumed
        rows = list(csv.reader(io.TextIOWrapper(stream, "utf-8"), delimiter=";"))
        assert rows[2] == second
        assert consumed is not None
        assert consumed() > 0
    assert rows[1][4:] == ["golf|voile", "oui", "2025-01-02 03:04:05", "1.5"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(**{"a.csv": b"email\n", "b.csv": b"email\n"}), "several_files"),
        (zipped(**{"a.zip": zipped(**{"a.csv": b"email\n"})}), "several_files"),
        (zipped(**{"a.csv": CSV.encode() * 50})[:-60], "damaged_archive"),
        (zipped(**{"a.csv": b"email\n" + b"\n" * (70 << 20)}), "archive_bomb"),
        (zipped(**{"a.csv": b"0" * (70 << 20)}), "archive_bomb"),
        (zipped(**{"[Content_Types].xml": b"<x/>"}), "damaged_archive"),
        (b"PAR1" + b"x" * 90, "damaged_archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 900, "damaged_archive"),
    ],
)
def test_what_cannot_be_read_is_said_so(tmp_path: Path, data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(tmp_path, data)
    assert refusal.value.code == code


def test_a_workbook_that_lies_about_its_size_is_not_opened(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"[Content_Types].xml": b" " * 1_000_000}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    with pytest.raises(InvalidInput) as refusal:
        read(tmp_path, bytes(data))
    assert refusal.value.code == "damaged_archive"


KEYS = worker_ring()


def sealed(data: bytes, info: str) -> io.BytesIO:
    file = io.BytesIO()
    with SealingWriter(KEYS.front, file, info) as writer:
        writer.write(data)
    file.seek(0)
    return file


@pytest.mark.parametrize("size", [1, CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 3 * CHUNK_LENGTH])
def test_a_sealed_stream_opens_at_any_place(size: int) -> None:
    data = bytes(number * 7 % 251 for number in range(size))
    stream = io.BufferedReader(JoinedStreams([SeekableOpening(KEYS, sealed(data, "a"), "a") for _ in range(2)]))
    both = data + data
    assert stream.read() == both
    for place in (0, size - 1, size, size + 1, 2 * size - 1):
        stream.seek(place)
        assert stream.read(70_000) == both[place : place + 70_000]
    stream.seek(-1, io.SEEK_END)
    assert stream.read() == both[-1:]


@pytest.mark.parametrize("cut", [1, CHUNK_LENGTH + 16, 2 * (CHUNK_LENGTH + 16)])
def test_a_shortened_or_changed_stream_does_not_open(cut: int) -> None:
    raw = sealed(b"x" * (3 * CHUNK_LENGTH), "a").getvalue()
    with pytest.raises((IntegrityFault, InvalidTag)):
        SeekableOpening(KEYS, io.BytesIO(raw[:-cut]), "a")
    with pytest.raises(IntegrityFault):
        SeekableOpening(KEYS, io.BytesIO(raw), "b")
    stream = SeekableOpening(KEYS, io.BytesIO(raw[:500] + bytes([raw[500] ^ 1]) + raw[501:]), "a")
    with pytest.raises(IntegrityFault):
        stream.read(10)


def test_of_several_sheets_the_one_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    sheets = [
        ("Notice", [{"lisez": "le fichier"}]),
        ("Clients", [{"Email": "a@boite.fr", "Naissance": date(1980, 12, 31)}]),
        ("Autres", [{"Email": "b@boite.fr"}]),
    ]
    rustpy_xlsxwriter.write_worksheets(sheets, str(path))
    result = check_file(path, today=TODAY)
    assert (result.accepted, result.sheet, result.summary()["sheet"]) == (1, "Clients (2/3)", "Clients (2/3)")
