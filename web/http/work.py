"""The front, the actor and the unit of work of a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, g

from broker.accounts.model import SessionView
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.operate.front import Front

EXTENSION = "courtier"


def front() -> Front:
    """The means of this process."""
    means: Front = current_app.extensions[EXTENSION]
    return means


def session_view() -> SessionView | None:
    """Who is logged in, or None."""
    view: SessionView | None = g.get("session_view")
    return view


def actor() -> Actor:
    """Who acts; only called behind the log-in wall."""
    view = session_view()
    assert view is not None
    return view.actor


@contextmanager
def unit() -> Iterator[UnitOfWork]:
    """One transaction of whoever is logged in; it commits when the block ends well."""
    with front().database.begin(actor()) as work:
        yield work
