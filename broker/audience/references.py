"""Segments that rules name: found over the same base, checked, and bound to the rules they stand for.

A rule names a segment by its code, or by its name while it is being typed: `segment "Young women" and income >= 2000`.
Stored trees hold the code, so a segment may be renamed. Binding puts the checked rule of each segment beside its
code, the same object wherever it is named: nothing is copied, and who evaluates a bound rule (scan_plan.py,
compile.py) works each segment out once. A rule that names ten others that each name ten more stays as small as that.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from broker.audience import store
from broker.audience.check import check_rule
from broker.audience.columns import Column
from broker.audience.model import SavedRule
from broker.audience.rule import LARGEST_DEPTH, Rule, segments_named
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput


def checked_rule(
    unit: UnitOfWork, base_id: int, rule: Rule, columns: Iterable[Column], places: Sequence[int] = (), own: str = ""
) -> Rule:
    """A rule over a base, checked as `check_rule` does, the segments that it names bound. Ready to be counted.

    `own` is the code of the segment whose rule this is to become: it may not name itself. Raises as check_rule does,
    and `unknown_segment` (with the nearest names), `segment_circle`, `ambiguous_segment`.
    """
    if not segments_named(rule):
        return check_rule(rule, columns, places)
    try:
        return bind(rule, columns, saved_rules(unit, base_id, rule), places, own)
    except InvalidInput as error:
        if error.code != "unknown_segment":
            raise
        raise unknown_segment(str(error.details["name"]), store.segment_names(unit, base_id).values()) from None


def saved_rules(unit: UnitOfWork, base_id: int, rule: Rule) -> list[SavedRule]:
    """All segments of the base that a rule names, and those that these name, to the end."""
    found: dict[str, SavedRule] = {}
    asked: set[str] = set()
    wanted = segments_named(rule)
    while wanted:
        asked |= wanted
        for saved in store.segments_by_name(unit, base_id, sorted(wanted)):
            found[saved.code] = saved
        wanted = {name for saved in found.values() for name in segments_named(saved.rule)} - asked
    return list(found.values())


def bind(
    rule: Rule, columns: Iterable[Column], saved: Iterable[SavedRule], places: Sequence[int] = (), own: str = ""
) -> Rule:
    """The checked rule with each segment's own checked rule beside its code (`{"op", "segment", "rule"}`)."""
    return _Binder(list(columns), list(saved)).bound(rule, places, (own,) if own else ())


def unbound(rule: Rule) -> Rule:
    """A bound rule as it is stored and sent: segments by code alone."""
    op = rule["op"]
    if op in ("and", "or"):
        return {"op": op, "rules": [unbound(part) for part in rule["rules"]]}
    if op == "not":
        return {"op": op, "rule": unbound(rule["rule"])}
    return {"op": op, "segment": rule["segment"]} if op == "segment" else rule


def names_for_text(names: Mapping[str, str]) -> dict[str, str]:
    """Codes with the names that a text may use for them: names that two segments share, or that are codes, are out."""
    times: dict[str, int] = {}
    for name in names.values():
        times[name] = times.get(name, 0) + 1
    return {code: name for code, name in names.items() if times[name] == 1 and name not in names}


class _Binder:
    def __init__(self, columns: list[Column], saved: list[SavedRule]) -> None:
        self.columns = columns
        self.by_code = {one.code: one for one in saved}
        self.by_name: dict[str, list[SavedRule]] = {}
        for one in saved:
            self.by_name.setdefault(one.name, []).append(one)
        self.done: dict[str, Rule] = {}

    def bound(self, rule: Rule, places: Sequence[int], path: tuple[str, ...]) -> Rule:
        """The rule of the last segment of `path` (none: the rule itself) bound."""
        return self._with_bodies(check_rule(rule, self.columns, places), path)

    def _with_bodies(self, rule: Rule, path: tuple[str, ...]) -> Rule:
        op = rule["op"]
        if op in ("and", "or"):
            return {"op": op, "rules": [self._with_bodies(part, path) for part in rule["rules"]]}
        if op == "not":
            return {"op": op, "rule": self._with_bodies(rule["rule"], path)}
        if op != "segment":
            return rule
        saved = self._named(rule["segment"])
        return {"op": op, "segment": saved.code, "rule": self._body(saved, path)}

    def _named(self, name: str) -> SavedRule:
        if name in self.by_code:
            return self.by_code[name]
        same = self.by_name.get(name, [])
        if len(same) > 1:
            codes = ", ".join(one.code for one in same)
            raise InvalidInput(
                f'{len(same)} segments of this base are called "{name[:60]}": name the one you mean by its code'
                f" ({codes}).",
                code="ambiguous_segment",
                field="rule",
            )
        if not same:
            raise unknown_segment(name, [])
        return same[0]

    def _body(self, saved: SavedRule, path: tuple[str, ...]) -> Rule:
        if saved.code in path:
            raise InvalidInput(
                f'The segment "{saved.name}" names itself'
                f"{' through others' if len(path) > 1 else ''}: it could never be counted to an end.",
                code="segment_circle",
                field="rule",
            )
        if len(path) >= LARGEST_DEPTH:
            raise InvalidInput(
                f"Segments may name each other {LARGEST_DEPTH} deep at most.", code="bad_rule", field="rule"
            )
        if saved.code not in self.done:
            try:
                self.done[saved.code] = self.bound(saved.rule, (), (*path, saved.code))
            except InvalidInput as error:
                if error.code in ("segment_circle", "unknown_segment", "bad_rule"):
                    raise
                raise InvalidInput(
                    f'In the segment "{saved.name}": {error.sentence}',
                    code=error.code,
                    field="rule",
                    details=error.details,
                ) from None
        return self.done[saved.code]


def unknown_segment(name: str, known: Iterable[str]) -> InvalidInput:
    """The refusal of a segment that the base does not have, with the nearest names of `known`."""
    by_fold = {one.casefold(): one for one in known}
    near = [by_fold[one] for one in difflib.get_close_matches(name.casefold(), by_fold, n=3, cutoff=0.5)]
    hint = " Did you mean " + " or ".join(f'"{one}"' for one in near) + "?" if near else ""
    return InvalidInput(
        f'This base has no segment "{name[:60]}".{hint}',
        code="unknown_segment",
        field="rule",
        details={"nearest": near, "name": name},
    )
