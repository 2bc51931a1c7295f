"""Key rings for tests that need no files."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from broker.vault.keyring import FrontKeys, WorkerKeys

OPENING_KEY = bytes(range(1, 33))
TOKEN_KEY = b"t" * 32


def front_ring(opening_key: bytes = OPENING_KEY, token_key: bytes = TOKEN_KEY) -> FrontKeys:
    """A front's ring that seals for `opening_key` (32 bytes)."""
    public = X25519PrivateKey.from_private_bytes(opening_key).public_key()
    return FrontKeys(public, {1: token_key}, 1)


def worker_ring(
    opening_key: bytes = OPENING_KEY, peppers: dict[int, bytes] | None = None, former: tuple[bytes, ...] = ()
) -> WorkerKeys:
    """A workers' ring; the newest pepper is the current one."""
    peppers = peppers or {1: b"p" * 32}
    return WorkerKeys(
        front=front_ring(opening_key),
        opening_key=X25519PrivateKey.from_private_bytes(opening_key),
        peppers=peppers,
        pepper_version=max(peppers),
        noise_key=b"n" * 32,
        dkim={},
        former_keys=tuple(X25519PrivateKey.from_private_bytes(key) for key in former),
    )
