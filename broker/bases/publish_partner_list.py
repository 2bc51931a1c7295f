"""Partner lists: versioned, public, named in every mail."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from broker.audit.record import record
from broker.bases import partner_store, store
from broker.bases.find_base import find_base
from broker.bases.model import PartnerName
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

__all__ = ["PartnerName", "current_partners", "extend_partner_list", "list_versions", "publish_partner_list"]


@dataclass(frozen=True, slots=True)
class PartnerOnList:
    """A name as it stands on a version; `is_advertiser` tells that it is an advertiser of this platform."""

    name: str
    sector: str | None
    is_advertiser: bool


@dataclass(frozen=True, slots=True)
class PartnerVersion:
    """One version and what it changed; the first one changed nothing."""

    version: int
    published_at: datetime
    partners: list[PartnerOnList]
    added: list[str]
    removed: list[str]


def publish_partner_list(unit: UnitOfWork, base_code: str, partners: list[PartnerName]) -> int:
    """Publish the whole list as the next version and return its number; consents name the version they were given to.

    A version is never changed: who was named to a person then is evidence (GDPR art. 7(1)).
    """
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    named = [PartnerName(partner.name.strip(), partner.advertiser, partner.sector) for partner in partners]
    if not named or not all(partner.name for partner in named):
        raise InvalidInput("A partner list names at least one partner.", code="no_partners", field="partners")
    twice = next((p.name for i, p in enumerate(named) if any(p.name == q.name for q in named[:i])), None)
    if twice:
        raise InvalidInput(f"'{twice}' stands twice on the list.", code="named_twice", field="partners")
    known = _known_advertisers(unit, named, "partners")
    version = store.add_partner_list(unit, base.id)
    store.add_partners(unit, base.id, version, [(p, known.get(p.advertiser or "")) for p in named])
    record(unit, "partner_list.published", "base", base.code, version=version, partners=len(named))
    return version


def extend_partner_list(
    unit: UnitOfWork, base_code: str, added: list[PartnerName], left_out: Collection[str] = ()
) -> int:
    """Publish the list in force with some partners more, and without others, as the next version.

    Whoever consented before does not know the added names: under the policy `named_after_notice` a notice tells them.
    """
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    version, present = store.latest_partners(unit, base.id)
    names = {partner.name for partner in present}
    unknown = sorted(set(left_out) - names)
    if unknown:
        raise InvalidInput(f"'{unknown[0]}' does not stand on the list.", code="not_on_list", field="left_out")
    fresh = [PartnerName(partner.name.strip(), partner.advertiser, partner.sector) for partner in added]
    fresh = [partner for partner in fresh if partner.name]
    kept = names - set(left_out)
    twice = next(
        (p.name for i, p in enumerate(fresh) if p.name in kept or any(p.name == q.name for q in fresh[:i])), None
    )
    if twice:
        raise InvalidInput(f"'{twice}' stands on the list already.", code="named_twice", field="added")
    if not fresh and not left_out:
        raise InvalidInput("Name at least one partner to add or to take off.", code="no_partners", field="added")
    if not fresh and not kept:
        raise InvalidInput("A partner list names at least one partner.", code="no_partners", field="left_out")
    known = _known_advertisers(unit, fresh, "added")
    version = store.add_partner_list(unit, base.id)
    partner_store.copy_partners(unit, base.id, version, list(left_out))
    store.add_partners(unit, base.id, version, [(p, known.get(p.advertiser or "")) for p in fresh])
    record(unit, "partner_list.published", "base", base.code, version=version, added=len(fresh), left_out=len(left_out))
    return version


def list_versions(unit: UnitOfWork, base_code: str) -> list[PartnerVersion]:
    """Every version, the newest first, with what it added to the one before and took off."""
    rows = partner_store.versions(unit, find_base(unit, base_code).id)
    lists = [
        (version, at, [PartnerOnList(row.name, row.sector, row.is_advertiser) for row in group if row.name])
        for (version, at), group in groupby(rows, lambda row: (row.version, row.published_at))
    ]
    found = []
    for number, (version, at, partners) in enumerate(lists):
        before = {p.name for p in lists[number + 1][2]} if number + 1 < len(lists) else set()
        now = {p.name for p in partners}
        first = number + 1 == len(lists)
        found.append(PartnerVersion(version, at, partners, [] if first else sorted(now - before), sorted(before - now)))
    return found


def current_partners(unit: UnitOfWork, base_code: str) -> tuple[int, list[PartnerName]]:
    """The newest version (0 before the first) and its names."""
    return store.latest_partners(unit, find_base(unit, base_code).id)


def _known_advertisers(unit: UnitOfWork, partners: list[PartnerName], field: str) -> dict[str, int]:
    """The ids of the advertisers that are named by code; refuses a code that is none."""
    codes = sorted({partner.advertiser for partner in partners if partner.advertiser})
    known = store.advertisers_by_code(unit, codes)
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise InvalidInput(
            f"'{unknown[0]}' is no advertiser of this platform. Leave its code out to name it all the same.",
            code="unknown_advertiser",
            field=field,
        )
    return known
