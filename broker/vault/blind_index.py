"""Blind indices: keyed fingerprints by which a person is found again without an address being stored.

Three for each contact, keyed over the normalised address, over its MD5 and over its SHA-256, so that the hashed
suppression files of the trade match without an unkeyed hash being kept. Keys are keyed BLAKE2b of 16 bytes (RFC 7693)
under a versioned pepper; each kind has its own personalisation, so that two kinds never share a fingerprint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from broker.kernel.errors import IntegrityFault, InvalidInput
from broker.vault.keyring import WorkerKeys

HashAlgorithm = Literal["md5", "sha256"]


class HoldsPeppers(Protocol):
    """What indices are keyed with: a workers' ring, or the part of one that a helper process is given."""

    @property
    def peppers(self) -> Mapping[int, bytes]:
        """Version → 32 bytes."""

    @property
    def pepper_version(self) -> int:
        """The version for what is written now."""


@dataclass(frozen=True, slots=True)
class Peppers:
    """The peppers of a workers' ring, which travel to another process where the ring's private keys do not."""

    peppers: Mapping[int, bytes] = field(repr=False)
    pepper_version: int


KEY_LENGTH = 16
HEX_LENGTHS: dict[HashAlgorithm, int] = {"md5": 32, "sha256": 64}


def normalise(address: str) -> str:
    """The form that is hashed everywhere in the trade: trimmed, lower-case; dots and "+tag" stay."""
    return address.strip().lower()


def contact_keys(worker: HoldsPeppers, addresses: Sequence[str], version: int | None = None) -> list[bytes]:
    """16 bytes for each address (normalised here), under the current pepper or a named version."""
    return _keyed(_pepper(worker, version), b"address", _normalised(addresses))


def md5_keys(worker: HoldsPeppers, addresses: Sequence[str], version: int | None = None) -> list[bytes]:
    """Keyed over the hexadecimal MD5 of each normalised address."""
    # Not for security: MD5 is what advertisers' suppression files carry.
    md5 = hashlib.md5
    digests = [md5(text, usedforsecurity=False).hexdigest().encode() for text in _normalised(addresses)]
    return _keyed(_pepper(worker, version), b"md5", digests)


def sha256_keys(worker: HoldsPeppers, addresses: Sequence[str], version: int | None = None) -> list[bytes]:
    """Keyed over the hexadecimal SHA-256 of each normalised address."""
    sha256 = hashlib.sha256
    digests = [sha256(text).hexdigest().encode() for text in _normalised(addresses)]
    return _keyed(_pepper(worker, version), b"sha256", digests)


def keys_of_hashes(
    worker: WorkerKeys, algorithm: HashAlgorithm, hex_digests: Sequence[str], version: int | None = None
) -> list[bytes]:
    """The keys (of `md5_keys` or `sha256_keys`) of received hashes, in upper or lower case."""
    well_formed = re.compile(f"[0-9a-f]{{{HEX_LENGTHS[algorithm]}}}").fullmatch
    digests = [digest.strip().lower() for digest in hex_digests]
    for number, digest in enumerate(digests, start=1):
        if not well_formed(digest):
            raise InvalidInput(
                f"Value {number} is no {algorithm} digest: {HEX_LENGTHS[algorithm]} hexadecimal digits are needed.",
                code="bad_hash",
                details={"number": number},
            )
    return _keyed(_pepper(worker, version), algorithm.encode(), (digest.encode() for digest in digests))


def reference_keys(
    worker: HoldsPeppers, base_id: int, references: Sequence[str], version: int | None = None
) -> list[bytes]:
    """Keyed over an owner's customer references (trimmed), apart for each base."""
    prefix = f"{base_id}|".encode()
    return _keyed(_pepper(worker, version), b"reference", (prefix + item.strip().encode() for item in references))


def noise_of(worker: WorkerKeys, keys: Sequence[bytes] | bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A secret, evenly spread int64 for each 16-byte contact key (or for each 16 bytes of one bytes object).

    One AES-256 block each under the noise key, whose first eight bytes are taken: a fixed pseudo-random function of
    the key, so that the same people always carry the same noise (ARCHITECTURE, disclosure guard).
    """
    joined = keys if isinstance(keys, bytes) else b"".join(keys)
    if len(joined) % KEY_LENGTH or (not isinstance(keys, bytes) and any(len(key) != KEY_LENGTH for key in keys)):
        raise ValueError("contact keys have 16 bytes each")
    # ECB on purpose: a bare pseudo-random function of single blocks is wanted, nothing is hidden by it.
    blocks = Cipher(algorithms.AES(worker.noise_key), modes.ECB()).encryptor().update(joined)  # noqa: S305
    return np.frombuffer(blocks, dtype="<i8")[::2].astype(np.int64)


def _normalised(addresses: Sequence[str]) -> list[bytes]:
    # One pass over all of them where that is the same: `lower` of ASCII changes no length and knows no neighbours.
    joined = "\n".join(addresses)
    if joined.isascii() and joined.count("\n") == len(addresses) - 1:
        return [part.strip().encode() for part in joined.lower().split("\n")]
    return [normalise(item).encode() for item in addresses]


def _pepper(worker: HoldsPeppers, version: int | None) -> bytes:
    wanted = worker.pepper_version if version is None else version
    pepper = worker.peppers.get(wanted)
    if pepper is None:
        raise IntegrityFault(f"Version {wanted} of the pepper is not on the workers' ring.", code="unknown_pepper")
    return pepper


def _keyed(pepper: bytes, kind: bytes, values: Iterable[bytes]) -> list[bytes]:
    # Copying a keyed state costs a third less than keying anew for every value.
    copy: Callable[[], Any] = hashlib.blake2b(key=pepper, digest_size=KEY_LENGTH, person=kind).copy
    keys = []
    for value in values:
        state = copy()
        state.update(value)
        keys.append(state.digest())
    return keys
