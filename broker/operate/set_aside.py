"""A folder beside the place where files belong: written there, put in place whole, gone whatever ends the command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from broker.operate.system import ending_on_signals

PREFIX = ".part-"


@contextmanager
def set_aside(folder: Path) -> Iterator[Path]:
    """A folder inside `folder` for files that are not whole yet.

    It is removed when the block ends, also by an interruption or a request to end (SIGTERM); what a killed command
    left is removed by the next one. Of the main thread only, as signals are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    with ending_on_signals(), TemporaryDirectory(dir=folder, prefix=f"{PREFIX}{os.getpid()}-") as aside:
        yield Path(aside)


def _clear(folder: Path) -> None:
    """Remove what commands that are no longer there left behind."""
    for left in folder.glob(f"{PREFIX}*-*"):
        number = left.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdecimal() and not _lives(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another person's
        return True
    return True
