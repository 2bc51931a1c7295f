"""Rules of the house that no other tool holds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
SOURCES = [path for room in ("broker", "api", "web", "migrations", "setup") for path in (HOUSE / room).rglob("*.py")]


def committed() -> list[Path]:
    """The files that git keeps, or none outside a clone."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, text=True, check=False)
    return [HOUSE / name for name in done.stdout.split("\0") if name and (HOUSE / name).is_file()]


@pytest.mark.parametrize("name", ["requirements.txt", "package-lock.json", "package.json", ".npmrc"])
def test_locks_name_no_registry(name: str) -> None:
    text = (HOUSE / name).read_text(encoding="utf-8")
    hosts = set(re.findall(r"https?://([^/\"\s]+)", text)) - {"github.com", "opencollective.com"}
    assert not hosts
    assert "resolved" not in text.replace("omit-lockfile-registry-resolved", "")


def test_every_requirement_is_pinned_by_hash() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (HOUSE / "requirements.txt").read_text(encoding="utf-8"))
    pinned = [entry for entry in entries if re.match(r"[a-z0-9]", entry)]
    assert len(pinned) > 50
    assert [entry.split()[0] for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_nothing_third_party_is_committed() -> None:
    names = [path.relative_to(HOUSE).as_posix() for path in committed()]
    assert [name for name in names if "/vendor/" in name or "node_modules" in name or name.endswith(".mo")] == []


def test_pages_load_nothing_from_elsewhere() -> None:
    wrong = []
    for path in (HOUSE / "web").rglob("*"):
        if path.suffix in (".html", ".jinja", ".css", ".js") and "vendor" not in path.parts:
            text = path.read_text(encoding="utf-8")
            wrong += [path.name for _ in re.findall(r"(?:src|href)=[\"'](?:https?:)?//|@import|url\(https?:", text)]
    assert wrong == []


def test_no_file_of_models_and_no_room_of_utilities() -> None:
    names = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    assert not names & {"utils", "util", "helpers", "common", "misc"}


def test_every_module_says_what_it_is() -> None:
    silent = [
        path for path in SOURCES if path.stat().st_size and not path.read_text("utf-8").lstrip().startswith('"""')
    ]
    assert [path.relative_to(HOUSE).as_posix() for path in silent] == []
