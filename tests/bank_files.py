"""Bank files for tests, written as banks do."""

from __future__ import annotations

from collections.abc import Sequence

IBAN = "FR1420041010050500013M02606"
PAYER = "BE68539007547034"


def entry(
    cents: int,
    reference: str,
    name: str = "",
    about: str = "",
    *,
    day: str = "2026-11-03",
    end_to_end: str = "NOTPROVIDED",
    payer_iban: str = PAYER,
    parts: Sequence[tuple[int, str]] = (),
    status: str = "BOOK",
    version: str = "08",
    family: str = "ESCT",
    batch: str = "",
) -> str:
    """One entry of a statement; `parts` are the transactions of a batch (cents, text)."""
    side, other = ("CRDT", "Dbtr") if cents > 0 else ("DBIT", "Cdtr")
    late = int(version) >= 8
    shown = f"<Nm>{name}</Nm>" if not late else f"<Pty><Nm>{name}</Nm></Pty>"
    details = "".join(
        f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>"
        + (
            f'<Amt Ccy="EUR">{_amount(part)}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
            if late
            else f'<AmtDtls><TxAmt><Amt Ccy="EUR">{_amount(part)}</Amt></TxAmt></AmtDtls>'
        )
        + f"<RltdPties><{other}>{shown}</{other}><{other}Acct><Id><IBAN>{payer_iban}</IBAN></Id></{other}Acct>"
        f"</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
        for part, text in (parts or [(abs(cents), about)])
    )
    group = f"<Btch><PmtInfId>{batch}</PmtInfId></Btch>" if batch else ""
    told = f"<Cd>{status}</Cd>" if late else status
    return (
        f'<Ntry><Amt Ccy="EUR">{_amount(abs(cents))}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>{told}</Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
        f"<Cd>RCDT</Cd><SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls>{group}{details}</NtryDtls></Ntry>"
    )


def camt(
    entries: Sequence[str],
    *,
    version: str = "08",
    name: str = "ST-1",
    opening: int = 0,
    closing: int | None = None,
    day: str = "2026-11-03",
    iban: str = IBAN,
) -> bytes:
    """A camt.053 of entries; its closing balance is what they lead to, unless said otherwise."""
    if closing is None:
        closing = opening + sum(_moved(one) for one in entries)
    balances = "".join(
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{_amount(abs(cents))}</Amt>'
        f"<CdtDbtInd>{'CRDT' if cents >= 0 else 'DBIT'}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        for kind, cents in (("OPBD", opening), ("CLBD", closing))
    )
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><GrpHdr>'
        f"<MsgId>M</MsgId></GrpHdr><Stmt><Id>{name}</Id><Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{balances}{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _moved(text: str) -> int:
    """Cents of an entry as it was written."""
    amount, side = text.split(">", 2)[2].split("<")[0], "DBIT" in text.split("</CdtDbtInd>")[0]
    cents = int(amount.replace(".", ""))
    return -cents if side else cents
