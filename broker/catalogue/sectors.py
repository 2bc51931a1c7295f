"""Closed and regulated sectors: what may not be sold by mail, from which age, with which words.

The rules are dated data (`data/sectors.toml`); what a message sells is known by the sector that its advertiser or
programme declares, and by words in the message itself. A sieve, and no lawyer: docs/sectors.md says what it misses.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal

from broker.audience.rule import Rule
from broker.kernel.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class SectorRule:
    """One dated rule. `age`: the least age of the audience (0: none); `wording`: by language, any one of the texts."""

    key: str
    kind: Literal["forbidden", "wording", "age"]
    since: date
    until: date | None
    law: str
    codes: tuple[str, ...]
    words: tuple[str, ...]
    names: dict[str, str]
    age: int
    wording: dict[str, tuple[str, ...]]

    def in_force(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.since <= day <= (self.until or date.max)


@cache
def sector_rules() -> tuple[SectorRule, ...]:
    """All rules, those of other days as well, in the order of the data."""
    raw = (resources.files("broker.catalogue") / "data" / "sectors.toml").read_text(encoding="utf-8")
    return tuple(_rule(entry) for entry in tomllib.loads(raw)["rule"])


def rules_in_force(day: date) -> list[SectorRule]:
    """The rules that hold on a day."""
    return [rule for rule in sector_rules() if rule.in_force(day)]


def rules_for(sectors: Collection[str], text: str, day: date) -> list[SectorRule]:
    """The rules in force on what is sold: by the sectors declared, and by what the text says."""
    plain = plain_text(text)
    declared = {sector.casefold() for sector in sectors}
    return [
        rule
        for rule in rules_in_force(day)
        if declared & set(rule.codes) or any(re.search(pattern, plain) for pattern in rule.words)
    ]


def check_message(
    sectors: Collection[str], text: str, language: str, day: date, *, field: str = "creative"
) -> list[SectorRule]:
    """Refuse what may not be sold, and a message that lacks its words; returns the rules that it falls under.

    Raises `Conflict` (`sector_forbidden`, `sector_wording`).
    """
    found = rules_for(sectors, text, day)
    refuse_forbidden(found, field=field)
    plain = plain_text(text)
    for rule in found:
        texts = rule.wording.get(language) or rule.wording.get("fr") or ()
        if texts and not any(_said(wording, plain) for wording in texts):
            raise Conflict(
                f"A message about {rule.names['en'].lower()} must say: “{texts[0]}” ({rule.law}).",
                code="sector_wording",
                field=field,
                details={"sector": rule.key, "wording": list(texts)},
            )
    return found


def refuse_forbidden(rules: Sequence[SectorRule], *, field: str = "sector") -> None:
    """Refuse where one of the rules closes its sector (`sector_forbidden`)."""
    for rule in rules:
        if rule.kind == "forbidden":
            raise Conflict(
                f"{rule.names['en']} may not be advertised by e-mail ({rule.law}, since {rule.since}).",
                code="sector_forbidden",
                field=field,
                details={"sector": rule.key},
            )


def least_age(rules: Sequence[SectorRule]) -> int:
    """The least age that the audience of these rules must have; 0 without one."""
    return max((rule.age for rule in rules), default=0)


def require_age(rules: Sequence[SectorRule], rule: Rule | None, *, field: str) -> None:
    """Refuse a selection that does not ask for the age that these rules demand (`age_select_needed`)."""
    age = least_age(rules)
    if age and not (rule is not None and asks_for_age(rule, age)):
        names = ", ".join(one.names["en"].lower() for one in rules if one.age == age)
        raise InvalidInput(
            f"Messages about {names} go to people of {age} years and more only: add “age >= {age}” to the selection.",
            code="age_select_needed",
            field=field,
            details={"age": age},
        )


def asks_for_age(rule: Rule, age: int) -> bool:
    """Whether everybody whom a rule takes is known to be of `age` years at least; in doubt it does not."""
    op = rule["op"]
    if op == "and":
        return any(asks_for_age(part, age) for part in rule["rules"])
    if op == "or":
        return all(asks_for_age(part, age) for part in rule["rules"])
    if op == "segment":
        return "rule" in rule and asks_for_age(rule["rule"], age)
    if str(rule.get("field", "")).casefold() != "age":
        return False
    if op == "between":
        return _at_least(rule["low"], age)
    if op == "in":
        return bool(rule["values"]) and all(_at_least(value, age) for value in rule["values"])
    if op == ">":
        return _at_least(rule["value"], age - 1)
    return op in ("=", ">=") and _at_least(rule["value"], age)


def plain_text(text: str) -> str:
    """A text as it is searched: lower case, without accents, with straight apostrophes and single blanks."""
    flat = unicodedata.normalize("NFKD", re.sub(r"[’ʼ`´]", "'", text).casefold())
    return " ".join("".join(char for char in flat if not unicodedata.combining(char)).split())


def _said(wording: str, plain: str) -> bool:
    """Whether a text says these words; punctuation and blanks do not matter."""
    return re.sub(r"[^\w]+", "", plain_text(wording)) in re.sub(r"[^\w]+", "", plain)


def _at_least(value: Any, age: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= age


def _rule(entry: dict[str, Any]) -> SectorRule:
    return SectorRule(
        key=entry["key"],
        kind=entry["kind"],
        since=entry["since"],
        until=entry.get("until"),
        law=entry["law"],
        codes=tuple(entry["codes"]),
        words=tuple(entry["words"]),
        names={"fr": entry["name_fr"], "en": entry["name_en"]},
        age=entry.get("age", 0),
        wording={language: tuple(entry.get(f"wording_{language}", ())) for language in ("fr", "en")},
    )
