"""From the bytes an owner uploads to blocks of clean UTF-8: compression, encoding, and what is no text at all."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from broker.bases.open_container import open_container
from broker.kernel.errors import InvalidInput

SAMPLE_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20
LARGEST_EXPANSION = 300  # a gzip that grows more than this is a bomb: text packs 5 to 50 times
_EXPANSION_FREE = 64 << 20

# What the first bytes of other formats say, and how to turn them into something we read.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a packed Parquet file: unpack it first"),
    (b"PK\x03\x04", "a packed archive or workbook: unpack it first"),
    (b"\xd0\xcf\x11\xe0", "a packed Excel workbook: unpack it first"),
    (b"%PDF", "a PDF: export the table as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"Rar!", "a rar archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
)
_CP1252_HOLES = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


class TextSource:
    """A readable stream seen as UTF-8 text.

    `encoding` is one of utf-8, utf-8-sig, utf-16-le, utf-16-be, cp1252, latin-1; it is decided on the first
    megabyte, and an ASCII beginning is settled by the first byte that is not ASCII. `bytes_read` counts raw bytes.
    `encoding` given is the owner's word and is not guessed at.
    """

    def __init__(self, raw: BinaryIO, encoding: str = "") -> None:
        text, self._consumed = open_container(raw)
        self._raw = _Counting(text)
        self._unpacked = 0
        first = _read_up_to(self._raw, SAMPLE_BYTES)
        if first.startswith(b"\x1f\x8b"):
            self._stream: gzip.GzipFile | _Counting = gzip.GzipFile(fileobj=_Rejoined(first, self._raw))
            self.compression: str | None = "gzip"
            first = self._read(SAMPLE_BYTES)
        else:
            self._stream = self._raw
            self.compression = None
        if not first:
            raise InvalidInput("The file is empty.", code="empty_file")
        self.encoding, skip = _detect(first)
        if encoding and encoding != self.encoding.removesuffix("-sig"):
            self.encoding, skip = encoding, 0
        self._seen_utf8 = bool(encoding) or not first.isascii()
        self._pending = b""
        self._decoder = (
            codecs.getincrementaldecoder(self.encoding)("replace") if self.encoding.startswith("utf-16") else None
        )
        self.mixed_encoding = 0  # bytes that were cp1252 inside UTF-8 text
        codecs.register_error("courtier-cp1252", self._repair)
        # Old Macs end lines with a carriage return alone.
        self.sample = self._clean(self._decode(first[skip:], final=len(first) < SAMPLE_BYTES))
        self._mac = b"\r" in self.sample and b"\n" not in self.sample
        if self._mac:
            self.sample = self.sample.replace(b"\r", b"\n")

    @property
    def bytes_read(self) -> int:
        """Raw bytes taken from the stream so far, for progress."""
        return self._raw.count if self._consumed is None else self._consumed()

    def blocks(self) -> Iterator[bytes]:
        """UTF-8 blocks of some megabytes, cut anywhere between characters; the sample comes first."""
        yield self.sample
        while raw := self._read(BLOCK_BYTES):
            block = self._clean(self._decode(raw, final=False))
            yield block.replace(b"\r", b"\n") if self._mac else block
        rest = self._clean(self._decode(b"", final=True))
        if rest:
            yield rest

    def _read(self, size: int) -> bytes:
        try:
            data = _read_up_to(self._stream, size)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InvalidInput(
                "The compressed file is damaged or cut short. Send it again.", code="damaged_archive"
            ) from None
        if self._stream is not self._raw:
            self._unpacked += len(data)
            if self._unpacked > _EXPANSION_FREE and self._unpacked > LARGEST_EXPANSION * self._raw.count:
                raise InvalidInput(
                    "The compressed file grows beyond all measure when unpacked; it was not read further.",
                    code="archive_bomb",
                )
        return data

    def _decode(self, raw: bytes, *, final: bool) -> bytes:
        if self._decoder is not None:
            return self._decoder.decode(raw, final).encode("utf-8", "replace")
        if self.encoding in ("cp1252", "latin-1"):
            if raw.isascii():
                return raw
            return raw.decode(self.encoding, "courtier-cp1252").encode("utf-8")
        raw = self._pending + raw
        cut = len(raw) if final else _character_end(raw)
        self._pending, raw = raw[cut:], raw[:cut]
        if raw.isascii():
            return raw
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            if not self._seen_utf8:
                self.encoding = _single_byte(raw)
                raw, self._pending = raw + self._pending, b""
                return raw.decode(self.encoding, "courtier-cp1252").encode("utf-8")
            return raw.decode("utf-8", "courtier-cp1252").encode("utf-8")
        self._seen_utf8 = True
        return raw

    def _repair(self, error: UnicodeError) -> tuple[str, int]:
        """Bytes that do not fit are read as cp1252, and its five holes as latin-1; they are counted."""
        assert isinstance(error, UnicodeDecodeError)
        bad = error.object[error.start : error.end]
        self.mixed_encoding += len(bad)
        return "".join(chr(b) if b in _CP1252_HOLES else bytes((b,)).decode("cp1252") for b in bad), error.end

    @staticmethod
    def _clean(block: bytes) -> bytes:
        """NUL is no character of a table: it becomes a space."""
        return block.replace(b"\0", b" ") if b"\0" in block else block


class _Counting(io.RawIOBase):
    """Counts what is read through it."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self.raw.read(size)
        self.count += len(data)
        return data


class _Rejoined(io.RawIOBase):
    """The bytes already looked at, then the rest of the stream."""

    def __init__(self, first: bytes, rest: _Counting) -> None:
        self._first = io.BytesIO(first)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._first.read(size) or self._rest.read(size)


def _read_up_to(stream: gzip.GzipFile | _Counting, size: int) -> bytes:
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _detect(first: bytes) -> tuple[str, int]:
    """The encoding and the length of its byte order mark; refuses what is no text."""
    for magic, what in _MAGIC:
        if first.startswith(magic):
            raise InvalidInput(f"This is not a CSV file but {what}.", code="not_a_table")
    if first.startswith(b"\xef\xbb\xbf"):
        encoding, skip = "utf-8-sig", 3
    elif first.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding, skip = ("utf-16-le" if first[0] == 0xFF else "utf-16-be"), 2
    else:
        encoding, skip = _guess(first), 0
    text = first[skip:].decode("utf-8" if encoding == "utf-8-sig" else encoding, "replace")
    controls = sum(text.count(chr(code)) for code in range(32) if code not in (9, 10, 13, 12, 26))
    broken = text.count("�") if encoding.startswith("utf-16") else 0
    if not text.strip("\0 \t\r\n") or (controls + broken) * 100 > len(text):
        raise InvalidInput(
            "This is not a text file: it holds bytes that no table of text has. Export the base as CSV.",
            code="not_a_table",
        )
    return encoding, skip


def _guess(first: bytes) -> str:
    even, odd = first[0:4096:2].count(0), first[1:4096:2].count(0)
    half = max(1, len(first[:4096]) // 2)
    if odd * 10 > half * 4 and even * 10 < half:
        return "utf-16-le"
    if even * 10 > half * 4 and odd * 10 < half:
        return "utf-16-be"
    try:
        first[: _character_end(first)].decode("utf-8")
    except UnicodeDecodeError:
        return _single_byte(first)
    return "utf-8"


def _single_byte(raw: bytes) -> str:
    """cp1252, unless a byte that cp1252 leaves undefined occurs."""
    return "latin-1" if any(hole in raw for hole in _CP1252_HOLES) else "cp1252"


def _character_end(raw: bytes) -> int:
    """Where the last whole UTF-8 character ends (at most three bytes before the end)."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte < 0x80:
            return len(raw)
        if byte >= 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(raw) if need <= back else len(raw) - back
    return len(raw)
