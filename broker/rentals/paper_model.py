"""What a quote or an order says on paper: the same facts for the page, the PDF and the hash that is signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from broker.rentals.model import Order
from broker.rentals.signature_model import Signature

Reader = Literal["advertiser", "owner"]


@dataclass(frozen=True, slots=True)
class PaperSide:
    """Seller or customer as printed: a name and the rows under it."""

    name: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperCreative:
    """The message that is ordered; `content_hash` in hexadecimal digits is what its proof (BAT) signed."""

    code: str
    name: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class OrderPaper:
    """A paper for its reader. The owner's has no VAT, no payer and no discount: these are not its business."""

    reader: Reader
    language: str
    order: Order
    company: PaperSide
    advertiser: PaperSide
    agency: str
    payer: str
    purchase_order: str
    creative: PaperCreative | None
    signature: Signature | None = None
    content_hash: str = ""

    @property
    def is_quote(self) -> bool:
        """Whether it is an offer still."""
        return self.order.state in ("quote", "expired") and self.creative is None


def signed_terms(paper: OrderPaper) -> dict[str, Any]:
    """What a signature covers: parties, terms, price, message. Nothing that changes afterwards."""
    order = paper.order
    assert paper.creative is not None
    return {
        "order": order.code,
        "broker": [paper.company.name, *paper.company.rows],
        "advertiser": [paper.advertiser.name, *paper.advertiser.rows],
        "agency": paper.agency,
        "invoice_to": paper.payer,
        "purchase_order": paper.purchase_order,
        "card": order.card_code,
        "card_title": order.card_title,
        "selection": order.select_rule_text,
        "volume": order.volume,
        "uses": order.uses,
        "use_until": None if order.use_until is None else order.use_until.isoformat(),
        "list_price_micros": order.list_price_micros,
        "discount_bp": order.discount_bp,
        "price_micros": order.price_micros,
        "reuse_price_micros": order.reuse_price_micros,
        "net_names": order.net_names,
        "net_floor_bp": order.net_floor_bp,
        "run_micros": order.run_micros,
        "shortfall": order.shortfall,
        "tolerance_bp": order.tolerance_bp,
        "remedy": order.remedy,
        "net_cents": order.net_cents,
        "vat_bp": order.vat_bp,
        "vat_cents": order.vat_cents,
        "currency": "EUR",
        "send_on": None if order.send_on is None else order.send_on.isoformat(),
        "creative": paper.creative.code,
        "creative_sha256": paper.creative.content_hash,
    }
