"""Subject tests: other subjects and preheaders of one message, tried on a part of the recipients.

The message as such is variant A (0); the others are B, C and D. Recipients stand in the random order of the draw, so
the first ones are a random sample: that part is the test group, and its members get the variants in turn. Everybody
else gets the variant that won. So who gets what follows from the position alone, and can be proven afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from broker.kernel.errors import InvalidInput
from broker.mailings.creative_check import CreativeReport, Extras, check_creative

MOST_OTHERS = 3
LETTERS = "ABCD"
SHARES = (5, 50)  # per cent of the recipients in the test group, least and most
WAITS = (15, 10_080)  # minutes: a quarter of an hour to a week
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Variation:
    """What an author writes of another variant."""

    subject: str
    preheader: str = ""


@dataclass(frozen=True, slots=True)
class SubjectTest:
    """How variants are tried: the test group's share of the recipients, and the wait after it was sent."""

    share_percent: int = 20
    wait_minutes: int = 240


@dataclass(frozen=True, slots=True)
class Variant:
    """Another variant as stored: `html` is the whole message, since a preheader stands inside it."""

    subject: str
    preheader: str
    html: str = field(repr=False)


def check_test(variations: Sequence[Variation], test: SubjectTest, first: Variation) -> tuple[Variation, ...]:
    """The variations, trimmed. Raises `InvalidInput` naming the field: subject_b, test_share, …"""
    tidy = [
        replace(one, subject=" ".join(one.subject.split()), preheader=" ".join(one.preheader.split()))
        for one in variations
    ]
    if len(tidy) > MOST_OTHERS:
        raise InvalidInput(
            f"A message has {MOST_OTHERS + 1} variants at most, itself included.", code="bad_variants", field="variants"
        )
    for at, one in enumerate(tidy, start=1):
        letter = LETTERS[at].lower()
        if not one.subject or len(one.subject) > LONGEST:
            raise InvalidInput(f"Write 1 to {LONGEST} characters.", code="bad_text", field=f"subject_{letter}")
        if len(one.preheader) > LONGEST:
            raise InvalidInput(f"Write at most {LONGEST} characters.", code="bad_text", field=f"preheader_{letter}")
        if one in [first, *tidy[: at - 1]]:
            raise InvalidInput(
                f"Variant {LETTERS[at]} is the same as another one: there is nothing to compare.",
                code="same_variants",
                field=f"subject_{letter}",
            )
    if tidy and not SHARES[0] <= test.share_percent <= SHARES[1]:
        raise InvalidInput(
            f"The test group is {SHARES[0]} to {SHARES[1]} per cent of the recipients.",
            code="bad_test_share",
            field="test_share",
        )
    if tidy and not WAITS[0] <= test.wait_minutes <= WAITS[1]:
        raise InvalidInput(f"The wait is {WAITS[0]} to {WAITS[1]:,} minutes.", code="bad_test_wait", field="test_wait")
    return tuple(tidy)


def compose_variants(
    html: str, language: str, variations: Sequence[Variation], extras: Extras
) -> tuple[tuple[Variant, ...], list[tuple[int, CreativeReport]]]:
    """The variants of a message, and the report of each by its number; links are those of the message itself."""
    found, reports = [], []
    for number, one in enumerate(variations, start=1):
        report = check_creative(html, language, one.subject, replace(extras, preheader=one.preheader))
        found.append(Variant(one.subject, one.preheader, report.html))
        reports.append((number, report))
    return tuple(found), reports


def stored(variants: Sequence[Variant], test: SubjectTest | None) -> tuple[list[dict[str, str]], dict[str, int] | None]:
    """Both as their row keeps them."""
    kept = [asdict(variant) for variant in variants]
    if test is None or not kept:
        return kept, None
    return kept, {"share_bp": test.share_percent * 100, "wait_minutes": test.wait_minutes}


def loaded(variants: Sequence[Mapping[str, str]], test: Mapping[str, Any] | None) -> dict[str, Any]:
    """`variants` and `test` of a creative, from its row."""
    return {
        "variants": tuple(Variant(one["subject"], one["preheader"], one["html"]) for one in variants),
        "test": None if test is None else SubjectTest(test["share_bp"] // 100, test["wait_minutes"]),
    }


def variant_of(position: int, recipients: int, test_size: int, variants: int, winner: int | None) -> int | None:
    """Which variant a position gets; None while nothing is decided. Seeds (behind the recipients) see all in turn."""
    if position < test_size or position >= recipients:
        return position % variants
    return winner
