"""Who a document is for, and the VAT between it and the company."""

from __future__ import annotations

from broker.accounts import store as accounts
from broker.accounts.model import Organisation
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.settings import Settings
from broker.ledger.vat import Party, Vat, vat_on_service
from broker.rentals.quote import company_party
from broker.rentals.signature_store import billed_instead


def party(unit: UnitOfWork, org_id: int) -> Organisation:
    """An organisation that a document is made for."""
    found = accounts.organisation(unit, org_id)
    if found is None:
        raise NotFound(f"There is no organisation of id {org_id}.")
    return found


def payer_id(unit: UnitOfWork, order_id: int | None, advertiser_id: int) -> int:
    """Who is invoiced for an order: its advertiser, or the agency where the mandate says so.

    Where the company is the advertiser's agent the owner's invoice goes to the advertiser itself (loi Sapin).
    """
    return advertiser_id if order_id is None else billed_instead(unit, order_id) or advertiser_id


def vat_of_sale(settings: Settings, advertiser: Organisation) -> Vat:
    """The VAT of what the company sells to an advertiser."""
    return vat_on_service(company_party(settings.company), _vat_party(advertiser), settings.trade.vat_bp)


def vat_between(settings: Settings, seller: Organisation, buyer: Organisation) -> Vat:
    """The VAT of what an owner sells to an advertiser."""
    return vat_on_service(_vat_party(seller), _vat_party(buyer), settings.trade.vat_bp)


def vat_of_purchase(settings: Settings, owner: Organisation) -> Vat:
    """The VAT of what an owner sells to the company."""
    return vat_on_service(_vat_party(owner), company_party(settings.company), settings.trade.vat_bp)


def _vat_party(organisation: Organisation) -> Party:
    return Party(organisation.country, organisation.postcode or "", organisation.vat_number or "")
