"""The only place with the SQL of others' money."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def held(unit: UnitOfWork) -> list[Row[Any]]:
    """(party, code, cents) of what stands on 467 for each party, credits less debits, the largest first."""
    return unit.all(
        "SELECT o.name AS party, o.code, sum(b.credit_cents - b.debit_cents)::bigint AS cents FROM ledger_balance b"
        " JOIN organisation o ON o.id = b.org_id WHERE b.account = '467' GROUP BY o.id"
        " HAVING sum(b.credit_cents - b.debit_cents) <> 0 ORDER BY cents DESC, o.name"
    )


def cash(unit: UnitOfWork) -> int:
    """What 512 holds."""
    return int(
        unit.scalar("SELECT coalesce(sum(debit_cents - credit_cents), 0) FROM ledger_balance WHERE account = '512'")
    )


def contracts(unit: UnitOfWork, today: date) -> int:
    """How many contracts make us somebody's agent on a day."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM role_contract WHERE role <> 'principal' AND :today BETWEEN signed_on"
            " AND coalesce(ends_on, 'infinity')",
            today=today,
        )
    )
