"""A base of the acting owner's, or a refusal."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.insight import store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def own_base(unit: UnitOfWork, base_code: str) -> Row[Any]:
    """(id, code, name, current_snapshot_id, columns); raises `forbidden`, `not_found`."""
    unit.actor.require("owner")
    found = store.base_of(unit, base_code)
    if found is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    return found
