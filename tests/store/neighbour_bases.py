"""What the neighbours know of their bases: findings, life, uploads, promises."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.store.neighbour_rows import Somebody, add, one


def furnish_findings(connection: Connection, mark: str, base: int, snapshot: int, source: int) -> None:
    """What is known of a base: how its columns are read, what a snapshot is worth and shows, an audit of consents."""
    add(connection, "base_mapping", "header", base_id=base, kind="contacts", header="Mail", field="email")
    counts = dict.fromkeys(("contacts", "arrivals", "departures", "rentable"), 1)
    measured = {"number": 1, "score": 50, "parts": "[]", "facts": "{}", **counts}
    add(connection, "base_quality", "number", base_id=base, snapshot_id=snapshot, **measured)
    found = {"as_of": "2026-11-01", "found": "{}"}
    add(connection, "base_insight", "snapshot_id", base_id=base, snapshot_id=snapshot, **found)
    add(connection, "insight_rule", "version", base_id=base, kind="tiers", version=1, body="{}")
    add(connection, "insight_run", "snapshot_id", base_id=base, snapshot_id=snapshot)
    org = one(connection, "SELECT org_id FROM base WHERE id = :base", base=base)
    add(connection, "customer_lookup", code=f"who_{mark}", org_id=org, base_id=base)
    soon = {"kind": "birthday", "field": "birth_date", "days_before": 7, "rule_text": "birth_date_anniversary <= 7"}
    add(connection, "insight_trigger", code=f"tri_{mark}", base_id=base, name="Birthdays", **soon)
    furnish_life(connection, mark, org, base)
    audit = add(connection, "consent_audit", code=f"aud_{mark}", base_id=base)
    drawn = {"place": 1, "source_id": source, "consent_at": "2026-01-01"}
    add(connection, "consent_audit_item", "place", audit_id=audit, **drawn)


def furnish_life(connection: Connection, mark: str, org: int, base: int) -> None:
    """A base's life: what an import changed, a stale field, a cost, who leaves and what a night's job did."""
    run = one(connection, "SELECT max(id) FROM import_run WHERE base_id = :base", base=base)
    add(connection, "import_field", "field", import_id=run, base_id=base, field="gender", given=1)
    add(connection, "field_watch", "field", base_id=base, field="gender", months=12)
    stale = {"field": "gender", "months": 12, "contacts": 1, "renewed": 0, "since": "2026-11-01"}
    add(connection, "field_reminder", "field", base_id=base, **stale)
    spent = {"label": "CRM", "rhythm": "once", "amount_cents": 1, "starts_on": "2026-11-01"}
    add(connection, "base_cost", code=f"cost_{mark}", org_id=org, base_id=base, **spent)
    leaving = {"relation": "customer", "last_kind": "click", "erase_on": "2099-01-01", "contacts": 1}
    add(connection, "retention_forecast", "contacts", base_id=base, **leaving)
    counts = dict.fromkeys(("contacts", "warned", "revived", "erased", "waiting"), 1)
    add(connection, "retention_report", base_id=base, customer_months=36, prospect_months=36, **counts)


def furnish_uploads(connection: Connection, mark: str, org: int, base: int, upload: int, run: int) -> None:
    """What is decided about files before they are imported, and what the broker looks at; a question by reference."""
    add(connection, "import_plan", "upload_id", upload_id=upload, base_id=base)
    add(connection, "base_policy", "field", base_id=base, field="gender", policy="keep")
    seen = {"header": "Notes", "category": "health", "words": ["asthme"], "found": 1, "filled": 9}
    add(connection, "column_review", code=f"rev_{mark}", base_id=base, import_id=run, **seen)
    add(connection, "contact_question", code=f"que_{mark}", org_id=org, base_id=base, kind="show", sealed=b"sealed")


def furnish_promises(connection: Connection, mark: str, owner: Somebody, base: int) -> None:
    """By which rule partners are added and how they are announced; days that are kept."""
    signed = {"from_policy": "category", "to_policy": "named_after_notice", "statement": "x"}
    add(connection, "partner_policy_change", base_id=base, signed_by=owner.user_id, **signed)
    words = dict.fromkeys(("name", "subject", "from_name", "source_html", "html", "plain"), "x")
    letter = add(connection, "creative", code=f"let_{mark}", org_id=owner.org_id, content_hash=bytes(32), **words)
    told = {"version": 1, "creative_id": letter, "starts_at": "2026-12-01"}
    add(connection, "partner_notice", code=f"ntc_{mark}", base_id=base, **told)
    kept = {"kind": "blackout", "title": "Ours", "starts_on": "2026-12-24", "ends_on": "2026-12-26"}
    add(connection, "calendar_day", code=f"day_{mark}", base_id=base, **kept)
    add(connection, "calendar_rule", "base_id", base_id=base, first_hour=8, last_hour=20)
