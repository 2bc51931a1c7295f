"""The advertiser signs an order: from then on its paper is fixed, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from broker.accounts.confirm_person import confirm_person
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.rentals import signature_store as store
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order
from broker.rentals.order_paper import make_paper
from broker.rentals.paper_model import signed_terms
from broker.rentals.paper_pdf import paper_pdf
from broker.rentals.signature_model import Signature, terms_hash
from broker.vault.keyring import FrontKeys

SIGNABLE = ("ordered", "approved")
LONGEST_NUMBER = 60


def sign_order(
    unit: UnitOfWork,
    front: FrontKeys,
    settings: Settings,
    code: str,
    *,
    password: str = "",
    one_time_code: str = "",
    read_hash: str = "",
) -> Signature:
    """Sign a placed order as the acting person, who proves to be there by second factor or password.

    `read_hash` is the hash of the terms that were read (`OrderPaper.content_hash`); where they are others now, nothing
    is signed. Raises `Conflict` (`order_not_signable`, `order_signed`, `order_changed`), `InvalidInput` (`wrong_code`,
    `wrong_password`), `Forbidden` (`user_needed`, `order_party`).
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    if order.advertiser_id != unit.actor.org_id:
        raise Forbidden("Only the advertiser signs its order.", code="order_party")
    if order.state not in SIGNABLE:
        raise Conflict(
            f"The order is {order.state.replace('_', ' ')}: it is signed once it is placed and before it is paid.",
            code="order_not_signable",
            details={"state": order.state},
        )
    if store.is_signed(unit, order.id):
        raise Conflict("This order is signed already. Load it again to see by whom.", code="order_signed")
    paper = make_paper(unit, settings, order)
    if read_hash and read_hash != paper.content_hash:
        raise Conflict("The order is no longer the one you read. Read it again, then sign it.", code="order_changed")
    proof = confirm_person(unit, front, password=password, code=one_time_code)
    content = signed_terms(paper)
    signature = Signature(
        code=new_code("sig"),
        version=len(store.signatures_of(unit, order.id)) + 1,
        content_hash=terms_hash(content),
        pdf_hash=b"",
        signer_name=unit.actor.name,
        signer_org=paper.agency if unit.actor.agency_id is not None and paper.agency else paper.advertiser.name,
        proof=proof,
        signed_at=unit.now,
        superseded_at=None,
    )
    pdf = paper_pdf(replace(paper, signature=signature), unit.now)
    signature = replace(signature, pdf_hash=hashlib.sha256(pdf).digest())
    store.insert_signature(unit, order.id, signature, content, pdf)
    unit.enqueue("answer_order", order.id)  # an owner's rules may have waited for it
    record(
        unit,
        "order.signed",
        "rental_order",
        order.code,
        signature=signature.code,
        content_sha256=signature.content_hash.hex(),
        pdf_sha256=signature.pdf_hash.hex(),
        proof=proof,
    )
    return signature


def signatures(unit: UnitOfWork, order: Order) -> list[Signature]:
    """The signatures of an order, the newest first; one at most stands."""
    return store.signatures_of(unit, order.id)


def set_purchase_order(unit: UnitOfWork, code: str, number: str) -> Order:
    """Put the payer's own number on an order and its invoices; nothing takes it off. Raises `order_signed`."""
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    if order.advertiser_id != unit.actor.org:
        raise Forbidden("Only the advertiser numbers its order.", code="order_party")
    plain = " ".join(number.split())
    if len(plain) > LONGEST_NUMBER or not plain.isprintable():
        raise InvalidInput(
            f"Write a purchase-order number of at most {LONGEST_NUMBER} characters.",
            code="bad_purchase_order",
            field="purchase_order",
        )
    try:
        store.set_purchase_order(unit, order.id, plain or None)
    except Conflict as error:
        if error.details.get("constraint") != "order_signed":
            raise
        raise Conflict(
            "A signed or paid order does not change: its purchase-order number stays as it is.", code="order_signed"
        ) from None
    record(unit, "order.numbered", "rental_order", order.code)
    return find_order(unit, code)
