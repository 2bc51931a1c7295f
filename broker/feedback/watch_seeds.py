"""Watches control mails: did they arrive, where, after how long; a late one is told of.

A control mail arrives in one of two ways: its mailbox is the platform's or forwards to it (the door notes it), or its
owner lets a worker look into it by IMAP (`seed_mailbox`), which also tells the folder. A control address that was never
seen to arrive in any way is not expected to: nothing is told of it.
"""

from __future__ import annotations

import imaplib
import json
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from broker.audit.record import record
from broker.feedback import seed_store as store
from broker.feedback.imap_client import FAULTS, folders_of, logged_in, quoted
from broker.feedback.seed_store import Waiting
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound, Unavailable
from broker.kernel.fetch_public import FetchRefused, public_address, resolve_host
from broker.kernel.settings import Settings
from broker.notifications.notify import notify
from broker.vault.keyring import FrontKeys, WorkerKeys
from broker.vault.open import open_message
from broker.vault.seal import seal_message
from broker.vault.tokens import make_token

LATE = timedelta(minutes=60)
WATCHED_FOR = timedelta(days=3)
PASSED_OVER = frozenset({"\\sent", "\\drafts", "\\trash"})
_JUNK = ("junk", "spam", "ind&aok-sirable", "indésirable", "pourriel", "bulk")


def set_mailbox(
    unit: UnitOfWork, front: FrontKeys, seed_code: str, *, host: str, port: int, tls: bool, user: str, password: str
) -> None:
    """Let workers look into a control address's mailbox; the log-in is sealed for them at once."""
    unit.actor.require("owner", "advertiser", "broker")
    seed_id = store.seed_by_code(unit, seed_code)
    if seed_id is None:
        raise NotFound(f"There is no control address {seed_code!r} of yours.", code="seed_not_found")
    name = host.strip().lower()
    if not name or any(char.isspace() or char in "/@:" for char in name) or not user.strip() or not password:
        raise InvalidInput(
            "Give the IMAP server's name, the account and its password.", code="bad_mailbox", field="host"
        )
    if not 1 <= port <= 65_535:
        raise InvalidInput(
            "A port is a number from 1 to 65535; IMAP over TLS is 993.", code="bad_mailbox", field="port"
        )
    login = json.dumps([user.strip(), password]).encode()
    store.put_mailbox(unit, seed_id, name, port, tls, seal_message(front, login, _info(seed_id)))
    record(unit, "seed.mailbox_given", "organisation", unit.actor.org, seed=seed_code)


def drop_mailbox(unit: UnitOfWork, seed_code: str) -> None:
    """Forget the log-in."""
    unit.actor.require("owner", "advertiser", "broker")
    seed_id = store.seed_by_code(unit, seed_code)
    if seed_id is None or not store.drop_mailbox(unit, seed_id):
        raise NotFound(f"There is no mailbox of the control address {seed_code!r}.", code="seed_not_found")
    record(unit, "seed.mailbox_taken_back", "organisation", unit.actor.org, seed=seed_code)


def list_arrivals(unit: UnitOfWork, most: int = 50) -> list[store.Arrival]:
    """The control mails of the actor's addresses (everybody's, for the broker), newest first."""
    unit.actor.require("owner", "advertiser", "broker")
    return store.arrivals(unit, most)


def watch_seeds(unit: UnitOfWork) -> None:
    """Periodic: note what was sent and what came by the door, ask for looks into mailboxes, tell of what is late."""
    since = unit.now - WATCHED_FOR
    store.note_sent(unit, since)
    store.note_forwarded(unit)
    for seed_id in store.mailboxes_to_look_into(unit, since):
        unit.enqueue("look_at_seeds", seed_id)
    for late in store.late(unit, unit.now - LATE, since):
        minutes = int((unit.now - late.sent_at).total_seconds() // 60)
        for org in {late.owner_id, late.advertiser_id or late.owner_id, None}:
            notify(
                unit, "seed.missing", org, late.mailing_code, once=f"seed {late.position}", minutes=minutes,
                folder=late.looked_in,
            )  # fmt: skip
        record(unit, "seed.missing", "mailing", late.mailing_code, minutes=minutes)
        store.mark_told(unit, late)


def look_at_seeds(database: Database, worker: WorkerKeys, settings: Settings, seed_id: int) -> None:
    """Job: look for what waits in one mailbox, by Message-ID and without changing anything there."""
    with database.begin() as unit:
        box = store.mailbox(unit, seed_id)
        waiting = store.waiting_of(unit, seed_id, unit.now - WATCHED_FOR)
    if box is None or not waiting:
        return
    user, password = json.loads(open_message(worker, bytes(box.sealed), _info(seed_id)))
    found: dict[tuple[int, int], tuple[datetime, str]] = {}
    problem = None
    try:
        trusted = box.host in settings.instance.private_hosts
        address = public_address(box.host, box.port, trusted, resolve_host)
        if not box.tls and not trusted:  # the log-in would travel in clear
            raise FetchRefused("not_tls")
        with logged_in(box.host, box.port, box.tls, user, password, connect_to=address) as client:
            found = _look(client, worker.front, waiting)
    except FetchRefused as refusal:
        problem = "not_tls" if refusal.why == "not_tls" else "not_public"
    except Unavailable as error:
        problem = error.code
    except FAULTS:
        problem = "imap_unreachable"
    with database.begin() as unit:
        for (mailing_id, position), (at, folder) in found.items():
            store.mark_arrived(unit, mailing_id, position, at, folder)
        store.note_look(unit, seed_id, problem)


def _look(
    client: imaplib.IMAP4, front: FrontKeys, waiting: list[Waiting]
) -> dict[tuple[int, int], tuple[datetime, str]]:
    found: dict[tuple[int, int], tuple[datetime, str]] = {}
    for name, flags in folders_of(client):
        if flags & PASSED_OVER or client.select(quoted(name), readonly=True)[0] != "OK":
            continue
        for one in waiting:
            if (one.mailing_id, one.position) in found:
                continue
            token = make_token(front, "message", one.dispatch_id, one.mailing_id, one.position)
            _, answer = client.uid("SEARCH", "HEADER", "Message-ID", f'"{token}"')
            uids = (answer[0] or b"").split() if answer else []
            if uids:
                found[one.mailing_id, one.position] = _date(client, uids[0].decode()), folder_word(name, flags)
    return found


def folder_word(name: str, flags: frozenset[str]) -> str:
    """`inbox`, `junk`, or the folder's own name."""
    low = name.lower()
    if "\\junk" in flags or any(word in low for word in _JUNK):
        return "junk"
    return "inbox" if low == "inbox" else name[:80]


def _date(client: imaplib.IMAP4, uid: str) -> datetime:
    """When the server took the message."""
    _, answer = client.uid("FETCH", uid, "(INTERNALDATE)")
    line = next((one for one in answer or [] if isinstance(one, bytes)), b"")
    quoted_date = line.decode("ascii", "replace").partition('INTERNALDATE "')[2].partition('"')[0]
    return parsedate_to_datetime(quoted_date.strip().replace("-", " ", 2))


def _info(seed_id: int) -> str:
    return f"seed mailbox|{seed_id}"
