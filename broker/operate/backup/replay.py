"""Brings a restored database up to its journal and puts everything on hold, in one transaction, before any worker."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice

from broker.audit.record import record
from broker.bases import erase_store
from broker.billing.accrue import accrue_sends, reverse_bounces
from broker.feedback.model import SendKey
from broker.feedback.store import lock_send, mark_bounced
from broker.kernel.database import UnitOfWork
from broker.operate.backup import replay_store as store
from broker.operate.backup.events import Events
from broker.operate.backup.manifest import Manifest

LOST = "Made after the backup from which this instance was restored: only what had begun to leave is known."
AT_ONCE = 5_000


@dataclass
class Replayed:
    """What a restore changed. `orphans` are sends whose order came after the backup: nothing here can hold them."""

    suppressions: int = 0
    erasures: int = 0
    outcomes: int = 0
    uncertain: int = 0
    bounces: int = 0
    mailings: int = 0
    orphans: int = 0
    held: int = 0


def replay(unit: UnitOfWork, manifest: Manifest, events: Events) -> Replayed:
    """Replay the journal, then hold what has not ended. Twice is once."""
    done = Replayed()
    done.suppressions = store.add_suppressions(unit, events.suppressions)
    for start in range(0, len(events.erasures), AT_ONCE):
        contacts = store.contacts_of(unit, events.erasures[start : start + AT_ONCE])
        erase_store.destroy(unit, contacts)
        done.erasures += len(contacts)
    states = events.states(manifest.made_at, store.held_leases(unit))
    lost = _add_lost_mailings(unit, events, done)
    _set_outcomes(unit, states, done)
    for dispatch_id, mailing_id in lost:
        store.cancel_rest(unit, dispatch_id, mailing_id)
    done.uncertain += store.settle_leases(unit)
    _mark_bounces(unit, events, done)
    store.add_opt_outs(unit, events.opt_outs)
    store.cancel_mailings(unit, events.cancelled)
    done.held = len(store.hold_mailings(unit))
    store.mark_restored(unit)
    store.forget_jobs(unit)
    store.leave_numbers_free(unit, {batch.dispatch_id for batch in events.batches.values()})
    figures = {name: getattr(done, name) for name in Replayed.__dataclass_fields__}
    record(unit, "instance.restored", "instance", manifest.instance, made_at=int(manifest.made_at), **figures)
    return done


def _add_lost_mailings(unit: UnitOfWork, events: Events, done: Replayed) -> list[tuple[int, int]]:
    """Mailings frozen after the backup: their rows, and those of their sends that had begun to leave."""
    known = store.known_mailings(unit, events.mailings)
    added = []
    for mailing_id, (mailing, dispatch) in sorted(events.mailings.items()):
        if mailing_id in known:
            continue
        batches = [batch for batch in events.batches.values() if batch.mailing_id == mailing_id]
        if not store.can_hold(unit, mailing, dispatch):
            done.orphans += len({position for batch in batches for position in batch.rows})
            continue
        store.add_mailing(unit, mailing, dispatch, LOST)
        for batch in batches:
            fields = ("contact_id", "contact_key", "price_micros", "attempts")
            of = {"dispatch_id": batch.dispatch_id, "mailing_id": mailing_id}
            store.add_sends(
                unit,
                [{**of, "position": at, **dict(zip(fields, row, strict=True))} for at, row in batch.rows.items()],
            )
        if dispatch["order_id"] is not None:
            store.advance_sold(unit, dispatch["order_id"])
        added.append((dispatch["id"], mailing_id))
    done.mailings = len(added)
    return added


def _set_outcomes(unit: UnitOfWork, states: dict[tuple[int, int, int], str], done: Replayed) -> None:
    """What the journal knows of sends; accepted ones are accrued as they were."""
    groups: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for (dispatch_id, mailing_id, position), state in states.items():
        groups[dispatch_id, mailing_id, state].append(position)
    for (dispatch_id, mailing_id, state), positions in sorted(groups.items()):
        waiting = iter(sorted(positions))
        while some := list(islice(waiting, AT_ONCE)):
            changed = store.set_outcomes(unit, dispatch_id, mailing_id, state, some)
            if state == "uncertain":
                done.uncertain += len(changed)
            else:
                done.outcomes += len(changed)
            if state == "accepted" and changed:
                accrue_sends(unit, mailing_id, [(dispatch_id, position) for position in changed])


def _mark_bounces(unit: UnitOfWork, events: Events, done: Replayed) -> None:
    for (dispatch_id, mailing_id, position), status in events.bounces:
        key = SendKey(dispatch_id, mailing_id, position)
        found = lock_send(unit, key)
        if found is None or found[1]:
            continue
        mark_bounced(unit, key, status)
        reverse_bounces(unit, mailing_id, [(dispatch_id, position)])
        done.bounces += 1
