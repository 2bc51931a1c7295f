"""Whom an advertiser's suppression files take out of a base: the queries."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork


def lists_in_use(unit: UnitOfWork, advertiser_id: int | None) -> tuple[int, ...]:
    """The advertiser's files that count now; towards nobody in particular, none."""
    if advertiser_id is None:
        return ()
    rows = unit.all(
        "SELECT id FROM suppression_list WHERE org_id = :org AND state = 'in_use' ORDER BY id", org=advertiser_id
    )
    return tuple(row.id for row in rows)


def listed_keys(unit: UnitOfWork, base_id: int, advertiser_id: int | None) -> list[bytes]:
    """Contact keys of the base's people whom these files name, in clear or as a hash."""
    lists = lists_in_use(unit, advertiser_id)
    if not lists:
        return []
    found = unit.all(
        " UNION ".join(
            f"SELECT c.contact_key FROM suppression_list_entry e JOIN contact c ON c.{index} = e.entry_key"  # noqa: S608 - ours
            " WHERE e.list_id = ANY(:lists) AND c.base_id = :base_id"
            for index in ("contact_key", "md5_key", "sha256_key")
        ),
        lists=list(lists),
        base_id=base_id,
    )
    return [bytes(row.contact_key) for row in found]
