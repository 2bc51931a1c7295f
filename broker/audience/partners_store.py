"""The queries of partner policies: which versions of a list name somebody, and who was told of later ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

# A notice counts for whoever got it (accepted and not bounced) as many days ago as it said it would.
_NOTICED = """
SELECT DISTINCT s.contact_id FROM partner_notice n JOIN mailing m ON m.id = n.mailing_id
JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
WHERE n.base_id = :base AND s.contact_id IS NOT NULL AND s.state = 'accepted' AND s.bounced_at IS NULL
  AND s.outcome_at <= app_now() - make_interval(days => n.wait_days)
  AND EXISTS (SELECT 1 FROM partner p WHERE p.base_id = n.base_id AND p.version = n.version
              AND (CAST(:advertiser AS bigint) IS NULL OR p.advertiser_id = :advertiser))
"""


def policy_of(unit: UnitOfWork, base_id: int) -> str:
    """A base's partner policy."""
    return str(unit.scalar("SELECT partner_policy FROM base WHERE id = :base", base=base_id))


def versions_naming(unit: UnitOfWork, base_id: int, advertiser_id: int | None) -> frozenset[int]:
    """The versions of the base's list that name this advertiser (anybody, if None)."""
    rows = unit.all(
        "SELECT DISTINCT version FROM partner WHERE base_id = :base"
        " AND (CAST(:advertiser AS bigint) IS NULL OR advertiser_id = :advertiser)",
        base=base_id,
        advertiser=advertiser_id,
    )
    return frozenset(row.version for row in rows)


def versions_of_sector(unit: UnitOfWork, base_id: int, advertiser_id: int) -> frozenset[int]:
    """The versions that name the advertiser's sector."""
    rows = unit.all(
        "SELECT DISTINCT p.version FROM partner p JOIN organisation o ON o.id = :advertiser"
        " WHERE p.base_id = :base AND p.sector = o.sector",
        base=base_id,
        advertiser=advertiser_id,
    )
    return frozenset(row.version for row in rows)


def noticed(unit: UnitOfWork, base_id: int, advertiser_id: int | None) -> NDArray[np.int64]:
    """Contacts to whom a notice announced this advertiser (anybody, if None), its waiting time over."""
    rows = unit.all(_NOTICED, base=base_id, advertiser=advertiser_id)
    return np.array([row.contact_id for row in rows], dtype=np.int64)


def told_of(unit: UnitOfWork, base_id: int, version: int) -> NDArray[np.int64]:
    """Contacts who are not told of a version again: its notice, or that of a later one, has left or will leave."""
    rows = unit.all(
        "SELECT DISTINCT s.contact_id FROM partner_notice n JOIN mailing m ON m.id = n.mailing_id"
        " JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
        " WHERE n.base_id = :base AND n.version >= :version AND s.contact_id IS NOT NULL AND s.bounced_at IS NULL"
        " AND s.state IN ('pending', 'claimed', 'attempting', 'deferred', 'accepted', 'uncertain')",
        base=base_id,
        version=version,
    )
    return np.array([row.contact_id for row in rows], dtype=np.int64)


def versions_missing_names(unit: UnitOfWork, base_id: int, version: int) -> frozenset[int]:
    """Earlier versions that lack a name of this one: whoever consented to them is to be told."""
    rows = unit.all(
        "SELECT l.version FROM partner_list l WHERE l.base_id = :base AND l.version < :version AND EXISTS ("
        " SELECT 1 FROM partner p WHERE p.base_id = :base AND p.version = :version AND NOT EXISTS ("
        "  SELECT 1 FROM partner q WHERE q.base_id = :base AND q.version = l.version AND q.name = p.name))",
        base=base_id,
        version=version,
    )
    return frozenset(row.version for row in rows)


def current_advertisers(unit: UnitOfWork, base_id: int) -> list[Row[tuple[int, str]]]:
    """(advertiser_id, name) of the advertisers of this platform on the list in force."""
    return unit.all(
        "SELECT p.advertiser_id, p.name FROM partner p WHERE p.base_id = :base AND p.advertiser_id IS NOT NULL"
        " AND p.version = (SELECT max(version) FROM partner_list WHERE base_id = :base) ORDER BY p.name",
        base=base_id,
    )


def current_version(unit: UnitOfWork, base_id: int) -> int:
    """The number of the list in force; 0 where there is none."""
    return int(unit.scalar("SELECT max(version) FROM partner_list WHERE base_id = :base", base=base_id) or 0)
