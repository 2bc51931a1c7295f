"""The job that sends a mailing, alone or together with other workers (docs/delivery.md).

Rows are the truth: the job may be killed at any moment, be lost or run twice. What it leaves behind is put right by
`reconcile` when its lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from broker.affiliation.store import set_send_state
from broker.audit.record import record
from broker.bases.keep_days import seconds_to_opening
from broker.delivery import presign_store, store
from broker.delivery.domain_store import domain_of_mailing
from broker.delivery.journal import NoJournal, SendJournal
from broker.delivery.model import Accrue, MailingFacts, OnSent
from broker.delivery.reconcile import reconcile
from broker.delivery.reputation import open_holds
from broker.delivery.sender import Sender, SendResult
from broker.delivery.steady import SteadyUnits
from broker.delivery.turn import SLICE_SECONDS, Turn
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.mailings.flow import begin_flow, missed_window, open_gates
from broker.mailings.flow_store import seconds_to_next
from broker.rentals.advance import advance_order
from broker.vault.keyring import WorkerKeys

HELD_SECONDS = 600


def send_mailing(
    database: Database,
    worker_keys: WorkerKeys,
    settings: Settings,
    mailing_id: int,
    accrue: Accrue,
    *,
    on_sent: OnSent = lambda unit, mailing: None,
    should_stop: Callable[[], bool] = lambda: False,
    slice_seconds: float = SLICE_SECONDS,
    journal: SendJournal | None = None,
) -> SendResult:
    """Send what waits of a mailing until nothing is left, it is paused, or the slice of time is over.

    `accrue` runs in the transaction of the outcomes, `on_sent` in the one that ends the mailing; `journal` learns of
    each batch before it leaves. Raises `Unavailable` when no relay answers; nothing was attempted then.
    """
    # Every transaction of the job has an idle limit: whoever is stopped in one must not keep the mailing's locks.
    units = SteadyUnits(database, settings.worker.lease_seconds)
    try:
        with units.begin() as unit:
            facts = _open(unit, settings, mailing_id)
        if facts is None or facts.state != "sending":
            return SendResult()
        turn = Turn(should_stop, slice_seconds)
        sender = Sender(units, worker_keys, settings, facts, accrue, journal or NoJournal(), turn)
        result = asyncio.run(sender.run())
        with units.begin() as unit:
            _finish(unit, facts, result, on_sent)
    finally:
        units.close()
    return result


def _open(unit: UnitOfWork, settings: Settings, mailing_id: int) -> MailingFacts | None:
    """Put right what dead workers left; start the mailing when it is due; clean up after a cancellation."""
    facts = store.facts_of(unit, mailing_id, lock=True)
    if facts is None:
        return None
    reconcile(unit, facts.id, facts.code)
    if facts.state == "cancelled":
        store.cancel_waiting(unit, facts)
        presign_store.forget(unit, facts.id)
    elif facts.state in ("frozen", "sending") and (
        (facts.kind != "own" and _must_wait(unit, facts)) or _is_held(unit, settings, facts)
    ):
        return None
    elif facts.state == "frozen" and facts.due and not missed_window(unit, facts.id):
        store.mark_started(unit, facts.id)
        begin_flow(unit, facts.id)
        _advance(unit, facts, "sending")
        return store.facts_of(unit, mailing_id)
    elif facts.state == "sending":
        open_gates(unit, facts.id)
    return facts


def _must_wait(unit: UnitOfWork, facts: MailingFacts) -> bool:
    """Whether the owner's calendar lets nothing of partners leave now; the next run is planned then."""
    wait = seconds_to_opening(unit, facts.base_id)
    if wait:
        _plan_run(unit, facts, wait)
    return wait > 0


def _is_held(unit: UnitOfWork, settings: Settings, facts: MailingFacts) -> bool:
    """Whether mail of its sending domain is held; looked at again in a while."""
    domain, _ = domain_of_mailing(unit, facts.id) or (settings.mail.sending_domain, "")
    held = domain in open_holds(unit).sending_domains
    if held:
        _plan_run(unit, facts, HELD_SECONDS)
    return held


def _finish(unit: UnitOfWork, facts: MailingFacts, result: SendResult, on_sent: OnSent) -> None:
    """End the mailing when nothing is left of it; else ask for the next run."""
    now = store.facts_of(unit, facts.id, lock=True)
    if now is None or now.state == "cancelled":
        if now is not None:
            store.cancel_waiting(unit, now)
            presign_store.forget(unit, now.id)
        return
    if result.day_is_full:
        _plan_run(unit, facts, store.seconds_to_tomorrow(unit))
    elif result.rest_seconds and store.anything_waits(unit, facts):
        _plan_run(unit, facts, 1 + int(result.rest_seconds))
    elif result.unfinished:
        unit.enqueue("send_mailing", facts.id)
    elif store.mark_sent(unit, facts):
        _advance(unit, facts, "sent")
        presign_store.forget(unit, facts.id)
        on_sent(unit, facts.id)
        record(unit, "mailing.sent", "mailing", facts.code)
    else:
        open_gates(unit, facts.id)
        waits = [wait for wait in (store.next_due(unit, facts.id), seconds_to_next(unit, facts.id)) if wait is not None]
        if waits:
            _plan_run(unit, facts, max(1, min(waits)))


def _plan_run(unit: UnitOfWork, facts: MailingFacts, seconds: int) -> None:
    """Ask for the next run in so many seconds, unless one comes by then."""
    if not store.run_is_planned(unit, facts.id, seconds):
        unit.enqueue("send_mailing", facts.id, after_seconds=seconds)


def _advance(unit: UnitOfWork, facts: MailingFacts, state: Literal["sending", "sent"]) -> None:
    """The order, or the picked send, goes along with its mailing."""
    if facts.order_id is not None:
        advance_order(unit, facts.order_id, state)
    if facts.participation_send_id is not None:
        set_send_state(unit, facts.participation_send_id, state)
