"""The only queries of suppression files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.suppression.lists_model import SuppressionList

_SELECT = (
    "SELECT id, code, name, file_name, size_bytes, state, kind, entries, unread, few_match, problem, created_at,"
    " keyed_at FROM suppression_list"
)


def insert_list(unit: UnitOfWork, code: str, name: str, file_name: str, sealed_path: str, size_bytes: int) -> None:
    """A received file of the actor's organisation, waiting to be keyed."""
    unit.run(
        "INSERT INTO suppression_list (code, org_id, name, file_name, sealed_path, size_bytes)"
        " VALUES (:code, :org, :name, :file_name, :sealed_path, :size_bytes)",
        code=code,
        org=unit.actor.org,
        name=name,
        file_name=file_name,
        sealed_path=sealed_path,
        size_bytes=size_bytes,
    )


_OF_ORG = "org_id = :org AND state <> 'removed' AND feed_id IS NULL"  # those of subscriptions stand with these


def lists_of_org(unit: UnitOfWork, most: int, offset: int = 0) -> list[SuppressionList]:
    """The files that the actor sent and did not remove, the newest first; `most` of them from `offset` on."""
    rows = unit.all(
        f"{_SELECT} WHERE {_OF_ORG} ORDER BY id DESC LIMIT :most OFFSET :offset",
        org=unit.actor.org,
        most=most,
        offset=offset,
    )
    return [SuppressionList(**row._mapping) for row in rows]


def counts_of_org(unit: UnitOfWork) -> tuple[int, int]:
    """(files that the actor sent and did not remove, those of them in use)."""
    row = unit.one(
        "SELECT count(*) AS whole, count(*) FILTER (WHERE state = 'in_use') AS used FROM suppression_list"
        " WHERE org_id = :org AND state <> 'removed' AND feed_id IS NULL",
        org=unit.actor.org,
    )
    assert row is not None
    return row.whole, row.used


def lists_that_match_few(unit: UnitOfWork, most: int) -> list[SuppressionList]:
    """The newest files in use, sent by the actor, of which hardly anybody is known: on whatever page they stand."""
    rows = unit.all(
        f"{_SELECT} WHERE {_OF_ORG} AND few_match ORDER BY id DESC LIMIT :most",
        org=unit.actor.org,
        most=most,
    )
    return [SuppressionList(**row._mapping) for row in rows]


def list_by_code(unit: UnitOfWork, code: str) -> SuppressionList | None:
    """A file of the actor's organisation."""
    row = unit.one(f"{_SELECT} WHERE org_id = :org AND code = :code", org=unit.actor.org, code=code)
    return None if row is None else SuppressionList(**row._mapping)


def lists_of_feed(unit: UnitOfWork, feed_code: str) -> list[SuppressionList]:
    """The readings of a subscription of the actor's that count, one at most."""
    rows = unit.all(
        f"{_SELECT} WHERE org_id = :org AND state <> 'removed' AND feed_id = (SELECT f.id FROM suppression_feed f"  # noqa: S608 - ours
        " WHERE f.code = :code)",
        org=unit.actor.org,
        code=feed_code,
    )
    return [SuppressionList(**row._mapping) for row in rows]


def received_today(unit: UnitOfWork, org_id: int) -> int:
    """How many files an organisation sent or had read in the last 24 hours, removed ones as well."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM suppression_list WHERE org_id = :org AND created_at > app_now() - interval '1 day'",
            org=org_id,
        )
    )


def remove_list(unit: UnitOfWork, code: str) -> bool:
    """Take a file out of use; whether it was in use or waiting."""
    return bool(
        unit.run(
            "UPDATE suppression_list SET state = 'removed' WHERE org_id = :org AND code = :code AND state <> 'removed'",
            org=unit.actor.org,
            code=code,
        ).rowcount
    )


def locked_list(unit: UnitOfWork, list_id: int) -> Row[Any] | None:
    """(code, org_id, state) of a file, for a worker, locked."""
    return unit.one("SELECT code, org_id, state FROM suppression_list WHERE id = :id FOR UPDATE", id=list_id)


def party_of(unit: UnitOfWork, list_id: int) -> tuple[int, str]:
    """(organisation, name) of a file, for a worker."""
    row = unit.one("SELECT org_id, name FROM suppression_list WHERE id = :id", id=list_id)
    assert row is not None
    return row.org_id, row.name


def write_entries(unit: UnitOfWork, list_id: int, entries: Iterable[tuple[bytes, int]]) -> None:
    """Keyed entries with their pepper's version, by COPY; none stands twice."""
    with (
        unit.driver.cursor() as cursor,
        cursor.copy("COPY suppression_list_entry (list_id, entry_key, pepper_version) FROM STDIN") as copy,
    ):
        for key, version in entries:
            copy.write_row((list_id, key, version))


def forget_entries(unit: UnitOfWork, list_id: int) -> None:
    """Nothing of a removed file stays."""
    unit.run("DELETE FROM suppression_list_entry WHERE list_id = :id", id=list_id)


def matching(unit: UnitOfWork, list_id: int) -> int:
    """How many entries are a contact of any base. For the guard alone: the number is shown to nobody."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM suppression_list_entry e WHERE e.list_id = :id AND ("
            " EXISTS (SELECT 1 FROM contact c WHERE c.contact_key = e.entry_key)"
            " OR EXISTS (SELECT 1 FROM contact c WHERE c.md5_key = e.entry_key)"
            " OR EXISTS (SELECT 1 FROM contact c WHERE c.sha256_key = e.entry_key))",
            id=list_id,
        )
    )


def finish_list(unit: UnitOfWork, list_id: int, **values: Any) -> None:
    """What became of a file: state, kind, entries, unread, few_match, problem."""
    unit.run(
        "UPDATE suppression_list SET state = :state, kind = :kind, entries = :entries, unread = :unread,"
        " few_match = :few_match, problem = :problem, sealed_path = NULL, keyed_at = app_now() WHERE id = :id",
        id=list_id,
        **values,
    )
