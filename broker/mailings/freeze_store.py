"""The queries of the freeze."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.audience.rule import Rule
from broker.kernel.database import UnitOfWork
from broker.mailings.model import Mailing

# A re-mail and names made good need no minimum order; the card's floor holds for them as well.
_ORDER = """
SELECT g.rule, o.select_rule, coalesce(u.volume, o.volume) AS volume,
  CASE WHEN u.kind = 'make_good' OR o.remail_of IS NOT NULL THEN 0 ELSE k.minimum_order END AS minimum_order,
  o.base_id, b.contact_kind, o.code, o.id AS order_id, coalesce(u.kind, 'use') AS use_kind, u.use_until,
  o.net_names, o.remail_of, o.remail_who, o.shortfall = 'guaranteed' AS guaranteed, o.tolerance_bp, o.remedy
FROM rental_order o JOIN segment g ON g.id = o.segment_id JOIN data_card k ON k.id = o.card_id
JOIN base b ON b.id = o.base_id JOIN dispatch d ON d.order_id = o.id LEFT JOIN order_use u ON u.dispatch_id = d.id
WHERE d.id = :dispatch
"""
_PICKED = """
SELECT g.rule, NULL AS select_rule, s.volume, NULL AS minimum_order, g.base_id, b.contact_kind, s.code
FROM participation_send s JOIN segment g ON g.id = s.segment_id JOIN base b ON b.id = g.base_id
JOIN dispatch d ON d.participation_send_id = s.id WHERE d.id = :dispatch
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom a mailing was sold for: `minimum_order` is None outside rental, where no floor applies.

    `use_kind` is use or make_good (then until `use_until`); the rest are the order's terms (rentals/model.py).
    """

    rule: Rule
    select_rule: Rule | None
    volume: int
    minimum_order: int | None
    base_id: int
    contact_kind: str
    code: str
    order_id: int | None = None
    use_kind: str = "use"
    use_until: date | None = None
    net_names: bool = False
    remail_of: int | None = None
    remail_who: str | None = None
    guaranteed: bool = False
    tolerance_bp: int = 0
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class FrozenSeed:
    """A control address in a mailing."""

    position: int
    seed_id: int
    key: bytes
    tag: str | None = None  # what makes its address this mailing's own


def party_is_frozen(unit: UnitOfWork, mailing: Mailing) -> bool:
    """Whether its owner or its advertiser was frozen on suspicion."""
    owner, advertiser = mailing.owner_id, mailing.advertiser_id
    return bool(unit.scalar("SELECT is_frozen(:owner) OR is_frozen(:advertiser)", owner=owner, advertiser=advertiser))


def plan_of(unit: UnitOfWork, mailing: Mailing) -> Plan:
    """The plan of a mailing, from its order or its picked send."""
    row = unit.one(_ORDER if mailing.kind == "rental" else _PICKED, dispatch=mailing.dispatch_id)
    assert row is not None
    return Plan(**row._mapping)


def desk_of(unit: UnitOfWork, order_id: int) -> tuple[str, list[Row[Any]]]:
    """The desk that an order was quoted on, and the others of it that are to be sent or were, for the same day: code,
    base_id, rule, select_rule."""
    desk = str(unit.scalar("SELECT desk FROM order_desk WHERE order_id = :id", id=order_id) or "")
    others = unit.all(
        "SELECT o.code, o.base_id, g.rule, o.select_rule FROM order_desk k JOIN rental_order o ON o.id = k.order_id"
        " JOIN segment g ON g.id = o.segment_id JOIN rental_order mine ON mine.id = :id"
        " WHERE k.desk = :desk AND o.id <> :id AND o.base_id <> mine.base_id AND o.send_on IS NOT DISTINCT FROM"
        " mine.send_on AND o.state IN ('approved', 'paid', 'on_credit', 'scheduled', 'sending', 'sent', 'settled')"
        " ORDER BY o.id",
        desk=desk,
        id=order_id,
    )
    return desk, others


def lock_day(unit: UnitOfWork, day: date) -> None:
    """Freezes for one day stand in line until the commit, whatever their bases: each must see whom those before took,
    or two workers would give the same people two mails that day."""
    unit.run("SELECT pg_advisory_xact_lock(7203826, to_char(CAST(:day AS date), 'YYYYMMDD')::integer)", day=day)


def announced_version(unit: UnitOfWork, dispatch_id: int) -> int | None:
    """The version of the partner list that a dispatch announces; None for one that was sold."""
    version: int | None = unit.scalar(
        "SELECT n.version FROM dispatch d JOIN partner_notice n ON n.id = d.partner_notice_id WHERE d.id = :id",
        id=dispatch_id,
    )
    return version


def make_partition(unit: UnitOfWork, mailing: Mailing) -> None:
    """The month's partition of the sends."""
    unit.run("SELECT make_send_partition(:month)", month=mailing.dispatch_id // 1_000_000)


def write_recipients(unit: UnitOfWork, mailing: Mailing, contact_ids: Sequence[int], keys: Sequence[bytes]) -> None:
    """All recipients, by COPY; positions count from 0 in the order of the draw."""
    with (
        unit.driver.cursor() as cursor,
        cursor.copy(
            "COPY send (dispatch_id, mailing_id, position, contact_id, contact_key, price_micros) FROM STDIN"
        ) as copy,
    ):
        head, price = f"{mailing.dispatch_id}\t{mailing.id}\t", mailing.price_micros
        for start in range(0, len(keys), 10_000):
            block = zip(contact_ids[start : start + 10_000], keys[start : start + 10_000], strict=True)
            copy.write(
                "".join(
                    f"{head}{start + at}\t{contact}\t\\\\x{key.hex()}\t{price}\n"
                    for at, (contact, key) in enumerate(block)
                )
            )


def write_seeds(unit: UnitOfWork, mailing: Mailing, seeds: Sequence[FrozenSeed]) -> None:
    """The control addresses: no contact, no price."""
    common = {"dispatch": mailing.dispatch_id, "mailing": mailing.id}
    unit.run_many(
        "INSERT INTO send (dispatch_id, mailing_id, position, contact_key, seed, price_micros)"
        " VALUES (:dispatch, :mailing, :position, :key, true, 0)",
        [{**common, "position": seed.position, "key": seed.key} for seed in seeds],
    )
    unit.run_many(
        "INSERT INTO mailing_seed (mailing_id, position, seed_id, tag) VALUES (:mailing, :position, :seed, :tag)",
        [{"mailing": mailing.id, "position": seed.position, "seed": seed.seed_id, "tag": seed.tag} for seed in seeds],
    )


def mark_frozen(unit: UnitOfWork, mailing: Mailing, exclusions: Mapping[str, int]) -> None:
    """The list stands, and the planner knows how long it is."""
    unit.run("SELECT analyze_sends(:month)", month=mailing.dispatch_id // 1_000_000)
    unit.run(
        "UPDATE mailing SET state = 'frozen', frozen_at = app_now(), exclusions = CAST(:exclusions AS jsonb)"
        " WHERE id = :id",
        id=mailing.id,
        exclusions=json.dumps(dict(exclusions)),
    )


def is_due(unit: UnitOfWork, mailing_id: int) -> bool:
    """Whether a mailing's hour has come."""
    return bool(
        unit.scalar("SELECT coalesce(starts_at, app_now()) <= app_now() FROM mailing WHERE id = :id", id=mailing_id)
    )


def note_problem(unit: UnitOfWork, mailing_id: int, sentence: str) -> None:
    """Why and when a mailing failed, for people."""
    unit.run(
        "UPDATE mailing SET problem = :sentence, ended_at = app_now() WHERE id = :id", id=mailing_id, sentence=sentence
    )


def sold_by(unit: UnitOfWork, dispatch_id: int) -> tuple[int | None, int | None]:
    """(order, picked send) that a dispatch carries out: one of them."""
    row = unit.one("SELECT order_id, participation_send_id FROM dispatch WHERE id = :id", id=dispatch_id)
    assert row is not None
    return row.order_id, row.participation_send_id


def write_run(unit: UnitOfWork, mailing_id: int, supplied: int, mailed: int) -> None:
    """How many names of a net-name order were run, and mailed."""
    unit.run(
        "INSERT INTO net_name_count (mailing_id, supplied, mailed) VALUES (:id, :supplied, :mailed)",
        id=mailing_id,
        supplied=supplied,
        mailed=mailed,
    )


def reopen_use(unit: UnitOfWork, dispatch_id: int) -> bool:
    """Give back the further use that a dispatch was for; False where it was an order's first."""
    given_back = unit.run(
        "UPDATE order_use SET dispatch_id = NULL, send_on = NULL, chosen_at = NULL WHERE dispatch_id = :id",
        id=dispatch_id,
    )
    return given_back.rowcount > 0
