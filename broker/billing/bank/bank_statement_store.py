"""The only place with the SQL of bank statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.bank.bank_file import FileLine, FileStatement
from broker.billing.bank.match_bank import OpenInvoice
from broker.kernel.database import UnitOfWork

LINE = (
    "SELECT l.id, l.code, l.booked_on, l.amount_cents, l.counterparty, l.about, l.reference, l.kind, l.hint,"
    " coalesce(r.code, '') AS receipt, l.booked_at IS NOT NULL AS booked, coalesce(l.explained_account, '') AS"
    " explained_account, l.explained_at IS NOT NULL AS explained,"
    " CASE l.kind WHEN 'receipt' THEN r.amount_cents - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s"
    " WHERE s.receipt_id = r.id), 0)::bigint - coalesce(l.explained_cents, 0) - coalesce((SELECT sum(f.amount_cents"
    " - f.credit_cents) FROM refund f WHERE f.receipt_id = r.id AND f.state NOT IN ('failed', 'cancelled')), 0)::bigint"
    " WHEN 'suspense' THEN CASE WHEN l.explained_account IS NULL THEN l.amount_cents ELSE 0 END ELSE 0 END"
    " AS left_cents,"
    " coalesce((SELECT string_agg(i.number, ' ' ORDER BY i.id) FROM receipt_share s JOIN invoice i ON i.id ="
    " s.invoice_id WHERE s.receipt_id = r.id), t.codes, '') AS pays"
    " FROM bank_line l LEFT JOIN receipt r ON r.id = l.receipt_id"
    # Joined, since no index leads from a line to its transfers: they are read once, and not for each line.
    " LEFT JOIN (SELECT line_id, string_agg(code, ' ' ORDER BY code) AS codes FROM (SELECT unnest(ARRAY[bank_line_id,"
    " return_line_id]) AS line_id, code FROM payout UNION ALL SELECT unnest(ARRAY[bank_line_id, return_line_id]), code"
    " FROM refund) x WHERE line_id IS NOT NULL GROUP BY line_id) t ON t.line_id = l.id "
)
STATEMENT = (
    "SELECT s.code, s.source, s.iban, s.reference, s.starts_on, s.ends_on, s.opening_cents, s.closing_cents,"
    " s.imported_at, (SELECT count(*) FROM bank_line l WHERE l.statement_id = s.id) AS lines FROM bank_statement s "
)


def lock_account(unit: UnitOfWork, iban: str) -> None:
    """One import at a time for an account: two of the same file would both find it new."""
    unit.run("SELECT pg_advisory_xact_lock(7203834, hashtext(:iban))", iban=iban)


def known_statement(unit: UnitOfWork, iban: str, reference: str) -> str | None:
    """The code of a statement that was read before."""
    found = unit.scalar(
        "SELECT code FROM bank_statement WHERE iban = :iban AND reference = :reference", iban=iban, reference=reference
    )
    return None if found is None else str(found)


def statement_id(unit: UnitOfWork, code: str) -> int:
    """The id of a statement."""
    return int(unit.scalar("SELECT id FROM bank_statement WHERE code = :code", code=code))


def insert_statement(unit: UnitOfWork, code: str, told: FileStatement) -> int:
    """Keep a statement; returns its id."""
    return int(
        unit.scalar(
            "INSERT INTO bank_statement (code, source, iban, reference, starts_on, ends_on, opening_cents,"
            " closing_cents, imported_by) VALUES (:code, :source, :iban, :reference, :starts, :ends, :opening,"
            " :closing, :user) RETURNING id",
            code=code,
            source=told.source,
            iban=told.iban,
            reference=told.reference,
            starts=told.starts_on,
            ends=told.ends_on,
            opening=told.opening_cents,
            closing=told.closing_cents,
            user=unit.actor.user_id,
        )
    )


def known_references(unit: UnitOfWork, iban: str, references: Sequence[str]) -> set[str]:
    """Which lines of an account were read before."""
    rows = unit.all(
        "SELECT reference FROM bank_line WHERE iban = :iban AND reference = ANY (:all)", iban=iban, all=list(references)
    )
    return {str(row.reference) for row in rows}


def told_otherwise(unit: UnitOfWork, told: FileStatement) -> list[Row[Any]]:
    """(booked_on, amount_cents, number) of the lines of these days that the other kind of file brought."""
    return unit.all(
        "SELECT l.booked_on, l.amount_cents, count(*) AS number FROM bank_line l JOIN bank_statement s ON s.id ="
        " l.statement_id WHERE l.iban = :iban AND s.source <> :source AND l.booked_on BETWEEN :first AND :last"
        " GROUP BY 1, 2",
        iban=told.iban,
        source=told.source,
        first=min((line.booked_on for line in told.lines), default=told.starts_on),
        last=max((line.booked_on for line in told.lines), default=told.ends_on),
    )


def insert_line(
    unit: UnitOfWork,
    code: str,
    statement_id: int,
    iban: str,
    line: FileLine,
    kind: str,
    hint: str,
    receipt_id: int | None,
) -> int:
    """Keep a line; returns its id."""
    return int(
        unit.scalar(
            "INSERT INTO bank_line (code, statement_id, iban, reference, booked_on, amount_cents, counterparty,"
            " counterparty_iban, about, end_to_end_id, kind, hint, receipt_id) VALUES (:code, :statement, :iban,"
            " :reference, :day, :cents, :name, :other, :about, :end_to_end, :kind, :hint, :receipt) RETURNING id",
            code=code,
            statement=statement_id,
            iban=iban,
            reference=line.reference,
            day=line.booked_on,
            cents=line.cents,
            name=line.counterparty,
            other=line.counterparty_iban,
            about=line.about,
            end_to_end=line.end_to_end_id,
            kind=kind,
            hint=hint,
            receipt=receipt_id,
        )
    )


def open_invoices(unit: UnitOfWork) -> list[OpenInvoice]:
    """What waits for money from a customer, the oldest first; also what a returned debit left, as in `open_invoice`."""
    rows = unit.all(
        "SELECT * FROM (SELECT i.number, i.buyer_id, coalesce(party_name(i.buyer_id), '') AS buyer,"
        " CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents END"
        " + CASE WHEN i.role <> 'agent_of_advertiser' AND i.order_id IN (SELECT p.order_id FROM payment p"
        "   WHERE p.state = 'returned') THEN coalesce((SELECT q.cents FROM returned_claim(i.id) q WHERE q.again_on IS"
        "   NULL), 0) ELSE 0 END"
        " - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)::bigint"
        " - coalesce((SELECT sum(c.set_off_cents) FROM invoice c WHERE c.corrects_id = i.id), 0)::bigint"
        " AS open_cents, coalesce(o.code, '') AS order_code FROM invoice i LEFT JOIN rental_order o"
        " ON o.id = i.order_id WHERE i.kind IN ('invoice', 'owner_invoice', 'claim', 'deposit') OR i.kind = 'fee'"
        " AND i.role = 'agent_of_advertiser' ORDER BY i.due_on, i.id) x WHERE open_cents > 0"
    )
    return [OpenInvoice(**row._mapping) for row in rows]


def buyers_by_iban(unit: UnitOfWork) -> dict[str, set[int]]:
    """IBAN → the customers whose invoices were paid from it."""
    rows = unit.all(
        "SELECT l.counterparty_iban AS iban, array_agg(DISTINCT i.buyer_id) AS buyers FROM bank_line l"
        " JOIN receipt_share s ON s.receipt_id = l.receipt_id JOIN invoice i ON i.id = s.invoice_id"
        " WHERE l.counterparty_iban <> '' GROUP BY 1"
    )
    return {str(row.iban): set(row.buyers) for row in rows}


def receipts_by_hand(unit: UnitOfWork, line: FileLine) -> list[Row[Any]]:
    """(id, reference, numbers, buyers) of receipts of this amount within three days that no line of a statement shows;
    the numbers of the invoices they pay, and whose these are."""
    return unit.all(
        "SELECT r.id, r.reference, coalesce(p.numbers, '{}') AS numbers, coalesce(p.buyers, '{}') AS buyers"
        " FROM receipt r CROSS JOIN LATERAL (SELECT array_agg(i.number) AS numbers, array_agg(DISTINCT i.buyer_id) AS"
        " buyers FROM receipt_share s JOIN invoice i ON i.id = s.invoice_id WHERE s.receipt_id = r.id) p"
        " WHERE r.amount_cents = :cents AND abs(r.received_on - :day) <= 3"
        " AND NOT EXISTS (SELECT 1 FROM bank_line l WHERE l.receipt_id = r.id) ORDER BY r.id",
        cents=line.cents,
        day=line.booked_on,
    )


def show_payout(unit: UnitOfWork, payout_id: int, line_id: int) -> None:
    """Say which line of a statement shows a payout."""
    unit.run("UPDATE payout SET bank_line_id = :line WHERE id = :id", line=line_id, id=payout_id)


def line_to_book(unit: UnitOfWork, line_id: int) -> Row[Any] | None:
    """A line with its account's explanation, nobody else booking it before our commit."""
    return unit.one("SELECT * FROM bank_line WHERE id = :id FOR UPDATE", id=line_id)


def line_booked(unit: UnitOfWork, line_id: int, what: str) -> None:
    """Mark a line, or its explanation, as booked: `what` is booked_at or explained_at."""
    unit.run(
        f"UPDATE bank_line SET {what} = app_now() WHERE id = :id",  # noqa: S608 - one of two names
        id=line_id,
    )


def explain(unit: UnitOfWork, line_id: int, account: str, org_id: int | None, cents: int) -> None:
    """Say where a line's money belongs."""
    unit.run(
        "UPDATE bank_line SET explained_account = :account, explained_org = :org, explained_cents = :cents,"
        " explained_by = :user WHERE id = :id",
        account=account,
        org=org_id,
        cents=cents,
        user=unit.actor.user_id,
        id=line_id,
    )


def line(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """One line as pages show it."""
    return unit.one(LINE + "WHERE l.code = :code", code=code)


def lines(unit: UnitOfWork, statement: str) -> list[Row[Any]]:
    """The lines of a statement."""
    return unit.all(
        LINE + "JOIN bank_statement s ON s.id = l.statement_id WHERE s.code = :code ORDER BY l.booked_on, l.id",
        code=statement,
    )


def suspense(unit: UnitOfWork) -> list[Row[Any]]:
    """Lines of which something waits in suspense, the oldest first."""
    return unit.all(f"SELECT * FROM ({LINE}) x WHERE left_cents <> 0 ORDER BY booked_on, id")  # noqa: S608 - a constant


def statements(unit: UnitOfWork, code: str = "") -> list[Row[Any]]:
    """Statements, the newest first; one of a code."""
    return unit.all(STATEMENT + "WHERE :code = '' OR s.code = :code ORDER BY s.ends_on DESC, s.id DESC", code=code)


def party_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of an organisation."""
    found = unit.scalar("SELECT id FROM organisation WHERE code = :code", code=code)
    return None if found is None else int(found)


def account_known(unit: UnitOfWork, number: str) -> bool:
    """Whether the chart has an account."""
    return unit.one("SELECT 1 FROM ledger_account WHERE number = :number", number=number) is not None


def cash_entries(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """(number, day, piece_ref, label, key, cents) of entries that move 512 in a period."""
    return unit.all(
        "SELECT e.number, e.day, e.piece_ref, e.label, e.idempotency_key AS key,"
        " sum(p.debit_cents - p.credit_cents)::bigint AS cents FROM ledger_entry e JOIN ledger_posting p"
        " ON p.entry_id = e.id AND p.account = '512' WHERE e.day BETWEEN :first AND :last"
        " GROUP BY e.id HAVING sum(p.debit_cents - p.credit_cents) <> 0 ORDER BY e.number",
        first=first,
        last=last,
    )


def cash_lines(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """(code, day, cents, kind, about, keys, booked_cents) of a period's lines; `keys` name the entries that book one,
    whenever they are dated, `booked_cents` is what those move on 512."""
    return unit.all(
        "SELECT l.code, l.booked_on AS day, l.amount_cents AS cents, l.kind, coalesce(nullif(l.about, ''),"
        " l.counterparty) AS about, k.keys, coalesce((SELECT sum(p.debit_cents - p.credit_cents) FROM ledger_entry e"
        " JOIN ledger_posting p ON p.entry_id = e.id AND p.account = '512' WHERE e.idempotency_key = ANY (k.keys)),"
        " 0)::bigint AS booked_cents FROM bank_line l LEFT JOIN receipt r ON r.id = l.receipt_id CROSS JOIN LATERAL"
        " (SELECT CASE l.kind WHEN 'receipt' THEN ARRAY['receipt:' || r.code] WHEN 'payout' THEN (SELECT"
        " array_agg('payout:' || p.code) FROM payout p WHERE p.bank_line_id = l.id) || coalesce((SELECT"
        " array_agg('refund:' || f.code) FROM refund f WHERE f.bank_line_id = l.id), '{}')"
        " WHEN 'refund' THEN (SELECT array_agg('refund:' || f.code) FROM refund f WHERE f.bank_line_id = l.id)"
        " WHEN 'return' THEN coalesce((SELECT array_agg('payout:' || p.code || '\\:returned') FROM payout p WHERE"
        " p.return_line_id = l.id), '{}') || coalesce((SELECT array_agg('refund:' || f.code || '\\:returned') FROM"
        " refund f WHERE f.return_line_id = l.id), '{}') ELSE ARRAY['bank:' || l.code] END"
        " AS keys) k WHERE l.booked_on BETWEEN :first AND :last ORDER BY l.booked_on, l.id",
        first=first,
        last=last,
    )


def keys_on_statements(unit: UnitOfWork, keys: Sequence[str]) -> set[str]:
    """Which of these entries a line of any statement shows."""
    rows = unit.all(
        "SELECT key FROM (SELECT 'receipt:' || r.code AS key FROM bank_line l JOIN receipt r ON r.id = l.receipt_id"
        " UNION ALL SELECT 'payout:' || code FROM payout WHERE bank_line_id IS NOT NULL"
        " UNION ALL SELECT 'payout:' || code || '\\:returned' FROM payout WHERE return_line_id IS NOT NULL"
        " UNION ALL SELECT 'refund:' || code FROM refund WHERE bank_line_id IS NOT NULL"
        " UNION ALL SELECT 'refund:' || code || '\\:returned' FROM refund WHERE return_line_id IS NOT NULL"
        " UNION ALL SELECT 'bank:' || code FROM bank_line) x WHERE key = ANY (:keys)",
        keys=list(keys),
    )
    return {str(row.key) for row in rows}


def keys_of_transfers(unit: UnitOfWork, keys: Sequence[str]) -> set[str]:
    """Which of these entries are payouts that the gateway transferred: no statement of the bank ever shows them."""
    rows = unit.all(
        "SELECT key FROM (SELECT 'payout:' || code AS key FROM payout WHERE connect_account_id IS NOT NULL) x"
        " WHERE key = ANY (:keys)",
        keys=list(keys),
    )
    return {str(row.key) for row in rows}


def cash_balance(unit: UnitOfWork, last: date) -> int:
    """What 512 holds at the end of a day."""
    return int(
        unit.scalar(
            "SELECT coalesce(sum(p.debit_cents - p.credit_cents), 0) FROM ledger_posting p JOIN ledger_entry e"
            " ON e.id = p.entry_id WHERE p.account = '512' AND e.day <= :last",
            last=last,
        )
    )


def closing_balance(unit: UnitOfWork, last: date) -> Row[Any] | None:
    """(cents, day, code) of the newest statement that says its balance at the end, up to a day."""
    return unit.one(
        "SELECT closing_cents AS cents, ends_on AS day, code FROM bank_statement WHERE closing_cents IS NOT NULL"
        " AND ends_on <= :last ORDER BY ends_on DESC, id DESC LIMIT 1",
        last=last,
    )


def gaps(unit: UnitOfWork) -> list[Row[Any]]:
    """(before, after, cents) of statements that do not begin where the one before them ended."""
    return unit.all(
        "SELECT before, code AS after, opening_cents - closed AS cents FROM (SELECT code, opening_cents,"
        " lag(code) OVER w AS before, lag(closing_cents) OVER w AS closed FROM bank_statement"
        " WHERE opening_cents IS NOT NULL AND closing_cents IS NOT NULL"
        " WINDOW w AS (PARTITION BY iban ORDER BY starts_on, ends_on, id)) x WHERE opening_cents <> closed"
    )
