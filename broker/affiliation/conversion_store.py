"""The only place with the SQL of conversions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from broker.affiliation.conversion_model import Conversion, ConversionSums
from broker.kernel.database import UnitOfWork

# An owner reads what its sends brought; the advertiser's own references and the signs are the advertiser's.
_SELECT = """
SELECT c.id, c.code, g.code AS programme_code, g.title AS programme_title, p.code AS participation_code,
       coalesce(party_name(c.owner_id), '') AS owner_name, m.code AS mailing_code, c.kind,
       CASE WHEN :owner THEN '' ELSE c.reference END AS reference, c.amount_cents, c.price_micros, c.state, c.reason,
       c.source, c.clicked_at, c.happened_at, c.received_at, c.due_at, c.extended, c.repeats,
       coalesce((SELECT jsonb_object_agg(s.sign, s.evidence) FROM conversion_sign s WHERE s.conversion_id = c.id),
                '{}') AS signs
FROM conversion c JOIN programme g ON g.id = c.programme_id JOIN participation p ON p.id = c.participation_id
JOIN mailing m ON m.id = c.mailing_id
"""
_COUNT = "SELECT count(*) FROM conversion c WHERE "
_SUMS = (
    "SELECT c.kind, c.state, count(*) AS count, sum(c.price_micros)::bigint AS price_micros,"
    " coalesce(sum(c.amount_cents), 0)::bigint AS amount_cents FROM conversion c WHERE "
)
_VISIBLE = " (:staff OR c.owner_id = :org OR c.advertiser_id = :org) "


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversions: empty fields ask for nothing. Codes of a programme, a participation, a mailing."""

    programme: str = ""
    participation: str = ""
    mailing: str = ""
    state: str = ""
    kind: str = ""
    reference: str = ""
    suspicious: bool = False

    def where(self) -> tuple[str, dict[str, Any]]:
        """The conditions in use, and their values."""
        columns = {
            "programme": "c.programme_id = (SELECT id FROM programme WHERE code = :programme)",
            "participation": "c.participation_id = (SELECT id FROM participation WHERE code = :participation)",
            "mailing": "c.mailing_id = (SELECT id FROM mailing WHERE code = :mailing)",
            "state": "c.state = :state",
            "kind": "c.kind = :kind",
            "reference": "c.reference = :reference",
        }
        values = {name: getattr(self, name) for name in columns if getattr(self, name)}
        parts = [columns[name] for name in values]
        if self.suspicious:
            parts.append("EXISTS (SELECT 1 FROM conversion_sign s WHERE s.conversion_id = c.id)")
        return "".join(f"{part} AND " for part in parts), values


def conversions_page(unit: UnitOfWork, wanted: Wanted, size: int, offset: int) -> list[Conversion]:
    """The newest first."""
    where, values = wanted.where()
    rows = unit.all(
        _SELECT + "WHERE " + where + _VISIBLE + "ORDER BY c.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
        **values,
        **sight(unit),
    )
    return [Conversion(**row._mapping) for row in rows]


def count_conversions(unit: UnitOfWork, wanted: Wanted) -> int:
    """How many there are of them."""
    where, values = wanted.where()
    return int(unit.scalar(_COUNT + where + _VISIBLE, **values, **unit.sight))


def conversion_by_code(unit: UnitOfWork, code: str) -> Conversion | None:
    """One that the actor is a party of."""
    row = unit.one(_SELECT + "WHERE c.code = :code AND" + _VISIBLE, code=code, **sight(unit))
    return None if row is None else Conversion(**row._mapping)


def sums_of(unit: UnitOfWork, wanted: Wanted) -> list[ConversionSums]:
    """Numbers and micros by kind and state."""
    where, values = wanted.where()
    rows = unit.all(
        _SUMS + where + _VISIBLE + "GROUP BY c.kind, c.state ORDER BY c.kind, c.state", **values, **unit.sight
    )
    return [ConversionSums(**row._mapping) for row in rows]


def decide(unit: UnitOfWork, ids: Sequence[int], state: str, reason: str) -> list[Row[Any]]:
    """Move pending conversions of the actor; id and mailing_id of those that moved."""
    return unit.all(
        "UPDATE conversion SET state = :state, reason = :reason, decided_at = app_now(), decided_by = :by"
        " WHERE id = ANY(:ids) AND state = 'pending' AND (:staff OR advertiser_id = :org) RETURNING id, mailing_id",
        ids=list(ids),
        state=state,
        reason=reason,
        by=unit.actor.user_id,
        staff=unit.actor.role in ("broker", "system"),
        org=unit.actor.org_id,
    )


def extend(unit: UnitOfWork, conversion_id: int) -> int:
    """Put the decision off by the programme's delay, once, to 67 days after the report at most."""
    return unit.run(
        "UPDATE conversion c SET extended = true, due_at = least(c.received_at + interval '67 days',"
        " c.due_at + make_interval(hours => 24 * g.validation_days)) FROM programme g"
        " WHERE g.id = c.programme_id AND c.id = :id AND c.state = 'pending' AND NOT c.extended"
        " AND c.advertiser_id = :org",
        id=conversion_id,
        org=unit.actor.org_id,
    ).rowcount


def by_references(unit: UnitOfWork, programme_id: int, references: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """id, code, kind and state of what was reported under each reference, refused reports left out."""
    found: dict[str, list[Row[Any]]] = {}
    for row in unit.all(
        "SELECT id, code, kind, state, reference, reason FROM conversion"
        " WHERE programme_id = :programme AND reference = ANY(:references) AND state <> 'refused' ORDER BY id",
        programme=programme_id,
        references=list(references),
    ):
        found.setdefault(row.reference, []).append(row)
    return found


def approve_due(unit: UnitOfWork, most: int) -> list[int]:
    """Approve what waited its whole delay, and whose click has arrived; the ids of their mailings."""
    rows = unit.all(
        "UPDATE conversion SET state = 'approved', decided_at = app_now() WHERE id IN ("
        " SELECT id FROM conversion WHERE state = 'pending' AND due_at <= app_now() AND clicked_at IS NOT NULL"
        " ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING mailing_id",
        most=most,
    )
    return sorted({row.mailing_id for row in rows})


def find_clicks(unit: UnitOfWork, patience_hours: int) -> list[int]:
    """Look again for clicks that were on their way from a front's journal; decline what has had none for long.

    The ids of those declined.
    """
    unit.run(
        "UPDATE conversion c SET clicked_at = h.at FROM (SELECT w.id, max(x.at) AS at FROM conversion w"
        " JOIN hit x ON x.mailing_id = w.mailing_id AND x.position = w.position"
        "   AND x.at <= w.happened_at + interval '1 minute'"
        " WHERE w.state = 'pending' AND w.clicked_at IS NULL GROUP BY w.id) h WHERE c.id = h.id"
    )
    rows = unit.all(
        "UPDATE conversion SET state = 'declined', reason = 'no_click', decided_at = app_now()"
        " WHERE state = 'pending' AND clicked_at IS NULL"
        " AND received_at < app_now() - make_interval(hours => :hours) RETURNING id",
        hours=patience_hours,
    )
    return [row.id for row in rows]


def owners_of(unit: UnitOfWork, ids: Sequence[int]) -> list[Row[Any]]:
    """(owner_id, participation, programme, conversions) of these conversions."""
    return unit.all(
        "SELECT c.owner_id, p.code AS participation, g.title AS programme, count(*) AS conversions FROM conversion c"
        " JOIN participation p ON p.id = c.participation_id JOIN programme g ON g.id = c.programme_id"
        " WHERE c.id = ANY(:ids) GROUP BY c.owner_id, p.code, g.title ORDER BY p.code",
        ids=list(ids),
    )


def refusals_of(unit: UnitOfWork, programme_id: int) -> list[Row[Any]]:
    """Postbacks not let in: day, reason, count, last_at; the newest first."""
    return unit.all(
        "SELECT day, reason, count, last_at FROM postback_refusal WHERE programme_id = :id"
        " ORDER BY last_at DESC LIMIT 20",
        id=programme_id,
    )


def sight(unit: UnitOfWork) -> dict[str, object]:
    """Whose rows the actor sees, and whether it reads them as an owner."""
    return {**unit.sight, "owner": unit.actor.role == "owner"}
