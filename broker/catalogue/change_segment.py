"""Change a segment: its name at any time, its rule while nothing rests on it."""

from __future__ import annotations

from broker.audit.record import record
from broker.catalogue import segment_store
from broker.catalogue.model import Segment
from broker.catalogue.segments import create_segment, find_segment, read_rule, text_of
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput

LONGEST_NAME = 120


def change_segment(unit: UnitOfWork, code: str, name: str | None = None, text: str | None = None) -> Segment:
    """Give a segment another name, another rule, or both; None leaves it as it is.

    Raises as `create_segment`, and `Conflict` (`segment_in_use`) when a card or a picked send rests on the rule,
    directly or through another segment: figures were shown and sold on it, so another rule is another segment.
    """
    unit.actor.require("owner")
    segment = find_segment(unit, code)
    if name is not None and name.strip() != segment.name:
        segment_store.rename(unit, segment.id, clean_name(name))
        record(unit, "segment.renamed", "segment", code)
    if text is not None:
        rule = read_rule(unit, segment.base_id, text, own=code)
        if rule != segment.rule:
            if segment_store.rests_on(unit, segment.id):
                raise _rests()
            try:
                segment_store.set_rule(unit, segment.id, text.strip() or text_of(unit, segment.base_id, rule), rule)
            except CourtierError as error:
                raise segment_store.in_use(error, _rests().sentence) from None
            record(unit, "segment.rule_changed", "segment", code)
    return find_segment(unit, code)


def duplicate_segment(unit: UnitOfWork, code: str, name: str) -> Segment:
    """A second segment of the same rule, which may then be changed."""
    segment = find_segment(unit, code)
    return create_segment(unit, segment.base_code, clean_name(name), segment.rule_text)


def clean_name(name: str) -> str:
    """The name as it is kept; raises `missing_name`, `long_name`."""
    kept = " ".join(name.split())
    if not kept:
        raise InvalidInput("A segment needs a name.", code="missing_name", field="name")
    if len(kept) > LONGEST_NAME:
        raise InvalidInput(f"A name has at most {LONGEST_NAME} characters.", code="long_name", field="name")
    return kept


def _rests() -> Conflict:
    return Conflict(
        "A data card or a planned send rests on this rule, so it stands as it was counted. Duplicate the segment and"
        " change the copy.",
        code="segment_in_use",
        field="rule",
    )
