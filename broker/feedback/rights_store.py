"""What is asked of the database for requests of persons about their data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy.engine import Row

from broker.feedback.model import SendKey
from broker.kernel.database import UnitOfWork

RightsKind = Literal["access", "erasure", "portability", "correction"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it waits: a sealed address, or the send whose link was used (dispatch, mailing, position)."""

    id: int
    kind: str
    scope: str
    base_code: str
    partner: str
    sealed: bytes | None
    send: tuple[int, int, int] | None


def store_request(
    unit: UnitOfWork, kind: str, scope: str, base_code: str, partner: str, sealed: bytes | None, key: SendKey | None
) -> None:
    """Keep a request and ask for its matching: one statement, whatever was asked and by whom."""
    unit.run(
        "SELECT store_person_request(:kind, :scope, :base, :partner, :sealed, :dispatch, :mailing, :position)",
        kind=kind,
        scope=scope,
        base=base_code,
        partner=partner,
        sealed=sealed,
        dispatch=None if key is None else key.dispatch_id,
        mailing=None if key is None else key.mailing_id,
        position=None if key is None else key.position,
    )


def lock_asked(unit: UnitOfWork, request_id: int) -> Asked | None:
    """A request that waits to be matched, locked; None once it is done."""
    row = unit.one(
        "SELECT id, kind, scope, base_code, partner, sealed, dispatch_id, mailing_id, position FROM typed_request"
        " WHERE id = :id AND done_at IS NULL FOR UPDATE",
        id=request_id,
    )
    if row is None:
        return None
    send = None if row.dispatch_id is None else (row.dispatch_id, row.mailing_id, row.position)
    sealed = None if row.sealed is None else bytes(row.sealed)
    return Asked(row.id, row.kind, row.scope, row.base_code, row.partner, sealed, send)


def keep_address(unit: UnitOfWork, request_id: int, sealed: bytes, base_code: str) -> None:
    """The address of a request by link, until it is answered; and its base, where the scope is that base."""
    unit.run(
        "UPDATE typed_request SET sealed = :sealed, base_code = CASE WHEN scope = 'base' THEN :base ELSE '' END"
        " WHERE id = :id",
        id=request_id,
        sealed=sealed,
        base=base_code,
    )


def base_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of a base."""
    found: int | None = unit.scalar("SELECT id FROM base WHERE code = :code", code=code)
    return found


def advertiser_named(unit: UnitOfWork, base_id: int, name: str) -> int | None:
    """The advertiser of this name on any version of a base's list; None where it is none of this platform."""
    found: int | None = unit.scalar(
        "SELECT advertiser_id FROM partner WHERE base_id = :base AND name = :name AND advertiser_id IS NOT NULL"
        " ORDER BY version DESC LIMIT 1",
        base=base_id,
        name=name,
    )
    return found


def bases_of(unit: UnitOfWork, keys: Sequence[bytes]) -> list[Row[Any]]:
    """id, base_name, owner_name of the bases that know one of these contact keys."""
    return unit.all(
        "SELECT DISTINCT b.id, b.name AS base_name, o.name AS owner_name FROM contact c JOIN base b ON b.id = c.base_id"
        " JOIN organisation o ON o.id = b.org_id WHERE c.contact_key = ANY(:keys) AND c.sealed IS NOT NULL"
        " ORDER BY 3, 2",
        keys=list(keys),
    )


def controllers_of(unit: UnitOfWork, keys: Sequence[bytes], base_id: int | None) -> list[int]:
    """The owners whose bases know one of these contact keys; of one base, if it is named."""
    rows = unit.all(
        "SELECT DISTINCT b.org_id FROM contact c JOIN base b ON b.id = c.base_id WHERE c.contact_key = ANY(:keys)"
        " AND c.sealed IS NOT NULL AND (CAST(:base AS bigint) IS NULL OR b.id = :base) ORDER BY 1",
        keys=list(keys),
        base=base_id,
    )
    return [row.org_id for row in rows]


def broker_ids(unit: UnitOfWork) -> list[int]:
    """The broker's organisation, the oldest if there are several."""
    return [row.id for row in unit.all("SELECT id FROM organisation WHERE kind = 'broker' ORDER BY id LIMIT 1")]


def log_asked(
    unit: UnitOfWork, request_id: int, org_id: int, code: str, kind: str, day: date, due: date, *, known: bool
) -> None:
    """Write a request into a controller's log, once; what concerns nobody is answered with that."""
    unit.run(
        "INSERT INTO rights_request (code, org_id, kind, reference, received_on, due_on, answered_on, outcome,"
        " typed_request_id) VALUES (:code, :org, :kind, 'page ' || CAST(:id AS text), :day, :due,"
        " CASE WHEN :known THEN NULL ELSE CAST(:day AS date) END, CASE WHEN :known THEN NULL ELSE 'not_found' END, :id)"
        " ON CONFLICT DO NOTHING",
        id=request_id,
        org=org_id,
        code=code,
        kind=kind,
        day=day,
        due=due,
        known=known,
    )


def answer_logged(unit: UnitOfWork, request_id: int, outcome: str) -> None:
    """The person was answered today: so say the logs."""
    unit.run(
        "UPDATE rights_request SET answered_on = (app_now() AT TIME ZONE 'Europe/Paris')::date, outcome = :outcome"
        " WHERE typed_request_id = :id AND answered_on IS NULL",
        id=request_id,
        outcome=outcome,
    )


def answer_unconfirmed(unit: UnitOfWork, before: datetime) -> None:
    """Requests whose link nobody followed in time: who asked was not shown to be the person (art. 12(6) GDPR)."""
    unit.run(
        "UPDATE rights_request q SET answered_on = (app_now() AT TIME ZONE 'Europe/Paris')::date, outcome = 'refused',"
        " note = 'The mailed link was not followed in time.' FROM typed_request r"
        " WHERE r.id = q.typed_request_id AND q.answered_on IS NULL AND r.confirmed_at IS NULL"
        " AND r.mailed_at < :before",
        before=before,
    )


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
        " WHERE id = :id AND kind <> 'correction' AND confirmed_at IS NOT NULL AND sealed IS NOT NULL FOR UPDATE",
        id=request_id,
    )
    return None if row is None else (row.kind, row.base_code, bytes(row.sealed))


def forget_unconfirmed(unit: UnitOfWork, before: datetime) -> int:
    """Destroy the addresses of requests that were mailed before this time and never confirmed; how many."""
    return unit.run(
        "UPDATE typed_request SET sealed = NULL"
        " WHERE sealed IS NOT NULL AND (confirmed_at IS NULL OR kind = 'correction') AND mailed_at < :before",
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


def supplied_by(unit: UnitOfWork, contact_id: int) -> list[Row[Any]]:
    """field, at of what the person completed or corrected itself."""
    return unit.all("SELECT field, at FROM supplied_field WHERE contact_id = :id ORDER BY field", id=contact_id)


def confirm(unit: UnitOfWork, request_id: int) -> None:
    """The person came by the mailed link: its address is kept until that link is over, for further corrections."""
    unit.run(
        "UPDATE typed_request SET confirmed_at = coalesce(confirmed_at, app_now())"
        " WHERE id = :id AND kind = 'correction'",
        id=request_id,
    )
