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

import pyarrow.parquet as pq


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


def shared_start(patterns: set[bytes]) -> bytes:
    """The longest bytes that all begin with."""
    first, last = min(patterns), max(patterns)
    length = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return first[:length]


class Canaries:
    """Searches bytes for a set of addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        groups: dict[tuple[str, bytes], set[bytes]] = {}
        for address in addresses:
            for form, pattern in forms(address.lower()).items():
                kept = pattern if is_exact(form) else pattern.lower()
                groups.setdefault((form, kept[:4]), set()).add(kept)
        # What all patterns of a group begin with: where it does not occur, none of them does.
        self._groups = [(form, shared_start(patterns), patterns) for (form, _), patterns in groups.items()]

    def search(self, place: str, content: bytes) -> Iterator[Leak]:
        """Leaks in the bytes and in whatever is packed inside them (gzip, zip and so XLSX, PDF streams, Parquet)."""
        for name, layer in unpack(place, content):
            folded = layer.lower()
            for form, start, patterns in self._groups:
                searched = layer if is_exact(form) else folded
                if start in searched:
                    yield from (Leak(name, form) for pattern in patterns if pattern in searched)

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
