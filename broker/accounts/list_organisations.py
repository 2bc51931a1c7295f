"""All organisations, for staff."""

from __future__ import annotations

from broker.accounts import store
from broker.accounts.model import Organisation
from broker.kernel.database import UnitOfWork


def list_organisations(unit: UnitOfWork) -> list[Organisation]:
    """Every organisation by kind and name."""
    unit.actor.require("broker", "accountant")
    return store.organisations(unit)
