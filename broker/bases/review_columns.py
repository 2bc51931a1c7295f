"""Columns in which forbidden words occur, too few to refuse them: the broker looks and decides.

What it decides holds for the base's next files: a column that is allowed is not listed again, a refused one is refused
by its header. What earlier files brought of a refused column is not taken out by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.audit.record import record
from broker.bases import review_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.paging import Page, offset

REVIEWS_A_PAGE = 50
Verdict = Literal["allowed", "refused"]
VERDICTS = ("allowed", "refused")


@dataclass(frozen=True, slots=True)
class ColumnReview:
    """One column to look at. `words` are the lexicon's, `found` of `filled` cells hold one; no cell is shown."""

    code: str
    base_code: str
    owner_name: str
    import_code: str
    header: str
    category: str
    words: list[str]
    found: int
    filled: int
    verdict: Verdict | None
    reason: str
    decided_at: datetime | None
    created_at: datetime

    @property
    def share(self) -> float:
        """Of the cells that are not empty, how many hold such a word (0 to 1)."""
        return self.found / self.filled if self.filled else 0.0


def list_reviews(unit: UnitOfWork, *, decided: bool = False, page: int = 1) -> Page[ColumnReview]:
    """Columns that wait for a verdict, the eldest first, or those that have one, the latest first."""
    unit.actor.require("broker")
    rows, total = store.reviews(unit, decided, offset(page, REVIEWS_A_PAGE), REVIEWS_A_PAGE)
    return Page([ColumnReview(**row._mapping) for row in rows], total, page, REVIEWS_A_PAGE)


def find_review(unit: UnitOfWork, code: str) -> ColumnReview:
    """One column to look at."""
    unit.actor.require("broker")
    row = store.review(unit, code)
    if row is None:
        raise NotFound(f"There is no column review '{code}'.", code="no_review", field="review")
    return ColumnReview(**row._mapping)


def decide_review(unit: UnitOfWork, code: str, verdict: str, reason: str) -> ColumnReview:
    """Allow a column or refuse it, and say why; a verdict is final, since imports went by it."""
    unit.actor.require("broker")
    if verdict not in VERDICTS:
        raise InvalidInput(f"A verdict is {' or '.join(VERDICTS)}.", code="bad_verdict", field="verdict")
    if not reason.strip():
        raise InvalidInput("Say why: the owner reads it.", code="no_reason", field="reason")
    review = find_review(unit, code)
    if not store.decide(unit, code, verdict, reason.strip()[:1000]):
        raise Conflict("This column has its verdict already.", code="decided_already")
    record(unit, "column.reviewed", "base", review.base_code, review=code, header=review.header[:100], verdict=verdict)
    return find_review(unit, code)
