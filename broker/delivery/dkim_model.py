"""A DKIM key as the front may see it: the public half, its state, what the DNS says of its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from broker.delivery.dkim_keys import OVERLAP_DAYS, DkimKey

KeyState = Literal["waiting", "signs", "leaving", "retired"]


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A DKIM key as the front may see it. `public_key` is base64, empty until a worker has made it."""

    id: int
    code: str
    domain: str
    selector: str
    public_key: str
    state: KeyState
    wish: str
    finding: str
    found: str
    checked_at: datetime | None
    created_at: datetime
    signs_since: datetime | None
    left_at: datetime | None

    @property
    def published(self) -> DkimKey:
        """Its record."""
        return DkimKey(self.domain, self.selector, f"v=DKIM1; k=rsa; p={self.public_key}", self.state == "signs")

    @property
    def free_from(self) -> datetime | None:
        """When a key that no longer signs may be destroyed."""
        return None if self.left_at is None else self.left_at + timedelta(days=OVERLAP_DAYS)
