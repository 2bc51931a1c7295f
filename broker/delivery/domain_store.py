"""The queries of sending domains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from broker.delivery.sending_domain import DomainState, Seen, SendingDomain
from broker.kernel.database import UnitOfWork

_SELECT = (
    "SELECT d.id, d.code, d.domain, d.return_domain, d.state, o.name AS owner, d.findings, d.checked_at, d.asked_at,"
    " d.created_at FROM sending_domain d JOIN organisation o ON o.id = d.org_id WHERE d.retired_at IS NULL"
)


def domains(unit: UnitOfWork) -> list[SendingDomain]:
    """The actor's domains; the broker's are everybody's."""
    rows = unit.all(f"{_SELECT} AND (d.org_id = :org OR :all) ORDER BY d.id", **_whose(unit))
    return [_domain(row._mapping) for row in rows]


def domain_by_code(unit: UnitOfWork, code: str) -> SendingDomain | None:
    """One of the actor's domains."""
    row = unit.one(f"{_SELECT} AND (d.org_id = :org OR :all) AND d.code = :code", code=code, **_whose(unit))
    return None if row is None else _domain(row._mapping)


def locked(unit: UnitOfWork, domain_id: int) -> tuple[SendingDomain, int] | None:
    """A domain and its owner, for a worker, locked."""
    row = unit.one(f"{_SELECT} AND d.id = :id FOR UPDATE OF d", id=domain_id)
    if row is None:
        return None
    org = unit.scalar("SELECT org_id FROM sending_domain WHERE id = :id", id=domain_id)
    return _domain(row._mapping), int(org)


def _whose(unit: UnitOfWork) -> dict[str, object]:
    return {"org": unit.actor.org_id, "all": unit.actor.role in ("broker", "system")}


def _domain(values: object) -> SendingDomain:
    row = dict(values)  # type: ignore[call-overload]
    return SendingDomain(**row | {"findings": tuple(Seen(**one) for one in row["findings"])})


def insert(unit: UnitOfWork, code: str, domain: str, return_domain: str) -> int:
    """A domain of the actor; its id. A name that is somebody's already is a `Conflict` (sending_domain_once)."""
    return int(
        unit.scalar(
            "INSERT INTO sending_domain (code, org_id, domain, return_domain) VALUES (:code, :org, :domain, :back)"
            " RETURNING id",
            code=code,
            org=unit.actor.org,
            domain=domain,
            back=return_domain,
        )
    )


def ask_again(unit: UnitOfWork, domain_id: int) -> None:
    """Note that a look is wanted."""
    unit.run("UPDATE sending_domain SET asked_at = app_now() WHERE id = :id", id=domain_id)


def retire(unit: UnitOfWork, domain_id: int) -> None:
    """Take a domain out of use."""
    unit.run("UPDATE sending_domain SET retired_at = app_now() WHERE id = :id AND retired_at IS NULL", id=domain_id)


def write_seen(unit: UnitOfWork, domain_id: int, state: DomainState, seen: Sequence[Seen]) -> None:
    """What a look found."""
    unit.run(
        "UPDATE sending_domain SET state = :state, findings = CAST(:seen AS jsonb), checked_at = app_now()"
        " WHERE id = :id",
        id=domain_id,
        state=state,
        seen=json.dumps([asdict(one) for one in seen]),
    )


def due(unit: UnitOfWork, waiting_since: datetime, settled_since: datetime) -> list[int]:
    """Domains to look at again: those that wait, last seen before the one; the others, before the other."""
    rows = unit.all(
        "SELECT id FROM sending_domain WHERE retired_at IS NULL AND (checked_at IS NULL OR checked_at <"
        " CASE WHEN state = 'green' THEN :settled ELSE :waiting END) ORDER BY id",
        waiting=waiting_since,
        settled=settled_since,
    )
    return [row.id for row in rows]


def delegated(unit: UnitOfWork) -> tuple[frozenset[str], frozenset[str]]:
    """(sending, return) domains that mail may come back to, retired ones among them."""
    rows = unit.all("SELECT domain, return_domain FROM delegated_domains()")
    return frozenset(row.domain for row in rows), frozenset(row.return_domain for row in rows)


def domain_of_mailing(unit: UnitOfWork, mailing_id: int) -> tuple[str, str] | None:
    """(sending, return) domain of a mailing; None for the platform's own."""
    row = unit.one("SELECT sending_domain, return_domain FROM mailing WHERE id = :id", id=mailing_id)
    return None if row is None or row.sending_domain is None else (row.sending_domain, row.return_domain)
