"""What owners and advertisers read of results: a feed with a place to go on from, sums, a file."""

from __future__ import annotations

from collections.abc import Iterator

from broker.feedback import results_store as store
from broker.feedback.results_model import KINDS, MOST_AT_ONCE, ObjectionHash, Result, ResultSum
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput

COLUMNS = ("id", "at", "base", "mailing", "kind", "reference", "detail")
HASH_COLUMNS = ("id", "at", "sha256", "md5")


def list_results(
    unit: UnitOfWork, *, after: int = 0, base: str = "", mailing: str = "", kind: str = "", most: int = MOST_AT_ONCE
) -> list[Result]:
    """The owner's results beyond `after` (the `id` of the last one read), at most `most` at a time."""
    unit.actor.require("owner")
    if kind and kind not in KINDS:
        raise InvalidInput(f"A kind is one of {', '.join(KINDS)}.", code="bad_kind", field="kind")
    return store.results_of(
        unit, after=after, base=base, mailing=mailing, kind=kind, most=max(1, min(most, MOST_AT_ONCE))
    )


def sum_results(unit: UnitOfWork, base: str = "", most: int = 100) -> list[ResultSum]:
    """How many results of each kind are held, a row a mailing."""
    unit.actor.require("owner")
    return store.sums_of(unit, base, most)


def list_objections(unit: UnitOfWork, *, after: int = 0, most: int = MOST_AT_ONCE) -> list[ObjectionHash]:
    """People who want nothing more of this advertiser, as hashes."""
    unit.actor.require("advertiser")
    return store.hashes_of(unit, after, max(1, min(most, MOST_AT_ONCE)))


def result_rows(
    database: Database, actor: Actor, *, base: str = "", mailing: str = "", kind: str = ""
) -> Iterator[tuple[object, ...]]:
    """The rows of a file (`COLUMNS`), a page a transaction."""
    after = 0
    while True:
        with database.begin(actor) as unit:
            found = list_results(unit, after=after, base=base, mailing=mailing, kind=kind)
        for one in found:
            yield one.id, one.at.isoformat(), one.base, one.mailing, one.kind, one.reference, one.detail
        if len(found) < MOST_AT_ONCE:
            return
        after = found[-1].id


def objection_rows(database: Database, actor: Actor) -> Iterator[tuple[object, ...]]:
    """The rows of a file of hashes (`HASH_COLUMNS`), a page a transaction."""
    after = 0
    while True:
        with database.begin(actor) as unit:
            found = list_objections(unit, after=after)
        for one in found:
            yield one.id, one.at.isoformat(), one.sha256, one.md5
        if len(found) < MOST_AT_ONCE:
            return
        after = found[-1].id
