"""Hold a FEC to its rules without the books it came from: art. A47 A-1 of the LPF, BOI-CF-IOR-60-40-20.

Our own reading of the published rules, stricter than the tax office's program (which looks at structure alone): every
line is read once, nothing is held but sums by account and letters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(r"([0-9]{9})FEC([0-9]{8})\.txt")
_AMOUNT = re.compile(r"-?[0-9]{1,17},[0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f|]")
FIRST_NAMED = 20  # lines named for each rule


class Line(NamedTuple):
    """The eighteen columns, in their order and by the decree's names."""

    JournalCode: str
    JournalLib: str
    EcritureNum: str
    EcritureDate: str
    CompteNum: str
    CompteLib: str
    CompAuxNum: str
    CompAuxLib: str
    PieceRef: str
    PieceDate: str
    EcritureLib: str
    Debit: str
    Credit: str
    EcritureLet: str
    DateLet: str
    ValidDate: str
    Montantdevise: str
    Idevise: str


COLUMNS = Line._fields
MANDATORY = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "PieceRef", "PieceDate",
    "EcritureLib", "Debit", "Credit", "ValidDate",
)  # fmt: skip
PAIRS = (("CompAuxNum", "CompAuxLib"), ("EcritureLet", "DateLet"), ("Montantdevise", "Idevise"))


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a file breaks: how often, and where first (line numbers from 1, the header being line 1)."""

    rule: str
    say: str
    count: int
    lines: tuple[int, ...]


SENTENCES = {
    "name": "The file is not named SIREN, FEC, closing day: 123456789FEC20261231.txt.",
    "encoding": "The file is neither UTF-8 nor ISO 8859-15.",
    "header": "The first line is not the eighteen names of the decree, in its order.",
    "fields": "A line has not eighteen fields.",
    "empty": "A mandatory field is empty.",
    "control": "A field holds a control character or the other separator.",
    "day": "A day is not written AAAAMMJJ or is none.",
    "period": "An entry is dated outside the period.",
    "validated_before": "An entry was validated before its day.",
    "order": "Numbers do not follow the order of validation.",
    "number": "Numbers have a gap, go back or are none.",
    "mixed": "The lines of one entry differ in journal, day, validation or piece.",
    "account": "An account does not begin with three digits.",
    "pair": "Of two fields that belong together one is empty.",
    "amount": "An amount is not written 1234,56.",
    "sides": "A line has both a debit and a credit, or neither.",
    "entry_balance": "An entry does not balance.",
    "journal_balance": "A journal does not balance.",
    "letters": "Letters stand on a single line, or on lines of one side alone.",
}


class _Found:
    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.lines: dict[str, list[int]] = defaultdict(list)

    def add(self, rule: str, line: int) -> None:
        self.counts[rule] += 1
        if len(self.lines[rule]) < FIRST_NAMED:
            self.lines[rule].append(line)

    def faults(self) -> list[Fault]:
        return [Fault(rule, SENTENCES[rule], self.counts[rule], tuple(self.lines[rule])) for rule in SENTENCES
                if self.counts[rule]]  # fmt: skip


def check_fec(path: Path, first: date | None = None, last: date | None = None) -> list[Fault]:
    """The rules that a file breaks; an empty list is a file in order. Without `last` the closing day of its name."""
    found = _Found()
    named = NAME.fullmatch(path.name)
    closing = None if named is None else _day(named[2])
    if closing is None:
        found.add("name", 0)
    lines = _lines(path)
    if lines is None:
        found.add("encoding", 0)
        return found.faults()
    header = next(lines, "")
    separator = "\t" if "\t" in header else "|"
    if tuple(header.split(separator)) != COLUMNS:
        found.add("header", 1)
        return found.faults()
    _body(found, lines, separator, first, last or closing)
    return found.faults()


def _lines(path: Path) -> Iterator[str] | None:
    """The lines without their ends; None when no encoding of the decree reads it."""
    for encoding in ("utf-8", "iso-8859-15"):
        try:
            with path.open(encoding=encoding, newline="") as file:
                for block in iter(lambda: file.read(1 << 20), ""):
                    if encoding != "utf-8" and re.search(r"[\x80-\x9f]", block):
                        return None
        except UnicodeDecodeError:
            continue
        return _read(path, encoding)
    return None


def _read(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        for line in file:
            yield line.rstrip("\r\n")


def _body(found: _Found, lines: Iterator[str], separator: str, first: date | None, last: date | None) -> None:
    number: int | None = None
    head: tuple[str, ...] = ()
    began = balance = 0
    validated = ""
    journals: dict[str, int] = defaultdict(int)
    letters: dict[tuple[str, ...], list[int]] = {}
    at = 1
    for at, text in enumerate(lines, start=2):
        cells = text.split(separator)
        if len(cells) != len(COLUMNS):
            found.add("fields", at)
            continue
        line = Line(*cells)
        cents = _fields(found, line, at, separator, first, last)
        same = (line.JournalCode, line.EcritureDate, line.ValidDate, line.PieceRef)
        read = int(line.EcritureNum) if re.fullmatch(r"[0-9]{1,18}", line.EcritureNum) else None
        if read is None or read != number:
            if read is None or (number is not None and read != number + 1):
                found.add("number", at)
            if balance:
                found.add("entry_balance", began)
            if line.ValidDate < validated:
                found.add("order", at)
            number, head, began, balance, validated = read, same, at, 0, max(validated, line.ValidDate)
        elif same != head:
            found.add("mixed", at)
        balance += cents
        journals[line.JournalCode] += cents
        if line.EcritureLet:
            debits = letters.setdefault((line.CompteNum, line.CompAuxNum, line.EcritureLet), [at, 0, 0])
            debits[1 if cents > 0 else 2] += 1
    if balance:
        found.add("entry_balance", began)
    for cents in journals.values():
        if cents:
            found.add("journal_balance", at)
    for where, debits_, credits_ in letters.values():
        if not (debits_ and credits_) and last is not None and first is None:  # of a whole file, not of a part of it
            found.add("letters", where)


def _fields(found: _Found, line: Line, at: int, separator: str, first: date | None, last: date | None) -> int:
    """Looks at one line by itself; its debit less its credit, in cents."""
    if any(not getattr(line, name).strip() for name in MANDATORY):
        found.add("empty", at)
    if any(_CONTROL.search(cell.replace("|", "") if separator == "|" else cell) for cell in line):
        found.add("control", at)
    days = [_day(line.EcritureDate), _day(line.PieceDate), _day(line.ValidDate)]
    if None in days or (line.DateLet and _day(line.DateLet) is None):
        found.add("day", at)
    day = days[0]
    if day is not None and ((first is not None and day < first) or (last is not None and day > last)):
        found.add("period", at)
    if line.ValidDate < line.EcritureDate:
        found.add("validated_before", at)
    if not re.match(r"[0-9]{3}", line.CompteNum):
        found.add("account", at)
    if any(bool(getattr(line, one)) != bool(getattr(line, other)) for one, other in PAIRS):
        found.add("pair", at)
    if not (_AMOUNT.fullmatch(line.Debit) and _AMOUNT.fullmatch(line.Credit)):
        found.add("amount", at)
        return 0
    debit, credit = (int(amount.replace(",", "")) for amount in (line.Debit, line.Credit))
    if (debit == 0) == (credit == 0):
        found.add("sides", at)
    return debit - credit


def _day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{8}", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
