"""Documents of the three contract roles, held to the schema and to both schematrons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import facturx
import pytest
import saxonche

from broker.billing.invoices.facturx_xml import facturx_xml
from broker.billing.invoices.paper import Note
from broker.billing.model import SELF_BILLED_CREDIT
from tests.unit.test_facturx import COMPANY, EARLIER, EUROPE, FRANCE, FRENCH, MARTINIQUE, SMALL, broken, paper

ON_BEHALF = Note("AAI", "Facture établie par Courtier SAS au nom et pour le compte de Maison & Œuvre.")
PAPERS = {
    "the owner's invoice": replace(
        paper("owner_invoice", MARTINIQUE), seller=FRENCH, notes=(*paper("invoice", FRENCH).notes, ON_BEHALF)
    ),
    "the owner's invoice after its deposit": replace(
        paper("owner_invoice", MARTINIQUE, paid=119_999), seller=FRENCH, refers=EARLIER
    ),
    "paid from funds, without a deposit invoice": replace(
        paper("owner_invoice", MARTINIQUE, paid=119_999), seller=FRENCH, refers=None
    ),
    "the owner's deposit": replace(paper("deposit", MARTINIQUE), seller=FRENCH),
    "an owner under franchise, its own invoice": replace(
        paper("owner_invoice", FRENCH, 0, "franchise"), seller=replace(SMALL, siren="732829320"), buyer=FRENCH
    ),
    "a fee": paper("fee", FRENCH, net=20_000, micros=199_998_000),
    "a fee in Martinique": paper("fee", MARTINIQUE, 850, net=20_000, micros=199_998_000),
    "the owner's credit note": replace(
        paper("owner_credit", FRENCH, net=267, quantity=1, micros=2_670_000),
        seller=FRENCH,
        buyer=COMPANY,
        refers=EARLIER,
        supplied_on=None,
    ),
    "a self-billed credit note": replace(
        paper("owner_credit", FRENCH, net=267, quantity=1, micros=2_670_000),
        seller=FRENCH,
        buyer=COMPANY,
        refers=EARLIER,
        supplied_on=None,
        type_code=SELF_BILLED_CREDIT,
    ),
    "an owner's credit note to its customer, on its behalf": replace(
        paper("credit_note", MARTINIQUE, net=2_500, quantity=1, micros=25_000_000),
        seller=FRENCH,
        notes=(*paper("invoice", FRENCH).notes, ON_BEHALF),
    ),
    "our fee given back": paper("credit_note", MARTINIQUE, 850, net=500, quantity=1, micros=5_000_000),
    "a new invoice in place of one that was paid": replace(
        paper("owner_invoice", MARTINIQUE, net=10_000, quantity=1, micros=100_000_000, paid=12_000),
        seller=FRENCH,
        refers=None,
    ),
    "a self-billed credit note of an owner under franchise": replace(
        paper("owner_credit", SMALL, 0, "franchise", net=267, quantity=1, micros=2_670_000),
        seller=replace(SMALL, siren="552100554"),
        buyer=COMPANY,
        refers=EARLIER,
        supplied_on=None,
        type_code=SELF_BILLED_CREDIT,
    ),
}


@pytest.fixture(scope="module")
def saxon() -> Iterator[dict[Path, saxonche.PyXsltExecutable]]:
    with saxonche.PySaxonProcessor(license=False) as processor:
        compiler = processor.new_xslt30_processor()
        yield {path: compiler.compile_stylesheet(stylesheet_file=str(path)) for path in (EUROPE, FRANCE)}


@pytest.mark.parametrize("name", PAPERS)
def test_a_document_of_a_role_follows_both_rule_books(
    name: str, saxon: dict[Path, saxonche.PyXsltExecutable], tmp_path: Path
) -> None:
    xml = facturx_xml(PAPERS[name])
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    found = broken(saxon[EUROPE], xml, tmp_path)
    none_yet = PAPERS[name].supplied_on is None  # an empty delivery is a warning
    assert [text for text in found if not (none_yet and text.startswith("PEPPOL-EN16931-R008"))] == []
    assert broken(saxon[FRANCE], xml, tmp_path) == []
