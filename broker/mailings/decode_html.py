"""The text of an HTML file, whatever its author's programme wrote."""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_DECLARED: Final = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_:-]+)", re.IGNORECASE)
# Labels that browsers read as the Windows set that holds more (WHATWG Encoding, 4.2); Latin-1 is Windows-1252 to them.
_READ_AS: Final = {
    "gb2312": "gb18030", "gb_2312-80": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
    "shift_jis": "cp932", "x-sjis": "cp932", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874",
}  # fmt: skip
_SETS: Final = re.compile(
    r"(?:iso[-_]?8859|iso[-_]?2022|windows-?\d|cp\d|ibm\d|latin|l\d|koi8|mac|x-mac|big5|euc|gb|hz|johab|ksc?_?|ptcp|"
    r"shift|sjis|tis|viscii|tcvn|arabic|cyrillic|greek|hebrew|csiso|utf-?8)",
    re.IGNORECASE,
)
_WESTERN: Final = (
    "",
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin1",
    "latin-1",
    "windows-1252",
    "cp1252",
)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, read as Windows-1252; its five holes as their Latin-1 control characters."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(bytes((one,)).decode("cp1252", "ignore") or chr(one) for one in wrong), error.end


codecs.register_error("courtier-windows", _as_windows)


def decode_html(raw: bytes) -> str:
    """Byte order mark, UTF-8, the declared character set, Windows-1252; never fails.

    A file that is nearly UTF-8 (a paragraph pasted from elsewhere) is read as UTF-8, its other bytes as Windows-1252:
    so a Windows-1252 file that calls itself UTF-8 is read right too.
    """
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw.decode(name, "replace")
    if (wide := _wide(raw[:400])) is not None:
        return raw.decode(wide, "replace")
    found = _DECLARED.search(raw[:4096])
    declared = found[1].decode("ascii").lower() if found else ""
    if declared.startswith("iso-2022"):  # its bytes are all ASCII
        return _declared(raw, declared)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "courtier-windows") if declared in _WESTERN else _declared(raw, declared)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: markup begins with ASCII, so every other byte of it is zero."""
    if b"\0" not in head:
        return None
    even, odd = head[::2], head[1::2]
    if 2 * odd.count(0) > len(odd) > 10 * even.count(0):
        return "utf-16-le"
    if 2 * even.count(0) > len(even) > 10 * odd.count(0):
        return "utf-16-be"
    return None


def _declared(raw: bytes, name: str) -> str:
    """By the declared set, where it is one: text that says so in ASCII is no UTF-16 (WHATWG HTML, 13.2.3.2).

    Python's other codecs (idna, punycode, escapes, UTF-7) are no character sets of documents.
    """
    name = _READ_AS.get(name, name)
    if _SETS.match(name) is None:
        return raw.decode("utf-8", "courtier-windows")
    try:
        return raw.decode(name, "replace")
    except LookupError:
        return raw.decode("utf-8", "courtier-windows")
