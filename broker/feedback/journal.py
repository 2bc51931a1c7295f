"""The front's journal: what a person did is appended here before the answer leaves, and reaches the database later.

Each serving process has a file of its own in `<state>/hits/`, readable by its user alone, and holds a lock on it
(flock) while it writes. A line is one `write` to a file opened for appending: once it returned, no death of the process
can lose it. A file whose lock is free has no writer any more; any process may then bring it to its end and remove it.

A line holds numbers of the send, the time and, for a click, network address and agent: no address, no token. What has
been brought to the database is overwritten at once, so nothing of it outlives the 90 days that the database keeps it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from broker.feedback.model import Manner, Scope
from broker.vault.tokens import TokenRef

SUFFIX = ".journal"
LARGEST = 32 * 1024 * 1024  # bytes after which a process begins a new file
_LONGEST_AGENT = 400
# Control characters in an agent would end its line or field.
_PLAIN = dict.fromkeys((*range(32), 127), " ")


class Journal:
    """One process's file; opened at the first line, so that making one costs nothing and survives a fork."""

    def __init__(self, folder: Path, largest: int = LARGEST, on_open: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.path: Path | None = None
        self._largest = largest
        self._on_open = on_open
        self._handle = -1
        self._size = 0
        self._turn = threading.Lock()

    def append(self, line: bytes) -> None:
        """Keep a line; on return it is the kernel's. Raises OSError when it is not kept (no room, no right)."""
        if self._handle < 0:
            self._open()
        # A line begins and ends with a line end: what a full disk cut short spoils no other line.
        if os.write(self._handle, line) < len(line):
            raise OSError("the journal's disk is full")
        self._size += len(line)
        if self._size > self._largest and self._turn.acquire(blocking=False):
            try:
                self._turn_over()
            finally:
                self._turn.release()

    def keep_hit(self, ref: TokenRef, *, ip: str, agent: str, manner: Manner) -> None:
        """Keep a click."""
        fields = (
            f"\nh\t{time.time_ns() // 1000}\t{ref.dispatch_id}\t{ref.mailing_id}\t{ref.position}\t{ref.link}"
            f"\t{manner}\t{ip}\t{agent[:_LONGEST_AGENT].translate(_PLAIN)}\n"
        )
        self.append(fields.encode("utf-8", "replace"))

    def keep_leaving(self, ref: TokenRef, scope: Scope) -> None:
        """Keep a wish to leave."""
        self.append(
            f"\nl\t{time.time_ns() // 1000}\t{ref.dispatch_id}\t{ref.mailing_id}\t{ref.position}\t{scope}\n".encode()
        )

    def close(self) -> None:
        """End the file, as the death of the process does."""
        with self._turn:
            if self._handle >= 0:
                os.close(self._handle)
            self._handle, self.path = -1, None

    def _open(self) -> None:
        with self._turn:
            if self._handle < 0:
                self.path, handle = _create(self.folder)
                self._handle = handle
                self._on_open()

    def _turn_over(self) -> None:
        """Go on in a new file. A write under way ends in the old one, whose lock lasts until it has."""
        if self._size <= self._largest:
            return
        path, handle = _create(self.folder)
        os.dup2(handle, self._handle, inheritable=False)  # the number stays: no thread can be left with the old file
        os.close(handle)
        self.path, self._size = path, 0


def _create(folder: Path) -> tuple[Path, int]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        path = folder / f"{uuid.uuid4()}{SUFFIX}"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else somebody took it for one left behind, before it was locked
            return path, handle
        os.close(handle)
