"""Segments: save a rule over one's own base, list, find."""

from __future__ import annotations

from broker.audience.check import check_rule
from broker.audience.parse import parse_with_places
from broker.audience.rule import Rule
from broker.audience.write_rule import rule_text
from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.model import Segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

__all__ = ["Segment", "create_segment", "find_segment", "list_segments", "read_rule"]


def create_segment(unit: UnitOfWork, base_code: str, name: str, text: str) -> Segment:
    """Save a rule under a name. An empty rule is everybody.

    Raises `bad_rule`, `unknown_field`, `wrong_type`, `sensitive_rule` (field `rule`), `no_snapshot`, `missing_name`.
    """
    unit.actor.require("owner")
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    if not name.strip():
        raise InvalidInput("A segment needs a name.", code="missing_name", field="name")
    rule = read_rule(unit, base.id, text)
    code = new_code("seg")
    store.insert_segment(unit, code, base.id, name.strip(), text.strip() or rule_text(rule), rule)
    record(unit, "segment.created", "segment", code, base=base_code)
    return find_segment(unit, code)


def read_rule(unit: UnitOfWork, base_id: int, text: str) -> Rule:
    """The checked tree of a rule over a base, with fields and values as the base has them."""
    columns = store.base_columns(unit, base_id)
    if columns is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    rule, places = parse_with_places(text)
    checked = check_rule(rule, columns, places)
    refuse_sensitive_rule(checked)
    return checked


def find_segment(unit: UnitOfWork, code: str) -> Segment:
    """One segment of the actor's organisation."""
    segment = store.segment_by_code(unit, code)
    if segment is None:
        raise NotFound(f"There is no segment {code!r} of yours.", field="segment")
    return segment


def list_segments(unit: UnitOfWork, base_code: str) -> list[Segment]:
    """The segments of one of the actor's bases, the newest first."""
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    return store.segments_of_base(unit, base.id)
