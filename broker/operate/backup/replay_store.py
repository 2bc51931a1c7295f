"""The queries that bring a restored database up to its journal, as the administrator, before anybody works with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from broker.kernel.database import UnitOfWork

HELD_UNTIL = "2999-01-01"  # as in the trigger hold_after_restore


def held_leases(unit: UnitOfWork) -> frozenset[str]:
    """Tokens of batches that were under way when the backup was made."""
    return frozenset(row.token for row in unit.all("SELECT token::text AS token FROM send_batch"))


def add_suppressions(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> int:
    """Suppressions as journalled; those that are there stay as they are."""
    return unit.run(
        "INSERT INTO suppression SELECT * FROM jsonb_populate_recordset(NULL::suppression, CAST(:rows AS jsonb))"
        " ON CONFLICT DO NOTHING",
        rows=json.dumps(list(rows)),
    ).rowcount


def add_opt_outs(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> int:
    """The campaigns' counts of those who left."""
    return unit.run(
        "INSERT INTO opt_out SELECT * FROM jsonb_populate_recordset(NULL::opt_out, CAST(:rows AS jsonb))"
        " ON CONFLICT DO NOTHING",
        rows=json.dumps(list(rows)),
    ).rowcount


def contacts_of(unit: UnitOfWork, people: Sequence[tuple[int, str]]) -> list[int]:
    """Contacts with something sealed among (base, key): `\\x…` as PostgreSQL writes bytes."""
    rows = unit.all(
        "SELECT c.id FROM contact c JOIN unnest(CAST(:bases AS bigint[]), CAST(:keys AS text[])) AS e(base_id, key)"
        " ON c.base_id = e.base_id AND c.contact_key = CAST(e.key AS bytea) WHERE c.sealed IS NOT NULL",
        bases=[base_id for base_id, _ in people],
        keys=[key for _, key in people],
    )
    return [row.id for row in rows]


def known_mailings(unit: UnitOfWork, ids: Iterable[int]) -> set[int]:
    """Which of these mailings the backup has."""
    return {row.id for row in unit.all("SELECT id FROM mailing WHERE id = ANY(:ids)", ids=list(ids))}


def can_hold(unit: UnitOfWork, mailing: Mapping[str, Any], dispatch: Mapping[str, Any]) -> bool:
    """Whether everything that a journalled mailing names is in the backup."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM base WHERE id = :base AND org_id = :owner)"
            " AND EXISTS (SELECT 1 FROM organisation WHERE id = :advertiser)"
            " AND EXISTS (SELECT 1 FROM creative WHERE id = :creative)"
            " AND (CAST(:order_id AS bigint) IS NULL OR EXISTS (SELECT 1 FROM rental_order WHERE id = :order_id))"
            " AND (CAST(:picked AS bigint) IS NULL"
            "      OR EXISTS (SELECT 1 FROM participation_send WHERE id = :picked))"
            " AND (CAST(:notice AS bigint) IS NULL OR EXISTS (SELECT 1 FROM partner_notice WHERE id = :notice))"
            " AND (CAST(:own AS bigint) IS NULL OR EXISTS (SELECT 1 FROM own_run WHERE id = :own))",
            base=mailing["base_id"],
            owner=mailing["owner_id"],
            advertiser=mailing["advertiser_id"],
            creative=mailing["creative_id"],
            order_id=dispatch["order_id"],
            picked=dispatch["participation_send_id"],
            notice=dispatch.get("partner_notice_id"),
            own=dispatch.get("own_run_id"),
        )
    )


def add_mailing(unit: UnitOfWork, mailing: Mapping[str, Any], dispatch: Mapping[str, Any], problem: str) -> None:
    """A mailing that the backup does not know, ended: only what had begun to leave is known of it."""
    unit.run("SELECT make_send_partition(:month)", month=dispatch["id"] // 1_000_000)
    unit.run(
        "INSERT INTO dispatch SELECT * FROM jsonb_populate_record(NULL::dispatch, CAST(:row AS jsonb))"
        " ON CONFLICT DO NOTHING",
        row=json.dumps(dict(dispatch)),
    )
    ended = {"state": "cancelled", "problem": problem, "closed_at": None}
    unit.run(
        "INSERT INTO mailing OVERRIDING SYSTEM VALUE"
        " SELECT * FROM jsonb_populate_record(NULL::mailing, CAST(:row AS jsonb))",
        row=json.dumps({**mailing, **ended}),
    )
    unit.run("UPDATE mailing SET ended_at = app_now() WHERE id = :id", id=mailing["id"])
    unit.run(
        "UPDATE participation_send SET state = 'sent' WHERE id = :id AND state = 'picked'",
        id=dispatch["participation_send_id"],
    )


def advance_sold(unit: UnitOfWork, order_id: int) -> None:
    """A paid order whose mailing has left is not planned again. One that was not paid yet waits for its payment."""
    for before, after in (
        ("paid", "scheduled"),
        ("on_credit", "scheduled"),
        ("scheduled", "sending"),
        ("sending", "sent"),
    ):
        unit.run(
            "UPDATE rental_order SET state = :after WHERE id = :id AND state = :before",
            id=order_id,
            before=before,
            after=after,
        )


def cancel_rest(unit: UnitOfWork, dispatch_id: int, mailing_id: int) -> None:
    """What had not begun to leave of a mailing that the backup does not know."""
    unit.run(
        "UPDATE send SET state = 'cancelled', outcome_at = app_now(), next_attempt_at = NULL"
        " WHERE dispatch_id = :dispatch AND mailing_id = :mailing AND state IN ('pending', 'deferred')",
        dispatch=dispatch_id,
        mailing=mailing_id,
    )


def add_sends(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> int:
    """Sends of a mailing that the backup does not know."""
    return unit.run(
        "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, seed, price_micros, attempts)"
        " SELECT dispatch_id, mailing_id, position, contact_id, decode(contact_key, 'hex'), contact_id IS NULL,"
        " price_micros, attempts FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(dispatch_id bigint,"
        " mailing_id bigint, position integer, contact_id bigint, contact_key text, price_micros bigint,"
        " attempts smallint) ON CONFLICT DO NOTHING",
        rows=json.dumps(list(rows)),
    ).rowcount


def set_outcomes(
    unit: UnitOfWork, dispatch_id: int, mailing_id: int, state: str, positions: Sequence[int]
) -> list[int]:
    """Give open sends the state that the journal knows; the positions that changed. `deferred` ones wait as before."""
    rows = unit.all(
        "UPDATE send SET state = :state, lease = NULL, outcome_at = coalesce(outcome_at, app_now()),"
        " attempts = greatest(attempts, 1), attempted_at = coalesce(attempted_at, app_now()),"
        " next_attempt_at = CASE WHEN :state = 'deferred' THEN app_now() + interval '1 hour' END,"
        " reply = 'known from the journal, after a restore'"
        " WHERE dispatch_id = :dispatch AND mailing_id = :mailing AND position = ANY(:positions)"
        " AND state IN ('pending', 'claimed', 'attempting', 'deferred') RETURNING position",
        state=state,
        dispatch=dispatch_id,
        mailing=mailing_id,
        positions=list(positions),
    )
    return [row.position for row in rows]


def settle_leases(unit: UnitOfWork) -> int:
    """No worker of the backup lives: what was on its way is uncertain, what was only held waits again."""
    lost = unit.run(
        "UPDATE send s SET state = 'uncertain', outcome_at = app_now(), lease = NULL, next_attempt_at = NULL,"
        " reply = 'on its way when the backup was made' FROM mailing m"
        " WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.state = 'attempting'"
    ).rowcount
    unit.run(
        "UPDATE send s SET state = CASE WHEN s.attempts = 0 THEN 'pending' ELSE 'deferred' END, lease = NULL"
        " FROM mailing m WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.state = 'claimed'"
    )
    unit.run("DELETE FROM send_batch")
    return lost


def cancel_mailings(unit: UnitOfWork, ids: Iterable[int]) -> None:
    """Mailings that somebody cancelled after the backup."""
    unit.run(
        "UPDATE mailing SET state = 'cancelled' WHERE id = ANY(:ids)"
        " AND state IN ('planned', 'frozen', 'sending', 'paused')",
        ids=list(ids),
    )


def hold_mailings(unit: UnitOfWork) -> list[str]:
    """Pause what has not ended, put off what is not frozen yet; the codes. Nothing starts without a person."""
    paused = unit.all("UPDATE mailing SET state = 'paused' WHERE state IN ('frozen', 'sending') RETURNING code")
    put_off = unit.all(
        "UPDATE mailing SET starts_at = CAST(:until AS timestamptz) WHERE state = 'planned' RETURNING code",
        until=HELD_UNTIL,
    )
    return [row.code for row in (*paused, *put_off)]


def mark_restored(unit: UnitOfWork) -> None:
    """From now on mailings planned for what was sold before wait for a person (hold_after_restore)."""
    unit.run("UPDATE instance SET restored_at = app_now()")


def forget_jobs(unit: UnitOfWork) -> None:
    """Jobs of the backup name work that may have been done since; the sweep asks for what the rows say is due."""
    unit.run("SET LOCAL search_path = public, jobs")  # the engine's triggers name their tables without a schema
    unit.run("DELETE FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')")
    unit.run("DELETE FROM jobs.procrastinate_workers")


def leave_numbers_free(unit: UnitOfWork, dispatches: Iterable[int]) -> None:
    """Numbers that were given after the backup stand in mails and papers outside: they are never given again.

    Numbers of rows jump by a million, dispatches go on behind the last journalled one and a hundred more.
    """
    for row in unit.all(
        "SELECT format('%I.%I', schemaname, sequencename) AS name, coalesce(last_value, 0) AS last FROM pg_sequences"
        " WHERE schemaname = 'public' AND sequencename <> 'audit_entry_seq_seq'"
    ):
        unit.run("SELECT setval(CAST(:name AS regclass), :value)", name=row.name, value=row.last + 1_000_000)
    months: dict[int, int] = {}
    for dispatch in dispatches:
        month, number = divmod(dispatch, 1_000_000)
        months[month] = max(months.get(month, 0), number)
    present: int = unit.scalar("SELECT CAST(to_char(app_now() AT TIME ZONE 'Europe/Paris', 'YYYYMM') AS integer)")
    for row in unit.all("SELECT month, last FROM dispatch_counter WHERE month >= :month", month=present):
        months[row.month] = max(months.get(row.month, 0), row.last)
    for month, last in months.items():
        unit.run(
            "INSERT INTO dispatch_counter VALUES (:month, :last)"
            " ON CONFLICT (month) DO UPDATE SET last = greatest(dispatch_counter.last, :last)",
            month=month,
            last=last + 100,
        )
