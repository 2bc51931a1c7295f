"""How a mailing leaves: in waves, a subject test first, begun within its window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.mailings import flow_store as store
from broker.mailings.find_mailing import find_mailing
from broker.mailings.flow_store import Progress
from broker.mailings.model import Mailing
from broker.mailings.store import creative_by_id, mailing_by_id, move
from broker.mailings.subject_test import decide
from broker.mailings.waves import check_shares, test_group, wave_ends

PUT_OFF_SECONDS = 15  # as long as a click waits for its verdict
MOST_PUT_OFF_SECONDS = 300


def set_flow(
    unit: UnitOfWork, code: str, shares: Sequence[int], gap_minutes: int = 60, start_by: datetime | None = None
) -> Mailing:
    """Set waves (shares in per cent, gap in minutes) and the end of the start window of a mailing not begun yet."""
    unit.actor.require("owner", "broker")
    mailing = find_mailing(unit, code)
    checked = check_shares(shares, gap_minutes)
    if start_by is not None and start_by <= max(unit.now, mailing.starts_at or unit.now):
        raise InvalidInput(
            "The start window would be over before the mailing may start.", code="bad_window", field="start_by"
        )
    if not store.set_flow(unit, mailing.id, checked, gap_minutes, start_by):
        raise Conflict(
            f"This mailing is {mailing.state}: waves are set before it starts, by its owner.", code="mailing_state"
        )
    record(unit, "mailing.flow_set", "mailing", code, shares=list(checked), gap_minutes=gap_minutes)
    return mailing


def begin_flow(unit: UnitOfWork, mailing_id: int) -> None:
    """When a mailing starts: cut it into its parts. Nothing to do for one that leaves at once, all of it."""
    mailing = mailing_by_id(unit, mailing_id)
    assert mailing is not None
    creative = creative_by_id(unit, mailing.creative_id)
    flow = store.flow_row(unit, mailing_id)
    variants = 1 + len(creative.variants) if creative is not None else 1
    shares = tuple(flow.shares) if flow is not None else ()
    if variants == 1 and len(shares) < 2:
        return
    recipients = store.recipients_of(unit, mailing.dispatch_id, mailing_id)
    tested = 0
    if creative is not None and creative.test is not None:
        tested = test_group(recipients, creative.test.share_percent, variants)
    ends = wave_ends(recipients, tested, shares)
    progress = Progress(recipients, variants, tested, tested, None, None, None if tested else 0)
    store.begin(unit, mailing_id, progress, ends, None if tested else unit.now)
    open_gates(unit, mailing_id)


def open_gates(unit: UnitOfWork, mailing_id: int) -> None:
    """Let leave what may: end a test whose wait is over, open the wave whose hour has come. Any number of times."""
    mailing = mailing_by_id(unit, mailing_id)
    progress = store.progress_of(unit, mailing_id, lock=True)
    if mailing is None or progress is None:
        return
    if progress.winner is None:
        _test(unit, mailing, progress)
    flow = store.flow_row(unit, mailing_id)
    number = store.open_due_wave(unit, mailing_id, flow.gap_minutes if flow is not None else 1)
    if number is not None:
        record(unit, "mailing.wave_opened", "mailing", mailing.code, wave=number)


def _test(unit: UnitOfWork, mailing: Mailing, progress: Progress) -> None:
    """The test group: sent, then waited for, then judged."""
    if progress.tested_at is None or progress.decide_at is None:
        if store.released_is_sent(unit, mailing.dispatch_id, mailing.id, progress.test_size):
            store.note_tested(unit, mailing.id, _wait_of(unit, mailing))
        return
    if progress.decide_at > unit.now:
        return
    late = (unit.now - progress.tested_at).total_seconds()
    wait = 60 * _wait_of(unit, mailing)
    if store.unjudged(unit, mailing.id) and late < wait + MOST_PUT_OFF_SECONDS:
        store.put_off(unit, mailing.id, PUT_OFF_SECONDS)
        return
    decision = decide(store.test_counts(unit, mailing.dispatch_id, mailing.id, progress))
    store.write_decision(unit, mailing.id, decision)
    record(unit, "mailing.variant_chosen", "mailing", mailing.code, winner=decision.winner, verdict=decision.verdict)


def _wait_of(unit: UnitOfWork, mailing: Mailing) -> int:
    creative = creative_by_id(unit, mailing.creative_id)
    return 0 if creative is None or creative.test is None else creative.test.wait_minutes


def missed_window(unit: UnitOfWork, mailing_id: int) -> bool:
    """Stop a mailing that could not begin within its window; a person decides whether it still leaves."""
    flow = store.flow_row(unit, mailing_id)
    if flow is None or flow.start_by is None or flow.start_by > unit.now:
        return False
    mailing = mailing_by_id(unit, mailing_id)
    if mailing is None or mailing.started_at is not None or not move(unit, mailing_id, ["frozen"], "paused"):
        return False
    sentence = "The mailing could not begin within its start window: somebody has to say whether it still leaves."
    store.add_alarm(unit, mailing_id, "stop", "start_window", sentence, (0, 0, 0))
    record(unit, "mailing.stopped", "mailing", mailing.code, reason="start_window")
    return True
