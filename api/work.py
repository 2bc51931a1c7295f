"""The front, the actor and the unit of work of a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, g

from broker.accounts.once import carried_out
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.operate.front import Front

EXTENSION = "courtier"


def front() -> Front:
    """The means of this process."""
    means: Front = current_app.extensions[EXTENSION]
    return means


def actor() -> Actor:
    """Who the API key acts as."""
    who: Actor = g.actor
    return who


@contextmanager
def unit() -> Iterator[UnitOfWork]:
    """One transaction of whoever calls; it commits when the block ends well."""
    with front().database.begin(actor()) as work:
        yield work
        if "once" in g:
            carried_out(work, g.once)
