"""The only place with the SQL of transfers taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.gateway.gateway_objects import Moved
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money of a transfer (`payout`) taken back for corrections of an owner's bills."""

    id: int
    code: str
    owner_id: int
    owner: str
    payout: str
    amount_cents: int
    state: Literal["proposed", "approved", "done", "failed"]
    reason: str
    problem: str
    proposed_by: int
    approved_by: int | None
    done_on: date | None
    invoices: tuple[str, ...]


_SELECT = """
SELECT r.id, r.code, r.owner_id, coalesce(party_name(r.owner_id), '') AS owner, p.code AS payout, r.amount_cents,
  r.state, r.reason, r.problem, r.proposed_by, r.approved_by, r.done_on,
  (SELECT array_agg(i.number ORDER BY i.id) FROM transfer_reversal_line l JOIN invoice i ON i.id = l.invoice_id
   WHERE l.reversal_id = r.id) AS invoices
FROM transfer_reversal r JOIN payout p ON p.id = r.payout_id
"""


def _reversal(row: Row[Any]) -> Reversal:
    return Reversal(**{**row._mapping, "invoices": tuple(row.invoices or ())})


def insert(unit: UnitOfWork, values: dict[str, object], corrections: Sequence[tuple[int, int]]) -> None:
    """A proposed reversal for some corrections (invoice id, cents)."""
    reversal_id = unit.scalar(
        "INSERT INTO transfer_reversal (code, payout_id, owner_id, amount_cents, reason, proposed_by)"
        " VALUES (:code, :payout_id, :owner_id, :amount_cents, :reason, :proposed_by) RETURNING id",
        **values,
    )
    unit.run_many(
        "INSERT INTO transfer_reversal_line (reversal_id, invoice_id, amount_cents)"
        " VALUES (:reversal, :invoice, :cents)",
        [{"reversal": reversal_id, "invoice": invoice, "cents": cents} for invoice, cents in corrections],
    )


def by_code(unit: UnitOfWork, code: str) -> Reversal | None:
    """A reversal that the actor may see."""
    row = unit.one(
        _SELECT + "WHERE r.code = :code AND (:staff OR r.owner_id = :org)",
        code=code,
        **unit.sight,
    )
    return None if row is None else _reversal(row)


def reversals(unit: UnitOfWork) -> list[Reversal]:
    """Those that the actor may see, the newest first."""
    rows = unit.all(
        _SELECT + "WHERE :staff OR r.owner_id = :org ORDER BY r.id DESC",
        **unit.sight,
    )
    return [_reversal(row) for row in rows]


def set_state(unit: UnitOfWork, reversal_id: int, before: Sequence[str], after: str, **values: object) -> bool:
    """Move a reversal; False when it stood elsewhere."""
    columns = "".join(f", {name} = :{name}" for name in values)
    done = unit.run(
        f"UPDATE transfer_reversal SET state = :after{columns} WHERE id = :id AND state = ANY (:before)",  # noqa: S608
        id=reversal_id,
        before=list(before),
        after=after,
        **values,
    )
    return done.rowcount == 1


def free_lines(unit: UnitOfWork, reversal_id: int) -> None:
    """Let payouts net what a failed reversal did not take back."""
    unit.run("UPDATE transfer_reversal_line SET live = false WHERE reversal_id = :id", id=reversal_id)


def lock(unit: UnitOfWork, reversal_id: int) -> Row[Any] | None:
    """(code, owner_id, state, amount_cents, transfer, tries, asked_at) of a reversal, locked."""
    return unit.one(
        "SELECT r.code, r.owner_id, r.state, r.amount_cents, p.transfer_reference AS transfer, r.tries, r.asked_at"
        " FROM transfer_reversal r JOIN payout p ON p.id = r.payout_id WHERE r.id = :id FOR UPDATE OF r",
        id=reversal_id,
    )


def asked(unit: UnitOfWork, reversal_id: int) -> None:
    """The gateway is about to be asked."""
    unit.run("UPDATE transfer_reversal SET asked_at = coalesce(asked_at, app_now()) WHERE id = :id", id=reversal_id)


def refused(unit: UnitOfWork, reversal_id: int, why: str) -> None:
    """The gateway refused: nothing was made, the next try has a key of its own."""
    unit.run(
        "UPDATE transfer_reversal SET tries = tries + 1, problem = :why, asked_at = NULL,"
        " looked_at = app_now() WHERE id = :id",
        id=reversal_id,
        why=why[:200],
    )


def done(unit: UnitOfWork, reversal_id: int, found: Moved) -> None:
    """Keep what the gateway made."""
    unit.run(
        "UPDATE transfer_reversal SET state = 'done', reference = :reference, line = :line, done_on = :day,"
        " problem = '' WHERE id = :id",
        id=reversal_id,
        reference=found.reference,
        line=found.line or None,
        day=found.day,
    )


def credits_of(unit: UnitOfWork, owner_id: int) -> list[Row[Any]]:
    """(id, number, total_cents) of corrections of an owner's bills that no payout and no reversal has taken yet."""
    unit.run("SELECT pg_advisory_xact_lock(7203814)")  # nor is about to: see bank_store.unpaid_bills
    return unit.all(
        "SELECT i.id, i.number, i.total_cents FROM invoice i WHERE i.kind = 'owner_credit' AND i.seller_id = :owner"
        " AND i.role = 'principal' AND i.total_cents > 0"
        " AND NOT EXISTS (SELECT 1 FROM payout_line l WHERE l.invoice_id = i.id AND l.live)"
        " AND NOT EXISTS (SELECT 1 FROM transfer_reversal_line l WHERE l.invoice_id = i.id AND l.live) ORDER BY i.id",
        owner=owner_id,
    )


def bills_taken_back(unit: UnitOfWork, reversal_id: int) -> list[str]:
    """The entries of the corrections that a reversal takes back."""
    rows = unit.all(
        "SELECT i.number FROM transfer_reversal_line l JOIN invoice i ON i.id = l.invoice_id"
        " WHERE l.reversal_id = :id ORDER BY i.id",
        id=reversal_id,
    )
    return [f"invoice:{row.number}" for row in rows]
