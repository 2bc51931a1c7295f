"""Notifications' part of the house: handing their mails to the relay, and asking for what is due."""

from __future__ import annotations

from collections.abc import Callable

from broker.accounts import once_store
from broker.accounts.once import KEEP_HOURS
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.mailings.remind import remind_of_steps
from broker.notifications import deliver_webhooks, post_mail
from broker.notifications.model import KEEP_DAYS
from broker.notifications.post_mail import Mail, Post
from broker.operate import news_store
from broker.operate.tell_news import tell_invoices
from broker.vault.keyring import WorkerKeys


def notice_poster(worker: WorkerKeys, settings: Settings) -> Post:
    """Hands mails about events to the relay; one that cannot be reached has been handed nothing."""

    def post(mail: Mail, may_leave: Callable[[], bool]) -> str:
        note = Note(mail.to, mail.local, mail.from_name, mail.subject, mail.text, mail.date, leave_url=mail.leave_url)
        try:
            return post_note(worker, settings.mail, note, may_leave).state
        except ConnectionLost:
            return "deferred"

    return post


def ask_for_notices(unit: UnitOfWork) -> int:
    """Ask for mails and webhooks that are due and have no job; how many."""
    return post_mail.ask_again(unit) + deliver_webhooks.ask_again(unit)


def tell_of_the_day(database: Database) -> None:
    """What is told because its day has come; each once, however often this runs."""
    with database.begin() as unit:
        remind_of_steps(unit)
    with database.begin() as unit:
        tell_invoices(unit)
    with database.begin() as unit:
        post_mail.make_digests(unit)


def forget_notices(unit: UnitOfWork) -> None:
    """Delete what happened, and was told, long ago."""
    post_mail.forget_old(unit)
    news_store.forget_told(unit, KEEP_DAYS)
    once_store.forget(unit, KEEP_HOURS)
