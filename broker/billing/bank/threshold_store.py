"""The only place with the SQL of payout thresholds, and of what owners are owed beside them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def insert(unit: UnitOfWork, currency: str, since: date, cents: int) -> None:
    """Keep a threshold from a day on."""
    unit.run(
        "INSERT INTO payout_threshold (currency, since, cents, set_by) VALUES (:currency, :since, :cents, :user)",
        currency=currency,
        since=since,
        cents=cents,
        user=unit.actor.user_id,
    )


def in_force(unit: UnitOfWork, currency: str, day: date) -> Row[Any] | None:
    """(id, cents) of what holds on a day: of the newest day that has come the last one entered; None: none yet."""
    return unit.one(
        "SELECT id, cents FROM payout_threshold WHERE currency = :currency AND since <= :day"
        " ORDER BY since DESC, id DESC LIMIT 1",
        currency=currency,
        day=day,
    )


def thresholds(unit: UnitOfWork, currency: str) -> list[Row[Any]]:
    """(id, currency, since, cents, set_at, by) of a currency's thresholds, the newest day first."""
    return unit.all(
        "SELECT t.id, t.currency, t.since, t.cents, t.set_at, coalesce(u.name, '') AS by FROM payout_threshold t"
        " LEFT JOIN app_user u ON u.id = t.set_by WHERE t.currency = :currency"
        " ORDER BY t.since DESC, t.id DESC LIMIT 200",
        currency=currency,
    )


_STANDING = """
SELECT o.id AS owner_id, o.code AS owner_code, coalesce(party_name(o.id), '') AS owner,
  coalesce(d.owed, 0)::bigint AS owed_cents, coalesce(d.waiting, 0)::bigint AS waiting_cents,
  coalesce(d.contested, 0)::bigint AS contested_cents, coalesce(d.taken, 0)::bigint AS corrections_cents, d.due_on,
  coalesce(p.cents, 0)::bigint AS under_way_cents, coalesce(b.cents, 0)::bigint AS books_cents,
  a.available_cents, a.pending_cents, a.balance_at
FROM organisation o
LEFT JOIN (SELECT owner_id, sum(total_cents) FILTER (WHERE free AND NOT contested) AS owed,
    sum(total_cents) FILTER (WHERE NOT free AND NOT contested) AS waiting,
    sum(total_cents) FILTER (WHERE contested) AS contested,
    sum(total_cents) FILTER (WHERE free AND NOT contested AND total_cents < 0) AS taken,
    min(due_on) FILTER (WHERE free AND NOT contested AND total_cents > 0) AS due_on
  FROM owner_documents() GROUP BY owner_id) d ON d.owner_id = o.id
LEFT JOIN (SELECT owner_id, sum(amount_cents) AS cents FROM payout
  WHERE state IN ('proposed', 'approved', 'exported', 'confirmed') GROUP BY owner_id) p ON p.owner_id = o.id
LEFT JOIN (SELECT org_id, sum(credit_cents - debit_cents) AS cents FROM ledger_balance WHERE account IN ('401', '467')
  GROUP BY org_id) b ON b.org_id = o.id
LEFT JOIN connect_account a ON a.org_id = o.id
WHERE o.kind = 'owner' AND (:staff OR o.id = :org)
  AND (d.owner_id IS NOT NULL OR p.owner_id IS NOT NULL OR coalesce(b.cents, 0) <> 0 OR a.available_cents < 0
       OR a.pending_cents < 0 OR NOT :staff)
ORDER BY least(coalesce(d.owed, 0), coalesce(a.available_cents + a.pending_cents, 0), 0), owner, o.id LIMIT 1000
"""


def standings(unit: UnitOfWork) -> list[Row[Any]]:
    """Owners with something owed, on its way, in the books (401 and 467) or below zero at the gateway, the negative
    ones first: all of them for staff, an owner its own. An owner reads no books: its `books_cents` is 0."""
    return unit.all(_STANDING, **unit.sight)
