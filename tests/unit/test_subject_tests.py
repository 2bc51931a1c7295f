"""Which variant wins, how lists are cut into waves, when the watch speaks: pure rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from broker.kernel.errors import InvalidInput
from broker.kernel.settings import WatchSettings
from broker.mailings.sender_name import check_sender_name, sender_name
from broker.mailings.subject_test import VariantCount, decide, difference, fisher
from broker.mailings.variants import SubjectTest, Variation, check_test, variant_of
from broker.mailings.watch import judge
from broker.mailings.waves import check_shares, read_shares, test_group, wave_ends

test_group.__test__ = False  # type: ignore[attr-defined]

COUNTS = st.integers(1, 3_000).flatmap(lambda written: st.tuples(st.just(written), st.integers(0, min(written, 60))))


@given(COUNTS, COUNTS)
def test_the_p_value_is_that_of_fishers_exact_test(first: tuple[int, int], second: tuple[int, int]) -> None:
    ours = fisher(VariantCount(0, *first), VariantCount(1, *second))
    table = [[first[1], first[0] - first[1]], [second[1], second[0] - second[1]]]
    assert ours == pytest.approx(float(stats.fisher_exact(table)[1]), rel=1e-6, abs=1e-9)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe 1998, table II, case (a), method 10: 56/70 against 48/80.
    low, high = difference(VariantCount(0, 70, 56), VariantCount(1, 80, 48))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_the_highest_share_wins_and_the_proof_is_said() -> None:
    proven = decide([VariantCount(0, 1000, 20), VariantCount(1, 1000, 60)])
    assert (proven.winner, proven.verdict) == (1, "proven")
    assert proven.low is not None
    assert proven.low > 0
    ahead = decide([VariantCount(0, 1000, 20), VariantCount(1, 1000, 24)])
    assert (ahead.winner, ahead.verdict) == (1, "ahead")
    assert ahead.low is not None
    assert ahead.low < 0


@pytest.mark.parametrize(
    ("counts", "winner", "verdict"),
    [
        ([(100, 0), (100, 0)], 0, "no_clicks"),
        ([(0, 0), (0, 0)], 0, "nobody"),
        ([(100, 7), (100, 7)], 0, "tie"),
        ([(100, 7), (200, 14), (100, 3)], 0, "tie"),
        ([(100, 3), (100, 7), (200, 14)], 1, "tie"),  # A is behind: the first of those ahead
        ([(0, 0), (100, 5)], 1, "ahead"),
    ],
)
def test_a_tie_and_no_clicks_have_a_winner_too(counts: list[tuple[int, int]], winner: int, verdict: str) -> None:
    decision = decide([VariantCount(number, *count) for number, count in enumerate(counts)])
    assert (decision.winner, decision.verdict) == (winner, verdict)


@given(st.lists(COUNTS, min_size=2, max_size=4))
def test_every_test_has_a_winner_that_nobody_beats(counts: list[tuple[int, int]]) -> None:
    decision = decide([VariantCount(number, *count) for number, count in enumerate(counts)])
    best = decision.counts[decision.winner]
    assert all(best.share >= other.share for other in decision.counts)


@given(st.integers(0, 5_000), st.integers(5, 50), st.integers(2, 4), st.lists(st.integers(1, 40), max_size=12))
def test_everybody_is_in_one_part_and_each_variant_is_tried_on_as_many(
    recipients: int, share: int, variants: int, parts: list[int]
) -> None:
    tested = test_group(recipients, share, variants)
    assert tested % variants == 0
    assert tested * 100 <= recipients * share
    got = [variant_of(position, recipients, tested, variants, None) for position in range(tested)]
    assert {got.count(number) for number in range(variants)} <= {tested // variants}
    ends = wave_ends(recipients, tested, [100 * part // sum(parts) for part in parts[:-1]] + [100] if parts else [])
    assert all(one < other for one, other in pairwise([tested, *ends]))
    if recipients > tested:
        assert ends[-1] >= recipients


def test_a_list_too_short_for_a_test_has_none() -> None:
    assert test_group(15, 20, 2) == 0
    assert test_group(20, 20, 2) == 4


@pytest.mark.parametrize("shares", [(10, 20), (0, 100), (50, 60), (5,) * 20 + (0,), (-10, 110)])
def test_shares_that_make_no_whole_are_refused(shares: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        check_shares(shares, 60)


def test_shares_are_read_as_people_write_them() -> None:
    assert read_shares("10 %, 30; 60") == (10, 30, 60)
    assert read_shares("  ") == ()
    with pytest.raises(InvalidInput):
        read_shares("ten, ninety")


def test_variants_that_are_the_same_are_no_test() -> None:
    first = Variation("Soldes")
    assert check_test([Variation("  Les   soldes ")], SubjectTest(), first)[0].subject == "Les soldes"
    for wrong in ([Variation("Soldes")], [Variation("B"), Variation("B")], [Variation("")], [Variation("x" * 201)]):
        with pytest.raises(InvalidInput):
            check_test(wrong, SubjectTest(), first)
    with pytest.raises(InvalidInput):
        check_test([Variation("B")], SubjectTest(share_percent=60), first)
    with pytest.raises(InvalidInput):
        check_test([Variation("B")], SubjectTest(wait_minutes=5), first)
    assert check_test([], SubjectTest(share_percent=99), first) == ()


def test_the_watch_goes_by_rates_of_enough_mails() -> None:
    watch = WatchSettings()
    assert [one.kind for one in judge(watch, 1_000, 0, 3)] == ["stop"]  # 0.3 %
    assert [one.kind for one in judge(watch, 3_000, 0, 3)] == ["warning"]  # 0.1 %
    assert judge(watch, 1_900, 0, 2) == []  # 0.1 %, of two events
    assert [(one.kind, one.reason) for one in judge(watch, 2_000, 160, 2)] == [("stop", "bounces")]
    assert [(one.kind, one.reason) for one in judge(watch, 10_000, 800, 10)] == [
        ("stop", "bounces"), ("warning", "complaints")
    ]  # fmt: skip
    assert "0.30 %" in judge(watch, 1_000, 0, 3)[0].sentence


@pytest.mark.parametrize(
    "name",
    ["ada@exemple.test", "Boutique <x>", "https://x.test", "www.x.test", "{{first_name}}", "a\u202eb", "!!!", "x" * 61],
)
def test_a_senders_name_is_no_address_and_no_trick(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_sender_name(name)


def test_names_of_shops_are_senders_names() -> None:
    for name in ("L'Été & Cie", "Crédit n° 1", "Ł", '"Chez Ada"', "東京"):
        check_sender_name(name)
    check_sender_name(sender_name("Société <très> longue " * 9))
