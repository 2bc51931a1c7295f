"""The queries of column reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Row

from broker.bases.sensitive import NearMiss
from broker.kernel.database import UnitOfWork
from broker.kernel.ids import new_code

_REVIEW = (
    "SELECT r.code, b.code AS base_code, o.name AS owner_name, i.code AS import_code, r.header, r.category, r.words,"
    " r.found, r.filled, r.verdict, r.reason, r.decided_at, r.created_at FROM column_review r"
    " JOIN base b ON b.id = r.base_id JOIN organisation o ON o.id = b.org_id JOIN import_run i ON i.id = r.import_id"
)


def reviews(unit: UnitOfWork, decided: bool, skip: int, size: int) -> tuple[list[Row[Any]], int]:
    """Some reviews with or without a verdict, and the number of all such."""
    order = "r.decided_at DESC, r.id DESC" if decided else "r.id"
    rows = unit.all(
        f"{_REVIEW} WHERE (r.verdict IS NOT NULL) = :decided ORDER BY {order} OFFSET :skip LIMIT :size",
        decided=decided,
        skip=skip,
        size=size,
    )
    total: int = unit.scalar(
        "SELECT count(*) FROM column_review WHERE (verdict IS NOT NULL) = :decided", decided=decided
    )
    return rows, total


def review(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """One review."""
    return unit.one(f"{_REVIEW} WHERE r.code = :code", code=code)


def decide(unit: UnitOfWork, code: str, verdict: str, reason: str) -> bool:
    """Write the verdict; False where there is one."""
    result = unit.run(
        "UPDATE column_review SET verdict = :verdict, reason = :reason, decided_at = app_now()"
        " WHERE code = :code AND verdict IS NULL",
        verdict=verdict,
        reason=reason,
        code=code,
    )
    return result.rowcount == 1


def ask_for_reviews(unit: UnitOfWork, base_id: int, import_id: int, near: Mapping[str, NearMiss]) -> None:
    """List columns (by header) for the broker, each once a base; a later file renews the figures of an open one."""
    unit.run_many(
        "INSERT INTO column_review (code, base_id, import_id, header, category, words, found, filled)"
        " VALUES (:code, :base, :import, :header, :category, :words, :found, :filled)"
        " ON CONFLICT (base_id, header) DO UPDATE SET import_id = excluded.import_id, words = excluded.words,"
        " category = excluded.category, found = excluded.found, filled = excluded.filled"
        " WHERE column_review.verdict IS NULL",
        [
            {
                "code": new_code("rev"),
                "base": base_id,
                "import": import_id,
                "header": header,
                "category": miss.category,
                "words": list(miss.words),
                "found": miss.found,
                "filled": miss.filled,
            }
            for header, miss in near.items()
        ],
    )


def verdicts(unit: UnitOfWork, base_id: int) -> dict[str, tuple[str, str, str]]:
    """Header → (verdict, category, reason) of a base's columns that were decided on."""
    rows = unit.all(
        "SELECT header, verdict, category, reason FROM column_review WHERE base_id = :base AND verdict IS NOT NULL",
        base=base_id,
    )
    return {row.header: (row.verdict, row.category, row.reason) for row in rows}


def reviews_of_base(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """header, category, found, filled, verdict, reason, decided_at of a base's columns, for its owner."""
    return unit.all(
        "SELECT header, category, found, filled, verdict, reason, decided_at FROM column_review"
        " WHERE base_id = :base ORDER BY id",
        base=base_id,
    )
