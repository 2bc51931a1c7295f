"""Freeze a mailing's recipients: from then on the list is rows, each with its price, and nobody is added.

It happens `trade.freeze_hours` before the start and not earlier, however long ago the mailing was planned: consent,
suppression files, imports and pressure of the weeks between are then what they are on the eve (the trade's J-1).

One transaction does it all, so a worker that dies in the middle leaves nothing; run again, it draws the same people.
"""

from __future__ import annotations

from broker.affiliation.store import set_send_state
from broker.audience.model import Recipients
from broker.audience.notice import select_to_notify
from broker.audience.select import select_recipients
from broker.audit.record import record
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput
from broker.kernel.settings import Settings
from broker.mailings import freeze_store as store
from broker.mailings.desk_lot import lost_by_lot
from broker.mailings.freeze_store import Plan
from broker.mailings.model import Mailing, day_of, is_to_be_frozen
from broker.mailings.order_draw import note_draw, order_draw
from broker.mailings.seed_list import seed_list
from broker.mailings.sign_creative import check_content
from broker.mailings.store import creative_by_id, links_of, mailing_by_id, move
from broker.rentals.advance import advance_order
from broker.rentals.model import OrderState
from broker.vault.keyring import WorkerKeys


def freeze_mailing(database: Database, worker_keys: WorkerKeys, settings: Settings, mailing_id: int) -> None:
    """Select, draw and write the recipients of a mailing that is to be frozen by now; anything else is left alone.

    A mailing that cannot be sent as it was sold (card under its floor, volume under the minimum, nobody left, creative
    changed) becomes `failed` with a sentence. While a party of it is frozen on suspicion it stays planned.
    """
    try:
        with database.begin() as unit:
            _freeze(unit, worker_keys, settings, mailing_id)
    except (Conflict, InvalidInput) as refusal:
        with database.begin() as unit:
            _fail(unit, mailing_id, refusal)


def _freeze(unit: UnitOfWork, worker_keys: WorkerKeys, settings: Settings, mailing_id: int) -> None:
    mailing = mailing_by_id(unit, mailing_id, lock=True)
    if mailing is None or not is_to_be_frozen(mailing, unit.now, settings.trade.freeze_hours):
        return
    if store.party_is_frozen(unit, mailing):
        return
    creative = creative_by_id(unit, mailing.creative_id)
    if creative is None or not creative.signed or creative.content_hash != mailing.content_hash:
        raise Conflict("The creative is not the one that was signed.", code="creative_altered")
    check_content(creative, links_of(unit, creative.id))
    chosen, plan = _select(unit, settings, mailing)
    keys: list[bytes] = chosen.contact_keys.tolist()
    if not keys:
        raise Conflict(
            "Nobody is left to write to after all exclusions.", code="nobody_left", details=dict(chosen.exclusions)
        )
    store.make_partition(unit, mailing)
    store.write_recipients(unit, mailing, chosen.contact_ids.tolist(), keys)
    parties = (mailing.owner_id, mailing.advertiser_id)
    seeds = seed_list(unit, worker_keys, settings.mail, *parties, set(keys), len(keys))
    store.write_seeds(unit, mailing, seeds)
    store.mark_frozen(unit, mailing, chosen.exclusions)
    if plan is not None:
        note_draw(unit, settings, mailing, plan, chosen)
    if store.is_due(unit, mailing.id):
        unit.enqueue("send_mailing", mailing.id)
    record(unit, "mailing.frozen", "mailing", mailing.code, recipients=len(keys), seeds=len(seeds))


def _select(unit: UnitOfWork, settings: Settings, mailing: Mailing) -> tuple[Recipients, Plan | None]:
    """Whom it was sold for; of a notice of new partners, whoever does not know them yet."""
    announced = store.announced_version(unit, mailing.dispatch_id)
    if announced is not None:
        told = select_to_notify(unit, settings, base_id=mailing.base_id, version=announced, draw_seed=mailing.draw_seed)
        return told, None
    plan = store.plan_of(unit, mailing)
    _check_floor(unit, settings, mailing.draw_seed, plan)
    send_on = day_of(mailing, unit.now)
    store.lock_day(unit, send_on)
    chosen = select_recipients(
        unit,
        settings,
        base_id=mailing.base_id,
        advertiser_id=mailing.advertiser_id,
        rule=plan.rule,
        select_rule=plan.select_rule,
        volume=plan.volume,
        draw_seed=mailing.draw_seed,
        dispatch_id=mailing.dispatch_id,
        round_when_short=plan.minimum_order is not None,
        send_on=send_on,
        order=order_draw(plan, lost_by_lot(unit, settings, mailing, plan)),
    )
    return chosen, plan


def _check_floor(unit: UnitOfWork, settings: Settings, draw_seed: int, plan: Plan) -> None:
    """The card must still hold its floor after every exclusion, and the volume its minimum (rental only)."""
    if plan.minimum_order is None:
        return
    if plan.volume < plan.minimum_order:
        raise Conflict(
            f"The order is for {plan.volume} names; the card's minimum is {plan.minimum_order}.", code="under_minimum"
        )
    disclosure = settings.disclosure
    floor = disclosure.floor(plan.contact_kind)
    card = select_recipients(
        unit, settings, base_id=plan.base_id, advertiser_id=None, rule=plan.rule, draw_seed=draw_seed, volume=0
    )
    if card.exclusions["volume"] < floor:
        raise Conflict(
            f"The card's audience has fallen under the floor of {floor:,} since the order.", code="under_floor"
        )


def _fail(unit: UnitOfWork, mailing_id: int, refusal: CourtierError) -> None:
    """Say why a mailing cannot be sent, and end what it was sold by: nothing of it will ever leave.

    The order is cancelled with that reason, and the settlement credits its deposit; a further use of it is given back
    instead; a picked send gives its volume back to the programme's budget.
    """
    mailing = mailing_by_id(unit, mailing_id, lock=True)
    if mailing is None or not move(unit, mailing_id, ["planned"], "failed"):
        return
    store.note_problem(unit, mailing_id, refusal.sentence)
    record(unit, "mailing.failed", "mailing", mailing.code, reason=refusal.code)
    order_id, send_id = store.sold_by(unit, mailing.dispatch_id)
    if order_id is not None:
        state: OrderState = "sent" if store.reopen_use(unit, mailing.dispatch_id) else "cancelled"
        advance_order(unit, order_id, state, f"its mailing {mailing.code} failed: {refusal.sentence}")
    if send_id is not None:
        set_send_state(unit, send_id, "withdrawn")
