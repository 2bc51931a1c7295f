"""The workers' ring as it is now: a rotation reaches processes that run, without a restart."""

from __future__ import annotations

import threading
from pathlib import Path

from broker.kernel.errors import SettingsError
from broker.vault.keyring import FRONT_FILE, WORKER_FILE, WorkerKeys, load_worker

_Marks = tuple[tuple[int, int, int] | None, ...]


class CurrentRing:
    """Called, it gives the workers' ring; the key files are read again once they were replaced.

    Each job asks once and keeps what it got to its end. A ring given by the environment never changes. While the two
    files do not go together (between the two writings of a rotation they do) the former ring is given.
    """

    def __init__(self, key_dir: Path) -> None:
        self._folder = key_dir
        self._lock = threading.Lock()
        self._marks = self._look()
        self._ring = load_worker(key_dir)

    def __call__(self) -> WorkerKeys:
        """The ring of this moment."""
        with self._lock:
            marks = self._look()
            if marks != self._marks:
                try:
                    self._ring = load_worker(self._folder)
                except SettingsError:
                    return self._ring  # and look again the next time
                self._marks = marks
            return self._ring

    def _look(self) -> _Marks:
        return tuple(map(_mark, (self._folder / FRONT_FILE, self._folder / WORKER_FILE)))


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What tells one writing of a file from another: files are replaced whole, so the inode changes too."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
