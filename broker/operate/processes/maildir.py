"""Reads a Maildir beside the door: for whoever already has a mailbox that returned mail comes to.

A message is sealed and kept in the database, then its file is removed. Death in between has it read twice, which is
once: what a message leads to is the same the second time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from pathlib import Path

from broker.feedback.receive_inbound import receive_inbound
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, SettingsError
from broker.kernel.log import get_logger
from broker.vault.keyring import FrontKeys

log = get_logger(__name__)

PAUSE_SECONDS = 2.0
MOST_AT_ONCE = 200
# Written by the server that delivered into the mailbox; `To` may name anybody.
ENVELOPE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To")


def check_maildir(folder: Path) -> None:
    """Refuse in a sentence what is no Maildir, or one that is not ours to empty."""
    new = folder / "new"
    if not (new.is_dir() and os.access(new, os.R_OK | os.W_OK | os.X_OK)):
        raise SettingsError(
            f"mailin.maildir: {folder} is no Maildir that this user may empty: it needs a folder new/.",
            field="mailin.maildir",
        )


def read_maildir(database: Database, front: FrontKeys, folder: Path, most_bytes: int) -> int:
    """Take what is new; how many messages. What is too large, or cannot be read, is moved to `cur/` and left there."""
    taken = 0
    for path in sorted((folder / "new").iterdir())[:MOST_AT_ONCE]:
        try:
            raw = path.read_bytes() if path.stat().st_size <= most_bytes else None
        except OSError:
            raw = None
        if raw is None:
            (folder / "cur").mkdir(mode=0o700, exist_ok=True)
            path.rename(folder / "cur" / f"{path.name}:2,")
            log.warning("maildir.left", size_limit=most_bytes)
            continue
        with database.begin(PUBLIC) as unit:
            for recipient in _recipients(raw) or [""]:
                receive_inbound(unit, front, [recipient], raw)
        path.unlink(missing_ok=True)
        taken += 1
    return taken


def read_maildir_quietly(database: Database, front: FrontKeys, folder: Path, most_bytes: int) -> None:
    """The same for a loop: what cannot be kept now stays in the mailbox."""
    try:
        taken = read_maildir(database, front, folder, most_bytes)
    except (CourtierError, OSError) as error:
        log.warning("maildir.waits", code=getattr(error, "code", type(error).__name__))
    else:
        if taken:
            log.info("maildir.taken", count=taken)


def _recipients(raw: bytes) -> Sequence[str]:
    """Whom the message came for, as the delivering server wrote it."""
    headers = BytesHeaderParser().parsebytes(raw)
    given = [str(value) for name in ENVELOPE_HEADERS for value in headers.get_all(name, ())]
    return sorted({address.lower() for _, address in getaddresses(given) if "@" in address})
