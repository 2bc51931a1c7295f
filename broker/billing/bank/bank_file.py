"""What a bank's file says, whatever its format: statements and their lines. Pure rows and rules."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from broker.kernel.errors import InvalidInput

Source = Literal["camt", "csv"]
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,5})?")


@dataclass(frozen=True, slots=True)
class FileLine:
    """One movement of the account in cents: positive what came in. `reference` is the bank's, made unique.

    `counterparty` paid us, or was paid; `references` are the batch's own (PmtInfId, MsgId); `charge`: the bank says
    that it is its own charge; `returned`: a payment of ours came back.
    """

    reference: str
    booked_on: date
    cents: int
    counterparty: str = ""
    counterparty_iban: str = ""
    about: str = ""
    end_to_end_id: str = ""
    references: tuple[str, ...] = ()
    charge: bool = False
    returned: bool = False
    reason: str = ""  # why it came back: the bank's code and words

    @property
    def words(self) -> str:
        """All that the payer may have written of what it pays."""
        return " ".join(word for word in (self.about, self.end_to_end_id) if word)


@dataclass(frozen=True, slots=True)
class FileStatement:
    """A statement of one account; a CSV knows no balances."""

    source: Source
    iban: str
    reference: str
    starts_on: date
    ends_on: date
    opening_cents: int | None
    closing_cents: int | None
    lines: tuple[FileLine, ...]


def cents_of(text: str, where: str) -> int:
    """`1200.5` → 120,050 cents. Raises `InvalidInput` (`bad_statement`) for what is no amount of whole cents."""
    plain = text.strip()
    if not _AMOUNT.fullmatch(plain):
        raise InvalidInput(f"{where}: {plain[:30]!r} is no amount.", code="bad_statement")
    whole, _, fraction = plain.partition(".")
    if fraction[2:].strip("0"):
        raise InvalidInput(f"{where}: {plain} has parts of a cent.", code="bad_statement")
    return int(whole) * 100 + int(fraction[:2].ljust(2, "0"))


def checked(statement: FileStatement) -> FileStatement:
    """A statement whose lines lead from its opening to its closing balance, each line with a reference of its own.

    Raises `InvalidInput` (`statement_unbalanced`): a file that was cut or altered.
    """
    if statement.opening_cents is not None and statement.closing_cents is not None:
        moved = sum(line.cents for line in statement.lines)
        if statement.opening_cents + moved != statement.closing_cents:
            raise InvalidInput(
                f"Statement {statement.reference}: {statement.opening_cents} cents at its start and {moved} moved are"
                f" not the {statement.closing_cents} at its end. Ask the bank for the whole file.",
                code="statement_unbalanced",
            )
    seen: Counter[str] = Counter()
    kept = []
    for line in statement.lines:
        seen[line.reference] += 1
        again = seen[line.reference]
        kept.append(line if again == 1 else replace(line, reference=f"{line.reference[:130]}#{again}"))
    return replace(statement, lines=tuple(kept))


def made_reference(*parts: object) -> str:
    """A reference for a line that the bank gave none: the same line has the same one in every file."""
    return "H-" + hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]
