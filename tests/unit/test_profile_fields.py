"""What a person may supply: nothing that is worked out, and only what can be read."""

from __future__ import annotations

from datetime import date

import pytest

from broker.audience.customer_columns import RESERVED
from broker.bases.profile_model import checked_values, profile_field, sealed_of, traits_of
from broker.bases.profile_store import OURS
from broker.kernel.errors import InvalidInput


def test_nothing_that_studies_work_out_can_be_supplied() -> None:
    assert set(OURS) >= RESERVED


@pytest.mark.parametrize(
    ("name", "column", "typed", "kept"),
    [
        ("gender", None, "Madame", "F"),
        ("birth_date", None, "1984-03-12", "1984-03-12"),
        ("postcode", None, "1000", "01000"),
        ("ring_size", "number", "52,5", "52.5"),
        ("club", "bool", "oui", "true"),
        ("first_visit", "date", "12/03/2024", "2024-03-12"),
        ("hair_colour", "category", "  brown  grey ", "brown grey"),
    ],
)
def test_values_are_kept_in_one_form(name: str, column: str | None, typed: str, kept: str) -> None:
    field = profile_field(name, column)
    assert checked_values({name: field}, {name: typed}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "column", "typed"),
    [
        ("gender", None, "purple"),
        ("ring_size", "number", "large"),
        ("club", "bool", "perhaps"),
        ("city", None, "x" * 201),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_field(name: str, column: str | None, typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_values({name: profile_field(name, column)}, {name: typed})
    assert refused.value.field == name


def test_a_post_code_brings_its_place_and_a_telephone_its_mark() -> None:
    values = {"postcode": "69001", "mobile": "0612345678", "first_name": "Zoé"}
    traits = traits_of(values, date(2026, 11, 22))
    assert (traits["postcode"], traits["department"], traits["has_phone"]) == ("69001", "69", "true")
    assert "first_name" not in traits
    assert sealed_of(values) == {"postcode": "69001", "mobile": "+33612345678", "first_name": "Zoé"}
