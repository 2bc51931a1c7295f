"""The keys by which an order line is known again when the same sale comes in another file.

A shop exports its sales from time to time and the exports overlap. A line's key is a hash of who, when, what and how
much, and of how often the same line stood in the file before: two equal sales of one day stay two, and the same file
imported again adds nothing.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.check_purchases import CheckedLines
from broker.bases.seen import Seen


class RepeatedLines:
    """Makes the keys of one file's lines, block by block; remembers 8 bytes a line."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._times: Counter[bytes] = Counter()  # of lines that stood in the file before
        self.marks = b""  # of the last block: what `again` wants of it

    def keys(self, lines: CheckedLines, contact_ids: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> list[int]:
        """The signed 64-bit key of each line kept."""
        mask = pa.array(kept)
        cells = [
            pa.array(contact_ids[kept]).cast(pa.string()),
            pa.array(lines.days[kept]).cast(pa.string()),
            pa.array(lines.amount_cents[kept]).cast(pa.string()),
            pc.fill_null(lines.margin_cents.filter(mask).cast(pa.string()), ""),
            *(pc.fill_null(text.filter(mask), "") for text in lines.texts.values()),
        ]
        texts = pc.binary_join_element_wise(*cells, "\x1f").cast(pa.binary()).to_pylist()
        hashes = [_hash(text) for text in texts]
        self.marks = b"".join(hashes)
        repeated = self._seen.repeats(np.frombuffer(self.marks, np.uint64))
        keys: list[int] = np.frombuffer(self.marks, np.int64).tolist()
        for place in np.flatnonzero(repeated).tolist():
            self._times[hashes[place]] += 1
            again = _hash(texts[place] + b"\x1f%d" % self._times[hashes[place]])
            keys[place] = int.from_bytes(again, "little", signed=True)
        return keys

    def again(self, marks: bytes) -> None:
        """Take up a block that was written before the import was stopped."""
        for place in np.flatnonzero(self._seen.repeats(np.frombuffer(marks, np.uint64))).tolist():
            self._times[marks[8 * place : 8 * place + 8]] += 1


def _hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=8, person=b"courtier buys").digest()
