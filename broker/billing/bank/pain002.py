"""What the bank says of a file of ours: pain.002.001 (ISO 20022), every version from 03 on."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from broker.billing.bank.iso20022 import read_document, text_at
from broker.kernel.errors import InvalidInput


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
    """The statuses of a file: of single transfers, then of the whole where it was refused whole, be it that the bank
    names the one transfer for whose sake. Raises `InvalidInput` (`bad_status`)."""
    root = read_document(data, "pain.002.001", "report", "bad_status")
    report = root.find("{*}CstmrPmtStsRpt")
    group = None if report is None else report.find("{*}OrgnlGrpInfAndSts")
    if report is None or group is None or not text_at(group, "OrgnlMsgId"):
        raise InvalidInput("This report does not name the file it is about (OrgnlMsgId).", code="bad_status")
    message = text_at(group, "OrgnlMsgId")
    found = [
        TransferStatus(message, text_at(item, "OrgnlEndToEndId"), text_at(item, "TxSts"), _reason(item))
        for item in report.iterfind("{*}OrgnlPmtInfAndSts/{*}TxInfAndSts")
        if text_at(item, "OrgnlEndToEndId")
    ]
    whole = [("GrpSts", group)] + [("PmtInfSts", item) for item in report.iterfind("{*}OrgnlPmtInfAndSts")]
    for status, place in whole:
        if text_at(place, status) == "RJCT":
            found.append(TransferStatus(message, "", "RJCT", _reason(place)))
    return found


def _reason(place: etree._Element) -> str:
    reason = place.find("{*}StsRsnInf")
    if reason is None:
        return ""
    code = text_at(reason, "Rsn", "Cd") or text_at(reason, "Rsn", "Prtry")
    return " ".join(word for word in (code, text_at(reason, "AddtlInf")) if word)[:140]
