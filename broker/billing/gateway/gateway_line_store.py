"""The only place with the SQL of the gateway's balance: its lines, its readings, and what the books say of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.gateway.gateway_objects import BalanceLine, GatewayBalance
from broker.kernel.database import UnitOfWork
from broker.kernel.ids import new_code

# What a line of the balance is in the books: the entries on 512 that say it. A payout has none: both sides are 512.
_LINES = """
SELECT l.id, l.code, l.reference, l.kind, l.amount_cents, l.fee_cents, l.amount_cents - l.fee_cents AS net_cents,
  l.currency, l.about, l.moved_on, l.available_on, l.available, l.explained_account, l.booked_at,
  coalesce(pay.code, po.code, rev.code, own.code, '') AS whose,
  CASE WHEN m.id IS NOT NULL THEN 'payment' WHEN po.id IS NOT NULL THEN 'transfer' WHEN rev.id IS NOT NULL THEN
    'reversal' WHEN l.kind LIKE 'payout%' THEN 'bank' WHEN l.explained_account IS NOT NULL THEN 'explained'
    ELSE '' END AS side,
  coalesce((SELECT sum(g.debit_cents - g.credit_cents) FROM ledger_entry e JOIN ledger_posting g ON g.entry_id = e.id
    WHERE g.account = '512' AND e.idempotency_key IN ('gateway:' || l.reference, 'gateway_line:' || l.code,
      CASE WHEN m.kind = 'capture' THEN 'payment:' || pay.code END,
      CASE WHEN m.kind = 'capture' THEN 'receipt:' || rc.code END,
      'payout:' || po.code, 'reversal_of_transfer:' || rev.code)), 0)::bigint AS booked_cents
FROM gateway_line l
LEFT JOIN gateway_movement m ON m.reference = l.reference
LEFT JOIN payment pay ON pay.id = m.payment_id
LEFT JOIN receipt rc ON rc.reference = pay.gateway_reference
LEFT JOIN payout po ON po.transfer_line = l.reference
LEFT JOIN transfer_reversal rev ON rev.line = l.reference
LEFT JOIN gateway_payout own ON own.line = l.reference
"""


def lines(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """The lines of a period with what the books say of each, the oldest first."""
    return unit.all(
        _LINES + "WHERE l.moved_on BETWEEN :first AND :last ORDER BY l.moved_on, l.id", first=first, last=last
    )


def line(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """One of them, by its code."""
    return unit.one(_LINES + "WHERE l.code = :code", code=code)


def line_to_book(unit: UnitOfWork, line_id: int) -> Row[Any] | None:
    """(code, reference, kind, net_cents, moved_on, explained_account, explained_org, booked_at), locked."""
    return unit.one(
        "SELECT code, reference, kind, amount_cents - fee_cents AS net_cents, moved_on, explained_account,"
        " explained_org, booked_at FROM gateway_line WHERE id = :id FOR UPDATE",
        id=line_id,
    )


def booked(unit: UnitOfWork, line_id: int) -> None:
    """A line has its entry."""
    unit.run("UPDATE gateway_line SET booked_at = app_now() WHERE id = :id", id=line_id)


def explain(unit: UnitOfWork, line_id: int, account: str, org_id: int | None) -> None:
    """Say where a line belongs."""
    unit.run(
        "UPDATE gateway_line SET explained_account = :account, explained_org = :org, explained_by = :by"
        " WHERE id = :id AND explained_account IS NULL",
        id=line_id,
        account=account,
        org=org_id,
        by=unit.actor.user_id,
    )


def insert(unit: UnitOfWork, found: Sequence[BalanceLine]) -> list[tuple[int, BalanceLine]]:
    """Keep lines that are new, and what became available of the others; returns the new ones with their ids."""
    new = []
    for one in found:
        row = unit.one(
            "INSERT INTO gateway_line (code, reference, kind, amount_cents, fee_cents, currency, about, moved_on,"
            " available_on, available) VALUES (:code, :reference, :kind, :cents, :fee, :currency, :about, :day,"
            " :ready_on, :ready) ON CONFLICT (reference) DO UPDATE SET available = excluded.available,"
            " available_on = excluded.available_on, fee_cents = excluded.fee_cents, read_at = app_now()"
            " RETURNING id, (xmax = 0) AS new",
            code=new_code("gwl"),
            reference=one.reference,
            kind=one.kind,
            cents=one.cents,
            fee=one.fee_cents,
            currency=one.currency,
            about=one.about,
            day=one.day,
            ready_on=one.available_on,
            ready=one.available,
        )
        assert row is not None
        if row.new:
            new.append((int(row.id), one))
    return new


def waiting_since(unit: UnitOfWork) -> date | None:
    """The day from which lines may still change: of the oldest that is not available, else of the newest."""
    found = unit.scalar("SELECT coalesce(min(moved_on) FILTER (WHERE NOT available), max(moved_on)) FROM gateway_line")
    return found if isinstance(found, date) else None


def payments_to_read(unit: UnitOfWork, references: Sequence[str]) -> list[Row[Any]]:
    """(id, state) of payments of ours that lines are of and that have not booked them."""
    return unit.all(
        "SELECT id, state FROM payment WHERE gateway_reference = ANY (:references)", references=list(references)
    )


def insert_reading(unit: UnitOfWork, code: str) -> int:
    """A reading that is asked for."""
    return int(
        unit.scalar(
            "INSERT INTO gateway_reading (code, asked_by) VALUES (:code, :by) RETURNING id",
            code=code,
            by=unit.actor.user_id,
        )
    )


def open_reading(unit: UnitOfWork) -> int | None:
    """A reading that is asked for and not done."""
    found = unit.scalar("SELECT id FROM gateway_reading WHERE read_at IS NULL ORDER BY id LIMIT 1")
    return None if found is None else int(found)


def done_reading(unit: UnitOfWork, reading_id: int, balance: GatewayBalance, new: int) -> None:
    """What a reading found."""
    unit.run(
        "UPDATE gateway_reading SET read_at = app_now(), available_cents = :available, pending_cents = :pending,"
        " new_lines = :new WHERE id = :id AND read_at IS NULL",
        id=reading_id,
        available=balance.available_cents,
        pending=balance.pending_cents,
        new=new,
    )


def last_reading(unit: UnitOfWork) -> Row[Any] | None:
    """(available_cents, pending_cents, read_at) of the last reading that was done."""
    return unit.one(
        "SELECT available_cents, pending_cents, read_at FROM gateway_reading WHERE read_at IS NOT NULL"
        " ORDER BY read_at DESC, id DESC LIMIT 1"
    )


def is_read(unit: UnitOfWork, reading_id: int) -> bool:
    """Whether a reading was done."""
    return bool(unit.scalar("SELECT read_at IS NOT NULL FROM gateway_reading WHERE id = :id", id=reading_id))


def lines_cents(unit: UnitOfWork, until: date) -> int:
    """What the lines up to a day sum to: the balance, where its whole history was read."""
    return int(
        unit.scalar(
            "SELECT coalesce(sum(amount_cents - fee_cents), 0) FROM gateway_line WHERE moved_on <= :until", until=until
        )
    )


# An entry of the books that should be on the balance, and whether its line was read.
_ENTRIES = """
SELECT e.idempotency_key AS key, e.piece_ref, e.day, e.label, x.cents,
  CASE split_part(e.idempotency_key, ':', 1)
    WHEN 'gateway' THEN EXISTS (SELECT 1 FROM gateway_line l WHERE 'gateway:' || l.reference = e.idempotency_key)
    WHEN 'payment' THEN EXISTS (SELECT 1 FROM gateway_movement m JOIN payment p ON p.id = m.payment_id
      JOIN gateway_line l ON l.reference = m.reference
      WHERE m.kind = 'capture' AND 'payment:' || p.code = e.idempotency_key)
    WHEN 'receipt' THEN EXISTS (SELECT 1 FROM gateway_movement m JOIN payment p ON p.id = m.payment_id
      JOIN receipt r ON r.reference = p.gateway_reference JOIN gateway_line l ON l.reference = m.reference
      WHERE m.kind = 'capture' AND 'receipt:' || r.code = e.idempotency_key)
    WHEN 'payout' THEN EXISTS (SELECT 1 FROM payout p JOIN gateway_line l ON l.reference = p.transfer_line
      WHERE 'payout:' || p.code = e.idempotency_key)
    WHEN 'reversal_of_transfer' THEN EXISTS (SELECT 1 FROM transfer_reversal r
      JOIN gateway_line l ON l.reference = r.line WHERE 'reversal_of_transfer:' || r.code = e.idempotency_key)
    ELSE true END AS shown
FROM ledger_entry e
JOIN LATERAL (SELECT sum(g.debit_cents - g.credit_cents)::bigint AS cents FROM ledger_posting g
  WHERE g.entry_id = e.id AND g.account = '512') x ON x.cents <> 0
WHERE e.day <= :last AND (e.idempotency_key LIKE 'payment:%' OR e.idempotency_key LIKE 'gateway:%'
  OR e.idempotency_key LIKE 'gateway\\_line:%' OR e.idempotency_key LIKE 'reversal\\_of\\_transfer:%'
  OR e.idempotency_key LIKE 'receipt:%' AND EXISTS (SELECT 1 FROM receipt r JOIN payment p
    ON p.gateway_reference = r.reference WHERE 'receipt:' || r.code = e.idempotency_key)
  OR e.idempotency_key LIKE 'payout:%' AND EXISTS (SELECT 1 FROM payout p WHERE p.connect_account_id IS NOT NULL
    AND 'payout:' || p.code = e.idempotency_key))
"""


def entries_not_shown(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """(key, piece_ref, day, label, cents) of entries of a period that are on no line of the balance."""
    return unit.all(
        f"SELECT * FROM ({_ENTRIES}) y WHERE NOT shown AND day >= :first ORDER BY day, key",  # noqa: S608 - no input
        first=first,
        last=last,
    )


def differing_cents(unit: UnitOfWork, last: date) -> int:
    """By how much the lines up to a day exceed what the books say of the same days; payouts to the bank are in both."""
    return int(
        unit.scalar(
            f"SELECT coalesce((SELECT sum(net_cents - booked_cents) FROM ({_LINES} WHERE l.moved_on <= :last) x"  # noqa: S608
            f" WHERE side <> 'bank'), 0) - coalesce((SELECT sum(cents) FROM ({_ENTRIES}) y WHERE NOT shown), 0)",
            last=last,
        )
    )


def ledger_cents(unit: UnitOfWork, last: date) -> int:
    """What of account 512 is at the gateway by the books: its entries, less what it paid out to the bank."""
    return int(
        unit.scalar(
            f"SELECT coalesce((SELECT sum(cents) FROM ({_ENTRIES}) y), 0)"  # noqa: S608 - no input
            " + coalesce((SELECT sum(amount_cents - fee_cents) FROM gateway_line WHERE kind LIKE 'payout%'"
            " AND moved_on <= :last), 0)",
            last=last,
        )
    )


def bank_credits(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """(code, day, cents) of what statements show as the gateway's payouts."""
    return unit.all(
        "SELECT code, booked_on AS day, amount_cents AS cents FROM bank_line WHERE kind = 'gateway'"
        " AND booked_on BETWEEN :first AND :last ORDER BY booked_on, id",
        first=first,
        last=last,
    )
