"""Key an advertiser's suppression file in a worker, and destroy it.

The convention of the trade: addresses trimmed and in lower case, UTF-8, clear or as MD5 (32 hexadecimal digits) or
SHA-256 (64). Each is keyed as the same index of a contact is, under every pepper that contacts may be keyed with.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Literal, cast

from broker.audit.record import record
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.kernel.settings import Settings
from broker.notifications.notify import notify
from broker.suppression import lists_store as store
from broker.suppression.lists_model import MANY, list_info, list_path
from broker.vault.blind_index import contact_keys, keys_of_hashes, normalise
from broker.vault.keyring import WorkerKeys
from broker.vault.open_anywhere import SeekableOpening

Kind = Literal["address", "md5", "sha256"]
FewMatch = Callable[[int, int], bool]  # the guard's: matches, the file's own secret number
MOST_ENTRIES = 20_000_000
LONGEST_LINE = 4_096
_CELLS = re.compile(r"[;,\t|]")
_MD5, _SHA256 = re.compile("[0-9a-fA-F]{32}"), re.compile("[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"[^\s@\"<>]{1,64}@[^\s@\"<>]{1,253}\.[^\s@\"<>.]{2,63}")
_HEADERS = {"email", "e-mail", "mail", "md5", "sha256", "sha-256", "hash", "adresse", "address", "email_md5"}


def key_suppression_list(
    database: Database, worker_keys: WorkerKeys, settings: Settings, list_id: int, few_match: FewMatch
) -> None:
    """Key a file that waits, or forget one that was removed; the received file is destroyed either way."""
    with database.begin() as unit:
        row = store.locked_list(unit, list_id)
        if row is None:
            return
        path = list_path(settings, row.code)
        if row.state == "removed":
            store.forget_entries(unit, list_id)
        elif row.state == "waiting":
            try:
                with path.open("rb") as file:
                    opened = SeekableOpening(worker_keys, file, list_info(row.org_id, row.code))
                    key_stream(unit, worker_keys, list_id, row.code, cast("BinaryIO", opened), few_match)
            except FileNotFoundError:
                _fail(unit, list_id, row.code, "The file is gone: send it again.")
            except CourtierError as error:
                _fail(unit, list_id, row.code, error.sentence)
    path.unlink(missing_ok=True)  # after the commit: a worker that dies before it keys the file again


def read_entries(stream: BinaryIO) -> Iterator[tuple[Kind, str] | None]:
    """What each line holds: an address (normalised) or a hash (lower case), the first one on it; None for neither.

    Empty lines and a line of headings are passed over.
    """
    for number, raw in enumerate(_lines(stream)):
        line = raw.decode("utf-8-sig" if number == 0 else "utf-8", "replace").strip()
        cells = [cell.strip().strip("\"'").strip() for cell in _CELLS.split(line)]
        if not line or (number == 0 and {cell.casefold() for cell in cells} & _HEADERS):
            continue
        yield next((found for cell in cells if (found := _entry(cell))), None)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 18):
        *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            raise InvalidInput(
                "The file has no lines: send one address or hash a line, as text or CSV.", code="bad_file"
            )
    yield rest


def _entry(cell: str) -> tuple[Kind, str] | None:
    if _MD5.fullmatch(cell):
        return "md5", cell.lower()
    if _SHA256.fullmatch(cell):
        return "sha256", cell.lower()
    return ("address", normalise(cell)) if _ADDRESS.fullmatch(cell) else None


def key_stream(
    unit: UnitOfWork, worker_keys: WorkerKeys, list_id: int, code: str, stream: BinaryIO, few_match: FewMatch | None
) -> None:
    """Key what a stream holds into a list that waits, which then counts. Without `few_match` no warning is worked out.

    Raises `InvalidInput` (`nothing_read`, `too_large`, `bad_file`).
    """
    kinds: dict[Kind, set[str]] = {"address": set(), "md5": set(), "sha256": set()}
    unread = 0
    for found in read_entries(stream):
        if found is None:
            unread += 1
            continue
        kinds[found[0]].add(found[1])
        if sum(map(len, kinds.values())) > MOST_ENTRIES:
            raise InvalidInput(f"A suppression file may hold {MOST_ENTRIES:,} entries.", code="too_large")
    entries = sum(map(len, kinds.values()))
    if not entries:
        raise InvalidInput(
            "No line of the file holds an address, an MD5 or a SHA-256 hash in hexadecimal digits.", code="nothing_read"
        )
    keyed = dict(_keyed(worker_keys, kinds))
    store.write_entries(unit, list_id, keyed.items())
    few = (
        few_match(store.matching(unit, list_id), _file_key(keyed)) if entries > MANY and few_match is not None else None
    )
    most = Counter({kind: len(values) for kind, values in kinds.items()}).most_common(1)[0][0]
    store.finish_list(
        unit, list_id, state="in_use", kind=most, entries=entries, unread=unread, few_match=few, problem=None
    )
    if few:
        org_id, name = store.party_of(unit, list_id)
        notify(unit, "suppression_list.no_match", org_id, code, once="keyed", title=name, hashes=entries)
    record(unit, "suppression_list.keyed", "suppression_list", code, entries=entries, unread=unread)


def _keyed(worker_keys: WorkerKeys, kinds: dict[Kind, set[str]]) -> Iterator[tuple[bytes, int]]:
    for version in sorted(worker_keys.peppers):
        for key in contact_keys(worker_keys, sorted(kinds["address"]), version):
            yield key, version
        for key in keys_of_hashes(worker_keys, "md5", sorted(kinds["md5"]), version):
            yield key, version
        for key in keys_of_hashes(worker_keys, "sha256", sorted(kinds["sha256"]), version):
            yield key, version


def _file_key(keys: Iterable[bytes]) -> int:
    """A secret number that follows from what the file holds: the same file has the same one."""
    digest = hashlib.blake2b(b"".join(sorted(keys)), digest_size=8, person=b"file").digest()
    return int.from_bytes(digest, "little")


def _fail(unit: UnitOfWork, list_id: int, code: str, problem: str) -> None:
    store.finish_list(unit, list_id, state="failed", kind=None, entries=0, unread=0, few_match=None, problem=problem)
    record(unit, "suppression_list.failed", "suppression_list", code)
