"""The advertiser's validation file: one line a lead or sale, with its yes or no. CSV; each line stands for itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.affiliation import conversion_store as store
from broker.affiliation.decide_conversions import LONGEST_REASON
from broker.affiliation.tell_declined import tell_declined
from broker.audit.record import record
from broker.catalogue.programmes import find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

LARGEST_FILE = 5_000_000  # bytes: some 100,000 lines
MOST_ROWS = 200_000
AT_ONCE = 1_000
YES = frozenset({"approved", "approve", "yes", "y", "1", "ok", "oui", "o", "valide", "validé", "validée", "accepted"})
NO = frozenset({"declined", "decline", "no", "n", "0", "non", "refuse", "refusé", "refusée", "rejected", "annulé"})
COLUMNS = {
    "reference": ("reference", "référence", "ref", "order", "order_id", "commande"),
    "decision": ("decision", "décision", "status", "statut", "state"),
    "reason": ("reason", "motif", "raison"),
    "kind": ("kind", "type"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, numbered as a text editor does."""

    number: int
    reference: str
    decision: str
    reason: str
    kind: str = ""


@dataclass(slots=True)
class Validated:
    """What a file did. `problems` are (line, reference, code): unknown, repeated, locked, and their kin."""

    lines: int = 0
    approved: int = 0
    declined: int = 0
    unchanged: int = 0
    problems: list[tuple[int, str, str]] = field(default_factory=list)


PROBLEMS = {
    "no_reference": "The line has no reference.",
    "bad_decision": "The decision is neither a yes (approved) nor a no (declined).",
    "reason_missing": "A no needs its reason.",
    "repeated": "The file names this reference on an earlier line; that one counted.",
    "unknown": "Nothing was reported under this reference.",
    "ambiguous": "A lead and a sale have this reference: add a column kind.",
    "locked": "This is invoiced already: nothing changes it.",
    "decided": "This was decided otherwise before; a decision is not taken back.",
}


def validate_by_file(unit: UnitOfWork, programme_code: str, content: bytes, *, dry_run: bool = False) -> Validated:
    """Approve and decline what the lines say; a wrong line is listed and hinders no other.

    The same file again changes nothing. `dry_run` tells what would happen. Raises `InvalidInput` for a file that
    cannot be read at all: `file_too_large`, `not_text`, `no_columns`, `too_many_rows`.
    """
    unit.actor.require("advertiser")
    programme = find_programme(unit, programme_code)
    lines = list(read_lines(content))
    result, seen = Validated(lines=len(lines)), set[tuple[str, str]]()
    wishes: list[Line] = []
    for line in lines:
        problem = _problem_of(line, seen)
        if problem:
            result.problems.append((line.number, line.reference, problem))
        else:
            wishes.append(line)
    for at in range(0, len(wishes), AT_ONCE):
        _apply(unit, programme.id, wishes[at : at + AT_ONCE], result, dry_run)
    result.problems.sort()
    if not dry_run:
        record(unit, "conversions.validated", "programme", programme_code, lines=result.lines,
               approved=result.approved, declined=result.declined, problems=len(result.problems))  # fmt: skip
    return result


def read_lines(content: bytes) -> Iterator[Line]:
    """The lines of a file: comma, semicolon or tab; UTF-8 or Windows-1252; columns by name, in any order."""
    if len(content) > LARGEST_FILE:
        raise InvalidInput("The file is larger than 5 MB: send it in parts.", code="file_too_large", field="file")
    if b"\0" in content:
        raise InvalidInput("This is no text file: save it as CSV.", code="not_text", field="file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    separator = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        places = {name: next((header.index(one) for one in names if one in header), -1)
                  for name, names in COLUMNS.items()}  # fmt: skip
        if places["reference"] < 0 or places["decision"] < 0:
            raise InvalidInput(
                "The first line names the columns: reference, decision, and for a no reason.",
                code="no_columns",
                field="file",
            )
        count = 0
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MOST_ROWS:
                raise InvalidInput(
                    f"The file has more than {MOST_ROWS:,} lines: send it in parts.", code="too_many_rows", field="file"
                )
            cells = {name: row[at].strip() if 0 <= at < len(row) else "" for name, at in places.items()}
            yield Line(reader.line_num, cells["reference"], cells["decision"].lower(), cells["reason"], cells["kind"])
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} cannot be read: {error}.", code="bad_line", field="file") from None


def _problem_of(line: Line, seen: set[tuple[str, str]]) -> str:
    if not line.reference:
        return "no_reference"
    if line.decision not in YES | NO:
        return "bad_decision"
    if line.decision in NO and not line.reason:
        return "reason_missing"
    key = (line.reference, line.kind)
    if key in seen:
        return "repeated"
    seen.add(key)
    return ""


def _apply(unit: UnitOfWork, programme_id: int, lines: list[Line], result: Validated, dry_run: bool) -> None:
    found = store.by_references(unit, programme_id, [line.reference for line in lines])
    moves: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        rows = [row for row in found.get(line.reference, []) if not line.kind or row.kind == line.kind.lower()]
        wanted = "approved" if line.decision in YES else "declined"
        if len(rows) != 1:
            result.problems.append((line.number, line.reference, "ambiguous" if rows else "unknown"))
        elif rows[0].state == "pending":
            reason = line.reason[:LONGEST_REASON] if wanted == "declined" else ""
            moves.setdefault((wanted, reason), []).append(rows[0].id)
            result.approved += wanted == "approved"
            result.declined += wanted == "declined"
        elif rows[0].state == wanted or (wanted == "approved" and rows[0].state in ("locked", "paid")):
            result.unchanged += 1
        else:
            locked = rows[0].state in ("locked", "paid")
            result.problems.append((line.number, line.reference, "locked" if locked else "decided"))
    if dry_run:
        return
    mailings: set[int] = set()
    for (state, reason), ids in moves.items():
        moved = store.decide(unit, ids, state, reason)
        short = len(ids) - len(moved)  # somebody else decided these meanwhile
        result.unchanged += short
        if state == "approved":
            result.approved -= short
            mailings.update(row.mailing_id for row in moved)
        else:
            result.declined -= short
            tell_declined(unit, [row.id for row in moved], reason)
    for mailing_id in sorted(mailings):
        unit.enqueue("accrue_conversions", mailing_id)
