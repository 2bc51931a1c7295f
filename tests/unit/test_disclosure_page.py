"""The worked tables of docs/disclosure.md are what the code gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from broker.audience import guard
from broker.audience.breakdown import table_shares
from tests.unit.guard_desk import RULES, Desk, noise_keys

PAGE = (Path(__file__).parents[2] / "docs" / "disclosure.md").read_text(encoding="utf-8")
COUNTS = (5_000, 20_000, 40_000, 100_000, 1_000_000)


def error_table() -> str:
    """Noise and largest error of a figure of its own."""
    return "".join(
        f"| {count:,} | ± {guard.amplitude(count, RULES):,} | {guard.largest_error(count, RULES):,}"
        f" | {100 * guard.largest_error(count, RULES) / count:.2f} |\n"
        for count in COUNTS
    )


def worked_table() -> str:
    """A card of 120,456 women, questions one after another; the village are the last 15, age the first 43,210."""
    rows = 120_456
    desk, everybody = Desk(noise_keys(2026, rows)), np.ones(rows, dtype=np.bool_)
    village, age = np.arange(rows) >= rows - 15, np.arange(rows) < 43_210
    age[-6:] = True
    lines = (
        ("the card", everybody),
        ("the card, in other words, by another advertiser", everybody),
        ("`postcode != 48100`", everybody & ~village),
        ("`age between 25 and 45`", age),
        ("`age between 25 and 45 and postcode != 48100`", age & ~village),
        ("`postcode = 48100`", village),
    )
    told = []
    for question, members in lines:
        found = desk.ask(members)
        shown = "fewer than 5,000" if found.figure.below_floor else f"{found.figure.shown:,}"
        why = "its own" if found.anchor else "kin" if found.kin else "small" if found.figure.below_floor else "near"
        told.append(f"| {question} | {int(members.sum()):,} | {shown} | {why} |\n")
    return "".join(told)


def two_way_table() -> str:
    """People by age and gender, and what is shown of it."""
    figures = np.array([[21_000, 9_000], [34_000, 0], [18_000, 12_000]])
    shares = table_shares(figures)
    names = ("25-34", "35-44", "45-54")
    return "".join(
        f"| {name} | {' | '.join('hidden' if share is None else f'{share} %' for share in line)} |\n"
        for name, line in zip(names, shares, strict=True)
    )


def test_the_table_of_errors_is_computed() -> None:
    assert error_table() in PAGE


def test_the_worked_questions_are_computed() -> None:
    assert worked_table() in PAGE


def test_the_two_way_table_is_computed() -> None:
    assert two_way_table() in PAGE


def test_every_number_of_the_settings_is_named() -> None:
    for name in ("smallest_count", "difference_threshold", "rounding", "questions_per_day", "questions_per_year"):
        assert f"`{name}`" in PAGE
