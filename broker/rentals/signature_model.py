"""A signature on an order: who, when, how it was proven, and the hashes of what was signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Proof = Literal["password", "one_time_code"]


@dataclass(frozen=True, slots=True)
class Signature:
    """`content_hash`: SHA-256 of the terms (`terms_hash`), printed in the document; `pdf_hash`: of the document's
    bytes. `superseded_at`: when the order got another creative, and this stood no longer."""

    code: str
    version: int
    content_hash: bytes
    pdf_hash: bytes
    signer_name: str
    signer_org: str
    proof: Proof
    signed_at: datetime
    superseded_at: datetime | None


def terms_hash(content: Mapping[str, Any]) -> bytes:
    """SHA-256 over the terms as JSON in UTF-8: keys sorted, no blanks. Anybody can compute it again."""
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).digest()
