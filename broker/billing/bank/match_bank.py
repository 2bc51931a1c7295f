"""Which invoices a credit on the bank account pays. Pure functions; what is not sure stays in suspense with a hint."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from broker.billing.bank.bank_file import FileLine

_MOST_COMBINED = 12  # open invoices of a payer that are tried in groups: 4,095 of them


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is looked for on a bank's line, taken apart once: a file has many lines, and many invoices may be open.

    `number` and `order` are letters and figures alone, `figures` is the number without its zeros; `order` is empty
    where it is too short to prove anything.
    """

    number: str
    figures: str
    order: str
    buyer: str


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that waits for money: `open_cents` of it. `buyer` is the customer's name."""

    number: str
    buyer_id: int
    buyer: str
    open_cents: int
    order_code: str = ""
    marks: _Marks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number, order = _squashed(self.number.upper()), _squashed(self.order_code.upper())
        marks = _Marks(number, number.replace("0", ""), order if len(order) >= 8 else "", _plain(self.buyer))
        object.__setattr__(self, "marks", marks)


@dataclass(frozen=True, slots=True)
class Match:
    """The invoices a credit pays, the first first; none: it waits, and `hint` says what it may be, and why."""

    invoices: tuple[str, ...] = ()
    hint: str = ""


def match_credit(line: FileLine, invoices: Collection[OpenInvoice], payer: int | None) -> Match:
    """What a credit pays: the invoices it names; else what its payer owes, when the amount says which.

    `invoices` are open, the oldest first; `payer` is whose account the money comes from, where earlier payments say
    it. An amount alone proves nothing: two customers may owe the same.
    """
    named = _named(line.words.upper(), invoices)
    if named:
        return Match(named)
    if payer is None and line.counterparty:
        name = _plain(line.counterparty)
        alike = {found.buyer_id for found in invoices if found.marks.buyer == name}
        payer = alike.pop() if len(alike) == 1 else None
    if payer is None:
        same = [found for found in invoices if found.open_cents == line.cents]
        return Match((), f"amount:{same[0].number}" if len(same) == 1 else "unknown")
    owed = [found for found in invoices if found.buyer_id == payer]
    return _grouped(line.cents, owed)


def _named(text: str, invoices: Collection[OpenInvoice]) -> tuple[str, ...]:
    """The invoices that a text in capitals names: by their number however it is spaced, or by their order's code."""
    squashed = _squashed(text)
    figures = squashed.replace("0", "")
    return tuple(
        found.number for found in invoices
        # However a number is spaced, and with however many zeros, its other letters and figures follow one another.
        if (found.marks.order and found.marks.order in squashed)
        or (found.marks.figures in figures and _is_number(found, text, squashed))
    )  # fmt: skip


def _is_number(invoice: OpenInvoice, text: str, squashed: str) -> bool:
    tokens = re.findall(r"[A-Z]+|[0-9]+", invoice.number.upper())
    written = r"[^A-Z0-9]*".join(f"0*{int(token)}" if token.isdigit() else token for token in tokens)
    if re.search(rf"(?<![A-Z0-9]){written}(?![0-9])", text):
        return True
    # Banks wrap texts at 35 letters, in the middle of a number.
    number = invoice.marks.number
    return number[:1].isalpha() and re.search(rf"{number}(?![0-9])", squashed) is not None


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


def _squashed(text: str) -> str:
    """The capitals and figures of a text."""
    return re.sub(r"[^A-Z0-9]", "", text)


def _plain(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text.translate({ord("Œ"): "OE", ord("œ"): "oe"}))
    words = re.findall(r"[a-z0-9]+", flat.encode("ascii", "ignore").decode().lower())
    return " ".join(word for word in words if word not in ("sa", "sas", "sarl", "sasu", "eurl", "ste", "societe"))
