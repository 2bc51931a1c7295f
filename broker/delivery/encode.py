"""Bytes of a mail: quoted-printable (RFC 2045, 6.7) and header text (RFC 2047).

Bodies are written so that they are their own canonical form under DKIM's relaxed rules (RFC 6376, 3.4.4): no two
spaces in a row, none at a line's end, no tab; and no line starts with a dot. So nothing has to be searched or
rewritten for each recipient.
"""

from __future__ import annotations

import base64

LONGEST = 75  # a line of quoted-printable, before its soft break
SOFT_BREAK = b"=\r\n"
_ENCODED_WORD = 42  # bytes of UTF-8 in one encoded word: 56 characters of base64, under 75 with its frame
_HEADER_LINE = 76


def quoted_printable(text: str) -> bytes:
    """Static text, its line ends as CRLF; starts and may end in the middle of a line."""
    return b"\r\n".join(_line(line.encode("utf-8", "replace")) for line in _lines(text))


def quoted_value(text: str) -> bytes:
    """A value on lines of its own between soft breaks: no line end, no bare space, no dot in front."""
    if text.isascii() and text.isalnum() and len(text) <= LONGEST:
        return text.encode()
    raw = " ".join(text.split()).encode("utf-8", "replace")
    if 3 * len(raw) <= LONGEST:  # one line whatever it holds
        value = b"".join(map(_IN_VALUE.__getitem__, raw))
        return b"=2E" + value[1:] if value.startswith(b".") else value
    return _wrapped([b"=20" if byte == 0x20 else _safe(byte) for byte in raw])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _safe(byte: int) -> bytes:
    return bytes([byte]) if 33 <= byte <= 126 and byte != 0x3D else b"=%02X" % byte


_IN_VALUE = [b"=20" if byte == 0x20 else _safe(byte) for byte in range(256)]


def _line(raw: bytes) -> bytes:
    pieces = []
    last = len(raw) - 1
    space = False
    for at, byte in enumerate(raw):
        if byte == 0x20 and not space and at != last:
            pieces.append(b" ")
            space = True
        else:
            pieces.append(_safe(byte))
            space = False
    return _wrapped(pieces)


def _wrapped(pieces: list[bytes]) -> bytes:
    out = []
    width = 0
    for piece in pieces:
        if width + len(piece) > LONGEST:
            out.append(SOFT_BREAK)
            width = 0
        if width == 0 and piece == b".":
            piece = b"=2E"
        out.append(piece)
        width += len(piece)
    return b"".join(out)


def header_text(text: str, first: int) -> bytes:
    """An unstructured header's value, folded; `first` is the length of `Name: ` in front of it.

    White space is made single, control characters are dropped: nothing can break out of the header.
    """
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    clean = " ".join(printable.split())
    if clean.isascii() and "=?" not in clean:
        folded = _folded(clean, first)
        if folded is not None:
            return folded
    return encoded_words(clean)


def _folded(clean: str, first: int) -> bytes | None:
    """ASCII text folded at spaces, or None where a word is too long for a line."""
    out, width = [], first
    for at, word in enumerate(clean.split(" ")):
        if len(word) > _HEADER_LINE - 1:
            return None
        if at and width + 1 + len(word) > _HEADER_LINE:
            out.append("\r\n " + word)
            width = 1 + len(word)
        else:
            out.append((" " if at else "") + word)
            width += bool(at) + len(word)
    return "".join(out).encode("ascii")


def encoded_words(clean: str) -> bytes:
    """Text as base64 encoded words in UTF-8, one a line, no character split between two."""
    raw = clean.encode("utf-8", "replace")
    words: list[bytes] = []
    while raw:
        end = min(_ENCODED_WORD, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        words.append(raw[:end])
        raw = raw[end:]
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(word) + b"?=" for word in words)


def display_name(text: str) -> bytes:
    """The name in front of an address: a quoted string, or encoded words."""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if clean.isascii() and len(clean) <= 60 and "=?" not in clean:
        escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'.encode("ascii")
    return encoded_words(clean)


def unfolded(value: bytes) -> bytes:
    """A header value as DKIM's relaxed form sees it (values made here hold single spaces only)."""
    return value.replace(b"\r\n ", b" ")
