"""The workers' house tasks come round as often as their names say, at any minute of the hour."""

from __future__ import annotations

from itertools import pairwise

import pytest
from croniter import croniter

from broker.operate.jobs.house_tasks import EVERY_FIVE_SECONDS, EVERY_TWO_SECONDS


@pytest.mark.parametrize(("cron", "seconds"), [(EVERY_TWO_SECONDS, 2), (EVERY_FIVE_SECONDS, 5)])
def test_periods_are_even_through_a_whole_hour(cron: str, seconds: int) -> None:
    ticks = croniter(cron, 1_790_000_001)
    times = [ticks.get_next(float) for _ in range(3_600 // seconds)]
    assert {after - before for before, after in pairwise(times)} == {float(seconds)}
