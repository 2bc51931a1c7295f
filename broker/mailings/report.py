"""What became of a mailing, in numbers: live while it is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from broker.kernel.database import UnitOfWork
from broker.mailings import store
from broker.mailings.find_mailing import find_mailing
from broker.mailings.model import SEND_STATES


@dataclass(frozen=True, slots=True)
class MailingReport:
    """Recipients by state (seeds stand apart). `frozen` is the sum of all states, always; `bounced` is a later mark on
    accepted ones. `hits` are those of people; `exclusions` say whom the freeze left out, and why (the owner alone)."""

    code: str
    kind: str
    state: str
    frozen: int
    pending: int
    claimed: int
    attempting: int
    deferred: int
    withheld: int
    cancelled: int
    accepted: int
    refused: int
    uncertain: int
    bounced: int
    seeds: int
    hits: int
    scanner_hits: int
    unclassified_hits: int
    opt_outs: int
    opens: int
    exclusions: dict[str, int]
    price_micros: int
    problem: str | None
    starts_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    def keys(self) -> dict[str, object]:
        """The report as an object for machines."""
        return asdict(self)


def mailing_report(unit: UnitOfWork, code: str) -> MailingReport:
    """The report of a mailing that the actor is party to."""
    mailing = find_mailing(unit, code)
    totals = store.counts(unit, mailing)
    reactions = store.reactions(unit, mailing.id)
    return MailingReport(
        code=mailing.code,
        kind=mailing.kind,
        state=mailing.state,
        frozen=totals.frozen,
        **{state: totals.by_state.get(state, 0) for state in SEND_STATES},
        bounced=totals.bounced,
        seeds=totals.seeds,
        hits=reactions.human,
        scanner_hits=reactions.scanner,
        unclassified_hits=reactions.waiting,
        opt_outs=reactions.opt_outs,
        opens=reactions.opens,
        # Recipients and exclusions add up to the exact audience, which no advertiser may see (docs/disclosure.md).
        exclusions={} if unit.actor.role == "advertiser" else mailing.exclusions,
        price_micros=mailing.price_micros,
        problem=mailing.problem,
        starts_at=mailing.starts_at,
        started_at=mailing.started_at,
        ended_at=mailing.ended_at,
    )
