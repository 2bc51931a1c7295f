"""The only place with the invoices' SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from broker.accounts import store as accounts
from broker.accounts.model import Organisation
from broker.billing.model import Invoice, InvoiceLine
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict

_SELECT = """
SELECT i.id, i.number, i.kind, i.type_code, i.seller_id, coalesce(party_name(i.seller_id), '') AS seller_name,
       i.buyer_id, coalesce(party_name(i.buyer_id), '') AS buyer_name, i.order_id, i.mailing_id, i.corrects_id,
       o.number AS corrects_number, i.vat_bp, i.language, i.issued_on, i.due_on, i.net_cents, i.vat_cents,
       i.total_cents, i.deposit_cents, i.currency, i.role
FROM invoice i LEFT JOIN invoice o ON o.id = i.corrects_id
"""
_INVOICED = """
SELECT main_net + CASE WHEN agent THEN fee_net ELSE 0 END AS net,
  bills + owned - CASE WHEN agent THEN 0 ELSE fee_net END AS owner, main_net, main_vat, fee_net, fee_vat, used FROM (
  SELECT coalesce(sum(net_cents) FILTER (WHERE kind IN ('invoice', 'owner_invoice')), 0)::bigint AS main_net,
    coalesce(sum(vat_cents) FILTER (WHERE kind IN ('invoice', 'owner_invoice')), 0)::bigint AS main_vat,
    coalesce(sum(net_cents) FILTER (WHERE kind = 'self_bill'), 0)::bigint AS bills,
    coalesce(sum(net_cents) FILTER (WHERE kind = 'owner_invoice'), 0)::bigint AS owned,
    coalesce(sum(net_cents) FILTER (WHERE kind = 'fee'), 0)::bigint AS fee_net,
    coalesce(sum(vat_cents) FILTER (WHERE kind = 'fee'), 0)::bigint AS fee_vat,
    coalesce(sum(deposit_cents), 0)::bigint AS used,
    coalesce(bool_or(role = 'agent_of_advertiser'), false) AS agent
  FROM invoice WHERE order_id = :order) x
"""
_COUNT = "SELECT count(*) FROM invoice i"
_PDF = "SELECT pdf FROM invoice i WHERE i.number = :number AND"
_VISIBLE = " (:staff OR i.seller_id = :org OR i.buyer_id = :org) "


def company(unit: UnitOfWork) -> Organisation:
    """The organisation that runs the platform: the first broker."""
    org_id = unit.scalar("SELECT min(id) FROM organisation WHERE kind = 'broker'")
    found = None if org_id is None else accounts.organisation(unit, org_id)
    if found is None:
        raise Conflict(
            "No organisation of kind broker exists, so nobody can issue invoices. Create it first.",
            code="no_company",
        )
    return found


def next_number(unit: UnitOfWork, series: str) -> int:
    """The next number of a series; the row stays locked until the commit, so a rollback leaves no gap."""
    return int(
        unit.scalar(
            "INSERT INTO invoice_series (series, last) VALUES (:series, 1)"
            " ON CONFLICT (series) DO UPDATE SET last = invoice_series.last + 1 RETURNING last",
            series=series,
        )
    )


def insert_invoice(unit: UnitOfWork, values: dict[str, Any], lines: Sequence[InvoiceLine]) -> Invoice:
    """Insert a document with its lines; keys of `values` are its columns."""
    invoice_id = int(
        unit.scalar(
            "INSERT INTO invoice (number, kind, type_code, seller_id, buyer_id, order_id, mailing_id, corrects_id,"
            " vat_bp, language, issued_on, due_on, net_cents, vat_cents, total_cents, deposit_cents, pdf, role,"
            " mandate_id, late_rate, late_bp, set_off_cents, set_off_vat_cents, about_id, replaces_id, fee_of_id)"
            " VALUES (:number, :kind, :type_code, :seller_id, :buyer_id, :order_id, :mailing_id,"
            " :corrects_id, :vat_bp, :language, :issued_on, :due_on, :net_cents, :vat_cents, :total_cents,"
            " :deposit_cents, :pdf, :role, :mandate_id, :late_rate, :late_bp, :set_off_cents, :set_off_vat_cents,"
            " :about_id, :replaces_id, :fee_of_id) RETURNING id",
            **{"about_id": None, "replaces_id": None, "fee_of_id": None, **values},
        )
    )
    unit.run_many(
        "INSERT INTO invoice_line (invoice_id, line, mailing_id, label, quantity, amount_micros, net_cents)"
        " VALUES (:invoice_id, :line, :mailing_id, :label, :quantity, :amount_micros, :net_cents)",
        [
            {
                "invoice_id": invoice_id,
                "line": line.line,
                "mailing_id": line.mailing_id,
                "label": line.label,
                "quantity": line.quantity,
                "amount_micros": line.amount_micros,
                "net_cents": line.net_cents,
            }
            for line in lines
        ],
    )
    row = unit.one(_SELECT + "WHERE i.id = :id", id=invoice_id)
    assert row is not None
    return Invoice(**row._mapping, lines=tuple(lines))


def invoice_by_number(unit: UnitOfWork, number: str) -> Invoice | None:
    """A document the actor is a party of, with its lines."""
    row = unit.one(_SELECT + "WHERE i.number = :number AND" + _VISIBLE, number=number, **unit.sight)
    return None if row is None else Invoice(**row._mapping, lines=tuple(_lines(unit, row.id)))


def pdf_of(unit: UnitOfWork, number: str) -> bytes | None:
    """The bytes of a document's PDF."""
    found = unit.scalar(_PDF + _VISIBLE, number=number, **unit.sight)
    return None if found is None else bytes(found)


def invoices_page(unit: UnitOfWork, size: int, offset: int) -> list[Invoice]:
    """The actor's documents without their lines, the newest first."""
    rows = unit.all(
        _SELECT + "WHERE" + _VISIBLE + "ORDER BY i.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
        **unit.sight,
    )
    return [Invoice(**row._mapping) for row in rows]


def count_invoices(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar(_COUNT + " WHERE" + _VISIBLE, **unit.sight))


def deposit_of(unit: UnitOfWork, order_id: int) -> Row[Any] | None:
    """The deposit invoice of an order: id, number, net_cents, vat_cents, vat_bp, issued_on."""
    return unit.one(
        "SELECT id, number, net_cents, vat_cents, vat_bp, issued_on FROM invoice"
        " WHERE order_id = :order AND kind = 'deposit'",
        order=order_id,
    )


def on_credit_before(unit: UnitOfWork, order_id: int) -> bool:
    """Whether an order that nothing was prepaid for is invoiced, in part at least."""
    return bool(
        unit.scalar(
            "SELECT bool_or(kind IN ('invoice', 'owner_invoice', 'fee')) AND NOT bool_or(kind = 'deposit')"
            " FROM invoice WHERE order_id = :order",
            order=order_id,
        )
    )


def invoiced(unit: UnitOfWork, order_id: int) -> Row[Any]:
    """What an order's issued documents hold, whatever the role, in cents.

    `net`: what the advertiser was charged; `owner`: the owner's part of it; `main_net`, `main_vat`: the invoices of
    what was sold (ours, or the owner's); `fee_net`, `fee_vat`: our fee's; `used`: paid before they were issued.
    """
    row = unit.one(_INVOICED, order=order_id)
    assert row is not None
    return row


def credited(unit: UnitOfWork, invoice_id: int) -> Row[Any]:
    """(total, vat) of the credit notes on an invoice, in cents."""
    row = unit.one(
        "SELECT coalesce(sum(total_cents), 0)::bigint AS total, coalesce(sum(vat_cents), 0)::bigint AS vat"
        " FROM invoice WHERE corrects_id = :id AND kind = 'credit_note'",
        id=invoice_id,
    )
    assert row is not None
    return row


def files_of_period(unit: UnitOfWork, first: date, last: date) -> Iterator[Row[Any]]:
    """Every document issued in a period with its PDF, by id, read a few at a time."""
    statement = text(
        "SELECT i.number, i.type_code, i.kind, i.issued_on, i.due_on, coalesce(party_name(i.seller_id), '') AS seller,"
        " coalesce(party_name(i.buyer_id), '') AS buyer, i.net_cents, i.vat_cents, i.total_cents, i.deposit_cents,"
        " i.currency, coalesce(o.number, '') AS relates_to, i.pdf"
        " FROM invoice i LEFT JOIN invoice o ON o.id = i.corrects_id"
        " WHERE i.issued_on BETWEEN :first AND :last ORDER BY i.id"
    )
    yield from unit.session.execute(statement, {"first": first, "last": last}, execution_options={"yield_per": 50})


def entry_keys_of_order(unit: UnitOfWork, order_id: int) -> list[str]:
    """The idempotency keys of the entries of an order's payment and documents."""
    rows = unit.all(
        "SELECT 'payment:' || code AS key FROM payment WHERE order_id = :order"
        " UNION ALL SELECT 'invoice:' || number FROM invoice WHERE order_id = :order",
        order=order_id,
    )
    return [row.key for row in rows]


def _lines(unit: UnitOfWork, invoice_id: int) -> list[InvoiceLine]:
    rows = unit.all(
        "SELECT l.line, l.label, l.quantity, l.amount_micros, l.net_cents, l.mailing_id, m.code AS mailing_code"
        " FROM invoice_line l LEFT JOIN mailing m ON m.id = l.mailing_id WHERE l.invoice_id = :id ORDER BY l.line",
        id=invoice_id,
    )
    return [InvoiceLine(**row._mapping) for row in rows]
