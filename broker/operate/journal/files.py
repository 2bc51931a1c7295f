"""Journal files: one a process, lines of JSON behind a checksum, only ever appended to."""

from __future__ import annotations

import json
import os
import secrets
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from broker.kernel.errors import IntegrityFault, Unavailable

SUFFIX = ".journal"
Entry = dict[str, Any]


class Journal:
    """The journal file of this process, made at the first entry. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle: int | None = None
        self._lock = threading.Lock()

    def append(self, entries: Iterable[Mapping[str, Any]], *, instance: str = "", durable: bool = True) -> None:
        """Append entries; with `durable` they are on the disk when it returns.

        `instance` is the id in the database's table `instance`, needed for the first entry of a file: a restore refuses
        the journal of another instance. Raises `Unavailable` when the disk is full or the folder is not ours.
        """
        lines = b"".join(_line(entry) for entry in entries)
        if not lines:
            return
        try:
            with self._lock:
                if self._handle is None:
                    self._handle = self._open(instance)
                _write(self._handle, lines)
                if durable:
                    os.fsync(self._handle)
        except OSError as error:
            raise Unavailable(
                f"The journal in {self.folder} cannot be written ({error.strerror}): nothing is sent without it. Make"
                " room, or give the folder to the workers' user.",
                code="journal_unwritable",
            ) from None

    @property
    def started(self) -> bool:
        """Whether this process has a file already."""
        return self._handle is not None

    def _open(self, instance: str) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}{SUFFIX}"
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        _write(handle, _line({"kind": "opened", "instance": instance, "at": now.timestamp()}))
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # the file's name, too
        finally:
            os.close(folder)
        return handle


@cache
def journal_of(folder: Path) -> Journal:
    """The one journal of this process in a folder."""
    return Journal(folder)


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":"), ensure_ascii=True, default=str).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def journal_files(folder: Path) -> list[Path]:
    """The journal files of a folder, in the order of their making."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def read_journal(folder: Path, instance: str) -> Iterator[Entry]:
    """All entries of a folder's files, file after file.

    A last line that was cut off by a crash is left out: what it told had not been acted upon. Raises `IntegrityFault`
    on a damaged line elsewhere (`journal_damaged`) and on another instance's file (`other_journal`).
    """
    for path in journal_files(folder):
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                entry = _entry(line)
                if entry is None:
                    if not line.endswith(b"\n"):
                        break
                    raise IntegrityFault(
                        f"Line {number} of {path} is damaged: take that file from another copy of the journal.",
                        code="journal_damaged",
                    )
                if number == 1 and entry.get("instance") != instance:
                    raise IntegrityFault(
                        f"{path} is the journal of another instance than the backup's.", code="other_journal"
                    )
                yield entry


def _entry(line: bytes) -> Entry | None:
    mark, _, text = line.removesuffix(b"\n").partition(b" ")
    try:
        if line.endswith(b"\n") and int(mark, 16) == zlib.crc32(text):
            found: Entry = json.loads(text)
            return found
    except ValueError:
        pass
    return None
