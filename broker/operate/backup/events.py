"""The journal's entries, put together: what is known of each send, and what else happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.operate.journal.files import Entry

SendKey = tuple[int, int, int]  # dispatch, mailing, position
CLOCK_MARGIN = 120.0  # seconds by which clocks of several machines may differ

# Of several outcomes of one send the most certain counts: a mail that was accepted once was not refused afterwards.
_CERTAINTY = ("deferred", "uncertain", "refused", "accepted")


@dataclass
class Batch:
    """A batch that was about to leave: its sends by position, and which of them have an outcome."""

    token: str
    at: float
    dispatch_id: int
    mailing_id: int
    rows: dict[int, tuple[int | None, str, int, int]]  # position -> contact, key (hex), price, attempts before
    outcomes: dict[int, str] = field(default_factory=dict)
    closed: bool = False


@dataclass
class Events:
    """All that a journal tells. `mailings` holds the rows (mailing, dispatch) of each mailing that began to leave."""

    mailings: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    suppressions: list[Mapping[str, Any]] = field(default_factory=list)
    opt_outs: list[Mapping[str, Any]] = field(default_factory=list)
    erasures: list[tuple[int, str]] = field(default_factory=list)
    bounces: list[tuple[SendKey, str]] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)

    def states(self, made_at: float, held: frozenset[str]) -> dict[SendKey, str]:
        """What each journalled send ended as, or `uncertain` where it may have left.

        `made_at` is the backup's time and `held` the leases that it shows. A batch from before it that is neither
        closed nor held had been taken apart by then: the rows of the backup know better.
        """
        known: dict[SendKey, str] = {}
        for batch in self.batches.values():
            settled = batch.closed or (batch.at < made_at - CLOCK_MARGIN and batch.token not in held)
            for position in batch.rows:
                state = batch.outcomes.get(position) or (None if settled else "uncertain")
                if state is None:
                    continue
                key = (batch.dispatch_id, batch.mailing_id, position)
                if key not in known or _CERTAINTY.index(state) > _CERTAINTY.index(known[key]):
                    known[key] = state
        return known


def gather(entries: Iterable[Entry]) -> Events:
    """Put entries together; kinds of a later version are left alone."""
    events = Events()
    for entry in entries:
        kind = entry.get("kind")
        if kind == "mailing":
            events.mailings[entry["mailing"]["id"]] = (entry["mailing"], entry["dispatch"])
        elif kind == "batch":
            rows = {row[0]: (row[1], row[2], row[3], row[4]) for row in entry["rows"]}
            events.batches[entry["token"]] = Batch(
                entry["token"], entry["at"], entry["dispatch_id"], entry["mailing_id"], rows
            )
        elif kind == "outcomes" and entry["token"] in events.batches:
            events.batches[entry["token"]].outcomes.update({row[0]: row[1] for row in entry["rows"]})
        elif kind == "closed" and entry["token"] in events.batches:
            events.batches[entry["token"]].closed = True
        elif kind == "suppression":
            events.suppressions.append(entry["row"])
        elif kind == "opt_out":
            events.opt_outs.append(entry["row"])
        elif kind == "erasure":
            events.erasures.append((entry["base_id"], entry["contact_key"]))
        elif kind == "bounce":
            key = (entry["dispatch_id"], entry["mailing_id"], entry["position"])
            events.bounces.append((key, entry["status"]))
        elif kind == "cancelled":
            events.cancelled.add(entry["mailing_id"])
    return events
