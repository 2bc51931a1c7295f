"""Take money of a transfer back: what an owner was paid and has since been credited. Under four eyes."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.bank.bank_store import org_id
from broker.billing.gateway import connect_store
from broker.billing.gateway import reversal_store as store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_params import reversal_params
from broker.billing.gateway.reversal_store import Reversal
from broker.billing.gateway.transfers import is_late
from broker.billing.invoices.entries import payout_lines
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, NotFound
from broker.kernel.ids import new_code
from broker.ledger.matching import match_settled
from broker.ledger.periods import open_day
from broker.ledger.post import post
from broker.ledger.store import entry_balance


def propose_reversals(unit: UnitOfWork, owner_code: str, reason: str) -> list[Reversal]:
    """Propose to take back what corrections (returned mail, contested bills) left an owner paid too much.

    Corrections net into the owner's next payout by themselves; a reversal takes them out of the transfers that paid too
    much, the newest first, each correction whole. Raises `Conflict`: `nothing_owed`, `reversal_exceeds`.
    """
    unit.actor.require("broker", "accountant")
    owner, user = org_id(unit, owner_code), unit.actor.require_person()
    if owner is None:
        raise NotFound(f"There is no owner {owner_code!r}.", field="owner")
    transfers = {row.id: [row.left_cents, row] for row in connect_store.paid_transfers(unit, owner)}
    chosen: dict[int, list[tuple[int, int]]] = {}
    found = store.credits_of(unit, owner)
    if not found:
        raise Conflict("Nothing was credited by this owner that is not settled.", code="nothing_owed")
    for one in found:
        place = next((key for key, (left, _) in transfers.items() if left >= one.total_cents), None)
        if place is None:
            continue
        transfers[place][0] -= one.total_cents
        chosen.setdefault(place, []).append((one.id, one.total_cents))
    if not chosen:
        raise Conflict(
            "No transfer to this owner has so much left: the correction nets into its next payout.",
            code="reversal_exceeds",
        )
    made = []
    for payout_id, lines in chosen.items():
        code, cents = new_code("rev"), sum(cents for _, cents in lines)
        values: dict[str, object] = {"code": code, "payout_id": payout_id, "owner_id": owner, "amount_cents": cents}
        store.insert(unit, values | {"reason": reason.strip()[:500] or "correction", "proposed_by": user}, lines)
        record(unit, "reversal.proposed", "transfer_reversal", code, cents=cents)
        made.append(_reversal(unit, code))
    return made


def approve_reversal(unit: UnitOfWork, code: str) -> Reversal:
    """Approve: a second person. A worker has the gateway take the money back."""
    unit.actor.require("broker", "accountant")
    found, user = _reversal(unit, code), unit.actor.require_person()
    if user == found.proposed_by:
        raise Forbidden("Whoever proposed a reversal cannot approve it: another person must.", code="four_eyes")
    _move(unit, found, "proposed", "approved", approved_by=user, approved_at=unit.now)
    unit.enqueue("reverse_transfer", found.id)
    return _reversal(unit, code)


def drop_reversal(unit: UnitOfWork, code: str) -> Reversal:
    """Give a proposed reversal up: its corrections net into the next payout."""
    unit.actor.require("broker", "accountant")
    found = _reversal(unit, code)
    _move(unit, found, "proposed", "failed")
    store.free_lines(unit, found.id)
    return _reversal(unit, code)


def list_reversals(unit: UnitOfWork) -> list[Reversal]:
    """Those that the actor may see."""
    unit.actor.require("broker", "accountant", "owner")
    return store.reversals(unit)


def reverse_transfer(database: Database, gateway: Gateway, reversal_id: int) -> None:
    """Have the gateway take the money back, once, and book it: D 512 / C 401, lettered with the corrections; their
    VAT is deducted no longer (44564 / 44566)."""
    with database.begin() as unit:
        row = store.lock(unit, reversal_id)
        if row is None or row.state != "approved":
            return
        store.asked(unit, reversal_id)
        late = is_late(unit.now, row.asked_at)
    made = gateway.find_reversal(row.transfer, row.code) if late or row.tries else None
    why = ""
    if made is None:
        try:
            params = reversal_params(row.amount_cents, row.code)
            made = gateway.create_reversal(row.transfer, params, f"{row.code}:{row.tries}")
        except Conflict as refusal:
            why = str(refusal.details.get("gateway_code") or "refused")
    with database.begin() as unit:
        now = store.lock(unit, reversal_id)
        if now is None or now.state != "approved":
            return
        if made is None:
            store.refused(unit, reversal_id, why)
            record(unit, "reversal.refused", "transfer_reversal", row.code, reason=why)
            return
        store.done(unit, reversal_id, made)
        key = f"reversal_of_transfer:{row.code}"
        bills = store.bills_taken_back(unit, reversal_id)
        # A correction lowers the VAT that waits for the payment; money that is back lowers what was deducted.
        lines = payout_lines(
            -row.amount_cents, 0, sum(entry_balance(unit, one, "44564") for one in bills), row.owner_id
        )
        day = open_day(unit, made.day)
        post(unit, "BQ", day, row.code, f"Reprise de virement {row.code}", lines, key, piece_day=made.day)
        match_settled(unit, "401", row.owner_id, [key, *bills])
        account = connect_store.of_org(unit, row.owner_id)
        if account is not None:  # the gateway may have paid on already what was taken back: it stands below zero then
            unit.enqueue("read_connect", account.id)
        record(unit, "reversal.done", "transfer_reversal", row.code, cents=row.amount_cents)


def _move(unit: UnitOfWork, found: Reversal, before: str, after: str, **values: object) -> None:
    if not store.set_state(unit, found.id, [before], after, **values):
        raise Conflict(f"The reversal is {found.state}; this needs one that is {before}.", code="reversal_state")
    record(unit, f"reversal.{after}", "transfer_reversal", found.code, cents=found.amount_cents)


def _reversal(unit: UnitOfWork, code: str) -> Reversal:
    found = store.by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no reversal {code!r}.")
    return found
