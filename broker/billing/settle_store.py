"""The only place with the settlement's SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

# Ended, out of the time in which bounces count (none can come of a mailing that never began), and with no mail between
# us and a receiving server; where clicks, leads or sales are paid, when none may come any more and none waits for a
# decision.
_DUE = """
 m.closed_at IS NULL AND m.kind <> 'own' AND m.state IN ('sent', 'cancelled', 'failed')
 AND (m.started_at IS NULL AND m.state <> 'sent'
      OR coalesce(m.ended_at, m.started_at, m.frozen_at, m.created_at) + make_interval(hours => :hours) <= app_now())
 AND (m.kind <> 'affiliate' OR NOT conversions_open(m.id))
"""
# Looked at when the list is made; the settlement itself counts all sends once anyway (`count_sends`).
_NONE_UNDER_WAY = """
 AND NOT EXISTS (SELECT 1 FROM send s WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
                 AND s.state IN ('claimed', 'attempting'))
"""
_DUE_IDS = "SELECT m.id FROM mailing m WHERE"
# As principal, settled without a self-bill though something is owed (half a cent and more).
_LATE = """
 m.closed_at IS NOT NULL AND m.kind <> 'own' AND m.contract_role = 'principal'
 AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.mailing_id = m.id AND i.kind = 'self_bill')
 AND EXISTS (SELECT 1 FROM invoice i WHERE i.mailing_id = m.id AND i.kind = 'invoice')
 AND (SELECT coalesce(sum(a.owner_micros), 0) FROM accrual_sum a WHERE a.mailing_id = m.id) >= 10000
"""
_LATE_IDS = (
    "SELECT m.id FROM mailing m WHERE EXISTS (SELECT 1 FROM invoicing_mandate n WHERE n.org_id = m.owner_id"  # noqa: S608
    " AND CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date) BETWEEN n.signed_on AND coalesce(n.ends_on, 'infinity'))"
    f" AND {_LATE} ORDER BY m.id LIMIT 500"
)
_DUE_ROW = """
SELECT m.id, m.code, m.kind, m.state, m.owner_id, m.advertiser_id, m.contract_role, d.order_id, d.participation_send_id,
       coalesce(o.code, g.code) AS reference, coalesce(o.card_title, g.title) AS title, o.vat_bp,
       CAST(coalesce(m.ended_at, m.started_at, m.created_at) AT TIME ZONE 'Europe/Paris' AS date) AS supplied_on,
       (d.order_id IS NOT NULL AND EXISTS (
          SELECT 1 FROM dispatch od JOIN mailing om ON om.dispatch_id = od.id
          WHERE od.order_id = d.order_id AND om.id <> m.id AND om.closed_at IS NULL)
        OR (m.state = 'sent' OR w.id IS NOT NULL OR EXISTS (
          SELECT 1 FROM dispatch fd JOIN mailing fm ON fm.dispatch_id = fd.id
          WHERE fd.order_id = d.order_id AND fm.id < m.id AND fm.state = 'sent')) AND EXISTS (
          SELECT 1 FROM order_use u WHERE u.order_id = d.order_id AND u.dispatch_id IS NULL AND NOT u.given_up
          AND (u.send_on IS NOT NULL OR u.use_until >= (app_now() AT TIME ZONE 'Europe/Paris')::date))) AS more_to_come,
       w.id IS NOT NULL AS further_use
FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id
LEFT JOIN rental_order o ON o.id = d.order_id
LEFT JOIN order_use w ON w.dispatch_id = d.id
LEFT JOIN participation_send t ON t.id = d.participation_send_id
LEFT JOIN participation p ON p.id = t.participation_id
LEFT JOIN programme g ON g.id = p.programme_id
WHERE m.id = :id AND
"""


def due_mailings(unit: UnitOfWork, hours: int) -> list[int]:
    """Ids of mailings that can be settled now."""
    return [row.id for row in unit.all(_DUE_IDS + _DUE + _NONE_UNDER_WAY + " ORDER BY m.id", hours=hours)]


def lock_due(unit: UnitOfWork, mailing_id: int, hours: int) -> Row[Any] | None:
    """The mailing and what it belongs to, locked until the commit; None when it is not due (or settled already)."""
    # The order's row first: mailings of one order settle one after the other, for their totals are cumulative.
    unit.run(
        "SELECT o.id FROM rental_order o JOIN dispatch d ON d.order_id = o.id JOIN mailing m ON m.dispatch_id = d.id"
        " WHERE m.id = :id FOR UPDATE OF o",
        id=mailing_id,
    )
    unit.run("SELECT id FROM mailing WHERE id = :id FOR UPDATE", id=mailing_id)
    return unit.one(_DUE_ROW + _DUE, id=mailing_id, hours=hours)


def late_bills(unit: UnitOfWork) -> list[int]:
    """Ids of settled mailings whose owner's share waits for a self-bill, of owners that a mandate of today covers."""
    return [row.id for row in unit.all(_LATE_IDS)]


def lock_late(unit: UnitOfWork, mailing_id: int) -> Row[Any] | None:
    """One of them and what it belongs to, locked until the commit; None when nothing is owed."""
    unit.run("SELECT id FROM mailing WHERE id = :id FOR UPDATE", id=mailing_id)
    return unit.one(_DUE_ROW + _LATE, id=mailing_id)


def captured_funds(unit: UnitOfWork, order_id: int | None) -> int:
    """Cents captured for an order."""
    return int(
        unit.scalar(
            "SELECT coalesce(sum(amount_cents), 0) FROM payment WHERE order_id = :order AND state = 'captured'",
            order=order_id,
        )
    )


def close_mailing(unit: UnitOfWork, mailing_id: int) -> None:
    """From now on no bounce changes its money.

    The date is never before a bounce that did, marked by a transaction that began after this one.
    """
    unit.run(
        "UPDATE mailing m SET closed_at = greatest(app_now(), (SELECT max(s.bounced_at) FROM send s"
        " WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id)) WHERE m.id = :id",
        id=mailing_id,
    )


def count_sends(unit: UnitOfWork, mailing_id: int) -> Row[Any]:
    """(under_way, sends, bounced, uncertain, billable, micros) of a mailing, seeds left out; micros of the billable.

    A statement of its own, which several processes of PostgreSQL may share.
    """
    row = unit.one(
        "SELECT count(*) FILTER (WHERE s.state IN ('claimed', 'attempting')) AS under_way,"
        " count(*) FILTER (WHERE NOT s.seed AND s.state IN ('accepted', 'refused', 'uncertain')) AS sends,"
        " count(*) FILTER (WHERE NOT s.seed AND s.bounced_at IS NOT NULL) AS bounced,"
        " count(*) FILTER (WHERE NOT s.seed AND s.state = 'uncertain') AS uncertain,"
        " count(*) FILTER (WHERE NOT s.seed AND s.state = 'accepted' AND s.bounced_at IS NULL) AS billable,"
        " coalesce(sum(s.price_micros) FILTER (WHERE s.state = 'accepted' AND s.bounced_at IS NULL), 0)::bigint"
        " AS micros FROM send s WHERE s.dispatch_id = (SELECT dispatch_id FROM mailing WHERE id = :id)"
        " AND s.mailing_id = :id",
        id=mailing_id,
    )
    assert row is not None
    return row


def add_sums(unit: UnitOfWork, mailing_id: int, sends: Row[Any]) -> None:
    """Keep what a closed mailing's sends came to, and its accruals by day, once: reports read these."""
    unit.run(
        "INSERT INTO settled_sends (mailing_id, sends, bounced, uncertain, billable, micros)"
        " VALUES (:id, :sends, :bounced, :uncertain, :billable, :micros)",
        id=mailing_id,
        sends=sends.sends,
        bounced=sends.bounced,
        uncertain=sends.uncertain,
        billable=sends.billable,
        micros=sends.micros,
    )
    unit.run(
        "INSERT INTO settled_accrual (mailing_id, kind, day, events, gross_micros, owner_micros, commission_micros)"
        " SELECT mailing_id, kind, (at AT TIME ZONE 'Europe/Paris')::date, sum(sends), sum(gross_micros),"
        " sum(owner_micros), sum(commission_micros) FROM accrual_sum WHERE mailing_id = :id GROUP BY 1, 2, 3",
        id=mailing_id,
    )


def accrued_by_order(unit: UnitOfWork, order_id: int) -> Row[Any]:
    """Cumulative micros of an order's closed mailings: owner, commission."""
    row = unit.one(
        "SELECT coalesce(sum(a.owner_micros), 0)::bigint AS owner,"
        " coalesce(sum(a.commission_micros), 0)::bigint AS commission"
        " FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id JOIN accrual_sum a ON a.mailing_id = m.id"
        " WHERE d.order_id = :order AND m.closed_at IS NOT NULL",
        order=order_id,
    )
    assert row is not None
    return row
