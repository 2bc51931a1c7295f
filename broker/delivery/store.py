"""The queries of delivery. The hot ones run on the driver, prepared, with arrays instead of rows."""

# ruff: noqa: S608 (statements are put together from constants of this file only)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Cursor
from sqlalchemy.engine import Row

from broker.delivery.model import Claimed, MailingFacts, Outcome, Prepared
from broker.kernel.database import UnitOfWork

NEAR = 8  # batches: as far ahead as other workers of the same mailing usually are
LAST_POSITION = 2**31 - 1
WIDEST = 4  # times as many positions in a span as outcomes told of it, in one look

_FACTS = """
SELECT m.id, m.code, m.kind, m.state, m.dispatch_id, d.order_id, d.participation_send_id, m.base_id,
  b.code AS base_code,
  m.owner_id, m.advertiser_id, m.creative_id, m.content_hash, o.name AS owner_name, a.name AS advertiser_name,
  concat_ws(', ', a.name, a.street, nullif(concat_ws(' ', a.postcode, a.city), ''),
            CASE WHEN a.siren IS NOT NULL THEN 'SIREN ' || a.siren END) AS advertiser_identity,
  coalesce(m.starts_at, app_now()) <= app_now() AS due, m.started_at IS NOT NULL AS started
FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN base b ON b.id = m.base_id
JOIN organisation o ON o.id = m.owner_id JOIN organisation a ON a.id = m.advertiser_id
WHERE m.id = :id
"""
_STOPS = """
(x.scope = 'everywhere' OR (x.scope = 'base' AND x.base_id = %(base)s)
 OR (x.scope = 'advertiser' AND x.advertiser_id = %(advertiser)s))
"""
_UNDER_ITS_KEY = f"EXISTS (SELECT 1 FROM suppression x WHERE x.contact_key = s.contact_key AND {_STOPS})"
# An opt-out is kept under the pepper of its day; the same person's keys under every other one come with the window.
_UNDER_ANY_KEY = f"""
({_UNDER_ITS_KEY} OR EXISTS (
  SELECT 1 FROM unnest(%(owners)s::integer[], %(others)s::bytea[]) AS k(position, key)
  JOIN suppression x ON x.contact_key = k.key WHERE k.position = s.position AND {_STOPS}))
"""
_MINE = "s.dispatch_id = %(dispatch)s AND s.mailing_id = %(mailing)s"
_SENDING = "EXISTS (SELECT 1 FROM mailing m WHERE m.id = %(mailing)s AND m.state = 'sending')"
_CLAIM = """
SELECT position FROM send s WHERE {mine} AND {sending} AND {which} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
# Waves and subject tests: positions under the gate may leave (broker/mailings/flow.py).
_GATE = "coalesce((SELECT p.released FROM mailing_progress p WHERE p.mailing_id = %(mailing)s), 2147483647)"
_CLAIM_PENDING = _CLAIM.format(
    mine=_MINE,
    sending=_SENDING,
    which=f"s.state = 'pending' AND s.position > %(after)s AND s.position <= %(last)s AND s.position < {_GATE}"
    " ORDER BY s.position",
)
# Control addresses stand behind the recipients and wait for no wave.
_CLAIM_SEEDS = _CLAIM.format(
    mine=_MINE,
    sending=_SENDING,
    which="s.state = 'pending' AND s.position = ANY(ARRAY("
    "SELECT x.position FROM mailing_seed x WHERE x.mailing_id = %(mailing)s)) ORDER BY s.position",
)
_CLAIM_PUT_OFF = _CLAIM.format(
    mine=_MINE,
    sending=_SENDING,
    which="s.state = 'deferred' AND s.next_attempt_at <= app_now() ORDER BY s.next_attempt_at",
)
# Positions come as an array and as its span: a plan that goes by the span alone is still no longer than the window.
_THESE = f"{_MINE} AND s.position BETWEEN %(low)s AND %(high)s AND s.position = ANY(%(positions)s::integer[])"
_HOLD = f"""
UPDATE send s SET state = 'claimed', lease = %(token)s WHERE {_THESE}
RETURNING s.position, s.contact_id, s.contact_key, s.seed, s.attempts
"""
_LEASED = "EXISTS (SELECT 1 FROM send_batch b WHERE b.token = %(token)s AND b.leased_until > now())"
_TAKE = f"""
UPDATE send s SET state = 'attempting', attempts = attempts + 1, attempted_at = (SELECT app_now())
WHERE {_THESE} AND s.state = 'claimed' AND s.lease = %(token)s AND {_SENDING} AND {_LEASED} AND NOT {{suppressed}}
RETURNING s.position
"""
_WITHHOLD = f"""
UPDATE send s SET state = 'withheld', outcome_at = (SELECT app_now()), lease = NULL, next_attempt_at = NULL,
  reply = 'suppressed since the freeze'
WHERE {_THESE} AND s.state = 'claimed' AND s.lease = %(token)s AND {{suppressed}}
"""
# `which` has a number for each position of the span: that of its outcome among those told, or NULL. A look into arrays
# takes half the time of a join with them.
_WHICH = "(%(which)s::integer[])[s.position - %(low)s + 1]"
_OUTCOMES = f"""
UPDATE send s SET state = (%(states)s::text[])[{_WHICH}], reply = (%(replies)s::text[])[{_WHICH}],
  outcome_at = (SELECT app_now()), lease = NULL, reason = (%(reasons)s::text[])[{_WHICH}],
  next_attempt_at = (SELECT app_now()) + make_interval(secs => (%(waits)s::integer[])[{_WHICH}])
WHERE {_MINE} AND s.position BETWEEN %(low)s AND %(high)s AND s.state = 'attempting' AND s.lease = %(token)s
  AND {_WHICH} IS NOT NULL
"""
# Those that stand far from each other (put off before) are found one by one.
_SCATTERED_OUTCOMES = f"""
UPDATE send s SET state = o.state, reply = o.reply, outcome_at = (SELECT app_now()), lease = NULL,
  next_attempt_at = (SELECT app_now()) + make_interval(secs => o.wait), reason = o.reason
FROM unnest(%(positions)s::integer[], %(states)s::text[], %(replies)s::text[], %(waits)s::integer[],
            %(reasons)s::text[]) AS o(position, state, reply, wait, reason)
WHERE {_MINE} AND s.position BETWEEN %(low)s AND %(high)s AND s.position = o.position
  AND s.state = 'attempting' AND s.lease = %(token)s
"""
_RENEW = """
UPDATE send_batch SET leased_until = now() + make_interval(secs => %(seconds)s)
WHERE token = %(token)s AND leased_until > now()
"""
# A row given back waits as it waited before: deferred ones have been tried.
_GIVE_BACK = "CASE WHEN s.attempts = 0 THEN 'pending' ELSE 'deferred' END"


def facts_of(unit: UnitOfWork, mailing_id: int, *, lock: bool = False) -> MailingFacts | None:
    """What all sends of a mailing share."""
    row = unit.one(_FACTS + (" FOR UPDATE OF m" if lock else ""), id=mailing_id)
    return None if row is None else MailingFacts(**row._asdict() | {"content_hash": bytes(row.content_hash)})


def mark_started(unit: UnitOfWork, mailing_id: int) -> None:
    """The first mail may leave."""
    unit.run(
        "UPDATE mailing SET state = 'sending', started_at = coalesce(started_at, app_now())"
        " WHERE id = :id AND state = 'frozen'",
        id=mailing_id,
    )


def mark_sent(unit: UnitOfWork, facts: MailingFacts) -> bool:
    """End a mailing of which nothing waits or is under way; False while something does."""
    done = unit.run(
        "UPDATE mailing m SET state = 'sent', ended_at = app_now() WHERE m.id = :id AND m.state = 'sending'"
        " AND NOT EXISTS (SELECT 1 FROM send_batch b WHERE b.mailing_id = m.id)"
        " AND NOT EXISTS (SELECT 1 FROM send s WHERE s.dispatch_id = :dispatch AND s.mailing_id = :id"
        "   AND s.state IN ('pending', 'claimed', 'attempting', 'deferred'))",
        id=facts.id,
        dispatch=facts.dispatch_id,
    )
    return done.rowcount == 1


def cancel_waiting(unit: UnitOfWork, facts: MailingFacts) -> None:
    """Mark what waits as cancelled; what is under way ends by itself."""
    unit.run(
        "UPDATE send SET state = 'cancelled', outcome_at = app_now(), next_attempt_at = NULL"
        " WHERE dispatch_id = :dispatch AND mailing_id = :id AND state IN ('pending', 'deferred')",
        dispatch=facts.dispatch_id,
        id=facts.id,
    )
    unit.run("UPDATE mailing SET ended_at = coalesce(ended_at, app_now()) WHERE id = :id", id=facts.id)


def next_due(unit: UnitOfWork, mailing_id: int) -> int | None:
    """Seconds until the first put-off send may be tried again, or None without any."""
    seconds = unit.scalar(
        "SELECT extract(epoch FROM min(next_attempt_at) - app_now()) FROM send"
        " WHERE mailing_id = :id AND next_attempt_at IS NOT NULL AND state = 'deferred'",
        id=mailing_id,
    )
    return None if seconds is None else max(0, int(seconds) + 1)


def anything_waits(unit: UnitOfWork, facts: MailingFacts) -> bool:
    """Whether sends could leave now if there were a relay."""
    row = unit.one(
        "SELECT 1 FROM send s WHERE s.dispatch_id = :dispatch AND s.mailing_id = :id"
        " AND (s.state IN ('pending', 'claimed') OR (s.state = 'deferred' AND s.next_attempt_at <= app_now())) LIMIT 1",
        dispatch=facts.dispatch_id,
        id=facts.id,
    )
    return row is not None


def others_waiting(unit: UnitOfWork, facts: MailingFacts) -> tuple[int, int]:
    """How many other mailings wait for a worker: (of other owners, of the same)."""
    row = unit.one(
        "SELECT count(DISTINCT m.id) FILTER (WHERE m.owner_id <> :owner) AS others,"
        " count(DISTINCT m.id) FILTER (WHERE m.owner_id = :owner) AS same FROM jobs.procrastinate_jobs j"
        " JOIN mailing m ON m.id = (j.args ->> 'row_id')::bigint"
        " WHERE j.task_name = 'send_mailing' AND j.status = 'todo' AND coalesce(j.scheduled_at <= now(), true)"
        " AND m.id <> :id AND m.state IN ('frozen', 'sending')",
        owner=facts.owner_id,
        id=facts.id,
    )
    return (0, 0) if row is None else (row.others, row.same)


def seconds_to_tomorrow(unit: UnitOfWork) -> int:
    """Until the next legal day in France begins."""
    return int(
        unit.scalar(
            "SELECT ceil(extract(epoch FROM ((app_now() AT TIME ZONE 'Europe/Paris')::date + 1)::timestamp"
            " AT TIME ZONE 'Europe/Paris' - app_now()))"
        )
    )


def run_is_planned(unit: UnitOfWork, mailing_id: int, within: float) -> bool:
    """Whether a job of this mailing runs in so many seconds or before; one for a later hour is none."""
    row = unit.one(
        "SELECT 1 FROM jobs.procrastinate_jobs WHERE task_name = 'send_mailing' AND status = 'todo'"
        " AND (args ->> 'row_id')::bigint = :id"
        " AND coalesce(scheduled_at <= now() + make_interval(secs => :within), true) LIMIT 1",
        id=mailing_id,
        within=within,
    )
    return row is not None


def waiting_beyond(unit: UnitOfWork, facts: MailingFacts, after: int) -> bool:
    """Whether sends wait behind a position: then another worker can help."""
    row = unit.one(
        "SELECT 1 FROM send WHERE dispatch_id = :dispatch AND mailing_id = :id AND position > :after"
        " AND state = 'pending' ORDER BY position LIMIT 1",
        dispatch=facts.dispatch_id,
        id=facts.id,
        after=after,
    )
    return row is not None


def _values(facts: MailingFacts, token: UUID, **more: Any) -> dict[str, Any]:
    return {"dispatch": facts.dispatch_id, "mailing": facts.id, "token": token, **more}


def claim(unit: UnitOfWork, facts: MailingFacts, token: UUID, limit: int, after: int, seconds: int) -> list[Claimed]:
    """Lease up to `limit` sends: put-off ones whose hour has come, else pending ones behind position `after`."""
    # What was put off and has come due goes first: it waits for its minute, the others do not.
    values = _values(facts, token, limit=limit)
    found = [row[0] for row in unit.driver.execute(_CLAIM_PUT_OFF, values, prepare=True)]
    # Then near where the last batch ended: a look over the whole mailing for each batch would grow with its square.
    for last in (min(after + NEAR * limit, LAST_POSITION), LAST_POSITION):
        values = _values(facts, token, limit=limit, after=after, last=last)
        found = found or [row[0] for row in unit.driver.execute(_CLAIM_PENDING, values, prepare=True)]
    if not found:
        values = _values(facts, token, limit=limit)
        found = [row[0] for row in unit.driver.execute(_CLAIM_SEEDS, values, prepare=True)]
    if not found:
        return []
    values = _values(facts, token, **_literal_span(found))
    rows = unit.driver.execute(_HOLD, values, prepare=True).fetchall()
    unit.run(
        "INSERT INTO send_batch (token, dispatch_id, mailing_id, low, high, leased_until)"
        " VALUES (:token, :dispatch, :mailing, :low, :high, now() + make_interval(secs => :seconds))",
        token=token,
        dispatch=facts.dispatch_id,
        mailing=facts.id,
        low=min(found),
        high=max(found),
        seconds=seconds,
    )
    return sorted((Claimed(*row) for row in rows), key=lambda row: row.position)


def _span(positions: Sequence[int]) -> dict[str, Any]:
    return {"positions": list(positions), "low": min(positions), "high": max(positions)}


def _literal_span(positions: Sequence[int]) -> dict[str, Any]:
    """As `_span`, the positions written as PostgreSQL reads them: the driver takes as long as the statement for it."""
    return {"positions": f"{{{','.join(map(str, positions))}}}", "low": min(positions), "high": max(positions)}


def sealed_contacts(unit: UnitOfWork, contact_ids: Sequence[int]) -> list[tuple[int, int, bytes | None]]:
    """(contact, key version, sealed identifiers or None where erased)."""
    rows = unit.driver.execute(
        "SELECT id, key_version, sealed FROM contact WHERE id = ANY(%s)", (list(contact_ids),), prepare=True
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def sealed_seeds(unit: UnitOfWork, mailing_id: int, positions: Sequence[int]) -> list[Row[Any]]:
    """(position, org_id, sealed, style, tag) of seeds in a mailing."""
    return unit.all(
        "SELECT s.position, a.org_id, a.sealed, a.style, s.tag FROM mailing_seed s"
        " JOIN seed_address a ON a.id = s.seed_id"
        " WHERE s.mailing_id = :mailing AND s.position = ANY(:positions)",
        mailing=mailing_id,
        positions=list(positions),
    )


def renew(unit: UnitOfWork, token: UUID, seconds: int) -> Cursor[Any]:
    """Prolong a lease that still holds; the cursor's row count says whether it did."""
    return unit.driver.execute(_RENEW, {"token": token, "seconds": seconds}, prepare=True)


def write_outcomes(unit: UnitOfWork, facts: MailingFacts, token: UUID, outcomes: Sequence[Outcome]) -> None:
    """Write what became of attempts that are still ours."""
    span = _span([outcome.position for outcome in outcomes])
    low, high = span["low"], span["high"]
    if high - low >= WIDEST * len(outcomes):
        values = _values(facts, token, **span, **_columns(outcomes))
        unit.driver.execute(_SCATTERED_OUTCOMES, values, prepare=True)
        return
    kinds: dict[Outcome, str] = {}
    which = ["NULL"] * (high - low + 1)
    for outcome in outcomes:
        which[outcome.position - low] = kinds.setdefault(outcome._replace(position=0), str(len(kinds) + 1))
    values = _values(facts, token, low=low, high=high, which=f"{{{','.join(which)}}}", **_columns(list(kinds)))
    unit.driver.execute(_OUTCOMES, values, prepare=True)


def _columns(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "states": [outcome.state for outcome in outcomes],
        "replies": [outcome.reply for outcome in outcomes],
        "waits": [outcome.wait for outcome in outcomes],
        "reasons": [outcome.reason for outcome in outcomes],
    }


def take(unit: UnitOfWork, facts: MailingFacts, token: UUID, window: Sequence[Prepared]) -> Cursor[Any]:
    """Move claimed sends to `attempting`, with the last look at the suppressions; only rows returned may leave."""
    sql, values = _with_keys(_TAKE, facts, token, window)
    return unit.driver.execute(sql, values, prepare=True)


def withhold(unit: UnitOfWork, facts: MailingFacts, token: UUID, window: Sequence[Prepared]) -> None:
    """Mark those of a window that are suppressed."""
    sql, values = _with_keys(_WITHHOLD, facts, token, window)
    unit.driver.execute(sql, values, prepare=True)


def _with_keys(sql: str, facts: MailingFacts, token: UUID, window: Sequence[Prepared]) -> tuple[str, dict[str, Any]]:
    values = _values(facts, token, **_literal_span([row.position for row in window]))
    values |= {"base": facts.base_id, "advertiser": facts.advertiser_id}
    others = [(row.position, key) for row in window for key in row.other_keys]
    if not others:
        return sql.format(suppressed=_UNDER_ITS_KEY), values
    values["owners"], values["others"] = [owner for owner, _ in others], [key for _, key in others]
    return sql.format(suppressed=_UNDER_ANY_KEY), values


def withhold_erased(unit: UnitOfWork, facts: MailingFacts, token: UUID, positions: Sequence[int]) -> None:
    """People erased since the freeze have no address any more."""
    unit.driver.execute(
        "UPDATE send s SET state = 'withheld', outcome_at = app_now(), lease = NULL, next_attempt_at = NULL,"
        f" reply = 'erased since the freeze' WHERE {_MINE} AND s.position = ANY(%(positions)s::integer[])"
        " AND s.state = 'claimed' AND s.lease = %(token)s",
        _values(facts, token, positions=list(positions)),
    )


def release(unit: UnitOfWork, facts: MailingFacts, token: UUID, low: int, high: int) -> int:
    """Give back what a batch did not use, and end its lease; refuses nothing when the lease is over already.

    Returns how many were given back.
    """
    back = unit.driver.execute(
        f"UPDATE send s SET state = {_GIVE_BACK}, lease = NULL WHERE {_MINE}"
        " AND s.position BETWEEN %(low)s AND %(high)s AND s.state = 'claimed' AND s.lease = %(token)s",
        _values(facts, token, low=low, high=high),
    ).rowcount
    unit.run("DELETE FROM send_batch WHERE token = :token", token=token)
    return back


def expired_batches(unit: UnitOfWork, mailing_id: int) -> list[Row[Any]]:
    """(token, dispatch_id, low, high) of leases that are over, held until the transaction ends."""
    return unit.all(
        "SELECT token, dispatch_id, low, high FROM send_batch WHERE mailing_id = :mailing AND leased_until <= now()"
        " FOR UPDATE SKIP LOCKED",
        mailing=mailing_id,
    )


def take_apart(unit: UnitOfWork, mailing_id: int, batch: Row[Any]) -> tuple[int, int]:
    """End a dead worker's batch: what it was attempting is uncertain, what it only held waits again.

    Returns (uncertain, given back).
    """
    where = (
        " WHERE s.dispatch_id = :dispatch AND s.mailing_id = :mailing AND s.position BETWEEN :low AND :high"
        " AND s.lease = :token"
    )
    values = {"mailing": mailing_id, "dispatch": batch.dispatch_id, "low": batch.low, "high": batch.high}
    lost = unit.run(
        "UPDATE send s SET state = 'uncertain', outcome_at = app_now(), lease = NULL, next_attempt_at = NULL,"
        " reply = 'the worker died while this mail was on its way'" + where + " AND s.state = 'attempting'",
        token=batch.token,
        **values,
    ).rowcount
    back = unit.run(
        f"UPDATE send s SET state = {_GIVE_BACK}, lease = NULL" + where + " AND s.state = 'claimed'",
        token=batch.token,
        **values,
    ).rowcount
    unit.run("DELETE FROM send_batch WHERE token = :token", token=batch.token)
    return lost, back
