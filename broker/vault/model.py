"""Rows of the vault, and what one that does not open says."""

from __future__ import annotations

from dataclasses import dataclass

from broker.kernel.errors import IntegrityFault


@dataclass(frozen=True, slots=True)
class WrappedDataKey:
    """A base's data key as stored: wrapped for the workers' key named `wrapping_key` (hexadecimal key id)."""

    org_id: int
    base_id: int
    version: int
    suite: str
    wrapping_key: str
    wrapped: bytes


def data_key_info(org_id: int, base_id: int, version: int) -> str:
    """What a wrapped data key is bound to: moved to another base, owner or version it does not open."""
    return f"data key|{org_id}|{base_id}|{version}"


def broken_seal(what: str) -> IntegrityFault:
    """What is raised for a sealed message, row or file that does not open."""
    return IntegrityFault(
        f"A sealed {what} does not open: it was changed, cut off, or sealed for something else.",
        code="unopenable_seal",
    )
