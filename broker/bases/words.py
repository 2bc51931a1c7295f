"""Words of files to our few values: relation, family status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.fields import plain

_RELATIONS = {
    **dict.fromkeys(("client", "cliente", "customer", "c", "acheteur", "buyer", "client actif", "client inactif",
                     "actif", "fidele", "vip", "ancien client"), "customer"),
    **dict.fromkeys(("prospect", "p", "lead", "contact", "prospecte", "newsletter", "abonne"), "prospect"),
}  # fmt: skip
_FAMILY = {
    **dict.fromkeys(("marie", "mariee", "marie e", "married", "epoux", "epouse", "m"), "married"),
    **dict.fromkeys(("celibataire", "single", "c", "seul", "seule"), "single"),
    **dict.fromkeys(("pacse", "pacsee", "pacse e", "pacs", "civil union", "civil partnership"), "civil_union"),
    **dict.fromkeys(("divorce", "divorcee", "divorce e", "divorced", "d"), "divorced"),
    **dict.fromkeys(("separe", "separee", "separe e", "separated"), "separated"),
    **dict.fromkeys(("veuf", "veuve", "veuf ve", "widowed", "widow", "widower", "v"), "widowed"),
    **dict.fromkeys(("concubinage", "union libre", "en couple", "concubin", "concubine", "vie maritale",
                     "cohabiting", "in a relationship"), "cohabiting"),
}  # fmt: skip


def relation_of(word: str) -> str | None:
    """`customer`, `prospect` or None for an unknown word."""
    return _RELATIONS.get(plain(word))


def family_status_of(word: str) -> str | None:
    """married, single, civil_union, divorced, separated, widowed, cohabiting, or None."""
    return _FAMILY.get(plain(word))


def map_words(column: pa.Array, meaning: Callable[[str], str | None]) -> tuple[pa.Array, Counter[str], int]:
    """Each value's meaning (null where it has none), how many non-empty values had none, and how many were changed."""
    encoded = column.dictionary_encode()
    words: list[str] = encoded.dictionary.to_pylist()
    meanings = [meaning(word) for word in words]
    times = {entry["values"]: entry["counts"] for entry in pc.value_counts(encoded.indices).to_pylist()}
    unknown: Counter[str] = Counter()
    changed = 0
    for number, (word, meant) in enumerate(zip(words, meanings, strict=True)):
        if meant is None and word.strip():
            unknown["unknown"] += times.get(number, 0)
        elif meant is not None and meant != word:
            changed += times.get(number, 0)
    return pa.array(meanings, pa.string()).take(encoded.indices), unknown, changed
