"""The job of an own mailing: freezes the people of its day, each variant a mailing of one dispatch.

One transaction does it all. A day's row is unique, and so is a person's event: the job may run twice, be killed, or
come a day late.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from broker.audience import store as audience_store
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.own_people import OWN_EXCLUSIONS, held_out, own_masks
from broker.audience.references import checked_rule
from broker.audience.select import draw
from broker.audit.record import record
from broker.kernel.clock import PARIS
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.mailings import freeze_store
from broker.mailings.model import Mailing
from broker.mailings.own import run_store, store
from broker.mailings.own.events import STATES, due_events, take_out_seen
from broker.mailings.own.model import OwnMailing, OwnVariant, first_run, next_run
from broker.mailings.own.run_store import RunPart
from broker.mailings.seed_list import seed_list
from broker.mailings.sign_creative import check_content
from broker.mailings.store import creative_by_id, links_of, mailing_by_id
from broker.vault.keyring import WorkerKeys


def run_own_mailing(database: Database, worker_keys: WorkerKeys, settings: Settings, own_id: int) -> None:
    """Freeze today's people of an active own mailing whose hour has come; else nothing.

    What cannot be sent ends a one-time mailing as `failed`; a standing one notes it and tries again the next day.
    """
    try:
        with database.begin() as unit:
            _run(unit, worker_keys, settings, own_id)
    except (Conflict, InvalidInput) as refusal:
        with database.begin() as unit:
            _refuse(unit, own_id, refusal)


def _run(unit: UnitOfWork, worker_keys: WorkerKeys, settings: Settings, own_id: int) -> None:
    own = store.by_id(unit, own_id, lock=True)
    if own is None or own.state != "active" or own.next_run_at is None or own.next_run_at > unit.now:
        return
    if own.daily and (hour := first_run(unit.now, own.send_hour)).astimezone(PARIS).date() == unit.today:
        # No worker came on the day before: what it missed leaves at today's hour, not in the night.
        store.note(unit, own.id, own.problem, hour)
        return
    run_id = run_store.add_run(unit, own.id, unit.today)
    if run_id is not None:
        row = audience_store.current_snapshot(unit, own.base_id)
        if row is None:
            raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
        path = settings.state_dir / "snapshots" / row.file_name
        snapshot = LoadedSnapshot(row, path, settings.audience.memory_mb, settings.audience.threads)
        try:
            people = _Run(unit, worker_keys, settings, own, run_id, snapshot).freeze()
        finally:
            snapshot.close()
        if not own.daily and not people:
            raise Conflict("Nobody is left to write to after all exclusions.", code="nobody_left")
        record(unit, "own_mailing.ran", "own_mailing", own.code, people=people)
    if own.daily:
        store.note(unit, own.id, None, next_run(unit.now, own.send_hour))
    else:
        store.move(unit, own.id, ["active"], "done")


def _refuse(unit: UnitOfWork, own_id: int, refusal: CourtierError) -> None:
    own = store.by_id(unit, own_id, lock=True)
    if own is None or own.state != "active":
        return
    if own.daily:
        store.note(unit, own.id, refusal.sentence, next_run(unit.now, own.send_hour))
    else:
        store.move(unit, own.id, ["active"], "failed")
        store.note(unit, own.id, refusal.sentence)
    record(unit, "own_mailing.refused", "own_mailing", own.code, reason=refusal.code)


class _Run:
    """One day's freeze: the variants take their people in order, each person once."""

    def __init__(
        self,
        unit: UnitOfWork,
        worker_keys: WorkerKeys,
        settings: Settings,
        own: OwnMailing,
        run_id: int,
        snapshot: LoadedSnapshot,
    ) -> None:
        self.unit, self.keys, self.settings, self.own = unit, worker_keys, settings, own
        self.run_id, self.snapshot = run_id, snapshot
        self.taken: Mask = np.zeros(len(snapshot.noise), dtype=np.bool_)
        self.dispatch: int | None = None
        self.written: list[tuple[Mailing, int]] = []
        self.keys_written: set[bytes] = set()
        self.month = int(f"{unit.now.astimezone(PARIS):%Y%m}")

    def freeze(self) -> int:
        """Write every variant's mailing; how many people are written to."""
        unit, own, snapshot = self.unit, self.own, self.snapshot
        masks = own_masks(unit, self.settings.trade, snapshot, own.org_id, own.legal_basis, unit.today)
        events = self._events()
        people = 0
        for variant in store.variants(unit, own.id):
            rule = {"op": "all"} if variant.rule is None else variant.rule
            members = snapshot.mask(
                checked_rule(unit, own.base_id, rule, snapshot.table(unit.today).columns), unit.today
            )
            if events is not None:
                members = members & ~np.isnat(events)
            people += self._freeze_variant(variant, members, masks, events)
        self._add_seeds()
        return people

    def _events(self) -> NDArray[np.datetime64] | None:
        """Today's events that were not seen yet, one a row; None for a one-time mailing."""
        unit, own, snapshot = self.unit, self.own, self.snapshot
        if own.event_kind is None:
            return None
        since = own.since or unit.today
        events = due_events(snapshot, own.event_kind, own.event_field, own.event_days, unit.today, since)
        take_out_seen(events, snapshot.contact_ids, *run_store.events_seen(unit, own.id))
        state = own.event_kind in STATES and not own.backlog
        if state and not run_store.ran_since(unit, own.id, since, self.run_id):
            # Whoever is in the state already when the mailing begins, or goes on, is noted, not written to.
            rows = np.flatnonzero(~np.isnat(events))
            run_store.note_events(unit, own.id, snapshot.contact_ids[rows], events[rows])
            events[:] = np.datetime64("NaT")
        return events

    def _freeze_variant(
        self, variant: OwnVariant, members: Mask, masks: Mapping[str, Mask], events: NDArray[np.datetime64] | None
    ) -> int:
        unit, own, snapshot = self.unit, self.own, self.snapshot
        left, tally = members.copy(), {}
        for name, mask in (*((name, masks[name]) for name in OWN_EXCLUSIONS), ("duplicates", self.taken)):
            gone = left & mask
            tally[name] = int(np.count_nonzero(gone))
            left &= ~gone
        seed = secrets.randbits(62)
        rows = draw(snapshot, np.flatnonzero(left), seed)
        held = held_out(snapshot, rows, own.held_out_seed, own.held_out_bp, by_person=own.daily)
        kept, others = rows[~held], rows[held]
        tally["held_out"] = len(others)
        self.taken |= left
        mailing_id = self._write(variant, kept, seed, tally) if len(kept) else None
        part = RunPart(variant, mailing_id, len(kept), snapshot.contact_ids[others].tolist(), tally)
        run_store.add_part(unit, self.run_id, part)
        if events is not None and len(rows):
            run_store.note_events(unit, own.id, snapshot.contact_ids[rows], events[rows])
        return len(kept)

    def _write(self, variant: OwnVariant, rows: NDArray[np.intp], seed: int, tally: Mapping[str, int]) -> int:
        """The mailing of a variant, frozen: proven to be what was signed, recipients, seeds."""
        unit, own = self.unit, self.own
        creative = None if variant.creative_id is None else creative_by_id(unit, variant.creative_id)
        if creative is None or not creative.signed:
            raise Conflict(f"The message of variant {variant.place} is not signed.", code="creative_unsigned")
        check_content(creative, links_of(unit, creative.id))
        if self.dispatch is None:
            self.dispatch = run_store.new_dispatch(unit, own, self.run_id, self.month)
        code = new_code("mailing")
        mailing = mailing_by_id(unit, run_store.new_mailing(unit, own, self.dispatch, creative.id, code, seed))
        assert mailing is not None
        keys = np.ascontiguousarray(self.snapshot.contact_keys[rows]).view("V16").tolist()
        freeze_store.make_partition(unit, mailing)
        freeze_store.write_recipients(unit, mailing, self.snapshot.contact_ids[rows].tolist(), keys)
        freeze_store.mark_frozen(unit, mailing, tally)
        self.written.append((mailing, len(keys)))
        self.keys_written |= set(keys)
        return mailing.id

    def _add_seeds(self) -> None:
        """Behind the recipients of every variant, once all are known: who is one is no seed."""
        unit, own = self.unit, self.own
        for mailing, people in self.written:
            seeds = seed_list(
                unit, self.keys, self.settings.mail, own.org_id, own.org_id, set(self.keys_written), people
            )
            freeze_store.write_seeds(unit, mailing, seeds)
            self.keys_written |= {seed.key for seed in seeds}
            if freeze_store.is_due(unit, mailing.id):
                unit.enqueue("send_mailing", mailing.id)
            record(unit, "mailing.frozen", "mailing", mailing.code, recipients=people, seeds=len(seeds))
