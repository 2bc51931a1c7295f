"""The fields that a rule over a base may name."""

from __future__ import annotations

from broker.audience.columns import Column
from broker.catalogue import store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def list_columns(unit: UnitOfWork, base_code: str) -> list[Column]:
    """The columns of the base's audience and what derives from them; none before its first import."""
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    return store.base_columns(unit, base.id) or []
