"""Who gets a mailing: the selection that the freeze in a worker makes from a base's snapshot."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience import store
from broker.audience.exclusions import exclude, exclusion_masks
from broker.audience.guard import cell_key, sendable
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, Recipients
from broker.audience.references import checked_rule
from broker.audience.rule import Rule, both
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings


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
) -> Recipients:
    """Rule and selects, minus all exclusions towards this advertiser, minus who is in the dispatch already.

    Without an advertiser the exclusions are those of `exclusion_masks`: who can be rented to somebody. A volume of 0
    only counts. `round_when_short`: where fewer are left than `volume`, a round number of them that tells no size
    (guard.sendable), since whoever ordered sees how many there were.

    With the mailing's day, pressure is that day's, and whoever has another mail on it is left out (`reserved`).

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
        left, tally = exclude(members, masks, (*EXCLUSIONS, "duplicates"))
        everyone = np.flatnonzero(left)
        drawn = everyone if volume == 0 else draw(snapshot, everyone, draw_seed)
    finally:
        snapshot.close()
    most = volume
    if round_when_short and volume:
        most = sendable(len(drawn), cell_key(snapshot.noise, left), volume, settings.disclosure)
    kept = drawn if most is None else drawn[:most]
    keys = np.ascontiguousarray(snapshot.contact_keys[kept]).view("V16")
    return Recipients(
        contact_ids=snapshot.contact_ids[kept],
        contact_keys=keys,
        exclusions={**tally.exclusions, "volume": len(drawn) - len(kept)},
        audience_size=tally.count,
    )


def draw(snapshot: LoadedSnapshot, rows: NDArray[np.intp], draw_seed: int) -> NDArray[np.intp]:
    """These rows in the random order of a seed."""
    seed = draw_seed.to_bytes(8, "little", signed=True)
    keys = np.ascontiguousarray(snapshot.contact_keys[rows]).view("V16").tolist()
    marks = b"".join(hashlib.blake2b(key, key=seed, digest_size=8).digest() for key in keys)
    # Equal marks keep the file's order, which is by key: the order is complete and reproducible.
    return rows[np.argsort(np.frombuffer(marks, dtype=">u8"), kind="stable")]
