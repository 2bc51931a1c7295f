"""The queries of calls that are carried out once."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def claim(unit: UnitOfWork, user_id: int, org_id: int, key: str, call: str, body_hash: bytes) -> bool:
    """Take a key for a call; False where it is taken."""
    return (
        unit.run(
            "INSERT INTO api_once (user_id, org_id, key, call, body_hash) VALUES (:user, :org, :key, :call, :hash)"
            " ON CONFLICT DO NOTHING",
            user=user_id,
            org=org_id,
            key=key,
            call=call,
            hash=body_hash,
        ).rowcount
        == 1
    )


def found(unit: UnitOfWork, user_id: int, key: str) -> Row[Any] | None:
    """org_id, call, body_hash, done, status, reply, stale (open for longer than any call takes) of a key."""
    return unit.one(
        "SELECT org_id, call, body_hash, done, status, reply, NOT done AND at < now() - interval '2 minutes' AS stale"
        " FROM api_once WHERE user_id = :user AND key = :key",
        user=user_id,
        key=key,
    )


def mark_done(unit: UnitOfWork, user_id: int, key: str) -> None:
    """In the transaction of the call's work."""
    unit.run("UPDATE api_once SET done = true WHERE user_id = :user AND key = :key", user=user_id, key=key)


def keep_reply(unit: UnitOfWork, user_id: int, key: str, status: int, reply: str | None) -> None:
    """What the call was answered with; None for a reply that must not be kept."""
    unit.run(
        "UPDATE api_once SET status = :status, reply = :reply WHERE user_id = :user AND key = :key AND done",
        user=user_id,
        key=key,
        status=status,
        reply=reply,
    )


def release(unit: UnitOfWork, user_id: int, key: str) -> None:
    """Give a key back whose call changed nothing."""
    unit.run("DELETE FROM api_once WHERE user_id = :user AND key = :key AND NOT done", user=user_id, key=key)


def forget(unit: UnitOfWork, hours: int) -> int:
    """Forget keys after some hours."""
    return unit.run("DELETE FROM api_once WHERE at < now() - make_interval(hours => :hours)", hours=hours).rowcount
