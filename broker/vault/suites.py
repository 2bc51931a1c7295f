"""The HPKE suites (RFC 9180) that wrap keys and messages; the suite's number stands in front of what it sealed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

KEY_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class KeySuite:
    """One way of wrapping. A number is never given to another suite: old seals must stay readable."""

    number: int
    name: str
    hpke: Suite


CURRENT = KeySuite(1, "x25519-hkdf-sha256-aes-256-gcm", Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM))
SUITES = {suite.number: suite for suite in (CURRENT,)}


def key_id(public_key: X25519PublicKey) -> bytes:
    """Eight bytes that name a public key, so that a seal says which opening key it waits for."""
    return hashlib.blake2b(public_key.public_bytes_raw(), digest_size=KEY_ID_LENGTH, person=b"courtier key id").digest()
