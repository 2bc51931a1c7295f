"""What a report's tables call the values of traits."""

from __future__ import annotations

from typing import cast

import pytest

from broker.mailings.report_rows import _study
from broker.mailings.report_sheet import ReportSheet


class Sheet:
    """As much of a report as its tables of traits read."""

    def __init__(self, language: str) -> None:
        self.language = language
        lines = [{"value": value, "delivered": 4, "clickers": 1} for value in ("F", "M")]
        tiers = [{"value": value, "delivered": 4, "clickers": 0} for value in ("large", "medium", "small")]
        self.study = {"traits": {"gender": lines, "value_tier": tiers, "size": [lines[0] | {"value": "M"}]}}


@pytest.mark.parametrize(
    ("language", "genders", "tiers"),
    [("fr", ["femmes", "hommes"], ["gros", "moyen", "petit"]), ("en", ["women", "men"], ["large", "medium", "small"])],
)
def test_values_of_traits_are_in_words_of_the_readers_language(
    language: str, genders: list[str], tiers: list[str]
) -> None:
    by_gender, by_tier, by_size = _study(cast(ReportSheet, Sheet(language)))
    assert [row[0] for row in by_gender.rows] == genders
    assert [row[0] for row in by_tier.rows] == tiers
    assert [row[0] for row in by_size.rows] == ["M"]  # a size, of nobody's sex
