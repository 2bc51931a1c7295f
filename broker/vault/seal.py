"""Sealing: needs no key that opens.

Three shapes, each bound to what it is for, so that nothing sealed for one place opens in another:

* a **message** (HPKE one shot): suite number, 8-byte key id, HPKE ciphertext;
* a **stream** (uploads): the four bytes `CSF1`, the length and message that wrap a random file key, then chunks of
  64 KiB under AES-256-GCM. A chunk's nonce is its number and a mark on the last one (the STREAM construction of
  Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that no chunk can be dropped, added, moved or cut off unseen;
* a **row**: a random 12-byte nonce, then AES-256-GCM under the base's data key, with base, contact and key version as
  associated data.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.vault.keyring import FrontKeys
from broker.vault.suites import CURRENT, key_id

NONCE_LENGTH, TAG_LENGTH = 12, 16
CHUNK_LENGTH = 65_536
STREAM_MARK = b"CSF1"
ROW_IDENTITY = struct.Struct(">qqi")  # base, contact, key version


def seal_message(front: FrontKeys, plaintext: bytes, info: str) -> bytes:
    """Seal a small text for the workers; `info` says what it is for and must be given again to open it."""
    header = bytes([CURRENT.number]) + key_id(front.sealing_key)
    return header + CURRENT.hpke.encrypt(plaintext, front.sealing_key, info=message_info(info))


def message_info(info: str) -> bytes:
    """What HPKE mixes into a message's key: fixed in length, whatever the caller's text is."""
    return hashlib.blake2b(info.encode(), digest_size=32, person=b"courtier info").digest()


def chunk_nonce(number: int, *, last: bool) -> bytes:
    """The nonce of a stream's chunk (numbers count from 0)."""
    return number.to_bytes(NONCE_LENGTH - 1, "big") + (b"\x01" if last else b"\x00")


def stream_info(info: str) -> str:
    """The `info` of the message that wraps a stream's file key."""
    return f"file key|{info}"


class SealingWriter:
    """Seals what is written to it into `file`, chunk by chunk; nothing of it is kept in clear beyond one chunk.

    `close` writes the last chunk, without which the stream does not open; it leaves `file` open. Used in a `with`
    block that raises, the last chunk is not written.
    """

    def __init__(self, front: FrontKeys, file: BinaryIO, info: str) -> None:
        file_key = AESGCM.generate_key(256)
        wrapped = seal_message(front, file_key, stream_info(info))
        self._header = STREAM_MARK + len(wrapped).to_bytes(2, "big") + wrapped
        self._cipher = AESGCM(file_key)
        self._file = file
        self._number = 0
        self._waiting = bytearray()
        self._closed = False
        self.size = 0  # bytes taken in so far
        file.write(self._header)

    def write(self, data: bytes) -> int:
        """Take in some bytes."""
        if self._closed:
            raise ValueError("this stream is sealed already")
        self._waiting += data
        self.size += len(data)
        # One full chunk stays until more comes: only then is it known not to be the last.
        start = 0
        while len(self._waiting) - start > CHUNK_LENGTH:
            self._write_chunk(bytes(self._waiting[start : start + CHUNK_LENGTH]), last=False)
            start += CHUNK_LENGTH
        del self._waiting[:start]
        return len(data)

    def close(self) -> None:
        """Seal the last chunk (once)."""
        if not self._closed:
            self._closed = True
            self._write_chunk(bytes(self._waiting), last=True)
            self._waiting.clear()

    def _write_chunk(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(chunk_nonce(self._number, last=last), chunk, self._header))
        self._number += 1

    def __enter__(self) -> SealingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._closed = True


def seal_rows(
    data_key: bytes, base_id: int, key_version: int, contact_ids: Sequence[int], plaintexts: Sequence[bytes]
) -> list[bytes]:
    """Seal one text per contact, in order, each bound to base, contact and key version.

    Nonces are random: a data key seals at most 2³² rows (NIST SP 800-38D, 8.3), which a version of a base's key
    never comes near.
    """
    if len(contact_ids) != len(plaintexts):
        raise ValueError("as many contacts as texts are needed")
    encrypt, pack = AESGCM(data_key).encrypt, ROW_IDENTITY.pack
    drawn = os.urandom(NONCE_LENGTH * len(contact_ids))  # one call for the batch: a call a row costs as much as AES
    nonces = (drawn[at : at + NONCE_LENGTH] for at in range(0, len(drawn), NONCE_LENGTH))
    return [
        nonce + encrypt(nonce, plaintext, pack(base_id, contact_id, key_version))
        for nonce, contact_id, plaintext in zip(nonces, contact_ids, plaintexts, strict=True)
    ]
