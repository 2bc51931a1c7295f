"""What Stripe's refusals become."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import stripe

from broker.kernel.errors import Conflict, Unavailable

T = TypeVar("T")


def asked(call: Callable[[], T]) -> T:
    """The answer of a call; raises `Unavailable` (`gateway_unavailable`) or `Conflict` (`gateway_refused`) whose
    details carry the gateway's code. The gateway's own text is left out: it may name a payer."""
    try:
        return call()
    except stripe.StripeError as error:
        raise refusal(error) from error


def refusal(error: stripe.StripeError) -> Unavailable | Conflict:
    """The refusal that a user reads."""
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.APIError):
        return Unavailable("The payment gateway does not answer. Try again in a moment.", code="gateway_unavailable")
    return Conflict(
        "The payment gateway refused the request. The broker finds the reason in the gateway's own log.",
        code="gateway_refused",
        details={"gateway_code": str(error.code or "")},
    )


def day_of(seconds: int) -> date:
    """The day (UTC, as the gateway counts) of a moment in seconds."""
    return datetime.fromtimestamp(seconds, UTC).date()


def row_of(found: Any) -> str:
    """The code of our row in an object's metadata."""
    marks = found.metadata
    return str(marks["row"]) if marks is not None and "row" in marks else ""


def found_of_row(pages: Callable[[], Any], mark: str) -> Any:
    """The first object of a list that names our row, page by page to its end; None without one."""
    return asked(lambda: next((one for one in pages().auto_paging_iter() if row_of(one) == mark), None))
