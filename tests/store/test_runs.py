"""Lines of sends kept as runs: each send once, the split of each one, sums that the database holds to them."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from broker.billing.accrue import accrue_sends, reverse_bounces
from broker.billing.model import share_of_send
from broker.billing.report import revenue_report
from broker.billing.settle import settle_mailing
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

COMMISSION_BP = 2_000
RUN = (
    "INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, commission_bp, sends, gross_micros,"
    " owner_micros, commission_micros, at) VALUES (:mailing, :kind, CAST(:positions AS int4multirange), 33333, 2000,"
    " :sends, :gross, :gross - :commission, :commission, app_now())"
)


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def sent(scene: MoneyScene, states: list[tuple[str, int, bool]]) -> tuple[int, int]:
    """(mailing, dispatch) with a send for each (state, price, seed), from position 0; nothing accrued."""
    mailing, dispatch, _ = scene.mailing_of(scene.on_credit(5_000))
    with scene.worker.begin() as unit:
        unit.run("SELECT make_send_partition(:month)", month=dispatch // 1_000_000)
        unit.run_many(
            "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, seed, state, price_micros,"
            " outcome_at) VALUES (:dispatch, :mailing, :position, :contact, decode(md5(:key), 'hex'), :seed, :state,"
            " :price, app_now())",
            [
                {
                    "dispatch": dispatch,
                    "mailing": mailing,
                    "position": at,
                    "contact": None if seed else at + 1,
                    "key": f"{mailing}/{at}",
                    "seed": seed,
                    "state": state,
                    "price": 0 if seed else price,
                }
                for at, (state, price, seed) in enumerate(states)
            ],
        )
    return mailing, dispatch


def lines(unit: UnitOfWork, mailing: int, kind: str) -> dict[int, tuple[int, int, int]]:
    """Position -> gross, owner's part, commission, as the view tells them."""
    rows = unit.all(
        "SELECT position, gross_micros, owner_micros, commission_micros FROM accrual WHERE mailing_id = :id"
        " AND kind = :kind",
        id=mailing,
        kind=kind,
    )
    assert len({row.position for row in rows}) == len(rows)
    return {row.position: (row.gross_micros, row.owner_micros, row.commission_micros) for row in rows}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["accepted", "accepted", "accepted", "uncertain", "refused", "pending"]),
            st.sampled_from([33_333, 33_333, 7, 0]),
            st.sampled_from([False, False, False, True]),
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_however_a_list_is_cut_each_accepted_priced_send_has_one_line_with_its_own_split(
    scene: MoneyScene, states: list[tuple[str, int, bool]], chance: random.Random
) -> None:
    mailing, dispatch = sent(scene, states)
    expected = {
        at: share_of_send(price, COMMISSION_BP, at)
        for at, (state, price, seed) in enumerate(states)
        if state == "accepted" and price and not seed
    }
    added = 0
    for _ in range(4):  # overlapping cuts in any order, and at last all of it
        some = [(dispatch, chance.randrange(len(states))) for _ in range(chance.randrange(1, 12))]
        with scene.worker.begin() as unit:
            added += accrue_sends(unit, mailing, some)
    everything = [(dispatch, at) for at in range(len(states))]
    with scene.worker.begin() as unit:
        added += accrue_sends(unit, mailing, everything)
        assert accrue_sends(unit, mailing, everything) == 0
        assert lines(unit, mailing, "send") == {
            at: (part.gross, part.owner, part.commission) for at, part in expected.items()
        }
        assert added == len(expected)
        back = [(dispatch, at) for at in range(0, len(states), 2)]
        assert reverse_bounces(unit, mailing, back) == len([at for at in expected if at % 2 == 0])
        assert reverse_bounces(unit, mailing, [*back, *back]) == 0
        assert lines(unit, mailing, "bounce") == {
            at: (-part.gross, -part.owner, -part.commission) for at, part in expected.items() if at % 2 == 0
        }
        left = unit.scalar("SELECT (run_sums(billed_positions(:id), 0, 0)).sends", id=mailing)
        assert left == len([at for at in expected if at % 2])


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"sends": 11}, "accrual_sum_lines"),
        ({"gross": 333_331}, "accrual_sum_lines"),
        ({"commission": 66_667}, "accrual_sum_lines"),
        ({"kind": "bounce"}, "accrual_sum_lines"),
        ({"kind": "gift"}, "accrual_sum_kind"),
        ({"positions": "{[5,15)}", "commission": 66_666}, "accrual_sum_once"),
    ],
)
def test_the_database_refuses_a_run_that_does_not_say_its_lines(
    scene: MoneyScene, change: dict[str, object], constraint: str
) -> None:
    mailing, _ = sent(scene, [("uncertain", 33_333, False)])
    good = {"mailing": mailing, "kind": "send", "positions": "{[0,10)}", "sends": 10, "gross": 333_330}
    good["commission"] = 333_330 * COMMISSION_BP // 10_000
    with scene.worker.begin() as unit:
        unit.run(RUN, **good)
    other = {**good, "positions": "{[10,20)}", "commission": 33_333 * 20 // 5 - 33_333 * 10 // 5, **change}
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run(RUN, **other)
    assert refusal.value.details == {"constraint": constraint}


def test_runs_are_never_changed(scene: MoneyScene) -> None:
    mailing, dispatch = sent(scene, [("accepted", 33_333, False)])
    with scene.worker.begin() as unit:
        assert accrue_sends(unit, mailing, [(dispatch, 0)]) == 1
    for change in ("UPDATE accrual_sum SET at = app_now()", "DELETE FROM accrual_sum"):
        with pytest.raises(Exception, match=r"permission denied|append"), scene.worker.begin() as unit:
            unit.run(change + " WHERE mailing_id = :id", id=mailing)


def test_a_settled_mailing_is_read_from_its_sums_which_late_bounces_and_lines_keep_true(scene: MoneyScene) -> None:
    mailing = scene.settled(scene.on_credit(5_000), 60, bounced=4)
    dispatch = scene_dispatch(scene, mailing)
    with scene.worker.begin() as unit:
        unit.run(
            "UPDATE send s SET bounced_at = m.closed_at + interval '1 microsecond' FROM mailing m WHERE m.id = :id"
            " AND s.mailing_id = m.id AND s.dispatch_id = :dispatch AND s.position = 20",
            id=mailing,
            dispatch=dispatch,
        )
        code = unit.scalar("SELECT code FROM mailing WHERE id = :id", id=mailing)
        report = revenue_report(unit, unit.today, unit.today)
        (row,) = [row for row in report.rows if row.mailing == code]
        assert (row.sends, row.bounced, row.billable, row.sends_micros) == (60, 5, 56, 56 * 33_333)
        before = unit.scalar("SELECT sum(gross_micros) FROM settled_accrual WHERE mailing_id = :id", id=mailing)
        assert before == 56 * 33_333
        unit.run(
            "INSERT INTO accrual_sum (mailing_id, kind, positions, sends, gross_micros, owner_micros,"
            " commission_micros, at) VALUES (:id, 'charge', '{}', 0, 900, 700, 200, app_now())",
            id=mailing,
        )
        assert (
            unit.scalar(
                "SELECT sum(gross_micros) FROM accrued_between('-infinity', 'infinity') WHERE mailing_id = :id",
                id=mailing,
            )
            == before + 900
        )
    settle_mailing(scene.worker, SETTINGS, mailing)  # a second time changes nothing
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM settled_sends WHERE mailing_id = :id", id=mailing) == 1


def test_a_mailing_with_a_mail_under_way_is_not_settled(scene: MoneyScene, admin_engine: Engine) -> None:
    mailing, dispatch, _ = scene.mailing_of(scene.on_credit(5_000))
    scene.send(mailing, dispatch, 10)
    mark = text("UPDATE send SET state = :state WHERE mailing_id = :id AND dispatch_id = :dispatch AND position = 3")
    with admin_engine.begin() as connection:
        connection.execute(mark, {"state": "attempting", "id": mailing, "dispatch": dispatch})
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT closed_at FROM mailing WHERE id = :id", id=mailing) is None
    with admin_engine.begin() as connection:
        connection.execute(mark, {"state": "accepted", "id": mailing, "dispatch": dispatch})
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT closed_at FROM mailing WHERE id = :id", id=mailing) is not None


def scene_dispatch(scene: MoneyScene, mailing: int) -> int:
    with scene.worker.begin() as unit:
        return int(unit.scalar("SELECT dispatch_id FROM mailing WHERE id = :id", id=mailing))
