"""The texts that an invoice must carry, from dated data, in the customer's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from broker.kernel.errors import IntegrityFault


@dataclass(frozen=True, slots=True)
class Terms:
    """Days from issue to due date."""

    advertiser_days: int
    owner_days: int


def mention(key: str, day: date, language: str, **names: str) -> str:
    """The text of a mention in force on a day; raises `IntegrityFault` when the data holds none."""
    texts = [text for text in _data()["mention"] if text["key"] == key and text["since"] <= day]
    if not texts:
        raise IntegrityFault(f"There is no text of the mention {key!r} for {day}.", code="mention_missing")
    newest: Mapping[str, Any] = max(texts, key=lambda text: text["since"])
    return str(newest[language]).format(**names)


def payment_terms() -> Terms:
    """The payment terms of the data file."""
    return Terms(**_data()["terms"])


@cache
def _data() -> dict[str, Any]:
    raw = (resources.files("broker.billing") / "data" / "mentions.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)
