"""What a mailing's list says once it is opened: results by mail domain and trait, and what those who left were worth.

Only a worker can: domains stand in sealed addresses, traits in the base's snapshot. What is kept are sums. The
advertiser's part goes through the cell suppression of the cards (shares_of): a value of fewer recipients than
`disclosure.smallest_count` is not shown, nor the smallest of the others where one hidden alone would be the rest;
shares are whole per cents, and a click rate is said of a value that is shown, to a tenth of a per cent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import store as audience_store
from broker.audience.breakdown import Cell, member_codes, shares_of
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.mailings import report_store as store
from broker.mailings.model import Mailing
from broker.mailings.store import mailing_by_id
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_rows

CHUNK = 20_000  # sends opened at once
MOST_DOMAINS = 15
FEWEST_OF_DOMAIN = 50  # mails to a domain before its name is kept
FEWEST_CLICKERS = 20  # behind a click rate that an advertiser sees
Counts = dict[str, Counter[str]]


def study_mailing(database: Database, worker: WorkerKeys, settings: Settings, mailing_id: int) -> None:
    """Job: work the figures out anew. Twice is once."""
    with database.begin() as unit:
        mailing = mailing_by_id(unit, mailing_id)
        if mailing is None or mailing.started_at is None:
            return
        last = store.last_position(unit, mailing.dispatch_id, mailing_id)
        reacted = store.reacted(unit, mailing_id)
    keys: dict[int, bytes] = {}
    domains: Counts = {name: Counter() for name in ("sent", "delivered", "bounced", "clickers")}
    sets: dict[str, list[bytes]] = {name: [] for name in ("delivered", "clickers", "left", "complained")}
    for low in range(0, last + 1, CHUNK):
        with database.begin() as unit:
            rows = store.sends_to_study(unit, mailing.dispatch_id, mailing_id, low, low + CHUNK)
            domain_of: dict[int, str] = {}
            versions: dict[int, tuple[list[int], list[bytes]]] = {}
            for contact_id, version, sealed in store.sealed(unit, [row[1] for row in rows]):
                ids, texts = versions.setdefault(version, ([], []))
                ids.append(contact_id)
                texts.append(sealed)
            for version, (ids, texts) in versions.items():
                if version not in keys:
                    keys[version] = data_key(unit, worker, mailing.base_id, version)
                opened = open_rows(keys[version], mailing.base_id, version, ids, texts)
                domain_of |= {one: _domain(text) for one, text in zip(ids, opened, strict=True)}
        for position, contact_id, key, delivered, bounced in rows:
            domain = domain_of.get(contact_id, "unknown")
            clicked = delivered and position in reacted["clickers"]
            for name, holds in (("sent", True), ("delivered", delivered), ("bounced", bounced), ("clickers", clicked)):
                domains[name][domain] += bool(holds)
            for name in ("left", "complained"):
                if position in reacted[name]:
                    sets[name].append(key)
            if delivered:
                sets["delivered"].append(key)
            if clicked:
                sets["clickers"].append(key)
    lines = _domain_lines(domains)
    traits, lost = _of_snapshot(database, settings, mailing, sets)
    body = {"domains": lines, "traits": traits, "lost": lost}
    with database.begin() as unit:
        store.write_study(unit, mailing_id, body, guarded(lines, traits, settings.disclosure.smallest_count))


def _domain(sealed_text: bytes) -> str:
    return str(json.loads(sealed_text).get("email", "")).rpartition("@")[2].lower() or "unknown"


def _domain_lines(domains: Counts) -> list[dict[str, Any]]:
    """The domains with the most mails, and all others together: a rare domain is next to an address."""
    shown = [name for name, count in domains["sent"].most_common(MOST_DOMAINS) if count >= FEWEST_OF_DOMAIN]
    lines = [{"value": name, **{what: counts[name] for what, counts in domains.items()}} for name in shown]
    rest = {what: sum(counts.values()) - sum(counts[name] for name in shown) for what, counts in domains.items()}
    return [*lines, {"value": "other", **rest}] if rest["sent"] else lines


def _of_snapshot(
    database: Database, settings: Settings, mailing: Mailing, sets: Mapping[str, list[bytes]]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Delivered and clickers by trait; how many are lost and what was expected of them."""
    with database.begin() as unit:
        row, today = audience_store.current_snapshot(unit, mailing.base_id), unit.today
    nothing = {"left": len(sets["left"]), "complained": len(sets["complained"]), "people": None, "expected_cents": None}
    if row is None:
        return {}, nothing
    folder, audience = settings.state_dir / "snapshots", settings.audience
    snapshot = LoadedSnapshot(row, folder / row.file_name, audience.memory_mb, audience.threads)
    try:
        delivered, clickers = snapshot.rows_of_keys(sets["delivered"]), snapshot.rows_of_keys(sets["clickers"])
        everybody = np.ones(len(snapshot.contact_keys), dtype=np.bool_)
        found = member_codes(snapshot, today, everybody)
        traits = {
            name: _trait_lines(codes, found.values[name], delivered, clickers) for name, codes in found.codes.items()
        }
        gone = snapshot.rows_of_keys([*sets["left"], *sets["complained"]])
        lost = nothing | {"people": int(gone.sum()), "expected_cents": _expected(snapshot, today, gone)}
    finally:
        snapshot.close()
    return {name: lines for name, lines in traits.items() if lines}, lost


def _trait_lines(
    codes: NDArray[np.int64], values: tuple[str, ...], delivered: Mask, clickers: Mask
) -> list[dict[str, Any]]:
    of = np.bincount(codes[delivered], minlength=len(values) + 1)
    clicked = np.bincount(codes[clickers], minlength=len(values) + 1)
    return [
        {"value": value, "delivered": int(of[code]), "clickers": int(clicked[code])}
        for code, value in enumerate(values, start=1)
        if of[code]
    ]


def _expected(snapshot: LoadedSnapshot, today: Any, gone: Mask) -> int | None:
    """What was expected of these people, in cents: insight's expectation to its horizon; None without one."""
    table = snapshot.table(today)
    if "expected_value" not in {column.name for column in table.columns}:
        return None
    values = table.numbers("expected_value")[gone]
    known = values[~np.isnan(values)]
    return round(100 * float(known.sum()))


def guarded(domains: list[dict[str, Any]], traits: Mapping[str, list[dict[str, Any]]], smallest: int) -> dict[str, Any]:
    """What the advertiser may see of it: shares and click rates of what is large enough."""
    shown = {name: _guarded_lines(lines, smallest) for name, lines in {"": domains, **traits}.items()}
    # The name of a rare domain would say that somebody there is in the base.
    named = [line for line in shown.pop("") if line["share"] is not None]
    return {"domains": named, "traits": {name: lines for name, lines in shown.items() if lines}}


def _guarded_lines(lines: list[dict[str, Any]], smallest: int) -> list[dict[str, Any]]:
    cells = [Cell(line["value"], line["delivered"] if line["delivered"] >= smallest else 0) for line in lines]
    clickers = {line["value"]: (line["clickers"], line["delivered"]) for line in lines}
    found = []
    for cell in shares_of(cells):
        many, of = clickers[cell["value"]]
        told = cell["share"] is not None and many >= FEWEST_CLICKERS
        found.append({**cell, "click_rate": round(many / of, 3) if told else None})
    return found
