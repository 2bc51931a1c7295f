"""Segments: save a rule over one's own base, list, find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.audience.parse import parse_with_places
from broker.audience.references import checked_rule, names_for_text, unbound
from broker.audience.rule import Rule, clean_rule, segments_named
from broker.audience.store import segment_names
from broker.audience.write_rule import rule_text
from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.model import Segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

__all__ = ["Segment", "create_segment", "find_segment", "list_segments", "read_rule", "read_tree", "text_of"]


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


def read_rule(unit: UnitOfWork, base_id: int, text: str, own: str = "") -> Rule:
    """The checked tree of a rule over a base, with fields and values as the base has them, segments by their codes.

    `own` is the code of the segment whose rule it is to become. Raises as `create_segment`, and `unknown_segment`,
    `ambiguous_segment`, `segment_circle`.
    """
    rule, places = parse_with_places(text)
    return _checked(unit, base_id, rule, places, own)


def read_tree(unit: UnitOfWork, base_id: int, raw: object, own: str = "") -> Rule:
    """As `read_rule`, of a tree from JSON."""
    return _checked(unit, base_id, clean_rule(raw), (), own)


def text_of(unit: UnitOfWork, base_id: int, rule: Rule) -> str:
    """The text of a rule over a base, with segments by the names they have now."""
    return rule_text(rule, names_for_text(segment_names(unit, base_id)) if segments_named(rule) else {})


def _checked(unit: UnitOfWork, base_id: int, rule: Rule, places: Sequence[int], own: str) -> Rule:
    columns = store.base_columns(unit, base_id)
    if columns is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    checked = unbound(checked_rule(unit, base_id, rule, columns, places, own))
    refuse_sensitive_rule(checked)
    return checked


def _as_named_now(unit: UnitOfWork, segment: Segment) -> Segment:
    """With the text of today's names, if its rule names other segments."""
    return (
        replace(segment, rule_text=text_of(unit, segment.base_id, segment.rule))
        if segments_named(segment.rule)
        else segment
    )


def find_segment(unit: UnitOfWork, code: str) -> Segment:
    """One segment of the actor's organisation."""
    segment = store.segment_by_code(unit, code)
    if segment is None:
        raise NotFound(f"There is no segment {code!r} of yours.", field="segment")
    return _as_named_now(unit, segment)


def list_segments(unit: UnitOfWork, base_code: str, archived: bool = False) -> list[Segment]:
    """The segments of one of the actor's bases that are in use (or those put away), the newest first."""
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    return [_as_named_now(unit, segment) for segment in store.segments_of_base(unit, base.id, archived)]
