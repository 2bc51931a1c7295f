"""The queries of what changed its state, as the worker's role."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

# A mailing of an owner to its own people goes by the name that the owner gave it: its subject holds merge tags.
_OWN = (
    "LEFT JOIN own_part t ON t.mailing_id = m.id LEFT JOIN own_run n ON n.id = t.run_id"
    " LEFT JOIN own_mailing w ON w.id = n.own_mailing_id"
)


def author_of(unit: UnitOfWork, news_id: int) -> int | None:
    """Who brought a piece of news about, if it was a person."""
    found = unit.scalar("SELECT user_id FROM state_news WHERE id = :id", id=news_id)
    return None if found is None else int(found)


def lock_news(unit: UnitOfWork, news_id: int) -> Row[Any] | None:
    """subject, row_id, former, state of a piece of news that was not told yet, locked and marked as told."""
    return unit.one(
        "UPDATE state_news SET told_at = app_now() WHERE id = :id AND told_at IS NULL"
        " RETURNING subject, row_id, former, state",
        id=news_id,
    )


def forget_told(unit: UnitOfWork, days: int) -> int:
    """Delete what was told some days ago."""
    return unit.run(
        "DELETE FROM state_news WHERE told_at < app_now() - make_interval(days => :days)", days=days
    ).rowcount


def mailing(unit: UnitOfWork, mailing_id: int) -> Row[Any]:
    """code, owner_id, advertiser_id, title, with_its_order, frozen, accepted, why of a mailing.

    `with_its_order`: its order ended as it was stopped.
    """
    return _one(
        unit,
        "SELECT m.code, m.owner_id, m.advertiser_id, coalesce(o.card_title, g.title, w.name, c.name) AS title,"  # noqa: S608 - ours
        " coalesce(m.state = 'cancelled' AND o.state = 'cancelled', false) AS with_its_order,"
        " (SELECT count(*) FROM send s WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed)"
        "  AS frozen,"
        " (SELECT count(*) FROM send s WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed"
        "  AND s.state = 'accepted') AS accepted,"
        " coalesce((SELECT a.reason FROM mailing_alarm a WHERE a.mailing_id = m.id AND a.kind = 'stop'"
        "  AND a.released_at IS NULL ORDER BY a.id DESC LIMIT 1), 'person') AS why"
        " FROM mailing m JOIN creative c ON c.id = m.creative_id JOIN dispatch d ON d.id = m.dispatch_id"
        " LEFT JOIN rental_order o ON o.id = d.order_id"
        " LEFT JOIN participation_send p ON p.id = d.participation_send_id"
        " LEFT JOIN participation q ON q.id = p.participation_id LEFT JOIN programme g ON g.id = q.programme_id"
        f" {_OWN} WHERE m.id = :id",
        mailing_id,
    )


def import_run(unit: UnitOfWork, import_id: int) -> Row[Any]:
    """code, org_id, base, accepted, rejected of an import."""
    return _one(
        unit,
        "SELECT i.code, b.org_id, b.name AS base, i.accepted, i.rejected FROM import_run i"
        " JOIN base b ON b.id = i.base_id WHERE i.id = :id",
        import_id,
    )


def card(unit: UnitOfWork, card_id: int) -> Row[Any]:
    """code, org_id, title, size_shown of a card."""
    return _one(unit, "SELECT code, org_id, title, size_shown FROM data_card WHERE id = :id", card_id)


def creative(unit: UnitOfWork, creative_id: int) -> Row[Any]:
    """code, org_id, name of a creative."""
    return _one(unit, "SELECT code, org_id, name FROM creative WHERE id = :id", creative_id)


def payout(unit: UnitOfWork, payout_id: int) -> Row[Any]:
    """code, owner_id, amount_cents of a payout."""
    return _one(unit, "SELECT code, owner_id, amount_cents FROM payout WHERE id = :id", payout_id)


def invoice(unit: UnitOfWork, invoice_id: int) -> Row[Any]:
    """number, total_cents, due_on, parties (the organisations of its two sides that are not the broker)."""
    return _one(
        unit,
        "SELECT i.number, i.total_cents, i.due_on, (SELECT array_agg(o.id ORDER BY o.id) FROM organisation o"
        "  WHERE o.id IN (i.seller_id, i.buyer_id) AND o.kind <> 'broker') AS parties FROM invoice i WHERE i.id = :id",
        invoice_id,
    )


def leak(unit: UnitOfWork, leak_id: int) -> Row[Any]:
    """code, owner_id, base, title of a leak case."""
    return _one(
        unit,
        "SELECT l.code, l.owner_id, b.name AS base, coalesce(o.card_title, w.name, c.name) AS title"  # noqa: S608 - ours
        " FROM leak_case l JOIN base b ON b.id = l.base_id JOIN mailing m ON m.id = l.mailing_id"
        " JOIN creative c ON c.id = m.creative_id LEFT JOIN dispatch d ON d.id = m.dispatch_id"
        f" LEFT JOIN rental_order o ON o.id = d.order_id {_OWN} WHERE l.id = :id",
        leak_id,
    )


def participation(unit: UnitOfWork, participation_id: int) -> Row[Any]:
    """code, org_id (the advertiser's), owner, programme of a participation."""
    return _one(
        unit,
        "SELECT p.code, g.advertiser_id AS org_id, o.name AS owner, g.title AS programme FROM participation p"
        " JOIN programme g ON g.id = p.programme_id JOIN base b ON b.id = p.base_id"
        " JOIN organisation o ON o.id = b.org_id WHERE p.id = :id",
        participation_id,
    )


def invoices_in_news(unit: UnitOfWork, today: date) -> list[Row[Any]]:
    """number, total_cents, due_on, parties, paid of invoices paid, or overdue, for at most two months."""
    return unit.all(
        "WITH open AS (SELECT i.number, i.total_cents, i.due_on, i.seller_id, i.buyer_id,"
        "  i.total_cents - i.deposit_cents - coalesce(sum(s.amount_cents), 0) - coalesce((SELECT sum(c.set_off_cents)"
        "   FROM invoice c WHERE c.corrects_id = i.id), 0) AS left_cents,"
        "  max(r.received_on) AS paid_on FROM invoice i"
        "  LEFT JOIN receipt_share s ON s.invoice_id = i.id LEFT JOIN receipt r ON r.id = s.receipt_id"
        "  WHERE i.kind IN ('invoice', 'owner_invoice', 'claim') AND i.total_cents > i.deposit_cents GROUP BY i.id)"
        " SELECT number, total_cents, due_on, left_cents <= 0 AS paid, (SELECT array_agg(o.id ORDER BY o.id)"
        "  FROM organisation o WHERE o.id IN (seller_id, buyer_id) AND o.kind <> 'broker') AS parties, buyer_id"
        " FROM open"
        " WHERE (left_cents <= 0 AND paid_on >= :today - 60) OR (left_cents > 0 AND due_on BETWEEN :today - 60 AND"
        " :today - 1) ORDER BY number",
        today=today,
    )


def _one(unit: UnitOfWork, sql: str, row_id: int) -> Row[Any]:
    row = unit.one(sql, id=row_id)
    assert row is not None
    return row
