"""Count a rule on a base's current snapshot, for the operator's command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from broker.audience import store
from broker.audience.loaded import LoadedSnapshot
from broker.audience.references import checked_rule
from broker.audience.rule import Rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.settings import Settings


def count_base(
    unit: UnitOfWork, settings: Settings, base_code: str, rule: Rule, places: Sequence[int], today: date | None
) -> int:
    """How many contacts of the base the rule takes, before exclusions; `today` defaults to the shared clock's."""
    base_id = store.base_id(unit, base_code)
    if base_id is None:
        raise NotFound(
            f'"{base_code}" is neither a file nor the code of a base.', code="no_such_source", field="source"
        )
    row = store.current_snapshot(unit, base_id)
    if row is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    path = settings.state_dir / "snapshots" / row.file_name
    snapshot = LoadedSnapshot(row, path, settings.audience.memory_mb, settings.audience.threads)
    try:
        table = snapshot.table(today or unit.today)
        return table.count(checked_rule(unit, base_id, rule, table.columns, places))
    finally:
        snapshot.close()
