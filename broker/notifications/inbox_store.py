"""The queries of what one person is told, and of how they chose to be."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.notifications.mail_store import EVENT_COLUMNS, event_of
from broker.notifications.model import Notification


def page(unit: UnitOfWork, user_id: int, unread: bool, size: int, offset: int) -> tuple[list[Notification], int]:
    """A page of a person's notifications, newest first, and how many there are."""
    which = " WHERE n.user_id = :user AND (NOT :unread OR n.read_at IS NULL)"
    rows = unit.all(
        f"SELECT n.code, n.read_at, {EVENT_COLUMNS} FROM notification n"  # noqa: S608
        " JOIN notification_event e ON e.id = n.event_id" + which + " ORDER BY n.id DESC LIMIT :size OFFSET :offset",
        user=user_id,
        unread=unread,
        size=size,
        offset=offset,
    )
    count = "SELECT count(*) FROM notification n" + which  # noqa: S608
    total = unit.scalar(count, user=user_id, unread=unread)
    return [Notification(row.code, event_of(row), row.read_at) for row in rows], int(total)


def one(unit: UnitOfWork, user_id: int, code: str) -> Notification | None:
    """One of a person's notifications."""
    row = unit.one(
        f"SELECT n.code, n.read_at, {EVENT_COLUMNS} FROM notification n"  # noqa: S608
        " JOIN notification_event e ON e.id = n.event_id WHERE n.user_id = :user AND n.code = :code",
        user=user_id,
        code=code,
    )
    return None if row is None else Notification(row.code, event_of(row), row.read_at)


def unread(unit: UnitOfWork, user_id: int, most: int) -> int:
    """How many are unread, counted up to `most`."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM (SELECT 1 FROM notification WHERE user_id = :user AND read_at IS NULL LIMIT :most) x",
            user=user_id,
            most=most,
        )
    )


def mark_read(unit: UnitOfWork, user_id: int, code: str) -> int:
    """Mark one as read, or all (`code` empty); how many were unread."""
    return unit.run(
        "UPDATE notification SET read_at = app_now() WHERE user_id = :user AND read_at IS NULL"
        " AND (:code = '' OR code = :code)",
        user=user_id,
        code=code,
    ).rowcount


def choices(unit: UnitOfWork, user_id: int) -> dict[str, str]:
    """Kind → channel, where a person chose one."""
    rows = unit.all("SELECT kind, channel FROM notification_choice WHERE user_id = :user", user=user_id)
    return {row.kind: row.channel for row in rows}


def choose(unit: UnitOfWork, user_id: int, kind: str, channel: str) -> None:
    """Keep a choice."""
    unit.run(
        "INSERT INTO notification_choice (user_id, kind, channel) VALUES (:user, :kind, :channel)"
        " ON CONFLICT (user_id, kind) DO UPDATE SET channel = :channel",
        user=user_id,
        kind=kind,
        channel=channel,
    )


def mail_named(unit: UnitOfWork, user_id: int, row_id: int, digest: bool) -> tuple[str, str, str] | None:
    """(kind, language, role) of the mail that a link was in; the kind of a digest is empty."""
    row = unit.one("SELECT * FROM notification_mail_named(:user, :id, :digest)", user=user_id, id=row_id, digest=digest)
    return None if row is None else (row.kind, row.language, row.role)


def stop_mail(unit: UnitOfWork, user_id: int, kinds: list[str], digest: bool) -> None:
    """No more mails of these kinds to a person (of all that a digest tells, where the mail was one)."""
    unit.run(
        "SELECT stop_notification_mail(:user, CAST(:kinds AS text[]), :digest)",
        user=user_id,
        kinds=kinds,
        digest=digest,
    )
