"""The queries of a base's pressure: its caps, and what is planned on it."""

from __future__ import annotations

from datetime import date
from typing import Any

from broker.audience.pressure_caps import Caps
from broker.kernel.database import UnitOfWork

# Per kind: what is planned, with whose rule and towards whom; the code that its reservation stands under.
_PLANNED = """
SELECT o.send_on, 'rental' AS kind, o.card_title AS title, o.code, o.state, o.code AS kept_as, g.rule,
  o.advertiser_id, o.volume
FROM rental_order o JOIN segment g ON g.id = o.segment_id
WHERE o.base_id = :base AND o.send_on BETWEEN :start AND :end
  AND o.state IN ('ordered', 'approved', 'paid', 'on_credit', 'scheduled')
UNION ALL
SELECT t.send_on, 'affiliate', g.name, p.code, t.state, t.code, g.rule, t.advertiser_id, t.volume
FROM participation_send t JOIN participation p ON p.id = t.participation_id JOIN segment g ON g.id = t.segment_id
WHERE p.base_id = :base AND t.send_on BETWEEN :start AND :end AND t.state IN ('picked', 'scheduled')
UNION ALL
SELECT (o.next_run_at AT TIME ZONE 'Europe/Paris')::date, 'own', o.name, o.code, o.state, o.code, NULL, o.org_id, NULL
FROM own_mailing o WHERE o.base_id = :base AND o.state = 'active' AND o.schedule = 'once'
  AND (o.next_run_at AT TIME ZONE 'Europe/Paris')::date BETWEEN :start AND :end
ORDER BY 1, 4
"""


def caps_set(unit: UnitOfWork, base_id: int) -> Any:
    """The owner's own caps as they were set; None before."""
    return unit.one(
        "SELECT per_week, per_month, advertiser_week, advertiser_month, own_counts, caps_own FROM pressure_rule"
        " WHERE base_id = :base",
        base=base_id,
    )


def set_caps(unit: UnitOfWork, base_id: int, caps: Caps, week: int | None, month: int | None) -> None:
    """Set them; `week` and `month` None are the platform's."""
    unit.run(
        "INSERT INTO pressure_rule (base_id, per_week, per_month, advertiser_week, advertiser_month, own_counts,"
        " caps_own) VALUES (:base, :week, :month, :their_week, :their_month, :own_counts, :caps_own)"
        " ON CONFLICT (base_id) DO UPDATE SET per_week = excluded.per_week, per_month = excluded.per_month,"
        " advertiser_week = excluded.advertiser_week, advertiser_month = excluded.advertiser_month,"
        " own_counts = excluded.own_counts, caps_own = excluded.caps_own, set_at = app_now()",
        base=base_id,
        week=week,
        month=month,
        their_week=caps.advertiser_week,
        their_month=caps.advertiser_month,
        own_counts=caps.own_counts,
        caps_own=caps.caps_own,
    )


def planned(unit: UnitOfWork, base_id: int, start: date, end: date) -> list[Any]:
    """(send_on, kind, title, code, state, kept_as, rule, advertiser_id, volume) of what is planned and not sent."""
    return unit.all(_PLANNED, base=base_id, start=start, end=end)
