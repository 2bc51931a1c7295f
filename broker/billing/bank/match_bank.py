"""Which invoices a credit on the bank account pays. Pure functions; what is not sure stays in suspense with a hint."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from broker.billing.bank.bank_file import FileLine

_MOST_COMBINED = 12  # open invoices of a payer that are tried in groups: 4,095 of them


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that waits for money: `open_cents` of it. `buyer` is the customer's name."""

    number: str
    buyer_id: int
    buyer: str
    open_cents: int
    order_code: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The invoices a credit pays, the first first; none: it waits, and `hint` says what it may be, and why."""

    invoices: tuple[str, ...] = ()
    hint: str = ""


def match_credit(line: FileLine, invoices: Sequence[OpenInvoice], payers: Mapping[str, int]) -> Match:
    """What a credit pays: the invoices it names; else what its payer owes, when the amount says which.

    `invoices` are open, the oldest first; `payers` says whose an IBAN was at earlier payments. An amount alone proves
    nothing: two customers may owe the same.
    """
    named = tuple(found.number for found in invoices if names(line.words, found))
    if named:
        return Match(named)
    payer = payers.get(line.counterparty_iban) if line.counterparty_iban else None
    if payer is None and line.counterparty:
        alike = {found.buyer_id for found in invoices if _plain(found.buyer) == _plain(line.counterparty)}
        payer = alike.pop() if len(alike) == 1 else None
    if payer is None:
        same = [found for found in invoices if found.open_cents == line.cents]
        return Match((), f"amount:{same[0].number}" if len(same) == 1 else "unknown")
    owed = [found for found in invoices if found.buyer_id == payer]
    return _grouped(line.cents, owed)


def names(words: str, invoice: OpenInvoice) -> bool:
    """Whether a text names an invoice: its number however it is spaced, or its order's code."""
    text = words.upper()
    tokens = re.findall(r"[A-Z]+|[0-9]+", invoice.number.upper())
    written = r"[^A-Z0-9]*".join(f"0*{int(token)}" if token.isdigit() else token for token in tokens)
    if re.search(rf"(?<![A-Z0-9]){written}(?![0-9])", text):
        return True
    # Banks wrap texts at 35 letters, in the middle of a number.
    squashed, number = re.sub(r"[^A-Z0-9]", "", text), re.sub(r"[^A-Z0-9]", "", invoice.number.upper())
    if re.search(rf"{number}(?![0-9])", squashed) and number[:1].isalpha():
        return True
    order = re.sub(r"[^A-Z0-9]", "", invoice.order_code.upper())
    return len(order) >= 8 and order in squashed


def _grouped(cents: int, owed: Sequence[OpenInvoice]) -> Match:
    """The invoices of one payer that make an amount: one, all, or the only group that does."""
    exact = [found.number for found in owed if found.open_cents == cents]
    if exact:
        return Match((exact[0],))
    if owed and sum(found.open_cents for found in owed) == cents:
        return Match(tuple(found.number for found in owed))
    groups = []
    if len(owed) <= _MOST_COMBINED:
        for size in range(2, len(owed)):
            groups += [g for g in combinations(owed, size) if sum(found.open_cents for found in g) == cents]
            if len(groups) > 1:
                break
    if len(groups) == 1:
        return Match(tuple(found.number for found in groups[0]))
    return Match((), f"payer:{owed[0].number}" if owed else "nothing_open")


def _plain(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text.translate({ord("Œ"): "OE", ord("œ"): "oe"}))
    words = re.findall(r"[a-z0-9]+", flat.encode("ascii", "ignore").decode().lower())
    return " ".join(word for word in words if word not in ("sa", "sas", "sarl", "sasu", "eurl", "ste", "societe"))
