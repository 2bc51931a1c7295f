"""The only place with the SQL of conversions' money."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork


def add_conversions(unit: UnitOfWork, mailing_id: int) -> int:
    """Accrue approved conversions; their place is their number within the mailing. The commission is rounded half up
    in micros, and the owner's part is the rest, so that the parts always sum to the price."""
    return unit.run(
        "INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, sends, gross_micros, owner_micros,"
        " commission_micros, at) SELECT m.id, c.kind, int4multirange(int4range(c.number, c.number + 1)),"
        " c.price_micros, 1, c.price_micros, c.price_micros - s.micros, s.micros, (SELECT app_now())"
        " FROM conversion c JOIN mailing m ON m.id = c.mailing_id"
        " CROSS JOIN LATERAL (SELECT (c.price_micros * m.commission_bp + 5000) / 10000 AS micros) s"
        " WHERE m.id = :mailing AND m.closed_at IS NULL AND c.state = 'approved' AND c.price_micros > 0"
        " ON CONFLICT DO NOTHING",
        mailing=mailing_id,
    ).rowcount


def bill_clicks(unit: UnitOfWork, mailing_id: int, most: int) -> int:
    """Count persons' clicks that are not counted yet, within the programme's caps."""
    return int(unit.scalar("SELECT bill_clicks(:mailing, :most)", mailing=mailing_id, most=most))


def lock_conversions(unit: UnitOfWork, mailing_id: int) -> None:
    """Accrue the last of them, and lock all: they are on a document now."""
    add_conversions(unit, mailing_id)
    unit.run("UPDATE conversion SET state = 'locked' WHERE mailing_id = :id AND state = 'approved'", id=mailing_id)


def mailings_with_clicks(unit: UnitOfWork) -> list[int]:
    """Open mailings whose programme pays clicks, with judged clicks of persons that are not counted."""
    rows = unit.all(
        "SELECT m.id FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id"
        " JOIN participation_send t ON t.id = d.participation_send_id"
        " JOIN participation p ON p.id = t.participation_id JOIN programme g ON g.id = p.programme_id"
        " WHERE m.closed_at IS NULL AND (g.model = 'cpc' OR g.click_cents IS NOT NULL)"
        " AND EXISTS (SELECT 1 FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human' AND NOT EXISTS ("
        "   SELECT 1 FROM conversion c WHERE c.mailing_id = m.id AND c.kind = 'click' AND c.position = h.position))"
        " LIMIT 200"
    )
    return [row.id for row in rows]


def mailings_to_accrue(unit: UnitOfWork) -> list[int]:
    """Open mailings with approved conversions that have not accrued."""
    rows = unit.all(
        "SELECT DISTINCT c.mailing_id FROM conversion c JOIN mailing m ON m.id = c.mailing_id"
        " WHERE c.state = 'approved' AND c.price_micros > 0 AND m.closed_at IS NULL AND NOT EXISTS ("
        " SELECT 1 FROM accrual_sum a WHERE line_keys(a.mailing_id, a.kind, a.positions)"
        " && line_keys(c.mailing_id, c.kind, int4multirange(int4range(c.number, c.number + 1))))"
        " LIMIT 200"
    )
    return [row.mailing_id for row in rows]


def mark_paid(unit: UnitOfWork) -> None:
    """Conversions whose invoice its advertiser has paid in full: the invoice's posting is matched."""
    unit.run(
        "UPDATE conversion c SET state = 'paid' WHERE c.state = 'locked' AND EXISTS ("
        " SELECT 1 FROM invoice i JOIN ledger_entry e ON e.idempotency_key = 'invoice:' || i.number"
        " JOIN ledger_posting p ON p.entry_id = e.id AND p.account = '411'"
        " JOIN ledger_match_line l ON l.entry_id = p.entry_id AND l.line = p.line"
        " WHERE i.mailing_id = c.mailing_id AND i.kind IN ('invoice', 'owner_invoice'))"
    )
