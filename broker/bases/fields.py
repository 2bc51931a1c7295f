"""The fields that a file's columns can be mapped to, and the words that headers use for them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Literal

Kind = Literal["contacts", "purchases", "visits"]

IGNORE = "ignored"
ATTRIBUTE = "attribute"  # headers of a product's own attributes, each kept by its name as a trait is
TRAIT = "trait:"  # `trait:ring_size`: an attribute of the owner's trade, by its own name

# Sealed in the vault, never in a snapshot.
SEALED_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "full_name",
    "phone",
    "mobile",
    "street",
    "street_more",
    "postcode",
    "city",
    "country",
    "reference",
    "social",
    "consent_ip",
)
PROOF_FIELDS = (
    "consent_at",
    "consent_source_url",
    "consent_wording",
    "consent_form",
    "consent_partner_list",
)


def data_rows(name: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV in `broker/bases/data/`."""
    with (resources.files("broker.bases") / "data" / name).open("rb") as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline=""))


@cache
def known_fields(kind: Kind) -> tuple[str, ...]:
    """The fields of this kind of file, in the order of the list."""
    return tuple(row["field"] for row in data_rows("headers.csv") if row["kind"] == kind and row["field"] != ATTRIBUTE)


@cache
def header_words(kind: Kind) -> dict[str, str]:
    """Plain header to field."""
    return {
        word: row["field"]
        for row in data_rows("headers.csv")
        if row["kind"] == kind
        for word in (row["field"].replace("_", " "), *row["synonyms"].split("|"))
    }


_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Ý][a-zà-ÿ])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def plain(text: str) -> str:
    """Lower-case ASCII words separated by one space: `DateNaissance`, `Date_naissance` → `date naissance`."""
    text = _CAMEL.sub(" ", text)
    if not text.isascii():
        text = text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("n°", "numero ")
        text = unicodedata.normalize("NFKD", text.replace("N°", "numero ")).encode("ascii", "ignore").decode()
    return _NO_WORD.sub(" ", text.lower()).strip()


def trait_name(header: str) -> str:
    """The name of a custom trait in rules: lower-case ASCII, digits and `_`, beginning with a letter."""
    name = plain(header).replace(" ", "_") or "trait"
    return name if name[0].isalpha() else f"t_{name}"
