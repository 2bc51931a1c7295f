"""Receive an advertiser's suppression file, sealed while it streams in; see and remove those that are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.suppression import lists_store as store
from broker.suppression.lists_model import FILES_A_DAY, SuppressionList, list_info, list_path
from broker.vault.keyring import FrontKeys
from broker.vault.seal import SealingWriter


def receive_list(
    unit: UnitOfWork, front: FrontKeys, settings: Settings, name: str, file_name: str, chunks: Iterable[bytes]
) -> SuppressionList:
    """Seal `chunks` and have a worker key them; nothing stays behind where it fails.

    Raises `too_large`, `empty_file`, `missing_name`, `too_many_files`.
    """
    unit.actor.require("advertiser")
    if not name.strip():
        raise InvalidInput(
            "Give the file a name of its own, for example: customers.", code="missing_name", field="name"
        )
    if store.received_today(unit) >= FILES_A_DAY:
        raise Conflict(
            f"Your organisation has sent {FILES_A_DAY} files in 24 hours; send one file of all entries tomorrow.",
            code="too_many_files",
        )
    code, most = new_code("sup"), settings.web.max_upload_mb << 20
    path = list_path(settings, code)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o640)  # workers may be another user: they share the folder's group
            with SealingWriter(front, file, list_info(unit.actor.org, code)) as writer:
                for chunk in chunks:
                    writer.write(chunk)
                    if writer.size > most:
                        raise InvalidInput(
                            f"The file is larger than {settings.web.max_upload_mb} MB (web.max_upload_mb).",
                            code="too_large",
                        )
            file.flush()
            os.fsync(handle)
        if not writer.size:
            raise InvalidInput("The file is empty.", code="empty_file", field="file")
        store.insert_list(unit, code, name.strip()[:120], _shown(file_name), path.name, writer.size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The file cannot be stored: {error.strerror}.", code="no_room") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    received = find_list(unit, code)
    unit.enqueue("key_suppression_list", received.id)
    record(unit, "suppression_list.received", "suppression_list", code, bytes=writer.size)
    return received


def list_lists(unit: UnitOfWork) -> list[SuppressionList]:
    """The actor's suppression files, the newest first."""
    unit.actor.require("advertiser")
    return store.lists_of_org(unit)


def find_list(unit: UnitOfWork, code: str) -> SuppressionList:
    """One of the actor's suppression files."""
    found = store.list_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no suppression file {code!r} of yours.")
    return found


def remove_list(unit: UnitOfWork, code: str) -> None:
    """Take a file out of all counts and sends from now on; a worker forgets what was keyed. Twice is once."""
    unit.actor.require("advertiser")
    found = find_list(unit, code)
    if store.remove_list(unit, code):
        unit.enqueue("key_suppression_list", found.id)
        record(unit, "suppression_list.removed", "suppression_list", code)


def _shown(file_name: str) -> str:
    plain = re.sub(r"[\x00-\x1f\x7f]", "", file_name.replace("\\", "/").rpartition("/")[2]).strip()
    return plain[:200] or "file.csv"
