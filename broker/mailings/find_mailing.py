"""Look up mailings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.paging import Page
from broker.mailings import report_store, store
from broker.mailings.model import TRANSITIONS, Mailing


def find_mailing(unit: UnitOfWork, code: str) -> Mailing:
    """A mailing that the actor is party to."""
    mailing = store.mailing_by_code(unit, code)
    if mailing is None:
        raise NotFound("There is no such mailing.", code="mailing_not_found")
    return mailing


def list_mailings(
    unit: UnitOfWork, states: Collection[str] = TRANSITIONS.keys(), page: int = 1, size: int = 50
) -> Page[Mailing]:
    """The actor's mailings (staff: all) in these states, newest first. Raises `InvalidInput` (`bad_page`)."""
    return store.mailings_page(unit, list(states), page, size)


def move_mailing(unit: UnitOfWork, mailing: Mailing, to_state: str) -> Mailing:
    """Change a mailing's state, if the table of states allows it and nobody was faster."""
    if to_state not in TRANSITIONS[mailing.state] or not store.move(unit, mailing.id, [mailing.state], to_state):
        raise Conflict(f"This mailing is {mailing.state}: it cannot become {to_state}.", code="mailing_state")
    moved = store.mailing_by_id(unit, mailing.id)
    assert moved is not None
    return moved


def titles_of(unit: UnitOfWork, mailings: Sequence[Mailing]) -> dict[str, str]:
    """What mailings are called, by their code: card, programme, or an owner's own name; only where one is shown."""
    titles = report_store.titles_of(unit, [one.dispatch_id for one in mailings])
    return {one.code: titles[one.dispatch_id] for one in mailings if one.dispatch_id in titles}
