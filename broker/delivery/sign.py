"""DKIM signatures (RFC 6376): rsa-sha256, relaxed/relaxed.

What is signed arrives in canonical form already (encode.py), so a signature costs one body hash and one RSA operation.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from broker.delivery.sign_eight import FEWEST, LANES, EightSigner, Unusable, eight_signer
from broker.kernel.errors import SettingsError
from broker.vault.keyring import WorkerKeys

# From stands twice: a second From added on the way breaks the signature (RFC 6376, 8.15).
SIGNED = (
    "from", "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "feedback-id", "mime-version", "content-type",
)  # fmt: skip
DIGEST_BYTES = 16
SIGNATURE_BYTES = 256
_PADDING, _HASH = padding.PKCS1v15(), SHA256()


class DkimSigner:
    """Signs for one domain and selector."""

    def __init__(self, domain: str, selector: str, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self._eight: EightSigner | None = None
        self._asked_for_eight = False
        names = ":\r\n ".join(":".join(SIGNED[at : at + 4]) for at in range(0, len(SIGNED), 4))
        head = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector};\r\n h={names};\r\n t="
        self._head = head.encode("ascii")
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._digest = hashlib.blake2b(
            digest_size=DIGEST_BYTES, key=hashlib.sha256(public).digest(), person=b"presigned"
        )

    def field(self, body_hash: bytes, timestamp: int) -> bytes:
        """The DKIM-Signature field's value up to `b=`; `body_hash` is the SHA-256 over the canonical body."""
        return b"%b%d; bh=%b;\r\n b=" % (self._head, timestamp, b2a_base64(body_hash, newline=False))

    def signed_text(self, canonical: bytes, value: bytes) -> bytes:
        """What is signed (RFC 6376, 3.7): the fields, then the signature's own, its `b=` empty.

        `canonical` are the signed fields in relaxed form and in the order of `SIGNED` (the second From, which does not
        exist, adds nothing), each with its CRLF; `value` is that of `field`.
        """
        return canonical + b"dkim-signature:" + value.replace(b"\r\n ", b" ").rstrip(b" ")

    def digest(self, signed: bytes) -> bytes:
        """Sixteen bytes that fit this text and this key only: they say whether a signature made before still fits."""
        state = self._digest.copy()
        state.update(signed)
        return state.digest()

    def sign(self, signed: bytes) -> bytes:
        """The 256 bytes of the signature."""
        return self._key.sign(signed, _PADDING, _HASH)

    def sign_all(self, signed: Sequence[bytes]) -> list[bytes]:
        """The signatures of many texts, in order: eight at a time where that can be had."""
        made: list[bytes] = []
        if len(signed) >= FEWEST and not self._asked_for_eight:
            self._eight, self._asked_for_eight = eight_signer(self._key), True
        while self._eight is not None and len(signed) - len(made) >= FEWEST:
            try:
                made += self._eight.sign(signed[len(made) : len(made) + LANES])
            except Unusable:
                self._eight = None
        return made + [self.sign(text) for text in signed[len(made) :]]

    def header(self, canonical: bytes, body_hash: bytes, timestamp: int) -> bytes:
        """The whole field with its line end, signed now."""
        value = self.field(body_hash, timestamp)
        return whole_field(value, self.sign(self.signed_text(canonical, value)))


def whole_field(value: bytes, signature: bytes) -> bytes:
    """The DKIM-Signature field with its line end."""
    raw = b2a_base64(signature, newline=False)
    folded = b"\r\n ".join([raw[at : at + 72] for at in range(0, len(raw), 72)])
    return b"DKIM-Signature: %b%b\r\n" % (value, folded)


def dkim_signer(keys: WorkerKeys, domain: str, selector: str, *, key_of: str = "") -> DkimSigner:
    """The signer of a sending domain, from the workers' ring.

    A delegated domain points by CNAME to the selector of `key_of`, whose key then signs for it.
    """
    pem = keys.dkim.get(f"{domain}:{selector}") or keys.dkim.get(f"{key_of}:{selector}")
    if pem is None:
        raise SettingsError(
            f"There is no DKIM key for {domain} with the selector {selector} on the workers' ring;"
            " create it, or set mail.sending_domain and mail.dkim_selector to the one there is.",
            field="mail.dkim_selector",
        )
    key = _loaded(pem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError(f"The DKIM key of {domain} is not an RSA key.", field="mail.dkim_selector")
    return DkimSigner(domain, selector, key)


@lru_cache(maxsize=64)
def _loaded(pem: str) -> PrivateKeyTypes:
    """The key, proven to be one: that takes 34 ms, as long as a hundred signatures."""
    return load_pem_private_key(pem.encode(), None)
