"""What imports of every kind share: who follows them, where their rows wait, how they are stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from broker.bases.check import CheckResult, FileCheck, Outcome
from broker.bases.rejects import RejectedRow, rejected
from broker.bases.stage import Staging
from broker.kernel.settings import Settings

Follow = Callable[[CheckResult, Sequence[RejectedRow]], None]


class Cancelled(Exception):
    """The owner stopped the import."""


def staging_of(settings: Settings, import_id: int) -> Staging:
    """Where the rows of this import wait."""
    return Staging(settings.state_dir / "staging", import_id)


def masked_rows(check: FileCheck, outcome: Outcome) -> Iterator[tuple[int, list[str], str]]:
    """(line, reasons, masked values as JSON) of a block's rejects; nothing of refused columns."""
    for row in rejected(outcome.block, outcome.rows, check.reader.headers, check.refused_headers, whole=False):
        yield row.line, row.reasons, row.masked
