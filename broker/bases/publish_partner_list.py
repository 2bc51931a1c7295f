"""Partner lists: versioned, public, named in every mail."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import store
from broker.bases.find_base import find_base
from broker.bases.model import PartnerName
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

__all__ = ["PartnerName", "current_partners", "publish_partner_list"]


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
    codes = sorted({partner.advertiser for partner in named if partner.advertiser})
    known = store.advertisers_by_code(unit, codes)
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise InvalidInput(
            f"'{unknown[0]}' is no advertiser of this platform. Leave its code out to name it all the same.",
            code="unknown_advertiser",
            field="partners",
        )
    version = store.add_partner_list(unit, base.id)
    store.add_partners(unit, base.id, version, [(p, known.get(p.advertiser or "")) for p in named])
    record(unit, "partner_list.published", "base", base.code, version=version, partners=len(named))
    return version


def current_partners(unit: UnitOfWork, base_code: str) -> tuple[int, list[PartnerName]]:
    """The newest version (0 before the first) and its names."""
    return store.latest_partners(unit, find_base(unit, base_code).id)
