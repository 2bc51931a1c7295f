"""One rule for the names of suppression files, sent or subscribed."""

from __future__ import annotations

import pytest

from broker.kernel.errors import InvalidInput
from broker.suppression.lists_model import LONGEST_NAME, list_name


@pytest.mark.parametrize(("written", "kept"), [("  Clients  2026 \n", "Clients 2026"), ("x" * LONGEST_NAME,) * 2])
def test_a_name_is_kept_without_odd_spaces(written: str, kept: str) -> None:
    assert list_name(written) == kept


@pytest.mark.parametrize(("written", "code"), [("", "missing_name"), (" \t", "missing_name"), ("x" * 121, "long_name")])
def test_no_name_and_one_too_long_are_refused_with_their_reason(written: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        list_name(written)
    assert refused.value.code == code
