"""Where records begin and end in a block of CSV bytes, and on which line of the file.

Well-formed blocks are cut by counting quotes with numpy. Where a quote stands in an odd place (an unclosed one, an
inch mark) the block is walked line by line instead, so that one bad quote costs one row, not the rest of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

LONGEST_RECORD = 1 << 20  # bytes
MOST_LINES = 200  # of one record: more than that is an unclosed quote, not an address of 200 lines

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_ODD = -2
Integers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Cut:
    """The records of a block.

    `starts`/`ends` are offsets of non-empty records (the end stops before the newline); `lines` counts newlines
    before each start within the block. `clean` says that the bytes up to `consumed` parse as they stand.
    `broken` holds (start, end, line, code) of what is no record. `newlines` is how many were consumed.
    """

    starts: Integers
    ends: Integers
    lines: Integers
    consumed: int
    newlines: int
    clean: bool
    broken: list[tuple[int, int, int, str]] = field(default_factory=list)


def cut_records(block: bytes, delimiter: int, *, final: bool) -> Cut:
    """Cut `block`, which begins at a record; `delimiter` is its byte. What is after `consumed` waits for more."""
    bytes_ = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(bytes_ == _NEWLINE)
    if b'"' not in block:
        return _by_lines(bytes_, newlines, newlines, len(block), final)
    quotes = np.flatnonzero(bytes_ == _QUOTE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    stop = len(block) if final else (int(outside[-1]) + 1 if len(outside) else 0)
    inside = quotes[: np.searchsorted(quotes, stop)]
    waits_too_long = len(block) - stop > LONGEST_RECORD
    if not waits_too_long and _well_formed(bytes_, inside, delimiter, stop):
        cut = _by_lines(bytes_, newlines, outside, len(block), final)
        if not len(cut.lines) or _no_giants(cut):
            return cut
    return _by_walking(block, delimiter, final)


def _well_formed(bytes_: npt.NDArray[np.uint8], quotes: Integers, delimiter: int, stop: int) -> bool:
    if len(quotes) % 2:
        return False
    opens, closes = quotes[0::2], quotes[1::2]
    before = bytes_[np.maximum(opens - 1, 0)]
    after = bytes_[np.minimum(closes + 1, len(bytes_) - 1)]
    starts = (opens == 0) | (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
    ends = (closes + 1 >= stop) | (after == delimiter) | (after == _NEWLINE) | (after == _RETURN) | (after == _QUOTE)
    return bool(starts.all() and ends.all())


def _no_giants(cut: Cut) -> bool:
    spans = np.diff(np.append(cut.lines, cut.newlines))
    return bool(spans.max() <= MOST_LINES and (cut.ends - cut.starts).max() <= LONGEST_RECORD)


def _by_lines(bytes_: npt.NDArray[np.uint8], newlines: Integers, stops: Integers, size: int, final: bool) -> Cut:
    unended = final and size > 0 and (not len(stops) or stops[-1] + 1 < size)
    ends = np.append(stops, size) if unended else stops
    if not len(ends):
        empty = np.zeros(0, np.int64)
        return Cut(empty, empty, empty, 0, 0, True)
    starts = np.concatenate(([0], ends[:-1] + 1))
    consumed = min(int(ends[-1]) + 1, size)
    trimmed = ends - ((ends > starts) & (bytes_[np.maximum(ends - 1, 0)] == _RETURN))
    full = trimmed > starts
    lines = np.searchsorted(newlines, starts)
    return Cut(
        starts[full],
        trimmed[full],
        lines[full],
        consumed,
        int(np.searchsorted(newlines, consumed)),
        True,
    )


def _by_walking(block: bytes, delimiter: int, final: bool) -> Cut:
    starts: list[int] = []
    ends: list[int] = []
    lines: list[int] = []
    broken: list[tuple[int, int, int, str]] = []
    pieces = block.split(b"\n")
    if not final:
        pieces.pop()  # not ended yet
    elif pieces and not pieces[-1]:
        pieces.pop()
    at, number = 0, 0
    while number < len(pieces):
        taken, size = 1, len(pieces[number])
        open_at = _open_quote(pieces[number], delimiter, 0) if b'"' in pieces[number] else -1
        if open_at >= 0:
            taken, size, whole = _join(pieces, number, open_at, delimiter)
            if not whole:
                if not final and number + taken >= len(pieces) and taken < MOST_LINES and size < LONGEST_RECORD:
                    break  # its end may come with the next block
                taken, size = 1, len(pieces[number])
                broken.append((at, at + size, number, "unbalanced_quote"))
                at, number = at + size + 1, number + 1
                continue
        end = at + size - (1 if block[at + size - 1 : at + size] == b"\r" and size else 0)
        if end > at:
            starts.append(at)
            ends.append(end)
            lines.append(number)
        at, number = at + size + 1, number + taken
    consumed = min(at, len(block))
    return Cut(
        np.array(starts, np.int64), np.array(ends, np.int64), np.array(lines, np.int64), consumed, number, False, broken
    )


def _join(pieces: list[bytes], number: int, open_at: int, delimiter: int) -> tuple[int, int, bool]:
    """Lines and bytes of the record that begins at line `number`, and whether its quotes close."""
    text = pieces[number]
    for taken in range(2, MOST_LINES + 1):
        if number + taken > len(pieces) or len(text) > LONGEST_RECORD:
            return taken - 1, len(text), False
        more = pieces[number + taken - 1]
        text += b"\n" + more
        if b'"' in more:
            open_at = _open_quote(text, delimiter, open_at, strict=True)
            if open_at == _ODD:
                return taken, len(text), False
            if open_at < 0:
                return taken, len(text), True
    return MOST_LINES, len(text), False


def _open_quote(text: bytes, delimiter: int, start: int, *, strict: bool = False) -> int:
    """Where the field begins whose quote is not closed in `text`, or -1; `start` is the start of a field.

    `strict` (over several lines, where a guess would swallow rows) wants a separator after each closing quote, else
    the answer is `_ODD`.
    """
    mark = bytes((delimiter,))
    at = start
    while True:
        if text[at : at + 1] == b'"':
            close = at + 1
            while True:
                close = text.find(b'"', close)
                if close < 0:
                    return at
                if text[close + 1 : close + 2] != b'"':
                    break
                close += 2
            at = close + 1
            if strict and text[at : at + 1] not in (b"", b"\n", b"\r", mark):
                return _ODD
        at = text.find(mark, at)
        if at < 0:
            return -1
        at += 1
