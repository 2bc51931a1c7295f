"""The only place with the SQL of saved means of payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.billing.gateway.gateway_objects import Means, MeansKind
from broker.kernel.database import UnitOfWork

MeansState = Literal["asked", "ready", "failed", "removing", "removed"]


@dataclass(frozen=True, slots=True)
class SavedMeans:
    """A card or a SEPA mandate of an organisation. `setup_reference` is the gateway's page where it is given."""

    id: int
    code: str
    org_id: int
    kind: MeansKind
    state: MeansState
    setup_reference: str
    gateway_reference: str
    label: str
    expires_on: date | None
    mandate: str
    mandate_url: str
    asked_at: datetime


_SELECT = """
SELECT id, code, org_id, kind, state, coalesce(setup_reference, '') AS setup_reference,
  coalesce(gateway_reference, '') AS gateway_reference, label, expires_on, mandate, mandate_url, asked_at
FROM payment_means
"""


def lock_org(unit: UnitOfWork, org_id: int) -> None:
    """One request of an organisation at a time: a page asked for twice at once is one page."""
    unit.run("SELECT pg_advisory_xact_lock(7203844, :org)", org=org_id)


def customer_of(unit: UnitOfWork, org_id: int) -> str:
    """What the gateway calls an organisation as payer, or nothing."""
    return str(unit.scalar("SELECT reference FROM gateway_customer WHERE org_id = :org", org=org_id) or "")


def keep_customer(unit: UnitOfWork, org_id: int, reference: str) -> None:
    """Keep what the gateway calls an organisation."""
    unit.run(
        "INSERT INTO gateway_customer (org_id, reference) VALUES (:org, :reference) ON CONFLICT DO NOTHING",
        org=org_id,
        reference=reference,
    )


def insert(unit: UnitOfWork, code: str, org_id: int, kind: str, setup: str) -> None:
    """A means whose page is open."""
    unit.run(
        "INSERT INTO payment_means (code, org_id, kind, setup_reference, asked_by)"
        " VALUES (:code, :org, :kind, :setup, :by)",
        code=code,
        org=org_id,
        kind=kind,
        setup=setup,
        by=unit.actor.user_id,
    )


def asked(unit: UnitOfWork, org_id: int) -> int:
    """How many means an organisation began to save: each has a key of its own."""
    return int(unit.scalar("SELECT count(*) FROM payment_means WHERE org_id = :org", org=org_id))


def waiting(unit: UnitOfWork, org_id: int, kind: str) -> SavedMeans | None:
    """The means of a kind that an organisation is about to save."""
    row = unit.one(
        _SELECT + "WHERE org_id = :org AND kind = :kind AND state = 'asked' ORDER BY id DESC LIMIT 1",
        org=org_id,
        kind=kind,
    )
    return None if row is None else SavedMeans(**row._mapping)


def by_code(unit: UnitOfWork, code: str) -> SavedMeans | None:
    """A means of the actor's organisation, or any for staff."""
    row = unit.one(
        _SELECT + "WHERE code = :code AND (:staff OR org_id = :org)",
        code=code,
        **unit.sight,
    )
    return None if row is None else SavedMeans(**row._mapping)


def by_id(unit: UnitOfWork, means_id: int) -> SavedMeans | None:
    """A means by its id."""
    row = unit.one(_SELECT + "WHERE id = :id", id=means_id)
    return None if row is None else SavedMeans(**row._mapping)


def means_of(unit: UnitOfWork, reference: str) -> int | None:
    """The id of the means that the gateway calls so, by itself or by its page."""
    found = unit.scalar(
        "SELECT id FROM payment_means WHERE gateway_reference = :reference OR setup_reference = :reference",
        reference=reference,
    )
    return None if found is None else int(found)


def of_org(unit: UnitOfWork, org_id: int) -> list[SavedMeans]:
    """What an organisation saved and has not removed, the newest first; pages that nobody ended are left out."""
    rows = unit.all(_SELECT + "WHERE org_id = :org AND state IN ('ready', 'removing') ORDER BY id DESC", org=org_id)
    return [SavedMeans(**row._mapping) for row in rows]


def ready(unit: UnitOfWork, means_id: int, found: Means) -> None:
    """What the gateway says was saved."""
    unit.run(
        "UPDATE payment_means SET state = 'ready', gateway_reference = :reference, label = :label,"
        " expires_on = :expires, mandate = :mandate, mandate_url = :url, ready_at = app_now()"
        " WHERE id = :id AND state IN ('asked', 'failed')",
        id=means_id,
        reference=found.reference,
        label=found.label,
        expires=found.expires_on,
        mandate=found.mandate,
        url=found.mandate_url,
    )


def set_state(unit: UnitOfWork, means_id: int, before: str, after: str) -> bool:
    """Move a means; False when it stood elsewhere."""
    done = unit.run(
        "UPDATE payment_means SET state = :after WHERE id = :id AND state = :before",
        id=means_id,
        before=before,
        after=after,
    )
    return done.rowcount == 1


def removed(unit: UnitOfWork, means_id: int) -> None:
    """The gateway has forgotten a means."""
    unit.run(
        "UPDATE payment_means SET state = 'removed', removed_at = app_now() WHERE id = :id AND state = 'removing'",
        id=means_id,
    )


def under_way(unit: UnitOfWork, means_id: int) -> str:
    """The code of a payment that a means is about to make, or nothing."""
    return str(
        unit.scalar(
            "SELECT code FROM payment WHERE means_id = :id AND state IN ('pending', 'processing') LIMIT 1",
            id=means_id,
        )
        or ""
    )
