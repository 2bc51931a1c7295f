"""Tokens: what stands in links, return paths and Message-IDs instead of anything about a person.

A token is 27 bytes: the key's version, one AES-256 block and a tag of 80 bits (keyed BLAKE2b over purpose, version and
block). The block hides dispatch, mailing, position and link, so that nobody counts or walks sends; the tag refuses
guesses before anything is looked up. It is written as 44 lower-case base-32 characters (RFC 4648), which survive mail
systems that fold case. The same send always gives the same token: a retried job composes the same mail.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys

Purpose = Literal["click", "leave", "bounce", "message"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

TOKEN_LENGTH = 44
_BLOCK, _TAG, _BYTES = 16, 10, 27
_FIELDS = struct.Struct(">QIIHx")  # dispatch (of which 5 bytes are kept), mailing, position, link, zero
_SPARE = _FIELDS.size - _BLOCK
_well_formed = re.compile(f"[a-z2-7]{{{TOKEN_LENGTH}}}").fullmatch
_DIGITS = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz234567", b"0123456789abcdefghijklmnopqrstuv")
_SPARE_BITS = 5 * TOKEN_LENGTH - 8 * _BYTES


class TokenRef(NamedTuple):
    """Which send (and which link of it) a token stands for."""

    dispatch_id: int
    mailing_id: int
    position: int
    link: int


@dataclass(frozen=True, slots=True)
class _Derived:
    """The keys of one version and purpose."""

    hide: Callable[[], CipherContext]
    show: Callable[[], CipherContext]
    tag_key: bytes


@lru_cache(maxsize=64)
def _derived(token_key: bytes, purpose: Purpose) -> _Derived:
    if purpose not in PURPOSES:
        raise ValueError(f"a token's purpose is one of {', '.join(PURPOSES)}")

    def derive(what: bytes) -> bytes:
        return hashlib.blake2b(purpose.encode(), key=token_key, digest_size=32, person=what).digest()

    # ECB on purpose: one block, used as a permutation, so that equal sends give equal tokens.
    cipher = Cipher(algorithms.AES(derive(b"token block")), modes.ECB())  # noqa: S305
    return _Derived(cipher.encryptor, cipher.decryptor, derive(b"token tag"))


def _tag(derived: _Derived, purpose: Purpose, head: bytes) -> bytes:
    return hashlib.blake2b(purpose.encode() + b"|" + head, key=derived.tag_key, digest_size=_TAG).digest()


def make_token(
    front: FrontKeys, purpose: Purpose, dispatch_id: int, mailing_id: int, position: int, link: int = 0
) -> str:
    """The token of a send (and, for clicks, of a numbered link) for one purpose: 44 characters."""
    if not 0 <= dispatch_id < 1 << 40:
        raise ValueError("a dispatch number fits five bytes")
    derived = _derived(front.token_keys[front.token_version], purpose)
    block = derived.hide().update(_FIELDS.pack(dispatch_id, mailing_id, position, link)[_SPARE:])
    head = bytes([front.token_version]) + block
    return base64.b32encode(head + _tag(derived, purpose, head)).decode("ascii")[:TOKEN_LENGTH].lower()


def read_token(front: FrontKeys, purpose: Purpose, token: str) -> TokenRef:
    """What a token stands for; refuses one that was not made here, for this purpose, exactly so."""
    number = int(token.encode().translate(_DIGITS), 32) if _well_formed(token) else -1
    if number < 0 or number & ((1 << _SPARE_BITS) - 1):
        raise _bad_token()
    raw = (number >> _SPARE_BITS).to_bytes(_BYTES, "big")
    token_key = front.token_keys.get(raw[0])
    if token_key is None:
        raise _bad_token()
    derived = _derived(token_key, purpose)
    head = raw[: 1 + _BLOCK]
    if not hmac.compare_digest(_tag(derived, purpose, head), raw[1 + _BLOCK :]):
        raise _bad_token()
    opened = derived.show().update(head[1:])
    if opened[-1]:
        raise _bad_token()
    return TokenRef(*_FIELDS.unpack(bytes(_SPARE) + opened))


def _bad_token() -> InvalidInput:
    return InvalidInput("This link is not one of ours, or not whole: copy it again from the mail.", code="bad_token")
