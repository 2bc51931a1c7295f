"""Who gets a mailing: the selection that the freeze in a worker makes from a base's snapshot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience import store
from broker.audience.exclusions import exclude, exclusion_masks
from broker.audience.guard import cell_key, sendable, told_nothing
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, Recipients
from broker.audience.own_lists_store import listed_keys
from broker.audience.references import checked_rule
from broker.audience.reservations import draw_by_code
from broker.audience.reservations_store import earlier_keys, reached_keys
from broker.audience.rule import Rule, both
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class OrderDraw:
    """How an order takes its names. `code` makes the draw take whom its reservation counted on, and each use of a
    licence the same people. `net_names`: the run is drawn first, then its duplicates are taken out and measured.

    `remail_of` and `remail_who` ('clickers', 'non_clickers'): only those of an earlier mailing. `earlier_of`: nobody
    whom this order (by id) wrote to before, for names made good. `lost`: keys of people who went to another base of the
    order by lot; they count as duplicates.
    """

    code: str = ""
    net_names: bool = False
    remail_of: int | None = None
    remail_who: str | None = None
    earlier_of: int | None = None
    lost: tuple[bytes, ...] = ()


def select_recipients(
    unit: UnitOfWork,
    settings: Settings,
    *,
    base_id: int,
    advertiser_id: int | None,
    rule: Rule,
    select_rule: Rule | None = None,
    volume: int | None = None,
    draw_seed: int,
    dispatch_id: int | None = None,
    round_when_short: bool = False,
    send_on: date | None = None,
    order: OrderDraw | None = None,
) -> Recipients:
    """Rule and selects, minus all exclusions towards this advertiser, minus who is in the dispatch already.

    Without an advertiser the exclusions are those of `exclusion_masks`: who can be rented to somebody. A volume of 0
    only counts. `round_when_short`: where fewer are left than `volume`, a round number of them that tells no size
    (guard.sendable), since whoever ordered sees how many there were.

    With the mailing's day, pressure is that day's, and whoever has another mail on it is left out (`reserved`).

    `order` says how an order draws: see there. Of net names the volume is drawn before the advertiser's own suppression
    files and the dispatch's other bases are taken out, and a round number of what is left that tells no size.

    Of more than `volume` the first of a random order are drawn; the order follows from `draw_seed` alone (keyed
    BLAKE2b over the contact key), so a second freeze draws the same people. Raises `no_snapshot`, or as check_rule.
    """
    row = store.current_snapshot(unit, base_id)
    if row is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    audience = settings.audience
    snapshot = LoadedSnapshot(
        row, settings.state_dir / "snapshots" / row.file_name, audience.memory_mb, audience.threads
    )
    try:
        table = snapshot.table(unit.today)
        members = snapshot.mask(checked_rule(unit, base_id, both(rule, select_rule), table.columns), unit.today)
        masks = exclusion_masks(
            unit, settings.trade, snapshot, advertiser_id, send_on=send_on, freezing=dispatch_id or 0
        )
        frozen = [] if dispatch_id is None else store.dispatch_keys(unit, dispatch_id)
        masks["duplicates"] = snapshot.rows_of_keys(frozen)
        order = order or OrderDraw()
        if order.remail_of is not None and order.remail_who is not None:
            members &= snapshot.rows_of_keys(reached_keys(unit, order.remail_of, order.remail_who))
        if order.earlier_of is not None:
            masks["duplicates"] |= snapshot.rows_of_keys(earlier_keys(unit, order.earlier_of))
        if order.lost:
            masks["duplicates"] |= snapshot.rows_of_keys(order.lost)
        twice = np.zeros(len(members), dtype=np.bool_)
        if order.net_names:  # measured in the run: who stands in the advertiser's files, or in another base's mailing
            twice = masks["duplicates"] | snapshot.rows_of_keys(listed_keys(unit, base_id, advertiser_id))
            masks["suppression"] = snapshot.rows_of_keys(store.suppressed_keys(unit, base_id, advertiser_id))
            masks["duplicates"] = np.zeros(len(members), dtype=np.bool_)
        left, tally = exclude(members, masks, (*EXCLUSIONS, "duplicates"))
        drawn = np.flatnonzero(left)
        if volume != 0:
            drawn = draw_by_code(snapshot, drawn, order.code) if order.code else draw(snapshot, drawn, draw_seed)
    finally:
        snapshot.close()
    most = len(drawn) if volume is None else volume
    if round_when_short and volume:
        most = sendable(len(drawn), cell_key(snapshot.noise, left), volume, settings.disclosure)
    run = drawn[:most]
    kept = run
    if order.net_names and volume:
        net = run[~twice[run]]
        inside = np.zeros(len(members), dtype=np.bool_)
        inside[net] = True
        kept = net[: told_nothing(len(net), cell_key(snapshot.noise, inside), settings.disclosure)]
    keys = np.ascontiguousarray(snapshot.contact_keys[kept]).view("V16")
    duplicates = int(np.count_nonzero(twice[run]))
    return Recipients(
        contact_ids=snapshot.contact_ids[kept],
        contact_keys=keys,
        exclusions={
            **tally.exclusions,
            "duplicates": tally.exclusions["duplicates"] + duplicates,
            "volume": len(drawn) - len(kept) - duplicates,
        },
        audience_size=tally.count,
        supplied=len(run),
    )


def draw(snapshot: LoadedSnapshot, rows: NDArray[np.intp], draw_seed: int) -> NDArray[np.intp]:
    """These rows in the random order of a seed."""
    seed = draw_seed.to_bytes(8, "little", signed=True)
    keys = np.ascontiguousarray(snapshot.contact_keys[rows]).view("V16").tolist()
    marks = b"".join(hashlib.blake2b(key, key=seed, digest_size=8).digest() for key in keys)
    # Equal marks keep the file's order, which is by key: the order is complete and reproducible.
    return rows[np.argsort(np.frombuffer(marks, dtype=">u8"), kind="stable")]
