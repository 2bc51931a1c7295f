"""Opening: everything here needs the workers' ring or a data key that only the ring unwraps.

Whatever was changed, moved, cut off or sealed for something else is refused with `IntegrityFault`, without its text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.vault.keyring import WorkerKeys
from broker.vault.model import WrappedDataKey, broken_seal, data_key_info
from broker.vault.seal import (
    CHUNK_LENGTH,
    NONCE_LENGTH,
    ROW_IDENTITY,
    STREAM_MARK,
    TAG_LENGTH,
    chunk_nonce,
    message_info,
    stream_info,
)
from broker.vault.suites import KEY_ID_LENGTH, SUITES

HEADER_LENGTH = 1 + KEY_ID_LENGTH
SEALED_CHUNK = CHUNK_LENGTH + TAG_LENGTH


def open_message(worker: WorkerKeys, sealed: bytes, info: str) -> bytes:
    """The text of `seal_message`; refuses another `info` than it was sealed with."""
    suite = SUITES.get(sealed[0]) if len(sealed) > HEADER_LENGTH else None
    if suite is None:
        raise broken_seal("message")
    private = worker.opening_key_named(bytes(sealed[1:HEADER_LENGTH]))
    try:
        return suite.hpke.decrypt(sealed[HEADER_LENGTH:], private, info=message_info(info))
    except (InvalidTag, ValueError):
        raise broken_seal("message") from None


def unwrap_data_key(worker: WorkerKeys, row: WrappedDataKey) -> bytes:
    """The 32 bytes of a base's data key; its wrapping is bound to organisation, base and version."""
    return open_message(worker, row.wrapped, data_key_info(row.org_id, row.base_id, row.version))


def open_row(data_key: bytes, base_id: int, key_version: int, contact_id: int, sealed: bytes) -> bytes:
    """The text of one sealed row."""
    return open_rows(data_key, base_id, key_version, [contact_id], [sealed])[0]


def open_rows(
    data_key: bytes, base_id: int, key_version: int, contact_ids: Sequence[int], sealed: Sequence[bytes]
) -> list[bytes]:
    """The texts of sealed rows of one base and key version, in order; one that does not open refuses the batch."""
    decrypt, pack = AESGCM(data_key).decrypt, ROW_IDENTITY.pack
    try:
        return [
            decrypt(row[:NONCE_LENGTH], row[NONCE_LENGTH:], pack(base_id, contact_id, key_version))
            for contact_id, row in zip(contact_ids, sealed, strict=True)
        ]
    except (InvalidTag, ValueError):
        raise broken_seal("row") from None


def open_header(worker: WorkerKeys, file: BinaryIO, info: str) -> tuple[bytes, AESGCM]:
    """(the header of a sealed stream, the cipher of its chunks); the file is left where the chunks begin."""
    mark = file.read(len(STREAM_MARK) + 2)
    length = int.from_bytes(mark[len(STREAM_MARK) :], "big")
    wrapped = file.read(length)
    if mark[: len(STREAM_MARK)] != STREAM_MARK or len(wrapped) != length:
        raise broken_seal("file")
    return mark + wrapped, AESGCM(open_message(worker, wrapped, stream_info(info)))


class OpeningReader(io.RawIOBase):
    """Reads a sealed stream as a raw binary file (wrap it in `io.BufferedReader`, or hand it to pyarrow).

    Each chunk is proved before any of it is given out. That nothing was cut off is known only at the end: a caller
    acts on the whole only after `read` returned b"" (a shortened stream raises there instead).
    """

    def __init__(self, worker: WorkerKeys, file: BinaryIO, info: str) -> None:
        self._header, self._cipher = open_header(worker, file, info)
        self._file = file
        self._number = 0
        self._next = self._read_sealed()
        self._clear = memoryview(b"")
        self._finished = False
        self.sealed_bytes_read = len(self._header)  # for progress: where we are in the sealed file

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with opened bytes; 0 at the proved end."""
        target = memoryview(buffer).cast("B")
        while not self._clear and not self._finished:
            self._open_chunk()
        count = min(len(target), len(self._clear))
        target[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count

    def _open_chunk(self) -> None:
        sealed, self._next = self._next, self._read_sealed()
        last = not self._next
        try:
            opened = self._cipher.decrypt(chunk_nonce(self._number, last=last), sealed, self._header)
        except (InvalidTag, ValueError):
            raise broken_seal("file") from None
        self._number += 1
        self._finished = last
        self.sealed_bytes_read += len(sealed)
        self._clear = memoryview(opened)

    def _read_sealed(self) -> bytes:
        """The next sealed chunk, whole unless it is the last, from a file that may give less than asked."""
        parts: list[bytes] = []
        wanted = SEALED_CHUNK
        while wanted and (part := self._file.read(wanted)):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
