"""What the bank says of a file of ours: pain.002.001 (ISO 20022), every version from 03 on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from broker.kernel.errors import InvalidInput

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.(\d{2})")


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """A status of one transfer; with an empty `end_to_end_id` of the whole file `message_id`.

    `status` is the bank's (ACCP, ACSC, PDNG, RJCT, PART…), `reason` its code and words.
    """

    message_id: str
    end_to_end_id: str
    status: str
    reason: str

    @property
    def rejected(self) -> bool:
        """Whether the bank refuses it."""
        return self.status == "RJCT"


def read_pain002(data: bytes) -> list[TransferStatus]:
    """The statuses of a file: of the whole only where it was refused whole. Raises `InvalidInput` (`bad_status`)."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"This is no XML: line {error.lineno} cannot be read.", code="bad_status") from None
    if root.getroottree().docinfo.doctype:
        raise InvalidInput("A status report has no document type definition.", code="bad_status")
    name = etree.QName(root)
    if name.localname != "Document" or not _NAMESPACE.fullmatch(name.namespace or ""):
        raise InvalidInput(
            f"This file is {name.namespace or name.localname!r}, not a report pain.002.001.", code="bad_status"
        )
    report = root.find("{*}CstmrPmtStsRpt")
    group = None if report is None else report.find("{*}OrgnlGrpInfAndSts")
    if report is None or group is None or not _text(group, "OrgnlMsgId"):
        raise InvalidInput("This report does not name the file it is about (OrgnlMsgId).", code="bad_status")
    message = _text(group, "OrgnlMsgId")
    found = [
        TransferStatus(message, _text(item, "OrgnlEndToEndId"), _text(item, "TxSts"), _reason(item))
        for item in report.iterfind("{*}OrgnlPmtInfAndSts/{*}TxInfAndSts")
        if _text(item, "OrgnlEndToEndId")
    ]
    whole = [("GrpSts", group)] + [("PmtInfSts", item) for item in report.iterfind("{*}OrgnlPmtInfAndSts")]
    for status, place in whole:
        if _text(place, status) == "RJCT" and not any(one.rejected for one in found):
            found.append(TransferStatus(message, "", "RJCT", _reason(place)))
    return found


def _reason(place: etree._Element) -> str:
    reason = place.find("{*}StsRsnInf")
    if reason is None:
        return ""
    code = _text(reason, "Rsn", "Cd") or _text(reason, "Rsn", "Prtry")
    return " ".join(word for word in (code, _text(reason, "AddtlInf")) if word)[:140]


def _text(place: etree._Element, *names: str) -> str:
    found = place.find("/".join(f"{{*}}{name}" for name in names))
    return "" if found is None else (found.text or "").strip()
