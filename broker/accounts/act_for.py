"""A member of an agency chooses for which client it acts: from then on it is that advertiser, and sees no other."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from broker.accounts import mandate_store as store
from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden


def act_for(unit: UnitOfWork, session_code: str, client_code: str) -> None:
    """Have a session act for a client. The mandate is looked at again at each request: once it ends, so does this.

    `session_code` names the acting user's session. Raises `Forbidden` (`no_mandate`).
    """
    agency = unit.actor.agency_id if unit.actor.agency_id is not None else unit.actor.org
    client = store.mandated_advertiser(unit, agency, client_code)
    if client is None or not store.act_for(unit, UUID(session_code), client):
        raise _no_mandate(client_code)
    record(unit, "agency.acts_for", "organisation", client_code)


def act_for_nobody(unit: UnitOfWork, session_code: str) -> None:
    """Go back to the agency itself."""
    store.act_for(unit, UUID(session_code), None)


def acting_for(unit: UnitOfWork, actor: Actor, client_code: str) -> Actor:
    """The actor that an agency's person or program is when it acts for a client; raises `Forbidden` (`no_mandate`)."""
    client = None if actor.role != "agency" else store.mandated_advertiser(unit, actor.org, client_code)
    if client is None:
        raise _no_mandate(client_code)
    return replace(actor, role="advertiser", org_id=client, agency_id=actor.org_id)


def _no_mandate(client_code: str) -> Forbidden:
    return Forbidden(
        f"There is no mandate of today by which you act for {client_code!r}. Ask the advertiser to give you one.",
        code="no_mandate",
        field="client",
    )
