"""Gender from the words of French and English files."""

from __future__ import annotations

GENDERS: dict[str, str | None] = {
    **dict.fromkeys(
        ("f", "femme", "feminin", "féminin", "female", "woman", "mme", "madame", "mlle", "mademoiselle", "mrs", "ms",
         "miss", "fille", "w", "2", "melle", "dame", "mesdames"),
        "F",
    ),
    **dict.fromkeys(
        ("m", "h", "homme", "masculin", "male", "man", "mr", "monsieur", "garçon", "1", "m.r", "messieurs", "sir"),
        "M",
    ),
    **dict.fromkeys(("", "-", "?", "0", "nc", "n/a", "na", "inconnu", "unknown", "autre", "other", "non renseigné",
                     "mx", "x", "nb", "société", "entreprise"), None),
}  # fmt: skip


def gender_of(value: str) -> tuple[str | None, bool]:
    """(F, M or None, whether the word is known). `1`/`2` are INSEE's codes for men and women."""
    word = value.strip().lower().rstrip(".")
    return GENDERS.get(word), word in GENDERS
