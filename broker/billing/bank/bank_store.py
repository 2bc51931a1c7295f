"""The only place with the SQL of bank accounts and payouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.bank.bank_model import BankAccount, Payout
from broker.kernel.database import UnitOfWork

_ACCOUNT = "SELECT id, code, org_id, holder, iban, bic, state, proposed_by, proposed_at FROM bank_account "
_PAYOUT = """
SELECT p.id, p.code, p.owner_id, coalesce(party_name(p.owner_id), '') AS owner, p.amount_cents, p.end_to_end_id,
  p.state, p.proposed_by, p.approved_by, p.paid_on,
  CASE WHEN p.connect_account_id IS NULL THEN 'sepa' ELSE 'connect' END AS via, p.transfer_problem AS problem,
  p.transfer_asked_at IS NOT NULL AS asked,
  (SELECT array_agg(i.number ORDER BY i.id) FROM payout_line l JOIN invoice i ON i.id = l.invoice_id
   WHERE l.payout_id = p.id) AS invoices
FROM payout p
"""


def org_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of an owner by its code."""
    found = unit.scalar("SELECT id FROM organisation WHERE code = :code AND kind = 'owner'", code=code)
    return None if found is None else int(found)


def insert_account(
    unit: UnitOfWork, code: str, org_id: int, holder: str, iban: str, bic: str | None, user: int
) -> None:
    """Insert a proposed account in place of one that waits."""
    unit.run("UPDATE bank_account SET state = 'refused' WHERE org_id = :org AND state = 'proposed'", org=org_id)
    unit.run(
        "INSERT INTO bank_account (code, org_id, holder, iban, bic, proposed_by)"
        " VALUES (:code, :org, :holder, :iban, :bic, :user)",
        code=code,
        org=org_id,
        holder=holder,
        iban=iban,
        bic=bic,
        user=user,
    )


def account_by_code(unit: UnitOfWork, code: str) -> BankAccount | None:
    """An account of the actor's organisation, or any for staff."""
    row = unit.one(
        _ACCOUNT + "WHERE code = :code AND (:staff OR org_id = :org)",
        code=code,
        **unit.sight,
    )
    return None if row is None else BankAccount(**row._mapping)


def approved_account(unit: UnitOfWork, org_id: int) -> BankAccount | None:
    """The account that is approved now."""
    row = unit.one(_ACCOUNT + "WHERE org_id = :org AND state = 'approved'", org=org_id)
    return None if row is None else BankAccount(**row._mapping)


def approve_account(unit: UnitOfWork, account_id: int, org_id: int, user: int) -> None:
    """Approve an account; the one before it is retired."""
    unit.run("UPDATE bank_account SET state = 'retired' WHERE org_id = :org AND state = 'approved'", org=org_id)
    unit.run(
        "UPDATE bank_account SET state = 'approved', approved_by = :user, approved_at = app_now()"
        " WHERE id = :id AND state = 'proposed'",
        id=account_id,
        user=user,
    )


_UNPAID = """
SELECT owner_id, id, due_on <= :until AND total_cents > 0 AS due, due_on, total_cents FROM owner_documents()
WHERE free AND NOT contested ORDER BY owner_id, id
"""


def unpaid_bills(unit: UnitOfWork, until: date) -> list[Row[Any]]:
    """(owner_id, id, total_cents, due, due_on) of documents that an owner is paid for and no live payout holds.

    Self-bills less their corrections; as agent, the owner's invoices less our fee on them, once the advertiser has paid
    them where the contract says so. What is contested waits for its answer. A correction is never due by itself.
    """
    unit.run("SELECT pg_advisory_xact_lock(7203814)")  # two proposals at once would both take them
    return unit.all(_UNPAID, until=until)


def bills_of_payout(unit: UnitOfWork, payout_id: int) -> list[Row[Any]]:
    """(number, account, amount_cents, fee, order_id) of what a payout pays; `fee` is the number of our fee on it."""
    return unit.all(
        "SELECT i.number, CASE i.role WHEN 'principal' THEN '401' ELSE '467' END AS account, l.amount_cents,"
        " (SELECT f.number FROM invoice f WHERE f.id = fee_on(i.id) AND f.role = 'agent_of_owner') AS fee, i.order_id"
        " FROM payout_line l JOIN invoice i ON i.id = l.invoice_id WHERE l.payout_id = :id ORDER BY i.id",
        id=payout_id,
    )


def insert_payout(unit: UnitOfWork, values: dict[str, object], bills: Sequence[tuple[int, int]]) -> None:
    """Insert a proposed payout of some self-bills (id, cents)."""
    payout_id = unit.scalar(
        "INSERT INTO payout (code, owner_id, bank_account_id, connect_account_id, amount_cents, end_to_end_id,"
        " proposed_by) VALUES (:code, :owner_id, :bank_account_id, :connect_account_id, :amount_cents,"
        " :end_to_end_id, :proposed_by) RETURNING id",
        **values,
    )
    unit.run_many(
        "INSERT INTO payout_line (payout_id, invoice_id, amount_cents) VALUES (:payout, :invoice, :cents)",
        [{"payout": payout_id, "invoice": invoice, "cents": cents} for invoice, cents in bills],
    )


def payout_by_code(unit: UnitOfWork, code: str) -> Payout | None:
    """A payout that the actor may see."""
    row = unit.one(_PAYOUT + "WHERE p.code = :code AND " + _SIGHT, code=code, **unit.sight)
    return None if row is None else _payout(row)


def lock_payout(unit: UnitOfWork, payout_id: int) -> Payout | None:
    """A payout that nobody else moves before our commit."""
    unit.run("SELECT id FROM payout WHERE id = :id FOR UPDATE", id=payout_id)
    row = unit.one(_PAYOUT + "WHERE p.id = :id", id=payout_id)
    return None if row is None else _payout(row)


def payouts(unit: UnitOfWork, states: Sequence[str]) -> list[Payout]:
    """Payouts in some states that the actor may see, the oldest first."""
    rows = unit.all(
        _PAYOUT + "WHERE p.state = ANY (:states) AND " + _SIGHT + " ORDER BY p.id", states=list(states), **unit.sight
    )
    return [_payout(row) for row in rows]


def set_state(unit: UnitOfWork, payout_id: int, before: Sequence[str], after: str, **values: object) -> bool:
    """Move a payout from one of some states; False when it stood in another one."""
    columns = "".join(f", {name} = :{name}" for name in values)
    done = unit.run(
        f"UPDATE payout SET state = :after{columns} WHERE id = :id AND state = ANY (:before)",  # noqa: S608 - names
        id=payout_id,
        before=list(before),
        after=after,
        **values,
    )
    return done.rowcount == 1


def approved_today(unit: UnitOfWork) -> int:
    """Cents of payouts approved today (a day of France) that did not fail; one approval at a time."""
    unit.run("SELECT pg_advisory_xact_lock(7203835)")
    return int(
        unit.scalar(
            "SELECT coalesce(sum(amount_cents), 0) FROM payout WHERE state NOT IN ('proposed', 'failed')"
            " AND CAST(approved_at AT TIME ZONE 'Europe/Paris' AS date) = :today",
            today=unit.today,
        )
    )


def free_lines(unit: UnitOfWork, payout_id: int) -> None:
    """Let another payout pay what a failed one did not."""
    unit.run("UPDATE payout_line SET live = false WHERE payout_id = :id", id=payout_id)


_SIGHT = "(:staff OR p.owner_id = :org)"


def _payout(row: Row[Any]) -> Payout:
    return Payout(**{**row._mapping, "invoices": tuple(row.invoices or ())})
