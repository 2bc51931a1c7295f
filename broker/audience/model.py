"""Rows and small rules of the audience room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.rule import Rule
from broker.kernel.errors import CourtierError

# The order in which exclusions are counted: each contact counts for the first that takes it away.
EXCLUSIONS = ("consent", "quarantine", "minor", "partner", "suppression", "retention", "pressure", "reserved")
EVERY_VIEWER = 0  # the viewer of figures that all advertisers see: the sizes on published cards

Mask = NDArray[np.bool_]


class QuestionBudgetSpent(CourtierError):
    """An advertiser has asked as many new questions about a base as a day allows (HTTP 429)."""

    default_code = "question_budget"
    status = 429


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot as the database knows it; `sha256` of the file, `columns` as columns.columns_from_json reads them."""

    id: int
    base_id: int
    number: int
    file_name: str
    sha256: bytes
    rows: int
    columns: list[dict[str, Any]] = field(repr=False)
    contact_kind: str = "b2c"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the desk needs of a published card: its base and rule, and the fields that advertisers may combine."""

    id: int
    base_id: int
    rule: Rule
    selects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedRule:
    """A segment as another rule names it: by code or name."""

    code: str
    name: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Tally:
    """A rule counted: `count` people match, `exclusions` took some away, `rentable` are left."""

    count: int
    rentable: int
    exclusions: dict[str, int]


@dataclass(frozen=True)
class Recipients:
    """Who gets a mailing, in the order of the draw.

    `contact_ids` int64 [n]; `contact_keys` 16-byte voids [n] (`.tolist()` gives bytes); `exclusions` includes
    `duplicates` (already in this dispatch) and `volume` (left out by the cap); `audience_size` is how many the rule
    took before any exclusion: audience_size = n + sum(exclusions). `supplied`: how many were drawn before duplicates
    were taken out of a run of net names; else n.
    """

    contact_ids: NDArray[np.int64]
    contact_keys: NDArray[np.void]
    exclusions: dict[str, int]
    audience_size: int
    supplied: int = 0
