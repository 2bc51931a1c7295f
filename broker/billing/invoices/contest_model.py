"""Rows of contested documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ContestState = Literal["open", "rejected", "prepared", "signed", "corrected"]


@dataclass(frozen=True, slots=True)
class Contest:
    """An owner does not agree with a document issued in its name.

    open → rejected, or upheld for `net_cents`: prepared (the owner signs) → signed → corrected by the document
    `credit`, and by a new one of `new_net_cents` where it is to be replaced whole. Where the company issues
    corrections, an upheld one is signed at once. `left_cents`: what is left of the document before VAT.
    """

    id: int
    code: str
    org_id: int
    owner: str
    number: str
    reason: str
    state: ContestState
    net_cents: int | None
    answer: str
    raised_at: datetime
    answered_at: datetime | None
    credit: str
    new_net_cents: int | None
    replacement: str
    document_kind: str
    left_cents: int
