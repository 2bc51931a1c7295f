"""Rows of the audit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What `verify` found: how many entries there are, the first that does not fit (None: all do), the newest's hash.

    The hash in hexadecimal, noted outside the database, proves later that nothing before it was changed or cut off.
    """

    entries: int
    broken_at: int | None
    head: str
