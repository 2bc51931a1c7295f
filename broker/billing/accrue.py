"""Accrue sends as they are accepted, and take back those that bounce: every cent comes from a send."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from broker.billing import accrual_store
from broker.kernel.database import UnitOfWork


def accrue_sends(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> int:
    """Write one balanced micro-unit line for each accepted send among `keys`, in the transaction of the outcome.

    `keys` are (dispatch_id, position). Sends that are not accepted (uncertain ones too), seeds, and sends accrued
    before add nothing, so a job that runs twice bills once. Returns the number of lines written
    (0 where results are not known yet, in a pipelined unit).
    """
    return sum(
        accrual_store.add_sends(unit, mailing_id, dispatch, positions) for dispatch, positions in _by_dispatch(keys)
    )


def reverse_bounces(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> int:
    """Take back the accrual of bounced sends; once the mailing is settled a bounce changes nothing in the money.

    Returns the number of reversing lines written.
    """
    return sum(accrual_store.add_bounces(unit, mailing_id, positions) for _, positions in _by_dispatch(keys))


def _by_dispatch(keys: Sequence[tuple[int, int]]) -> Iterable[tuple[int, list[int]]]:
    # One statement a dispatch, by its number, so that only that month's partition of the sends is looked at.
    dispatches = {dispatch for dispatch, _ in keys}
    return [(one, [position for dispatch, position in keys if dispatch == one]) for one in sorted(dispatches)]
