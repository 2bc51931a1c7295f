"""What an import would do with a file of contacts, row by row, without a database.

`FileCheck` is the part that the import shares: it opens the stream, decides columns, and yields checked blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from broker.bases.check_email import find_typos
from broker.bases.check_rows import CheckedRows, RowChecker
from broker.bases.fields import IGNORE, TRAIT
from broker.bases.findings import Findings
from broker.bases.propose_mapping import propose_mapping, still_fitting
from broker.bases.read_table import Block, TableReader
from broker.bases.reading import AS_FOUND, Reading
from broker.bases.refused_columns import refused_columns
from broker.bases.rejects import RejectsFile, rejected
from broker.bases.seen import Seen
from broker.bases.sensitive import NearMiss, decided, header_to_review
from broker.bases.traits import Type
from broker.kernel.errors import InvalidInput

REFUSED = "refused"
Mask = npt.NDArray[np.bool_]
Progress = Callable[["CheckResult"], None]


@dataclass(slots=True)
class CheckResult:
    """The outcome so far. rows = accepted + rejected + duplicates."""

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    rentable: int = 0
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""  # of a workbook of several: which one was read
    columns: dict[str, str] = field(default_factory=dict)
    refused_columns: list[dict[str, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: dict[str, int] = field(default_factory=dict)
    normalised: dict[str, int] = field(default_factory=dict)
    typos: list[dict[str, Any]] = field(default_factory=list)
    near_misses: dict[str, list[str]] = field(default_factory=dict)
    done_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The keys of `courtier base check --json`."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "rentable": self.rentable,
            **{key: value for key, value in self.summary().items() if key != "headers"},
        }

    def summary(self) -> dict[str, Any]:
        """What an import run keeps beside its counters."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            **({"sheet": self.sheet} if self.sheet else {}),
            "columns": self.columns,
            "headers": list(self.columns),  # in the file's order, which a JSON object does not keep
            "refused_columns": self.refused_columns,
            "reasons": dict(self.reasons),
            "warnings": self.warnings,
            "normalised": self.normalised,
            "typos": self.typos,
            "near_misses": self.near_misses,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """One block: its raw cells, the checked rows, which repeat an earlier one, and those kept."""

    block: Block
    rows: CheckedRows
    duplicate: Mask
    kept: Mask


class FileCheck:
    """Checks one file of contacts from a readable stream.

    `verdicts` (header → verdict, category, reason) are the broker's on columns of earlier files, `reading` is
    the owner's word on how to read it. Raises `InvalidInput` where the file is no table of contacts at all.
    """

    def __init__(
        self,
        stream: BinaryIO,
        mapping: Mapping[str, str] | None,
        today: date,
        adult_age: int = 18,
        remembered: Mapping[str, str] | None = None,
        verdicts: Mapping[str, tuple[str, str, str]] | None = None,
        reading: Reading = AS_FOUND,
    ) -> None:
        self.reader = TableReader(stream, reading)
        headers = self.reader.headers
        samples = {header: [row[at] for row in self.reader.sample_rows] for at, header in enumerate(headers)}
        self.samples = samples
        self._refused = refused_columns(headers, samples)
        self._verdicts = verdicts or {}
        for header in headers:
            verdict, category, reason = self._verdicts.get(header, ("", "", ""))
            if verdict == "refused":
                self._refused.setdefault(header, decided(category, reason))
        self.near: dict[str, NearMiss] = {}  # columns for the broker to look at, after `finish`
        if mapping is None:
            mapping = {}
        allowed = [header for header in headers if header not in self._refused]
        given = {header: target for header, target in mapping.items() if header not in self._refused}
        known = still_fitting(remembered or {}, allowed, given)
        self.mapping = propose_mapping(allowed, samples, "contacts", {**known, **given})
        if "email" not in self.mapping.values():
            raise InvalidInput(
                "The file has no column of e-mail addresses. Its columns are: "
                f"{', '.join(headers[:12])}{'…' if len(headers) > 12 else ''}. "
                'Name it with a mapping, for example --map "Column=email".',
                code="no_email_column",
            )
        self.names = dict(zip(headers, self.reader.names, strict=True))
        used = {header: target for header, target in self.mapping.items() if target != IGNORE}
        self.checker = RowChecker(self.names, used, samples, today, adult_age, reading)
        self.found = self.checker.nothing_found()
        self.result = CheckResult(delimiter=self.reader.delimiter)
        self.result.encoding = self.reader.encoding
        self.result.sheet = self.reader.source.sheet
        self._describe()

    def outcomes(self, marks: Callable[[CheckedRows], npt.NDArray[np.uint64]]) -> Iterator[Outcome]:
        """Checked blocks in the file's order. `marks` gives each usable row's 64-bit mark for finding duplicates.

        The first row of an address is kept, later ones are duplicates; a rejected row is never a duplicate.
        """
        seen = Seen()
        result = self.result
        for block in self.reader.blocks():
            rows = self.checker.check(block)
            usable = ~rows.rejected
            duplicate = np.zeros(len(usable), np.bool_)
            duplicate[usable] = seen.repeats(marks(rows))
            kept = usable & ~duplicate
            broken = len(block.broken)
            result.rows += len(usable) + broken
            result.accepted += int(kept.sum())
            result.duplicates += int(duplicate.sum())
            result.rejected += int(rows.rejected.sum()) + broken
            result.rentable += int((rows.rentable & kept).sum())
            self.take(rows.found)
            self.at(self.reader.source.bytes_read)
            yield Outcome(block, rows, duplicate, kept)
        self.finish()

    def take(self, found: Findings) -> None:
        """Take in what was met in a block."""
        self.found.add(found)
        self.result.reasons = self.found.reasons

    def at(self, done_bytes: int) -> None:
        """Say how far the file is read."""
        self.result.done_bytes = done_bytes
        self.result.encoding = self.reader.encoding

    def finish(self) -> None:
        """Settle what only the whole file tells: columns refused by their values, types, counters."""
        if not self.result.rows:
            raise InvalidInput("The file holds column names and no rows.", code="no_rows")
        for name, watch in self.found.watches.items():
            header = self.checker.headers[self.checker.traits.get(name) or self.checker.fields[name]]
            if finding := watch.finding():
                self._refused[header] = finding
            elif header not in self._verdicts and (near := watch.near_miss()):
                self.near[header] = near
                self.result.near_misses[header] = list(near.words)
        for header, target in self.mapping.items():
            asked = header_to_review(header) if target.startswith(TRAIT) else None
            if asked is not None and header not in self._refused and header not in self._verdicts:
                filled = self.found.watches[target.removeprefix(TRAIT)].filled
                self.near.setdefault(header, NearMiss(asked[0], (asked[1],), 0, filled))
                self.result.near_misses.setdefault(header, [asked[1]])
        found = self.found
        found.normalised["mixed_encoding_bytes"] = self.reader.source.mixed_encoding
        found.normalised["nul_bytes"] = self.reader.source.nul_bytes
        found.normalised["title_lines_skipped"] = self.reader.title_lines
        self.result.warnings = {code: times for code, times in sorted(found.warnings.items()) if times}
        self.result.normalised = {code: times for code, times in sorted(found.normalised.items()) if times}
        self.result.typos = [
            {"domain": wrong, "meant": right, "rows": times} for wrong, right, times in find_typos(found.domains)[:50]
        ]
        self._describe()

    @property
    def kept_traits(self) -> dict[str, Type]:
        """Trait name → type of the traits that stay, after `finish`."""
        kept: dict[str, Type] = {}
        for name, column in self.checker.traits.items():
            type_ = self.found.types[name].type()
            if self.checker.headers[column] not in self._refused and type_ is not None:
                kept[name] = type_
        return kept

    def _describe(self) -> None:
        columns = {}
        for header in self.reader.headers:
            target = self.mapping.get(header, REFUSED)
            if header in self._refused:
                target = REFUSED
            elif target.startswith(TRAIT) and self.found.types[target.removeprefix(TRAIT)].type() is None:
                target = IGNORE  # names people rather than groups them
            columns[header] = target
        self.result.columns = columns
        self.result.refused_columns = [finding.of_column(header) for header, finding in self._refused.items()]

    @property
    def refused_fields(self) -> set[str]:
        """Core fields among the refused columns, after `finish`."""
        return {target for header in self._refused if (target := self.mapping.get(header, TRAIT))[:6] != TRAIT}

    @property
    def refused_headers(self) -> set[str]:
        """Columns that nothing of may be stored or shown."""
        return set(self._refused)


def email_marks(rows: CheckedRows) -> npt.NDArray[np.uint64]:
    """Marks without keys, for the dry run: Python's own string hash, seeded afresh in every process."""
    emails = rows.email.filter(pa.array(~rows.rejected)).to_pylist()
    return np.fromiter(map(hash, emails), np.int64, len(emails)).view(np.uint64)


def check_file(
    path: Path,
    mapping: Mapping[str, str] | None = None,
    rejects: Path | None = None,
    progress: Progress | None = None,
    *,
    today: date,
    adult_age: int = 18,
    reading: Reading = AS_FOUND,
) -> CheckResult:
    """Check the file at `path`. `rejects` gets every rejected row whole, with its line and all its reasons."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", code="unreadable_file") from None
    with stream:
        file_check = FileCheck(stream, mapping, today, adult_age, reading=reading)
        writer = RejectsFile(rejects, file_check.reader.headers) if rejects else None
        try:
            for outcome in file_check.outcomes(email_marks):
                if writer is not None:
                    writer.write(rejected(outcome.block, outcome.rows, file_check.reader.headers, (), whole=True))
                if progress is not None:
                    progress(file_check.result)
        finally:
            if writer is not None:
                writer.close()
        return file_check.result
