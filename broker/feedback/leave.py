"""Leaving: one click, no log-in, at once, for ever (RFC 8058; docs/feedback.md)."""

from __future__ import annotations

from broker.feedback import store
from broker.feedback.model import ONE_CLICK_SCOPE, SCOPES, LeavingPage, Scope, SendKey
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.vault.tokens import TokenRef


def find_leaving_page(unit: UnitOfWork, ref: TokenRef) -> LeavingPage:
    """What the page shows before and after; changes nothing, since scanners fetch every link."""
    page = store.leaving_page(unit, ref.mailing_id)
    if page is None:
        raise NotFound("This link is not one of ours, or not whole: copy it again from the mail.", code="bad_token")
    return page


def leave(unit: UnitOfWork, ref: TokenRef, scope: Scope) -> None:
    """Nothing more to this person in this scope, from the commit on, mails already queued included.

    Done twice it is the same. No import undoes it and it never expires (the table refuses to lift a row).
    """
    store.leave(unit, SendKey(ref.dispatch_id, ref.mailing_id, ref.position), scope, "opt_out")


def parse_scope(given: str) -> Scope:
    """The scope that a form names; without one what one click means."""
    for scope in SCOPES:
        if given == scope:
            return scope
    if not given:
        return ONE_CLICK_SCOPE
    raise InvalidInput("Choose this base, this advertiser or everything.", code="bad_scope", field="scope")
