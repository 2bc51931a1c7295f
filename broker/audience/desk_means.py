"""What every question to the audience process works with: the base's snapshot, and who is left of a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from broker.audience import store
from broker.audience.exclusions import exclusion_reasons
from broker.audience.loaded import LoadedSnapshot, SnapshotCache
from broker.audience.model import EXCLUSIONS
from broker.audience.references import checked_rule
from broker.audience.rule import Rule
from broker.audience.scan import Scan
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.settings import Settings


@dataclass(frozen=True)
class DeskMeans:
    """The database as the worker's role, the settings, the snapshots in memory."""

    database: Database
    settings: Settings
    cache: SnapshotCache

    def snapshot(self, unit: UnitOfWork, base_id: int) -> LoadedSnapshot:
        """The base's current snapshot, loaded; raises `no_snapshot`."""
        row = store.current_snapshot(unit, base_id)
        if row is None:
            raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
        return self.cache.get(row)

    def left(
        self,
        unit: UnitOfWork,
        snapshot: LoadedSnapshot,
        rule: Rule,
        advertiser_id: int | None,
        send_on: date | None = None,
    ) -> Scan:
        """Who is left of a rule towards an advertiser (None: towards somebody), on a send date (None: whenever)."""
        checked = checked_rule(unit, snapshot.row.base_id, rule, snapshot.table(unit.today).columns)
        reasons = exclusion_reasons(unit, self.settings.trade, snapshot, advertiser_id, send_on=send_on)
        return snapshot.left(checked, unit.today, reasons, len(EXCLUSIONS))


def number(arguments: Mapping[str, Any], name: str) -> int:
    """A whole number of a question; raises `bad_question`."""
    value = arguments.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f'A question to the audience process needs the number "{name}".', code="bad_question")
    return value


def number_or_none(arguments: Mapping[str, Any], name: str) -> int | None:
    """A whole number of a question, or None."""
    return None if arguments.get(name) is None else number(arguments, name)


def day_or_none(arguments: Mapping[str, Any], name: str) -> date | None:
    """A day of a question as an ISO text, or None."""
    value = arguments.get(name)
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidInput("Write the day as 2026-01-31.", code="bad_day", field=name) from None
