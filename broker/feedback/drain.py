"""Brings journals to the database: each line once, whatever dies in between.

How far a journal has been taken stands in the database and moves in the transaction that writes its rows, so a death
before the commit repeats nothing and one after it loses nothing. What was taken is then overwritten with line ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from pathlib import Path

from broker.feedback import store
from broker.feedback.journal import SUFFIX, Journal
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.log import get_logger

log = get_logger(__name__)

CHUNK = 256 * 1024  # bytes a transaction: some two thousand clicks
# Between two chunks: a burst of clicks after a mailing is answered first and written down behind it.
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0  # while the database is away


class Drain:
    """Empties a process's own journal and those that dead processes left."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._places: dict[Path, int] = {}
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Go on in a thread until the process ends; again is the same."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Do not wait for the pause to end."""
        self._asked.set()

    def drain(self) -> int:
        """Take a chunk of each journal that has something; how many bytes. Raises what the database refuses."""
        taken = 0
        for path in sorted(self._journal.folder.glob(f"*{SUFFIX}")):
            if path == self._journal.path:
                with path.open("r+b") as file:
                    taken += self._take(path, file.fileno())
            else:
                taken += self._take_left_behind(path)
        return taken

    def _work(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            self._asked.wait(pause)
            self._asked.clear()
            try:
                self.drain()
                pause = PAUSE_SECONDS
            except Exception as error:  # whatever it is: what is not taken waits in its file
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
                log.warning("journal.waits", code=getattr(error, "code", type(error).__name__), seconds=pause)

    def _take_left_behind(self, path: Path) -> int:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # another process was faster
            return 0
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its writer lives
            return 0
        else:
            taken = self._take(path, handle, last=True)
            if not taken:
                self._places.pop(path, None)
                path.unlink(missing_ok=True)
            return taken
        finally:
            os.close(handle)

    def _take(self, path: Path, handle: int, *, last: bool = False) -> int:
        """Take a chunk of whole lines; 0 when there is none. `last`: nobody writes any more, so all of it is whole."""
        start = self._places.get(path, 0)
        raw = os.pread(handle, CHUNK, start)
        if not last or len(raw) == CHUNK:
            raw = raw[: raw.rfind(b"\n") + 1]
        if not raw:
            return 0
        end = start + len(raw)
        lines = raw.replace(b"\0", b"").decode("utf-8", "replace").strip("\n")  # zeros: what a power cut may leave
        if lines:
            with self._database.begin(PUBLIC) as unit:
                at = store.record_hits(unit, uuid.UUID(path.stem), start, end, time.time_ns() // 1000, lines)
        else:
            at = end
        if at >= end:
            os.pwrite(handle, b"\n" * len(raw), start)
        self._places[path] = at
        return len(raw)


def journal_folder(state_dir: Path) -> Path:
    """Where the journals of an instance are."""
    return state_dir / "hits"
