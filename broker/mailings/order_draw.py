"""What an order's terms mean for the draw of its recipients: net names, re-mails, names made good, shortfalls."""

from __future__ import annotations

from datetime import timedelta

from broker.audience.model import Recipients
from broker.audience.select import OrderDraw
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.mailings import freeze_store as store
from broker.mailings.freeze_store import Plan
from broker.mailings.model import Mailing
from broker.rentals import terms_store
from broker.rentals.price import names_short


def order_draw(plan: Plan, lost: tuple[bytes, ...] = ()) -> OrderDraw:
    """How a plan's names are drawn, without those `lost` to another base. Names made good go to people whom the order
    has not written to."""
    return OrderDraw(
        code=plan.code,
        net_names=plan.net_names,
        remail_of=plan.remail_of,
        remail_who=plan.remail_who,
        earlier_of=plan.order_id if plan.use_kind == "make_good" else None,
        lost=lost,
    )


def note_draw(unit: UnitOfWork, settings: Settings, mailing: Mailing, plan: Plan, chosen: Recipients) -> None:
    """Keep what a run of net names measured, and owe what a guaranteed volume lacks.

    Of net names the run is what was guaranteed, not what was left of it. Beyond the tolerance all missing names are
    made good by a further dispatch that costs nothing; what is credited instead is settled with the sends.
    """
    mailed = len(chosen.contact_ids)
    if plan.net_names:
        store.write_run(unit, mailing.id, chosen.supplied, mailed)
    if not plan.guaranteed or plan.order_id is None:
        return
    supplied = chosen.supplied if plan.net_names else mailed
    short = names_short(plan.volume, supplied, plan.tolerance_bp)
    if not short:
        return
    record(
        unit, "order.short", "rental_order", plan.code, ordered=plan.volume, supplied=supplied, remedy=plan.remedy or ""
    )
    if plan.remedy == "make_good":
        until = plan.use_until if plan.use_kind == "make_good" else None
        if until is None:
            start = max(unit.today, (mailing.starts_at or unit.now).date())
            until = start + timedelta(days=settings.trade.make_good_days)
        terms_store.add_make_good(unit, plan.order_id, short, until)
