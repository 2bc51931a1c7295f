"""The public partner lists: the address that every mail and every consent form names."""

from __future__ import annotations

from broker.feedback import store
from broker.feedback.model import PublicPartnerLists
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def show_partners(unit: UnitOfWork, base_code: str) -> PublicPartnerLists:
    """All versions of a base's list, newest first; anybody may read them."""
    lists = store.public_partner_lists(unit, base_code)
    if lists is None:
        raise NotFound("There is no partner list at this address.")
    return lists
