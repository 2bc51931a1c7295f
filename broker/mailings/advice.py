"""What to do better next time: rules over a mailing's own figures, each with the figures it goes by. Pure.

A rule speaks only of differences that chance does not explain (95 %; among many traits and domains corrected after
Bonferroni), and of enough mails. The sentences stand in data/advice.toml in both languages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from broker.bases.confidence import wilson
from broker.mailings.creative_check import CLIPPED_AT
from broker.mailings.rates import Compared, Rate
from broker.mailings.subject_test import VariantCount, fisher
from broker.mailings.variants import LETTERS

FEWEST_MAILS = 1_000
FEWEST_OF_A_KIND = 100  # mails to one domain, or to people of one trait
_TEXTS = Path(__file__).parent / "data" / "advice.toml"


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece: a code, and the facts for its sentence (`share`s as fractions)."""

    code: str
    facts: Mapping[str, Any]

    def text(self, language: str) -> str:
        """The sentence in a language (fr, en)."""
        return _texts()[self.code][language].format(
            **{name: _written(fact, language) for name, fact in self.facts.items()}
        )


@dataclass(frozen=True, slots=True)
class Material:
    """What the rules look at. `study` is the owner's; without it nothing is said of traits and domains."""

    rates: Mapping[str, Rate]
    compared: Sequence[Compared]
    decision: Mapping[str, Any] | None
    links: Sequence[Mapping[str, Any]]
    hours: Sequence[Mapping[str, Any]]
    first_hour: Any
    hits: int
    scanner_hits: int
    weight: int
    study: Mapping[str, Any] | None
    complaint_warn_bp: int = 10


def advise(material: Material) -> list[Advice]:
    """What the figures say, the gravest first; one sentence at least."""
    found = [
        *_size(material), *_returned(material), *_against_past(material), *_variants(material), *_when(material),
        *_links(material), *_traits(material), *_domains(material), *_message(material),
    ]  # fmt: skip
    return found or [Advice("nothing", {})]


def _size(material: Material) -> list[Advice]:
    mails = material.rates["clickers"].size
    return [Advice("too_small", {"mails": mails})] if mails < FEWEST_MAILS else []


def _returned(material: Material) -> list[Advice]:
    found = []
    complaints, bounces = material.rates["complaints"], material.rates["bounces"]
    if complaints.events >= 3 and complaints.events * 10_000 >= material.complaint_warn_bp * complaints.size:
        found.append(Advice("complaints_high", {"share": complaints.share}))
    if bounces.interval is not None and bounces.interval[0] > 0.02:
        found.append(Advice("bounces_high", {"share": bounces.share}))
    return found


def _against_past(material: Material) -> list[Advice]:
    words = {
        ("bounces", "more"): "bounces_worse",
        ("opt_outs", "more"): "opt_outs_worse",
        ("clickers", "more"): "clicks_better",
        ("clickers", "less"): "clicks_worse",
    }
    return [
        Advice(words[one.now.name, one.judgement], {"share": one.now.share, "past": one.past.share})
        for one in material.compared
        if (one.now.name, one.judgement) in words
    ]


def _variants(material: Material) -> list[Advice]:
    decision = material.decision
    if decision is None or decision["verdict"] not in ("proven", "ahead"):
        return []
    counts = {one["variant"]: VariantCount(**one) for one in decision["counts"]}
    best, other = counts[decision["winner"]], counts[decision["runner_up"]]
    if decision["verdict"] == "proven":
        return [Advice("variant_proven", {"winner": LETTERS[best.variant], "share": best.share, "other": other.share})]
    if best.share == other.share or not best.written:
        return []
    middle = (best.share + other.share) / 2
    # Two shares told apart at 5 % with a power of 80 %: (1.96 + 0.84)² · 2 p q / d².
    needed = ceil(7.85 * 2 * middle * (1 - middle) / (best.share - other.share) ** 2)
    return [Advice("variant_unproven", {"needed": needed, "had": min(best.written, other.written)})]


def _when(material: Material) -> list[Advice]:
    whole = sum(one["clicks"] for one in material.hours)
    if whole < FEWEST_OF_A_KIND or material.first_hour is None:
        return []
    so_far = 0
    for one in material.hours:
        so_far += one["clicks"]
        if 2 * so_far >= whole:
            hours = max(1, round((one["at"] - material.first_hour).total_seconds() / 3600) + 1)
            return [Advice("first_hours", {"hours": hours, "later": max(48, 6 * hours)})]
    return []


def _links(material: Material) -> list[Advice]:
    whole = sum(one["clicks"] for one in material.links)
    if whole < FEWEST_OF_A_KIND or len(material.links) < 3:
        return []
    first = max(material.links, key=lambda one: one["clicks"])
    idle = sum(not one["clicks"] for one in material.links)
    if 2 * first["clicks"] <= whole or not idle:
        return []
    return [Advice("one_link", {"number": first["number"], "share": first["clicks"] / whole, "idle": idle})]


def _traits(material: Material) -> list[Advice]:
    traits = (material.study or {}).get("traits") or {}
    cells = [(field, cell) for field, lines in traits.items() for cell in lines]
    found = []
    for field, cell in cells:
        whole, clickers = (sum(one[name] for one in traits[field]) for name in ("delivered", "clickers"))
        inside = VariantCount(0, cell["delivered"], cell["clickers"])
        rest = VariantCount(1, whole - inside.written, clickers - inside.clickers)
        if min(inside.written, rest.written) < FEWEST_OF_A_KIND:
            continue
        p_value = fisher(inside, rest) * len(cells)
        if p_value < 0.05:
            facts = {"field": field, "value": cell["value"], "share": inside.share, "rest": rest.share}
            found.append((p_value, Advice("trait_more" if inside.share > rest.share else "trait_less", facts)))
    return [advice for _, advice in sorted(found, key=lambda pair: pair[0])[:3]]


def _domains(material: Material) -> list[Advice]:
    lines = (material.study or {}).get("domains") or []
    sent, bounced = (sum(one[name] for one in lines) for name in ("sent", "bounced"))
    found = []
    for one in lines:
        rest_sent, rest_bounced = sent - one["sent"], bounced - one["bounced"]
        if one["value"] == "other" or min(one["sent"], rest_sent) < FEWEST_OF_A_KIND:
            continue
        low, _ = wilson(one["bounced"], one["sent"])
        _, high = wilson(rest_bounced, rest_sent)
        if low > high:
            facts = {"domain": one["value"], "share": one["bounced"] / one["sent"], "rest": rest_bounced / rest_sent}
            found.append(Advice("domain_bounces", facts))
    return found[:3]


def _message(material: Material) -> list[Advice]:
    found = []
    hits = material.hits + material.scanner_hits
    if hits >= FEWEST_OF_A_KIND and 2 * material.scanner_hits > hits:
        found.append(Advice("machines", {"share": material.scanner_hits / hits}))
    if material.weight > CLIPPED_AT:
        found.append(Advice("heavy", {"kilobytes": material.weight // 1000}))
    return found


def _written(fact: Any, language: str) -> str:
    if isinstance(fact, float):
        text = f"{100 * fact:.2f}" if fact < 0.1 else f"{100 * fact:.1f}"
        return f"{text.replace('.', ',')}\u00a0%" if language == "fr" else f"{text}%"
    if isinstance(fact, int):
        return f"{fact:,}".replace(",", "\u202f" if language == "fr" else ",")
    return str(fact).replace("_", " ")


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(_TEXTS.read_text(encoding="utf-8"))
