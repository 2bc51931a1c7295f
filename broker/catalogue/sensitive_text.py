"""Refuses what a card or a rule may not speak of: special categories of data (GDPR art. 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from broker.audience.rule import Rule, terms
from broker.bases.fields import plain
from broker.bases.sensitive import ValueWatch, check_header
from broker.kernel.errors import InvalidInput

LONGEST_PHRASE = 5


def refuse_sensitive_text(text: str, field: str) -> None:
    """Refuse a text that names a special category, in French or English, by the words that imports go by."""
    category = _category(text)
    if category:
        raise InvalidInput(
            f"A card may not speak of {category}: its readers could draw conclusions about every person in it"
            " (art. 9 and 10 GDPR). Take these words out.",
            code="sensitive_text",
            field=field,
        )


def refuse_sensitive_rule(rule: Rule) -> None:
    """Refuse a rule that selects people by a special category, by its fields or its values."""
    for term in terms(rule):
        values = [term.get("value"), *term.get("values", ())]
        spoken = [term.get("field", "").replace("_", " "), *(value for value in values if isinstance(value, str))]
        for text in spoken:
            category = _category(text)
            if category:
                raise InvalidInput(
                    f"A segment may not select people by {category} (art. 9 and 10 GDPR).",
                    code="sensitive_rule",
                    field="rule",
                )


@lru_cache(maxsize=4_096)
def _category(text: str) -> str | None:
    if not any(letter.isalpha() for letter in text):
        return None
    finding = check_header(text)
    if finding is not None:
        return finding.category
    watch = ValueWatch()
    watch.look(dict.fromkeys(_phrases(text), 1))
    return next((category for category, _ in watch.terms), None)


def _phrases(text: str) -> Iterator[str]:
    words = plain(text).split()
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(words)) + 1):
            yield " ".join(words[start:end])
