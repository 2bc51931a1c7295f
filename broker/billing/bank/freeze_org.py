"""A suspicion stops an organisation: it is neither paid nor can it book, until a second person ends the freeze."""

from __future__ import annotations

from broker.accounts.store import party_id
from broker.audit.record import record
from broker.billing.bank import freeze_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code


def freeze_organisation(unit: UnitOfWork, org_code: str, reason: str) -> str:
    """Freeze an organisation at once; returns the freeze's code. The database refuses its orders and payouts
    (constraint `org_frozen`). Raises `NotFound`, `InvalidInput` (`bad_reason`), `Conflict` (`frozen_already`)."""
    unit.actor.require("broker", "accountant")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 500:
        raise InvalidInput("Say why, in 500 letters at most.", code="bad_reason", field="reason")
    org_id = party_id(unit, org_code)
    if org_id is None:
        raise NotFound(f"There is no organisation {org_code!r}.", field="organisation")
    if store.standing(unit, org_id) is not None:
        raise Conflict("This organisation is frozen already.", code="frozen_already")
    code = new_code("frz")
    store.insert(unit, code, org_id, reason)
    record(unit, "organisation.frozen", "organisation", org_code, freeze=code)
    return code


def thaw_organisation(unit: UnitOfWork, org_code: str) -> None:
    """End a freeze: by another person than froze. Raises `Conflict` (`not_frozen`), `Forbidden` (`four_eyes`)."""
    unit.actor.require("broker", "accountant")
    org_id = party_id(unit, org_code)
    found = None if org_id is None else store.standing(unit, org_id)
    if found is None:
        raise Conflict(f"The organisation {org_code!r} is not frozen.", code="not_frozen")
    if found.frozen_by is not None and found.frozen_by == unit.actor.user_id:
        raise Forbidden("Whoever froze an organisation cannot end it: another person must.", code="four_eyes")
    store.end(unit, found.id)
    record(unit, "organisation.thawed", "organisation", org_code, freeze=found.code)
