"""The paper of a quote or an order, for whoever asks: the advertiser's side, the owner, the broker."""

from __future__ import annotations

from dataclasses import replace

from broker.accounts.model import Organisation
from broker.accounts.store import organisation
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.settings import Settings
from broker.rentals import paper_store, signature_store
from broker.rentals.find import find_order
from broker.rentals.model import Order
from broker.rentals.paper_model import OrderPaper, PaperSide, Reader, signed_terms
from broker.rentals.paper_pdf import paper_pdf
from broker.rentals.signature_model import terms_hash


def order_pdf(unit: UnitOfWork, settings: Settings, code: str) -> bytes:
    """The PDF that the actor may have of an order, in its language.

    The advertiser's side and the broker get the signed document itself, byte for byte, once it is signed; the owner
    gets a paper of its own, with its share and without the customer's VAT, that names the signature.
    """
    order = find_order(unit, code)
    paper = make_paper(unit, settings, order)
    if paper.reader == "advertiser" and paper.signature is not None:
        signed = signature_store.signed_pdf(unit, order.id)
        if signed is not None:
            return signed
    return paper_pdf(paper, unit.now)


def make_paper(unit: UnitOfWork, settings: Settings, order: Order) -> OrderPaper:
    """What the paper says to the actor."""
    reader: Reader = "owner" if unit.actor.org_id == order.owner_id else "advertiser"
    company = settings.company
    number, agency_id, bill_to_id = signature_store.payer_of(unit, order.id)
    agency = paper_store.party_name(unit, agency_id)
    language, advertiser = _advertiser(unit, order, reader)
    paper = OrderPaper(
        reader=reader,
        language=language,
        order=order,
        company=PaperSide(
            company.name,
            _rows(company.street, company.postcode, company.city, company.country, company.siren, company.vat_number),
        ),
        advertiser=advertiser,
        agency=agency,
        payer=agency if bill_to_id is not None else advertiser.name,
        purchase_order=number or "",
        creative=None if order.creative_id is None else paper_store.creative_on_paper(unit, order.creative_id),
        signature=next((one for one in signature_store.signatures_of(unit, order.id) if not one.superseded_at), None),
    )
    if reader == "owner":
        return replace(paper, content_hash=paper.signature.content_hash.hex() if paper.signature else "")
    return replace(paper, content_hash=terms_hash(signed_terms(paper)).hex() if paper.creative else "")


def _advertiser(unit: UnitOfWork, order: Order, reader: Reader) -> tuple[str, PaperSide]:
    """The reader's language, and the customer as printed: an owner is told its name."""
    own = organisation(unit, order.owner_id if reader == "owner" else order.advertiser_id)
    if own is None:
        raise NotFound(f"There is no order {order.code!r}.")
    if reader == "owner":
        return own.language, PaperSide(order.advertiser_name, ())
    return own.language, _side(own)


def _side(one: Organisation) -> PaperSide:
    rows = _rows(
        one.street or "", one.postcode or "", one.city or "", one.country, one.siren or "", one.vat_number or ""
    )
    return PaperSide(one.name, rows)


def _rows(street: str, postcode: str, city: str, country: str, siren: str, vat_number: str) -> tuple[str, ...]:
    rows = (street, f"{postcode} {city}".strip(), country, f"SIREN {siren}" if siren else "", vat_number)
    return tuple(text for text in rows if text)
