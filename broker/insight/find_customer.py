"""Job `look_up_customer`: what a base knows of one customer, without any identity.

The reference is opened, matched under every pepper and forgotten; the answer holds traits, the timeline, classes, the
score with the criteria met (GDPR art. 22), and the potential.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from broker.audience.columns import HIDDEN
from broker.audience.table import RuleTable, open_duckdb
from broker.insight import lookup_store
from broker.insight.lookup import HOLDS, LOOKUP_SEAL
from broker.insight.rules_of_base import rules_of_base
from broker.insight.scorecard import Criterion, criterion_rule
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import Settings
from broker.vault.blind_index import reference_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message

MOST_EVENTS = 200
KNOWN = (
    "rfm_class", "rfm_recency", "rfm_frequency", "rfm_monetary", "value_tier", "margin_tier", "habit", "off_cycle",
    "cycle_days", "score", "expected_purchases", "expected_value", "alive", "spend_cents", "margin_cents",
    "purchase_count", "first_purchase", "last_purchase", "visit_frequency", "favourite_category", "payment_means",
)  # fmt: skip
UNSHOWN = HIDDEN | {"birth_date", "consent_at", "categories", "products", "has_phone", "has_street"}


def look_up_customer(database: Database, keys: WorkerKeys, settings: Settings, lookup_id: int) -> None:
    """Answer one question. Twice is once: the sealed reference goes with the answer."""
    with database.begin() as unit:
        asked = lookup_store.lock_lookup(unit, lookup_id)
        if asked is None:
            return
        reference = open_message(keys, bytes(asked.sealed), LOOKUP_SEAL).decode()
        contact = None
        for version in keys.peppers:
            (key,) = reference_keys(keys, asked.base_id, [reference], version)
            contact = lookup_store.contact_by_reference(unit, asked.base_id, key, version)
            if contact is not None:
                break
        found = None
        if contact is not None and asked.file_name is not None:
            path = settings.state_dir / "snapshots" / asked.file_name
            found = _answer(unit, settings, path, asked.base_id, contact)
        lookup_store.finish_lookup(unit, lookup_id, contact if found is not None else None, found)


def forget_lookups(unit: UnitOfWork) -> int:
    """Periodic: delete the answers whose hour is over; how many."""
    return lookup_store.forget_lookups(unit, unit.now - HOLDS)


def _answer(unit: UnitOfWork, settings: Settings, path: Path, base_id: int, contact: int) -> dict[str, Any] | None:
    if not path.exists():
        return None
    table = pq.read_table(path, filters=pc.field("contact_id") == contact)
    if table.num_rows != 1:
        return None
    row = table.to_pylist()[0]
    connection = open_duckdb(settings.audience.memory_mb, 1)
    try:
        shown = [name for name in table.column_names if name not in HIDDEN]
        connection.register("one", _plain(table.select(shown)))
        connection.execute("CREATE TABLE customer AS SELECT * FROM one")
        seen = RuleTable(connection, "customer", unit.today)
        age = seen.numbers("age")[0] if any(column.name == "age" for column in seen.columns) else None
        score = [_explained(seen, one) for one in rules_of_base(unit, base_id).scorecard]
    finally:
        connection.close()
    traits = {name: _said(value) for name, value in row.items() if name not in UNSHOWN and name not in KNOWN}
    traits = {name: value for name, value in traits.items() if value not in (None, [], "")}
    if age is not None and age == age:  # a missing age is not a number
        traits["age"] = int(age)
    return {
        "traits": dict(sorted((key, value) for key, value in traits.items() if not key.startswith("last_bought_"))),
        "known": {name: _said(row[name]) for name in KNOWN if name in row},
        "score": {"criteria": score, "points": sum(one["points"] for one in score if one["met"])} if score else None,
        "timeline": _timeline(unit, base_id, contact),
    }


def _explained(seen: RuleTable, one: Criterion) -> dict[str, Any]:
    try:
        met = bool(seen.mask(criterion_rule(one.rule, seen.columns))[0])
    except InvalidInput:
        return {"name": one.name, "rule": one.rule, "points": one.points, "met": False, "unknown": True}
    return {"name": one.name, "rule": one.rule, "points": one.points, "met": met, "unknown": False}


def _timeline(unit: UnitOfWork, base_id: int, contact: int) -> list[dict[str, Any]]:
    """What happened, newest first: `{day, kind, …}`; kinds purchase, return, visit, mail, bounce, click, opt_out …"""
    events = [
        *lookup_store.purchases_of(unit, base_id, contact, MOST_EVENTS),
        *lookup_store.visits_of(unit, base_id, contact, MOST_EVENTS),
        *lookup_store.mails_of(unit, contact, MOST_EVENTS),
        *lookup_store.consents_of(unit, contact, MOST_EVENTS),
    ]
    plain = [{name: _said(value) for name, value in row._mapping.items() if value is not None} for row in events]
    return sorted(plain, key=lambda event: event["day"], reverse=True)[:MOST_EVENTS]


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries as texts: one row needs no codes."""
    fields = [
        pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _said(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, date | datetime):
        return value.isoformat()[:10]
    return value
