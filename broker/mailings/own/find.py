"""Look up own mailings."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.mailings.own import store
from broker.mailings.own.model import OwnMailing, OwnPart, OwnVariant


def find_own_mailing(unit: UnitOfWork, code: str, *, lock: bool = False) -> OwnMailing:
    """One of the actor's own mailings; operators reach all of them."""
    unit.actor.require("owner")
    own = store.by_code(unit, code, lock=lock)
    if own is None or (unit.actor.role != "system" and own.org_id != unit.actor.org):
        raise NotFound("There is no such own mailing.", code="own_mailing_not_found")
    return own


def list_own_mailings(unit: UnitOfWork) -> list[OwnMailing]:
    """The actor's own mailings, the newest first; operators see all."""
    unit.actor.require("owner")
    return store.of_everybody(unit) if unit.actor.role == "system" else store.of_actor(unit)


def variants_of(unit: UnitOfWork, own: OwnMailing) -> list[OwnVariant]:
    """Its segments and messages in their order."""
    return store.variants(unit, own.id)


def parts_of(unit: UnitOfWork, own: OwnMailing) -> list[OwnPart]:
    """What its runs made, the newest day first."""
    return store.parts(unit, own.id)
