"""Reading the bank's messages (ISO 20022): a document of one kind, its elements by their local names."""

from __future__ import annotations

import re

from lxml import etree

from broker.kernel.errors import InvalidInput


def read_document(data: bytes, kind: str, what: str, code: str) -> etree._Element:
    """The root of a message of a kind (`camt.053.001`), in any version; `what` names it in sentences.

    Nothing outside the file is read. Raises `InvalidInput` with `code`.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"This is no XML: line {error.lineno} cannot be read.", code=code) from None
    if root.getroottree().docinfo.doctype:
        raise InvalidInput(f"A {what} has no document type definition.", code=code)
    name = etree.QName(root)
    namespace = rf"urn:iso:std:iso:20022:tech:xsd:{re.escape(kind)}\.(\d{{2}})"
    if name.localname != "Document" or not re.fullmatch(namespace, name.namespace or ""):
        raise InvalidInput(f"This file is {name.namespace or name.localname!r}, not a {what} {kind}.", code=code)
    return root


def all_at(place: etree._Element, *names: str) -> list[etree._Element]:
    """The elements at a path of local names."""
    return list(place.iterfind("/".join(f"{{*}}{name}" for name in names)))


def text_at(place: etree._Element, *names: str) -> str:
    """The text of the first element at a path; empty without one."""
    found = all_at(place, *names)
    return (found[0].text or "").strip() if found else ""
