"""The two key rings, and the files they are kept in.

`front.json` is for the processes that face the network: it seals and makes tokens, and opens nothing. `worker.json`
opens. A process gets the one it needs, as a file or as JSON in the environment (`COURTIER_FRONT_KEYS`,
`COURTIER_WORKER_KEYS`), never both without being a worker.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.kernel.errors import Conflict, IntegrityFault, SettingsError
from broker.vault.key_files import SECRET_LENGTH, KeyTable, encode_secret, read_key_table, write_key_table
from broker.vault.suites import key_id

FRONT_FILE, WORKER_FILE = "front.json", "worker.json"
FRONT_VARIABLE, WORKER_VARIABLE = "COURTIER_FRONT_KEYS", "COURTIER_WORKER_KEYS"


@dataclass(frozen=True, slots=True)
class FrontKeys:
    """What the front may hold: a public key to seal for the workers, and the token keys by version (32 bytes)."""

    sealing_key: X25519PublicKey = field(repr=False)
    token_keys: Mapping[int, bytes] = field(repr=False)
    token_version: int = 1


@dataclass(frozen=True, slots=True)
class WorkerKeys:
    """What opens: the private key of the front's sealing key, earlier ones, peppers, noise and signing keys.

    `peppers` (version → 32 bytes) are never thrown away, since objections keep no address that could be keyed anew.
    `dkim` maps `domain:selector` to a private key in PEM. `former_keys` open what was sealed before a rotation.
    """

    front: FrontKeys
    opening_key: X25519PrivateKey = field(repr=False)
    peppers: Mapping[int, bytes] = field(repr=False)
    pepper_version: int
    noise_key: bytes = field(repr=False)
    dkim: Mapping[str, str] = field(repr=False)
    former_keys: tuple[X25519PrivateKey, ...] = field(default=(), repr=False)

    def opening_key_named(self, wanted: bytes) -> X25519PrivateKey:
        """The private key whose id stands on a seal; refuses a seal for a key that is not on this ring."""
        for private in (self.opening_key, *self.former_keys):
            if key_id(private.public_key()) == wanted:
                return private
        raise IntegrityFault(
            "This was sealed for a key that is not on the workers' ring. After a key rotation restart the workers;"
            " otherwise restore worker.json from the backup.",
            code="unknown_key",
        )


def load_front(key_dir: Path) -> FrontKeys:
    """The front's ring, from the environment or `front.json`."""
    return front_of(read_key_table(key_dir / FRONT_FILE, FRONT_VARIABLE))


def load_worker(key_dir: Path) -> WorkerKeys:
    """The workers' ring, from the environment or `worker.json`, with the front's."""
    return worker_of(load_front(key_dir), read_key_table(key_dir / WORKER_FILE, WORKER_VARIABLE))


def front_of(table: KeyTable) -> FrontKeys:
    """Check and build the front's ring."""
    keys = FrontKeys(
        sealing_key=X25519PublicKey.from_public_bytes(table.secret("sealing_key")),
        token_keys=table.versions("token_keys"),
        token_version=table.whole("token_version"),
    )
    table.require(keys.token_version in keys.token_keys, "token_version")
    return keys


def worker_of(front: FrontKeys, table: KeyTable) -> WorkerKeys:
    """Check and build the workers' ring; its key must be the one the front seals for."""
    keys = WorkerKeys(
        front=front,
        opening_key=X25519PrivateKey.from_private_bytes(table.secret("opening_key")),
        peppers=table.versions("peppers"),
        pepper_version=table.whole("pepper_version"),
        noise_key=table.secret("noise_key"),
        dkim=table.texts("dkim"),
        former_keys=tuple(map(X25519PrivateKey.from_private_bytes, table.secrets("former_keys"))),
    )
    table.require(keys.pepper_version in keys.peppers, "pepper_version")
    ids = {key_id(private.public_key()) for private in (keys.opening_key, *keys.former_keys)}
    if key_id(front.sealing_key) not in ids:
        raise SettingsError(
            f"{FRONT_FILE} and {WORKER_FILE} do not belong together: restore both from one backup.",
            code="keys_mismatch",
        )
    return keys


def holds_worker_keys(key_dir: Path) -> bool:
    """Whether this process could read the workers' ring (`courtier doctor` asks it of the front)."""
    return bool(os.environ.get(WORKER_VARIABLE)) or os.access(key_dir / WORKER_FILE, os.R_OK)


def create_keys(key_dir: Path, sending_domain: str, selector: str) -> None:
    """Make both key files (0600, in a folder of mode 0700) at the first start.

    Nothing is ever overwritten: with both files there nothing happens, with one of them missing it refuses, since a
    new half would make everything sealed so far unreadable.
    """
    key_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = [name for name in (FRONT_FILE, WORKER_FILE) if (key_dir / name).exists()]
    if len(there) == 1:
        raise Conflict(
            f"{key_dir} holds {there[0]} without the other key file: restore it from the backup.",
            code="keys_incomplete",
        )
    if there:
        return
    opening_key = X25519PrivateKey.generate()
    worker = {
        "opening_key": encode_secret(opening_key.private_bytes_raw()),
        "former_keys": [],
        "peppers": {"1": new_secret()},
        "pepper_version": 1,
        "noise_key": new_secret(),
        "dkim": {f"{sending_domain}:{selector}": new_dkim_key()},
    }
    front = {
        "sealing_key": encode_secret(opening_key.public_key().public_bytes_raw()),
        "token_keys": {"1": new_secret()},
        "token_version": 1,
    }
    write_key_table(key_dir / WORKER_FILE, worker)
    write_key_table(key_dir / FRONT_FILE, front)


def new_secret() -> str:
    """32 random bytes in base64."""
    return encode_secret(secrets.token_bytes(SECRET_LENGTH))


def new_dkim_key() -> str:
    """An RSA key of 2048 bits in PEM (RFC 8301: rsa-sha256, at least 1024 and preferably 2048 bits)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
