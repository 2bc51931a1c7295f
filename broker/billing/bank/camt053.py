"""Bank statements: camt.053.001 (ISO 20022), every version from 02 on.

The versions differ in a few places only: a status that is text or a code, a party that is wrapped or not, amounts of a
transaction direct or under AmtDtls. Elements are read by their local names. Only booked entries (BOOK) count. A batch
whose parts are told and sum up is read part by part.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from lxml import etree

from broker.billing.bank.bank_file import FileLine, FileStatement, cents_of, checked, made_reference
from broker.billing.bank.iso20022 import all_at, read_document, text_at
from broker.kernel.errors import InvalidInput
from broker.kernel.money import require_currency

_NOTHING = {"NOTPROVIDED", "NOTAVAILABLE", "NONREF"}


def read_camt053(data: bytes) -> list[FileStatement]:
    """The statements of a file. Raises `InvalidInput` (`bad_statement`, `statement_unbalanced`, `unknown_currency`)."""
    root = read_document(data, "camt.053.001", "statement", "bad_statement")
    found = [_statement(place) for place in all_at(root, "BkToCstmrStmt", "Stmt")]
    if not found:
        raise InvalidInput("This file holds no statement.", code="bad_statement")
    return found


def _statement(place: etree._Element) -> FileStatement:
    reference = text_at(place, "Id")[:140]
    iban = text_at(place, "Acct", "Id", "IBAN").replace(" ", "").upper()
    if not reference or not iban:
        raise InvalidInput("A statement names itself (Id) and its account (IBAN).", code="bad_statement")
    if currency := text_at(place, "Acct", "Ccy"):
        require_currency(currency)
    opening, opened = _balance(place, "OPBD", "PRCD")
    closing, closed = _balance(place, "CLBD")
    lines = tuple(
        line for number, entry in enumerate(all_at(place, "Ntry"), start=1) for line in _entry(entry, reference, number)
    )
    days = [line.booked_on for line in lines] + [day for day in (opened, closed) if day is not None]
    if not days:
        raise InvalidInput(f"Statement {reference} has neither a balance nor an entry.", code="bad_statement")
    starts, ends = (opened or min(days)), (closed or max(days))
    return checked(
        FileStatement("camt", iban, reference, min(starts, ends), max(starts, ends), opening, closing, lines)
    )


def _balance(place: etree._Element, *kinds: str) -> tuple[int | None, date | None]:
    """The first balance of some kinds, by their order."""
    for kind in kinds:
        for balance in all_at(place, "Bal"):
            if text_at(balance, "Tp", "CdOrPrtry", "Cd") == kind:
                return _cents(balance, "Balance"), _day(balance, "Dt")
    return None, None


def _entry(entry: etree._Element, statement: str, number: int) -> list[FileLine]:
    where = f"Statement {statement}, entry {number}"
    status = text_at(entry, "Sts", "Cd") or text_at(entry, "Sts")
    if status not in ("BOOK", ""):
        return []
    cents = _cents(entry, where)
    day = _day(entry, "BookgDt") or _day(entry, "ValDt")
    if day is None:
        raise InvalidInput(f"{where} has no booking date.", code="bad_statement")
    if not cents:
        return []
    own = _word(text_at(entry, "AcctSvcrRef"))
    noted = _word(text_at(entry, "NtryRef"))
    # NtryRef is unique within its statement only; AcctSvcrRef within the bank.
    base = own or (f"{statement}/{noted}"[:130] if noted else "")
    parts = all_at(entry, "NtryDtls", "TxDtls")
    amounts = [_part_cents(part, cents, len(parts), where) for part in parts]
    charge = text_at(entry, "BkTxCd", "Domn", "Fmly", "SubFmlyCd") in ("CHRG", "COMM", "FEES") and cents < 0
    # A credit transfer of ours that came back is a credit by its code as well (RRTN).
    returned = text_at(entry, "BkTxCd", "Domn", "Fmly", "SubFmlyCd") == "RRTN" and cents > 0
    extra = text_at(entry, "AddtlNtryInf")
    batch = tuple(text_at(entry, "NtryDtls", "Btch", name) for name in ("PmtInfId", "MsgId"))
    if not parts or sum(amounts) != cents:
        parts, amounts = parts[:1] if len(parts) == 1 else [], [cents]
    lines = []
    for index, amount in enumerate(amounts):
        detail = parts[index] if parts else None
        line = _line(detail, amount, day, base, extra, charge, returned)
        reference = line.reference
        if not reference or (reference == base and len(amounts) > 1):
            reference = f"{base}/{index + 1}" if base else made_reference(day, amount, line.counterparty, line.words)
        if line.returned and line.reference:
            reference = f"{reference[:130]}/R"
        references = tuple(word for word in (*line.references, *batch) if word)
        lines.append(replace(line, reference=reference[:140], references=references))
    return lines


def _line(
    detail: etree._Element | None, cents: int, day: date, base: str, extra: str, charge: bool, returned: bool
) -> FileLine:
    """One part of an entry as it names itself; without parts, the entry as it stands."""
    if detail is None:
        return FileLine(base, day, cents, about=extra[:500], charge=charge, returned=returned)
    side, account = ("Dbtr", "DbtrAcct") if cents > 0 else ("Cdtr", "CdtrAcct")
    name = text_at(detail, "RltdPties", side, "Nm") or text_at(detail, "RltdPties", side, "Pty", "Nm")
    words = [place.text or "" for place in all_at(detail, "RmtInf", "Ustrd")]
    for structured in all_at(detail, "RmtInf", "Strd"):
        words += [text_at(structured, "CdtrRefInf", "Ref"), text_at(structured, "RfrdDocInf", "Nb")]
        words.append(text_at(structured, "AddtlRmtInf"))
    return FileLine(
        _word(text_at(detail, "Refs", "AcctSvcrRef")) or base,
        day,
        cents,
        " ".join(name.split())[:140],
        text_at(detail, "RltdPties", account, "Id", "IBAN").replace(" ", "").upper()[:34],
        " ".join(" ".join(words).split())[:500] or extra[:500],
        _word(text_at(detail, "Refs", "EndToEndId"))[:35],
        (text_at(detail, "Refs", "PmtInfId"), text_at(detail, "Refs", "MsgId")),
        charge,
        bool(all_at(detail, "RtrInf")) or returned,
        " ".join(
            word
            for word in (
                text_at(detail, "RtrInf", "Rsn", "Cd") or text_at(detail, "RtrInf", "Rsn", "Prtry"),
                text_at(detail, "RtrInf", "AddtlInf"),
            )
            if word
        )[:140],
    )


def _part_cents(part: etree._Element, whole: int, parts: int, where: str) -> int:
    for path in (("Amt",), ("AmtDtls", "TxAmt", "Amt")):
        amounts = all_at(part, *path)
        if amounts:
            if amounts[0].get("Ccy", "EUR") != "EUR":
                return 0  # told in the payer's currency: the entry's own amount counts
            cents = cents_of(amounts[0].text or "", where)
            side = text_at(part, "CdtDbtInd")
            return -cents if (side == "DBIT" if side else whole < 0) else cents
    return whole if parts == 1 else 0


def _cents(place: etree._Element, where: str) -> int:
    amounts = all_at(place, "Amt")
    side = text_at(place, "CdtDbtInd")
    if not amounts or side not in ("CRDT", "DBIT"):
        raise InvalidInput(f"{where} has no amount or no side (CdtDbtInd).", code="bad_statement")
    require_currency(amounts[0].get("Ccy", ""))
    cents = cents_of(amounts[0].text or "", where)
    return cents if side == "CRDT" else -cents


def _day(place: etree._Element, name: str) -> date | None:
    text = text_at(place, name, "Dt") or text_at(place, name, "DtTm")
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise InvalidInput(f"{text[:30]!r} is no date.", code="bad_statement") from None


def _word(text: str) -> str:
    return "" if text.upper() in _NOTHING else text
