"""The queries of an own mailing's runs, as the worker role."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience.copy_out import copied
from broker.kernel.database import UnitOfWork
from broker.mailings.own.model import OwnMailing, OwnVariant

_SEEN = np.dtype([("contact", ">i8"), ("event", ">i4")])
_EPOCH = 10_957  # days from 1970 to 2000, from where PostgreSQL counts


@dataclass(frozen=True, slots=True)
class RunPart:
    """What a run makes of one variant."""

    variant: OwnVariant
    mailing_id: int | None
    people: int
    held: Sequence[int]
    exclusions: Mapping[str, int]


def add_run(unit: UnitOfWork, own_id: int, day: date) -> int | None:
    """The run of a day, or None when there was one."""
    row = unit.one(
        "INSERT INTO own_run (own_mailing_id, run_on) VALUES (:own, :day) ON CONFLICT DO NOTHING RETURNING id",
        own=own_id,
        day=day,
    )
    return None if row is None else int(row.id)


def ran_since(unit: UnitOfWork, own_id: int, since: date, but_run: int) -> bool:
    """Whether there was a run since a day, another one than this."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM own_run WHERE own_mailing_id = :own AND run_on >= :since AND id <> :but)",
            own=own_id,
            since=since,
            but=but_run,
        )
    )


def events_seen(unit: UnitOfWork, own_id: int) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    """(contact, day of the event) of what was written to, or noted, already."""
    found = copied(
        unit, "SELECT contact_id, event_on FROM own_event WHERE own_mailing_id = %(own)s", {"own": own_id}, _SEEN
    )
    days = (found["event"].astype(np.int64) + _EPOCH).astype("datetime64[D]")
    return found["contact"].astype(np.int64), days


def note_events(unit: UnitOfWork, own_id: int, contact_ids: NDArray[np.int64], days: NDArray[np.datetime64]) -> None:
    """Keep that these people's events were seen; one that was is left as it is."""
    unit.run(
        "INSERT INTO own_event (own_mailing_id, contact_id, event_on)"
        " SELECT :own, u.contact, u.day FROM unnest(CAST(:contacts AS bigint[]), CAST(:days AS date[]))"
        " AS u(contact, day) JOIN contact c ON c.id = u.contact ON CONFLICT DO NOTHING",
        own=own_id,
        contacts=contact_ids.tolist(),
        days=days.tolist(),
    )


def new_dispatch(unit: UnitOfWork, own: OwnMailing, run_id: int, month: int) -> int:
    """The dispatch of a run: nobody stands twice in it, whatever its variants."""
    dispatch: int = unit.scalar("SELECT next_dispatch(:month)", month=month)
    unit.run(
        "INSERT INTO dispatch (id, own_run_id, owner_id, advertiser_id) VALUES (:id, :run, :org, :org)",
        id=dispatch,
        run=run_id,
        org=own.org_id,
    )
    return dispatch


def new_mailing(unit: UnitOfWork, own: OwnMailing, dispatch: int, creative_id: int, code: str, seed: int) -> int:
    """The mailing of a variant: of the kind `own`, the owner its own advertiser, unpriced."""
    mailing: int = unit.scalar(
        "INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,"
        " price_micros, commission_bp, draw_seed, starts_at)"
        " SELECT :code, 'own', :dispatch, :org, :org, :base, c.id, c.content_hash, 0, 0, :seed, app_now()"
        " FROM creative c WHERE c.id = :creative AND c.org_id = :org AND c.state = 'signed' RETURNING id",
        code=code,
        dispatch=dispatch,
        org=own.org_id,
        base=own.base_id,
        creative=creative_id,
        seed=seed,
    )
    return mailing


def add_part(unit: UnitOfWork, run_id: int, part: RunPart) -> None:
    """What a run made of a variant, and whom it held out."""
    unit.run(
        "INSERT INTO own_part (run_id, variant_id, mailing_id, people, held_out, exclusions)"
        " VALUES (:run, :variant, :mailing, :people, :held, CAST(:exclusions AS jsonb))",
        run=run_id,
        variant=part.variant.id,
        mailing=part.mailing_id,
        people=part.people,
        held=len(part.held),
        exclusions=json.dumps(dict(part.exclusions)),
    )
    unit.run(
        "INSERT INTO own_held_out (run_id, variant_id, contact_id)"
        " SELECT :run, :variant, c.id FROM contact c WHERE c.id = ANY(:held) ON CONFLICT DO NOTHING",
        run=run_id,
        variant=part.variant.id,
        held=list(part.held),
    )
