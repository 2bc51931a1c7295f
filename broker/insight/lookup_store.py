"""Queries of a look-up, as the worker role."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def lock_lookup(unit: UnitOfWork, lookup_id: int) -> Row[Any] | None:
    """(base_id, sealed, file_name of the current snapshot) of a question without an answer."""
    return unit.one(
        "SELECT l.base_id, l.sealed, s.file_name FROM customer_lookup l JOIN base b ON b.id = l.base_id"
        " LEFT JOIN snapshot s ON s.id = b.current_snapshot_id"
        " WHERE l.id = :id AND l.state = 'waiting' AND l.sealed IS NOT NULL FOR UPDATE OF l",
        id=lookup_id,
    )


def contact_by_reference(unit: UnitOfWork, base_id: int, key: bytes, pepper_version: int) -> int | None:
    """The contact of a reference; of several, the one seen last."""
    found: int | None = unit.scalar(
        "SELECT id FROM contact WHERE base_id = :base AND reference_key = :key AND pepper_version = :version"
        " AND sealed IS NOT NULL ORDER BY updated_at DESC, id DESC LIMIT 1",
        base=base_id,
        key=key,
        version=pepper_version,
    )
    return found


def finish_lookup(unit: UnitOfWork, lookup_id: int, contact_id: int | None, found: dict[str, Any] | None) -> None:
    """The answer; what was asked is forgotten."""
    unit.run(
        "UPDATE customer_lookup SET sealed = NULL, state = :state, contact_id = :contact,"
        " found = CAST(:found AS jsonb) WHERE id = :id",
        id=lookup_id,
        state="not_found" if found is None else "found",
        contact=contact_id,
        found=None if found is None else json.dumps(found),
    )


def forget_lookups(unit: UnitOfWork, before: datetime) -> int:
    """Delete what was asked before a moment; how many."""
    return unit.run("DELETE FROM customer_lookup WHERE created_at < :before", before=before).rowcount


def purchases_of(unit: UnitOfWork, base_id: int, contact_id: int, most: int) -> list[Row[Any]]:
    """Lines of the purchase log, the newest first; negative amounts are returns."""
    return unit.all(
        "SELECT day, CASE WHEN amount_cents < 0 THEN 'return' ELSE 'purchase' END AS kind, amount_cents AS cents,"
        " product, category, shop, payment_means FROM purchase WHERE base_id = :base AND contact_id = :contact"
        " ORDER BY day DESC, id DESC LIMIT :most",
        base=base_id,
        contact=contact_id,
        most=most,
    )


def visits_of(unit: UnitOfWork, base_id: int, contact_id: int, most: int) -> list[Row[Any]]:
    """Visits without a purchase."""
    return unit.all(
        "SELECT day, 'visit' AS kind, shop, visit.kind AS way FROM visit WHERE base_id = :base"
        " AND contact_id = :contact ORDER BY day DESC LIMIT :most",
        base=base_id,
        contact=contact_id,
        most=most,
    )


def mails_of(unit: UnitOfWork, contact_id: int, most: int) -> list[Row[Any]]:
    """Mails that left, clicks that were a person's, ways out that were taken."""
    return unit.all(
        "WITH mails AS (SELECT s.dispatch_id, s.mailing_id, s.position, s.outcome_at, s.bounced_at, m.code, m.kind AS"
        " goal, o.name FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
        " JOIN organisation o ON o.id = m.advertiser_id WHERE s.contact_id = :contact AND s.state = 'accepted'"
        " ORDER BY s.outcome_at DESC LIMIT :most)"
        " SELECT outcome_at::date AS day, CASE WHEN bounced_at IS NULL THEN 'mail' ELSE 'bounce' END AS kind, code,"
        " goal, name FROM mails"
        " UNION ALL SELECT DISTINCT h.at::date, 'click', x.code, x.goal, x.name FROM mails x JOIN hit h"
        "  ON h.mailing_id = x.mailing_id AND h.position = x.position AND h.verdict = 'human'"
        " UNION ALL SELECT u.at::date, 'opt_out', x.code, x.goal, x.name FROM mails x JOIN opt_out u"
        "  ON u.dispatch_id = x.dispatch_id AND u.mailing_id = x.mailing_id AND u.position = x.position",
        contact=contact_id,
        most=most,
    )


def consents_of(unit: UnitOfWork, contact_id: int, most: int) -> list[Row[Any]]:
    """Consent as it stands, and what it was before."""
    return unit.all(
        "SELECT consent_at::date AS day, 'consent' AS kind FROM contact WHERE id = :contact AND consent_at IS NOT NULL"
        " UNION SELECT consent_withdrawn_at::date, 'withdrawn' FROM contact"
        "  WHERE id = :contact AND consent_withdrawn_at IS NOT NULL"
        " UNION SELECT at::date, CASE kind WHEN 'given' THEN 'consent' ELSE 'withdrawn' END FROM consent_event"
        "  WHERE contact_id = :contact LIMIT :most",
        contact=contact_id,
        most=most,
    )
