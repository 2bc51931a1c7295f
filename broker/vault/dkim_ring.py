"""DKIM keys on the workers' ring: a second one beside the first, and the first taken off when its time is over."""

from __future__ import annotations

import os
from pathlib import Path

from broker.kernel.errors import Conflict, NotFound
from broker.vault.key_files import change_key_table
from broker.vault.keyring import WORKER_FILE, WORKER_VARIABLE, WorkerKeys, load_worker, new_dkim_key


def add_dkim_key(key_dir: Path, domain: str, selector: str) -> WorkerKeys:
    """Make a key of 2048 bits for a selector; keys that are there stay. Raises `Conflict` where it has one."""
    ring = _ring(key_dir)
    name = f"{domain}:{selector}"
    if name in ring.dkim:
        raise Conflict(
            f"{domain} has a key with the selector {selector} already: choose another.", code="selector_taken"
        )
    return _write(key_dir, {**ring.dkim, name: new_dkim_key()})


def drop_dkim_key(key_dir: Path, domain: str, selector: str) -> WorkerKeys:
    """Take a key off the ring. Raises `NotFound`."""
    ring = _ring(key_dir)
    name = f"{domain}:{selector}"
    if name not in ring.dkim:
        raise NotFound(f"{domain} has no key with the selector {selector}.", code="selector_not_found")
    return _write(key_dir, {kept: pem for kept, pem in ring.dkim.items() if kept != name})


def _ring(key_dir: Path) -> WorkerKeys:
    if os.environ.get(WORKER_VARIABLE):
        raise Conflict(
            "The keys come from the environment here: change them where the key files are.",
            code="keys_from_environment",
        )
    return load_worker(key_dir)


def _write(key_dir: Path, dkim: dict[str, str]) -> WorkerKeys:
    change_key_table(key_dir / WORKER_FILE, dkim=dkim)
    return load_worker(key_dir)
