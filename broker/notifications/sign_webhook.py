"""Signatures of webhooks, as Standard Webhooks has them (github.com/standard-webhooks/standard-webhooks, symmetric).

The signed content is `<webhook-id>.<webhook-timestamp>.<body>`; the signature HMAC-SHA-256 under the secret's bytes, in
base64 behind `v1,`. While a secret is being replaced there are two signatures, separated by a space.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

MARK = "whsec_"
SECRET_BYTES = 32
TOLERANCE_SECONDS = 300  # how far a receiver should let the timestamp be from its own clock


def new_secret() -> str:
    """A secret as it is shown: `whsec_` and 32 random bytes in base64."""
    return MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secrets_now: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; `timestamp` in seconds since 1970, of the attempt."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = " ".join(f"v1,{_signature(secret, content)}" for secret in secrets_now)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signatures}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether a receiver with `secret` should believe an attempt that came at `now`: the check that docs show."""
    try:
        timestamp = int(headers["webhook-timestamp"])
        content = f"{headers['webhook-id']}.{timestamp}.".encode() + body
        expected = _signature(secret, content)
    except (KeyError, ValueError, binascii.Error):
        return False
    given = [part.partition(",")[2] for part in headers.get("webhook-signature", "").split() if part[:3] == "v1,"]
    fresh = abs(now - timestamp) <= TOLERANCE_SECONDS
    return fresh and any(hmac.compare_digest(expected, each) for each in given)


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(MARK), validate=True)
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
