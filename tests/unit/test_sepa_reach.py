"""Which accounts a SEPA credit transfer reaches."""

from __future__ import annotations

import pytest

from broker.billing.bank.bank_accounts import checked_iban
from broker.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    "iban", ["FR14 2004 1010 0505 0001 3M02 606", "gb29nwbk60161331926819", "CH9300762011623852957"]
)
def test_an_account_within_sepa_is_taken(iban: str) -> None:
    assert checked_iban(iban) == iban.replace(" ", "").upper()


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("SA0380000000608010167519", "not_sepa"),
        ("TR330006100519786457841326", "not_sepa"),
        ("FR1420041010050500013M02607", "bad_iban"),
    ],
)
def test_another_is_refused_with_the_reason(iban: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_iban(iban)
    assert (refusal.value.code, refusal.value.field) == (code, "iban")
