"""The import of one file of contacts: blocks made beside each other, written in the file's order.

Each block is one transaction: its rows, its rejects, the counters, and how far the import came. Only the first row of
an address is written; who repeats an earlier row is known by an 8-byte mark, 80 MB for ten million rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from broker.bases import enrichment_store, import_store, review_store
from broker.bases.check import FileCheck
from broker.bases.enrichment_model import counted
from broker.bases.fields import IGNORE
from broker.bases.findings import Findings
from broker.bases.finish_import import finish
from broker.bases.import_block import DoneBlock, Plan
from broker.bases.import_lanes import Work, lanes_for, made_blocks
from broker.bases.imports_meet import Cancelled, Follow, staging_of
from broker.bases.model import ImportRun, Upload
from broker.bases.reading import Reading
from broker.bases.seen import Seen
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.vault.blind_index import KEY_LENGTH, Peppers
from broker.vault.data_keys import current_data_key, data_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row
from broker.vault.seal import seal_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Mask = npt.NDArray[np.bool_]


class ContactImport:
    """One run over one file of contacts."""

    def __init__(
        self,
        database: Database,
        keys: WorkerKeys,
        settings: Settings,
        run: ImportRun,
        upload: Upload,
        follow: Follow | None,
    ) -> None:
        self._database, self._keys, self._settings, self._run, self._follow = database, keys, settings, run, follow
        self._upload = upload
        self._seen = Seen()
        self._staging = staging_of(settings, run.id)

    def read(self, stream: BinaryIO, remembered: dict[str, str]) -> None:
        """Read the file to its end and ask for the snapshot."""
        run = self._run
        with self._database.begin() as unit:
            today = unit.today
            verdicts = review_store.verdicts(unit, run.base_id)
            before = import_store.progress(unit, run.id)
        stopped = self._staging.resume(before.staged_bytes) if before is not None else None
        if stopped is not None:
            today = date.fromisoformat(stopped[0]["today"])
        check = FileCheck(
            stream, run.mapping, today, self._settings.trade.adult_age, remembered, verdicts, Reading.of(run.reading)
        )
        head = {"today": today.isoformat(), "mapping": check.mapping, "refused": sorted(check.refused_headers)}
        done = 0
        if before is not None and stopped is not None and {**stopped[0], "fresh": None} == {**head, "fresh": None}:
            done, fresh = before.blocks, bool(stopped[0]["fresh"])
            self._remember(check, stopped[1])
        else:
            with self._database.begin() as unit:
                import_store.begin_anew(unit, run.id)
                enrichment_store.forget_changes(unit, run.id)
                fresh = not import_store.base_has_contacts(unit, run.base_id)
            self._staging.begin({**head, "fresh": fresh})
        plan = self._plan(check, today, fresh=fresh)
        refused_at_first = check.refused_headers
        lanes = lanes_for(self._upload.size_bytes)
        for piece, block in made_blocks(plan, self._database, self._work(check, done), lanes):
            check.at(piece.done_bytes)
            self._write(check, block)
            if self._follow is not None:
                self._follow(check.result, block.rejects)
        check.finish()
        self._forget_refused(check, check.refused_headers - refused_at_first, plan)
        lost = self._staging.finish(check.kept_traits, check.found.types, check.refused_fields)
        if lost:
            check.result.warnings["trait_value_of_other_type"] = lost
        with self._database.begin() as unit:
            if not finish(unit, run, check.result):
                raise Cancelled
            review_store.ask_for_reviews(unit, run.base_id, run.id, check.near)
        self._staging.forget()
        if self._follow is not None:
            self._follow(check.result, ())

    def _plan(self, check: FileCheck, today: date, *, fresh: bool) -> Plan:
        run = self._run
        with self._database.begin() as unit:
            version, key = current_data_key(unit, self._keys, run.base_id)
            keys = {**data_keys(unit, self._keys, run.base_id), version: key}
            erasures = import_store.any_erasures(unit)
        return Plan(
            import_id=run.id,
            base_id=run.base_id,
            headers=check.reader.headers,
            delimiter=check.reader.delimiter,
            mapping={header: field for header, field in check.mapping.items() if field != IGNORE},
            samples=check.samples,
            refused=frozenset(check.refused_headers),
            today=today,
            adult_age=self._settings.trade.adult_age,
            reading=Reading.of(run.reading),
            policies=run.policies,
            fresh=fresh,
            erasures=erasures,
            whole_rejects=self._follow is not None,
            peppers=Peppers(dict(self._keys.peppers), self._keys.pepper_version),
            key_version=version,
            data_keys=keys,
            enriches=run.enriches,
        )

    def _remember(self, check: FileCheck, blocks: Iterator[Any]) -> None:
        """Take up what was found before the import was stopped."""
        result = check.result
        for block in blocks:
            check.take(Findings.of(block.found))
            counts = block.found["counts"]
            result.rows += counts["rows"]
            result.accepted += counts["accepted"]
            result.duplicates += counts["duplicates"]
            result.rejected += counts["rejected"]
            result.rentable += counts["rentable"]
            self._seen.repeats(np.frombuffer(block.marks, np.uint64))
        with self._database.begin() as unit:
            import_store.go_on(unit, self._run.id)

    def _work(self, check: FileCheck, done: int) -> Iterator[Work]:
        """Pieces that are still to be written, each with numbers for new contacts."""
        for number, piece in enumerate(check.reader.pieces()):
            if number < done:
                continue
            with self._database.begin() as unit:
                ids = import_store.draw_contact_ids(unit, len(piece.cut.starts))
            yield piece, ids

    def _write(self, check: FileCheck, block: DoneBlock) -> None:
        """One block, in one transaction."""
        marks = np.frombuffer(block.keys, np.uint64)[::2]
        kept = ~self._seen.repeats(marks)
        result, run_id = check.result, self._run.id
        counts = {
            "rows": block.rows,
            "accepted": int(kept.sum()),
            "duplicates": int((~kept).sum()),
            "rejected": len(block.rejects),
            "rentable": int((block.rentable & kept).sum()),
        }
        with self._database.begin() as unit:
            late = self._erased_meanwhile(unit, block, kept)
            if late.any():
                kept &= ~late
                gone = int(late.sum())
                counts["accepted"] -= gone
                counts["rejected"] += gone
                counts["rentable"] -= int((block.rentable & late).sum())
                block.found.reasons["erased_person"] += gone
                rejects = [(line, ["erased_person"], "{}") for line in block.lines[late].tolist()]
                import_store.copy_rejects(unit, run_id, rejects)
            check.take(block.found)
            for name, times in counts.items():
                setattr(result, name, getattr(result, name) + times)
            known = block.known & kept
            import_store.copy_new_contacts(unit, block.tuples.filter(pa.array(kept & ~block.known)))
            if known.any():
                import_store.update_contacts(
                    unit, block.tuples.filter(pa.array(known)), relation_given="relation" in check.checker.fields
                )
            if block.changes:
                changes = [counted(name, codes[known]) for name, codes in block.changes.items()]
                enrichment_store.add_changes(unit, run_id, self._run.base_id, changes)
            import_store.count_known(unit, run_id, int(known.sum()), int((block.unchanged & known).sum()))
            import_store.withdraw_consents(unit, self._run.base_id, _latest(block, kept))
            import_store.copy_rejects(unit, run_id, ((row.line, row.reasons, row.masked) for row in block.rejects))
            self._staging.add({**block.found.as_dict(), "counts": counts}, marks.tobytes(), kept, block.staged)
            import_store.block_written(unit, run_id, self._staging.size)
            if not import_store.report_progress(unit, run_id, result):
                raise Cancelled

    def _erased_meanwhile(self, unit: UnitOfWork, block: DoneBlock, kept: Mask) -> Mask:
        """Who had themselves erased after the block was looked up and before it is written."""
        late = np.zeros(len(kept), np.bool_)
        if import_store.any_erasures(unit):
            keys = [block.keys[at : at + KEY_LENGTH] for at in range(0, len(block.keys), KEY_LENGTH)]
            gone = import_store.erased_keys(unit, self._run.base_id, keys)
            if gone:
                late = np.fromiter((key in gone for key in keys), np.bool_, len(keys)) & kept
        return late

    def _forget_refused(self, check: FileCheck, late: set[str], plan: Plan) -> None:
        """What only the whole file showed to be forbidden goes from where its rows were put meanwhile."""
        if not late:
            return
        with self._database.begin() as unit:
            import_store.forget_columns(unit, self._run.id, sorted(late))
        after, base_id = 0, self._run.base_id
        while "reference" in check.refused_fields:
            with self._database.begin() as unit:
                rows = import_store.contacts_with_reference(unit, self._run.id, after, 5_000)
                if not rows:
                    return
                after = rows[-1].id
                resealed = []
                for row in rows:
                    key = plan.data_keys[row.key_version]
                    text = json.loads(open_row(key, base_id, row.key_version, row.id, bytes(row.sealed)))
                    text.pop("reference", None)
                    plain = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
                    resealed.append((row.id, seal_rows(key, base_id, row.key_version, [row.id], [plain])[0]))
                import_store.reseal_without_reference(unit, resealed)


def _latest(block: DoneBlock, kept: Mask) -> dict[bytes, datetime]:
    """Who says no in a row that is not written: a repeated address, or a row rejected for another reason."""
    latest: dict[bytes, datetime] = {}
    for key, seconds, place in block.withdrawn:
        if place < 0 or not kept[place]:
            at = _EPOCH + timedelta(seconds=seconds)
            latest[key] = max(at, latest.get(key, at))
    return latest
