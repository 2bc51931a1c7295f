"""The queries of partner lists' versions, policies and notices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def owner_name(unit: UnitOfWork, base_id: int) -> str:
    """The name of a base's owner."""
    return str(
        unit.scalar("SELECT o.name FROM base b JOIN organisation o ON o.id = b.org_id WHERE b.id = :id", id=base_id)
    )


def change_policy(unit: UnitOfWork, base_id: int, policy: str, statement: str) -> str | None:
    """Set the policy as the acting user; the former one, None where it may not sign."""
    former: str | None = unit.scalar(
        "SELECT change_partner_policy(:base, :policy, :statement)", base=base_id, policy=policy, statement=statement
    )
    return former


def policy_changes(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """from_policy, to_policy, statement, signed_by (name), at; the newest first."""
    return unit.all(
        "SELECT c.from_policy, c.to_policy, c.statement, u.name AS signed_by, c.at FROM partner_policy_change c"
        " JOIN app_user u ON u.id = c.signed_by WHERE c.base_id = :base ORDER BY c.id DESC",
        base=base_id,
    )


def versions(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """version, published_at, name, sector, is_advertiser: a row a name, the newest version first."""
    return unit.all(
        "SELECT l.version, l.published_at, p.name, p.sector, p.advertiser_id IS NOT NULL AS is_advertiser"
        " FROM partner_list l LEFT JOIN partner p ON p.base_id = l.base_id AND p.version = l.version"
        " WHERE l.base_id = :base ORDER BY l.version DESC, p.name",
        base=base_id,
    )


def copy_partners(unit: UnitOfWork, base_id: int, version: int, left_out: Sequence[str]) -> int:
    """Take the names of the version before into this one, but some; how many."""
    return unit.run(
        "INSERT INTO partner (base_id, version, advertiser_id, name, sector)"
        " SELECT base_id, :version, advertiser_id, name, sector FROM partner"
        " WHERE base_id = :base AND version = :version - 1 AND name <> ALL(:left_out)",
        base=base_id,
        version=version,
        left_out=list(left_out),
    ).rowcount


def add_notice(unit: UnitOfWork, code: str, base_id: int, version: int, creative_id: int, starts_at: datetime) -> int:
    """A notice that a worker will plan; its id."""
    notice_id: int = unit.scalar(
        "INSERT INTO partner_notice (code, base_id, version, creative_id, starts_at)"
        " VALUES (:code, :base, :version, :creative, :starts_at) RETURNING id",
        code=code,
        base=base_id,
        version=version,
        creative=creative_id,
        starts_at=starts_at,
    )
    return notice_id


def notices(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """code, version, created_at, starts_at, wait_days, mailing_code, state, ended_at, told; the newest first."""
    return unit.all(
        "SELECT n.code, n.version, n.created_at, n.starts_at, n.wait_days, m.code AS mailing_code,"
        " coalesce(m.state, 'waiting') AS state, m.ended_at, m.problem,"
        " (SELECT count(*) FROM send s WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
        "  AND s.state = 'accepted' AND s.bounced_at IS NULL AND NOT s.seed) AS told"
        " FROM partner_notice n LEFT JOIN mailing m ON m.id = n.mailing_id WHERE n.base_id = :base ORDER BY n.id DESC",
        base=base_id,
    )


def open_notice(unit: UnitOfWork, base_id: int, version: int) -> bool:
    """Whether a notice of this version is on its way."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM partner_notice n LEFT JOIN mailing m ON m.id = n.mailing_id"
            " WHERE n.base_id = :base AND n.version = :version"
            " AND coalesce(m.state, 'waiting') NOT IN ('sent', 'failed', 'cancelled'))",
            base=base_id,
            version=version,
        )
    )


def schedule_notice(unit: UnitOfWork, notice_id: int, code: str, seed: int, wait_days: int) -> int | None:
    """Dispatch and mailing of a notice, once; the mailing's id, None where there is nothing to plan."""
    mailing_id: int | None = unit.scalar(
        "SELECT schedule_notice(:notice, :code, :seed, :wait)",
        notice=notice_id,
        code=code,
        seed=seed,
        wait=wait_days,
    )
    return mailing_id
