"""Whom an owner may write to itself, and why not the others: its own legal basis, no partner, no floor.

The basis is a person's consent, or that it is a customer and is told of similar products (art. L34-5 CPCE, fourth
paragraph). Opt-outs, retention and age hold as everywhere. The owner's own mail has priority: pressure holds it back
only where the owner asked for that.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience.exclusions import exclusion_masks
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.parse import parse_rule
from broker.audience.pressure_caps import caps_of
from broker.audience.reservations import pressure_on
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import TradeSettings

# The order in which they are counted: each contact counts for the first that takes it away.
OWN_EXCLUSIONS = ("basis", "quarantine", "minor", "suppression", "retention", "pressure", "reserved")
CONSENT_AGE = 15  # from which a person consents for itself (art. 45 loi Informatique et Libertés)


def own_masks(
    unit: UnitOfWork, trade: TradeSettings, snapshot: LoadedSnapshot, owner_id: int, basis: str, send_on: date
) -> dict[str, Mask]:
    """For each of OWN_EXCLUSIONS the rows that it takes away. `basis`: consent, customers or either."""
    customer = snapshot.mask(parse_rule("relation = customer"), unit.today)
    masks = exclusion_masks(unit, replace(trade, adult_age=CONSENT_AGE), snapshot, owner_id)
    consenting = snapshot.consent & ~masks["quarantine"]
    # A customer needs no consent, so that a doubtful source of consents does not keep it away.
    allowed = {"consent": consenting, "customers": customer, "either": consenting | customer}[basis]
    quarantined = masks["quarantine"] & ~allowed & snapshot.consent
    nobody = np.zeros(len(snapshot.noise), dtype=np.bool_)
    pressed, reserved = nobody, nobody
    if caps_of(unit, trade, snapshot.row.base_id).caps_own:
        day = pressure_on(unit, trade, snapshot, send_on, owner_id, freezing=0)
        pressed, reserved = day.pressed, day.reserved
    return {
        "basis": ~allowed & ~quarantined,
        "quarantine": quarantined,
        "minor": masks["minor"] if basis == "consent" else masks["minor"] & ~customer,
        "suppression": masks["suppression"],
        "retention": masks["retention"],
        "pressure": pressed,
        "reserved": reserved,
    }


def held_out(
    snapshot: LoadedSnapshot, rows: NDArray[np.intp], seed: int, share_bp: int, *, by_person: bool
) -> NDArray[np.bool_]:
    """Which of these rows are not written to: a share in basis points, the same for the same seed.

    Each contact's draw is a keyed BLAKE2b of its key under the seed. Once: exactly the share, those drawn first. By
    person (standing mailings): whose draw is under the share, so that a person stays on its side day after day.
    """
    if share_bp <= 0 or not len(rows):
        return np.zeros(len(rows), dtype=np.bool_)
    key = seed.to_bytes(8, "little", signed=True)
    keys = np.ascontiguousarray(snapshot.contact_keys[rows]).view("V16").tolist()
    marks = np.frombuffer(b"".join(hashlib.blake2b(one, key=key, digest_size=8).digest() for one in keys), dtype=">u8")
    if by_person:
        share: NDArray[np.bool_] = marks < np.uint64(share_bp * 2**64 // 10_000)
        return share
    held = np.zeros(len(rows), dtype=np.bool_)
    held[np.argsort(marks, kind="stable")[: (len(rows) * share_bp + 5_000) // 10_000]] = True
    return held
