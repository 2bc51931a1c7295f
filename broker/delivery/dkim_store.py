"""The queries of DKIM keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.delivery.dkim_model import KeptKey
from broker.kernel.database import UnitOfWork

_SELECT = (
    "SELECT id, code, domain, selector, coalesce(public_key, '') AS public_key, state, coalesce(wish, '') AS wish,"
    " finding, found, checked_at, created_at, signs_since, left_at FROM dkim_key"
)


def keys_of(unit: UnitOfWork, domain: str) -> list[KeptKey]:
    """The keys of a domain that are not retired, oldest first."""
    rows = unit.all(f"{_SELECT} WHERE domain = :domain AND state <> 'retired' ORDER BY id", domain=domain)
    return [KeptKey(**row._mapping) for row in rows]


def key_by_code(unit: UnitOfWork, code: str) -> KeptKey | None:
    """One that is not retired."""
    row = unit.one(f"{_SELECT} WHERE code = :code AND state <> 'retired'", code=code)
    return None if row is None else KeptKey(**row._mapping)


def lock_key(unit: UnitOfWork, key_id: int) -> KeptKey | None:
    """The same by id, for a worker; keys of a domain change one after the other."""
    unit.run("SELECT pg_advisory_xact_lock(hashtext('dkim_key'))")
    row = unit.one(f"{_SELECT} WHERE id = :id AND state <> 'retired' FOR UPDATE", id=key_id)
    return None if row is None else KeptKey(**row._mapping)


def add(unit: UnitOfWork, code: str, domain: str, selector: str) -> int:
    """A key to be made; its id."""
    return int(
        unit.scalar(
            "INSERT INTO dkim_key (code, domain, selector) VALUES (:code, :domain, :selector) RETURNING id",
            code=code,
            domain=domain,
            selector=selector,
        )
    )


def note_ring_key(unit: UnitOfWork, code: str, domain: str, selector: str, public_key: str) -> bool:
    """The ring's key as the one that signs; False where the domain has one that does."""
    done = unit.run(
        "INSERT INTO dkim_key (code, domain, selector, public_key, state, signs_since)"
        " SELECT :code, :domain, :selector, :public, 'signs', app_now()"
        " WHERE NOT EXISTS (SELECT 1 FROM dkim_key WHERE domain = :domain AND state = 'signs')"
        " ON CONFLICT (domain, selector) WHERE state <> 'retired' DO UPDATE SET state = 'signs', left_at = NULL,"
        " signs_since = app_now(), public_key = coalesce(dkim_key.public_key, excluded.public_key)",
        code=code,
        domain=domain,
        selector=selector,
        public=public_key,
    )
    return done.rowcount == 1


def leave_other_pair(unit: UnitOfWork, domain: str, pair: tuple[str, str]) -> bool:
    """End the signing of a key whose selector is none of these; whether one did."""
    done = unit.run(
        "UPDATE dkim_key SET state = 'leaving', left_at = app_now()"
        " WHERE domain = :domain AND state = 'signs' AND selector <> ALL(CAST(:pair AS text[]))",
        domain=domain,
        pair=list(pair),
    )
    return done.rowcount == 1


def set_wish(unit: UnitOfWork, key_id: int, wish: str) -> None:
    """What a worker is asked for."""
    unit.run("UPDATE dkim_key SET wish = :wish WHERE id = :id", id=key_id, wish=wish)


def end_wish(unit: UnitOfWork, key_id: int) -> None:
    """It was carried out, or cannot be."""
    unit.run("UPDATE dkim_key SET wish = NULL WHERE id = :id", id=key_id)


def write_made(unit: UnitOfWork, key_id: int, public_key: str, sealed: bytes) -> None:
    """The two halves of a key that was made."""
    unit.run(
        "UPDATE dkim_key SET public_key = :public, sealed = :sealed WHERE id = :id AND public_key IS NULL",
        id=key_id,
        public=public_key,
        sealed=sealed,
    )


def write_seen(unit: UnitOfWork, key_id: int, finding: str, found: str) -> None:
    """What the DNS says of its record."""
    unit.run(
        "UPDATE dkim_key SET finding = :finding, found = :found, checked_at = app_now() WHERE id = :id",
        id=key_id,
        finding=finding,
        found=found,
    )


def let_sign(unit: UnitOfWork, key_id: int, domain: str) -> None:
    """This key signs from now on; the one before leaves."""
    unit.run(
        "UPDATE dkim_key SET state = 'leaving', left_at = app_now() WHERE domain = :domain AND state = 'signs'",
        domain=domain,
    )
    unit.run("UPDATE dkim_key SET state = 'signs', signs_since = app_now(), left_at = NULL WHERE id = :id", id=key_id)


def retire(unit: UnitOfWork, key_id: int) -> None:
    """Destroyed here; a key on the ring is not used any more."""
    unit.run("UPDATE dkim_key SET state = 'retired', sealed = NULL, retired_at = app_now() WHERE id = :id", id=key_id)


def private_keys(unit: UnitOfWork) -> list[Any]:
    """(domain, selector, sealed) of the keys that do not lie on the ring."""
    return unit.all("SELECT domain, selector, sealed FROM dkim_key WHERE sealed IS NOT NULL ORDER BY id")


def signing_selector(unit: UnitOfWork, domain: str) -> str | None:
    """The selector of the key that signs; None where no key is noted."""
    found = unit.scalar("SELECT selector FROM dkim_key WHERE domain = :domain AND state = 'signs'", domain=domain)
    return None if found is None else str(found)


def due_keys(unit: UnitOfWork, since: datetime) -> list[int]:
    """Keys whose record was not looked at since, or that nobody has made."""
    rows = unit.all(
        "SELECT id FROM dkim_key WHERE state <> 'retired'"
        " AND (public_key IS NULL OR checked_at IS NULL OR checked_at < :since) ORDER BY id",
        since=since,
    )
    return [row.id for row in rows]


def domains_without(unit: UnitOfWork, selector: str) -> list[str]:
    """Delegated domains in use whose record of this selector was not seen."""
    rows = unit.all(
        "SELECT d.domain FROM sending_domain d WHERE d.retired_at IS NULL AND d.state <> 'waiting'"
        " AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(d.findings) f WHERE f->>'state' = 'ok'"
        " AND f->>'name' = :selector || '._domainkey.' || d.domain) ORDER BY d.domain",
        selector=selector,
    )
    return [row.domain for row in rows]
