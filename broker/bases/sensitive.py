"""What a base must not hold: special categories (GDPR art. 9), convictions (art. 10), identity and card numbers, and
free text, where all of these hide. Found by header and by values, in French and English.

The words are data (`data/sensitive.csv`): `header` terms match whole words of a header, `value` terms match a whole
value, `value in company` terms (first names, left and right) only beside one of those, `allow` terms are headers that
look the same and are harmless, `review` terms are whole headers that may be either: a person decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from broker.bases.fields import data_rows, plain

# By values: one odd word in a column of thousands is a near miss, a column of them is what it looks like.
LEAST_SHARE = 0.01
SOLE_TERM_SHARE = 0.3  # one single term, such as a shop named Renaissance, must make up much of the column
NIR_SHARE, CARD_SHARE = 0.1, 0.5  # a random number passes NIR's key once in 97 and Luhn's once in 10
WORDS_OF_TEXT = 6.0
MOST_WORDS = 20  # of a column, that are shown to the broker
DECIDED = "decision"
_COUNTS = ("filled", "identity_numbers", "cards", "accounts", "words", "long_texts")
_ARTICLES = {"criminal convictions": "art. 10 GDPR"}
_OURS = {"national identity number", "payment card or bank account", "free text"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a column is refused: the category, what was found and whether in the header or the values."""

    category: str
    found: str
    where: str

    @property
    def why(self) -> str:
        """The sentence that the owner reads."""
        if self.where == DECIDED:
            return f"{self.category}: refused by the broker, who looked at it: {self.found}"
        if self.category in _OURS:
            law = {
                "national identity number": "never needed for a mailing",
                "payment card or bank account": "never needed for a mailing",
                "free text": "free comments may hold anything about a person",
            }[self.category]
        else:
            law = f"forbidden by {_ARTICLES.get(self.category, 'art. 9 GDPR')}"
        return f"{self.category} ({law}): {self.where} '{self.found}'"

    def of_column(self, header: str) -> dict[str, str]:
        """As it is kept and reported; `where` is header, values or decision."""
        return {
            "header": header,
            "why": self.why,
            "category": self.category,
            "where": self.where,
            "found": self.found,
        }


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Forbidden words in a column that is kept: `found` of its `filled` cells, most of them of `category`."""

    category: str
    words: tuple[str, ...]
    found: int
    filled: int


def decided(category: str, reason: str) -> Finding:
    """The finding about a column that the broker looked at and refused."""
    return Finding(category, reason, DECIDED)


@cache
def _terms(where: str) -> dict[str, str]:
    return {row["term"]: row["category"] for row in data_rows("sensitive.csv") if row["where"] == where}


def check_header(header: str) -> Finding | None:
    """A finding if the header names forbidden data. Harmless phrases (`race du chien`) are taken out first."""
    rest = plain(header)
    for phrase in sorted(_terms("allow"), key=len, reverse=True):
        rest = re.sub(rf"\b{phrase}\b", "#", rest)
    words = rest.split()
    terms = _terms("header")
    for size in range(min(5, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            phrase = " ".join(words[start : start + size])
            if phrase in terms:
                return Finding(terms[phrase], phrase, "header")
    return None


def header_to_review(header: str) -> tuple[str, str] | None:
    """(category, words) of a header that may be harmless or not, such as `Régime`: for a person to look at."""
    rest = plain(header)
    terms = _terms("review")
    return (terms[rest], rest) if rest in terms else None


@dataclass(slots=True)
class ValueWatch:
    """Counts what the values of one column look like, block by block."""

    filled: int = 0
    terms: Counter[tuple[str, str]] = field(default_factory=Counter)
    doubtful: Counter[tuple[str, str]] = field(default_factory=Counter)
    identity_numbers: int = 0
    cards: int = 0  # and bank accounts
    accounts: int = 0
    words: int = 0
    long_texts: int = 0

    def look(self, counts: Mapping[str, int]) -> None:
        """Take in distinct values with how often each occurs."""
        terms, in_company = _terms("value"), _terms("value in company")
        for value, times in counts.items():
            text = value.strip()
            if not text:
                continue
            self.filled += times
            spaces = text.count(" ")
            self.words += (spaces + 1) * times
            if spaces >= 3:
                self.long_texts += times
            if len(text) >= 9 and any(map(str.isdigit, text)):
                kind = number_kind(text)
                self.identity_numbers += times if kind == "identity" else 0
                self.cards += times if kind in ("card", "account") else 0
                self.accounts += times if kind == "account" else 0
            for part in _parts(text):
                word = plain(part)
                if word in terms:
                    self.terms[terms[word], word] += times
                elif word in in_company:
                    self.doubtful[in_company[word], word] += times

    def add(self, other: ValueWatch) -> None:
        """Take in what another block's values looked like."""
        self.terms.update(other.terms)
        self.doubtful.update(other.doubtful)
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_dict(self) -> dict[str, Any]:
        """For a file of JSON, which has no pairs as keys."""
        return {
            "terms": [[*pair, times] for pair, times in self.terms.items()],
            "doubtful": [[*pair, times] for pair, times in self.doubtful.items()],
            **{name: getattr(self, name) for name in _COUNTS},
        }

    @staticmethod
    def of(kept: Mapping[str, Any]) -> ValueWatch:
        """From what `as_dict` gave."""
        return ValueWatch(
            terms=Counter({(category, word): times for category, word, times in kept["terms"]}),
            doubtful=Counter({(category, word): times for category, word, times in kept["doubtful"]}),
            **{name: kept[name] for name in _COUNTS},
        )

    def finding(self) -> Finding | None:
        """Why the column must be refused, or None."""
        if not self.filled:
            return None
        if self.identity_numbers > NIR_SHARE * self.filled and self.identity_numbers >= 2:
            return Finding("national identity number", "numbers with a valid key", "values")
        if self.accounts > NIR_SHARE * self.filled and self.accounts >= 2:
            return Finding("payment card or bank account", "account numbers with a valid key", "values")
        if self.cards > CARD_SHARE * self.filled and self.cards >= 2:
            return Finding("payment card or bank account", "numbers with a valid card check digit", "values")
        categories: Counter[str] = Counter()
        distinct: Counter[str] = Counter()
        for (category, _), times in self.terms.items():
            categories[category] += times
            distinct[category] += 1
        for (category, _), times in self.doubtful.items():
            if categories[category]:  # a first name (Christian) becomes a religion beside others
                categories[category] += times
                distinct[category] += 1
        for category, times in categories.most_common():
            share = times / self.filled
            if times >= 2 and (
                (distinct[category] >= 2 and share >= LEAST_SHARE) or (share >= SOLE_TERM_SHARE and times >= 3)
            ):
                found = ", ".join(word for (name, word), _ in self.terms.most_common() if name == category)[:80]
                return Finding(category, found, "values")
        if self.long_texts > 0.5 * self.filled and self.words > WORDS_OF_TEXT * self.filled:
            return Finding("free text", "sentences", "values")
        return None

    def near_miss(self) -> NearMiss | None:
        """Terms that occur without making the column refused, and how often: for a person to look at."""
        met = self.terms + self.doubtful
        if not met or self.finding():
            return None
        of_category: Counter[str] = Counter()
        for (category, _), times in met.items():
            of_category[category] += times
        return NearMiss(
            of_category.most_common(1)[0][0],
            tuple(sorted({word for _, word in met})[:MOST_WORDS]),
            met.total(),
            self.filled,
        )


# Identity numbers that a form alone tells: of the United States, the United Kingdom, Italy.
_BY_FORM = re.compile(
    r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}|(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]|"
    r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"
)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def number_kind(text: str) -> str | None:
    """`identity`, `card` or `account` of one value, by its form and its check digits; None for any other."""
    if _BY_FORM.fullmatch(text.upper()):
        return "identity"
    bare = re.sub(r"[\s.\-]", "", text).upper()
    if is_nir(bare) or _is_dni(bare) or _is_belgian(bare):
        return "identity"
    if is_card(bare):
        return "card"
    return "account" if is_iban(bare) else None


def is_iban(bare: str) -> bool:
    """An international account number with its key (ISO 13616: the number turned round is 1 modulo 97)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    turned = bare[4:] + bare[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _is_dni(bare: str) -> bool:
    match = re.fullmatch(r"([XYZ]?)(\d{7,8})([A-Z])", bare)
    if match is None or len(bare) != 9:
        return False
    number = int(("XYZ".find(match[1]) if match[1] else 0) * 10**7 + int(match[2]))
    return _DNI_LETTERS[number % 23] == match[3]


def _is_belgian(bare: str) -> bool:
    """The national register's number: eleven digits, a date of birth in front, a key of two (97 − rest)."""
    if not re.fullmatch(r"\d{2}(?:0\d|1[0-2])(?:[0-2]\d|3[01])\d{5}", bare):
        return False
    return any(97 - int(century + bare[:9]) % 97 == int(bare[9:]) for century in ("", "2"))


def is_nir(digits: str) -> bool:
    """A French national number with its key: 97 − (first 13 mod 97); Corsica's 2A/2B count as 19/18."""
    if len(digits) != 15 or digits[0] not in "1234578":
        return False
    body = digits[:13].upper().replace("2A", "19").replace("2B", "18")
    if not (body.isdigit() and digits[13:].isdigit()):
        return False
    month = int(digits[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(body) % 97 == int(digits[13:])


def is_card(digits: str) -> bool:
    """A payment card number: 13, 15, 16 or 19 digits of a card range, with Luhn's check digit (ISO/IEC 7812)."""
    if len(digits) not in (13, 15, 16, 19) or not digits.isdigit():
        return False
    if not re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5)|5[06-9]", digits) or (len(digits) == 13 and digits[0] != "4"):
        return False
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _parts(text: str) -> Iterable[str]:
    """The value itself, or each tag of a list."""
    return re.split(r"[|;,/]", text) if re.search(r"[|;,/]", text) else (text,)
