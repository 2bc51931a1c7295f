"""Find bases."""

from __future__ import annotations

from broker.bases import store
from broker.bases.model import Base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def find_base(unit: UnitOfWork, code: str) -> Base:
    """The base of this code, if the actor may see it."""
    base = store.base_by_code(unit, code)
    if base is None:
        raise NotFound(f"There is no base '{code}'.", code="no_base", field="base")
    return base


def list_bases(unit: UnitOfWork) -> list[Base]:
    """All bases of the actor's organisation; of every one, for the platform's own staff."""
    return store.bases(unit)
