"""Passwords and bearer secrets: what is kept of them, and how they are compared."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from broker.kernel.errors import InvalidInput

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1024
_hasher = PasswordHasher()  # argon2id, RFC 9106's second recommended parameters (64 MiB, 3 passes, 4 lanes)


def hash_password(password: str) -> str:
    """The argon2id hash of a password; refuses short ones (and absurd ones, which would only cost time)."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            code="bad_password",
            field="password",
        )
    return _hasher.hash(password)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password belongs to a hash; `None` or "" (no such user, none yet) takes as long and is never true."""
    known = bool(stored)  # empty: invited, no password yet
    try:
        _hasher.verify(stored or _nobodys_hash(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return known and len(password) <= LONGEST_PASSWORD


def new_bearer() -> str:
    """256 random bits, URL-safe: a session token or the secret part of an API key."""
    return secrets.token_urlsafe(32)


def bearer_hash(bearer: str) -> bytes:
    """What is stored of a bearer. It is random, so that a plain SHA-256 cannot be searched backwards."""
    return hashlib.sha256(bearer.encode()).digest()


def bearer_matches(stored: bytes, bearer: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(stored, bearer_hash(bearer))
