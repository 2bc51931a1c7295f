"""Read a supplier's invoice: Factur-X (PDF with XML inside) or Cross Industry Invoice (XML)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import facturx
from lxml import etree

from broker.billing.invoices.platform_model import IncomingFile
from broker.kernel.errors import InvalidInput

_NAMES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


@dataclass(frozen=True, slots=True)
class SupplierInvoice:
    """What we keep of it; amounts in cents, of a credit note negative."""

    number: str
    type_code: int
    supplier: str
    siren: str
    buyer_siren: str
    issued_on: date
    due_on: date | None
    net_cents: int
    vat_cents: int
    total_cents: int
    currency: str


def read_supplier_invoice(file: IncomingFile) -> SupplierInvoice:
    """Read the structured half. Raises `InvalidInput` naming the file: `no_structure`, `bad_invoice`."""
    root = _root(file)

    def text(path: str) -> str:
        found = root.find(path, _NAMES)
        return "" if found is None or found.text is None else " ".join(found.text.split())

    head, trade = "rsm:ExchangedDocument", "rsm:SupplyChainTradeTransaction"
    agreed, settled = f"{trade}/ram:ApplicableHeaderTradeAgreement", f"{trade}/ram:ApplicableHeaderTradeSettlement"
    sums = f"{settled}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
    try:
        net, total = _cents(text(f"{sums}/ram:TaxBasisTotalAmount")), _cents(text(f"{sums}/ram:GrandTotalAmount"))
        kind = int(text(f"{head}/ram:TypeCode"))
        issued = _day(text(f"{head}/ram:IssueDateTime/udt:DateTimeString"))
        due_text = text(f"{settled}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString")
        due = _day(due_text) if due_text else None
    except (ValueError, InvalidOperation):
        raise InvalidInput(
            f"{file.name} lacks a date, a type or its sums in a form that can be read.",
            code="bad_invoice",
            field=file.name,
        ) from None
    number, currency = text(f"{head}/ram:ID"), text(f"{settled}/ram:InvoiceCurrencyCode")
    supplier = text(f"{agreed}/ram:SellerTradeParty/ram:Name")
    if not number or not supplier:
        raise InvalidInput(f"{file.name} has no number or no seller.", code="bad_invoice", field=file.name)
    if currency != "EUR":
        raise InvalidInput(
            f"{file.name} is in {currency or 'no currency'}: only EUR is taken.",
            code="unknown_currency",
            field=file.name,
        )
    sign = -1 if kind in (381, 261, 396, 502, 503) else 1
    legal = "ram:SpecifiedLegalOrganization/ram:ID"
    return SupplierInvoice(
        number[:140],
        kind,
        supplier[:140],
        _siren(text(f"{agreed}/ram:SellerTradeParty/{legal}")),
        _siren(text(f"{agreed}/ram:BuyerTradeParty/{legal}")),
        issued,
        due,
        sign * net,
        sign * (total - net),
        sign * total,
        currency,
    )


def _root(file: IncomingFile) -> etree._Element:
    try:
        content = file.content
        if content[:5] == b"%PDF-":
            name, content = facturx.get_xml_from_pdf(content, check_xsd=False)
            if not name:
                raise InvalidInput(
                    f"{file.name} is a PDF without factur-x.xml: ask the supplier for an electronic invoice.",
                    code="no_structure",
                    field=file.name,
                )
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(content, parser)
    except InvalidInput:
        raise
    except Exception:  # whatever a broken PDF or XML makes the libraries raise
        raise InvalidInput(
            f"{file.name} is neither a Factur-X PDF nor a Cross Industry Invoice.", code="no_structure", field=file.name
        ) from None
    if root.tag != f"{{{_NAMES['rsm']}}}CrossIndustryInvoice":
        raise InvalidInput(
            f"{file.name} is no Cross Industry Invoice (CII): other syntaxes are not read.",
            code="no_structure",
            field=file.name,
        )
    return root


def _cents(text: str) -> int:
    cents = Decimal(text) * 100
    if cents != cents.to_integral_value() or abs(cents) > 10**15:
        raise ValueError(text)
    return int(cents)


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day without an hour


def _siren(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return digits[:9] if len(digits) in (9, 14) else ""
