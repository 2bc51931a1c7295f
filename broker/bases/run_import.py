"""The import job: an opened upload read in blocks, checked, sealed and written; then the snapshot build is asked for.

A job may die at any moment and be run again: it begins anew and arrives at the same rows. Imports of one base wait
for each other. An import adds and renews contacts; it never lifts an opt-out, which hangs on the contact's key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError

from broker.audit.record import record
from broker.bases import import_store, mapping_store, review_store, store
from broker.bases.check import CheckResult, FileCheck, Outcome, rejected_rows
from broker.bases.check_rows import CheckedRows
from broker.bases.dates import NOT_READ
from broker.bases.finish_import import finish
from broker.bases.import_purchases import read_purchases
from broker.bases.masks import mask
from broker.bases.model import ImportRun
from broker.bases.open_upload import opened_upload
from broker.bases.reading import Reading
from broker.bases.receive import destroy_ended_uploads
from broker.bases.sealed_text import merged_text, sealed_texts
from broker.bases.stage import Staging, staged_rows
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import CourtierError, Unavailable
from broker.kernel.settings import Settings
from broker.vault.blind_index import contact_keys, md5_keys, reference_keys, sha256_keys
from broker.vault.data_keys import current_data_key, data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row
from broker.vault.seal import seal_rows

Follow = Callable[[CheckResult, Outcome | None], None]
_MASKED_COLUMNS = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Cancelled(Exception):
    """The owner stopped the import."""


def run_import(
    database: Database, worker_keys: WorkerKeys, settings: Settings, import_id: int, follow: Follow | None = None
) -> None:
    """Run the import `import_id` of contacts or purchases to the point where its snapshot can be built.

    A file that cannot be imported ends the import as failed with its sentence; nothing is raised for it. `follow`
    hears of each block, in the caller's process.
    """
    with database.begin() as unit:
        run = store.run_by_id(unit, import_id)
    if run is None:
        return
    with import_store.base_to_itself(database, run.base_id):
        with database.begin() as unit:
            if not import_store.begin_reading(unit, import_id):
                return
            upload = store.upload_by_id(unit, run.upload_id)
            remembered = mapping_store.remembered(unit, run.base_id, run.kind)
        try:
            with opened_upload(upload, worker_keys, settings) as stream:
                if run.kind == "contacts":
                    _ContactImport(database, worker_keys, settings, run, follow).read(stream, remembered)
                else:
                    read_purchases(database, worker_keys, run, stream, follow, remembered)
        except _Cancelled:
            pass
        except (Unavailable, DBAPIError, psycopg.OperationalError):
            raise  # the row still says reading: the job is asked for again
        except CourtierError as error:
            with database.begin() as unit:
                import_store.fail(unit, import_id, error.sentence)
                record(unit, "import.failed", "import", run.code, code=error.code)
        except Exception:
            # A fault of ours would come again with every attempt: the owner is told, the fault is logged by the job.
            with database.begin() as unit:
                import_store.fail(unit, import_id, "Something unforeseen stopped this import. We have been told.")
                record(unit, "import.failed", "import", run.code, code="fault")
            raise
        with database.begin() as unit:
            destroy_ended_uploads(unit, settings)


class _ContactImport:
    """One run over one file of contacts."""

    def __init__(
        self, database: Database, keys: WorkerKeys, settings: Settings, run: ImportRun, follow: Follow | None
    ) -> None:
        self.database, self.keys, self.settings, self.run, self.follow = database, keys, settings, run, follow
        self.sources: dict[str, int] = {}
        self.block_keys: list[bytes] = []
        self.kept_back = {field for field, policy in run.policies.items() if policy == "keep"}

    def read(self, stream: BinaryIO, remembered: dict[str, str]) -> None:
        """Read the file to its end and ask for the snapshot."""
        with self.database.begin() as unit:
            self.key_version, self.key = current_data_key(unit, self.keys, self.run.base_id)
            today = unit.today
            self.fresh = not import_store.base_has_contacts(unit, self.run.base_id)
            self.erasures = import_store.any_erasures(unit)
            verdicts = review_store.verdicts(unit, self.run.base_id)
        reading = Reading.of(self.run.reading)
        check = FileCheck(stream, self.run.mapping, today, self.settings.trade.adult_age, remembered, verdicts, reading)
        self.refused_at_first = check.refused_headers
        traits = list(check.checker.traits)
        staging = Staging(self.settings.state_dir / "staging", self.run.id, traits)
        try:
            for outcome in check.outcomes(self._marks):
                with self.database.begin() as unit:
                    self._write(unit, check, outcome, staging, traits)
                    if not import_store.report_progress(unit, self.run.id, check.result):
                        raise _Cancelled
                if self.follow is not None:
                    self.follow(check.result, outcome)
            self._forget_refused(check)
            lost = staging.finish(check.kept_traits, check.found.types, check.refused_fields)
        except BaseException:
            staging.discard()
            raise
        if lost:
            check.result.warnings["trait_value_of_other_type"] = lost
        with self.database.begin() as unit:
            if not finish(unit, self.run, check.result):
                staging.target.unlink(missing_ok=True)
                raise _Cancelled
            review_store.ask_for_reviews(unit, self.run.base_id, self.run.id, check.near)
        if self.follow is not None:
            self.follow(check.result, None)

    def _forget_refused(self, check: FileCheck) -> None:
        """What only the whole file showed to be forbidden goes from where its rows were put meanwhile."""
        if not (late := check.refused_headers - self.refused_at_first):
            return
        with self.database.begin() as unit:
            import_store.forget_columns(unit, self.run.id, sorted(late))
        after = 0
        while "reference" in check.refused_fields:
            with self.database.begin() as unit:
                rows = import_store.contacts_with_reference(unit, self.run.id, after, 5_000)
                if not rows:
                    return
                after = rows[-1].id
                base_id, resealed = self.run.base_id, []
                for row in rows:
                    text = json.loads(self._opened_text(unit, row))
                    text.pop("reference", None)
                    plain = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
                    key = self._key_of(unit, row.key_version)
                    resealed.append((row.id, seal_rows(key, base_id, row.key_version, [row.id], [plain])[0]))
                import_store.reseal_without_reference(unit, resealed)

    def _marks(self, rows: CheckedRows) -> npt.NDArray[np.uint64]:
        """The first half of each contact key tells duplicates; the keys are kept for the write that follows."""
        emails = rows.email.filter(pa.array(~rows.rejected)).to_pylist()
        self.block_keys = contact_keys(self.keys, emails)
        return np.frombuffer(b"".join(self.block_keys), np.uint64)[::2]

    def _write(self, unit: UnitOfWork, check: FileCheck, outcome: Outcome, staging: Staging, traits: list[str]) -> None:
        rows, kept = outcome.rows, outcome.kept
        # Of the usable rows' keys, those of the rows kept.
        keys = [key for key, keep in zip(self.block_keys, kept[~rows.rejected], strict=True) if keep]
        erased: set[bytes] = set()
        known = {} if self.fresh else import_store.known_contacts(unit, self.run.base_id, keys)
        erased = {key for key, row in known.items() if row.sealed is None}
        if self.erasures:
            erased |= import_store.erased_keys(unit, self.run.base_id, keys)
        if erased:
            kept, keys = self._set_erased_aside(check, outcome, keys, erased)
        if keys:
            self._write_contacts(unit, check, rows, kept, keys, known, staging, traits)
        import_store.withdraw_consents(unit, self.run.base_id, self._withdrawals(rows, kept))
        import_store.copy_rejects(unit, self.run.id, masked_rows(check, outcome))

    def _write_contacts(
        self, unit: UnitOfWork, check: FileCheck, rows: CheckedRows, kept: npt.NDArray[np.bool_], keys: list[bytes],
        known: dict[bytes, Row[Any]], staging: Staging, traits: list[str],
    ) -> None:  # fmt: skip
        mask_ = pa.array(kept)
        emails = rows.email.filter(mask_)
        addresses = emails.to_pylist()
        drawn = iter(import_store.draw_contact_ids(unit, len(keys) - sum(key in known for key in keys)))
        ids = [known[key].id if key in known else next(drawn) for key in keys]
        is_known = np.fromiter((key in known for key in keys), np.bool_, len(keys))
        texts = sealed_texts(emails, {name: values.filter(mask_) for name, values in rows.sealed.items()})
        blanks = [name for name in rows.sealed if self.run.policies.get(name) == "newest"]
        unchanged = 0
        for place in np.flatnonzero(is_known).tolist():
            held = self._opened_text(unit, known[keys[place]])
            texts[place] = merged_text(held, texts[place], blanks, self.kept_back)
            unchanged += texts[place] == held
        import_store.count_known(unit, self.run.id, int(is_known.sum()), unchanged)
        sealed = seal_rows(self.key, self.run.base_id, self.key_version, ids, texts)
        references = self._references(rows, mask_)
        sources = self._sources(unit, rows, kept)
        relations = rows.relation.filter(mask_)
        at = rows.consent.at[kept].tolist()
        whole = list(
            zip(
                ids,
                [self.run.base_id] * len(ids),
                keys,
                md5_keys(self.keys, addresses),
                sha256_keys(self.keys, addresses),
                references,
                [self.keys.pepper_version] * len(ids),
                [self.key_version] * len(ids),
                sealed,
                relations.to_pylist(),
                sources.to_pylist(),
                [_moment(seconds) for seconds in at],
                [_moment(seconds) for seconds in rows.consent.withdrawn_at[kept].tolist()],
                [self.run.id] * len(ids),
                strict=True,
            )
        )
        has_relation = "relation" in check.checker.fields
        import_store.copy_new_contacts(unit, (row for row, old in zip(whole, is_known, strict=True) if not old))
        if is_known.any():
            import_store.update_contacts(
                unit, (row for row, old in zip(whole, is_known, strict=True) if old), relation_given=has_relation
            )
        staging.add(
            staged_rows(rows, kept, np.array(ids, np.int64), keys, is_known, relations, sources, traits, has_relation)
        )

    def _withdrawals(self, rows: CheckedRows, kept: npt.NDArray[np.bool_]) -> dict[bytes, datetime]:
        """Who says no in a row that is not written: a repeated address, or a row rejected for another reason."""
        said = (rows.consent.withdrawn_at != NOT_READ) & ~kept & np.asarray(pc.is_valid(rows.email))
        if not said.any():
            return {}
        keys = contact_keys(self.keys, rows.email.filter(pa.array(said)).to_pylist())
        latest: dict[bytes, datetime] = {}
        for key, seconds in zip(keys, rows.consent.withdrawn_at[said].tolist(), strict=True):
            at = _EPOCH + timedelta(seconds=seconds)
            latest[key] = max(at, latest.get(key, at))
        return latest

    def _opened_text(self, unit: UnitOfWork, row: Row[Any]) -> bytes:
        return open_row(
            self._key_of(unit, row.key_version), self.run.base_id, row.key_version, row.id, bytes(row.sealed)
        )

    def _key_of(self, unit: UnitOfWork, version: int) -> bytes:
        return self.key if version == self.key_version else data_key(unit, self.keys, self.run.base_id, version)

    def _references(self, rows: CheckedRows, mask_: pa.Array) -> list[bytes | None]:
        if "reference" not in rows.sealed:
            return [None] * int(np.asarray(mask_).sum())
        texts = rows.sealed["reference"].filter(mask_).to_pylist()
        keys = reference_keys(self.keys, self.run.base_id, texts)
        return [key if text else None for key, text in zip(keys, texts, strict=True)]

    def _sources(self, unit: UnitOfWork, rows: CheckedRows, kept: npt.NDArray[np.bool_]) -> pa.Array:
        """The consent source of each kept row whose proof is whole."""
        encoded = rows.consent.source
        complete = rows.consent.complete & kept
        indices = np.asarray(encoded.indices)
        ids = np.zeros(len(encoded.dictionary), np.int64)
        for number in np.unique(indices[complete]).tolist():
            words = encoded.dictionary[number].as_py()
            if words not in self.sources:
                url, wording, form, version = words.split("\x1f")
                self.sources[words] = import_store.source_id(unit, self.run.base_id, url, wording, form, int(version))
            ids[number] = self.sources[words]
        return pa.array(ids[indices][kept], mask=~complete[kept])

    def _set_erased_aside(
        self, check: FileCheck, outcome: Outcome, keys: list[bytes], erased: set[bytes]
    ) -> tuple[npt.NDArray[np.bool_], list[bytes]]:
        """People who had themselves erased are rejected with that reason."""
        places = np.flatnonzero(outcome.kept)
        gone = np.zeros(len(outcome.kept), np.bool_)
        gone[places[[key in erased for key in keys]]] = True
        count, result = int(gone.sum()), check.result
        result.rentable -= int((outcome.rows.rentable & gone).sum())
        result.accepted -= count
        result.rejected += count
        result.reasons["erased_person"] += count
        outcome.rows.reasons["erased_person"] = gone
        np.logical_or(outcome.rows.rejected, gone, out=outcome.rows.rejected)
        return outcome.kept & ~gone, [key for key in keys if key not in erased]


def _moment(seconds: int) -> datetime | None:
    return None if seconds == NOT_READ else _EPOCH + timedelta(seconds=seconds)


def masked_rows(check: FileCheck, outcome: Outcome) -> Iterator[tuple[int, list[str], str]]:
    """(line, reasons, masked values as JSON) of a block's rejects; nothing of refused columns."""
    headers = [
        (place, header) for place, header in enumerate(check.reader.headers) if header not in check.refused_headers
    ][:_MASKED_COLUMNS]
    for item in outcome.block.broken:
        yield item.line, [item.code], "{}"
    for line, reasons, cells in rejected_rows(outcome):
        masked = {header: mask(cells[place]) for place, header in headers if cells[place].strip()}
        yield line, reasons, json.dumps(masked, ensure_ascii=False)
