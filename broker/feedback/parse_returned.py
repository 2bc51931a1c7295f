"""What a returned message says: bounce, complaint, automatic answer, wish to leave, or something else.

The order of the questions is the order of trust: reports made for machines first (RFC 5965, RFC 3464), then bounces
in words, then letters. Pure: bytes in, results out.
"""

from __future__ import annotations

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.complaint import read_complaint
from broker.feedback.returned.dsn import read_groups
from broker.feedback.returned.freeform import is_bounce, read_freeform
from broker.feedback.returned.notification import read_notification
from broker.feedback.returned.opened import OpenedMail, open_mail
from broker.feedback.returned.reply import read_autoreply, read_read_receipt, read_wish_to_leave


def parse_returned(raw: bytes) -> list[ReturnedMail]:
    """One result per recipient that the message speaks of, at least one; never raises on content."""
    return read_opened(open_mail(raw))


def read_opened(mail: OpenedMail) -> list[ReturnedMail]:
    """The same for a message already taken apart."""
    return (
        read_complaint(mail)
        or read_notification(mail)
        or read_read_receipt(mail)
        or _bounces(mail)
        or read_autoreply(mail)
        or read_wish_to_leave(mail)
        or [ReturnedMail("other")]
    )


def _bounces(mail: OpenedMail) -> list[ReturnedMail]:
    by_groups = read_groups(mail)
    if any(result.recipient for result in by_groups):
        return [result for result in by_groups if result.recipient]
    if not by_groups and not is_bounce(mail):
        return []
    return [result for result in read_freeform(mail) if result.recipient] or by_groups or read_freeform(mail)
