"""The structured half of a Factur-X invoice: UN/CEFACT Cross Industry Invoice, profile EN 16931.

Rules: EN 16931-1 (BR-*), the French ones of AFNOR XP Z12-012 (BR-FR-*). Tests hold each kind of document to the
official schematrons of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lxml import etree

from broker.billing.invoices.paper import Paper, PaperParty
from broker.billing.model import PAYABLE, InvoiceLine

PROFILE = "urn:cen.eu:en16931:2017"
_RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_QDT = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
_NAMES = {"rsm": _RSM, "ram": _RAM, "udt": _UDT, "qdt": _QDT}
_OVERSEAS = frozenset({"GP", "MQ", "GF", "RE", "YT"})
# Electronic address schemes (EAS) of a VAT number, by country; a French company's address is its SIREN (0225).
_EAS = {
    "AT": "9914",
    "BE": "9925",
    "CH": "9927",
    "CZ": "9929",
    "DE": "9930",
    "DK": "0198",
    "ES": "9920",
    "FI": "0216",
    "GB": "9932",
    "GR": "9933",
    "IE": "9935",
    "IT": "0211",
    "LU": "9938",
    "NL": "9944",
    "PL": "9945",
    "PT": "9946",
    "RO": "9947",
    "SE": "9955",
    "SI": "9949",
    "SK": "9950",
    "HU": "9910",
    "BG": "9926",
    "HR": "9934",
    "LT": "9937",
}
_EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK GP MQ GF RE YT".split()
)


@dataclass(frozen=True, slots=True)
class Category:
    """A VAT category (UNTDID 5305) with the reason why nothing is charged (VATEX code)."""

    code: str
    reason_code: str = ""


def category(paper: Paper) -> Category:
    """The VAT category of a document."""
    if paper.regime == "taxed":
        return Category("S")
    if paper.regime == "franchise":
        return Category("E", "VATEX-FR-FRANCHISE")
    if paper.regime == "exempt_overseas":
        return Category("E", "")
    if {paper.seller.country, paper.buyer.country} <= _EU and paper.seller.vat_number and paper.buyer.vat_number:
        return Category("AE", "VATEX-EU-AE")
    return Category("O", "VATEX-EU-O")  # a party outside the Union: outside the scope of VAT


def facturx_xml(paper: Paper) -> bytes:
    """The document as XML bytes (UTF-8)."""
    root = etree.Element(f"{{{_RSM}}}CrossIndustryInvoice", nsmap=_NAMES)
    context = _add(root, "rsm:ExchangedDocumentContext")
    _add(context, "ram:BusinessProcessSpecifiedDocumentContextParameter", "ram:ID", text=_process(paper))
    _add(context, "ram:GuidelineSpecifiedDocumentContextParameter", "ram:ID", text=PROFILE)
    head = _add(root, "rsm:ExchangedDocument")
    _add(head, "ram:ID", text=paper.number)
    _add(head, "ram:TypeCode", text=str(paper.type_code))
    _day(_add(head, "ram:IssueDateTime"), "udt:DateTimeString", paper.issued_on)
    for note in paper.notes:
        place = _add(head, "ram:IncludedNote")
        _add(place, "ram:Content", text=note.text)
        if note.code:
            _add(place, "ram:SubjectCode", text=note.code)
    trade = _add(root, "rsm:SupplyChainTradeTransaction")
    kind = category(paper)
    for line in paper.lines:
        _line(trade, paper, line, kind)
    agreement = _add(trade, "ram:ApplicableHeaderTradeAgreement")
    _party(_add(agreement, "ram:SellerTradeParty"), paper.seller, kind, seller=True)
    _party(_add(agreement, "ram:BuyerTradeParty"), paper.buyer, kind, seller=False)
    if paper.purchase_order:
        _add(agreement, "ram:BuyerOrderReferencedDocument", "ram:IssuerAssignedID", text=paper.purchase_order)
    delivery = _add(trade, "ram:ApplicableHeaderTradeDelivery")  # asked for by the schema, even with nothing in it
    if paper.supplied_on is not None:
        event = _add(delivery, "ram:ActualDeliverySupplyChainEvent", "ram:OccurrenceDateTime")
        _day(event, "udt:DateTimeString", paper.supplied_on)
    _settlement(_add(trade, "ram:ApplicableHeaderTradeSettlement"), paper, kind)
    out: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return out


def _process(paper: Paper) -> str:
    """The French frame of billing: services to be paid (S1), paid already (S2), final after a deposit (S4)."""
    if paper.kind == "deposit":
        return "S2"
    return "S4" if paper.kind in PAYABLE and paper.paid_cents and paper.refers is not None else "S1"


def _line(trade: etree._Element, paper: Paper, line: InvoiceLine, kind: Category) -> None:
    item = _add(trade, "ram:IncludedSupplyChainTradeLineItem")
    _add(item, "ram:AssociatedDocumentLineDocument", "ram:LineID", text=str(line.line))
    _add(item, "ram:SpecifiedTradeProduct", "ram:Name", text=line.label)
    price = _add(item, "ram:SpecifiedLineTradeAgreement", "ram:NetPriceProductTradePrice")
    quantity = max(line.quantity, 1)
    each, rest = divmod(line.amount_micros, quantity)
    # A price that does not divide is written for all pieces together: nothing is rounded.
    _add(price, "ram:ChargeAmount", text=_decimal(line.net_cents, 2) if rest else _decimal(each, 6))
    _add(price, "ram:BasisQuantity", text=str(quantity if rest else 1), unitCode="C62")
    _add(item, "ram:SpecifiedLineTradeDelivery", "ram:BilledQuantity", text=str(quantity), unitCode="C62")
    settlement = _add(item, "ram:SpecifiedLineTradeSettlement")
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:TypeCode", text="VAT")
    _add(tax, "ram:CategoryCode", text=kind.code)
    if kind.code != "O":
        _add(tax, "ram:RateApplicablePercent", text=_decimal(paper.vat_bp, 2))
    total = _add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _add(total, "ram:LineTotalAmount", text=_decimal(line.net_cents, 2))


def _party(place: etree._Element, party: PaperParty, kind: Category, *, seller: bool) -> None:
    french = party.country == "FR" or party.country in _OVERSEAS
    _add(place, "ram:Name", text=party.name)
    if party.siren:
        legal = _add(place, "ram:SpecifiedLegalOrganization")
        _add(legal, "ram:ID", text=party.siren, schemeID="0002" if french else None)
    address = _add(place, "ram:PostalTradeAddress")
    if party.postcode:
        _add(address, "ram:PostcodeCode", text=party.postcode)
    if party.street:
        _add(address, "ram:LineOne", text=party.street)
    if party.city:
        _add(address, "ram:CityName", text=party.city)
    _add(address, "ram:CountryID", text=party.country)
    scheme = "0225" if french and party.siren else _EAS.get(party.country, "") if party.vat_number else ""
    if scheme:
        uri = _add(place, "ram:URIUniversalCommunication")
        _add(uri, "ram:URIID", text=party.siren if scheme == "0225" else party.vat_number, schemeID=scheme)
    if party.vat_number and kind.code != "O":
        _add(place, "ram:SpecifiedTaxRegistration", "ram:ID", text=party.vat_number, schemeID="VA")
    elif seller and party.siren and kind.code == "E":  # a seller under franchise is known to the tax office by it
        _add(place, "ram:SpecifiedTaxRegistration", "ram:ID", text=party.siren, schemeID="FC")


def _settlement(place: etree._Element, paper: Paper, kind: Category) -> None:
    _add(place, "ram:InvoiceCurrencyCode", text="EUR")
    means = _add(place, "ram:SpecifiedTradeSettlementPaymentMeans")
    transfer = paper.kind in PAYABLE and bool(paper.iban)
    _add(means, "ram:TypeCode", text="30" if transfer else "1")
    if transfer:
        _add(means, "ram:PayeePartyCreditorFinancialAccount", "ram:IBANID", text=paper.iban)
        if paper.bic:
            _add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution", "ram:BICID", text=paper.bic)
    tax = _add(place, "ram:ApplicableTradeTax")
    _add(tax, "ram:CalculatedAmount", text=_decimal(paper.vat_cents, 2))
    _add(tax, "ram:TypeCode", text="VAT")
    if paper.regime != "taxed":
        _add(tax, "ram:ExemptionReason", text=next(note.text for note in paper.notes if note.code == "TXD"))
    _add(tax, "ram:BasisAmount", text=_decimal(paper.net_cents, 2))
    _add(tax, "ram:CategoryCode", text=kind.code)
    if kind.reason_code:
        _add(tax, "ram:ExemptionReasonCode", text=kind.reason_code)
    if kind.code == "S":  # when the tax falls due: with the invoice (5) or with the money (72)
        _add(tax, "ram:DueDateTypeCode", text="5" if paper.vat_on_debits and paper.kind != "deposit" else "72")
    if kind.code != "O":
        _add(tax, "ram:RateApplicablePercent", text=_decimal(paper.vat_bp, 2))
    terms = _add(place, "ram:SpecifiedTradePaymentTerms")
    _day(_add(terms, "ram:DueDateDateTime"), "udt:DateTimeString", paper.due_on)
    total = _add(place, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _add(total, "ram:LineTotalAmount", text=_decimal(paper.net_cents, 2))
    _add(total, "ram:TaxBasisTotalAmount", text=_decimal(paper.net_cents, 2))
    _add(total, "ram:TaxTotalAmount", text=_decimal(paper.vat_cents, 2), currencyID="EUR")
    _add(total, "ram:GrandTotalAmount", text=_decimal(paper.total_cents, 2))
    if paper.paid_cents:
        _add(total, "ram:TotalPrepaidAmount", text=_decimal(paper.paid_cents, 2))
    _add(total, "ram:DuePayableAmount", text=_decimal(paper.total_cents - paper.paid_cents, 2))
    if paper.refers is not None:
        earlier = _add(place, "ram:InvoiceReferencedDocument")
        _add(earlier, "ram:IssuerAssignedID", text=paper.refers.number)
        _day(_add(earlier, "ram:FormattedIssueDateTime"), "qdt:DateTimeString", paper.refers.issued_on)


def _add(place: etree._Element, *names: str, text: str | None = None, **attributes: str | None) -> etree._Element:
    """Append nested elements and return the innermost, which has the text and the attributes."""
    for name in names:
        prefix, _, local = name.partition(":")
        place = etree.SubElement(place, f"{{{_NAMES[prefix]}}}{local}")
    place.text = text
    for key, value in attributes.items():
        if value is not None:
            place.set(key, value)
    return place


def _day(place: etree._Element, name: str, day: date) -> None:
    _add(place, name, text=f"{day:%Y%m%d}", format="102")


def _decimal(number: int, digits: int) -> str:
    """`33333` with 6 digits → `0.033333`; amounts keep two digits, prices lose the zeros at their end."""
    whole, rest = divmod(abs(number), 10**digits)
    text = f"{'-' if number < 0 else ''}{whole}.{rest:0{digits}d}"
    return text if digits == 2 else text.rstrip("0").rstrip(".")
