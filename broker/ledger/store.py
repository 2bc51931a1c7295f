"""The only place with the ledger's SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from broker.kernel.database import UnitOfWork
from broker.ledger.model import Entry, Line

_ONE_NUMBER_AT_A_TIME = 7203809  # an advisory lock until the commit: a number given is a number used
_SELECT = """
SELECT id, journal, number, day, piece_ref, piece_day, label, currency, validated_at, reverses FROM ledger_entry
"""


def lock_numbers(unit: UnitOfWork) -> None:
    """Wait until no other transaction is about to take the next number."""
    unit.run("SELECT pg_advisory_xact_lock(:key)", key=_ONE_NUMBER_AT_A_TIME)


def insert_entry(
    unit: UnitOfWork,
    *,
    journal: str,
    day: date,
    piece_ref: str,
    piece_day: date,
    label: str,
    key: str,
    reverses: int | None,
) -> Row[Any]:
    """Insert an entry under the next number; the caller holds the lock and adds its lines."""
    row = unit.one(
        "INSERT INTO ledger_entry (journal, number, day, piece_ref, piece_day, label, idempotency_key, reverses)"
        " VALUES (:journal, (SELECT coalesce(max(number), 0) + 1 FROM ledger_entry), :day, :piece_ref, :piece_day,"
        " :label, :key, :reverses)"
        " RETURNING id, journal, number, day, piece_ref, piece_day, label, currency, validated_at, reverses",
        journal=journal,
        day=day,
        piece_ref=piece_ref,
        piece_day=piece_day,
        label=label,
        key=key,
        reverses=reverses,
    )
    assert row is not None
    return row


def insert_lines(unit: UnitOfWork, entry_id: int, lines: Sequence[Line]) -> None:
    """Insert an entry's postings, numbered from 1, in one statement: its balances are added to once."""
    unit.run(
        "INSERT INTO ledger_posting (entry_id, line, account, org_id, debit_cents, credit_cents)"
        " SELECT :entry, p.line, p.account, p.org_id, p.debit, p.credit FROM unnest(CAST(:accounts AS text[]),"
        " CAST(:orgs AS bigint[]), CAST(:debits AS bigint[]), CAST(:credits AS bigint[]))"
        " WITH ORDINALITY AS p (account, org_id, debit, credit, line)",
        entry=entry_id,
        accounts=[line.account for line in lines],
        orgs=[line.org_id for line in lines],
        debits=[line.debit_cents for line in lines],
        credits=[line.credit_cents for line in lines],
    )


def entry_by_key(unit: UnitOfWork, key: str) -> Entry | None:
    """The entry posted under an idempotency key."""
    row = unit.one(_SELECT + "WHERE idempotency_key = :key", key=key)
    return None if row is None else _with_lines(unit, [row])[0]


def entry_by_id(unit: UnitOfWork, entry_id: int) -> Entry | None:
    """One entry with its lines."""
    row = unit.one(_SELECT + "WHERE id = :id", id=entry_id)
    return None if row is None else _with_lines(unit, [row])[0]


def period_state(unit: UnitOfWork, month: date) -> str:
    """`open`, `soft_closed` or `locked`; a month without a row is open."""
    state = unit.scalar("SELECT state FROM ledger_period WHERE month = :month", month=month)
    return "open" if state is None else str(state)


def set_period(unit: UnitOfWork, month: date, state: str) -> None:
    """Write a month's state."""
    unit.run(
        "INSERT INTO ledger_period (month, state) VALUES (:month, :state)"
        " ON CONFLICT (month) DO UPDATE SET state = excluded.state",
        month=month,
        state=state,
    )


def count_entries(unit: UnitOfWork) -> int:
    """How many entries there are."""
    return int(unit.scalar("SELECT count(*) FROM ledger_entry"))


def entries_page(unit: UnitOfWork, size: int, offset: int) -> list[Entry]:
    """Entries, the newest first."""
    rows = unit.all(
        _SELECT + "ORDER BY number DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
    )
    return _with_lines(unit, rows)


def balance(unit: UnitOfWork, account: str, org_id: int | None) -> int:
    """Debits minus credits of an account in cents, of one auxiliary when `org_id` is given."""
    return int(
        unit.scalar(
            "SELECT coalesce(sum(debit_cents - credit_cents), 0) FROM ledger_balance"
            " WHERE account = :account AND (CAST(:org_id AS bigint) IS NULL OR org_id = :org_id)",
            account=account,
            org_id=org_id,
        )
    )


def unmatched_postings(unit: UnitOfWork, account: str, org_id: int, keys: Sequence[str]) -> list[Row[Any]]:
    """(entry_id, line, day, cents) of an account's postings without letters, of the entries with these keys."""
    return unit.all(
        "SELECT p.entry_id, p.line, e.day, p.debit_cents - p.credit_cents AS cents"
        " FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
        " WHERE e.idempotency_key = ANY (:keys) AND p.account = :account AND p.org_id = :org_id"
        " AND NOT EXISTS (SELECT 1 FROM ledger_match_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)"
        " ORDER BY p.entry_id, p.line",
        keys=list(keys),
        account=account,
        org_id=org_id,
    )


def insert_match(unit: UnitOfWork, account: str, org_id: int, day: date, lines: Sequence[tuple[int, int]]) -> None:
    """Letter postings (entry id, line); the database holds that they cancel out."""
    match_id = unit.scalar(
        "INSERT INTO ledger_match (account, org_id, matched_on) VALUES (:account, :org_id, :day) RETURNING id",
        account=account,
        org_id=org_id,
        day=day,
    )
    unit.run_many(
        "INSERT INTO ledger_match_line (match_id, entry_id, line) VALUES (:match, :entry, :line)",
        [{"match": match_id, "entry": entry, "line": line} for entry, line in lines],
    )


def entry_balance(unit: UnitOfWork, key: str, account: str) -> int:
    """Debits minus credits on an account in the entry of a key; 0 when there is no such entry."""
    return int(
        unit.scalar(
            "SELECT coalesce(sum(p.debit_cents - p.credit_cents), 0) FROM ledger_entry e"
            " JOIN ledger_posting p ON p.entry_id = e.id WHERE e.idempotency_key = :key AND p.account = :account",
            key=key,
            account=account,
        )
    )


def trial_balance(unit: UnitOfWork, last: date) -> list[Row[Any]]:
    """(account, label_fr, label_en, debit_cents, credit_cents) up to a day, by account."""
    return unit.all(
        "SELECT p.account, a.label_fr, a.label_en, sum(p.debit_cents)::bigint AS debit_cents,"
        " sum(p.credit_cents)::bigint AS credit_cents FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
        " JOIN ledger_account a ON a.number = p.account WHERE e.day <= :last"
        " GROUP BY p.account, a.label_fr, a.label_en ORDER BY p.account",
        last=last,
    )


def journal_rows(unit: UnitOfWork, first: date, last: date) -> Iterator[Row[Any]]:
    """Every posting of entries dated in the period with its labels, by entry number and line, read as a stream."""
    statement = text(
        "SELECT e.journal, j.label_fr AS journal_label, e.number, e.day, p.account, a.label_fr AS account_label,"
        " o.code AS org_code, o.name AS org_name, e.piece_ref, e.piece_day, e.label, p.debit_cents, p.credit_cents,"
        " CAST(e.validated_at AT TIME ZONE 'Europe/Paris' AS date) AS validated_on, p.line,"
        " l.match_id, m.matched_on"
        " FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id JOIN ledger_journal j ON j.code = e.journal"
        " JOIN ledger_account a ON a.number = p.account LEFT JOIN organisation o ON o.id = p.org_id"
        " LEFT JOIN ledger_match_line l ON l.entry_id = p.entry_id AND l.line = p.line"
        " LEFT JOIN ledger_match m ON m.id = l.match_id WHERE e.day BETWEEN :first AND :last ORDER BY e.number, p.line"
    )
    yield from unit.session.execute(statement, {"first": first, "last": last}, execution_options={"yield_per": 2000})


def chart(unit: UnitOfWork) -> list[Row[Any]]:
    """number, label_fr, label_en, cents of every account."""
    return unit.all(
        "SELECT a.number, a.label_fr, a.label_en, coalesce(sum(b.debit_cents - b.credit_cents), 0)::bigint AS cents"
        " FROM ledger_account a LEFT JOIN ledger_balance b ON b.account = a.number"
        " GROUP BY a.number, a.label_fr, a.label_en ORDER BY a.number"
    )


def insert_account(unit: UnitOfWork, number: str, label_fr: str, label_en: str) -> bool:
    """Add an account; False when its number is taken."""
    return (
        unit.run(
            "INSERT INTO ledger_account VALUES (:number, :fr, :en) ON CONFLICT DO NOTHING",
            number=number,
            fr=label_fr,
            en=label_en,
        ).rowcount
        == 1
    )


def rename_account(unit: UnitOfWork, number: str, label_fr: str, label_en: str) -> bool:
    """Name an account anew; False when there is none."""
    return (
        unit.run(
            "UPDATE ledger_account SET label_fr = :fr, label_en = :en WHERE number = :number",
            number=number,
            fr=label_fr,
            en=label_en,
        ).rowcount
        == 1
    )


def first_entry_day(unit: UnitOfWork) -> date | None:
    """The day of the earliest entry."""
    found: date | None = unit.scalar("SELECT min(day) FROM ledger_entry")
    return found


def holds(unit: UnitOfWork, state: str) -> list[Row[Any]]:
    """(party, key, amount_cents, state, placed_at, ended_at) of the 500 newest holds in a state."""
    return unit.all(
        "SELECT coalesce(party_name(org_id), '') AS party, idempotency_key AS key, amount_cents, state, placed_at,"
        " ended_at FROM ledger_hold WHERE state = :state ORDER BY id DESC LIMIT 500",
        state=state,
    )


def accounts(unit: UnitOfWork) -> list[Row[Any]]:
    """number, label_fr, label_en of every account."""
    return unit.all("SELECT number, label_fr, label_en FROM ledger_account ORDER BY number")


def _with_lines(unit: UnitOfWork, rows: Sequence[Row[Any]]) -> list[Entry]:
    lines: dict[int, list[Line]] = {row.id: [] for row in rows}
    for line in unit.all(
        "SELECT entry_id, account, debit_cents, credit_cents, org_id FROM ledger_posting"
        " WHERE entry_id = ANY (:ids) ORDER BY entry_id, line",
        ids=list(lines),
    ):
        lines[line.entry_id].append(Line(line.account, line.debit_cents, line.credit_cents, line.org_id))
    return [Entry(**row._mapping, lines=tuple(lines[row.id])) for row in rows]
