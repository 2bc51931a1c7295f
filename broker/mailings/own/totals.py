"""What became of all mails of an own mailing, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from broker.kernel.database import UnitOfWork
from broker.mailings.own import store
from broker.mailings.own.model import OwnMailing


@dataclass(frozen=True, slots=True)
class OwnTotals:
    """Over all runs: people written to (`frozen`), their outcomes, human clicks, opt-outs, people held out."""

    frozen: int
    accepted: int
    lost: int
    bounced: int
    clicks: int
    opt_outs: int
    held_out: int
    runs: int


def totals_of(unit: UnitOfWork, own: OwnMailing) -> OwnTotals:
    """The totals of one's own mailing."""
    return OwnTotals(**store.sums(unit, own.id))
