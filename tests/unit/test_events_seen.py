"""An event is written to once, whoever is still in the base."""

from __future__ import annotations

import numpy as np
import pytest

from broker.mailings.own.events import take_out_seen


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("ids", "due", "contacts", "seen", "left"),
    [
        ([7, 3, 5], ["2026-05-01", "2026-05-02", "NaT"], [3], ["2026-05-02"], ["2026-05-01", "NaT", "NaT"]),
        ([7, 3], ["2026-05-01", "2026-05-02"], [3, 7], ["2025-05-02", "2025-05-01"], ["2026-05-01", "2026-05-02"]),
        ([7], ["2026-05-01"], [9, 1], ["2026-05-01", "2026-05-01"], ["2026-05-01"]),
        ([7], ["2026-05-01"], [], [], ["2026-05-01"]),
        ([], [], [3], ["2026-05-02"], []),
    ],
)
def test_only_an_event_of_the_same_contact_and_day_is_taken_out(
    ids: list[int], due: list[str], contacts: list[int], seen: list[str], left: list[str]
) -> None:
    events = days(*due)
    take_out_seen(events, np.array(ids, dtype=np.int64), np.array(contacts, dtype=np.int64), days(*seen))
    np.testing.assert_array_equal(events, days(*left))
