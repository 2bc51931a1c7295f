"""The only place with the SQL of transfers through the bank: files, what came back, what pages show of payouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def approved_transfers(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """Payouts approved in a period and not exported, locked, with what may stand in their way.

    `account_state`, `replacing`: their account was, or is about to be, replaced; `proposed_at`: since when it waits.
    """
    return unit.all(
        "SELECT p.id, p.code, p.end_to_end_id, p.amount_cents, b.holder, b.iban, b.bic, b.state AS account_state,"
        " EXISTS (SELECT 1 FROM bank_account n WHERE n.org_id = p.owner_id AND n.state = 'proposed') AS replacing,"
        " b.proposed_at, is_frozen(p.owner_id) AS frozen, is_held(p.owner_id) AS held,"
        " o.street, o.postcode, o.city, o.country"
        " FROM payout p JOIN bank_account b ON b.id = p.bank_account_id JOIN organisation o ON o.id = p.owner_id"
        " WHERE p.state = 'approved' AND CAST(p.approved_at AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND"
        " :last ORDER BY p.id FOR UPDATE OF p",
        first=first,
        last=last,
    )


def keep_file(unit: UnitOfWork, message_id: str, transfers: int, cents: int, content: bytes) -> None:
    """Keep a file for the bank."""
    unit.run(
        "INSERT INTO sepa_file (message_id, transfers, cents, content, made_by) VALUES (:id, :transfers, :cents,"
        " :content, :user)",
        id=message_id,
        transfers=transfers,
        cents=cents,
        content=content,
        user=unit.actor.user_id,
    )


def files(unit: UnitOfWork) -> list[Row[Any]]:
    """(message_id, transfers, cents, made_at, by) of files for the bank, the newest first."""
    return unit.all(
        "SELECT f.message_id, f.transfers, f.cents, f.made_at, coalesce(u.name, '') AS by FROM sepa_file f"
        " LEFT JOIN app_user u ON u.id = f.made_by ORDER BY f.made_at DESC LIMIT 100"
    )


def file(unit: UnitOfWork, message_id: str) -> bytes | None:
    """A file for the bank."""
    found = unit.scalar("SELECT content FROM sepa_file WHERE message_id = :id", id=message_id)
    return None if found is None else bytes(found)


def sent(unit: UnitOfWork) -> list[Row[Any]]:
    """(what, id, code, state, amount_cents, end_to_end_id, file) of transfers that left and no statement shows yet."""
    return unit.all(
        "SELECT 'payout' AS what, id, code, state, amount_cents, end_to_end_id, coalesce(file, '') AS file FROM payout"
        " WHERE state IN ('exported', 'confirmed', 'paid') AND bank_line_id IS NULL AND file IS NOT NULL"
        " UNION ALL SELECT 'refund', id, code, state, amount_cents, end_to_end_id, coalesce(file, '') FROM refund"
        " WHERE state = 'sent' AND receipt_id IS NOT NULL AND bank_line_id IS NULL ORDER BY 1, 2"
    )


def returnable(unit: UnitOfWork, end_to_end_id: str, cents: int) -> Row[Any] | None:
    """(what, id, code, state) of the transfer that came back, if it left and did not come back before."""
    return unit.one(
        "SELECT 'payout' AS what, id, code, state FROM payout WHERE end_to_end_id = :id AND amount_cents = :cents"
        " AND state IN ('exported', 'confirmed', 'paid') AND returned_on IS NULL"
        " UNION ALL SELECT 'refund', id, code, state FROM refund WHERE end_to_end_id = :id AND amount_cents = :cents"
        " AND state IN ('sent', 'confirmed', 'paid') AND receipt_id IS NOT NULL AND returned_on IS NULL",
        id=end_to_end_id,
        cents=cents,
    )


def show_refund(unit: UnitOfWork, refund_id: int, line_id: int, paid_on: date) -> None:
    """The statement shows a refund by transfer."""
    unit.run(
        "UPDATE refund SET state = 'confirmed', paid_on = :day, bank_line_id = :line WHERE id = :id AND state = 'sent'",
        id=refund_id,
        line=line_id,
        day=paid_on,
    )


def take_down_return(unit: UnitOfWork, payout_id: int, day: date, reason: str) -> bool:
    """The bank sent a payout back; False when that is known."""
    return (
        unit.run(
            "UPDATE payout SET returned_on = :day, return_reason = :reason WHERE id = :id AND returned_on IS NULL",
            id=payout_id,
            day=day,
            reason=reason[:140],
        ).rowcount
        == 1
    )


def show_return(unit: UnitOfWork, payout_id: int, line_id: int) -> None:
    """Which line of a statement shows that a payout came back."""
    unit.run("UPDATE payout SET return_line_id = :line WHERE id = :id", id=payout_id, line=line_id)


def return_to_book(unit: UnitOfWork, payout_id: int) -> Row[Any] | None:
    """(id, code, state, owner_id, amount_cents, returned_on, return_reason, bank_account_id) of a payout that came
    back and is not undone yet, locked."""
    return unit.one(
        "SELECT id, code, state, owner_id, amount_cents, returned_on, return_reason, bank_account_id FROM payout"
        " WHERE id = :id AND returned_on IS NOT NULL AND state <> 'returned' FOR UPDATE",
        id=payout_id,
    )


def hold_account(unit: UnitOfWork, account_id: int) -> bool:
    """Nothing more is paid to an account; False when it was not in use any more."""
    return (
        unit.run(
            "UPDATE bank_account SET state = 'held' WHERE id = :id AND state IN ('approved', 'proposed')", id=account_id
        ).rowcount
        == 1
    )


def account_of(unit: UnitOfWork, payout_id: int) -> int | None:
    """The bank account of a payout."""
    found = unit.scalar("SELECT bank_account_id FROM payout WHERE id = :id", id=payout_id)
    return None if found is None else int(found)


def earlier_returns(unit: UnitOfWork, payout_id: int) -> list[str]:
    """The codes of payouts of the same documents that came back."""
    rows = unit.all(
        "SELECT DISTINCT q.code FROM payout_line l JOIN payout_line m ON m.invoice_id = l.invoice_id JOIN payout q"
        " ON q.id = m.payout_id WHERE l.payout_id = :id AND q.state = 'returned' ORDER BY 1",
        id=payout_id,
    )
    return [str(row.code) for row in rows]


def payouts_page(unit: UnitOfWork, states: Sequence[str], limit: int) -> list[Row[Any]]:
    """Payouts as pages show them, those that wait for somebody first, then the newest."""
    return unit.all(
        "SELECT p.code, coalesce(party_name(p.owner_id), '') AS owner, o.code AS owner_code, p.amount_cents, p.state,"
        " p.proposed_at, p.paid_on, p.returned_on, p.return_reason, coalesce(p.file, '') AS file,"
        " coalesce(a.name, '') AS proposed_by, coalesce(c.name, '') AS approved_by,"
        " p.proposed_by AS proposed_by_id, coalesce(left(b.iban, 4) || ' … ' || right(b.iban, 4), '') AS iban,"
        " b.holder, (SELECT array_agg(i.number ORDER BY i.id) FROM payout_line l JOIN invoice i ON i.id = l.invoice_id"
        " WHERE l.payout_id = p.id) AS invoices, is_held(p.owner_id) AS held, is_frozen(p.owner_id) AS frozen"
        " FROM payout p LEFT JOIN organisation o ON o.id = p.owner_id LEFT JOIN bank_account b"
        " ON b.id = p.bank_account_id LEFT JOIN app_user a ON a.id = p.proposed_by LEFT JOIN app_user c"
        " ON c.id = p.approved_by WHERE (:staff OR p.owner_id = :org) AND (:every OR p.state = ANY (:states))"
        " ORDER BY array_position(ARRAY['proposed', 'approved', 'exported', 'confirmed'], p.state), p.id DESC"
        " LIMIT :limit",
        every=not states,
        states=list(states),
        limit=limit,
        **unit.sight,
    )


def accounts_page(unit: UnitOfWork) -> list[Row[Any]]:
    """Bank accounts that wait, are in use or held: code, owner, holder, masked IBAN, state, who proposed it, when."""
    return unit.all(
        "SELECT b.code, coalesce(party_name(b.org_id), '') AS owner, b.holder, left(b.iban, 4) || ' … ' ||"
        " right(b.iban, 4) AS iban, b.state, b.proposed_by AS proposed_by_id, coalesce(u.name, '') AS proposed_by,"
        " b.proposed_at FROM bank_account b LEFT JOIN app_user u ON u.id = b.proposed_by WHERE (:staff OR b.org_id ="
        " :org) AND b.state IN ('proposed', 'approved', 'held') AND (b.state <> 'held' OR NOT EXISTS (SELECT 1 FROM"
        " bank_account n WHERE n.org_id = b.org_id AND n.id > b.id AND n.state IN ('approved', 'proposed')))"
        " ORDER BY array_position(ARRAY['proposed', 'held', 'approved'], b.state), b.id DESC LIMIT 500",
        **unit.sight,
    )
