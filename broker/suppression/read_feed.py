"""Job: read a subscribed suppression file. It is keyed in memory; nothing of it is ever written in clear."""

from __future__ import annotations

import io
from typing import Any

from sqlalchemy.engine import Row

from broker.audit.record import record
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import CourtierError
from broker.kernel.fetch_public import Fetched, FetchRefused, Resolve, fetch_changed
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.notifications.notify import notify
from broker.suppression import feed_store as store
from broker.suppression import lists_store
from broker.suppression.feed_model import FRESH_MINUTES, MOST_FEED_MB, STALE_DAYS
from broker.suppression.key_list import FewMatch, key_stream
from broker.suppression.lists_model import FILES_A_DAY
from broker.vault.keyring import WorkerKeys


def read_feed(
    database: Database,
    worker_keys: WorkerKeys,
    settings: Settings,
    feed_id: int,
    few_match: FewMatch,
    resolve: Resolve | None = None,
) -> None:
    """Fetch a file if it changed, key it into a new list and put that in the former one's place, in one transaction.

    Where the host does not answer, gives no list or is no longer allowed, the last good reading counts on and the
    failure is shown. An empty or unreadable file never takes the place of a list that suppresses people.
    """
    with database.begin() as unit:
        feed = store.feed_row(unit, feed_id)
        hosts = [] if feed is None else store.hosts_of(unit, feed.org_id)
    if feed is None or feed.state == "removed":
        return
    try:
        fetched = fetch_changed(
            feed.url,
            accept="text/plain, text/csv, */*;q=0.5",
            most_bytes=min(MOST_FEED_MB, settings.web.max_upload_mb) << 20,
            hosts=hosts,
            private_hosts=settings.instance.private_hosts,
            etag=feed.etag or "",
            last_modified=feed.last_modified or "",
            resolve=resolve,
        )
        with database.begin() as unit:
            _take(unit, worker_keys, feed_id, fetched, few_match)
    except FetchRefused as refusal:
        _fail(database, feed_id, refusal.why)
    except CourtierError as error:  # what was fetched is no list
        _fail(database, feed_id, error.code)


def renew_feeds(
    database: Database, worker_keys: WorkerKeys, settings: Settings, advertiser_id: int, few_match: FewMatch
) -> None:
    """Read an advertiser's subscriptions again before a send, those that were not read within the hour."""
    with database.begin() as unit:
        feeds = store.feeds_to_renew(unit, advertiser_id, FRESH_MINUTES)
    for feed_id in feeds:
        read_feed(database, worker_keys, settings, feed_id, few_match)


def remind_of_stale_lists(unit: UnitOfWork) -> int:
    """Ask advertisers with an open order for a fresh file in the place of an old one; once a week and file."""
    stale = store.stale_lists(unit, STALE_DAYS)
    for row in stale:
        week = f"{row.days // 7}w"
        notify(unit, "suppression_list.stale", row.org_id, row.code, once=week, title=row.name, days=row.days)
    return len(stale)


def _take(unit: UnitOfWork, worker_keys: WorkerKeys, feed_id: int, fetched: Fetched, few_match: FewMatch) -> None:
    feed = store.feed_row(unit, feed_id, lock=True)
    if feed is None or feed.state == "removed":
        return
    if fetched.content is None:
        store.note_fresh(unit, feed_id, "", "", None)
        return
    code = new_code("sup")
    list_id = store.insert_feed_list(unit, code, feed, len(fetched.content))
    # The warning is a figure about contacts (docs/disclosure.md): so many a day, by files sent or read.
    warns = few_match if lists_store.received_today(unit, feed.org_id) <= FILES_A_DAY else None
    key_stream(unit, worker_keys, list_id, code, io.BytesIO(fetched.content), warns)
    if feed.list_id is not None:
        store.retire_list(unit, feed.list_id)
    store.note_fresh(unit, feed_id, fetched.etag, fetched.last_modified, list_id)
    record(unit, "suppression_feed.read", "suppression_feed", feed.code, list=code, bytes=len(fetched.content))


def _fail(database: Database, feed_id: int, problem: str) -> None:
    with database.begin() as unit:
        feed: Row[Any] | None = store.feed_row(unit, feed_id, lock=True)
        if feed is not None and feed.state != "removed":
            store.note_failure(unit, feed_id, problem)
            record(unit, "suppression_feed.failed", "suppression_feed", feed.code, problem=problem)
