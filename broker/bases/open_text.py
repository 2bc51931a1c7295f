"""From the bytes an owner uploads to blocks of clean UTF-8: compression, encoding, and what is no text at all."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import threading
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
    (b"\xff\xfe\x00\x00", "a text in UTF-32: save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "a text in UTF-32: save it as UTF-8"),
    (b"PK\x05\x06", "an archive without a file"),
    (b"{\\rtf", "a text document (RTF): export the table as CSV"),
)
# What the beginning of a text says that is no table, whatever its encoding.
_OTHER_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\[{]\s*(?:[\[{\"]|$)"), "JSON: export the table as CSV, XLSX or Parquet"),
    (re.compile(r"(?i)<!doctype html|<html|<table|<head"), "an HTML page, whatever its name: save the sheet as CSV"),
    (re.compile(r"<\?xml|<[a-zA-Z][\w:-]*[\s>]"), "XML: export the table as CSV, XLSX or Parquet"),
    (re.compile(r"BEGIN:V(?:CARD|CALENDAR)"), "an address book or calendar: export the contacts as CSV"),
    (re.compile(r"(?i)(?:--[^\n]*\s|/\*.*?\*/\s*)*(?:insert into|create table|drop table|set names) "),
     "an SQL dump: export the table as CSV"),
    (re.compile(r"(?:From|Received|Return-Path|Date|Message-ID|MIME-Version): ?[^;,\t]*\n(?:[\w-]+: |\s)"),
     "an e-mail message"),
)  # fmt: skip
_FEW_CONTROLS = 8  # control characters that are borne in a text of any length
_UTF8_PAIR = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xc2[\xa0-\xbf]")
_CP1252_HOLES = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


_REPAIRED = threading.local()  # bytes, in the decoding that is under way


def _repair(error: UnicodeError) -> tuple[str, int]:
    """Bytes that do not fit are read as cp1252, and its five holes as latin-1; they are counted."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    _REPAIRED.count += len(bad)
    return "".join(chr(b) if b in _CP1252_HOLES else bytes((b,)).decode("cp1252") for b in bad), error.end


codecs.register_error("courtier-cp1252", _repair)


class TextSource:
    """A readable stream seen as UTF-8 text.

    `encoding` is one of utf-8, utf-8-sig, utf-16-le, utf-16-be, cp1252, latin-1; it is decided on the first
    megabyte, and an ASCII beginning is settled by the first byte that is not ASCII. `bytes_read` counts raw bytes.
    `encoding` given is the owner's word and is not guessed at.
    """

    def __init__(self, raw: BinaryIO, encoding: str = "") -> None:
        opened = open_container(raw)
        self._consumed, self.sheet = opened.consumed, opened.sheet
        self._raw = _Counting(opened.text)
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
        try:
            self.encoding, skip = _detect(first)
        except InvalidInput as refusal:
            raise self.refusal(refusal) from None
        if encoding and encoding != self.encoding.removesuffix("-sig"):
            self.encoding, skip = encoding, 0
        self._seen_utf8 = bool(encoding) or not first.isascii()
        self._pending = b""
        self._decoder = (
            codecs.getincrementaldecoder(self.encoding)("replace") if self.encoding.startswith("utf-16") else None
        )
        self.nul_bytes = 0  # that became spaces
        self.mixed_encoding = 0  # bytes that were cp1252 inside UTF-8 text
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

    def refusal(self, error: InvalidInput) -> InvalidInput:
        """The error to raise about the beginning of this text, unless it is a bomb's: that shows by and by."""
        enough = LARGEST_EXPANSION * (self._raw.count + BLOCK_BYTES)
        while self.compression and self._unpacked <= enough and self._read(BLOCK_BYTES):
            pass
        return error

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
            return self._mended(raw, self.encoding)
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
                return self._mended(raw, self.encoding)
            return self._mended(raw, "utf-8")
        self._seen_utf8 = True
        return raw

    def _mended(self, raw: bytes, encoding: str) -> bytes:
        _REPAIRED.count = 0
        text = raw.decode(encoding, "courtier-cp1252").encode("utf-8")
        self.mixed_encoding += _REPAIRED.count
        return text

    def _clean(self, block: bytes) -> bytes:
        """NUL is no character of a table: it becomes a space, and is counted."""
        if b"\0" not in block:
            return block
        self.nul_bytes += block.count(b"\0")
        return block.replace(b"\0", b" ")


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
    if not first[skip:].strip(b"\0 \t\r\n"):
        zeros = b"\0" in first[skip:]
        raise InvalidInput(
            "The file holds nothing but zeros: its transfer went wrong. Send it again."
            if zeros
            else "The file is empty: it holds blank lines only.",
            code="not_a_table" if zeros else "empty_file",
        )
    text = first[skip:].decode("utf-8" if encoding == "utf-8-sig" else encoding, "replace")
    begin = text[:4096].lstrip()
    for form, what in _OTHER_TEXTS:
        if form.match(begin):
            raise InvalidInput(f"This is not a CSV file but {what}.", code="not_a_table")
    controls = sum(text.count(chr(code)) for code in range(32) if code not in (9, 10, 13, 12, 26))
    broken = text.count("�") if encoding.startswith("utf-16") else 0
    if controls + broken > _FEW_CONTROLS and (controls + broken) * 100 > len(text):
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
    whole = first[: _character_end(first)]
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        # A few lines of another encoding in a file of UTF-8: two bytes that fit by chance are rare.
        lost = whole.decode("utf-8", "replace").count("\ufffd")
        fitting = len(_UTF8_PAIR.findall(whole))
        return "utf-8" if fitting > lost else _single_byte(first)
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
