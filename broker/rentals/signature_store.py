"""The only queries of orders' signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from broker.kernel.database import UnitOfWork
from broker.rentals.signature_model import Signature


def is_signed(unit: UnitOfWork, order_id: int) -> bool:
    """Whether a signature stands on the order as it is."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM order_signature WHERE order_id = :id AND superseded_at IS NULL)", id=order_id
        )
    )


def signatures_of(unit: UnitOfWork, order_id: int) -> list[Signature]:
    """The signatures of an order, the newest first; one at most stands."""
    rows = unit.all(
        "SELECT code, version, content_hash, pdf_hash, signer_name, signer_org, proof, signed_at, superseded_at"
        " FROM order_signature WHERE order_id = :id ORDER BY version DESC",
        id=order_id,
    )
    return [
        Signature(**dict(row._mapping) | {"content_hash": bytes(row.content_hash), "pdf_hash": bytes(row.pdf_hash)})
        for row in rows
    ]


def insert_signature(
    unit: UnitOfWork, order_id: int, signature: Signature, content: Mapping[str, Any], pdf: bytes
) -> None:
    """Keep a signature; of two at once the database refuses the second (`order_signature_standing`)."""
    unit.run(
        "INSERT INTO order_signature (code, order_id, version, content, content_hash, pdf, pdf_hash, signed_by,"
        " signer_name, signer_org, proof) VALUES (:code, :order, :version, CAST(:content AS jsonb), :content_hash,"
        " :pdf, :pdf_hash, :user, :signer_name, :signer_org, :proof)",
        code=signature.code,
        order=order_id,
        version=signature.version,
        content=json.dumps(content, ensure_ascii=False),
        content_hash=signature.content_hash,
        pdf=pdf,
        pdf_hash=signature.pdf_hash,
        user=unit.actor.user_id,
        signer_name=signature.signer_name,
        signer_org=signature.signer_org,
        proof=signature.proof,
    )


def supersede(unit: UnitOfWork, order_id: int) -> None:
    """What was signed is no longer what is ordered."""
    unit.run(
        "UPDATE order_signature SET superseded_at = app_now() WHERE order_id = :id AND superseded_at IS NULL",
        id=order_id,
    )


def signed_pdf(unit: UnitOfWork, order_id: int) -> bytes | None:
    """The signed document, for the advertiser's side and the staff."""
    found = unit.scalar("SELECT signed_paper(:id)", id=order_id)
    return None if found is None else bytes(found)


def set_purchase_order(unit: UnitOfWork, order_id: int, number: str | None) -> None:
    """The payer's own number for an order; the database refuses it once the order is signed or paid."""
    unit.run("UPDATE rental_order SET purchase_order = :number WHERE id = :id", number=number, id=order_id)


def billed_instead(unit: UnitOfWork, order_id: int) -> int | None:
    """The agency that is invoiced in the advertiser's place, if any; never where we are the advertiser's agent."""
    found = unit.scalar(
        "SELECT bill_to_id FROM rental_order WHERE id = :id AND contract_role <> 'agent_of_advertiser'", id=order_id
    )
    return None if found is None else int(found)


def payer_of(unit: UnitOfWork, order_id: int) -> tuple[str | None, int | None, int | None]:
    """(purchase-order number, agency, who is billed in the advertiser's place) of an order."""
    row = unit.one("SELECT purchase_order, agency_id, bill_to_id FROM rental_order WHERE id = :id", id=order_id)
    return (None, None, None) if row is None else (row.purchase_order, row.agency_id, row.bill_to_id)
