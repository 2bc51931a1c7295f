"""The only place with the SQL of contested documents and their corrections."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.billing.invoices.contest_model import Contest
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT c.id, c.code, c.org_id, coalesce(party_name(c.org_id), '') AS owner, i.number, c.reason, c.state, c.net_cents,
  c.answer, c.raised_at, c.answered_at, coalesce(n.number, '') AS credit,
  c.new_net_cents, coalesce(r.number, '') AS replacement, i.kind AS document_kind,
  i.net_cents - coalesce((SELECT sum(k.net_cents) FROM invoice k WHERE k.corrects_id = i.id), 0)::bigint AS left_cents
FROM invoice_contest c JOIN invoice i ON i.id = c.invoice_id LEFT JOIN invoice n ON n.id = c.credit_id
LEFT JOIN invoice r ON r.id = c.replacement_id
WHERE (:staff OR c.org_id = :org)
"""


def contestable(unit: UnitOfWork, number: str) -> Row[Any] | None:
    """(id, kind, seller_id, issued_on, contest_days) of a document issued in an owner's name that the actor may see."""
    return unit.one(
        "SELECT i.id, i.kind, i.seller_id, i.issued_on, coalesce(m.contest_days, 30) AS contest_days FROM invoice i"
        " LEFT JOIN invoicing_mandate m ON m.id = i.mandate_id WHERE i.number = :number"
        " AND i.kind IN ('self_bill', 'owner_invoice') AND (:staff OR i.seller_id = :org)",
        number=number,
        **unit.sight,
    )


def insert(unit: UnitOfWork, **values: Any) -> None:
    """Insert a contest; keys are its columns."""
    unit.run(
        "INSERT INTO invoice_contest (code, org_id, invoice_id, reason, raised_by)"
        " VALUES (:code, :org_id, :invoice_id, :reason, :raised_by)",
        **values,
    )


def contest(unit: UnitOfWork, code: str) -> Contest | None:
    """A contest that the actor may see."""
    row = unit.one(_SELECT + " AND c.code = :code", code=code, **unit.sight)
    return None if row is None else Contest(**row._mapping)


def contests(unit: UnitOfWork, size: int, offset: int) -> list[Contest]:
    """Contests that the actor may see, those that wait first."""
    rows = unit.all(
        _SELECT + " ORDER BY c.state NOT IN ('open', 'prepared', 'signed'), c.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
        **unit.sight,
    )
    return [Contest(**row._mapping) for row in rows]


def count_contests(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar("SELECT count(*) FROM invoice_contest c WHERE (:staff OR c.org_id = :org)", **unit.sight))


def stands(unit: UnitOfWork, invoice_id: int) -> bool:
    """Whether a document is contested and waits for an answer or its correction."""
    return bool(
        unit.scalar(
            "SELECT count(*) FROM invoice_contest WHERE invoice_id = :id AND state IN ('open', 'prepared', 'signed')",
            id=invoice_id,
        )
    )


def answer(
    unit: UnitOfWork,
    code: str,
    before: str,
    after: str,
    *,
    text: str = "",
    net: int | None = None,
    new: int | None = None,
) -> bool:
    """Move a contest from a state to another; False when it stood elsewhere."""
    done = unit.run(
        "SELECT answer_contest(:code, :before, :after, :text, CAST(:net AS bigint), CAST(:new AS bigint))",
        code=code,
        before=before,
        after=after,
        text=text,
        net=net,
        new=new,
    )
    return bool(done.scalar())


def corrected(
    unit: UnitOfWork,
    contest_id: int,
    credit_id: int,
    signed_by: int | None,
    fee_credit_id: int | None = None,
    replacement_id: int | None = None,
) -> None:
    """Keep the documents that correct."""
    unit.run(
        "UPDATE invoice_contest SET state = 'corrected', credit_id = :credit, signed_by = coalesce(signed_by, :by),"
        " fee_credit_id = :fee, replacement_id = :new WHERE id = :id",
        id=contest_id,
        credit=credit_id,
        by=signed_by,
        fee=fee_credit_id,
        new=replacement_id,
    )


def to_issue(unit: UnitOfWork, contest_id: int) -> Row[Any] | None:
    """A correction that is agreed on and waits for its documents, locked: what it corrects, and who signed."""
    return unit.one(
        "SELECT c.id, c.code, c.net_cents, c.new_net_cents, c.signed_by, c.by_owner, i.id AS invoice_id, i.number,"
        " i.issued_on, i.seller_id, i.buyer_id, i.order_id, i.net_cents AS whole, i.vat_cents AS whole_vat, i.vat_bp,"
        " i.total_cents AS total, i.deposit_cents AS deposit, i.kind, i.role,"
        " CAST(coalesce(m.ended_at, m.started_at) AT TIME ZONE 'Europe/Paris' AS date) AS supplied_on,"
        " coalesce((SELECT sum(n.net_cents) FROM invoice n WHERE n.corrects_id = i.id), 0)::bigint AS before,"
        " coalesce((SELECT sum(n.vat_cents) FROM invoice n WHERE n.corrects_id = i.id), 0)::bigint AS before_vat"
        " FROM invoice_contest c JOIN invoice i ON i.id = c.invoice_id LEFT JOIN mailing m ON m.id = i.mailing_id"
        " WHERE c.id = :id AND c.state = 'signed' FOR UPDATE OF c",
        id=contest_id,
    )


def fee_of(unit: UnitOfWork, invoice_id: int) -> Row[Any] | None:
    """Our fee on an owner's invoice, and what of it was given back (`before`, `before_vat`)."""
    return unit.one(
        "SELECT f.id, f.number, f.issued_on, f.net_cents, f.vat_cents, f.vat_bp, f.total_cents AS total,"
        " f.deposit_cents AS deposit,"
        " coalesce((SELECT sum(n.net_cents) FROM invoice n WHERE n.corrects_id = f.id), 0)::bigint AS before,"
        " coalesce((SELECT sum(n.vat_cents) FROM invoice n WHERE n.corrects_id = f.id), 0)::bigint AS before_vat"
        " FROM invoice f WHERE f.id = fee_on(:id)",
        id=invoice_id,
    )
