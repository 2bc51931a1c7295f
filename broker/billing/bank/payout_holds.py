"""Suspicion of fraud: payouts to an organisation are held until two people have looked and said that they may go."""

from __future__ import annotations

from broker.accounts.store import party_id
from broker.audit.record import record
from broker.billing.bank import hold_store as store
from broker.billing.bank.hold_store import PayoutHold
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code


def hold_payouts(unit: UnitOfWork, org_code: str, reason: str) -> PayoutHold:
    """Hold what is paid to an organisation. Raises `InvalidInput` (`bad_hold`), `Conflict` (`held_already`)."""
    unit.actor.require("accountant", "broker")
    org_id = party_id(unit, org_code)
    if org_id is None:
        raise NotFound(f"There is no organisation {org_code!r}.", field="organisation")
    if store.standing(unit, org_id) is not None:
        raise Conflict("Payouts to this organisation are held already.", code="held_already")
    code = new_code("phold")
    store.insert(unit, code, org_id, _written(reason))
    record(unit, "payout.held", "payout_hold", code, organisation=org_code)
    return find_hold(unit, code)


def clear_hold(unit: UnitOfWork, code: str, finding: str) -> PayoutHold:
    """The first person says what was found. Said again by another one it replaces the first word."""
    unit.actor.require("accountant", "broker")
    unit.actor.require_person()
    found = _standing(unit, code)
    store.clear(unit, found.id, _written(finding))
    record(unit, "payout_hold.cleared", "payout_hold", code)
    return find_hold(unit, code)


def release_hold(unit: UnitOfWork, code: str) -> PayoutHold:
    """A second person, other than who cleared and who held, lets payouts go. Raises `Forbidden` (`four_eyes`),
    `Conflict` (`hold_not_cleared`)."""
    unit.actor.require("accountant", "broker")
    user = unit.actor.require_person()
    found = _standing(unit, code)
    if found.cleared_by is None:
        raise Conflict("First somebody says what was found; then another person releases.", code="hold_not_cleared")
    if user in (found.cleared_by, found.held_by):
        raise Forbidden("Whoever held or cleared cannot release: another person must.", code="four_eyes")
    store.release(unit, found.id, user)
    record(unit, "payout_hold.released", "payout_hold", code)
    return find_hold(unit, code)


def list_holds(unit: UnitOfWork) -> list[PayoutHold]:
    """Holds, those that stand first."""
    unit.actor.require("accountant", "broker")
    return store.holds(unit)


def find_hold(unit: UnitOfWork, code: str) -> PayoutHold:
    """One hold."""
    found = store.hold(unit, code)
    if found is None:
        raise NotFound(f"There is no hold {code!r}.")
    return found


def _standing(unit: UnitOfWork, code: str) -> PayoutHold:
    found = find_hold(unit, code)
    if found.released_at is not None:
        raise Conflict("This hold is over.", code="hold_over")
    return found


def _written(text: str) -> str:
    text = " ".join(text.split())
    if not 1 <= len(text) <= 500:
        raise InvalidInput("Say why, in 500 letters at most.", code="bad_hold", field="reason")
    return text
