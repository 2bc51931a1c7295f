"""A sealed stream opened at any place: for formats that are read from their end (workbooks, Parquet, archives).

A chunk is proved before any of it is given out, as in `OpeningReader`; that nothing was cut off is proved at the start,
since only the true last chunk opens as the last one.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag

from broker.vault.keyring import WorkerKeys
from broker.vault.model import broken_seal
from broker.vault.open import SEALED_CHUNK, open_header
from broker.vault.seal import CHUNK_LENGTH, TAG_LENGTH, chunk_nonce


class _Placed(io.RawIOBase):
    """A readable stream of known length with a place in it."""

    size = 0

    def __init__(self) -> None:
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The place in opened bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in opened bytes."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence])
        return self._at


class SeekableOpening(_Placed):
    """Reads a sealed stream, given as a seekable file, from any place."""

    def __init__(self, worker: WorkerKeys, file: BinaryIO, info: str) -> None:
        super().__init__()
        self._header, self._cipher = open_header(worker, file, info)
        self._file = file
        body = file.seek(0, os.SEEK_END) - len(self._header)
        self._chunks = -(-body // SEALED_CHUNK)
        self.size = body - self._chunks * TAG_LENGTH
        self._held = -1
        self._clear = memoryview(b"")
        if body < TAG_LENGTH or self.size < 0:
            raise broken_seal("file")
        self._open(self._chunks - 1)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with opened bytes; 0 at the end."""
        if self._at >= self.size:
            return 0
        number, start = divmod(self._at, CHUNK_LENGTH)
        self._open(number)
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._clear) - start)
        target[:count] = self._clear[start : start + count]
        self._at += count
        return count

    def _open(self, number: int) -> None:
        if number == self._held:
            return
        self._file.seek(len(self._header) + number * SEALED_CHUNK)
        sealed = self._file.read(SEALED_CHUNK)
        nonce = chunk_nonce(number, last=number == self._chunks - 1)
        try:
            self._clear = memoryview(self._cipher.decrypt(nonce, sealed, self._header))
        except (InvalidTag, ValueError):
            raise broken_seal("file") from None
        self._held = number


class JoinedStreams(_Placed):
    """Streams one after the other, as one."""

    def __init__(self, streams: Sequence[SeekableOpening]) -> None:
        super().__init__()
        self._streams = streams
        self._starts = [0]
        for stream in streams:
            self._starts.append(self._starts[-1] + stream.size)
        self.size = self._starts.pop()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with opened bytes; 0 at the end."""
        if self._at >= self.size:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        self._streams[number].seek(self._at - self._starts[number])
        count = self._streams[number].readinto(buffer)
        self._at += count
        return count
