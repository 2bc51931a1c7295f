"""`courtier feedback parse`: files and folders in, one line per recipient out, no database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.operate.cli import run
from tests.unit.returned_messages import TO, group, plain, report

KEYS = ["file", "kind", "recipient", "status", "reply_code", "verdict", "reason"]


def test_each_recipient_of_each_file_is_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    two = f"{group('5.1.1', '550 5.1.1 unknown user')}\n{group('4.2.2', '452 over quota', to='b@x.example')}"
    (tmp_path / "deep" / "two.eml").write_bytes(report(two))
    (tmp_path / "letter.eml").write_bytes(plain("Bonjour", sender=TO, subject="Question"))
    (tmp_path / ".hidden").write_bytes(b"not read")
    assert run(["feedback", "parse", "--json", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [(Path(line["file"]).name, line["recipient"], line["kind"], line["verdict"]) for line in lines] == [
        ("two.eml", TO, "bounce", "hard"),
        ("two.eml", "b@x.example", "bounce", "soft"),
        ("letter.eml", "", "other", "none"),
    ]


def test_people_get_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.eml").write_bytes(report(group("5.1.1", "550 5.1.1 unknown user")))
    assert run(["feedback", "parse", str(tmp_path / "one.eml")]) == 0
    assert "user_unknown" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["feedback", "parse", "--json", str(tmp_path / "none.eml")]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "no_such_file"
    assert "Traceback" not in told.err


def test_without_a_file_the_usage_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["feedback", "parse"]) == 2
