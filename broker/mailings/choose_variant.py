"""Choose the winner of a subject test by hand, before its wait is over."""

from __future__ import annotations

from dataclasses import replace

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.mailings import flow_store
from broker.mailings.find_mailing import find_mailing
from broker.mailings.model import Mailing
from broker.mailings.report_sheet import LiveReport, live_report
from broker.mailings.subject_test import Decision, VariantCount, decide
from broker.mailings.variants import LETTERS

REASON = 1_000  # characters at most


def choose_variant(unit: UnitOfWork, code: str, letter: str, reason: str = "") -> Mailing:
    """Let the rest of a mailing leave with variant `letter` (A to D) now; the figures of that moment are kept.

    For the owner of the base, the author of the message and the broker, once, after the start. Who is in the test group
    keeps the variant drawn. Raises `InvalidInput` (`bad_variant`), `Conflict` (`no_open_test`).
    """
    unit.actor.require("owner", "advertiser", "broker")
    mailing = find_mailing(unit, code)
    live = live_report(unit, code)
    letters = [line.letter for line in live.variants]
    if not may_choose(live):
        raise Conflict(
            "No subject test of this mailing waits for its winner: one is chosen once, after the mailing has begun.",
            code="no_open_test",
        )
    if letter.strip().upper() not in letters:
        raise InvalidInput(f"Choose one of the variants {', '.join(letters)}.", code="bad_variant", field="variant")
    if len(reason) > REASON:
        raise InvalidInput(f"Write at most {REASON:,} characters.", code="bad_text", field="reason")
    chosen = LETTERS.index(letter.strip().upper())
    counts = [VariantCount(at, one.tested.size, one.tested.events) for at, one in enumerate(live.variants)]
    if not flow_store.choose(unit, mailing.id, by_hand(counts, chosen)):
        raise Conflict("The winner was chosen meanwhile, or the mailing stopped. Look again.", code="no_open_test")
    unit.enqueue("send_mailing", mailing.id)
    record(unit, "mailing.variant_chosen", "mailing", code, winner=chosen, verdict="by_hand",
           reason=" ".join(reason.split()))  # fmt: skip
    return mailing


def may_choose(live: LiveReport) -> bool:
    """Whether a subject test of this mailing is open."""
    progress = live.flow.get("progress") or {}
    running = live.report.state in ("sending", "paused") and live.report.started_at is not None
    return running and bool(progress.get("test_size")) and progress.get("winner") is None and len(live.variants) > 1


def by_hand(counts: list[VariantCount], chosen: int) -> Decision:
    """What the figures say of a choice that a person made: the same test, around the variant chosen."""
    judged = decide(counts)
    if judged.winner == chosen:
        return replace(judged, verdict="by_hand")
    return Decision(chosen, "by_hand", judged.counts, judged.winner)
