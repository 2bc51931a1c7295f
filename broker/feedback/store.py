"""The only queries of feedback.

What the public pages do goes through functions of the database that know tokens' contents and nothing else: their
role reaches no table. The rest is the workers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from broker.feedback.model import (
    Hit,
    LeavingPage,
    Manner,
    Partner,
    PartnerListVersion,
    PublicPartnerLists,
    ReturnedMail,
    Scope,
    SealedContact,
    SendKey,
    Writer,
)
from broker.kernel.database import UnitOfWork


def record_hit(unit: UnitOfWork, key: SendKey, link: int, ip: str, agent: str, manner: Manner) -> str | None:
    """Keep a hit and answer with the frozen link; None (and nothing kept) when there is no such link."""
    url: str | None = unit.scalar(
        "SELECT record_hit(:dispatch, :mailing, :position, :link, :ip, :agent, :manner)",
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
        link=link,
        ip=ip,
        agent=agent,
        manner=manner,
    )
    return url


def frozen_links(unit: UnitOfWork, dispatch_id: int, mailing_id: int) -> dict[int, str]:
    """The links of a mailing by number; none without such a mailing."""
    rows = unit.all("SELECT * FROM frozen_links(:dispatch, :mailing)", dispatch=dispatch_id, mailing=mailing_id)
    return {row.number: row.url for row in rows}


def record_hits(unit: UnitOfWork, journal: UUID, start: int, end: int, now: int, lines: str) -> int:
    """Take the lines at bytes [start, end) of a journal; how far it has been taken (beyond `start`: before already).

    `now` is the microsecond of the clock that dated the lines.
    """
    taken: int = unit.scalar(
        "SELECT record_hits(:journal, :start, :end, :now, :lines)",
        journal=journal,
        start=start,
        end=end,
        now=now,
        lines=lines,
    )
    return taken


def forget_journals(unit: UnitOfWork, before: datetime) -> int:
    """Forget journals that nothing was taken from since this time; how many."""
    return unit.run("DELETE FROM front_journal WHERE at < :before", before=before).rowcount


def leaving_page(unit: UnitOfWork, mailing_id: int) -> LeavingPage | None:
    """Names for the unsubscribe page."""
    row = unit.one("SELECT * FROM leaving_page(:mailing)", mailing=mailing_id)
    if row is None:
        return None
    return LeavingPage(row.owner_name, row.base_name, row.base_code, row.advertiser_name, row.language)


def leave(unit: UnitOfWork, key: SendKey, scope: Scope, reason: str) -> None:
    """Suppress the person of a send in a scope and count the campaign's opt-out; again is the same."""
    unit.run(
        "SELECT leave(:dispatch, :mailing, :position, :scope, :reason)",
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
        scope=scope,
        reason=reason,
    )


def leave_all(unit: UnitOfWork, wishes: Sequence[tuple[SendKey, Scope]]) -> None:
    """The opt-outs of several persons in one transaction, in an order that two of them share."""
    unit.run(
        "SELECT leave(w.dispatch, w.mailing, w.position, w.scope, 'opt_out') FROM (SELECT * FROM unnest("
        "CAST(:dispatches AS bigint[]), CAST(:mailings AS bigint[]), CAST(:positions AS integer[]),"
        " CAST(:scopes AS text[])) AS t(dispatch, mailing, position, scope) ORDER BY mailing, position, scope) w",
        dispatches=[key.dispatch_id for key, _ in wishes],
        mailings=[key.mailing_id for key, _ in wishes],
        positions=[key.position for key, _ in wishes],
        scopes=[scope for _, scope in wishes],
    )


def public_partner_lists(unit: UnitOfWork, base_code: str) -> PublicPartnerLists | None:
    """All versions of a base's list, newest first; None without any (or without such a base)."""
    rows = unit.all("SELECT * FROM public_partner_list(:base)", base=base_code)
    if not rows:
        return None
    versions = []
    for (number, published_at), names in groupby(rows, key=lambda row: (row.version, row.published_at)):
        partners = tuple(Partner(row.partner, row.sector) for row in names if row.partner is not None)
        versions.append(PartnerListVersion(number, published_at, partners))
    return PublicPartnerLists(rows[0].owner_name, tuple(versions))


def public_partner_policy(unit: UnitOfWork, base_code: str) -> tuple[str, frozenset[int]]:
    """(policy, versions that a notice announced) of a base."""
    row = unit.one("SELECT * FROM public_partner_policy(:base)", base=base_code)
    return ("named_at_consent", frozenset()) if row is None else (row.policy, frozenset(row.announced))


def store_inbound(unit: UnitOfWork, sealed: bytes) -> int:
    """Keep a sealed message and ask for its reading, in one transaction."""
    number: int = unit.scalar("SELECT store_inbound(:sealed)", sealed=sealed)
    return number


def store_typed_request(unit: UnitOfWork, kind: str, base_code: str, sealed: bytes) -> None:
    """Keep a sealed request and ask for its matching, in one transaction."""
    unit.run("SELECT store_typed_request(:kind, :base, :sealed)", kind=kind, base=base_code, sealed=sealed)


def lock_inbound(unit: UnitOfWork, inbound_id: int) -> bytes | None:
    """The sealed message, its row locked; None once it has been read (or when there is none)."""
    sealed: bytes | None = unit.scalar("SELECT sealed FROM inbound WHERE id = :id FOR UPDATE", id=inbound_id)
    return sealed


def finish_inbound(unit: UnitOfWork, inbound_id: int, result: ReturnedMail, key: SendKey | None) -> None:
    """Write down what the message was and destroy it."""
    unit.run(
        "UPDATE inbound SET sealed = NULL, kind = :kind, verdict = :verdict, status = nullif(:status, ''),"
        " reason = nullif(:reason, ''), dispatch_id = :dispatch, mailing_id = :mailing, position = :position,"
        " read_at = app_now() WHERE id = :id",
        id=inbound_id,
        kind=result.kind,
        verdict=result.verdict,
        status=result.status,
        reason=result.reason,
        dispatch=key.dispatch_id if key else None,
        mailing=key.mailing_id if key else None,
        position=key.position if key else None,
    )


def came_before(unit: UnitOfWork, inbound_id: int, kind: str, key: SendKey) -> bool:
    """Whether another message of this kind was read about the same send."""
    return (
        unit.one(
            "SELECT 1 FROM inbound WHERE mailing_id = :mailing AND dispatch_id = :dispatch AND position = :position"
            " AND kind = :kind AND id <> :id AND read_at IS NOT NULL LIMIT 1",
            mailing=key.mailing_id,
            dispatch=key.dispatch_id,
            position=key.position,
            kind=kind,
            id=inbound_id,
        )
        is not None
    )


def lock_send(unit: UnitOfWork, key: SendKey) -> tuple[str, bool, bytes, int] | None:
    """(state, already bounced, contact key, its pepper version) of a send, locked; None when there is none."""
    row = unit.one(
        "SELECT s.state, s.bounced_at IS NOT NULL AS bounced, s.contact_key,"
        " coalesce((SELECT c.pepper_version FROM contact c WHERE c.contact_key = s.contact_key LIMIT 1), 1) AS pepper"
        " FROM send s WHERE s.dispatch_id = :dispatch AND s.mailing_id = :mailing AND s.position = :position"
        " FOR UPDATE OF s",
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
    )
    return None if row is None else (row.state, row.bounced, bytes(row.contact_key), row.pepper)


def mailing_open(unit: UnitOfWork, mailing_id: int) -> bool:
    """Whether bounces still change the money; the mailing cannot be closed until this transaction ends."""
    closed = unit.one("SELECT closed_at FROM mailing WHERE id = :mailing FOR SHARE", mailing=mailing_id)
    return closed is not None and closed.closed_at is None


def mark_bounced(unit: UnitOfWork, key: SendKey, status: str) -> None:
    """Mark a send as bounced. One that was uncertain has thereby left: it becomes accepted.

    After the mailing is closed the mark is dated after the closing, even by a transaction that began before it: the
    reports tell by this date which bounces changed the money.
    """
    unit.run(
        "UPDATE send s SET state = 'accepted', bounce_status = nullif(:status, ''),"
        " bounced_at = greatest(app_now(), m.closed_at + interval '1 microsecond')"
        " FROM mailing m WHERE m.id = s.mailing_id"
        " AND s.dispatch_id = :dispatch AND s.mailing_id = :mailing AND s.position = :position"
        " AND s.state IN ('accepted', 'uncertain') AND s.bounced_at IS NULL",
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
        status=status,
    )


def note_soft_bounce(unit: UnitOfWork, contact_key: bytes, key: SendKey) -> None:
    """Remember that this mail came back from a mailbox that may live; again is the same."""
    unit.run(
        "INSERT INTO soft_bounce (contact_key, dispatch_id, mailing_id, position)"
        " VALUES (:contact, :dispatch, :mailing, :position) ON CONFLICT DO NOTHING",
        contact=contact_key,
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
    )


def days_of_soft_bounces(unit: UnitOfWork, contact_key: bytes, since: datetime, settled: datetime) -> int:
    """On how many days since `since` mail came back softly after the last mail that was delivered.

    Delivered is what was accepted before `settled` and never came back.
    """
    count: int = unit.scalar(
        "WITH came_back AS (SELECT b.at, s.outcome_at, b.dispatch_id FROM soft_bounce b"
        "  JOIN send s ON s.dispatch_id = b.dispatch_id AND s.mailing_id = b.mailing_id AND s.position = b.position"
        "  WHERE b.contact_key = :contact AND b.at >= :since),"
        " delivered AS (SELECT max(s.outcome_at) AS at FROM dispatch d"
        "  JOIN send s ON s.dispatch_id = d.id AND s.contact_key = :contact"
        "  WHERE d.id >= (SELECT min(dispatch_id) FROM came_back) AND s.state = 'accepted' AND s.bounced_at IS NULL"
        "   AND s.outcome_at < :settled)"
        " SELECT count(DISTINCT date_trunc('day', c.at)) FROM came_back c, delivered d"
        " WHERE d.at IS NULL OR c.outcome_at > d.at",
        contact=contact_key,
        since=since,
        settled=settled,
    )
    return count


def forget_soft_bounces(unit: UnitOfWork, before: datetime) -> int:
    """Forget soft bounces from before this time; how many."""
    return unit.run("DELETE FROM soft_bounce WHERE at < :before", before=before).rowcount


def may_answer(unit: UnitOfWork, contact_key: bytes, since: datetime, kind: str = "letter") -> bool:
    """Whether this person got no mail of the kind since this time; if so, one is noted as given now."""
    return (
        unit.one(
            "INSERT INTO letter_answer (contact_key, kind) VALUES (:contact, :kind) ON CONFLICT (contact_key, kind)"
            " DO UPDATE SET at = app_now() WHERE letter_answer.at < :since RETURNING 1",
            contact=contact_key,
            kind=kind,
            since=since,
        )
        is not None
    )


def forget_answers(unit: UnitOfWork, before: datetime) -> int:
    """Forget answers given before this time; how many."""
    return unit.run("DELETE FROM letter_answer WHERE at < :before", before=before).rowcount


def writer_of(unit: UnitOfWork, key: SendKey) -> Writer | None:
    """Whom an answer to a letter about this send goes to, sealed, and whom it names; None once erased or for a seed."""
    row = unit.one(
        "SELECT c.id, c.base_id, c.key_version, c.sealed, s.contact_key, o.name AS owner_name, b.code AS base_code,"
        " a.name AS advertiser_name, concat_ws(', ', a.street, nullif(concat_ws(' ', a.postcode, a.city), ''))"
        " AS advertiser_place, r.language"
        " FROM send s JOIN contact c ON c.id = s.contact_id JOIN mailing m ON m.id = s.mailing_id"
        " JOIN base b ON b.id = m.base_id JOIN organisation o ON o.id = m.owner_id"
        " JOIN organisation a ON a.id = m.advertiser_id JOIN creative r ON r.id = m.creative_id"
        " WHERE s.dispatch_id = :dispatch AND s.mailing_id = :mailing AND s.position = :position"
        " AND c.sealed IS NOT NULL",
        dispatch=key.dispatch_id,
        mailing=key.mailing_id,
        position=key.position,
    )
    if row is None:
        return None
    return Writer(
        SealedContact(row.id, row.base_id, row.key_version, bytes(row.sealed)),
        bytes(row.contact_key),
        row.owner_name,
        row.base_code,
        row.advertiser_name,
        row.advertiser_place,
        row.language,
    )


def finish_typed_request(unit: UnitOfWork, request_id: int) -> None:
    """Destroy what was typed and date the end."""
    unit.run("UPDATE typed_request SET sealed = NULL, done_at = app_now() WHERE id = :id", id=request_id)


def unclassified_mailings(unit: UnitOfWork, before: datetime) -> list[int]:
    """Mailings with hits kept before this time that nobody has judged yet."""
    rows = unit.all("SELECT DISTINCT mailing_id FROM hit WHERE verdict IS NULL AND kept_at <= :before", before=before)
    return [row.mailing_id for row in rows]


def hits_to_judge(unit: UnitOfWork, mailing_id: int, before: datetime, most: int) -> tuple[list[Hit], set[int]]:
    """All hits of up to `most` persons with unjudged ones kept before this time, and the ids of these."""
    rows = unit.all(
        "WITH waiting AS (SELECT DISTINCT position FROM hit"
        "  WHERE mailing_id = :mailing AND verdict IS NULL AND kept_at <= :before ORDER BY position LIMIT :most)"
        " SELECT h.id, h.position, h.link, h.at, h.manner, coalesce(h.user_agent, '') AS agent,"
        " coalesce(host(h.ip), '') AS ip, s.outcome_at,"
        " h.verdict IS NULL AND h.kept_at <= :before AS waits"
        " FROM waiting JOIN hit h ON h.mailing_id = :mailing AND h.position = waiting.position"
        " LEFT JOIN send s ON s.dispatch_id = h.dispatch_id AND s.mailing_id = h.mailing_id"
        "  AND s.position = h.position"
        " ORDER BY h.position, h.at, h.id",
        mailing=mailing_id,
        before=before,
        most=most,
    )
    hits = [Hit(row.id, row.position, row.link, row.at, row.outcome_at, row.agent, row.manner, row.ip) for row in rows]
    return hits, {row.id for row in rows if row.waits}


def links_of(unit: UnitOfWork, mailing_id: int) -> tuple[frozenset[int], frozenset[int]]:
    """(visible, hidden) link numbers of a mailing's creative."""
    rows = unit.all(
        "SELECT l.number, l.hidden FROM mailing m JOIN creative_link l ON l.creative_id = m.creative_id"
        " WHERE m.id = :mailing",
        mailing=mailing_id,
    )
    return (
        frozenset(row.number for row in rows if not row.hidden),
        frozenset(row.number for row in rows if row.hidden),
    )


def write_verdicts(unit: UnitOfWork, verdict: str, reason: str, ids: Sequence[int]) -> None:
    """Write one verdict to these hits; a verdict is never changed."""
    unit.run(
        "UPDATE hit SET verdict = :verdict, verdict_reason = nullif(:reason, '')"
        " WHERE id = ANY(:ids) AND verdict IS NULL",
        verdict=verdict,
        reason=reason,
        ids=list(ids),
    )


def forget_hit_sources(unit: UnitOfWork, before: datetime) -> int:
    """Erase network address and agent of judged hits from before this time; how many there were."""
    return unit.run(
        "UPDATE hit SET ip = NULL, user_agent = NULL"
        " WHERE at < :before AND verdict IS NOT NULL AND (ip IS NOT NULL OR user_agent IS NOT NULL)",
        before=before,
    ).rowcount
