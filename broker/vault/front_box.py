"""Secrets that the front itself must read again (those behind one-time codes), sealed against readers of the database.

What is sealed for the workers' key the front cannot open. These few secrets are therefore sealed with AES-256-GCM under
a key derived from the front's token keys, which are in front.json and never in the database. The first byte is the
version of that key.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.kernel.errors import IntegrityFault
from broker.vault.keyring import FrontKeys

_NONCE = 12


def seal_for_front(front: FrontKeys, plaintext: bytes, info: str) -> bytes:
    """Version, nonce and ciphertext; `info` binds it to its place and is needed to open it."""
    nonce = os.urandom(_NONCE)
    version = bytes([front.token_version])
    return version + nonce + _cipher(front, front.token_version).encrypt(nonce, plaintext, version + info.encode())


def open_for_front(front: FrontKeys, sealed: bytes, info: str) -> bytes:
    """The plaintext; IntegrityFault when it was sealed elsewhere, for another place, or under a key that is gone."""
    version, nonce = sealed[:1], sealed[1 : 1 + _NONCE]
    try:
        return _cipher(front, version[0]).decrypt(nonce, sealed[1 + _NONCE :], version + info.encode())
    except (InvalidTag, KeyError, IndexError, ValueError):
        raise IntegrityFault(
            "A secret of the front cannot be opened: restore front.json from the backup.", code="unknown_key"
        ) from None


def _cipher(front: FrontKeys, version: int) -> AESGCM:
    return AESGCM(hashlib.blake2b(key=front.token_keys[version], digest_size=32, person=b"front box").digest())
