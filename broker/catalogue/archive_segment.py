"""Put a segment that is not needed any more into the archive, and take it out again."""

from __future__ import annotations

from broker.audit.record import record
from broker.catalogue import segment_store
from broker.catalogue.segment_model import SegmentUse
from broker.catalogue.segments import find_segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError

_WORD = {"card": "the data card", "order": "the order of", "send": "the send for", "segment": "the segment"}


def archive_segment(unit: UnitOfWork, code: str) -> None:
    """Archive; `Conflict` (`segment_in_use`) names what still stands on it. Archived twice is archived."""
    unit.actor.require("owner")
    segment = find_segment(unit, code)
    standing = segment_store.uses(unit, segment.id)
    if standing:
        raise _in_use(standing)
    try:
        segment_store.set_archived(unit, segment.id, True)
    except CourtierError as error:
        raise segment_store.in_use(error, "Something stands on this segment: look at its page again.") from None
    record(unit, "segment.archived", "segment", code)


def restore_segment(unit: UnitOfWork, code: str) -> None:
    """Take out of the archive."""
    unit.actor.require("owner")
    segment = find_segment(unit, code)
    segment_store.set_archived(unit, segment.id, False)
    record(unit, "segment.restored", "segment", code)


def _in_use(standing: list[SegmentUse]) -> Conflict:
    named = ", ".join(f"{_WORD[use.kind]} “{use.name}”" for use in standing[:3])
    more = f" and {len(standing) - 3} more" if len(standing) > 3 else ""
    verb = "stands" if len(standing) == 1 else "stand"
    return Conflict(
        f"{named[0].upper()}{named[1:]}{more} {verb} on this segment. Retire, end or change that first; a segment that"
        " others stand on is not archived.",
        code="segment_in_use",
        details={"uses": [f"{use.kind} {use.code}" for use in standing]},
    )
