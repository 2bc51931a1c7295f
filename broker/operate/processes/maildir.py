"""Reads a Maildir beside the door: for whoever already has a mailbox that returned mail comes to.

A message is sealed and kept in the database with its file's name, then the file is removed and the name forgotten.
Death in between leaves the name: the file is then removed without being read again.
"""

from __future__ import annotations

import os
from pathlib import Path

from broker.feedback.take_message import box_name, removed_message, take_message
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, SettingsError
from broker.kernel.log import get_logger
from broker.vault.keyring import FrontKeys

log = get_logger(__name__)

PAUSE_SECONDS = 2.0
MOST_AT_ONCE = 200


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
    box = box_name("maildir", folder.resolve())
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
            taken += take_message(unit, front, box, path.name, raw)
        path.unlink(missing_ok=True)
        with database.begin(PUBLIC) as unit:
            removed_message(unit, box, path.name)
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
