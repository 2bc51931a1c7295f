"""The public partner lists: the address that every mail and every consent form names."""

from __future__ import annotations

from dataclasses import replace

from broker.feedback import store
from broker.feedback.model import PublicPartnerLists
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def show_partners(unit: UnitOfWork, base_code: str) -> PublicPartnerLists:
    """All versions of a base's list, newest first, with what each changed; anybody may read them."""
    lists = store.public_partner_lists(unit, base_code)
    if lists is None:
        raise NotFound("There is no partner list at this address.")
    policy, announced = store.public_partner_policy(unit, base_code)
    versions = []
    for newer, older in zip(lists.versions, (*lists.versions[1:], None), strict=True):
        if older is not None:
            now, before = ({partner.name for partner in one.partners} for one in (newer, older))
            newer = replace(newer, added=tuple(sorted(now - before)), removed=tuple(sorted(before - now)))
        versions.append(replace(newer, announced=newer.version in announced))
    return replace(lists, versions=tuple(versions), policy=policy)
