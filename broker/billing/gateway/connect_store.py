"""The only place with the SQL of owners' accounts at the gateway, and of transfers to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.gateway.gateway_objects import ConnectState, GatewayBalance, Moved
from broker.kernel.database import UnitOfWork

ConnectStanding = Literal["asked", "papers", "checking", "restricted", "ready"]


@dataclass(frozen=True, slots=True)
class ConnectAccount:
    """An owner's account at the gateway as it was read last. `due`: papers that the gateway asks for; `balance_cents`:
    what stands on it, free or not, below zero when it owes the gateway; None when nothing was told."""

    id: int
    code: str
    org_id: int
    owner: str
    reference: str
    details_submitted: bool
    transfers_active: bool
    payouts_enabled: bool
    due: tuple[str, ...]
    disabled_reason: str
    links: int
    read_at: datetime | None
    balance_cents: int | None = None
    balance_at: datetime | None = None

    @property
    def standing(self) -> ConnectStanding:
        """In a word; only `ready` is paid to."""
        if not self.reference:
            return "asked"
        if self.transfers_active and self.payouts_enabled:
            return "ready"
        if self.disabled_reason.startswith(("rejected", "listed", "platform")):
            return "restricted"
        return "papers" if self.due or not self.details_submitted else "checking"


_SELECT = """
SELECT a.id, a.code, a.org_id, coalesce(party_name(a.org_id), '') AS owner, coalesce(a.reference, '') AS reference,
  a.details_submitted, a.transfers_active, a.payouts_enabled, a.due, a.disabled_reason, a.links, a.read_at,
  a.available_cents + a.pending_cents AS balance_cents, a.balance_at
FROM connect_account a
"""


def _account(row: Row[Any] | None) -> ConnectAccount | None:
    return None if row is None else ConnectAccount(**{**row._mapping, "due": tuple(row.due)})


def of_org(unit: UnitOfWork, org_id: int) -> ConnectAccount | None:
    """The account of an owner."""
    return _account(unit.one(_SELECT + "WHERE a.org_id = :org", org=org_id))


def by_id(unit: UnitOfWork, account_id: int) -> ConnectAccount | None:
    """An account by its id."""
    return _account(unit.one(_SELECT + "WHERE a.id = :id", id=account_id))


def accounts(unit: UnitOfWork) -> list[ConnectAccount]:
    """All accounts that the actor may see, by owner."""
    found = [_account(row) for row in unit.all(_SELECT + "ORDER BY owner, a.id")]
    return [one for one in found if one is not None]


def account_of(unit: UnitOfWork, reference: str) -> int | None:
    """The id of the account that the gateway calls so."""
    found = unit.scalar("SELECT id FROM connect_account WHERE reference = :reference", reference=reference)
    return None if found is None else int(found)


def accounts_to_read(unit: UnitOfWork) -> list[int]:
    """Accounts that something was ever paid to, or whose balance is not known: it is read with the gateway's own."""
    rows = unit.all(
        "SELECT a.id FROM connect_account a WHERE a.reference IS NOT NULL AND (a.balance_at IS NULL"
        " OR EXISTS (SELECT 1 FROM payout p WHERE p.connect_account_id = a.id AND p.transfer_reference IS NOT NULL))"
        " ORDER BY a.id"
    )
    return [int(row.id) for row in rows]


def insert(unit: UnitOfWork, code: str, org_id: int) -> int | None:
    """An account that is asked for; None when the owner has one."""
    found = unit.scalar(
        "INSERT INTO connect_account (code, org_id, asked_by) VALUES (:code, :org, :by) ON CONFLICT DO NOTHING"
        " RETURNING id",
        code=code,
        org=org_id,
        by=unit.actor.user_id,
    )
    return None if found is None else int(found)


def opened(unit: UnitOfWork, account_id: int, reference: str) -> None:
    """The gateway has made the account."""
    unit.run(
        "UPDATE connect_account SET reference = :reference WHERE id = :id AND reference IS NULL",
        id=account_id,
        reference=reference,
    )


def read(unit: UnitOfWork, account_id: int, found: ConnectState, balance: GatewayBalance | None) -> None:
    """What the gateway says of an account now; without a balance what was told of it before is forgotten."""
    unit.run(
        "UPDATE connect_account SET details_submitted = :details, transfers_active = :transfers,"
        " payouts_enabled = :payouts, due = :due, disabled_reason = :reason, read_at = app_now(),"
        " available_cents = :available, pending_cents = :pending,"
        " balance_at = CASE WHEN CAST(:available AS bigint) IS NULL THEN NULL ELSE app_now() END WHERE id = :id",
        id=account_id,
        details=found.details_submitted,
        transfers=found.transfers_active,
        payouts=found.payouts_enabled,
        due=[one[:100] for one in found.due[:50]],
        reason=found.disabled_reason,
        available=None if balance is None else balance.available_cents,
        pending=None if balance is None else balance.pending_cents,
    )


def another_link(unit: UnitOfWork, account_id: int) -> int:
    """Count an address for giving papers; its number."""
    return int(
        unit.scalar("UPDATE connect_account SET links = links + 1 WHERE id = :id RETURNING links", id=account_id)
    )


def transfer_of(unit: UnitOfWork, payout_id: int) -> Row[Any] | None:
    """(code, owner_id, state, amount_cents, account, account_id, ready, asked_at, tries, held) of a payout by transfer,
    locked."""
    return unit.one(
        "SELECT p.code, p.owner_id, p.state, p.amount_cents, a.reference AS account, a.id AS account_id,"
        " a.transfers_active AND a.payouts_enabled AS ready, p.transfer_asked_at AS asked_at,"
        " p.transfer_tries AS tries, is_held(p.owner_id) AS held"
        " FROM payout p JOIN connect_account a ON a.id = p.connect_account_id WHERE p.id = :id FOR UPDATE OF p",
        id=payout_id,
    )


def asked(unit: UnitOfWork, payout_id: int) -> None:
    """The gateway is about to be asked for a transfer."""
    unit.run(
        "UPDATE payout SET transfer_asked_at = coalesce(transfer_asked_at, app_now()) WHERE id = :id", id=payout_id
    )


def problem(unit: UnitOfWork, payout_id: int, why: str) -> None:
    """Why a transfer was not made yet; it is tried again."""
    unit.run(
        "UPDATE payout SET transfer_problem = :why, transfer_looked_at = app_now() WHERE id = :id",
        id=payout_id,
        why=why[:200],
    )


def transferred(unit: UnitOfWork, payout_id: int, found: Moved) -> None:
    """Keep what the gateway made: the payout has left and is booked as any other."""
    unit.run(
        "UPDATE payout SET state = 'exported', exported_at = app_now(), transfer_reference = :reference,"
        " transfer_line = :line, transfer_problem = '' WHERE id = :id AND state = 'approved'",
        id=payout_id,
        reference=found.reference,
        line=found.line or None,
    )
    unit.run(
        "UPDATE payout SET state = 'confirmed', paid_on = :day WHERE id = :id AND state = 'exported'",
        id=payout_id,
        day=found.day,
    )


def refused(unit: UnitOfWork, payout_id: int, why: str) -> None:
    """The gateway refused: nothing was made, the next try has a key of its own."""
    unit.run(
        "UPDATE payout SET transfer_tries = transfer_tries + 1, transfer_problem = :why, transfer_asked_at = NULL,"
        " transfer_looked_at = app_now()"
        " WHERE id = :id",
        id=payout_id,
        why=why[:200],
    )


def paid_transfers(unit: UnitOfWork, org_id: int) -> list[Row[Any]]:
    """(id, code, amount_cents, left_cents, paid_on) of transfers to an owner, the newest first."""
    return unit.all(
        "SELECT p.id, p.code, p.amount_cents, p.paid_on, p.amount_cents - coalesce((SELECT"
        " sum(r.amount_cents) FROM transfer_reversal r WHERE r.payout_id = p.id AND r.state <> 'failed'), 0)"
        " AS left_cents FROM payout p WHERE p.owner_id = :org AND p.connect_account_id IS NOT NULL"
        " AND p.state = 'paid' ORDER BY p.id DESC",
        org=org_id,
    )
