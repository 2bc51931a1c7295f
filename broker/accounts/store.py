"""The only queries of the accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.accounts.model import LEGAL_FIELDS, ApiKey, Organisation, User
from broker.kernel.database import UnitOfWork


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(**{field.name: getattr(row, field.name) for field in fields(Organisation)})


def add_organisation(unit: UnitOfWork, code: str, kind: str, name: str, legal: Mapping[str, str]) -> Organisation:
    """Insert an organisation; `legal` holds keys of `LEGAL_FIELDS`, what is missing takes the table's default."""
    columns = ["code", "kind", "name", *(field for field in LEGAL_FIELDS if field in legal)]
    row = unit.one(
        f"INSERT INTO organisation ({', '.join(columns)})"  # noqa: S608 - column names of our own list
        f" VALUES ({', '.join(f':{column}' for column in columns)}) RETURNING *",
        code=code,
        kind=kind,
        name=name,
        **legal,
    )
    assert row is not None
    return _organisation(row)


def organisation_of(unit: UnitOfWork, code: str) -> Organisation | None:
    """An organisation by its code."""
    row = unit.one("SELECT * FROM organisation WHERE code = :code", code=code)
    return None if row is None else _organisation(row)


def party_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of an organisation that trades with the company: any but the broker."""
    found = unit.scalar("SELECT id FROM organisation WHERE code = :code AND kind <> 'broker'", code=code)
    return None if found is None else int(found)


def organisation_with_siren(unit: UnitOfWork, kind: str, siren: str) -> Organisation | None:
    """An organisation of a kind by its SIREN; none for an empty one."""
    row = unit.one(
        "SELECT * FROM organisation WHERE kind = :kind AND siren = :siren AND :siren <> '' ORDER BY id LIMIT 1",
        kind=kind,
        siren=siren,
    )
    return None if row is None else _organisation(row)


def organisation(unit: UnitOfWork, org_id: int) -> Organisation | None:
    """An organisation by its id, for quotes and invoices."""
    row = unit.one("SELECT * FROM organisation WHERE id = :id", id=org_id)
    return None if row is None else _organisation(row)


def add_user(unit: UnitOfWork, user: Mapping[str, Any]) -> User:
    """Insert a user (keys org_id, email, name, role, password_hash, language)."""
    row = unit.one(
        "INSERT INTO app_user (org_id, email, name, role, password_hash, language)"
        " VALUES (:org_id, :email, :name, :role, :password_hash, :language)"
        " RETURNING id, org_id, email, name, role, language",
        **user,
    )
    assert row is not None
    return User(**row._asdict())


def find_login(unit: UnitOfWork, email: str) -> Row[Any] | None:
    """user_id, org_id, role, name, password_hash, language of an active user."""
    return unit.one("SELECT * FROM find_login(:email)", email=email)


def open_session(
    unit: UnitOfWork, user_id: int, token_hash: bytes, csrf: str, seconds: int, stage: str = "open"
) -> None:
    """Store a session under its token's hash."""
    unit.run(
        "SELECT open_session(:user_id, :token_hash, :csrf, :seconds, :stage)",
        stage=stage,
        user_id=user_id,
        token_hash=token_hash,
        csrf=csrf,
        seconds=seconds,
    )


def find_session(unit: UnitOfWork, token_hash: bytes) -> Row[Any] | None:
    """user_id, org_id, role, name, org_name, language, csrf_token, code, stage of a session that has not expired."""
    return unit.one("SELECT * FROM find_session(:token_hash)", token_hash=token_hash)


def close_session(unit: UnitOfWork, token_hash: bytes) -> None:
    """Delete a session."""
    unit.run("SELECT close_session(:token_hash)", token_hash=token_hash)


def add_api_key(
    unit: UnitOfWork,
    org_id: int,
    user_id: int,
    prefix: str,
    secret_hash: bytes,
    name: str,
    expires_at: datetime | None,
) -> ApiKey:
    """Insert an API key."""
    row = unit.one(
        "INSERT INTO api_key (org_id, user_id, prefix, secret_hash, name, expires_at)"
        " VALUES (:org_id, :user_id, :prefix, :secret_hash, :name, :expires_at)"
        " RETURNING id, prefix, name, created_at, last_used_at, revoked_at, expires_at",
        org_id=org_id,
        user_id=user_id,
        prefix=prefix,
        secret_hash=secret_hash,
        name=name,
        expires_at=expires_at,
    )
    assert row is not None
    return ApiKey(**row._asdict())


def api_keys(unit: UnitOfWork, org_id: int) -> list[ApiKey]:
    """The keys of an organisation, newest first."""
    rows = unit.all(
        "SELECT id, prefix, name, created_at, last_used_at, revoked_at, expires_at FROM api_key WHERE org_id = :org"
        " ORDER BY id DESC",
        org=org_id,
    )
    return [ApiKey(**row._asdict()) for row in rows]


def find_api_key(unit: UnitOfWork, prefix: str) -> Row[Any] | None:
    """key_id, secret_hash, user_id, org_id, role, name, language of a key that is neither revoked nor expired."""
    return unit.one("SELECT * FROM find_api_key(:prefix)", prefix=prefix)


def mark_api_key_used(unit: UnitOfWork, key_id: int) -> None:
    """Note that a key works, at most once a minute."""
    unit.run("SELECT mark_api_key_used(:key_id)", key_id=key_id)


def revoke_api_key(unit: UnitOfWork, org_id: int, prefix: str) -> bool:
    """Revoke a key; False when there is none of this prefix, or not any more."""
    done = unit.run(
        "UPDATE api_key SET revoked_at = now() WHERE org_id = :org AND prefix = :prefix AND revoked_at IS NULL",
        org=org_id,
        prefix=prefix,
    )
    return done.rowcount == 1


def organisations(unit: UnitOfWork) -> list[Organisation]:
    """All organisations that the actor's policies show, by kind and name."""
    return [_organisation(row) for row in unit.all("SELECT * FROM organisation ORDER BY kind, name")]
