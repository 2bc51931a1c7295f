"""Read what the bank says of a file of ours: what it refused is free to be paid again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank.pain002 import TransferStatus, read_pain002
from broker.billing.bank.return_payout import reject_payout
from broker.billing.gateway import refund_store
from broker.billing.gateway import transfer_store as store
from broker.billing.gateway.send_refund import fail_transfer
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound

LARGEST_REPORT = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What a report said: codes of what was refused, how many transfers it took, and those of no file of ours."""

    rejected: tuple[str, ...]
    accepted: int
    unknown: int


def take_status(unit: UnitOfWork, data: bytes) -> StatusResult:
    """Read a pain.002; the same report again changes nothing.

    Raises `InvalidInput` (`bad_status`), `NotFound` (`unknown_file`).
    """
    unit.actor.require("accountant", "broker")
    if not data.strip() or len(data) > LARGEST_REPORT:
        raise InvalidInput("Send a report of at most 5 MB that is not empty.", code="bad_status", field="file")
    found = read_pain002(data)
    message = found[0].message_id if found else ""
    if found and store.file(unit, message) is None:
        raise NotFound(
            f"This answer is about the file {message!r}, which is none of ours.", code="unknown_file", field="file"
        )
    waiting = {row.end_to_end_id: row for row in store.sent(unit) if row.file == message}
    rejected: list[str] = []
    accepted = unknown = 0
    for one in found:
        rows: list[Row[Any] | None] = [waiting.get(one.end_to_end_id)]
        if not one.end_to_end_id:  # the whole file; a transfer that was named has gone for its own reason
            rows = [row for row in waiting.values() if row.code not in rejected]
        for row in rows:
            if row is None:
                unknown += 1
            elif not one.rejected:
                accepted += 1
            else:
                _reject(unit, row.what, row.code, one)
                rejected.append(row.code)
    if found:
        record(unit, "transfers.status", "sepa_file", message, rejected=len(rejected), accepted=accepted)
    return StatusResult(tuple(rejected), accepted, unknown)


def _reject(unit: UnitOfWork, what: str, code: str, one: TransferStatus) -> None:
    reason = one.reason or "RJCT"
    if what == "payout":
        reject_payout(unit, code, reason)
        return
    refund = refund_store.refund(unit, code)
    assert refund is not None
    fail_transfer(unit, refund, reason)
