"""The queries of import jobs, as the worker's role."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.engine import Row

from broker.bases.check import CheckResult
from broker.bases.copy_rows import COLUMNS, COPY_HEAD, COPY_TAIL, copy_bytes
from broker.kernel.database import Database, UnitOfWork

_ONE_IMPORT_A_BASE = 0x62617365 << 32  # the advisory locks of imports: this number plus the base's


@contextmanager
def base_to_itself(database: Database, base_id: int) -> Iterator[None]:
    """Imports of one base wait for each other. The lock goes with its connection, so a killed worker frees it."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"key": _ONE_IMPORT_A_BASE + base_id}
        connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import came: blocks written, and the length of what was staged for them."""

    blocks: int
    staged_bytes: int


def begin_reading(unit: UnitOfWork, import_id: int) -> bool:
    """Take an import up; False where there is nothing to do."""
    return bool(
        unit.scalar(
            "UPDATE import_run SET state = 'reading', started_at = coalesce(started_at, app_now())"
            " WHERE id = :id AND state IN ('waiting', 'reading') RETURNING id",
            id=import_id,
        )
    )


def progress(unit: UnitOfWork, import_id: int) -> Progress | None:
    """Where an earlier attempt was stopped; None where it had not written a block."""
    row = unit.one("SELECT blocks, staged_bytes FROM import_progress WHERE import_id = :id", id=import_id)
    return Progress(row.blocks, row.staged_bytes) if row else None


def go_on(unit: UnitOfWork, import_id: int) -> None:
    """An import is taken up where it was stopped."""
    unit.run("UPDATE import_progress SET resumed = resumed + 1 WHERE import_id = :id", id=import_id)


def begin_anew(unit: UnitOfWork, import_id: int) -> None:
    """What an earlier attempt wrote is taken back (rejects, purchases, visits) or written over itself (contacts)."""
    unit.run(
        "UPDATE import_run SET done_bytes = 0, rows_read = 0, accepted = 0, rejected = 0, duplicates = 0, rentable = 0,"
        " outcome = '{}' WHERE id = :id",
        id=import_id,
    )
    unit.run("DELETE FROM import_progress WHERE import_id = :id", id=import_id)
    unit.run("DELETE FROM import_reject WHERE import_id = :id", id=import_id)
    unit.run("DELETE FROM purchase WHERE import_id = :id", id=import_id)
    unit.run("DELETE FROM visit WHERE import_id = :id", id=import_id)


def block_written(unit: UnitOfWork, import_id: int, staged_bytes: int) -> None:
    """One more block is in, in the transaction that writes it."""
    unit.run(
        "INSERT INTO import_progress (import_id, blocks, staged_bytes) VALUES (:id, 1, :bytes)"
        " ON CONFLICT (import_id) DO UPDATE SET blocks = import_progress.blocks + 1, staged_bytes = :bytes",
        id=import_id,
        bytes=staged_bytes,
    )


def report_progress(unit: UnitOfWork, import_id: int, result: CheckResult, *, whole: bool = False) -> bool:
    """Write the counters; False where the import was cancelled meanwhile. `whole` writes the summary, too."""
    return bool(
        unit.scalar(
            "UPDATE import_run SET done_bytes = :bytes, rows_read = :rows, accepted = :accepted, rejected = :rejected,"
            " duplicates = :duplicates, rentable = :rentable,"
            " summary = CASE WHEN :whole THEN CAST(:summary AS jsonb) ELSE summary END"
            " WHERE id = :id AND state = 'reading' RETURNING id",
            id=import_id,
            bytes=result.done_bytes,
            rows=result.rows,
            accepted=result.accepted,
            rejected=result.rejected,
            duplicates=result.duplicates,
            rentable=result.rentable,
            whole=whole,
            summary=json.dumps(result.summary()),
        )
    )


def count_known(unit: UnitOfWork, import_id: int, known: int, unchanged: int) -> None:
    """Add a block's accepted rows of people whom the base had, and of those what changed nothing in the vault.

    In the block's own transaction, so that a block counts once however often its worker died.
    """
    if known:
        unit.run(
            "UPDATE import_run SET outcome = jsonb_build_object("
            "'known', coalesce(CAST(outcome->>'known' AS bigint), 0) + :known,"
            " 'unchanged', coalesce(CAST(outcome->>'unchanged' AS bigint), 0) + :unchanged) WHERE id = :id",
            id=import_id,
            known=known,
            unchanged=unchanged,
        )


def move_to_building(unit: UnitOfWork, import_id: int) -> None:
    """All rows are in; the snapshot build ends the import."""
    unit.run("UPDATE import_run SET state = 'building' WHERE id = :id AND state = 'reading'", id=import_id)


def fail(unit: UnitOfWork, import_id: int, sentence: str, code: str) -> None:
    """The import ends with a sentence for the owner, and the code by which it is told in other languages."""
    unit.run(
        "UPDATE import_run SET state = 'failed', problem = :problem, ended_at = app_now(),"
        " summary = summary || jsonb_build_object('problem_code', CAST(:code AS text))"
        " WHERE id = :id AND state IN ('waiting', 'reading')",
        id=import_id,
        problem=sentence,
        code=code,
    )


def base_has_contacts(unit: UnitOfWork, base_id: int) -> bool:
    """Whether a row could be known already."""
    return bool(unit.scalar("SELECT EXISTS (SELECT 1 FROM contact WHERE base_id = :base)", base=base_id))


def known_contacts(unit: UnitOfWork, base_id: int, keys: Sequence[bytes]) -> dict[bytes, Row[Any]]:
    """The base's contacts among these keys: id, relation, key_version, sealed (None once erased)."""
    rows = unit.all(
        "SELECT contact_key, id, relation, key_version, sealed FROM contact"
        " WHERE base_id = :base AND contact_key = ANY(:keys)",
        base=base_id,
        keys=list(keys),
    )
    return {bytes(row.contact_key): row for row in rows}


def erased_keys(unit: UnitOfWork, base_id: int, keys: Sequence[bytes]) -> set[bytes]:
    """Keys of people who had themselves erased, from this base or everywhere: no file brings them back."""
    rows = unit.all(
        "SELECT contact_key FROM suppression WHERE contact_key = ANY(:keys) AND reason = 'erasure'"
        " AND (scope = 'everywhere' OR (scope = 'base' AND base_id = :base))",
        base=base_id,
        keys=list(keys),
    )
    return {bytes(row.contact_key) for row in rows}


def any_erasures(unit: UnitOfWork) -> bool:
    """Whether anybody was ever erased (else no key needs a look)."""
    return bool(unit.scalar("SELECT EXISTS (SELECT 1 FROM suppression WHERE reason = 'erasure')"))


def draw_contact_ids(unit: UnitOfWork, count: int) -> npt.NDArray[np.int64]:
    """Fresh numbers for new contacts."""
    drawn = unit.one(
        "SELECT min(n) AS first, max(n) AS last FROM"
        " (SELECT nextval('contact_id_seq') AS n FROM generate_series(1, :count)) d",
        count=count,
    )
    assert drawn is not None
    if not count or drawn.last - drawn.first + 1 == count:
        return np.arange(drawn.first or 0, (drawn.first or 0) + count, dtype=np.int64)
    # Somebody drew in between: each number by itself.
    numbers = unit.scalar("SELECT array(SELECT nextval('contact_id_seq') FROM generate_series(1, :count))", count=count)
    return np.array(numbers, np.int64)


def source_id(unit: UnitOfWork, base_id: int, url: str, wording: str, form: str, version: int) -> int:
    """The consent source of these words, made at its first appearance."""
    values = {"base": base_id, "url": url, "wording": wording, "form": form, "version": version}
    unit.run(
        "INSERT INTO consent_source (base_id, source_url, wording, form_version, partner_list_version)"
        " VALUES (:base, :url, :wording, :form, :version) ON CONFLICT DO NOTHING",
        **values,
    )
    found: int = unit.scalar(
        "SELECT id FROM consent_source WHERE base_id = :base AND source_url = :url AND wording = :wording"
        " AND form_version = :form AND partner_list_version = :version",
        **values,
    )
    return found


_COLUMNS = ", ".join(COLUMNS)

# What a row in hand (i) does to the consent of the contact it is about (c). A proof counts if it is later than what is
# held and than the last "no"; a "no" counts unless the consent held is the later.
_NEWER = (
    "(i.consent_source_id IS NOT NULL AND (c.consent_at IS NULL OR i.consent_at >= c.consent_at)"
    " AND (c.consent_withdrawn_at IS NULL OR i.consent_at > c.consent_withdrawn_at))"
)
_WITHDRAWS = (
    "(i.consent_withdrawn_at IS NOT NULL AND (c.consent_at IS NULL OR i.consent_withdrawn_at >= c.consent_at)"
    " AND (c.consent_withdrawn_at IS NULL OR i.consent_withdrawn_at > c.consent_withdrawn_at))"
)

_CONSENT_SET = (
    f"consent_source_id = CASE WHEN {_NEWER} THEN i.consent_source_id WHEN {_WITHDRAWS} THEN NULL"
    f" ELSE c.consent_source_id END,"
    f" consent_at = CASE WHEN {_NEWER} THEN i.consent_at WHEN {_WITHDRAWS} THEN NULL ELSE c.consent_at END,"
    f" consent_withdrawn_at = CASE WHEN {_WITHDRAWS} THEN i.consent_withdrawn_at ELSE c.consent_withdrawn_at END"
)


def copy_new_contacts(unit: UnitOfWork, tuples: pa.Array) -> None:
    """Contacts that the base did not have. The base's import lock keeps anybody else from adding the same."""
    _copy_tuples(unit, "contact", tuples)


def _copy_tuples(unit: UnitOfWork, table: str, tuples: pa.Array) -> None:
    if len(tuples):
        copied = f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT binary)"
        with unit.driver.cursor() as cursor, cursor.copy(copied) as copy:
            copy.write(COPY_HEAD)
            copy.write(copy_bytes(tuples))
            copy.write(COPY_TAIL)


def update_contacts(unit: UnitOfWork, tuples: pa.Array, *, relation_given: bool) -> None:
    """Contacts that the base had: sealed anew, the later word on consent kept, an erased one left alone.

    What it replaces of a consent goes to its history. Opt-outs are not touched: they hang on the contact's key, not on
    its row.
    """
    unit.run(
        f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {_COLUMNS} FROM contact WITH NO DATA"  # noqa: S608
    )
    _copy_tuples(unit, "incoming", tuples)
    _keep_history(unit, "incoming", "c.id = i.id AND c.sealed IS NOT NULL")
    unit.run(
        "UPDATE contact c SET sealed = i.sealed, key_version = i.key_version, import_id = i.import_id,"  # noqa: S608
        " reference_key = coalesce(i.reference_key, c.reference_key),"
        " relation = CASE WHEN :relation_given THEN i.relation ELSE c.relation END,"
        f" {_CONSENT_SET}, updated_at = app_now() FROM incoming i WHERE c.id = i.id AND c.sealed IS NOT NULL",
        relation_given=relation_given,
    )


def _keep_history(unit: UnitOfWork, rows: str, match: str, **values: object) -> None:
    """Put away what the table `rows` is about to replace of its contacts' consent."""
    joined = f"FROM contact c JOIN {rows} i ON {match}"
    unit.run(
        "INSERT INTO consent_event (contact_id, kind, at, source_id, import_id)"  # noqa: S608 - our own text
        f" SELECT c.id, 'given', c.consent_at, c.consent_source_id, c.import_id {joined}"
        f" WHERE c.consent_source_id IS NOT NULL AND c.consent_at IS NOT NULL AND ({_WITHDRAWS} OR"
        f" ({_NEWER} AND (i.consent_source_id, i.consent_at) IS DISTINCT FROM (c.consent_source_id, c.consent_at)))"
        f" UNION ALL SELECT c.id, 'withdrawn', c.consent_withdrawn_at, NULL, c.import_id {joined}"
        f" WHERE c.consent_withdrawn_at IS NOT NULL AND {_WITHDRAWS} ON CONFLICT DO NOTHING",
        **values,
    )


def withdraw_consents(unit: UnitOfWork, base_id: int, withdrawals: Mapping[bytes, datetime]) -> None:
    """A "no" that stands in rows that are not written themselves, repeated or rejected ones: contact key → moment."""
    if not withdrawals:
        return
    unit.run(
        "CREATE TEMP TABLE taken_back ON COMMIT DROP AS"
        " SELECT contact_key, consent_source_id, consent_at, consent_withdrawn_at FROM contact WITH NO DATA"
    )
    _copy(
        unit.driver,
        "COPY taken_back (contact_key, consent_withdrawn_at) FROM STDIN (FORMAT binary)",
        ("bytea", "timestamptz"),
        withdrawals.items(),
    )
    match = "c.base_id = :base AND c.contact_key = i.contact_key AND c.sealed IS NOT NULL"
    _keep_history(unit, "taken_back", match, base=base_id)
    unit.run(
        f"UPDATE contact c SET {_CONSENT_SET}, updated_at = app_now() FROM taken_back i"  # noqa: S608 - our own text
        f" WHERE {match} AND {_WITHDRAWS}",
        base=base_id,
    )


def copy_rejects(unit: UnitOfWork, import_id: int, rows: Iterable[tuple[int, list[str], str]]) -> None:
    """(line, reasons, masked values as JSON) of rejected rows."""
    with (
        unit.driver.cursor() as cursor,
        cursor.copy("COPY import_reject (import_id, line, reasons, masked) FROM STDIN") as copy,
    ):
        for line, reasons, masked in rows:
            copy.write_row((import_id, line, reasons, masked))


def _copy(driver: psycopg.Connection[Any], sql: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with driver.cursor() as cursor, cursor.copy(sql) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def contact_ids(unit: UnitOfWork, base_id: int, column: str, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Contacts by `contact_key` or `reference_key`; of several with one reference, the one seen last."""
    assert column in ("contact_key", "reference_key")
    rows = unit.all(
        f"SELECT {column} AS key, id FROM contact WHERE base_id = :base AND {column} = ANY(:keys)"  # noqa: S608
        " AND sealed IS NOT NULL ORDER BY id",
        base=base_id,
        keys=list(keys),
    )
    return {bytes(row.key): row.id for row in rows}


PurchaseRow = tuple[
    int,
    int,
    Any,
    int,
    int | None,
    str | None,
    str | None,
    str | None,
    str | None,
    int,
    int,
    str | None,
    Any,
    str | None,
]
_PURCHASE = (
    "base_id, contact_id, day, amount_cents, margin_cents, product, category, payment_means, shop, row_key, import_id,"
    " order_number, quantity, attributes"
)
VisitRow = tuple[int, int, Any, str | None, str | None, int, int]
_VISIT = "base_id, contact_id, day, shop, kind, row_key, import_id"


def copy_purchases(unit: UnitOfWork, rows: Iterable[PurchaseRow]) -> int:
    """Order lines, returns as negative amounts; a line that the base has already is left out. How many were new."""
    unit.run(f"CREATE TEMP TABLE bought ON COMMIT DROP AS SELECT {_PURCHASE} FROM purchase WITH NO DATA")  # noqa: S608
    unit.run("ALTER TABLE bought ALTER COLUMN attributes TYPE text")  # as the file's columns were put together
    _copy(
        unit.driver,
        f"COPY bought ({_PURCHASE}) FROM STDIN (FORMAT binary)",
        (
            "int8", "int8", "date", "int8", "int8", "text", "text", "text", "text", "int8", "int8", "text", "numeric",
            "text",
        ),
        rows,
    )  # fmt: skip
    return unit.run(
        f"INSERT INTO purchase ({_PURCHASE})"  # noqa: S608 - our own names
        f" SELECT {_PURCHASE.removesuffix('attributes')}CAST(attributes AS jsonb) FROM bought"
        " ON CONFLICT (base_id, row_key) DO NOTHING"
    ).rowcount


def copy_visits(unit: UnitOfWork, rows: Iterable[VisitRow]) -> int:
    """Visits; one that the base has already is left out. How many were new."""
    unit.run(f"CREATE TEMP TABLE came ON COMMIT DROP AS SELECT {_VISIT} FROM visit WITH NO DATA")  # noqa: S608
    _copy(
        unit.driver,
        f"COPY came ({_VISIT}) FROM STDIN (FORMAT binary)",
        ("int8", "int8", "date", "text", "text", "int8", "int8"),
        rows,
    )
    return unit.run(
        f"INSERT INTO visit ({_VISIT}) SELECT {_VISIT} FROM came"  # noqa: S608 - our own names
        " ON CONFLICT (base_id, row_key) DO NOTHING"
    ).rowcount


def forget_columns(unit: UnitOfWork, import_id: int, headers: Sequence[str]) -> None:
    """Take columns out of the masked rejects: what was refused after the rows were kept."""
    unit.run(
        "UPDATE import_reject SET masked = masked - CAST(:headers AS text[]) WHERE import_id = :id",
        id=import_id,
        headers=list(headers),
    )


def contacts_with_reference(unit: UnitOfWork, import_id: int, after: int, size: int) -> list[Row[Any]]:
    """Contacts that this import wrote last, by id: id, key_version, sealed."""
    return unit.all(
        "SELECT id, key_version, sealed FROM contact WHERE import_id = :import AND id > :after AND sealed IS NOT NULL"
        " AND reference_key IS NOT NULL ORDER BY id LIMIT :size",
        after=after,
        size=size,
        **{"import": import_id},
    )


def reseal_without_reference(unit: UnitOfWork, rows: Sequence[tuple[int, bytes]]) -> None:
    """Write rows sealed anew, and forget their references' keys."""
    unit.run_many(
        "UPDATE contact SET sealed = :sealed, reference_key = NULL WHERE id = :id AND sealed IS NOT NULL",
        [{"id": contact_id, "sealed": sealed} for contact_id, sealed in rows],
    )


def make_buyers_customers(unit: UnitOfWork, base_id: int, import_id: int) -> None:
    """Who bought is a customer."""
    unit.run(
        "UPDATE contact SET relation = 'customer' WHERE base_id = :base AND relation = 'prospect'"
        " AND id IN (SELECT contact_id FROM purchase WHERE import_id = :import)",
        base=base_id,
        **{"import": import_id},
    )
