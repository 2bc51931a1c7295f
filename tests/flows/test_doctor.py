"""`courtier doctor` on a fresh instance: each check has its sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.operate.cli import run

pytestmark = [pytest.mark.flow, pytest.mark.timeout(120)]


def test_doctor_checks_everything_it_names(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = scratch / "doctor.toml"
    config.write_text(f'[instance]\nstate_dir = "{scratch}/doctor"\n[[mail.relays]]\nport = 1\n')
    config.chmod(0o644)
    assert run(["--config", str(config), "doctor", "--json", "--no-dns"]) == 1
    checks = {one["name"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert {
        "settings",
        "versions",
        "disk",
        "server",
        "separation",
        "keys",
        "database",
        "roles",
        "schema",
        "time",
    } <= set(checks)
    for name in ("settings", "database", "roles", "schema", "time"):
        assert checks[name]["ok"], checks[name]["say"]
    assert not checks["relay 127.0.0.1:1"]["ok"]
    assert "courtier up makes them" in checks["keys"]["say"]


def test_doctor_says_what_is_wrong_with_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "courtier.toml"
    config.write_text("[web]\nport = -1\n")
    assert run(["--config", str(config), "doctor"]) == 1
    assert "line 2: web.port: must be at least 0" in capsys.readouterr().out
