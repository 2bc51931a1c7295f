"""The only place with the SQL of charges by the net-name clause."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork
from broker.rentals.price import Charge


def run_of(unit: UnitOfWork, mailing_id: int) -> Row[Any] | None:
    """(supplied, mailed, state, price_micros, commission_bp, net_floor_bp, run_micros) of a run of net names."""
    return unit.one(
        "SELECT n.supplied, n.mailed, m.state, m.price_micros, m.commission_bp, o.net_floor_bp, o.run_micros"
        " FROM net_name_count n JOIN mailing m ON m.id = n.mailing_id JOIN dispatch d ON d.id = m.dispatch_id"
        " JOIN rental_order o ON o.id = d.order_id WHERE m.id = :id",
        id=mailing_id,
    )


def add_charge(unit: UnitOfWork, mailing_id: int, charge: Charge, owner: int, commission: int) -> None:
    """Keep a charge, and add it to the mailing's sums in micros as what no send stands for."""
    values = {"id": mailing_id, "gross": charge.micros, "owner": owner, "commission": commission}
    unit.run(
        "INSERT INTO order_charge (mailing_id, kind, quantity, unit_micros, gross_micros, owner_micros,"
        " commission_micros) VALUES (:id, :kind, :quantity, :unit, :gross, :owner, :commission)",
        kind=charge.kind,
        quantity=charge.quantity,
        unit=charge.unit_micros,
        **values,
    )
    unit.run(
        "INSERT INTO accrual_sum (mailing_id, kind, positions, sends, gross_micros, owner_micros, commission_micros,"
        " at) VALUES (:id, 'charge', '{}', 0, :gross, :owner, :commission, app_now())",
        **values,
    )


def charges_of(unit: UnitOfWork, mailing_id: int) -> list[Row[Any]]:
    """(kind, quantity, gross_micros, owner_micros, commission_micros) of what a mailing is paid besides its sends:
    charges of its order; clicks, leads and sales of its programme."""
    return unit.all(
        "SELECT kind, quantity, gross_micros, owner_micros, commission_micros FROM order_charge"
        " WHERE mailing_id = :id UNION ALL"
        " SELECT kind, sum(sends)::bigint, sum(gross_micros)::bigint, sum(owner_micros)::bigint,"
        " sum(commission_micros)::bigint FROM accrual_sum WHERE mailing_id = :id AND kind IN ('click', 'lead', 'sale')"
        " GROUP BY kind ORDER BY kind",
        id=mailing_id,
    )


def lock_order(unit: UnitOfWork, order_id: int) -> Row[Any] | None:
    """(state, contract_role, code, advertiser_id) of an order, nobody else moving it before our commit."""
    return unit.one(
        "SELECT state, contract_role, code, advertiser_id FROM rental_order WHERE id = :id FOR UPDATE", id=order_id
    )
