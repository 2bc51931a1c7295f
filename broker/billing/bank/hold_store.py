"""The only place with the SQL of holds on payouts, and of what came too often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class PayoutHold:
    """A hold on payouts. `held_by` None: the platform itself, for `alert` (its kind). It stands until `released_at`."""

    id: int
    code: str
    organisation: str
    org_code: str
    reason: str
    alert: str
    seen: int
    allowed: int
    held_by: int | None
    held_by_name: str
    held_at: datetime
    finding: str
    cleared_by: int | None
    cleared_by_name: str
    released_by_name: str
    released_at: datetime | None


_SELECT = """
SELECT h.id, h.code, o.name AS organisation, o.code AS org_code, h.reason, coalesce(a.kind, '') AS alert,
  coalesce(a.seen, 0) AS seen, coalesce(a.allowed, 0) AS allowed, h.held_by, coalesce(p.name, '') AS held_by_name,
  h.held_at, h.finding, h.cleared_by, coalesce(c.name, '') AS cleared_by_name, coalesce(r.name, '') AS released_by_name,
  h.released_at
FROM payout_hold h JOIN organisation o ON o.id = h.org_id LEFT JOIN velocity_alert a ON a.id = h.alert_id
LEFT JOIN app_user p ON p.id = h.held_by LEFT JOIN app_user c ON c.id = h.cleared_by
LEFT JOIN app_user r ON r.id = h.released_by
"""
# What is counted of each organisation since an instant: (org, kind, seen).
_SEEN = """
SELECT advertiser_id AS org, 'orders' AS kind, count(DISTINCT o.id) AS seen FROM rental_order o
  JOIN order_event e ON e.order_id = o.id AND e.state = 'ordered' WHERE e.at > :since GROUP BY 1
UNION ALL SELECT advertiser_id, 'payments', count(*) FROM payment WHERE created_at > :since GROUP BY 1
UNION ALL SELECT org_id, 'refunds', count(*) FROM refund WHERE asked_at > :since AND state <> 'cancelled' GROUP BY 1
UNION ALL SELECT b.org_id, 'iban_changes', count(*) FROM bank_account b WHERE b.proposed_at > :since
  AND EXISTS (SELECT 1 FROM bank_account f WHERE f.org_id = b.org_id AND f.id < b.id) GROUP BY 1
UNION ALL SELECT owner_id, 'payouts', sum(amount_cents)::bigint FROM payout WHERE proposed_at > :since
  AND state <> 'failed' GROUP BY 1
"""


def seen_since(unit: UnitOfWork, since: datetime) -> list[Row[Any]]:
    """(org, kind, seen) of everybody since an instant; `payouts` in cents, the others by number."""
    return unit.all(_SEEN, since=since)


def raise_alert(unit: UnitOfWork, code: str, org_id: int, kind: str, seen: int, allowed: int, hours: int) -> int | None:
    """Keep an alert, once for an organisation, kind and day; its id, None when it stands already."""
    found = unit.scalar(
        "INSERT INTO velocity_alert (code, org_id, kind, day, seen, allowed, hours) VALUES (:code, :org, :kind, :day,"
        " :seen, :allowed, :hours) ON CONFLICT (org_id, kind, day) DO NOTHING RETURNING id",
        code=code,
        org=org_id,
        kind=kind,
        day=unit.today,
        seen=seen,
        allowed=allowed,
        hours=hours,
    )
    return None if found is None else int(found)


def facts_of(unit: UnitOfWork, org_id: int) -> Row[Any]:
    """(code, name) of an organisation."""
    row = unit.one("SELECT code, name FROM organisation WHERE id = :id", id=org_id)
    assert row is not None
    return row


def standing(unit: UnitOfWork, org_id: int) -> str | None:
    """The code of the hold that stands."""
    found = unit.scalar("SELECT code FROM payout_hold WHERE org_id = :org AND released_at IS NULL", org=org_id)
    return None if found is None else str(found)


def insert(unit: UnitOfWork, code: str, org_id: int, reason: str) -> None:
    """Hold, by a person."""
    unit.run(
        "INSERT INTO payout_hold (code, org_id, reason, held_by) VALUES (:code, :org, :reason, :user)",
        code=code,
        org=org_id,
        reason=reason,
        user=unit.actor.user_id,
    )


def insert_for_alert(unit: UnitOfWork, code: str, org_id: int, reason: str, alert_id: int) -> bool:
    """Hold, by the platform; False when a hold stands already."""
    return (
        unit.run(
            "INSERT INTO payout_hold (code, org_id, reason, alert_id) VALUES (:code, :org, :reason, :alert)"
            " ON CONFLICT DO NOTHING",
            code=code,
            org=org_id,
            reason=reason,
            alert=alert_id,
        ).rowcount
        == 1
    )


def clear(unit: UnitOfWork, hold_id: int, finding: str) -> None:
    """What the first person found."""
    unit.run(
        "UPDATE payout_hold SET finding = :finding, cleared_by = :user, cleared_at = app_now() WHERE id = :id"
        " AND released_at IS NULL",
        finding=finding,
        user=unit.actor.user_id,
        id=hold_id,
    )


def release(unit: UnitOfWork, hold_id: int, user: int) -> None:
    """The second person's word."""
    unit.run(
        "UPDATE payout_hold SET released_by = :user, released_at = app_now() WHERE id = :id AND released_at IS NULL",
        user=user,
        id=hold_id,
    )


def hold(unit: UnitOfWork, code: str) -> PayoutHold | None:
    """One hold."""
    row = unit.one(_SELECT + "WHERE h.code = :code", code=code)
    return None if row is None else PayoutHold(**row._mapping)


def holds(unit: UnitOfWork) -> list[PayoutHold]:
    """Those that stand first, then the newest."""
    rows = unit.all(_SELECT + "ORDER BY h.released_at IS NOT NULL, h.id DESC LIMIT 200")
    return [PayoutHold(**row._mapping) for row in rows]


def alerts(unit: UnitOfWork) -> list[Row[Any]]:
    """(code, organisation, org_code, kind, seen, allowed, hours, raised_at) of alerts, the newest first."""
    return unit.all(
        "SELECT a.code, o.name AS organisation, o.code AS org_code, a.kind, a.seen, a.allowed, a.hours, a.raised_at"
        " FROM velocity_alert a JOIN organisation o ON o.id = a.org_id ORDER BY a.id DESC LIMIT 200"
    )
