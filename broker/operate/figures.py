"""Figures for monitoring, in Prometheus' text form: counts by state, of nobody in particular."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.mailings.model import SEND_STATES, TRANSITIONS


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure: its name behind `courtier_`, what it says, its label and the values that always appear."""

    name: str
    says: str
    label: str = ""
    always: tuple[str, ...] = ()


# Keys are the first column of the database's function instance_figures(). docs/operations.md lists the same.
GAUGES: Mapping[str, Gauge] = {
    "jobs": Gauge("jobs", "Jobs in the queue by state", "state", ("todo", "doing", "failed")),
    "queue": Gauge("queue_depth", "Jobs that could start now, by queue", "queue"),
    "oldest_waiting": Gauge("oldest_waiting_job_seconds", "Age of the oldest job that could start now"),
    "imports": Gauge("imports", "Imports that have not ended, by state", "state", ("waiting", "reading", "building")),
    "mailings": Gauge("mailings", "Mailings by state", "state", tuple(TRANSITIONS)),
    "sends": Gauge(
        "sends", "Recipients of mailings under way or ended within a day, by state", "state", tuple(SEND_STATES)
    ),
    "inbound_waiting": Gauge("inbound_waiting", "Returned mails not read yet"),
    "requests_waiting": Gauge("requests_waiting", "Typed objections and erasures not carried out yet"),
    "journal_waiting": Gauge("journal_waiting", "Entries not carried over to the journal yet"),
}
Figures = dict[tuple[str, str], float]


def read_figures(database: Database) -> Figures | None:
    """(figure, label) → value; None when the database does not answer. Any role of the front may ask."""
    try:
        with database.begin(PUBLIC) as unit:
            rows = unit.all("SELECT figure, label, value FROM instance_figures()")
    except Unavailable:
        return None
    return {(row.figure, row.label): row.value for row in rows}


def prometheus_text(figures: Figures | None) -> bytes:
    """The text that a scrape gets; without a database it says just that."""
    registry = CollectorRegistry()
    registry.register(_Collected(_families(figures)))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _families(figures: Figures | None) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily("courtier_database_up", "Whether the database answers", value=float(figures is not None))
    if figures is None:
        return
    for key, gauge in GAUGES.items():
        values = {label: value for (figure, label), value in figures.items() if figure == key}
        if not gauge.label:
            yield GaugeMetricFamily(f"courtier_{gauge.name}", gauge.says, value=values.get("", 0.0))
            continue
        family = GaugeMetricFamily(f"courtier_{gauge.name}", gauge.says, labels=[gauge.label])
        for label in sorted({*gauge.always, *values}):
            family.add_metric([label], values.get(label, 0.0))
        yield family
