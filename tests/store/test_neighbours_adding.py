"""Rows in a neighbour's name, tried for table by table; the tables are read from the catalogue."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from tests.store.neighbour_probes import (
    COMMON,
    DENIED,
    acting,
    admin,
    columns,
    granted,
    past_triggers,
    refusal,
    trade,
)
from tests.store.neighbour_rows import Trade, settle_in

__all__ = ["admin", "trade"]

RIGHTFUL = {
    **dict.fromkeys(("base", "partner_list", "partner", "upload", "import_run", "segment", "data_card"), "owner"),
    **dict.fromkeys(("participation", "participation_send", "seed_address", "api_key"), "owner"),
    **dict.fromkeys(("creative", "creative_link", "rental_order", "programme", "payment"), "advertiser"),
    **dict.fromkeys(("suppression_list", "creative_image"), "advertiser"),
    **dict.fromkeys(("import_plan", "base_policy", "contact_question", "customer_lookup"), "owner"),
    **dict.fromkeys(("partner_notice", "calendar_day", "calendar_rule", "segment_count"), "owner"),
    **dict.fromkeys(("insight_rule", "insight_trigger"), "owner"),
    **dict.fromkeys(("own_mailing", "own_variant", "pressure_rule"), "owner"),
    **dict.fromkeys(("processing_contract", "processing_activity", "rights_request", "breach"), "owner"),
    **dict.fromkeys(("base_mapping", "bank_account", "field_watch", "base_cost"), "owner"),
    **dict.fromkeys(("receipt", "receipt_share", "payout", "payout_line", "ledger_close", "consent_audit"), "broker"),
    **dict.fromkeys(("invoicing_mandate", "invoice_contest"), "owner"),
    **dict.fromkeys(("private_offer",), "owner"),
    **dict.fromkeys(("sending_domain", "seed_mailbox"), "owner"),
    **dict.fromkeys(("merge_tag_right", "role_contract", "credit_term"), "broker"),
    **dict.fromkeys(("approval_rule", "approval_policy", "order_decision"), "owner"),
    **dict.fromkeys(("agency_mandate", "order_review", "order_signature", "suppression_feed"), "advertiser"),
    **dict.fromkeys(("order_desk",), "advertiser"),
    **dict.fromkeys(("notification_choice", "webhook_endpoint", "webhook_secret", "api_once"), "owner"),
    **dict.fromkeys(("suppression_host", "pace_rule", "warm_up", "organisation", "dkim_key"), "broker"),
    **dict.fromkeys(("bank_statement", "bank_line", "org_freeze"), "broker"),
    **dict.fromkeys(("instalment", "dunning_hold", "late_claim", "refund", "payout_hold", "sepa_file"), "broker"),
    **dict.fromkeys(("payment_means", "gateway_customer", "connect_account"), "owner"),
    **dict.fromkeys(("payment_rule", "transfer_reversal", "transfer_reversal_line"), "broker"),
    **dict.fromkeys(("gateway_reading", "gateway_payout", "payout_threshold"), "broker"),
    "ledger_reopening": "broker",
    "export_file": "owner",
}
# What staff writes down. Contract and breach: the broker signed too, and often finds the breach. A bank account: it may
# be proposed for an owner, and a second person approves it. Consents are the broker's to sample, money is for both.
STAFF_WRITES = {
    **dict.fromkeys(("processing_contract", "breach", "consent_audit", "merge_tag_right", "credit_term"), ("broker",)),
    **dict.fromkeys(
        ("bank_account", "receipt", "receipt_share", "payout", "payout_line", "ledger_close"), ("broker", "accountant")
    ),
    **dict.fromkeys(("role_contract", "invoicing_mandate", "invoice_contest"), ("broker", "accountant")),
    **dict.fromkeys(("agency_mandate", "suppression_host", "pace_rule", "warm_up", "organisation"), ("broker",)),
    **dict.fromkeys(("dkim_key",), ("broker",)),
    **dict.fromkeys(("bank_statement", "bank_line", "org_freeze"), ("broker", "accountant")),
    **dict.fromkeys(("instalment", "dunning_hold", "late_claim", "refund", "payout_hold"), ("broker", "accountant")),
    "sepa_file": ("broker", "accountant"),
    **dict.fromkeys(("payment_rule", "transfer_reversal", "transfer_reversal_line"), ("broker", "accountant")),
    **dict.fromkeys(("gateway_reading", "gateway_payout", "gateway_customer"), ("broker", "accountant")),
    **dict.fromkeys(("ledger_reopening", "payout_threshold"), ("broker", "accountant")),
}
INSERTED = sorted(RIGHTFUL)
EARLIER_STATE = {  # in which such a row could have been added, as far as triggers are concerned
    **dict.fromkeys(("rental_order", "order_desk"), "UPDATE rental_order SET state = 'quote' WHERE id = :order"),
    "creative_link": "UPDATE creative SET state = 'draft' WHERE id = :creative",
    "creative_image": "UPDATE creative SET state = 'draft' WHERE id = :creative",
    "partner": "UPDATE partner_list SET published_at = app_now() WHERE base_id = :base",
}


def test_every_table_that_takes_rows_is_tried(admin: Connection) -> None:
    assert set(granted(admin, "INSERT")) - (set(COMMON) - set(RIGHTFUL)) == set(RIGHTFUL)


@pytest.mark.parametrize("table", INSERTED)
def test_a_stranger_adds_no_row_in_a_neighbours_name(admin: Connection, trade: Trade, table: str) -> None:
    """A policy is asked before keys are: what gets as far as a duplicate key was let in."""
    names = columns(admin, table, "INSERT")
    if table in EARLIER_STATE:
        ids = {"order": trade.order, "creative": trade.creative, "base": trade.base}
        past_triggers(
            admin, EARLIER_STATE[table], **{name: ids[name] for name in ids if f":{name}" in EARLIER_STATE[table]}
        )
    ours = f"WHERE id = {trade.creative}" if table == "creative" else ""  # the owner has one too: a notice's letter
    row = (
        admin.execute(text(f"SELECT {', '.join(names)} FROM {table} {ours} ORDER BY age(xmin), ctid DESC LIMIT 1"))
        .mappings()
        .one()
    )
    types = column_types(admin, table)
    values = {name: _literal(row[name], types[name]) for name in names}
    marks = ", ".join(f"CAST(:{name} AS {types[name]})" for name in names)
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
    for unset in (True, False):
        with acting(admin, None, unset=unset):
            assert refusal(admin, sql, **values) == DENIED
    for kind in ("owner", "advertiser", "broker", "accountant"):
        if kind in STAFF_WRITES.get(table, ()):
            continue
        stranger = settle_in(admin, "broker" if kind == "accountant" else kind)
        with acting(admin, stranger, role=kind):
            assert refusal(admin, sql, **values) == DENIED, kind
    parties = {"owner": trade.owner, "advertiser": trade.advertiser}
    for kind, party in parties.items():
        if kind != RIGHTFUL[table]:
            with acting(admin, party):
                assert refusal(admin, sql, **values) == DENIED, f"the trading {kind}"
    for kind in {RIGHTFUL[table], *STAFF_WRITES.get(table, ())}:
        party = parties.get(kind) or settle_in(admin, "broker")
        with acting(admin, party, role=kind):
            assert refusal(admin, sql, **values) != DENIED, kind


def column_types(connection: Connection, table: str) -> dict[str, str]:
    """The type of each column, as SQL says it."""
    rows = connection.execute(
        text(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"
        ),
        {"table": table},
    )
    return {row[0]: row[1] for row in rows}


def _literal(value: Any, kind: str) -> Any:
    return psycopg.types.json.Jsonb(value) if kind == "jsonb" and value is not None else value


def test_only_staff_adds_to_the_chart_of_accounts(admin: Connection, trade: Trade) -> None:
    sql = "INSERT INTO ledger_account (number, label_fr, label_en) VALUES ('7069', 'x', 'x')"
    for who in (None, trade.owner, trade.advertiser):
        with acting(admin, who):
            assert refusal(admin, sql) == DENIED
    with acting(admin, settle_in(admin, "broker")):
        assert refusal(admin, sql) is None
