"""DKIM signatures (RFC 6376): rsa-sha256, relaxed/relaxed.

What is signed arrives in canonical form already (encode.py), so a signature costs one body hash and one RSA operation.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.kernel.errors import SettingsError
from broker.vault.keyring import WorkerKeys

# From stands twice: a second From added on the way breaks the signature (RFC 6376, 8.15).
SIGNED = (
    "from", "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "feedback-id", "mime-version", "content-type",
)  # fmt: skip
_PADDING, _HASH = padding.PKCS1v15(), SHA256()


class DkimSigner:
    """Signs for one domain and selector."""

    def __init__(self, domain: str, selector: str, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        names = ":\r\n ".join(":".join(SIGNED[at : at + 4]) for at in range(0, len(SIGNED), 4))
        head = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector};\r\n h={names};\r\n t="
        self._head = head.encode("ascii")

    def header(self, canonical: bytes, body_hash: bytes, timestamp: int) -> bytes:
        """The DKIM-Signature field with its line end.

        `canonical` is the signed fields in relaxed form and in the order of `SIGNED` (the second From, which does
        not exist, adds nothing), each with its CRLF; `body_hash` the 32 bytes of SHA-256 over the canonical body.
        """
        value = b"%b%d; bh=%b;\r\n b=" % (self._head, timestamp, base64.b64encode(body_hash))
        signed = canonical + b"dkim-signature:" + value.replace(b"\r\n ", b" ").rstrip(b" ")
        raw = base64.b64encode(self._key.sign(signed, _PADDING, _HASH))
        folded = b"\r\n ".join(raw[at : at + 72] for at in range(0, len(raw), 72))
        return b"DKIM-Signature: %b%b\r\n" % (value, folded)


def dkim_signer(keys: WorkerKeys, domain: str, selector: str) -> DkimSigner:
    """The signer of a sending domain, from the workers' ring."""
    pem = keys.dkim.get(f"{domain}:{selector}")
    if pem is None:
        raise SettingsError(
            f"There is no DKIM key for {domain} with the selector {selector} on the workers' ring;"
            " create it, or set mail.sending_domain and mail.dkim_selector to the one there is.",
            field="mail.dkim_selector",
        )
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError(f"The DKIM key of {domain} is not an RSA key.", field="mail.dkim_selector")
    return DkimSigner(domain, selector, key)
