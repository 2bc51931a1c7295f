"""Lease a batch of sends and open its addresses."""

from __future__ import annotations

import json
import time
from uuid import uuid4

from broker.delivery import store
from broker.delivery.model import Addressed, Batch, MailingFacts
from broker.kernel.database import UnitOfWork
from broker.mailings.own.personal import personal_fields
from broker.mailings.seeds import seed_info, seed_person
from broker.vault.blind_index import contact_keys
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message, open_rows


def boot_seconds() -> float:
    """A clock that goes on while a process is stopped or the machine asleep: leases are measured by it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def claim_batch(unit: UnitOfWork, facts: MailingFacts, limit: int, after: int, lease_seconds: int) -> Batch | None:
    """Lease up to `limit` sends under a new fencing token; None when none waits."""
    token, asked = uuid4(), boot_seconds()
    rows = store.claim(unit, facts, token, limit, after, lease_seconds)
    return Batch(token, tuple(rows), asked + lease_seconds) if rows else None


class AddressBook:
    """Opens the addresses of one base's batches, keeping its data keys for the time of a job."""

    def __init__(self, worker: WorkerKeys, base_id: int, seed_domain: str = "") -> None:
        self._worker = worker
        self._seed_domain = seed_domain  # of control mailboxes that are ours
        self._base_id = base_id
        self._keys: dict[int, bytes] = {}

    def open_batch(self, unit: UnitOfWork, facts: MailingFacts, batch: Batch) -> list[Addressed]:
        """Each send of the batch with its person, in order; None for people erased since the freeze."""
        people = self._contacts(unit, [row.contact_id for row in batch.rows if row.contact_id is not None])
        if facts.kind == "own":
            for contact_id, fields in personal_fields(unit, facts.id, list(people)).items():
                people[contact_id] = {**fields, **people[contact_id]}
        seeds = self._seeds(unit, facts, [row.position for row in batch.rows if row.seed])
        persons = [
            seeds.get(row.position) if row.contact_id is None else people.get(row.contact_id) for row in batch.rows
        ]
        others = self._other_keys(batch, persons)
        return [
            Addressed(row.position, row.attempts, person, keys)
            for row, person, keys in zip(batch.rows, persons, others, strict=True)
        ]

    def _other_keys(self, batch: Batch, persons: list[dict[str, str] | None]) -> list[tuple[bytes, ...]]:
        """Each person's keys under the peppers of other times: an opt-out may be kept under any of them."""
        if len(self._worker.peppers) == 1:
            return [()] * len(persons)
        addresses = ["" if person is None else person["email"] for person in persons]
        versions = [contact_keys(self._worker, addresses, version) for version in self._worker.peppers]
        return [
            tuple(key for key in keys if key != row.contact_key)
            for row, keys in zip(batch.rows, zip(*versions, strict=True), strict=True)
        ]

    def _contacts(self, unit: UnitOfWork, contact_ids: list[int]) -> dict[int, dict[str, str]]:
        versions: dict[int, tuple[list[int], list[bytes]]] = {}
        for contact_id, version, sealed in store.sealed_contacts(unit, contact_ids):
            if sealed is not None:
                ids, rows = versions.setdefault(version, ([], []))
                ids.append(contact_id)
                rows.append(sealed)
        people: dict[int, dict[str, str]] = {}
        for version, (ids, rows) in versions.items():
            if version not in self._keys:
                self._keys[version] = data_key(unit, self._worker, self._base_id, version)
            opened = open_rows(self._keys[version], self._base_id, version, ids, rows)
            people.update(zip(ids, map(json.loads, opened), strict=True))
        return people

    def _seeds(self, unit: UnitOfWork, facts: MailingFacts, positions: list[int]) -> dict[int, dict[str, str]]:
        if not positions:
            return {}
        found = {}
        for row in store.sealed_seeds(unit, facts.id, positions):
            sealed = row.sealed
            plain = "" if sealed is None else open_message(self._worker, bytes(sealed), seed_info(row.org_id)).decode()
            found[row.position] = seed_person(row.style, plain, row.tag, self._seed_domain)
        return found
