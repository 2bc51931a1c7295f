"""Erase a person (art. 17 GDPR): the address and its keys at once, the traits at the next compaction.

What stays is a keyed fingerprint on the list of objections, so that no later file brings the person back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from broker.audit.record import record
from broker.bases import erase_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.suppression.model import Scope
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys, reference_keys
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row

COMPACT_AFTER = 3_600  # seconds: several erasures of an hour share one rewriting of the snapshot


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was done, for whoever may know it: never shown to the public, whose answer is the same in any case."""

    code: str
    contacts: int
    bases: tuple[str, ...]


def erase_address(unit: UnitOfWork, worker: WorkerKeys, address: str, base_code: str = "", via: str = "") -> Erasure:
    """Erase the person of an address from one base, or from all; the objection stands whether it is known or not.

    Twice is once. Owners erase from their own bases. The audit gets a code and counts, no address.
    """
    unit.actor.require("owner", "broker")
    base_id = _base(unit, base_code)
    found: list[int] = []
    for version in worker.peppers:
        (key,) = contact_keys(worker, [address], version)
        found += [row.id for row in store.contacts_by_key(unit, "contact_key", version, key, base_id)]
        scope: Scope = "everywhere" if base_id is None else "base"
        suppress(unit, key, version, scope, "erasure", base_id=base_id or 0, evidence=via)
    return _finish(unit, found, via)


def erase_reference(unit: UnitOfWork, worker: WorkerKeys, base_code: str, reference: str, via: str = "") -> Erasure:
    """Erase the person whom an owner knows by its customer reference, from that base.

    The sealed address is opened once more, for its fingerprints. Raises `NotFound` (`contact_not_found`).
    """
    unit.actor.require("owner", "broker")
    base_id = _base(unit, base_code)
    if base_id is None:
        raise InvalidInput("A customer reference needs the base that it belongs to.", code="base_needed", field="base")
    erased = Erasure(new_code("erasure"), 0, ())
    for version in worker.peppers:
        (key,) = reference_keys(worker, base_id, [reference], version)
        for row in store.contacts_by_key(unit, "reference_key", version, key, base_id):
            opened = open_row(
                data_key(unit, worker, base_id, row.key_version), base_id, row.key_version, row.id, bytes(row.sealed)
            )
            erased = erase_address(unit, worker, json.loads(opened)["email"], base_code, via)
    if not erased.contacts:
        raise NotFound("This base has no contact of that reference.", code="contact_not_found", field="reference")
    return erased


def _base(unit: UnitOfWork, code: str) -> int | None:
    own = unit.actor.org if unit.actor.role == "owner" else None
    if not code:
        if own is not None:
            raise InvalidInput("Name the base to erase from.", code="base_needed", field="base")
        return None
    base_id = store.base_of(unit, code, own)
    if base_id is None:
        raise NotFound(f"There is no base {code!r}.", code="base_not_found", field="base")
    return base_id


def _finish(unit: UnitOfWork, contact_ids: list[int], via: str) -> Erasure:
    bases = store.destroy(unit, contact_ids)
    for base_id in bases:
        unit.enqueue("compact_base", base_id, after_seconds=COMPACT_AFTER)
    erasure = Erasure(new_code("erasure"), len(contact_ids), tuple(store.base_codes(unit, bases)))
    record(unit, "person.erased", "erasure", erasure.code, contacts=erasure.contacts, bases=erasure.bases, via=via)
    return erasure
