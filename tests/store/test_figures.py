"""Revenue by dimension, period and filter; forecast; cut-off: the same micros as the sends, from the sums alone."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.figures import conversions_by_state, cut_off, forecast, revenue_figures
from broker.billing.figures_store import DIMENSIONS
from broker.kernel.errors import Forbidden, InvalidInput
from tests.store.money_scene import MoneyScene, build_scene

FIRST, LAST = date(2020, 1, 1), date(2100, 1, 1)


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    scene.settled(scene.paid(5_000), 3_000, bounced=7)
    mailing, dispatch, _ = scene.mailing_of(scene.on_credit(5_000))
    scene.send(mailing, dispatch, 500)
    return scene


@pytest.mark.parametrize("by", DIMENSIONS)
def test_every_dimension_says_the_sum_of_the_sends(scene: MoneyScene, by: str) -> None:
    with scene.web.begin(scene.owner) as unit:
        found = revenue_figures(unit, FIRST, LAST, by)
        micros = unit.scalar(
            "SELECT sum(a.gross_micros) FROM accrual_sum a JOIN mailing m ON m.id = a.mailing_id WHERE m.owner_id = :o",
            o=scene.owner.org,
        )
    assert found.total.gross_micros == micros == (2_993 + 500) * 33_333
    assert found.total.owner_micros + found.total.commission_micros == micros
    assert (found.total.sends, found.total.billable) == (3_500, 3_493)
    assert sum(row.gross_micros for row in found.rows) == micros


def test_a_figure_is_walked_down_by_filters(scene: MoneyScene) -> None:
    with scene.web.begin(scene.accountant) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        orders = revenue_figures(unit, FIRST, LAST, "campaign", {"owner": owner})
        largest = orders.rows[0]
        (mailing,) = revenue_figures(unit, FIRST, LAST, "mailing", {"owner": owner, "campaign": largest.key}).rows
        nobody = revenue_figures(unit, FIRST, LAST, "mailing", {"owner": "org_none"})
    assert (len(orders.rows), orders.down) == (2, "mailing")
    assert (mailing.gross_micros, mailing.sends, mailing.billable) == (2_993 * 33_333, 3_000, 2_993)
    assert (mailing.ecpm_cents, mailing.per_send_micros) == (3_326, 33_255)
    assert (nobody.rows, nobody.total.gross_micros, nobody.total.ecpm_cents) == ([], 0, 0)


def test_who_sees_figures_and_which_are_asked_wrongly(scene: MoneyScene) -> None:
    with scene.web.begin(scene.stranger) as unit:
        assert revenue_figures(unit, FIRST, LAST).rows == []
    with pytest.raises(Forbidden), scene.web.begin(scene.advertiser) as unit:
        revenue_figures(unit, FIRST, LAST)
    for arguments, code in (
        ({"by": "hair"}, "unknown_dimension"),
        ({"filters": {"hair": "x"}}, "unknown_dimension"),
        ({"currency": "USD"}, "unknown_currency"),
        ({"last": date(2019, 1, 1)}, "bad_period"),
    ):
        values = {"first": FIRST, "last": LAST, **arguments}
        with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.accountant) as unit:
            revenue_figures(unit, **values)  # type: ignore[arg-type]
        assert refusal.value.code == code


def test_forecast_and_cut_off_hold_what_is_not_billed(scene: MoneyScene) -> None:
    with scene.web.begin(scene.accountant) as unit:
        month = unit.today.replace(day=1)
        before = forecast(unit, month)
    order = scene.on_credit(6_000)
    mailing, _, code = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET starts_at = app_now() WHERE id = :id", id=mailing)
    with scene.web.begin(scene.accountant) as unit:
        after = forecast(unit, month)
        assert after.planned_micros - before.planned_micros == 6_000 * 33_333
        assert after.total_micros >= before.total_micros
        found = cut_off(unit, month)
        assert isinstance(conversions_by_state(unit, FIRST, LAST), list)
    rows = {row.mailing: row for row in found.accrued}
    assert code not in rows
    mine = [row for row in found.accrued if (row.revenue_cents, row.cost_cents) == (1_667, 1_334)]
    assert mine
