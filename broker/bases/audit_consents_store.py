"""The queries of consent audits."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def draw(unit: UnitOfWork, code: str, base_id: int, size: int) -> int:
    """Make an audit and draw its proofs; how many there are."""
    unit.run("INSERT INTO consent_audit (code, base_id) VALUES (:code, :base)", code=code, base=base_id)
    drawn: int = unit.scalar(
        "SELECT draw_consents((SELECT id FROM consent_audit WHERE code = :code), :size)", code=code, size=size
    )
    return drawn


def audit(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """An audit with its base's code."""
    return unit.one(
        "SELECT a.code, b.code AS base_code, a.drawn_at FROM consent_audit a JOIN base b ON b.id = a.base_id"
        " WHERE a.code = :code",
        code=code,
    )


def proofs(unit: UnitOfWork, code: str) -> list[Row[Any]]:
    """The proofs drawn, in their order."""
    return unit.all(
        "SELECT i.place, i.source_id, s.source_url, s.wording, s.form_version, s.partner_list_version, i.consent_at,"
        " s.quarantined_at IS NOT NULL AS quarantined, i.verdict, i.note FROM consent_audit_item i"
        " JOIN consent_audit a ON a.id = i.audit_id JOIN consent_source s ON s.id = i.source_id"
        " WHERE a.code = :code ORDER BY i.place",
        code=code,
    )


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


def quarantine(unit: UnitOfWork, source_id: int, reason: str) -> bool:
    """Shut a source out; False where it is already."""
    return bool(unit.scalar("SELECT quarantine_source(:source, :reason)", source=source_id, reason=reason))
