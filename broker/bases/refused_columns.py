"""Which columns are refused by their header or their first values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from broker.bases.fields import TRAIT
from broker.bases.propose_mapping import propose_mapping
from broker.bases.sensitive import Finding, ValueWatch, check_header


def refused_columns(headers: Sequence[str], samples: Mapping[str, list[str]]) -> dict[str, Finding]:
    """Header → why."""
    refused = {}
    for header in headers:
        finding = check_header(header)
        if finding is None and _watched(header):
            watch = ValueWatch()
            watch.look(Counter(samples[header]))
            finding = watch.finding()
        if finding is not None:
            refused[header] = finding
    return refused


def _watched(header: str) -> bool:
    """Columns whose very nature is long text or names are judged by their header alone."""
    from_header = propose_mapping([header], {}, "contacts")[header]
    return from_header.startswith(TRAIT) or from_header in ("occupation", "reference")
