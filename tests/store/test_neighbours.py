"""A neighbour's rows, tried for with raw SQL as `courtier_web`: read, changed, through partitions and functions.

The tables are read from the catalogue: a table granted later fails here until `neighbourhood.furnish` writes a row.
"""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from tests.store.neighbour_probes import (
    BROKEN_RULE,
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
from tests.store.neighbour_rows import DISPATCH, Somebody, Trade, settle_in

__all__ = ["admin", "trade"]

# What any owner sees of an advertiser: its open programmes and their creatives.
OPEN_OFFERS = {"programme", "creative", "creative_link", "creative_image"}


def seen(connection: Connection) -> dict[str, int]:
    """How many rows of each granted table are seen now."""
    return {
        table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        for table in granted(connection, "SELECT")
    }


def test_the_trading_pair_and_the_broker_see_rows_of_every_table(admin: Connection, trade: Trade) -> None:
    """Without this the next test would pass on an empty table."""
    broker = settle_in(admin, "broker")
    empty = set(granted(admin, "SELECT"))
    for who in (trade.owner, trade.advertiser, broker):
        with acting(admin, who):
            empty -= {table for table, rows in seen(admin).items() if rows}
    assert empty == set(), "furnish() writes no row into these tables"


@pytest.mark.parametrize("kind", ["owner", "advertiser"])
def test_a_stranger_sees_only_itself(admin: Connection, trade: Trade, kind: str) -> None:
    stranger = settle_in(admin, kind)
    with acting(admin, stranger):
        rows = {table: number for table, number in seen(admin).items() if number and table not in COMMON}
        names = admin.execute(text("SELECT code FROM organisation")).scalars().all()
    assert names == [stranger.code]
    offers = OPEN_OFFERS if kind == "owner" else set()
    assert {table: rows[table] for table in rows if table not in offers} == {"organisation": 1, "app_user": 1}


@pytest.mark.parametrize("unset", [True, False], ids=["unset", "empty"])
def test_nobody_sees_nothing(admin: Connection, trade: Trade, unset: bool) -> None:
    with acting(admin, None, unset=unset):
        assert {table for table, number in seen(admin).items() if number} <= set(COMMON)


def test_a_real_log_in_as_the_front_sees_nothing_without_an_organisation(web_engine: Engine) -> None:
    with web_engine.connect() as connection:
        assert connection.execute(text("SELECT current_user || session_user")).scalar_one() == "courtier_web" * 2
        assert {table for table, number in seen(connection).items() if number} <= set(COMMON)


def test_a_word_for_an_organisation_is_refused(admin: Connection, trade: Trade) -> None:
    with acting(admin, None):
        admin.execute(text("SELECT set_config('app.org', '1 OR true', true)"))
        assert refusal(admin, "SELECT count(*) FROM base") == "22P02"


def test_staff_reads_all_and_writes_nothing_of_the_parties(admin: Connection, trade: Trade) -> None:
    accountant = settle_in(admin, "broker")
    with acting(admin, accountant, role="accountant"):
        assert admin.execute(text("SELECT count(*) FROM rental_order")).scalar_one() > 0
        for sql in (
            "UPDATE base SET name = 'x'",
            "UPDATE rental_order SET refusal = 'x'",
            "UPDATE creative SET name = 'x'",
            "UPDATE programme SET title = 'x'",
            "UPDATE organisation SET name = 'x'",
            "UPDATE data_card SET state = 'retired'",
            "UPDATE import_run SET state = 'cancelled'",
            "UPDATE consent_audit_item SET verdict = 'complete'",
            "UPDATE column_review SET verdict = 'allowed', decided_at = now()",
            "UPDATE merge_tag_right SET tags = '{}'",
        ):
            assert refusal(admin, sql) in (DENIED, *BROKEN_RULE), sql


@pytest.mark.parametrize("who", ["owner", "advertiser", "empty", "unset"])
def test_a_stranger_changes_nothing(admin: Connection, trade: Trade, who: str) -> None:
    stranger = settle_in(admin, who) if who in ("owner", "advertiser") else None
    before = {table: dump(admin, table, stranger) for table in granted(admin, "UPDATE") + granted(admin, "DELETE")}
    with acting(admin, stranger, unset=who == "unset"):
        for table in granted(admin, "UPDATE"):
            if table in COMMON:
                continue
            for column in columns(admin, table, "UPDATE"):
                refusal(admin, f"UPDATE {table} SET {column} = DEFAULT")
        for table in granted(admin, "DELETE"):
            refusal(admin, f"DELETE FROM {table}")
        admin.execute(text("RESET ROLE"))
        assert {table: dump(admin, table, stranger) for table in before} == before


def dump(connection: Connection, table: str, but: Somebody | None) -> list[str]:
    """Every row of a table as text, without those of one organisation."""
    rows = connection.execute(text(f"SELECT to_jsonb(t) FROM {table} t")).scalars().all()
    own = but.org_id if but else None
    column = {"organisation": "id"}.get(table, "org_id")
    return sorted(str(row) for row in rows if own is None or row.get(column) != own)


def test_kept_days_are_told_to_whoever_may_plan_on_a_base(admin: Connection, trade: Trade) -> None:
    """Which days, to the owner, the platform and its advertisers; nothing of a base that is not offered."""
    days = "SELECT count(*) FROM kept_days(:base, '2026-12-01', '2026-12-31')"
    hours = "SELECT count(*) FROM calendar_rule_of(:base)"

    def told(who: Somebody | None) -> tuple[int, int]:
        with acting(admin, who):
            return tuple(admin.execute(text(sql), {"base": trade.base}).scalar_one() for sql in (days, hours))

    passer_by = settle_in(admin, "advertiser")
    assert told(passer_by) == (3, 1)
    past_triggers(admin, "UPDATE data_card SET state = 'retired' WHERE id = :card", card=trade.card)
    assert [told(who) for who in (trade.owner, trade.advertiser, settle_in(admin, "broker"))] == [(3, 1)] * 3
    assert [told(who) for who in (None, settle_in(admin, "owner"), passer_by)] == [(0, 0)] * 3


def test_partitions_are_out_of_reach(admin: Connection, trade: Trade) -> None:
    partitions = admin.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'send'::regclass")
    ).scalars()
    names = list(partitions)
    assert names
    with acting(admin, trade.owner):
        for name in names:
            assert refusal(admin, f"SELECT 1 FROM {name}") == DENIED
        assert admin.execute(text("SELECT count(*) FROM send")).scalar_one() == 1
    with acting(admin, settle_in(admin, "owner")):
        assert (
            admin.execute(text("SELECT count(*) FROM send WHERE dispatch_id = :d"), {"d": DISPATCH}).scalar_one() == 0
        )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sealed FROM contact",
        "SELECT count(*) FROM contact",
        "SELECT wrapped FROM data_key",
        "SELECT 1 FROM purchase",
        "SELECT 1 FROM suppression",
        "SELECT contact_key FROM send",
        "SELECT contact_id FROM send",
        "SELECT * FROM send",
        "SELECT ip FROM hit",
        "SELECT sealed FROM seed_address",
        "SELECT sealed_path FROM upload",
        "SELECT owner_micros FROM accrual_sum",
        "SELECT commission_micros FROM accrual_sum",
        "SELECT commission_bp FROM accrual_sum",
        "SELECT 1 FROM accrual",
        "SELECT owner_micros FROM settled_accrual",
        "SELECT commission_bp FROM rental_order",
        "SELECT commission_bp FROM programme",
        "SELECT commission_bp FROM mailing",
        "SELECT password_hash FROM app_user",
        "SELECT secret_hash FROM api_key",
        "SELECT 1 FROM web_session",
        "SELECT 1 FROM guard_answer",
        "SELECT args FROM jobs.procrastinate_jobs",
        "SELECT advance_demo_clock(interval '1 day')",
        "SELECT make_send_partition(209901)",
        "UPDATE organisation SET kind = 'broker'",
        "UPDATE app_user SET role = 'broker'",
        "UPDATE base SET current_snapshot_id = NULL",
        "UPDATE base SET org_id = 1",
        "UPDATE segment SET base_id = 1",
        "UPDATE data_card SET size_shown = 1",
        "UPDATE rental_order SET price_micros = 1",
        "UPDATE rental_order SET advertiser_id = 1",
        "UPDATE programme SET commission_bp = 0",
        "UPDATE mailing SET price_micros = 0",
        "INSERT INTO partner_list (base_id, version, published_at) VALUES (1, 9, '2000-01-01')",
        "CREATE TEMPORARY TABLE contact (sealed bytea)",
        "SET LOCAL ROLE courtier_worker",
        "COPY base TO PROGRAM 'cat'",
    ],
)
def test_nobody_at_the_front_has_such_a_right(web_engine: Engine, sql: str) -> None:
    with web_engine.connect() as connection:
        assert refusal(connection, sql) == DENIED
        connection.rollback()
