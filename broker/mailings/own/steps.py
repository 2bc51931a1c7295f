"""Pause, go on, cancel an own mailing: with it the mailings of its runs that are under way."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.mailings.cancel import cancel_mailing
from broker.mailings.own import store
from broker.mailings.own.find import find_own_mailing
from broker.mailings.own.model import TRANSITIONS, OwnMailing, first_run
from broker.mailings.pause import pause_mailing
from broker.mailings.resume import resume_mailing


def pause_own_mailing(unit: UnitOfWork, code: str) -> OwnMailing:
    """Stop for a while: no day is frozen, and what is under way stops too."""
    own = _move(unit, code, "paused")
    for mailing, state in store.mailings_under_way(unit, own.id):
        if state in ("frozen", "sending"):
            pause_mailing(unit, mailing)
    return find_own_mailing(unit, code)


def resume_own_mailing(unit: UnitOfWork, code: str) -> OwnMailing:
    """Go on. Events that fell due in the pause are not made up for: their day has passed."""
    own = _move(unit, code, "active")
    for mailing, state in store.mailings_under_way(unit, own.id):
        if state == "paused":
            resume_mailing(unit, mailing)
    return find_own_mailing(unit, code)


def cancel_own_mailing(unit: UnitOfWork, code: str) -> OwnMailing:
    """Stop for good; what has left stays counted."""
    own = _move(unit, code, "cancelled")
    for mailing, _ in store.mailings_under_way(unit, own.id):
        cancel_mailing(unit, mailing, "its own mailing was cancelled")
    return find_own_mailing(unit, code)


def _move(unit: UnitOfWork, code: str, to_state: str) -> OwnMailing:
    own = find_own_mailing(unit, code, lock=True)
    if to_state not in TRANSITIONS[own.state]:
        raise Conflict(f"This mailing is {own.state}: it cannot become {to_state}.", code="own_state")
    at = since = None
    if to_state == "active":
        at = first_run(unit.now, own.send_hour) if own.daily else max(own.starts_at or unit.now, unit.now)
        since = unit.today
    if not store.move(unit, own.id, [own.state], to_state, next_run_at=at, since=since):
        raise Conflict("This mailing was changed meanwhile. Look at it again.", code="own_state")
    if at is not None and at <= unit.now:
        unit.enqueue("run_own_mailing", own.id)
    record(unit, f"own_mailing.{to_state}", "own_mailing", code)
    return own
