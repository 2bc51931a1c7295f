"""What a row of ours asked of Stripe is found however much came after it: lists are read to their end."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from broker.billing.gateway.stripe_gateway import StripeGateway

AFTER = 230  # objects that are newer than the one that is looked for
ITEM = {"amount": 5, "created": 1_790_000_000, "balance_transaction": None, "status": "succeeded"}


class Long(stripe.HTTPClient):
    """Lists of many objects, a hundred to a page, the newest first; ours is the last one."""

    name = "long"

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """A page after the object that the request names."""
        at = urlsplit(url)
        asked = parse_qs(at.query)
        start = int(asked["starting_after"][0].split("_")[1]) + 1 if "starting_after" in asked else 0
        kind = at.path.rsplit("/", 1)[1][:-1]
        data = [
            {**ITEM, "id": f"x_{n}", "object": kind, "metadata": {"row": "ours"} if n == AFTER else {}}
            for n in range(start, min(start + 100, AFTER + 1))
        ]
        page = {"object": "list", "data": data, "has_more": start + 100 <= AFTER, "url": at.path}
        return json.dumps(page), 200, {}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def door() -> StripeGateway:
    return StripeGateway(stripe.StripeClient("sk_test_x", http_client=Long()))


def test_what_was_asked_for_is_found_behind_hundreds_of_others(door: StripeGateway) -> None:
    assert door.find_refund("pi_1", "ours") == f"x_{AFTER}"
    assert door.find_intent("cus_1", "ours") == f"x_{AFTER}"
    payout, reversal = door.find_payout("ours", date(2026, 1, 1)), door.find_reversal("tr_1", "ours")
    assert payout is not None
    assert reversal is not None
    assert payout.reference == reversal.reference == f"x_{AFTER}"


def test_what_nobody_asked_for_is_not_found(door: StripeGateway) -> None:
    assert door.find_refund("pi_1", "theirs") == door.find_intent("cus_1", "theirs") == ""
    assert door.find_payout("theirs", date(2026, 1, 1)) is None
    assert door.find_reversal("tr_1", "theirs") is None
