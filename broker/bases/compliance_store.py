"""The queries of contracts, registers, requests and breaches."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.bases.compliance_model import Activity, Breach, Contract, RightsRequest, Trace
from broker.kernel.database import UnitOfWork

_CONTRACT = (
    "SELECT c.code, b.code AS base_code, c.kind, c.reference, encode(c.document_sha256, 'hex') AS document_sha256,"
    " c.signatory, c.signed_on, c.ends_on FROM processing_contract c JOIN base b ON b.id = c.base_id"
)
_REQUEST = (
    "SELECT r.code, o.name AS controller, coalesce(r.org_id = :org, false) AS own, r.kind, r.reference, r.received_on,"
    " r.due_on, r.extended_to, r.extension_reason, r.answered_on, r.outcome, r.note"
    " FROM rights_request r JOIN organisation o ON o.id = r.org_id"
)
_BREACH = (
    "SELECT r.code, b.code AS base_code, r.discovered_at, r.began_at, r.ended_at, r.nature, r.facts, r.data,"
    " r.rows_affected, r.consequences, r.measures, r.authority_told_at, r.people_told_at, r.closed_at, r.which_rows,"
    " r.people_affected, r.risk, r.late_reason, r.authority_text, r.people_text, b.name AS base_name,"
    " o.name AS controller FROM breach r JOIN base b ON b.id = r.base_id JOIN organisation o ON o.id = r.org_id"
)


def _insert(unit: UnitOfWork, table: str, values: dict[str, Any]) -> None:
    unit.run(
        f"INSERT INTO {table} ({', '.join(values)})"  # noqa: S608 - names of this file
        f" VALUES ({', '.join(f':{name}' for name in values)})",
        **values,
    )


def add_contract(unit: UnitOfWork, **values: Any) -> None:
    """Insert a contract; keys are its columns."""
    _insert(unit, "processing_contract", values)


def contracts_of(unit: UnitOfWork, base_id: int) -> list[Contract]:
    """A base's contracts, the newest first."""
    rows = unit.all(_CONTRACT + " WHERE c.base_id = :base ORDER BY c.id DESC", base=base_id)
    return [Contract(**row._mapping) for row in rows]


def end_contract(unit: UnitOfWork, code: str, ends_on: date) -> bool:
    """Give a contract its last day; False when there is none of this code."""
    done = unit.run(
        "UPDATE processing_contract c SET ends_on = :ends_on WHERE c.code = :code AND (:staff OR c.org_id = :org)",
        code=code,
        ends_on=ends_on,
        **unit.sight,
    )
    return done.rowcount == 1


def add_activity(unit: UnitOfWork, **values: Any) -> None:
    """Insert a line of the register; keys are its columns."""
    _insert(unit, "processing_activity", values)


def end_activity(unit: UnitOfWork, code: str) -> bool:
    """Take a line out of the register; it stays in the table."""
    done = unit.run(
        "UPDATE processing_activity SET ended_at = app_now() WHERE code = :code AND org_id = :org AND ended_at IS NULL",
        code=code,
        org=unit.actor.org,
    )
    return done.rowcount == 1


def activities(unit: UnitOfWork) -> list[Activity]:
    """The lines that controllers wrote themselves, by controller and name."""
    rows = unit.all(
        "SELECT a.code, o.name AS controller, a.name, a.purpose, a.legal_basis, a.people, a.data, a.recipients,"
        " a.retention, a.transfers, a.security FROM processing_activity a JOIN organisation o ON o.id = a.org_id"
        " WHERE a.ended_at IS NULL AND (:staff OR a.org_id = :org) ORDER BY o.name, a.name",
        **unit.sight,
    )
    return [Activity(**row._mapping) for row in rows]


def bases_of_register(unit: UnitOfWork) -> list[Row[Any]]:
    """controller, name, contact_kind, partners, contracts of each base that the actor sees."""
    return list(
        unit.all(
            "SELECT o.name AS controller, b.name, b.contact_kind,"
            " (SELECT count(*) FROM partner p WHERE p.base_id = b.id AND p.version ="
            "   (SELECT max(version) FROM partner_list l WHERE l.base_id = b.id)) AS partners,"
            " (SELECT string_agg(c.reference, ', ' ORDER BY c.id) FROM processing_contract c WHERE c.base_id = b.id"
            "   AND (c.ends_on IS NULL OR c.ends_on >= :today)) AS contracts"
            " FROM base b JOIN organisation o ON o.id = b.org_id "
            " WHERE (:staff OR b.org_id = :org) ORDER BY o.name, b.name",
            today=unit.today,
            **unit.sight,
        )
    )


def add_request(unit: UnitOfWork, **values: Any) -> None:
    """Insert a request; keys are its columns."""
    _insert(unit, "rights_request", values)


def request_by_code(unit: UnitOfWork, code: str) -> RightsRequest | None:
    """A request of the actor's organisation (of any, for staff), held until the commit."""
    row = unit.one(
        _REQUEST + " WHERE r.code = :code AND (:staff OR r.org_id = :org) FOR UPDATE OF r", code=code, **unit.sight
    )
    return None if row is None else RightsRequest(**row._mapping)


def requests_page(unit: UnitOfWork, size: int, offset: int) -> list[RightsRequest]:
    """Open requests by deadline, then answered ones, the newest first."""
    rows = unit.all(
        _REQUEST + " WHERE (:staff OR r.org_id = :org) ORDER BY answered_on IS NOT NULL,"
        " CASE WHEN answered_on IS NULL THEN coalesce(extended_to, due_on) END, r.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
        **unit.sight,
    )
    return [RightsRequest(**row._mapping) for row in rows]


def count_requests(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar("SELECT count(*) FROM rights_request r WHERE (:staff OR r.org_id = :org)", **unit.sight))


def requests_due(unit: UnitOfWork, until: date) -> tuple[int, int]:
    """(late, due by a day) of the open requests that the actor may see."""
    row = unit.one(
        "SELECT count(*) FILTER (WHERE coalesce(extended_to, due_on) < :today) AS late,"
        " count(*) FILTER (WHERE coalesce(extended_to, due_on) BETWEEN :today AND :until) AS soon"
        " FROM rights_request r WHERE answered_on IS NULL AND (:staff OR r.org_id = :org)",
        today=unit.today,
        until=until,
        **unit.sight,
    )
    assert row is not None
    return row.late, row.soon


def extend_request(unit: UnitOfWork, code: str, until: date, reason: str) -> None:
    """Put the deadline of a request off."""
    unit.run(
        "UPDATE rights_request SET extended_to = :until, extension_reason = :reason"
        " WHERE code = :code AND org_id = :org",
        code=code,
        until=until,
        reason=reason,
        org=unit.actor.org,
    )


def answer_request(unit: UnitOfWork, code: str, day: date, outcome: str, note: str) -> None:
    """Note the answer to a request."""
    unit.run(
        "UPDATE rights_request SET answered_on = :day, outcome = :outcome, note = :note"
        " WHERE code = :code AND org_id = :org",
        code=code,
        day=day,
        outcome=outcome,
        note=note,
        org=unit.actor.org,
    )


def add_breach(unit: UnitOfWork, **values: Any) -> None:
    """Insert a breach; keys are its columns."""
    _insert(unit, "breach", values)


def breach_by_code(unit: UnitOfWork, code: str) -> tuple[Breach, int] | None:
    """A breach that the actor may see, and the id of its base."""
    found = (
        _BREACH.replace("SELECT ", "SELECT r.base_id, ", 1) + " WHERE r.code = :code AND (:staff OR r.org_id = :org)"
    )
    row = unit.one(found, code=code, **unit.sight)
    if row is None:
        return None
    values = dict(row._mapping)
    base_id = int(values.pop("base_id"))
    return Breach(**values), base_id


def breaches(unit: UnitOfWork) -> list[Breach]:
    """All breaches that the actor may see, the newest first."""
    rows = unit.all(_BREACH + " WHERE (:staff OR r.org_id = :org) ORDER BY r.id DESC", **unit.sight)
    return [Breach(**row._mapping) for row in rows]


def note_breach(unit: UnitOfWork, code: str, values: dict[str, Any]) -> None:
    """Set columns of a breach; keys are names of `note_breach`'s own list."""
    changes = ", ".join(f"{name} = :{name}" for name in values)
    unit.run(
        f"UPDATE breach r SET {changes} WHERE r.code = :code AND (:staff OR r.org_id = :org)",  # noqa: S608 - checked names
        code=code,
        **values,
        **unit.sight,
    )


def rows_in_base(unit: UnitOfWork, base_id: int) -> int:
    """Contacts in the newest snapshot of a base."""
    return int(
        unit.scalar(
            "SELECT coalesce((SELECT s.rows FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id"
            " WHERE b.id = :base), 0)",
            base=base_id,
        )
    )


def traces(unit: UnitOfWork, base_id: int, first: datetime, last: datetime) -> list[Trace]:
    """What the owner's people and the platform's staff did in a time, as far as the actor may read the audit."""
    rows = unit.all(
        "SELECT coalesce(u.name, '') AS who, a.actor_role AS role, a.action, count(*) AS times, min(a.at) AS first_at,"
        " max(a.at) AS last_at,"
        " coalesce(sum(CASE WHEN a.action LIKE 'alert.%' THEN (a.detail->>'rows')::bigint END), 0)"
        "::bigint AS rows FROM audit_entry a LEFT JOIN app_user u ON u.id = a.user_id"
        " WHERE a.at BETWEEN :first AND :last AND (a.actor_role IN ('broker', 'accountant', 'system')"
        "   OR a.org_id = (SELECT org_id FROM base WHERE id = :base))"
        " GROUP BY 1, 2, 3 ORDER BY 5, 3 LIMIT 500",
        base=base_id,
        first=first,
        last=last,
    )
    return [Trace(**row._mapping) for row in rows]
