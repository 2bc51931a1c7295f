"""Reads an IMAP mailbox beside the door (RFC 9051, 3501): returned mail that comes to somebody else's server.

A message is fetched, sealed and kept with the mailbox's UIDVALIDITY and the message's UID in one transaction; then it
is deleted there, and its number forgotten. Death in between leaves the number: the message is then deleted unread.
What is too large is flagged and left. Where a server's expunge would take others' deleted messages along (no UIDPLUS),
only what is marked \\Deleted in this folder goes, which is ours to empty.
"""

from __future__ import annotations

import imaplib
import os
import re

from broker.feedback.imap_client import FAULTS, logged_in, quoted
from broker.feedback.take_message import box_name, removed_message, take_message
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, SettingsError, Unavailable
from broker.kernel.log import get_logger
from broker.kernel.settings import MailinSettings
from broker.vault.keyring import FrontKeys

log = get_logger(__name__)

PASSWORD = "COURTIER_MAILIN_PASSWORD"  # noqa: S105 (the variable's name)
PAUSE_SECONDS = 15.0
MOST_AT_ONCE = 200
_SIZE = re.compile(rb"UID (\d+)\b.*RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+)\b.*UID (\d+)")


def check_imap(settings: MailinSettings) -> None:
    """Refuse in a sentence what can never work."""
    if not settings.imap_user:
        raise SettingsError("mailin.imap_user: name the account of mailin.imap_host.", field="mailin.imap_user")
    if not os.environ.get(PASSWORD):
        raise SettingsError(
            f"mailin.imap_host is set, but not its password: put it into the environment as {PASSWORD}.",
            field="mailin.imap_host",
        )


def read_imap(database: Database, front: FrontKeys, settings: MailinSettings, most_bytes: int) -> int:
    """Take what lies in the mailbox; how many messages were new."""
    place = (settings.imap_host, settings.imap_port, settings.imap_user, settings.imap_folder)
    password = os.environ.get(PASSWORD, "")
    with logged_in(settings.imap_host, settings.imap_port, settings.imap_tls, settings.imap_user, password) as client:
        try:
            return _empty(database, front, client, settings.imap_folder, box_name("imap", *place), most_bytes)
        except FAULTS as error:
            raise Unavailable(
                f"The IMAP server {settings.imap_host} broke off; the next look goes on.", code="imap_unreachable"
            ) from error


def read_imap_quietly(database: Database, front: FrontKeys, settings: MailinSettings, most_bytes: int) -> None:
    """The same for a loop: what cannot be kept now stays in the mailbox."""
    try:
        taken = read_imap(database, front, settings, most_bytes)
    except CourtierError as error:
        log.warning("imap.waits", code=error.code)
    else:
        if taken:
            log.info("imap.taken", count=taken)


def _empty(database: Database, front: FrontKeys, client: imaplib.IMAP4, folder: str, box: str, most_bytes: int) -> int:
    state, _ = client.select(quoted(folder))
    if state != "OK":
        raise Unavailable(f"The mailbox has no folder {folder!r} that may be emptied.", code="imap_no_folder")
    validity = (client.response("UIDVALIDITY")[1] or [b"0"])[0] or b"0"
    taken = 0
    for uid in _waiting(client)[:MOST_AT_ONCE]:
        number, key = uid.decode(), f"{validity.decode()}:{uid.decode()}"
        if (_size(client, number) or 0) > most_bytes:
            client.uid("STORE", number, "+FLAGS.SILENT", r"(\Flagged)")
            log.warning("imap.left", size_limit=most_bytes)
            continue
        raw = _fetch(client, number)
        if raw is None:  # somebody else took it
            continue
        with database.begin(PUBLIC) as unit:
            taken += take_message(unit, front, box, key, raw)
        client.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in client.capabilities:
            client.uid("EXPUNGE", number)
        else:
            client.expunge()
        with database.begin(PUBLIC) as unit:
            removed_message(unit, box, key)
    return taken


def _waiting(client: imaplib.IMAP4) -> list[bytes]:
    """The UIDs of what is to be taken; what was left for its size is flagged."""
    state, found = client.uid("SEARCH", "UNFLAGGED")
    if state != "OK":
        raise imaplib.IMAP4.error("search refused")
    return sorted((found[0] or b"").split(), key=int)


def _size(client: imaplib.IMAP4, number: str) -> int | None:
    _, answer = client.uid("FETCH", number, "(UID RFC822.SIZE)")
    for line in answer or []:
        match = _SIZE.search(line if isinstance(line, bytes) else b"")
        if match:
            return int(match[2] or match[3])
    return None


def _fetch(client: imaplib.IMAP4, number: str) -> bytes | None:
    """The whole message, without marking it as read."""
    _, answer = client.uid("FETCH", number, "(BODY.PEEK[])")
    for part in answer or []:
        if isinstance(part, tuple):
            return bytes(part[1])
    return None
