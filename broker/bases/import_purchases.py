"""The import of order lines and of visits, matched to contacts by customer reference or address."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from broker.bases import import_store
from broker.bases.check import CheckResult
from broker.bases.check_purchases import TEXTS, TEXTS_OF, CheckedLines, PurchaseCheck
from broker.bases.finish_import import finish
from broker.bases.imports_meet import Cancelled, Follow, staging_of
from broker.bases.masks import mask
from broker.bases.model import ImportRun
from broker.bases.read_table import Block
from broker.bases.reading import Reading
from broker.bases.repeated_lines import RepeatedLines
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import Settings
from broker.vault.blind_index import contact_keys, reference_keys
from broker.vault.keyring import WorkerKeys

_EPOCH = date(1970, 1, 1)


def read_purchases(
    database: Database,
    keys: WorkerKeys,
    settings: Settings,
    run: ImportRun,
    stream: BinaryIO,
    follow: Follow | None,
    remembered: dict[str, str],
) -> None:
    """Read the file to its end and ask for the snapshot. A line of an unknown customer is rejected as such.

    As with contacts each block is one transaction, and an import that was killed goes on after the last of them.
    """
    staging = staging_of(settings, run.id)
    with database.begin() as unit:
        today = unit.today
        before = import_store.progress(unit, run.id)
        require_contacts(unit, run.base_id, run.kind)
    stopped = staging.resume(before.staged_bytes) if before is not None else None
    if stopped is not None:
        today = date.fromisoformat(stopped[0]["today"])
    check = PurchaseCheck(stream, run.mapping, today, remembered, Reading.of(run.reading), run.kind)
    head = {"today": today.isoformat(), "mapping": check.mapping}
    result, repeated, done = check.result, RepeatedLines(), 0
    if before is not None and stopped is not None and stopped[0] == head:
        done = before.blocks
        for written in stopped[1]:
            add_counts(result, written.found)
            repeated.again(written.marks)
        with database.begin() as unit:
            import_store.go_on(unit, run.id)
    else:
        with database.begin() as unit:
            import_store.begin_anew(unit, run.id)
        staging.begin(head)
    parser = check.reader.parser
    for number, piece in enumerate(check.reader.pieces()):
        if number < done:
            continue
        block = parser.parse(piece) or parser.no_rows()
        lines = check.check(block)
        with database.begin() as unit:
            ids = contacts_of_lines(unit, keys, run.base_id, lines)
            lines.reasons["unknown_customer"] = (ids == 0) & ~lines.reasons["no_customer"]
            kept = ~lines.rejected
            row_keys = repeated.keys(lines, ids, kept)
            if run.kind == "visits":
                added = import_store.copy_visits(unit, _visits(lines, ids, kept, run, row_keys))
            else:
                added = import_store.copy_purchases(unit, _rows(lines, ids, kept, run, row_keys))
            import_store.copy_rejects(unit, run.id, masked_lines(check, block, lines))
            # An export that overlaps the last one, or the same file again: what is held already is no new line.
            counts = counts_of_lines(block, lines, held=int(kept.sum()) - added)
            add_counts(result, counts)
            result.done_bytes = piece.done_bytes
            result.encoding = check.reader.encoding
            staging.add(counts, repeated.marks, np.zeros(0, np.bool_), b"")
            import_store.block_written(unit, run.id, staging.size)
            if not import_store.report_progress(unit, run.id, result):
                raise Cancelled
        if follow is not None:
            follow(result, ())
    if not result.rows:
        raise InvalidInput("The file holds column names and no rows.", code="no_rows")
    with database.begin() as unit:
        if run.kind == "purchases":
            import_store.make_buyers_customers(unit, run.base_id, run.id)
        if not finish(unit, run, result):
            raise Cancelled
    staging.forget()


def require_contacts(unit: UnitOfWork, base_id: int, kind: str) -> None:
    """Refuse lines before there is anybody that they could belong to."""
    if not import_store.base_has_contacts(unit, base_id):
        raise InvalidInput(
            f"{kind.capitalize()} belong to contacts, and this base has none yet. Import its contacts first.",
            code="no_contacts",
        )


def counts_of_lines(block: Block, lines: CheckedLines, held: int) -> dict[str, Any]:
    """What a block adds to the counters."""
    rejected = int(lines.rejected.sum())
    reasons = Counter(item.code for item in block.broken)
    reasons.update({code: times for code, reason in lines.reasons.items() if (times := int(reason.sum()))})
    size = len(lines.lines)
    return {
        "rows": size + len(block.broken),
        "rejected": rejected + len(block.broken),
        "accepted": size - rejected - held,
        "duplicates": held,
        "reasons": dict(reasons),
    }


def add_counts(result: CheckResult, counts: Mapping[str, Any]) -> None:
    """Add a block's counters."""
    for name in ("rows", "rejected", "accepted", "duplicates"):
        setattr(result, name, getattr(result, name) + counts[name])
    result.reasons.update(counts["reasons"])


def contacts_of_lines(
    unit: UnitOfWork, keys: WorkerKeys, base_id: int, lines: CheckedLines
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The contact of each line, 0 where there is none; the reference decides before the address."""
    ids = np.zeros(len(lines.lines), np.int64)
    for values, column in ((lines.reference, "reference_key"), (lines.email, "contact_key")):
        encoded = values.dictionary_encode()
        texts: list[str] = encoded.dictionary.to_pylist()
        filled = [text for text in texts if text]
        if not filled:
            continue
        made = reference_keys(keys, base_id, filled) if column == "reference_key" else contact_keys(keys, filled)
        found = import_store.contact_ids(unit, base_id, column, made)
        by_text = {text: found.get(key, 0) for text, key in zip(filled, made, strict=True)}
        table = np.array([by_text.get(text, 0) for text in texts], np.int64)
        ids = np.where(ids == 0, table[np.asarray(encoded.indices)], ids)
    return ids


def _rows(
    lines: CheckedLines,
    ids: np.ndarray[Any, np.dtype[np.int64]],
    kept: np.ndarray[Any, np.dtype[np.bool_]],
    run: ImportRun,
    row_keys: list[int],
) -> Any:
    mask_ = pa.array(kept)
    size = int(kept.sum())
    return zip(
        [run.base_id] * size,
        ids[kept].tolist(),
        _days(lines, kept),
        lines.amount_cents[kept].tolist(),
        lines.margin_cents.filter(mask_).to_pylist(),
        *(lines.texts[name].filter(mask_).to_pylist() for name in TEXTS),
        row_keys,
        [run.id] * size,
        lines.order_number.filter(mask_).to_pylist(),
        lines.quantity.filter(mask_).to_pylist(),
        lines.attributes.filter(mask_).to_pylist(),
        strict=True,
    )


def _visits(
    lines: CheckedLines,
    ids: np.ndarray[Any, np.dtype[np.int64]],
    kept: np.ndarray[Any, np.dtype[np.bool_]],
    run: ImportRun,
    row_keys: list[int],
) -> Any:
    mask_ = pa.array(kept)
    size = int(kept.sum())
    return zip(
        [run.base_id] * size,
        ids[kept].tolist(),
        _days(lines, kept),
        *(lines.texts[name].filter(mask_).to_pylist() for name in TEXTS_OF["visits"]),
        row_keys,
        [run.id] * size,
        strict=True,
    )


def _days(lines: CheckedLines, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> list[date]:
    days = {day: _EPOCH + timedelta(days=day) for day in np.unique(lines.days[kept]).tolist()}
    return [days[day] for day in lines.days[kept].tolist()]


def masked_lines(check: PurchaseCheck, block: Block, lines: CheckedLines) -> Any:
    """(line, reasons, masked values as JSON) of a block's rejected lines."""
    for item in block.broken:
        yield item.line, [item.code], "{}"
    numbers = np.flatnonzero(lines.rejected)
    columns = [column.to_pylist() for column in block.table.take(pa.array(numbers)).columns]
    for place, number in enumerate(numbers.tolist()):
        reasons = [code for code, reason in lines.reasons.items() if reason[number]]
        cells = {
            header: mask(column[place])
            for header, column in zip(check.reader.headers, columns, strict=True)
            if column[place].strip()
        }
        yield int(lines.lines[number]), reasons, json.dumps(cells, ensure_ascii=False)
