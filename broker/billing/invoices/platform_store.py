"""The only place with the SQL of what goes to and comes from a platform."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from broker.billing.invoices.platform_model import PlatformDocument
from broker.billing.invoices.read_supplier_invoice import SupplierInvoice
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT d.id, d.code, d.flow, d.number, CASE WHEN d.invoice_id IS NULL THEN d.supplier_name
  ELSE coalesce(party_name(i.seller_id), '') END AS supplier, d.issued_on, d.due_on, d.net_cents, d.vat_cents,
  d.total_cents, d.state, coalesce((SELECT s.reason FROM platform_status s WHERE s.document_id = d.id
    ORDER BY s.id DESC LIMIT 1), '') AS reason, d.entry_id IS NOT NULL AS booked
FROM platform_document d LEFT JOIN invoice i ON i.id = d.invoice_id
"""


def to_send(unit: UnitOfWork) -> list[Row[Any]]:
    """Our documents that no platform has: what we sell, and what we issue in an owner's name."""
    return unit.all(
        "SELECT i.id, i.number, i.type_code, i.kind, i.issued_on, i.due_on, i.net_cents, i.vat_cents, i.total_cents,"
        " coalesce(s.siren, '') AS seller_siren, coalesce(b.siren, '') AS buyer_siren, i.seller_id, i.pdf"
        " FROM invoice i JOIN organisation s ON s.id = i.seller_id JOIN organisation b ON b.id = i.buyer_id"
        " WHERE NOT EXISTS (SELECT 1 FROM platform_document d WHERE d.invoice_id = i.id) ORDER BY i.id LIMIT 200"
    )


def insert_sent(unit: UnitOfWork, code: str, flow: str, row: Row[Any]) -> int:
    """Keep that a document of ours was deposited."""
    return int(
        unit.scalar(
            "INSERT INTO platform_document (code, flow, invoice_id, number, issued_on, due_on, net_cents, vat_cents,"
            " total_cents, sha256) VALUES (:code, :flow, :invoice, :number, :issued, :due, :net, :vat, :total, :sha)"
            " RETURNING id",
            code=code,
            flow=flow,
            invoice=row.id,
            number=row.number,
            issued=row.issued_on,
            due=row.due_on,
            net=row.net_cents,
            vat=row.vat_cents,
            total=row.total_cents,
            sha=hashlib.sha256(bytes(row.pdf)).digest(),
        )
    )


def insert_received(unit: UnitOfWork, code: str, found: SupplierInvoice, content: bytes) -> int | None:
    """Keep a supplier's invoice; None when it is here already."""
    found_id = unit.scalar(
        "INSERT INTO platform_document (code, flow, number, supplier_name, supplier_siren, org_id, issued_on, due_on,"
        " net_cents, vat_cents, total_cents, currency, sha256, content, state) VALUES (:code, 'received', :number,"
        " :supplier, :siren, (SELECT min(id) FROM organisation WHERE siren = NULLIF(:siren, '') AND kind <> 'broker'),"
        " :issued, :due, :net, :vat, :total, :currency, :sha, :content, 'received')"
        " ON CONFLICT (supplier_siren, number, issued_on) WHERE flow = 'received' DO NOTHING RETURNING id",
        code=code,
        number=found.number,
        supplier=found.supplier,
        siren=found.siren,
        issued=found.issued_on,
        due=found.due_on,
        net=found.net_cents,
        vat=found.vat_cents,
        total=found.total_cents,
        currency=found.currency,
        sha=hashlib.sha256(content).digest(),
        content=content,
    )
    return None if found_id is None else int(found_id)


def add_status(
    unit: UnitOfWork, document_id: int, status: int, state: str, reason: str, reference: str, at: datetime
) -> bool:
    """Keep a status, once for each reference, and move the document; False when it was known."""
    added = unit.run(
        "INSERT INTO platform_status (document_id, status, state, reason, reference, at)"
        " VALUES (:document, :status, :state, :reason, :reference, :at) ON CONFLICT DO NOTHING",
        document=document_id,
        status=status,
        state=state,
        reason=reason,
        reference=reference,
        at=at,
    )
    if added.rowcount:
        # Messages come in any order: the latest one says where the document stands.
        unit.run(
            "UPDATE platform_document SET state = (SELECT state FROM platform_status WHERE document_id = :id"
            " ORDER BY at DESC, id DESC LIMIT 1) WHERE id = :id",
            id=document_id,
        )
    return bool(added.rowcount)


def sent_by_number(unit: UnitOfWork, number: str) -> int | None:
    """The id of a document of ours by its number."""
    found = unit.scalar("SELECT id FROM platform_document WHERE number = :n AND flow <> 'received'", n=number)
    return None if found is None else int(found)


def document(unit: UnitOfWork, code: str) -> PlatformDocument | None:
    """A document by its code."""
    row = unit.one(_SELECT + "WHERE d.code = :code", code=code)
    return None if row is None else PlatformDocument(**row._mapping)


def documents(unit: UnitOfWork, flow: str, size: int, offset: int) -> list[PlatformDocument]:
    """Documents of a flow (or all: an empty text), the newest first."""
    rows = unit.all(
        _SELECT + "WHERE (:flow = '' OR d.flow = :flow) ORDER BY d.id DESC LIMIT :size OFFSET :offset",
        flow=flow,
        size=size,
        offset=offset,
    )
    return [PlatformDocument(**row._mapping) for row in rows]


def count(unit: UnitOfWork, flow: str) -> int:
    """How many there are."""
    return int(unit.scalar("SELECT count(*) FROM platform_document WHERE :flow = '' OR flow = :flow", flow=flow))


def lock(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """(id, state, entry_id, org_id) of a received document, locked."""
    return unit.one(
        "SELECT id, state, entry_id, org_id FROM platform_document WHERE code = :code AND flow = 'received' FOR UPDATE",
        code=code,
    )


def book(unit: UnitOfWork, document_id: int, entry_id: int) -> None:
    """Keep the entry of a received document."""
    unit.run("UPDATE platform_document SET entry_id = :entry WHERE id = :id", id=document_id, entry=entry_id)


def collected(unit: UnitOfWork, until: date) -> list[Row[Any]]:
    """(id, number, cents) of our sales that are paid in full and of which the platform was not told."""
    return unit.all(
        "SELECT d.id, d.number, i.total_cents AS cents FROM platform_document d JOIN invoice i ON i.id = d.invoice_id"
        " WHERE d.flow = 'sales' AND i.kind IN ('invoice', 'fee', 'deposit') AND i.vat_cents > 0"
        " AND NOT EXISTS (SELECT 1 FROM platform_status s WHERE s.document_id = d.id AND s.status = 212)"
        " AND (i.kind = 'deposit' OR i.deposit_cents + coalesce((SELECT sum(s.amount_cents) FROM receipt_share s"
        " JOIN receipt r ON r.id = s.receipt_id WHERE s.invoice_id = i.id AND s.booked_at IS NOT NULL"
        " AND r.received_on <= :until), 0) >= i.total_cents) ORDER BY d.id",
        until=until,
    )
