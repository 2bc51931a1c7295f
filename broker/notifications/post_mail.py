"""Jobs: mail one notification, or one day's digest. Whatever is killed whenever, no mail leaves twice.

What may leave is marked and committed at the last moment before the text leaves (`may_leave`), so the only time at
which a death leaves a doubt is that of the relay's answer to the text. A doubtful mail is not repeated; what it
said, if it is still unread, stands in the person's next digest, and it stands on the page all the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.kernel.clock import PARIS
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.notifications import mail_store as store
from broker.notifications.model import KEEP_DAYS, MAIL_WAITS_SECONDS, MOST_MAIL_TRIES
from broker.notifications.words import mail_about, mail_of_day
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token

SENDER = "notifications"  # at the sending domain
DIGEST_HOUR = 7  # of Paris


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail about events, to one person who logs in. `leave_url` ends mails of its kind by one POST."""

    to: str
    local: str
    from_name: str
    subject: str
    text: str
    date: datetime
    leave_url: str


# Hands a mail to the relay: accepted, refused, deferred (nothing was handed over) or uncertain. It asks its second
# argument at the last moment whether the text may leave.
Post = Callable[[Mail, Callable[[], bool]], str]


def post_notification(
    database: Database, front: FrontKeys, settings: Settings, notification_id: int, post: Post
) -> None:
    """Mail one notification to its person, if that is still due."""
    with database.begin() as unit:
        found = store.waiting_mail(unit, notification_id)
        now = unit.now
    if found is None:
        return
    person, event = found
    leave_url = _leave_url(front, settings, notification_id, person.user_id, digest=False)
    subject, text = mail_about(event, person.language, settings.company.name, settings.web.public_url, leave_url)
    mail = Mail(person.email, SENDER, settings.company.name, subject, text, now, leave_url)
    _post(database, "notification", notification_id, mail, post)


def post_digest(database: Database, front: FrontKeys, settings: Settings, digest_id: int, post: Post) -> None:
    """Mail a day's digest, if that is still due; one whose events were all read meanwhile needs no mail."""
    with database.begin() as unit:
        found = store.waiting_digest(unit, digest_id)
        if found is not None and not found[1]:
            store.ends(unit, "notification_digest", digest_id, "waiting", "sent")
            return
        now = unit.now
    if found is None:
        return
    person, events = found
    leave_url = _leave_url(front, settings, digest_id, person.user_id, digest=True)
    company, public_url = settings.company.name, settings.web.public_url
    subject, text = mail_of_day(events, person.language, company, public_url, leave_url)
    mail = Mail(person.email, SENDER, company, subject, text, now, leave_url)
    if _post(database, "notification_digest", digest_id, mail, post) == "accepted":
        with database.begin() as unit:
            store.told(unit, digest_id)


def make_digests(unit: UnitOfWork) -> int:
    """In the morning: one digest for each person with something unread to be told by it. Returns how many."""
    local = unit.now.astimezone(PARIS)
    if local.hour < DIGEST_HOUR:
        return 0
    made = store.make_digests(unit, local.date())
    for digest_id in made:
        unit.enqueue("post_digest", digest_id)
    return len(made)


def ask_again(unit: UnitOfWork) -> int:
    """Ask for the mails that are due and have no job; how many."""
    store.give_up_on_the_dead(unit)
    due = store.due_mails(unit)
    for job, row_id in due:
        unit.enqueue(job, row_id)
    return len(due)


def forget_old(unit: UnitOfWork) -> int:
    """Delete what happened long ago; how many events."""
    return store.forget(unit, KEEP_DAYS)


def _post(database: Database, outbox: store.Outbox, row_id: int, mail: Mail, post: Post) -> str:
    before = "waiting"

    def may_leave() -> bool:
        nonlocal before
        with database.begin() as unit:
            leaves = store.leaves(unit, outbox, row_id)
        before = "attempting" if leaves else "elsewhere"  # another worker has it: its outcome counts, not ours
        return leaves

    state = post(mail, may_leave)
    with database.begin() as unit:
        if state == "deferred":
            store.waits(unit, outbox, row_id, before, MAIL_WAITS_SECONDS, MOST_MAIL_TRIES)
        else:
            store.ends(unit, outbox, row_id, before, "sent" if state == "accepted" else state)
    return state


def _leave_url(front: FrontKeys, settings: Settings, row_id: int, user_id: int, *, digest: bool) -> str:
    token = make_token(front, "notice", row_id, int(digest), user_id)
    return f"{settings.web.public_url}/n/{token}"
