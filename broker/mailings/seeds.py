"""Seeds: control addresses of owner, advertiser and broker, put into each send to see that it arrives as agreed."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.mailings import store
from broker.mailings.model import SeedAddress
from broker.vault.blind_index import normalise
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message


def seed_info(org_id: int) -> str:
    """What a sealed seed address is bound to."""
    return f"seed address|{org_id}"


def add_seed_address(unit: UnitOfWork, front: FrontKeys, address: str) -> None:
    """Add a control address of the actor's organisation; sealed at once, it can only be opened by workers."""
    unit.actor.require("owner", "advertiser", "broker")
    plain = normalise(address)
    local, _, domain = plain.partition("@")
    if not local or "." not in domain or any(char.isspace() for char in plain):
        raise InvalidInput("This is not an e-mail address.", code="bad_address", field="address")
    store.add_seed(unit, unit.actor.org, seal_message(front, plain.encode(), seed_info(unit.actor.org)))
    record(unit, "seed.added", "organisation", unit.actor.org)


def list_seed_addresses(unit: UnitOfWork) -> list[SeedAddress]:
    """The control addresses of the actor's organisation, oldest first; nobody here can read them."""
    unit.actor.require("owner", "advertiser", "broker")
    return store.seeds_of_org(unit, unit.actor.org)
