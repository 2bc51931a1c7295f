"""Receive an advertiser's suppression file, sealed while it streams in; see and remove those that are there."""

from __future__ import annotations

from collections.abc import Iterable

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.kernel.settings import Settings
from broker.suppression import lists_store as store
from broker.suppression.lists_model import FILES_A_DAY, SuppressionList, list_info, list_name, list_path
from broker.vault.keyring import FrontKeys
from broker.vault.sealed_file import shown_name, write_sealed

MOST_DOUBTS = 10


def receive_list(
    unit: UnitOfWork, front: FrontKeys, settings: Settings, name: str, file_name: str, chunks: Iterable[bytes]
) -> SuppressionList:
    """Seal `chunks` and have a worker key them; nothing stays behind where it fails.

    Raises `too_large`, `empty_file`, `missing_name`, `long_name`, `too_many_files`.
    """
    unit.actor.require("advertiser")
    name = list_name(name)
    if store.received_today(unit, unit.actor.org) >= FILES_A_DAY:
        raise Conflict(
            f"Your organisation has sent {FILES_A_DAY} files in 24 hours; send one file of all entries tomorrow.",
            code="too_many_files",
        )
    code = new_code("sup")
    path = list_path(settings, code)
    size = write_sealed(front, path, list_info(unit.actor.org, code), chunks, settings.web.max_upload_mb)
    try:
        store.insert_list(unit, code, name, shown_name(file_name), path.name, size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    received = find_list(unit, code)
    unit.enqueue("key_suppression_list", received.id)
    record(unit, "suppression_list.received", "suppression_list", code, bytes=size)
    return received


def list_lists(unit: UnitOfWork, number: int = 1, size: int = 50) -> Page[SuppressionList]:
    """A page of the actor's suppression files, the newest first; past the end the last one."""
    unit.actor.require("advertiser")
    whole, _ = store.counts_of_org(unit)
    start = offset(min(number, max(1, -(-whole // size))), size)
    return Page(store.lists_of_org(unit, size, start), whole, start // size + 1, size)


def lists_in_use(unit: UnitOfWork) -> int:
    """How many files of the actor's are taken out of its counts."""
    unit.actor.require("advertiser")
    return store.counts_of_org(unit)[1]


def lists_to_doubt(unit: UnitOfWork) -> list[SuppressionList]:
    """The newest files of which hardly anybody is known: probably hashed in another way."""
    unit.actor.require("advertiser")
    return store.lists_that_match_few(unit, MOST_DOUBTS)


def find_list(unit: UnitOfWork, code: str) -> SuppressionList:
    """One of the actor's suppression files."""
    found = store.list_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no suppression file {code!r} of yours.")
    return found


def remove_list(unit: UnitOfWork, code: str) -> None:
    """Take a file out of all counts and sends from now on; a worker forgets what was keyed. Twice is once."""
    unit.actor.require("advertiser")
    take_out(unit, find_list(unit, code))


def take_out(unit: UnitOfWork, listed: SuppressionList) -> None:
    """The same of a file that is at hand: one's own, or one that a subscription brought and that ends with it."""
    if store.remove_list(unit, listed.code):
        unit.enqueue("key_suppression_list", listed.id)
        record(unit, "suppression_list.removed", "suppression_list", listed.code)
