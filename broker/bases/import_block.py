"""One block of an import, from its bytes to rows ready to be written: parsed, checked, keyed, sealed.

It needs nothing of the blocks beside it, so it is made by whatever process is free; what must go in the file's order
(who came first, what was committed) is left to the one that writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import Row

from broker.bases import import_store
from broker.bases.check_rows import CheckedRows, RowChecker
from broker.bases.copy_rows import ContactColumns, contact_tuples
from broker.bases.dates import NOT_READ
from broker.bases.enrichment_model import REPORTED_SEALED, UNKNOWN, sealed_change
from broker.bases.findings import Findings
from broker.bases.read_table import Block, Piece, TableParser
from broker.bases.reading import Reading
from broker.bases.rejects import RejectedRow, rejected
from broker.bases.sealed_text import merged_text, sealed_texts
from broker.bases.stage import packed, staged_rows
from broker.kernel.database import Database
from broker.vault.blind_index import Peppers, contact_keys, md5_keys, reference_keys, sha256_keys
from broker.vault.open import open_row
from broker.vault.seal import seal_rows

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a process needs for the blocks of one import. It holds keys and an address of the database: it goes
    through a pipe of our own and nowhere else.
    """

    import_id: int
    base_id: int
    headers: list[str]
    delimiter: str
    mapping: dict[str, str]  # of the columns used
    samples: dict[str, list[str]]
    refused: frozenset[str]  # headers
    today: date
    adult_age: int
    reading: Reading
    policies: dict[str, str]
    fresh: bool  # the base had no contact when the import began
    erasures: bool  # somebody was erased, somewhere
    whole_rejects: bool  # rejected rows are wanted with their cells
    peppers: Peppers = field(repr=False)
    key_version: int
    data_keys: Mapping[int, bytes] = field(repr=False)
    enriches: bool = False  # only contacts that the base has are taken


class LaneFault(Exception):
    """A process that makes blocks met a fault of ours; the text says where, without a value of any row."""


@dataclass(frozen=True, slots=True)
class DoneBlock:
    """What a block came to. Arrays named `usable…` have one entry for each row that no check rejected."""

    rows: int
    found: Findings
    rejects: list[RejectedRow]
    keys: bytes  # 16 bytes a usable row
    tuples: pa.Array  # usable rows as COPY takes them
    staged: bytes  # usable rows for the snapshot, packed
    known: Mask  # of the usable rows: the base had this person
    unchanged: Mask  # of these: nothing new for the vault
    rentable: Mask
    lines: Integers
    withdrawn: list[tuple[bytes, int, int]]  # key, seconds, which usable row (-1: a rejected one)
    changes: dict[str, npt.NDArray[np.int8]] = field(default_factory=dict)  # of an enrichment: sealed field → codes


class BlockMaker:
    """Makes blocks of one import, in any order."""

    def __init__(self, plan: Plan, database: Database) -> None:
        self.plan, self._database = plan, database
        self._parser = TableParser(plan.headers, plan.delimiter)
        names = dict(zip(plan.headers, self._parser.names, strict=True))
        self.checker = RowChecker(names, plan.mapping, plan.samples, plan.today, plan.adult_age, plan.reading)
        self._sources: dict[str, int] = {}
        self._kept_back = {name for name, policy in plan.policies.items() if policy == "keep"}

    def make(self, piece: Piece, fresh_ids: Integers) -> DoneBlock:
        """The block of a piece; `fresh_ids` are numbers for new contacts, at least as many as it has records."""
        block = self._parser.parse(piece) or self._parser.no_rows()
        rows = self.checker.check(block)
        usable = ~rows.rejected
        emails = rows.email.filter(pa.array(usable))
        addresses = emails.to_pylist()
        keys = contact_keys(self.plan.peppers, addresses)
        known = self._known(keys)
        gone = self._erased(keys, known)
        rejects = {"erased_person": gone}
        if self.plan.enriches:
            rejects[UNKNOWN] = np.fromiter((key not in known for key in keys), np.bool_, len(keys)) & ~gone
            gone = gone | rejects[UNKNOWN]
        if gone.any():
            for reason, mask in rejects.items():
                if mask.any():
                    rows.reasons[reason] = _spread(mask, usable)
                    rows.found.reasons[reason] += int(mask.sum())
                    np.logical_or(rows.rejected, rows.reasons[reason], out=rows.rejected)
            usable = ~rows.rejected
            emails = rows.email.filter(pa.array(usable))
            addresses = emails.to_pylist()
            keys = [key for key, left in zip(keys, (~gone).tolist(), strict=True) if left]
        return self._done(block, rows, usable, emails, addresses, keys, known, fresh_ids)

    def _done(
        self, block: Block, rows: CheckedRows, usable: Mask, emails: pa.Array, addresses: list[str], keys: list[bytes],
        known: Mapping[bytes, Row[Any]], fresh_ids: Integers,
    ) -> DoneBlock:  # fmt: skip
        plan, mask_ = self.plan, pa.array(usable)
        ids = fresh_ids[: len(keys)].copy()
        is_known = np.zeros(len(keys), np.bool_)
        unchanged = np.zeros(len(keys), np.bool_)
        texts = sealed_texts(emails, {name: values.filter(mask_) for name, values in rows.sealed.items()})
        changes = {
            name: np.zeros(len(keys), np.int8) for name in rows.sealed if plan.enriches and name in REPORTED_SEALED
        }
        if known:
            blanks = [name for name in rows.sealed if plan.policies.get(name) == "newest"]
            for place, key in enumerate(keys):
                if (row := known.get(key)) is not None:
                    ids[place], is_known[place] = row.id, True
                    held = open_row(
                        plan.data_keys[row.key_version], plan.base_id, row.key_version, row.id, bytes(row.sealed)
                    )
                    for name, codes in changes.items():
                        codes[place] = self._change(name, held, texts[place], blanks)
                    texts[place] = merged_text(held, texts[place], blanks, self._kept_back)
                    unchanged[place] = texts[place] == held
        sealed = seal_rows(plan.data_keys[plan.key_version], plan.base_id, plan.key_version, ids.tolist(), texts)
        sources = self._source_ids(rows, usable)
        relations = rows.relation.filter(mask_)
        tuples = contact_tuples(
            ContactColumns(
                ids,
                plan.base_id,
                b"".join(keys),
                b"".join(md5_keys(plan.peppers, addresses)),
                b"".join(sha256_keys(plan.peppers, addresses)),
                plan.peppers.pepper_version,
                plan.key_version,
                plan.import_id,
                np.asarray(pc.equal(relations, "customer")),
                sealed,
                self._references(rows, mask_, len(keys)),
                sources,
                rows.consent.at[usable],
                rows.consent.withdrawn_at[usable],
            )
        )
        has_relation = "relation" in self.checker.fields
        staged = staged_rows(
            rows, usable, ids, keys, is_known, relations, sources, list(self.checker.traits), has_relation
        )
        return DoneBlock(
            len(usable) + len(block.broken),
            rows.found,
            rejected(block, rows, plan.headers, plan.refused, whole=plan.whole_rejects),
            b"".join(keys),
            tuples,
            packed(staged),
            is_known,
            unchanged,
            rows.rentable[usable],
            rows.lines[usable],
            self._withdrawn(rows, usable),
            changes,
        )

    def _change(self, name: str, held: bytes, brought: bytes, blanks: Sequence[str]) -> int:
        before, after = json.loads(held).get(name, ""), json.loads(brought).get(name, "")
        return sealed_change(before, after, blank=name in blanks, keep=name in self._kept_back)

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, Row[Any]]:
        if self.plan.fresh or not keys:
            return {}
        with self._database.begin() as unit:
            return import_store.known_contacts(unit, self.plan.base_id, keys)

    def _erased(self, keys: Sequence[bytes], known: Mapping[bytes, Row[Any]]) -> Mask:
        """Who had themselves erased: no file brings them back."""
        erased = {key for key, row in known.items() if row.sealed is None}
        if self.plan.erasures and keys:
            with self._database.begin() as unit:
                erased |= import_store.erased_keys(unit, self.plan.base_id, keys)
        return np.fromiter((key in erased for key in keys), np.bool_, len(keys))

    def _references(self, rows: CheckedRows, mask_: pa.Array, size: int) -> list[bytes | None]:
        if "reference" not in rows.sealed:
            return [None] * size
        texts = rows.sealed["reference"].filter(mask_).to_pylist()
        made = reference_keys(self.plan.peppers, self.plan.base_id, texts)
        return [key if text else None for key, text in zip(made, texts, strict=True)]

    def _source_ids(self, rows: CheckedRows, usable: Mask) -> pa.Array:
        """The consent source of each usable row whose proof is whole; made at its first appearance."""
        encoded = rows.consent.source
        complete = rows.consent.complete & usable
        indices = np.asarray(encoded.indices)
        ids = np.zeros(max(1, len(encoded.dictionary)), np.int64)
        for number in np.unique(indices[complete]).tolist():
            words = encoded.dictionary[number].as_py()
            if words not in self._sources:
                url, wording, form, version = words.split("\x1f")
                with self._database.begin() as unit:
                    self._sources[words] = import_store.source_id(
                        unit, self.plan.base_id, url, wording, form, int(version)
                    )
            ids[number] = self._sources[words]
        return pa.array(ids[indices][usable], mask=~complete[usable])

    def _withdrawn(self, rows: CheckedRows, usable: Mask) -> list[tuple[bytes, int, int]]:
        """Who takes a consent back in this block: only rows that are not written need it, and only the writer knows
        which of them repeat an earlier one.
        """
        said = (rows.consent.withdrawn_at != NOT_READ) & np.asarray(pc.is_valid(rows.email))
        if not said.any():
            return []
        keys = contact_keys(self.plan.peppers, rows.email.filter(pa.array(said)).to_pylist())
        places = np.where(usable, np.cumsum(usable) - 1, -1)[said]
        return list(zip(keys, rows.consent.withdrawn_at[said].tolist(), places.tolist(), strict=True))


def _spread(chosen: Mask, among: Mask) -> Mask:
    """Entries of the rows `among`, as entries of all rows."""
    spread = np.zeros(len(among), np.bool_)
    spread[np.flatnonzero(among)[chosen]] = True
    return spread
