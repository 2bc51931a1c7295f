"""Looks for addresses in every byte that a run leaves behind, in every form in which one could hide."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq

BLOCK = 1 << 20  # bytes looked at together


@dataclass(frozen=True)
class Leak:
    """A canary found: where, and in which form."""

    place: str
    form: str


def forms(address: str) -> dict[str, bytes]:
    """Every encoding under which the address is searched: name of the form → bytes (compared in lower case)."""
    raw = address.encode()
    shouted = address.upper().encode()
    found = {
        "raw": raw,
        "hex": raw.hex().encode(),
        "percent": quote(address, safe="").encode(),
        "quoted-printable": address.replace("@", "=40").encode(),
        "html decimal": address.replace("@", "&#64;").encode(),
        "html hex": address.replace("@", "&#x40;").encode(),
        "html name": address.replace("@", "&commat;").encode(),
        "json": address.replace("@", "\\u0040").encode(),
        "utf-16-le": address.encode("utf-16-le"),
        "utf-16-be": address.encode("utf-16-be"),
    }
    for name, plain in (("", raw), (" upper", shouted)):
        for shift in range(3):
            # Cut to whole groups of three that hold only our bytes, so that neighbours do not change the text.
            cut = plain[(3 - shift) % 3 :]
            cut = cut[: len(cut) // 3 * 3]
            found[f"base64{name} at {shift}"] = base64.b64encode(cut)
    for algorithm in ("md5", "sha1", "sha256"):
        digest = hashlib.new(algorithm, raw).digest()
        found[algorithm] = digest
        found[f"{algorithm} hex"] = digest.hex().encode()
    return found


def is_exact(form: str) -> bool:
    """Whether upper and lower case of a form are not the same."""
    return form.startswith("base64") or form in ("md5", "sha1", "sha256")


class Needles:
    """Finds many short texts in one pass: only where four bytes begin one of them is the rest compared."""

    def __init__(self, needles: Iterable[tuple[str, bytes]]) -> None:
        self._starting: dict[int, list[tuple[str, bytes]]] = {}
        for form, needle in needles:
            assert len(needle) >= 4
            self._starting.setdefault(int.from_bytes(needle[:4], "little"), []).append((form, needle))
        self._starts = np.array(sorted(self._starting), dtype=np.uint32)
        self._pairs = np.zeros(1 << 16, dtype=np.bool_)
        self._pairs[self._starts & 0xFFFF] = True

    def found_in(self, content: bytes) -> set[tuple[str, bytes]]:
        """(form, text) of each that occurs at least once."""
        found = set[tuple[str, bytes]]()
        for begin in range(0, len(content) - 3, BLOCK):
            part = np.frombuffer(content, np.uint8, min(BLOCK + 3, len(content) - begin), begin)
            pairs = part[:-3] | part[1:-2].astype(np.uint16) << 8
            at = np.flatnonzero(self._pairs[pairs])
            fours = pairs[at] | part[at + 2].astype(np.uint32) << 16 | part[at + 3].astype(np.uint32) << 24
            known = np.minimum(np.searchsorted(self._starts, fours), len(self._starts) - 1)
            for place in np.flatnonzero(self._starts[known] == fours).tolist():
                for form, needle in self._starting[int(fours[place])]:
                    if content.startswith(needle, begin + int(at[place])):
                        found.add((form, needle))
        return found


class Canaries:
    """Searches bytes for a set of addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        needles = [pair for address in addresses for pair in forms(address.lower()).items()]
        self._exact = Needles(pair for pair in needles if is_exact(pair[0]))
        self._folded = Needles((form, needle.lower()) for form, needle in needles if not is_exact(form))

    def search(self, place: str, content: bytes) -> Iterator[Leak]:
        """Leaks in the bytes and in whatever is packed inside them (gzip, zip and so XLSX, PDF streams, Parquet)."""
        for name, layer in unpack(place, content):
            for form, _ in sorted(self._exact.found_in(layer) | self._folded.found_in(layer.lower())):
                yield Leak(name, form)

    def search_tree(self, root: Path, leave_out: Iterable[Path] = ()) -> Iterator[Leak]:
        """Leaks in every file below `root`, names included, but for the folders and files left out."""
        left_out = [path.resolve() for path in leave_out]
        for path in sorted(root.rglob("*")):
            resolved = path.resolve()
            if any(resolved.is_relative_to(out) for out in left_out):
                continue
            yield from self.search(f"name of {path}", str(path).encode())
            if path.is_file() and not path.is_symlink():
                yield from self.search(str(path), path.read_bytes())


def unpack(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes themselves, then every packed layer inside them that can be opened."""
    yield place, content
    for match in re.finditer(rb"\x1f\x8b\x08", content):
        yield from _stream(f"{place} (gzip at {match.start()})", content[match.start() :], wbits=31)
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from unpack(f"{place}!{name}", archive.read(name))
    if content[:5] == b"%PDF-":
        for match in re.finditer(rb"stream\r?\n", content):
            yield from _stream(f"{place} (pdf stream at {match.end()})", content[match.end() :], wbits=15)
    if content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        for column in table.column_names:
            yield f"{place}[{column}]", "\n".join(map(str, table[column].to_pylist())).encode()
            if "binary" in str(table.schema.field(column).type):
                yield f"{place}[{column}] bytes", b"\n".join(v or b"" for v in table[column].to_pylist())


def _stream(name: str, content: bytes, wbits: int) -> Iterator[tuple[str, bytes]]:
    try:
        yield name, zlib.decompressobj(wbits).decompress(content)
    except zlib.error:
        return  # three bytes that only looked like a stream


def planted(address: str) -> dict[str, bytes]:
    """Small files that leak the address, one for each way: the test of the test."""
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<si><t>{address}</t></si>")
    return {
        **{f"form {name}": b"prefix " + pattern + b" suffix" for name, pattern in forms(address).items()},
        "upper case": address.upper().encode(),
        "inside base64": base64.b64encode(b"x=1;" + address.encode() + b";y=2"),
        "gzip": b"head" + gzip.compress(address.encode()),
        "xlsx": workbook.getvalue(),
        "pdf": b"%PDF-1.7\nstream\n" + zlib.compress(address.encode()) + b"\nendstream",
    }
