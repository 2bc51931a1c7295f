"""Opening balances: what the books stood at before their first entry here."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date

from broker.accounts import store as parties
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.ledger import store
from broker.ledger.model import Entry, Line
from broker.ledger.post import post

COLUMNS = ("account", "party", "debit", "credit")


def open_books(unit: UnitOfWork, day: date, lines: Sequence[Line], reference: str = "A NOUVEAUX") -> Entry:
    """Post the opening balances as the first entry of a year's books (journal AN); once for each day.

    Raises `Conflict` (`books_begun`) when entries stand before that day, `opened_already` when it was opened with
    other figures; `IntegrityFault` (`entry_unbalanced`) when debits and credits differ.
    """
    unit.actor.require("accountant", "broker")
    first = store.first_entry_day(unit)
    if first is not None and first < day:
        raise Conflict(
            f"The books hold entries since {first.isoformat()}: opening balances come before them.", code="books_begun"
        )
    key = f"opening:{day.isoformat()}"
    known = store.entry_by_key(unit, key)
    if known is not None:
        if sorted(map(repr, known.lines)) != sorted(map(repr, lines)):
            raise Conflict(
                f"{day.isoformat()} was opened with other figures: reverse entry {known.number} first.",
                code="opened_already",
            )
        return known
    entry = post(unit, "AN", day, reference, "À nouveaux", lines, key)
    record(unit, "books.opened", "ledger_entry", str(entry.number), day=day.isoformat())
    return entry


def read_opening(unit: UnitOfWork, rows: Iterable[str]) -> list[Line]:
    """Lines of a CSV `account,party,debit,credit`: amounts like 1234,56 or 1234.56, a party by its code or empty.

    Raises `InvalidInput` naming the line.
    """
    text = list(rows)
    sample = text[0] if text else ""
    reader = csv.DictReader(text, delimiter=";" if ";" in sample else "\t" if "\t" in sample else ",")
    missing = [name for name in ("account", "debit", "credit") if name not in (reader.fieldnames or [])]
    if missing:
        raise InvalidInput(
            f"The file's first line must name {', '.join(COLUMNS)}; {', '.join(missing)} is missing.",
            code="bad_opening",
            field="header",
        )
    known = {row.number for row in store.accounts(unit)}
    lines = []
    for number, row in enumerate(reader, start=2):
        account = (row["account"] or "").strip()
        if account not in known:
            raise InvalidInput(
                f"Line {number}: the account {account!r} is not in the chart; add it first.",
                code="unknown_account",
                field="account",
            )
        code = (row.get("party") or "").strip()
        party = parties.organisation_of(unit, code) if code else None
        if code and party is None:
            raise InvalidInput(f"Line {number}: there is no organisation {code!r}.", code="no_party", field="party")
        debit, credit = _cents(row["debit"], number, "debit"), _cents(row["credit"], number, "credit")
        lines.append(Line(account, debit, credit, None if party is None else party.id))
    return [line for line in lines if line.debit_cents or line.credit_cents]


def _cents(text: str | None, number: int, field: str) -> int:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text or "").replace(",", ".")
    if not plain:
        return 0
    found = re.fullmatch(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?", plain)
    if found is None:
        raise InvalidInput(
            f"Line {number}: write {field} as an amount, 1234.56; it is {text!r}.", code="bad_amount", field=field
        )
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
