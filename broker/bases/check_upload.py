"""Job: the dry run of an upload as it was planned. Nothing is written into the base, nothing leaves but counts and
masked rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from broker.bases import enrichment_store, import_store, mapping_store, plan_store, review_store, store
from broker.bases.check import CheckResult, FileCheck, Outcome
from broker.bases.check_purchases import PurchaseCheck
from broker.bases.check_rows import CheckedRows
from broker.bases.enrichment_model import UNKNOWN
from broker.bases.import_purchases import (
    add_counts,
    contacts_of_lines,
    counts_of_lines,
    masked_lines,
    require_contacts,
)
from broker.bases.imports_meet import masked_rows
from broker.bases.model import Upload
from broker.bases.open_upload import opened_upload
from broker.bases.reading import Reading
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, InvalidInput
from broker.kernel.settings import Settings
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys

MOST_ROWS = 500_000  # of a longer file the first so many are tried: the owner waits for it
REJECTS_SHOWN = 15


class _DecidedAnew(Exception):
    """The owner changed the plan: another dry run follows."""


def check_upload(database: Database, worker_keys: WorkerKeys, settings: Settings, upload_id: int) -> None:
    """Try an upload's plan and keep what was found. Harmless when run twice."""
    with database.begin() as unit:
        upload = store.upload_by_id(unit, upload_id)
        plan = plan_store.plan_of(unit, upload_id)
    if plan is None or plan.check_state not in ("waiting", "running") or upload.state != "received":
        return
    dry_run = DryRun(database, worker_keys, settings, upload, plan.revision)
    try:
        with opened_upload(upload, worker_keys, settings) as stream:
            if upload.kind == "contacts":
                dry_run.contacts(stream, plan.mapping, Reading.of(plan.reading))
            else:
                dry_run.lines(stream, plan.mapping, Reading.of(plan.reading))
        dry_run.report("done")
    except _DecidedAnew:
        return
    except CourtierError as error:
        with database.begin() as unit:
            plan_store.report_check(
                unit, upload_id, plan.revision, "failed", {"problem": error.sentence, "code": error.code}
            )


class DryRun:
    """One dry run: its counters, told to the plan's row after each block."""

    def __init__(self, database: Database, keys: WorkerKeys, settings: Settings, upload: Upload, revision: int) -> None:
        self.database, self.keys, self.settings, self.upload, self.revision = database, keys, settings, upload, revision
        self.result = CheckResult()
        self.known = self.erased = self.unknown = 0
        self.enriches = False
        self.whole = True
        self.rejects: list[dict[str, Any]] = []
        self.block_keys: list[bytes] = []

    def contacts(self, stream: BinaryIO, mapping: dict[str, str], reading: Reading) -> None:
        """Check the rows of contacts, and ask the base which of them it knows."""
        with self.database.begin() as unit:
            today = unit.today
            remembered = mapping_store.remembered(unit, self.upload.base_id, self.upload.kind)
            verdicts = review_store.verdicts(unit, self.upload.base_id)
            self.enriches = enrichment_store.upload_enriches(unit, self.upload.id)
        check = FileCheck(stream, mapping, today, self.settings.trade.adult_age, remembered, verdicts, reading)
        self.result = check.result
        self.report("running")
        outcomes = check.outcomes(self._marks)
        for outcome in outcomes:
            self._look(check, outcome)
            self.report("running")
            if self.result.rows >= MOST_ROWS:
                self.whole = False
                check.finish()
                break

    def lines(self, stream: BinaryIO, mapping: dict[str, str], reading: Reading) -> None:
        """Check purchases or visits, and ask the base whose they are. Lines that it holds already are told at the end
        of the import alone: only there it is known what stood in the file before.
        """
        with self.database.begin() as unit:
            today = unit.today
            remembered = mapping_store.remembered(unit, self.upload.base_id, self.upload.kind)
            require_contacts(unit, self.upload.base_id, self.upload.kind)
        check = PurchaseCheck(stream, mapping, today, remembered, reading, self.upload.kind)
        self.result = check.result
        self.report("running")
        for block in check.reader.blocks():
            lines = check.check(block)
            with self.database.begin() as unit:
                ids = contacts_of_lines(unit, self.keys, self.upload.base_id, lines)
            lines.reasons["unknown_customer"] = (ids == 0) & ~lines.reasons["no_customer"]
            add_counts(self.result, counts_of_lines(block, lines, held=0))
            self.result.done_bytes = check.reader.source.bytes_read
            self.rejects += _shown(masked_lines(check, block, lines), REJECTS_SHOWN - len(self.rejects))
            self.report("running")
            if self.result.rows >= MOST_ROWS:
                self.whole = False
                return
        if not self.result.rows:
            raise InvalidInput("The file holds column names and no rows.", code="no_rows")

    def _marks(self, rows: CheckedRows) -> npt.NDArray[np.uint64]:
        self.block_keys = contact_keys(self.keys, rows.email.filter(pa.array(~rows.rejected)).to_pylist())
        return np.frombuffer(b"".join(self.block_keys), np.uint64)[::2]

    def _look(self, check: FileCheck, outcome: Outcome) -> None:
        kept = outcome.kept[~outcome.rows.rejected]
        keys = [key for key, keep in zip(self.block_keys, kept, strict=True) if keep]
        with self.database.begin() as unit:
            known = import_store.known_contacts(unit, self.upload.base_id, keys)
            erased = {key for key, row in known.items() if row.sealed is None}
            erased |= import_store.erased_keys(unit, self.upload.base_id, keys)
        self.known += len(known.keys() - erased)
        self.erased += len(erased)
        if self.enriches:
            self.unknown += len(keys) - len(known)
        self.rejects += _shown(masked_rows(check, outcome), REJECTS_SHOWN - len(self.rejects))

    def report(self, state: str) -> None:
        """Keep the counters; ends the run where the owner decided anew."""
        result = self.result
        reasons = dict(result.reasons)
        if self.erased:
            reasons["erased_person"] = self.erased
        if self.unknown:
            reasons[UNKNOWN] = self.unknown
        gone = self.erased + self.unknown
        checked = {
            **result.summary(),
            "rows": result.rows,
            "accepted": result.accepted - gone,
            "rejected": result.rejected + gone,
            "duplicates": result.duplicates,
            "rentable": result.rentable,
            "reasons": reasons,
            "known": self.known,
            "whole": self.whole,
            "done_bytes": result.done_bytes,
            "rejects": self.rejects,
        }
        with self.database.begin() as unit:
            if not plan_store.report_check(unit, self.upload.id, self.revision, state, checked):
                raise _DecidedAnew


def _shown(rejects: Iterable[tuple[int, list[str], str]], most: int) -> Iterator[dict[str, Any]]:
    """Some rejected rows: line, reasons, masked values."""
    for line, reasons, masked in islice(rejects, max(0, most)):
        yield {"line": line, "reasons": reasons, "masked": json.loads(masked)}
