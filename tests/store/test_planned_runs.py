"""A run of a mailing that is planned for a later hour does not keep an earlier one from being planned."""

from __future__ import annotations

from sqlalchemy import Engine

from broker.delivery.store import run_is_planned
from broker.kernel.database import Database

MAILING = 987_654


def test_a_run_planned_for_the_end_of_a_test_is_none_for_a_relay_that_rests_for_seconds(worker_engine: Engine) -> None:
    with Database(worker_engine).begin() as unit:
        assert not run_is_planned(unit, MAILING, 3600)
        unit.enqueue("send_mailing", MAILING, after_seconds=3600)
        assert not run_is_planned(unit, MAILING, 16)
        assert run_is_planned(unit, MAILING, 3600)
        unit.enqueue("send_mailing", MAILING, after_seconds=16)
        assert run_is_planned(unit, MAILING, 40_000)
        assert run_is_planned(unit, MAILING, 16)
