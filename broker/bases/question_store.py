"""The queries of questions about one contact: the front asks, a worker finds and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def add_question(unit: UnitOfWork, code: str, org_id: int, base_id: int, kind: str, sealed: bytes) -> int:
    """A question that waits for a worker."""
    number: int = unit.scalar(
        "INSERT INTO contact_question (code, org_id, base_id, kind, sealed, asked_by)"
        " VALUES (:code, :org, :base, :kind, :sealed, :actor) RETURNING id",
        code=code,
        org=org_id,
        base=base_id,
        kind=kind,
        sealed=sealed,
        actor=unit.actor.user_id,
    )
    return number


def question(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """A question of the actor's organisation."""
    return unit.one(
        "SELECT q.code, b.code AS base_code, q.kind, q.state, q.answer, q.created_at FROM contact_question q"
        " JOIN base b ON b.id = q.base_id WHERE q.code = :code AND q.org_id = :org",
        code=code,
        org=unit.actor.org,
    )


def waiting_question(unit: UnitOfWork, question_id: int) -> Row[Any] | None:
    """code, org_id, base_id, base_code, kind, sealed, asked_by of a question that nobody answered, locked."""
    return unit.one(
        "SELECT q.code, q.org_id, q.base_id, b.code AS base_code, q.kind, q.sealed, q.asked_by FROM contact_question q"
        " JOIN base b ON b.id = q.base_id WHERE q.id = :id AND q.state = 'waiting' FOR UPDATE OF q",
        id=question_id,
    )


def answer(unit: UnitOfWork, question_id: int, given: Mapping[str, Any] | None) -> None:
    """Keep the answer (None: unknown) and forget the reference."""
    unit.run(
        "UPDATE contact_question SET state = :state, answer = CAST(:answer AS jsonb), sealed = NULL WHERE id = :id",
        id=question_id,
        state="unknown" if given is None else "answered",
        answer=None if given is None else json.dumps(given, ensure_ascii=False, default=str),
    )


def forget_questions(unit: UnitOfWork, minutes: int) -> int:
    """Questions and answers of so many minutes ago."""
    return unit.run(
        "DELETE FROM contact_question WHERE created_at < app_now() - make_interval(mins => :minutes)", minutes=minutes
    ).rowcount


def contact(unit: UnitOfWork, base_id: int, keys: Sequence[bytes]) -> Row[Any] | None:
    """The contact of a reference, by its keys under all peppers; of several the one seen last."""
    return unit.one(
        "SELECT c.id, c.key_version, c.sealed, c.contact_key, c.relation, c.consent_at, c.consent_withdrawn_at,"
        " c.updated_at, i.code AS import_code, s.source_url, s.wording, s.form_version, s.partner_list_version,"
        " s.quarantined_at, n.file_name FROM contact c JOIN import_run i ON i.id = c.import_id"
        " LEFT JOIN consent_source s ON s.id = c.consent_source_id"
        " JOIN base b ON b.id = c.base_id LEFT JOIN snapshot n ON n.id = b.current_snapshot_id"
        " WHERE c.base_id = :base AND c.reference_key = ANY(:keys) AND c.sealed IS NOT NULL ORDER BY c.id DESC LIMIT 1",
        base=base_id,
        keys=list(keys),
    )


def consent_history(unit: UnitOfWork, contact_id: int) -> list[Row[Any]]:
    """Earlier consents and withdrawals, the latest first."""
    return unit.all(
        "SELECT e.kind, e.at, s.source_url, s.wording, s.form_version, s.partner_list_version, i.code AS import_code,"
        " e.recorded_at FROM consent_event e LEFT JOIN consent_source s ON s.id = e.source_id"
        " JOIN import_run i ON i.id = e.import_id WHERE e.contact_id = :id ORDER BY e.at DESC, e.recorded_at DESC",
        id=contact_id,
    )


def partners_of_version(unit: UnitOfWork, base_id: int, version: int) -> list[str]:
    """The names that a version of the partner list holds."""
    rows = unit.all(
        "SELECT name FROM partner WHERE base_id = :base AND version = :version ORDER BY name",
        base=base_id,
        version=version,
    )
    return [row.name for row in rows]


def stops_of(unit: UnitOfWork, base_id: int, contact_key: bytes) -> list[Row[Any]]:
    """What keeps mail from a contact: scope, reason, since when."""
    return unit.all(
        "SELECT scope, reason, min(at) AS since FROM suppression WHERE contact_key = :key"
        " AND (scope = 'everywhere' OR (scope = 'base' AND base_id = :base)) GROUP BY scope, reason ORDER BY scope",
        key=contact_key,
        base=base_id,
    )


def purchases_of(unit: UnitOfWork, base_id: int, contact_id: int) -> Row[Any] | None:
    """How often, how much and when last."""
    return unit.one(
        "SELECT count(*) AS lines, coalesce(sum(amount_cents), 0) AS amount_cents, min(day) AS first, max(day) AS last"
        " FROM purchase WHERE base_id = :base AND contact_id = :id",
        base=base_id,
        id=contact_id,
    )
