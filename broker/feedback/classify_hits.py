"""Judges raw hits once the visit they belong to is over."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import groupby

from broker.feedback import store
from broker.feedback.judge_hits import HitVerdict, judge_hits
from broker.feedback.mailbox_store import forget_taken
from broker.kernel.database import Database, UnitOfWork

SETTLE_SECONDS = 15  # longer than a burst, so that a judged hit's neighbours are there
PERSONS_AT_ONCE = 5_000
KEEP_SOURCES = timedelta(days=90)  # for network address and agent of a click; the judged hit stays, as billing's proof


def classify_hits(database: Database, mailing_id: int, *, settle_seconds: int = SETTLE_SECONDS) -> int:
    """Job: a verdict for every hit of the mailing that is old enough; how many were judged. Twice is once."""
    judged = 0
    while True:
        with database.begin() as unit:
            count = _classify_some(unit, mailing_id, settle_seconds)
        if not count:
            return judged
        judged += count


def _classify_some(unit: UnitOfWork, mailing_id: int, settle_seconds: int) -> int:
    before = unit.now - timedelta(seconds=settle_seconds)
    hits, waiting = store.hits_to_judge(unit, mailing_id, before, PERSONS_AT_ONCE)
    if not waiting:
        return 0
    visible, hidden = store.links_of(unit, mailing_id)
    verdicts: defaultdict[HitVerdict, list[int]] = defaultdict(list)
    for _, visits in groupby(hits, key=lambda hit: hit.position):
        for hit_id, verdict in judge_hits(list(visits), visible, hidden).items():
            if hit_id in waiting:
                verdicts[verdict].append(hit_id)
    for verdict, ids in verdicts.items():
        store.write_verdicts(unit, verdict.verdict, verdict.reason, ids)
    return len(waiting)


def ask_for_classification(unit: UnitOfWork) -> int:
    """Periodic: ask for the judging of every mailing with hits that wait; how many mailings."""
    mailings = store.unclassified_mailings(unit, unit.now - timedelta(seconds=SETTLE_SECONDS))
    for mailing_id in mailings:
        unit.enqueue("classify_hits", mailing_id)
    return len(mailings)


def forget_hit_sources(unit: UnitOfWork) -> int:
    """Periodic: erase network address and agent of judged hits after 90 days; the verdict stays as evidence."""
    store.forget_journals(unit, unit.now - KEEP_SOURCES)
    store.forget_soft_bounces(unit, unit.now - KEEP_SOURCES)
    store.forget_answers(unit, unit.now - KEEP_SOURCES)
    forget_taken(unit, unit.now - KEEP_SOURCES)
    return store.forget_hit_sources(unit, unit.now - KEEP_SOURCES)
