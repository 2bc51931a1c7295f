"""`courtier base`: mapping files, what is read otherwise than guessed, and options that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.operate.cli import run


def checked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert run(["base", "check", *arguments, "--json"]) == 0
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.csv"
    path.write_bytes("Mél|Nom;Surnom\na@gmail.com|Léa;Lé\n".encode("cp1252"))
    return path


def test_a_mapping_file_names_columns_and_map_wins_over_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = tmp_path / "columns.json"
    columns.write_text('{"Mél": "email", "Nom;Surnom": "trait:who"}', "utf-8")
    arguments = [str(file), "--mapping", str(columns), "--separator", "|"]
    assert checked(arguments, capsys)["columns"] == {"Mél": "email", "Nom;Surnom": "trait:who"}
    assert checked([*arguments, "--map", "Nom;Surnom=last_name"], capsys)["columns"] == {
        "Mél": "email", "Nom;Surnom": "last_name",
    }  # fmt: skip


def test_a_separator_and_an_encoding_given_are_taken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = checked([str(file), "--separator", "|", "--encoding", "latin-1"], capsys)
    assert (result["delimiter"], result["encoding"]) == ("|", "latin-1")


@pytest.mark.parametrize("content", ["[1]", "{", '{"Mél": 3}'])
def test_a_mapping_file_of_another_shape_is_a_sentence(
    file: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = tmp_path / "columns.json"
    columns.write_text(content)
    assert run(["base", "check", str(file), "--mapping", str(columns)]) == 1
    assert "(bad_mapping)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--base", "b"], ["f.csv", "--base", "b", "--resume"], ["--base", "b", "--resume", "--map", "a=email"]],
)
def test_a_file_or_resume_and_never_both(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["base", "import", *arguments]) == 2
    assert "resume" in capsys.readouterr().err


def test_rejects_are_not_written_over_the_file_itself(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    assert run(["base", "check", str(file), "--rejects", str(file)]) == 1
    assert "(bad_option)" in capsys.readouterr().err
    assert run(["base", "import", str(file), "--base", "b", "--rejects", str(file)]) == 1
    assert "(bad_option)" in capsys.readouterr().err
    assert file.read_bytes() == before
