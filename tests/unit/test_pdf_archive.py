"""The PDF of a document as an archive (PDF/A-3, ISO 19005-3): what can be seen of it without a validator."""

from __future__ import annotations

import io
from dataclasses import replace

import pypdf
import pytest
from lxml import etree
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

from broker.billing.invoices.pdf import invoice_pdf
from tests.unit.test_facturx import BELGIAN, EARLIER, FRENCH, GUYANE, MARTINIQUE, SMALL, SWISS, paper

PAPERS = {
    "martinique": paper("invoice", MARTINIQUE, 850),
    "guyane": paper("invoice", GUYANE, 0, "exempt_overseas"),
    "belgium": paper("self_bill", BELGIAN, 0, "reverse_charge"),
    "franchise": paper("self_bill", SMALL, 0, "franchise"),
    "switzerland": paper("invoice", SWISS, 0, "reverse_charge"),
    "credit note": paper("credit_note", FRENCH),
    "deposit": paper("deposit", FRENCH),
    "corrective self-bill": replace(paper("owner_credit", FRENCH), type_code=261, refers=EARLIER, supplied_on=None),
    "nothing": paper("invoice", FRENCH, net=0, micros=0),
}
FORBIDDEN_KEYS = {"/JavaScript", "/JS", "/Launch", "/Sound", "/Movie", "/RichMedia", "/3D", "/EmbeddedGoTo"}
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def objects(reader: pypdf.PdfReader) -> list[object]:
    """Every object that can be reached."""
    seen: set[int] = set()
    found: list[object] = []
    todo: list[object] = [reader.trailer]
    while todo:
        one = todo.pop()
        if isinstance(one, IndirectObject):
            if one.idnum in seen:
                continue
            seen.add(one.idnum)
            one = one.get_object()
        found.append(one)
        if isinstance(one, DictionaryObject):
            todo.extend(one.values())
        elif isinstance(one, ArrayObject):
            todo.extend(one)
    return found


@pytest.mark.parametrize("name", PAPERS)
def test_a_document_is_an_archive(name: str) -> None:
    content = invoice_pdf(PAPERS[name])
    assert content.startswith(b"%PDF-1.7")
    assert content.split(b"\n", 2)[1].startswith(b"%")  # a comment of four bytes above 127 (6.1.2)
    assert min(content.split(b"\n", 2)[1][1:5]) > 127
    reader = pypdf.PdfReader(io.BytesIO(content))
    assert not reader.is_encrypted
    assert len(reader.trailer["/ID"]) == 2  # type: ignore[arg-type]
    root = reader.trailer["/Root"]
    (intent,) = root["/OutputIntents"]  # type: ignore[index]
    assert intent.get_object()["/S"] == "/GTS_PDFA1"
    profile = intent.get_object()["/DestOutputProfile"].get_object()
    assert profile.get_data()[36:40] == b"acsp"  # an ICC profile
    everything = objects(reader)
    dictionaries = [one for one in everything if isinstance(one, DictionaryObject)]
    for one in dictionaries:
        assert not FORBIDDEN_KEYS & set(one)
        assert one.get("/S") not in FORBIDDEN_KEYS
        assert one.get("/CA", 1) == one.get("/ca", 1) == 1 or one.get("/Type") != "/ExtGState"
        assert one.get("/SMask", "/None") == "/None"  # nothing is transparent
        if one.get("/Type") == "/Font" and one.get("/Subtype") != "/Type0":
            holder = one.get("/FontDescriptor")
            assert holder is not None, one.get("/BaseFont")
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(holder.get_object())  # every font is inside
        if one.get("/Type") == "/Font" and one.get("/Subtype") == "/Type0":
            assert "/ToUnicode" in one  # level U: every letter can be read back
        if isinstance(one, StreamObject):
            assert one.get("/Filter") != "/LZWDecode"
            assert "/F" not in one  # no stream stands outside the file


@pytest.mark.parametrize("name", ["martinique", "corrective self-bill"])
def test_the_invoice_inside_is_named_and_described(name: str) -> None:
    reader = pypdf.PdfReader(io.BytesIO(invoice_pdf(PAPERS[name])))
    root = reader.trailer["/Root"]
    (file,) = root["/AF"]  # type: ignore[index]
    spec = file.get_object()
    assert (spec["/F"], spec["/UF"], spec["/AFRelationship"]) == ("factur-x.xml", "factur-x.xml", "/Alternative")
    embedded = spec["/EF"]["/F"].get_object()
    assert embedded["/Subtype"] == NameObject("/text/xml")
    assert "/ModDate" in embedded["/Params"]
    etree.fromstring(embedded.get_data())
    packet = root["/Metadata"].get_object()  # type: ignore[index]
    assert "/Filter" not in packet  # the packet is read without unpacking
    tree = etree.fromstring(packet.get_data())
    said = {element.tag.partition("}")[2]: element.text for element in tree.iter() if isinstance(element.tag, str)}
    said |= {key.partition("}")[2]: value for element in tree.iter(f"{RDF}Description") for key, value in
             element.attrib.items()}  # fmt: skip
    assert (said["part"], said["conformance"]) == ("3", "U")
    assert said["DocumentFileName"] == "factur-x.xml"
    assert said["ConformanceLevel"] == "EN 16931"
    assert said["DocumentType"] == "INVOICE"
    assert "schema" in said or "schemas" in said  # the extension's own description stands beside its use (6.6.2.3)
