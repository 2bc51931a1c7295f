"""The command line: finds commands, and every refusal is one sentence with a status."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from broker.kernel.errors import CourtierError
from broker.operate import cli
from broker.operate.cli import COMMANDS, Commands, run
from broker.operate.commands import openapi

NAMES = Commands().list_commands(click.Context(cli.cli))


def test_the_list_of_commands_needs_no_import_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    command = cli.cli.get_command(click.Context(cli.cli), name)  # type: ignore[attr-defined]
    assert "Example:" in shown or isinstance(command, click.Group)
    assert "courtier" in shown


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nonsense"]) == 2
    assert "There is no command 'nonsense'" in capsys.readouterr().err
    assert run(["payuot", "list"]) == 2
    assert "Did you mean 'payout'?" in capsys.readouterr().err
    assert run(["migrate", "--nonsense"]) == 2


def test_help_says_each_verb_of_a_group_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gateway", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Compare the balance with the books, line by line, with the cause of each difference." in printed


def test_a_bad_setting_names_file_line_and_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "courtier.toml"
    config.write_text("[web]\nprot = 80\n")
    assert run(["--config", str(config), "migrate", "--json"]) == 1
    printed = capsys.readouterr()
    assert f"{config}, line 2: web.prot: unknown setting; did you mean 'port'? (bad_setting)" in printed.err
    assert json.loads(printed.out)["error"] == {
        "code": "bad_setting",
        "sentence": printed.err.removeprefix("Error: ").removesuffix(" (bad_setting)\n"),
        "field": "web.prot",
    }


def test_a_missing_settings_file_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", "/nowhere/courtier.toml", "up"]) == 1
    assert "/nowhere/courtier.toml cannot be read: No such file or directory." in capsys.readouterr().err


def test_an_unreachable_database_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "courtier.toml"
    config.write_text('[database]\nurl = "postgresql://us:secret@127.0.0.1:1/none"\n')
    assert run(["--config", str(config), "migrate"]) == 1
    printed = capsys.readouterr().err
    assert "database.url does not answer" in printed
    assert "secret" not in printed
    assert "Traceback" not in printed


def test_a_fault_of_ours_is_a_sentence_and_keeps_data_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> None:
        raise ValueError("jeanne.martin@example.org")

    monkeypatch.setattr(openapi.importlib, "import_module", fail)
    assert run(["openapi"]) == 70
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    log = Path(printed.err.rstrip().removesuffix(".").rpartition(" ")[2])
    assert "ValueError" in log.read_text()
    assert "jeanne" not in log.read_text()
    log.unlink()


def test_a_refusal_carries_its_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(name: str) -> None:
        raise CourtierError("The moon is not full.", code="moon")

    monkeypatch.setattr(openapi.importlib, "import_module", refuse)
    assert run(["openapi"]) == 1
    assert capsys.readouterr().err == "Error: The moon is not full. (moon)\n"


def test_every_command_module_has_a_help_line() -> None:
    for path in COMMANDS.glob("[a-z]*.py"):
        assert path.read_text(encoding="utf-8").startswith('"""'), path.name


def test_a_day_is_asked_for_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["books", "end-role", "role_x", "tomorrow"]) == 2
    said = capsys.readouterr().err
    assert "CODE YYYY-MM-DD" in said
    assert "'tomorrow' is no day: write it as 2026-12-31." in said
