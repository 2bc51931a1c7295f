"""Run as a process of its own, with the environment of the web process: tries everything to open an address.

`python front_intruder.py DUMP UPLOAD KEY_DIR`: DUMP is the whole database as JSON lines, UPLOAD a sealed upload,
KEY_DIR the folder of key files. Prints one JSON object: what was tried and with what it ended. As root it first
becomes nobody.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from broker.kernel.errors import CourtierError
from broker.vault import open as opening
from broker.vault.keyring import FrontKeys, WorkerKeys, load_front, load_worker
from broker.vault.model import WrappedDataKey

INFOS = ("", "upload|1", "seed", "request", "inbound")


class ForgedKeys(WorkerKeys):
    """A workers' ring that gives a guessed key for every seal, whatever key the seal names."""

    def opening_key_named(self, wanted: bytes) -> X25519PrivateKey:
        return self.opening_key


def guesses(front: FrontKeys, rows: list[dict[str, Any]]) -> Iterator[bytes]:
    """32-byte values that a thief would try as keys: all that the front holds, and what is made of it."""
    held = [front.sealing_key.public_bytes_raw(), *front.token_keys.values(), bytes(32)]
    for secret in held:
        yield secret
        yield hashlib.sha256(secret).digest()
        yield hashlib.blake2b(secret, digest_size=32).digest()
    for row in rows:
        if "wrapped" in row:
            wrapped = unhex(row["wrapped"])
            yield wrapped[:32]
            yield wrapped[-32:]


def forged(front: FrontKeys, key: bytes) -> ForgedKeys:
    return ForgedKeys(
        front, X25519PrivateKey.from_private_bytes(key), dict(front.token_keys), front.token_version, key, {}
    )


def unhex(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("\\x"))


def outcome(attempt: Callable[[], object]) -> str:
    """How an attempt ended: `opened`, or the code of the refusal."""
    try:
        attempt()
    except CourtierError as error:
        return error.code
    except PermissionError:
        return "permission_denied"
    except FileNotFoundError:
        return "not_found"
    except psycopg.errors.InsufficientPrivilege:
        return "insufficient_privilege"
    return "opened"


def attempts(front: FrontKeys, rows: list[dict[str, Any]], upload: bytes) -> Iterator[tuple[str, Callable[[], object]]]:
    """(name of the function in broker.vault.open, an attempt with it), for every guess and every sealed value."""
    sealed = [unhex(row["sealed"]) for row in rows if row.get("sealed")]
    contacts = [row for row in rows if row.get("sealed") and "contact_key" in row]
    wrapped = [row for row in rows if row.get("wrapped")]
    for key in guesses(front, rows):
        ring = forged(front, key)
        for value in sealed:
            for info in INFOS:
                yield "open_message", lambda r=ring, v=value, i=info: opening.open_message(r, v, i)
        for row in wrapped:
            for org in range(1, 4):
                data_key = WrappedDataKey(
                    org, row["base_id"], row["version"], row["suite"], row["wrapping_key"], unhex(row["wrapped"])
                )
                yield "unwrap_data_key", lambda r=ring, d=data_key: opening.unwrap_data_key(r, d)
        for row in contacts:
            place = (row["base_id"], row["key_version"])
            value = unhex(row["sealed"])
            yield "open_row", lambda k=key, p=place, c=row["id"], v=value: opening.open_row(k, *p, c, v)
            yield "open_rows", lambda k=key, p=place, c=row["id"], v=value: opening.open_rows(k, *p, [c], [v])
        for info in INFOS:
            yield "open_header", lambda r=ring, i=info: opening.open_header(r, io.BytesIO(upload), i)
            yield "OpeningReader", lambda r=ring, i=info: opening.OpeningReader(r, io.BytesIO(upload), i).read()


def main() -> None:
    """Try, and tell."""
    dump, upload_path, key_dir = (Path(argument) for argument in sys.argv[1:4])
    rows = [json.loads(line) for line in dump.read_text().splitlines()]
    upload = upload_path.read_bytes()
    # The log-in comes first: as nobody it might not reach the server's socket, which is not what is tried here.
    with psycopg.connect(os.environ["COURTIER_WEB_DATABASE_URL"], autocommit=True) as connection:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65_534)
            os.setuid(65_534)
        report(connection, rows, upload, key_dir)


def report(connection: psycopg.Connection, rows: list[dict[str, Any]], upload: bytes, key_dir: Path) -> None:
    """Make every attempt and print how each ended."""
    front = load_front(key_dir)
    tried: dict[str, dict[str, int]] = {}
    for name, attempt in attempts(front, rows, upload):
        ended = outcome(attempt)
        counts = tried.setdefault(name, {})
        counts[ended] = counts.get(ended, 0) + 1
    for name, attempt in {
        "load_worker": lambda: load_worker(key_dir),
        "read worker.json": lambda: (key_dir / "worker.json").read_bytes(),
    }.items():
        tried[name] = {outcome(attempt): 1}
    for sql in (
        "SELECT sealed FROM contact",
        "SELECT wrapped FROM data_key",
        "SELECT sealed FROM seed_address",
        "SELECT sealed FROM typed_request",
        "SET ROLE courtier_worker",
    ):
        tried[sql] = {outcome(lambda s=sql: connection.execute(s)): 1}
    openers = [
        name
        for name, item in vars(opening).items()
        if (
            getattr(item, "__module__", "") == opening.__name__ and not name.startswith("_") and inspect.isroutine(item)
        )
        or (inspect.isclass(item) and item.__module__ == opening.__name__)
    ]
    print(json.dumps({"tried": tried, "openers": openers, "environment": dict(os.environ), "uid": os.geteuid()}))


if __name__ == "__main__":
    main()
