"""Job: what mailings did to the contacts of a base, told to its owner by its own reference.

Only a worker can: the reference stands in the sealed row. What the owner then reads holds no address and is forgotten
after `results.keep_days`; the row of a contact that is erased goes at once. Twice is once: what was told is not again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Row

from broker.feedback import results_store as store
from broker.feedback.results_model import KINDS, Found
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.notifications.notify import notify_of
from broker.vault.blind_index import normalise
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row

AT_ONCE = 5_000
# Looked at again each time: clicks are judged, and bounces written, some time after they happened.
AGAIN = timedelta(days=1)


def collect_results(database: Database, worker: WorkerKeys, settings: Settings, base_id: int) -> int:
    """Collect what is new of a base and tell its owner's programs; how many results are new."""
    keep = timedelta(days=settings.results.keep_days)
    with database.begin() as unit:
        base = store.base_named(unit, base_id)
        if base is None:
            return 0
        place = store.lock_place(unit, base_id)
        since = max(unit.now - keep, (place or unit.now - keep) - AGAIN)
        before = store.last_id(unit, base.org_id)
        opened = _Opened(unit, worker, base_id)
        fresh = store.write(unit, base.org_id, base_id, opened.named(store.events(unit, base_id, since)))
        _hash_objections(unit, opened, base_id, since)
        waiting = store.untold_mailings(unit, base_id, since)
        store.move_place(unit, base_id, unit.now)
    for mailing in waiting:
        fresh += _tell_sends(database, worker, base.org_id, base_id, mailing)
    if fresh:
        with database.begin() as unit:
            _tell(unit, base.org_id, base.code, before)
    return fresh


def _tell_sends(database: Database, worker: WorkerKeys, org_id: int, base_id: int, mailing: Row[Any]) -> int:
    """Whom a mailing went to, a transaction a batch: a list of a million is told in steps that no death undoes."""
    fresh, after = 0, mailing.after
    while True:
        with database.begin() as unit:
            found, last = store.sends_of(unit, mailing, after, AT_ONCE)
            fresh += store.write(unit, org_id, base_id, _Opened(unit, worker, base_id).named(found))
        if last == after:
            return fresh
        after = last


def ask_for_results(unit: UnitOfWork) -> int:
    """Periodic: ask for the collection of every base; how many."""
    bases = store.bases_with_contacts(unit)
    for base_id in bases:
        unit.enqueue("collect_results", base_id)
    return len(bases)


def forget_results(unit: UnitOfWork, settings: Settings) -> int:
    """Periodic: forget what was told long enough ago; how many rows."""
    return store.forget(unit, unit.now - timedelta(days=settings.results.keep_days))


class _Opened:
    """Opens rows of one base in one transaction; each version of its key is asked for once."""

    def __init__(self, unit: UnitOfWork, worker: WorkerKeys, base_id: int) -> None:
        self._unit, self._worker, self._base_id = unit, worker, base_id
        self._keys: dict[int, bytes] = {}

    def identity(self, contact_id: int, version: int, sealed: bytes) -> dict[str, Any]:
        """What a row holds."""
        if version not in self._keys:
            self._keys[version] = data_key(self._unit, self._worker, self._base_id, version)
        found: dict[str, Any] = json.loads(open_row(self._keys[version], self._base_id, version, contact_id, sealed))
        return found

    def named(self, found: Sequence[Found]) -> list[tuple[Found, str]]:
        """Each with its owner's reference."""
        return [
            (one, str(self.identity(one.contact_id, one.key_version, one.sealed).get("reference") or ""))
            for one in found
        ]


def _hash_objections(unit: UnitOfWork, opened: _Opened, base_id: int, since: datetime) -> None:
    rows = []
    for row in store.objecting(unit, base_id, since):
        email = opened.identity(row.contact_id, row.key_version, bytes(row.sealed)).get("email")
        if email:
            plain = normalise(str(email)).encode()
            # The trade's convention, by which an advertiser finds the person in its own file.
            hashes = hashlib.sha256(plain).digest(), hashlib.md5(plain, usedforsecurity=False).digest()
            rows.append((row.advertiser_id, *hashes, row.at))
    store.write_hashes(unit, rows)


def _tell(unit: UnitOfWork, org_id: int, base_code: str, before: int) -> None:
    counted = store.kinds_counted(unit, org_id, before)
    facts = {"after": before} | {str(kind): counted.get(kind, 0) for kind in KINDS}
    notify_of(unit, "results.ready", org_id, base_code, facts)
