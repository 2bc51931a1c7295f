"""`courtier segment count` on files: encodings, separators, types by value, sentences."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from broker.audience.count_file import count_file, given_rule
from broker.kernel.errors import InvalidInput
from broker.operate.cli import Invocation
from broker.operate.commands.segment import command

TODAY = date(2026, 11, 21)
FRENCH = """Prénom;sexe;code postal;naissance;panier;inscrit;teinte
Zoé;F;01000;29/02/2000;12,50;true;châtain
 Léa ;F;75011;01/01/1990;3;false;
Max;H;75012;;100,00;true;gris
"""


def counted(path: Path, text: str) -> int:
    rule, places = given_rule(text)
    return count_file(path, rule, places, TODAY, 256, 1).count


@pytest.fixture(params=["utf-8", "utf-8-sig", "cp1252"])
def french(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(FRENCH, encoding=request.param)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 3),
        ("sexe = F", 2),
        ("Prénom = Zoé", 1),
        ("prénom = Léa", 1),
        ('"code postal" = 01000', 1),
        ('"code postal" starts with 75', 2),
        ("naissance < 1995-01-01", 1),
        ("naissance is missing", 1),
        ("panier >= 12.5", 2),
        ("inscrit = true", 2),
        ("teinte != gris", 2),
        ("not teinte in (gris, châtain)", 1),
    ],
)
def test_a_french_spreadsheets_file_is_read_as_meant(french: Path, text: str, expected: int) -> None:
    assert counted(french, text) == expected


def test_commas_tabs_quotes_and_line_breaks_in_values(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('name,note,n\n"Doe, J.","two\nlines",1\nRoe,,2\n')
    assert counted(path, 'name = "Doe, J." and n = 1') == 1
    path.write_text("name\tn\nx\t-1.5\ny\t2\n")
    assert counted(path, "n < 0") == 1


def test_ages_follow_from_a_birth_date_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("birth_date,gender\n2008-11-21,F\n2008-11-22,F\n1991-01-01,M\n")
    assert counted(path, "age >= 18") == 2
    assert counted(path, "gender = F and age between 15 and 35") == 2


def test_a_column_named_like_a_derived_field_goes_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("birth_date,age\n2000-01-01,99\n")
    assert counted(path, "age = 99") == 1


def test_parquet_files_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    pq.write_table(
        pa.table({"n": [1.5, None, float("nan")], "g": pa.array(["F", "M", None]).dictionary_encode()}), path
    )
    assert counted(path, "n > 1") == 1
    assert counted(path, "n is missing") == 2
    assert counted(path, "g != F") == 2


def test_marks_for_nothing_are_missing_beside_numbers_and_days_and_text_beside_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "n,when,country,code\n1e3,2011-12-01 08:26:00,NA,+33\nNA,?,FR,+34\n-2.5,2012-01-01T00:00:00Z,DE,1\n"
    )
    assert counted(path, "n >= 1000") == 1
    assert counted(path, "n is missing") == 1
    assert counted(path, "when = 2011-12-01") == 1
    assert counted(path, "when is missing") == 1
    assert counted(path, "country = NA") == 1
    assert counted(path, 'code = "+33"') == 1


def test_a_file_with_headers_only_counts_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("gender;age\n")
    assert counted(path, "gender = F") == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary", "neither a CSV nor a Parquet"),
        (b"PAR1 damaged", "damaged Parquet"),
        (b"a;b\n1;2;3\n", "as a table"),
    ],
)
def test_unreadable_files_get_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=says) as caught:
        counted(path, "all")
    assert caught.value.code == "unreadable_file"


def test_the_command_prints_json_and_takes_a_rule_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("gender,age\nF,20\nM,40\n")
    rule = tmp_path / "rule.json"
    rule.write_text(json.dumps({"op": "and", "rules": [{"op": "=", "field": "gender", "value": "F"}]}))
    done = CliRunner().invoke(command, ["count", str(path), str(rule), "--json"], obj=Invocation(None))
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert told["count"] == 1
    assert set(told) == {"count", "seconds"}


@pytest.mark.parametrize("content", ["{", '{"op": "nope"}', "[]"])
def test_a_bad_rule_file_gets_a_sentence(tmp_path: Path, content: str) -> None:
    rule = tmp_path / "rule.json"
    rule.write_text(content)
    with pytest.raises(InvalidInput) as caught:
        given_rule(str(rule))
    assert caught.value.code == "bad_rule"
    with pytest.raises(InvalidInput, match="cannot be read"):
        given_rule(str(tmp_path / "missing.json"))
