"""What a rule says, as text and as tree, and everything that is wrong with it, term by term: for editors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from broker.audience.check import check_rule
from broker.audience.columns import Column
from broker.audience.parse import parse_with_places
from broker.audience.references import names_for_text, unknown_segment
from broker.audience.rule import Rule, clean_rule, fields_of, segments_named, terms
from broker.audience.store import segment_names
from broker.audience.write_rule import rule_text
from broker.catalogue import store
from broker.catalogue.segments import read_tree
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound

MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class RuleFault:
    """One thing that is wrong: `term` counts the terms from left to right from 0 (None: the rule as a whole),
    `position` characters of the text from 1 (None: the rule came as a tree), `nearest` names what may be meant."""

    code: str
    sentence: str
    term: int | None
    position: int | None
    name: str
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """A rule as it was understood; `tree` is None and `text` as given when it cannot be read at all."""

    text: str
    tree: Rule | None
    faults: tuple[RuleFault, ...]
    columns: tuple[Column, ...] = field(default=())  # of the fields that the rule names


def explain_text(unit: UnitOfWork, base_code: str, text: str, own: str = "") -> ExplainedRule:
    """Read rule text over a base of the actor's; `own` is the segment whose rule it is to become."""
    base_id, columns = _fields(unit, base_code)
    try:
        rule, places = parse_with_places(text)
    except InvalidInput as error:
        position = error.details.get("position")
        fault = RuleFault(error.code, error.sentence, None, position if isinstance(position, int) else None, "", ())
        return ExplainedRule(text, None, (fault,))
    return _explained(unit, base_id, columns, rule, places, text, own)


def explain_tree(unit: UnitOfWork, base_code: str, raw: object, own: str = "") -> ExplainedRule:
    """Read a rule tree from JSON; its text is written out."""
    base_id, columns = _fields(unit, base_code)
    try:
        rule = clean_rule(raw)
    except InvalidInput as error:
        return ExplainedRule("", None, (RuleFault(error.code, error.sentence, None, None, "", ()),))
    return _explained(unit, base_id, columns, rule, (), None, own)


def _fields(unit: UnitOfWork, base_code: str) -> tuple[int, dict[str, Column]]:
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    columns = store.base_columns(unit, base.id)
    if columns is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    return base.id, {column.name: column for column in columns}


def _explained(
    unit: UnitOfWork,
    base_id: int,
    columns: dict[str, Column],
    rule: Rule,
    places: Sequence[int],
    text: str | None,
    own: str,
) -> ExplainedRule:
    segments = segment_names(unit, base_id) if segments_named(rule) else {}
    faults: list[RuleFault] = []
    leaves: list[Rule] = []
    for number, term in enumerate(terms(rule)):
        try:
            leaves.append(_checked(term, columns, segments))
        except InvalidInput as error:
            leaves.append(term)
            if len(faults) < MOST_FAULTS:
                faults.append(_fault(error, term, number, places))
    typed = _with_leaves(rule, iter(leaves))
    if not faults and segments:
        try:
            read_tree(unit, base_id, typed, own)
        except InvalidInput as error:  # a circle, or a fault inside a segment that it names
            faults.append(RuleFault(error.code, error.sentence, None, None, "", ()))
    named = tuple(columns[name] for name in sorted(fields_of(typed)) if name in columns)
    written = rule_text(typed, names_for_text(segments)) if text is None else text
    return ExplainedRule(written, typed, tuple(faults), named)


def _checked(term: Rule, columns: dict[str, Column], segments: dict[str, str]) -> Rule:
    if term["op"] == "segment":
        name = term["segment"]
        codes = [code for code, known in segments.items() if name in (code, known)]
        if not codes:
            raise unknown_segment(name, segments.values())
        return {"op": "segment", "segment": name if name in codes else codes[0]} if len(codes) == 1 else term
    known: Iterable[Column] = columns.values()
    if term.get("field") in columns:  # of 5,000 fields the one that counts
        known = (columns[term["field"]],)
    leaf = check_rule(term, known)
    refuse_sensitive_rule(leaf)
    return leaf


def _fault(error: InvalidInput, term: Rule, number: int, places: Sequence[int]) -> RuleFault:
    nearest = error.details.get("nearest")
    return RuleFault(
        error.code,
        error.sentence,
        number,
        places[number] + 1 if number < len(places) else None,
        str(term.get("segment") or term.get("field") or term.get("postcode") or ""),
        tuple(map(str, nearest)) if isinstance(nearest, list) else (),
    )


def _with_leaves(rule: Rule, leaves: Iterable[Rule]) -> Rule:
    """The same tree with these terms from left to right."""
    given = iter(leaves)

    def rebuilt(node: Rule) -> Rule:
        if node["op"] in ("and", "or"):
            return {"op": node["op"], "rules": [rebuilt(part) for part in node["rules"]]}
        if node["op"] == "not":
            return {"op": "not", "rule": rebuilt(node["rule"])}
        return next(given)

    return rebuilt(rule)
