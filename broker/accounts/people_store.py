"""Queries of second factors, invitations, passwords and one's own sessions: most are functions of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from broker.accounts.model import User
from broker.kernel.database import UnitOfWork


def waiting_for_code(unit: UnitOfWork, token_hash: bytes) -> Row[Any] | None:
    """user_id, org_id, role, name, language, sealed, last_step of a session that waits for a one-time code."""
    return unit.one("SELECT * FROM find_second_factor(:token_hash)", token_hash=token_hash)


def count_wrong_code(unit: UnitOfWork, token_hash: bytes, most: int) -> None:
    """Count a wrong code; the session ends with the last one allowed."""
    unit.run("SELECT count_wrong_code(:token_hash, :most)", token_hash=token_hash, most=most)


def use_step(unit: UnitOfWork, user_id: int, step: int) -> bool:
    """Use up a step of time; False when it, or a later one, was used."""
    return bool(unit.scalar("SELECT use_second_factor(:user_id, :step)", user_id=user_id, step=step))


def use_recovery_code(unit: UnitOfWork, user_id: int, code_hash: bytes) -> bool:
    """Use up a recovery code; False when there is none such."""
    return bool(unit.scalar("SELECT use_recovery_code(:user_id, :code_hash)", user_id=user_id, code_hash=code_hash))


def start_second_factor(unit: UnitOfWork, sealed: bytes) -> bool:
    """Keep a secret for the acting user, unconfirmed; False when a confirmed one is there."""
    return bool(unit.scalar("SELECT start_second_factor(:sealed)", sealed=sealed))


def own_second_factor(unit: UnitOfWork) -> Row[Any] | None:
    """sealed, last_step, confirmed, codes_left of the acting user."""
    return unit.one("SELECT * FROM own_second_factor()")


def confirm_second_factor(unit: UnitOfWork, step: int, code_hashes: Sequence[bytes]) -> bool:
    """Confirm the acting user's secret, with fresh recovery codes."""
    return bool(
        unit.scalar(
            "SELECT confirm_second_factor(:step, CAST(:hashes AS bytea[]))", step=step, hashes=list(code_hashes)
        )
    )


def remove_second_factor(unit: UnitOfWork, user_id: int) -> bool:
    """Remove a second factor; False when there is none, or it is not the actor's to remove."""
    return bool(unit.scalar("SELECT remove_second_factor(:user_id)", user_id=user_id))


def own_sessions(unit: UnitOfWork) -> Sequence[Row[Any]]:
    """code, created_at, expires_at of the acting user's sessions."""
    return unit.all("SELECT * FROM own_sessions()")


def close_own_session(unit: UnitOfWork, code: UUID) -> bool:
    """Close one of them."""
    return bool(unit.scalar("SELECT close_own_session(:code)", code=code))


def own_password_hash(unit: UnitOfWork) -> str | None:
    """The acting user's password hash."""
    found = unit.scalar("SELECT own_password_hash()")
    return None if found is None else str(found)


def change_own_password(unit: UnitOfWork, password_hash: str, keep: UUID | None) -> None:
    """Store it and close every session but `keep`."""
    unit.run("SELECT change_own_password(:hash, :keep)", hash=password_hash, keep=keep)


def invite_user(unit: UnitOfWork, org_id: int, email: str, name: str, role: str, language: str) -> int:
    """Insert a user without a password; returns the id."""
    return int(
        unit.scalar(
            "SELECT invite_user(:org_id, :email, :name, :role, :language)",
            org_id=org_id,
            email=email,
            name=name,
            role=role,
            language=language,
        )
    )


def give_password_link(unit: UnitOfWork, user_id: int, token_hash: bytes, seconds: int) -> bool:
    """Keep the hash of a link's token, in the place of an earlier one."""
    return bool(
        unit.scalar(
            "SELECT give_password_link(:user_id, :token_hash, :seconds)",
            user_id=user_id,
            token_hash=token_hash,
            seconds=seconds,
        )
    )


def use_password_link(unit: UnitOfWork, token_hash: bytes, password_hash: str) -> int | None:
    """Set the password of the link's user, once; returns the user's id."""
    found = unit.scalar("SELECT use_password_link(:token_hash, :hash)", token_hash=token_hash, hash=password_hash)
    return None if found is None else int(found)


def set_user_active(unit: UnitOfWork, user_id: int, active: bool) -> bool:
    """Let a user in or keep it out; False when nothing changed."""
    return bool(unit.scalar("SELECT set_user_active(:user_id, :active)", user_id=user_id, active=active))


def users_of(unit: UnitOfWork, org_id: int) -> list[tuple[User, bool]]:
    """The users of an organisation by address, and whether each may log in."""
    rows = unit.all(
        "SELECT id, org_id, email, name, role, language, active FROM app_user WHERE org_id = :org ORDER BY email",
        org=org_id,
    )
    return [(User(row.id, row.org_id, row.email, row.name, row.role, row.language), bool(row.active)) for row in rows]


def people_of(unit: UnitOfWork, org_id: int) -> list[Row[Any]]:
    """email, name, role, language, active, may_sign of an organisation's users, by address."""
    return unit.all(
        "SELECT email, name, role, language, active, may_sign FROM app_user WHERE org_id = :org ORDER BY email",
        org=org_id,
    )


def let_sign(unit: UnitOfWork, user_id: int, may: bool) -> bool:
    """Give or take the right to sign for the controller; False when nothing changed."""
    return bool(unit.scalar("SELECT let_sign(:user_id, :may)", user_id=user_id, may=may))


def may_sign(unit: UnitOfWork, user_id: int) -> bool:
    """Whether a user may sign for its organisation."""
    return bool(unit.scalar("SELECT may_sign FROM app_user WHERE id = :id", id=user_id))


def queue_letter(unit: UnitOfWork, user_id: int, kind: str, sealed: bytes) -> bool:
    """Have a worker mail a sealed link to a user; False for a user who may not log in."""
    return bool(
        unit.scalar("SELECT queue_account_letter(:user_id, :kind, :sealed)", user_id=user_id, kind=kind, sealed=sealed)
    )


def user_by_email(unit: UnitOfWork, email: str) -> User | None:
    """A user by address, active or not."""
    row = unit.one("SELECT id, org_id, email, name, role, language FROM app_user WHERE email = :email", email=email)
    return None if row is None else User(**row._asdict())
