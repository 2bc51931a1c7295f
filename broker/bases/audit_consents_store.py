"""The queries of consent audits and of the sources of consents."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.bases.audit_consents_model import AuditLine, ConsentSource, ProofDrawn
from broker.kernel.database import UnitOfWork

_VISIBLE = "(:staff OR b.org_id = :org)"


def draw(unit: UnitOfWork, code: str, base_id: int, source_id: int | None, seed: int, size: int) -> int:
    """Make an audit and draw its proofs; how many there are."""
    unit.run(
        "INSERT INTO consent_audit (code, base_id, source_id, seed) VALUES (:code, :base, :source, :seed)",
        code=code,
        base=base_id,
        source=source_id,
        seed=seed,
    )
    drawn: int = unit.scalar(
        "SELECT draw_consents((SELECT id FROM consent_audit WHERE code = :code), :size)", code=code, size=size
    )
    return drawn


def audit(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """code, base_code, base_name, source_code, seed, asked, population, drawn_at of an audit."""
    return unit.one(
        "SELECT a.code, b.code AS base_code, b.name AS base_name, s.code AS source_code, a.seed, a.asked, a.population,"
        " a.drawn_at FROM consent_audit a JOIN base b ON b.id = a.base_id"
        " LEFT JOIN consent_source s ON s.id = a.source_id WHERE a.code = :code",
        code=code,
    )


def audits_of(unit: UnitOfWork, base_id: int) -> list[AuditLine]:
    """The audits of a base, the newest first."""
    rows = unit.all(
        "SELECT a.code, b.code AS base_code, s.code AS source_code, a.drawn_at, count(i.place) AS drawn,"
        " count(*) FILTER (WHERE i.verdict = 'complete') AS complete,"
        " count(*) FILTER (WHERE i.verdict = 'doubtful') AS doubtful,"
        " count(*) FILTER (WHERE i.verdict = 'missing') AS missing"
        " FROM consent_audit a JOIN base b ON b.id = a.base_id LEFT JOIN consent_source s ON s.id = a.source_id"
        " LEFT JOIN consent_audit_item i ON i.audit_id = a.id WHERE a.base_id = :base"
        " GROUP BY a.id, b.code, s.code ORDER BY a.id DESC LIMIT 100",
        base=base_id,
    )
    return [AuditLine(**row._mapping) for row in rows]


def proofs(unit: UnitOfWork, code: str) -> list[ProofDrawn]:
    """The proofs drawn, in their order."""
    rows = unit.all(
        "SELECT i.place, s.code AS source_code, s.source_url, s.wording, s.form_version, s.partner_list_version,"
        " i.consent_at, i.relation, s.quarantined_at IS NOT NULL AS quarantined, i.verdict, i.note"
        " FROM consent_audit_item i JOIN consent_audit a ON a.id = i.audit_id"
        " JOIN consent_source s ON s.id = i.source_id WHERE a.code = :code ORDER BY i.place",
        code=code,
    )
    return [ProofDrawn(**row._mapping) for row in rows]


def judge(unit: UnitOfWork, code: str, place: int, verdict: str, note: str) -> bool:
    """Write a verdict; False where there is no such proof."""
    result = unit.run(
        "UPDATE consent_audit_item SET verdict = :verdict, note = :note, judged_at = app_now() WHERE place = :place"
        " AND audit_id = (SELECT id FROM consent_audit WHERE code = :code)",
        verdict=verdict,
        note=note,
        place=place,
        code=code,
    )
    return result.rowcount == 1


def sources_of(unit: UnitOfWork, base_id: int) -> list[ConsentSource]:
    """The sources of a base with how many contacts stand on each, the largest first."""
    rows = unit.all(
        "SELECT s.code, s.source_url, s.wording, s.form_version, s.partner_list_version,"  # noqa: S608 - our own text
        " coalesce(n.contacts, 0) AS contacts, n.latest, s.quarantined_at, s.quarantine_reason, s.released_at,"
        " s.release_reason FROM consent_source s JOIN base b ON b.id = s.base_id"
        " LEFT JOIN contacts_by_source(:base) n ON n.source_id = s.id"
        f" WHERE s.base_id = :base AND {_VISIBLE} ORDER BY n.contacts DESC NULLS LAST, s.id LIMIT 500",
        base=base_id,
        **unit.sight,
    )
    return [ConsentSource(**row._mapping) for row in rows]


def source_by_code(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """id, base_id, base_code of a source that the actor may see."""
    return unit.one(
        "SELECT s.id, s.base_id, b.code AS base_code FROM consent_source s"  # noqa: S608 - our own text
        " JOIN base b ON b.id = s.base_id"
        f" WHERE s.code = :code AND {_VISIBLE}",
        code=code,
        **unit.sight,
    )


def quarantine(unit: UnitOfWork, source_id: int, reason: str) -> bool:
    """Shut a source out; False where it is already."""
    return bool(unit.scalar("SELECT quarantine_source(:source, :reason)", source=source_id, reason=reason))


def release(unit: UnitOfWork, source_id: int, reason: str) -> bool:
    """Take a source out of quarantine; False where it is not in it."""
    return bool(unit.scalar("SELECT release_source(:source, :reason)", source=source_id, reason=reason))
