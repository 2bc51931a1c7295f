"""What is asked of the database for requests of persons about their data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

RightsKind = Literal["access", "erasure"]


def confirm_request(unit: UnitOfWork, request_id: int, kind: RightsKind) -> bool:
    """Confirm a request whose link was mailed; False when it is over, was never made, or is of another kind."""
    confirmed: bool = unit.scalar("SELECT confirm_typed_request(:id, :kind)", id=request_id, kind=kind)
    return confirmed


def mark_mailed(unit: UnitOfWork, request_id: int) -> None:
    """The link has been mailed; the address is kept, sealed, until it is confirmed or over."""
    unit.run("UPDATE typed_request SET done_at = app_now(), mailed_at = app_now() WHERE id = :id", id=request_id)


def lock_confirmed(unit: UnitOfWork, request_id: int) -> tuple[RightsKind, str, bytes] | None:
    """(kind, base code or nothing, sealed address) of a confirmed request, locked; None once it is answered."""
    row = unit.one(
        "SELECT kind, base_code, sealed FROM typed_request"
        " WHERE id = :id AND confirmed_at IS NOT NULL AND sealed IS NOT NULL FOR UPDATE",
        id=request_id,
    )
    return None if row is None else (row.kind, row.base_code, bytes(row.sealed))


def forget_unconfirmed(unit: UnitOfWork, before: datetime) -> int:
    """Destroy the addresses of requests that were mailed before this time and never confirmed; how many."""
    return unit.run(
        "UPDATE typed_request SET sealed = NULL"
        " WHERE sealed IS NOT NULL AND confirmed_at IS NULL AND mailed_at < :before",
        before=before,
    ).rowcount


def language_of(unit: UnitOfWork, keys: Sequence[bytes]) -> str | None:
    """The language of the owner that knows one of these contact keys; None when nobody does."""
    language: str | None = unit.scalar(
        "SELECT o.language FROM contact c JOIN base b ON b.id = c.base_id JOIN organisation o ON o.id = b.org_id"
        " WHERE c.contact_key = ANY(:keys) AND c.sealed IS NOT NULL ORDER BY c.id LIMIT 1",
        keys=list(keys),
    )
    return language


def contacts_of(unit: UnitOfWork, keys: Sequence[bytes]) -> list[Row[Any]]:
    """The rows of a person in every base, with where the consent comes from and the current snapshot's file."""
    return unit.all(
        "SELECT c.id, c.base_id, c.key_version, c.sealed, c.relation, c.consent_at, c.consent_withdrawn_at,"
        " c.updated_at, b.code AS base_code, b.name AS base_name, o.name AS owner_name, s.source_url, s.wording,"
        " s.form_version, s.partner_list_version, f.file_name"
        " FROM contact c JOIN base b ON b.id = c.base_id JOIN organisation o ON o.id = b.org_id"
        " LEFT JOIN consent_source s ON s.id = c.consent_source_id LEFT JOIN snapshot f ON f.id = b.current_snapshot_id"
        " WHERE c.contact_key = ANY(:keys) AND c.sealed IS NOT NULL ORDER BY c.id",
        keys=list(keys),
    )


def purchases_of(unit: UnitOfWork, base_id: int, contact_id: int) -> list[Row[Any]]:
    """What a contact bought, as its owner told us."""
    return unit.all(
        "SELECT day, amount_cents, product, category, payment_means, shop FROM purchase"
        " WHERE base_id = :base AND contact_id = :contact ORDER BY day, id",
        base=base_id,
        contact=contact_id,
    )


def mails_of(unit: UnitOfWork, keys: Sequence[bytes]) -> list[Row[Any]]:
    """The mails a person was to get: when, from which base, for whom, what became of them, which links were clicked."""
    return unit.all(
        "SELECT coalesce(s.outcome_at, m.created_at) AS at, b.code AS base_code, a.name AS advertiser_name, s.state,"
        " s.bounced_at, (SELECT coalesce(json_agg(json_build_object('at', h.at, 'link', l.url, 'network_address',"
        "   host(h.ip), 'browser', h.user_agent) ORDER BY h.at), '[]')"
        "  FROM hit h LEFT JOIN creative_link l ON l.creative_id = m.creative_id AND l.number = h.link"
        "  WHERE h.mailing_id = s.mailing_id AND h.position = s.position) AS clicks"
        " FROM dispatch d JOIN send s ON s.dispatch_id = d.id AND s.contact_key = ANY(:keys)"
        " JOIN mailing m ON m.id = s.mailing_id JOIN base b ON b.id = m.base_id"
        " JOIN organisation a ON a.id = m.advertiser_id ORDER BY 1",
        keys=list(keys),
    )


def suppressions_of(unit: UnitOfWork, keys: Sequence[bytes]) -> list[Row[Any]]:
    """What a person must not be sent, and since when."""
    return unit.all(
        "SELECT s.scope, s.reason, s.at, b.code AS base_code, a.name AS advertiser_name FROM suppression s"
        " LEFT JOIN base b ON b.id = s.base_id LEFT JOIN organisation a ON a.id = s.advertiser_id"
        " WHERE s.contact_key = ANY(:keys) ORDER BY s.at",
        keys=list(keys),
    )
