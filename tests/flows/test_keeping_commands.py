"""The operator's commands backup, restore and erase, as they are typed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from broker.kernel.database import Database, make_engine
from broker.kernel.settings import load_settings
from broker.operate.cli import run
from broker.operate.database_server import running_postgres
from tests.mail_house import build, keys_in, people

pytestmark = [pytest.mark.flow, pytest.mark.timeout(240)]


def config(root: Path, name: str, keys: Path) -> str:
    file = root / f"{name}.toml"
    file.write_text(f'[instance]\nstate_dir = "{root / name}"\ndemo = true\n[keys]\ndir = "{keys}"\n')
    return str(file)


def test_an_instance_goes_through_backup_erasure_and_restore(
    scratch: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = scratch / "keeping"
    root.mkdir(mode=0o711)
    keys = keys_in(root)
    first, second = config(root, "first", root / "keys"), config(root, "second", root / "new-keys")
    settings = load_settings(Path(first))
    with running_postgres(settings) as server:
        build(Database(make_engine(server.url("worker"), 1)), keys, people(5))
    out, safe = str(root / "out"), str(root / "safe")

    assert run(["--config", first, "backup", "--out", out, "--keys-out", f"{out}/keys"]) == 1
    assert "keys_with_data" in capsys.readouterr().err
    shutil.rmtree(out, ignore_errors=True)
    assert run(["--config", first, "backup", "--out", out, "--keys-out", safe]) == 0
    assert "useless without the key" in capsys.readouterr().out
    assert not list(Path(out).rglob("*.json"))[1:], "no key file stands beside the data"

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{people(1)[0]['email'].upper()}\n"))
    assert run(["--config", first, "erase", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["contacts"] == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("no address\n"))
    assert run(["--config", first, "erase"]) == 1
    assert "bad_address" in capsys.readouterr().err
    # The entry still waits in the lost database's outbox for a worker; a second backup carries it over.
    assert run(["--config", first, "backup", "--out", str(root / "later"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["keys_out"] is None

    assert run(["--config", second, "restore", out, "--keys", safe]) == 1
    assert "journal_needed" in capsys.readouterr().err
    journal = str(root / "first" / "journal")
    assert run(["--config", second, "restore", out, "--keys", safe, "--journal", journal, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["journal"]["erasures"] == 1
    assert figures["journal"]["held"] == 1
    assert run(["--config", second, "audit", "verify", "--known", figures["audit"]]) == 0
    assert run(["--config", second, "restore", out, "--keys", safe, "--journal", journal]) == 1
    assert "not_empty" in capsys.readouterr().err
    shutil.rmtree(root)
