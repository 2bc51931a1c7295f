"""Verify the chain of the audit."""

from __future__ import annotations

from broker.audit import store
from broker.audit.model import VerifyResult
from broker.kernel.database import UnitOfWork

__all__ = ["VerifyResult", "verify"]


def verify(unit: UnitOfWork, known: tuple[int, str] | None = None) -> VerifyResult:
    """Walk the whole chain, in a transaction that has recorded nothing itself.

    `known` is (entry, hash) noted at an earlier verification.
    A chain that is whole in itself could still have been cut off at its end or written anew from some entry on; only
    a hash that was kept elsewhere shows that. Then `broken_at` is the noted entry.
    """
    entries, broken_at, head = store.verify(unit)
    if broken_at is None and known is not None and store.hash_of(unit, known[0]) != known[1].lower():
        broken_at = known[0]
    return VerifyResult(entries, broken_at, head)
