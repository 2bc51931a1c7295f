"""The watch over a mailing of few mails: so many events as chance would hardly show at the limit."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from broker.kernel.settings import WatchSettings
from broker.mailings.small_rates import RARE, fewest_too_many, tail
from broker.mailings.watch import judge, thresholds

WATCH = WatchSettings()


@given(st.integers(1, 1_500), st.integers(0, 1_500), st.integers(1, 9_999))
@example(562, 1, 7_320)  # its first term is too small for a number
def test_the_tail_is_the_binomials(size: int, events: int, limit_bp: int) -> None:
    ours = tail(min(events, size), size, limit_bp / 10_000)
    assert ours == pytest.approx(
        float(stats.binom.sf(min(events, size) - 1, size, limit_bp / 10_000)), rel=1e-6, abs=1e-12
    )


@given(st.integers(1, 999), st.sampled_from([10, 30, 300, 800, 5_000]))
def test_one_event_fewer_would_be_within_chance(size: int, limit_bp: int) -> None:
    fewest = fewest_too_many(size, limit_bp)
    if fewest is None:
        assert tail(size, size, limit_bp / 10_000) > RARE
    else:
        assert tail(fewest, size, limit_bp / 10_000) <= RARE < tail(fewest - 1, size, limit_bp / 10_000)


@pytest.mark.parametrize(
    ("sent", "bounces", "complaints", "wanted"),
    [
        (40, 0, 1, []),  # 2.5 %, of one
        (40, 0, 2, []),
        (40, 0, 3, [("stop", "complaints")]),
        (500, 0, 5, [("warning", "complaints")]),  # 1 %: at 0.3 % five happen by chance, at 0.1 % they do not
        (500, 0, 6, [("stop", "complaints")]),
        (50, 5, 0, []),  # 10 %: above the limit, and nothing out of the way at it
        (50, 6, 0, [("warning", "bounces")]),
        (50, 10, 0, [("stop", "bounces")]),
        (999, 101, 9, [("stop", "complaints"), ("stop", "bounces")]),
        (2, 2, 2, []),
        (0, 0, 0, []),
    ],
)
def test_few_mails_are_stopped_by_what_chance_does_not_explain(
    sent: int, bounces: int, complaints: int, wanted: list[tuple[str, str]]
) -> None:
    found = judge(WATCH, sent, bounces, complaints)
    assert [(one.kind, one.reason) for one in found] == wanted
    assert all("by chance alone so many are rarer than 1 in 100" in one.sentence for one in found)


@given(st.integers(0, 3_000))
def test_what_is_shown_is_what_stops(sent: int) -> None:
    complaints, bounces = thresholds(WATCH, sent)
    for one, figures in ((complaints, (0, 1)), (bounces, (1, 0))):
        if one.stopped_from is None:
            assert judge(WATCH, sent, *(times * sent for times in figures)) == []
            continue
        assert judge(WATCH, sent, *(times * one.stopped_from for times in figures))[0].kind == "stop"
        before = judge(WATCH, sent, *(times * (one.stopped_from - 1) for times in figures))
        assert [found.kind for found in before] in ([], ["warning"])
