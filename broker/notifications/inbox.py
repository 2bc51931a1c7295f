"""One's own notifications: list, count of the bell, reading; how one wants to be told; the link that ends mails."""

from __future__ import annotations

from collections.abc import Mapping

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput, NotFound
from broker.kernel.paging import Page, offset
from broker.notifications import inbox_store as store
from broker.notifications.kinds import CHANNELS, Kind, kinds_of
from broker.notifications.model import Notification
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import read_token

PAGE = 30
MOST_COUNTED = 100  # the bell says 99+ from here on


def list_notifications(unit: UnitOfWork, number: int = 1, *, unread: bool = False) -> Page[Notification]:
    """A page of one's notifications, newest first."""
    items, total = store.page(unit, _user(unit), unread, PAGE, offset(number, PAGE))
    return Page(items, total, number, PAGE)


def count_unread(unit: UnitOfWork) -> int:
    """How many are unread, up to `MOST_COUNTED`."""
    return store.unread(unit, _user(unit), MOST_COUNTED)


def read_one(unit: UnitOfWork, code: str) -> Notification:
    """One notification, marked as read."""
    user = _user(unit)
    store.mark_read(unit, user, code)
    found = store.one(unit, user, code) if code else None
    if found is None:
        raise NotFound("There is no such notification.", code="notification_not_found")
    return found


def read_all(unit: UnitOfWork) -> int:
    """Mark all as read; how many were not."""
    return store.mark_read(unit, _user(unit), "")


def choices_of(unit: UnitOfWork) -> list[tuple[Kind, str]]:
    """Each kind that one's role is told of, with how one is told."""
    chosen = store.choices(unit, _user(unit))
    return [(kind, chosen.get(kind.name, kind.channel)) for kind in kinds_of(unit.actor.role)]


def choose(unit: UnitOfWork, wanted: Mapping[str, str]) -> None:
    """Keep how one wants to be told: kind → product, mail, digest or off. Kinds that are not named stay as they are."""
    user, known = _user(unit), {kind.name for kind in kinds_of(unit.actor.role)}
    for name, channel in wanted.items():
        if name not in known:
            raise InvalidInput(f"You are not told of {name!r}.", code="unknown_event", field=name[:60])
        if channel not in CHANNELS:
            raise InvalidInput(
                f"Choose one of {', '.join(CHANNELS)} for {name}.", code="unknown_channel", field=name[:60]
            )
        store.choose(unit, user, name, channel)


def mail_of_link(unit: UnitOfWork, front: FrontKeys, token: str) -> tuple[str, str]:
    """(kind, language) of the mail that a link was in; the kind of a digest is empty."""
    kind, language, _ = _named(unit, front, token)
    return kind, language


def end_mails(unit: UnitOfWork, front: FrontKeys, token: str) -> tuple[str, str]:
    """End mails like the one that the link was in: what they told stays on the page. Returns (kind, language)."""
    ref = read_token(front, "notice", token)
    kind, language, role = _named(unit, front, token)
    digest = bool(ref.mailing_id)
    kinds = [each.name for each in kinds_of(role) if each.channel == "digest"] if digest else [kind]
    store.stop_mail(unit, ref.position, kinds, digest)
    return kind, language


def _named(unit: UnitOfWork, front: FrontKeys, token: str) -> tuple[str, str, str]:
    ref = read_token(front, "notice", token)
    found = store.mail_named(unit, ref.position, ref.dispatch_id, bool(ref.mailing_id))
    if found is None:
        raise NotFound(
            "This link is of a mail of long ago. Choose on your page what you are told.", code="notice_link_over"
        )
    return found


def _user(unit: UnitOfWork) -> int:
    if unit.actor.user_id is None:
        raise Forbidden("Notifications are a person's: log in as one.", code="user_needed")
    return unit.actor.user_id
