"""Counts of what became of mails, by hour, sending domain, relay and mailbox provider: for reputation alone.

They are gathered in memory and written when a batch ends, so a killed worker loses those of its batch; what is billed
is counted elsewhere. A recipient domain that is no provider's stands under its own name only where many mails go to
it: a rare domain is next to an address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from broker.delivery import reputation_store as store
from broker.delivery.model import Outcome, Prepared
from broker.delivery.pace_model import shipped_providers
from broker.delivery.reputation_model import OTHERS
from broker.kernel.database import UnitOfWork

MANY = 50  # mails of one batch to one domain
AGAINST_US = frozenset({"policy", "content", "reputation"})


def provider_of(domain: str) -> str:
    """The provider that receives for a recipient domain; the domain itself where it is nobody's known."""
    return _providers().get(domain.lower(), domain.lower())


@cache
def _providers() -> Mapping[str, str]:
    return {domain: name for name, (_, domains) in shipped_providers().items() for domain in domains}


def is_provider(name: str) -> bool:
    """Whether this is a provider that the program knows."""
    return name in shipped_providers()


class Tally:
    """What one run of a mailing has counted and not written yet."""

    def __init__(self, sending_domain: str) -> None:
        self._sending_domain = sending_domain
        self._counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def note(self, relay: str, window: Iterable[Prepared], outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of one window."""
        domains = {row.position: row.address.rpartition("@")[2] for row in window}
        for one in outcomes:
            counts = self._counts[relay, provider_of(domains.get(one.position, ""))]
            counts[one.state] += 1
            if one.reason in AGAINST_US:
                counts["blocked"] += 1

    def write(self, unit: UnitOfWork) -> None:
        """Add to the hour's row, and begin anew."""
        gathered: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for (relay, name), counts in self._counts.items():
            shown = is_provider(name) or counts.total() >= MANY
            gathered[relay, name if shown else OTHERS] += counts
        store.add_all(unit, self._sending_domain, sorted(gathered.items(), key=lambda pair: pair[0]))
        self._counts.clear()
