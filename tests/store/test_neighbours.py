"""A neighbour's rows, tried for with raw SQL as `courtier_web`: read, changed, added, through parents and partitions.

The tables are read from the catalogue: a table granted later fails here until `neighbourhood.furnish` writes a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from broker.operate.database_server import DatabaseServer
from tests.store.neighbourhood import DISPATCH, Somebody, Trade, add, furnish, settle_in

# Rows that are not anybody's in particular, and why.
COMMON = {
    "published_card": "what every advertiser may search",
    "open_programme": "what every owner may browse: public columns of open offers only",
    "order_transition": "the state table of an order",
    "mailing_transition": "the state table of a mailing",
    "ledger_account": "the chart of accounts",
    "ledger_journal": "the journals' names",
    "ledger_period": "which months are open",
    "fake_payment_intent": "stands for the gateway, outside of us; demo databases only",
}
# What any owner sees of an advertiser: its open programmes and their creatives.
OPEN_OFFERS = {"programme", "creative", "creative_link", "creative_image"}


@pytest.fixture
def admin(database: DatabaseServer) -> Iterator[Connection]:
    """One transaction of the administrator, undone at the end, in which `acting` becomes the front.

    The connection is new: on a used one PostgreSQL remembers `app.org` as an empty text and never as unset.
    """
    engine = create_engine(database.url("admin").replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


@pytest.fixture
def trade(admin: Connection) -> Trade:
    """The neighbours."""
    return furnish(admin)


@contextmanager
def acting(
    connection: Connection, who: Somebody | None, *, role: str | None = None, unset: bool = False
) -> Iterator[None]:
    """As `courtier_web` on behalf of somebody (None: of nobody), undone at the end."""
    point = connection.begin_nested()
    connection.execute(text("SET LOCAL ROLE courtier_web"))
    if unset:
        assert connection.execute(text("SELECT current_setting('app.org', true)")).scalar_one() is None
    else:
        settings = {
            "app.org": "" if who is None else str(who.org_id),
            "app.role": role or ("" if who is None else who.kind),
            "app.user": "" if who is None else str(who.user_id),
        }
        for name, value in settings.items():
            connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
    try:
        yield
    finally:
        point.rollback()


def granted(connection: Connection, right: str) -> list[str]:
    """Tables, views and their like of schema public on which the front has a right, in part at least."""
    check = "has_table_privilege" if right == "DELETE" else "has_any_column_privilege"
    return list(
        connection.execute(
            text(
                "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
                f" AND relkind IN ('r', 'p', 'v', 'm', 'f') AND {check}('courtier_web', c.oid, :right) ORDER BY 1"
            ),
            {"right": right},
        ).scalars()
    )


def columns(connection: Connection, table: str, right: str) -> list[str]:
    """The columns of a table on which the front has a right."""
    return list(
        connection.execute(
            text(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0"
                " AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'"
                " AND has_column_privilege('courtier_web', attrelid, attnum, :right) ORDER BY attnum"
            ),
            {"table": table, "right": right},
        ).scalars()
    )


def refusal(connection: Connection, sql: str, **values: Any) -> str | None:
    """The SQLSTATE with which a statement is refused, or None; the transaction goes on."""
    point = connection.begin_nested()
    try:
        connection.execute(text(sql), values)
    except DBAPIError as error:
        point.rollback()
        return str(getattr(error.orig, "sqlstate", None))
    point.commit()
    return None


DENIED = "42501"  # insufficient_privilege: no right, or a policy
BROKEN_RULE = ("23001", "23503", "23514")  # restrict, foreign key, check: triggers and keys


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


RIGHTFUL = {
    **dict.fromkeys(("base", "partner_list", "partner", "upload", "import_run", "segment", "data_card"), "owner"),
    **dict.fromkeys(("participation", "participation_send", "seed_address", "api_key"), "owner"),
    **dict.fromkeys(("creative", "creative_link", "rental_order", "programme", "payment"), "advertiser"),
    **dict.fromkeys(("suppression_list", "creative_image"), "advertiser"),
    **dict.fromkeys(("import_plan", "base_policy", "contact_question", "customer_lookup"), "owner"),
    **dict.fromkeys(("partner_notice", "calendar_day", "calendar_rule", "segment_count"), "owner"),
    **dict.fromkeys(("insight_rule", "insight_trigger"), "owner"),
    **dict.fromkeys(("processing_contract", "processing_activity", "rights_request", "breach"), "owner"),
    **dict.fromkeys(("base_mapping", "bank_account", "field_watch", "base_cost"), "owner"),
    **dict.fromkeys(("receipt", "receipt_share", "payout", "payout_line", "ledger_close", "consent_audit"), "broker"),
    "merge_tag_right": "broker",
}
# What staff writes down. Contract and breach: the broker signed too, and often finds the breach. A bank account: it may
# be proposed for an owner, and a second person approves it. Consents are the broker's to sample, money is for both.
STAFF_WRITES = {
    **dict.fromkeys(("processing_contract", "breach", "consent_audit", "merge_tag_right"), ("broker",)),
    **dict.fromkeys(
        ("bank_account", "receipt", "receipt_share", "payout", "payout_line", "ledger_close"), ("broker", "accountant")
    ),
}
INSERTED = sorted(RIGHTFUL)
EARLIER_STATE = {  # in which such a row could have been added, as far as triggers are concerned
    "rental_order": "UPDATE rental_order SET state = 'quote' WHERE id = :order",
    "creative_link": "UPDATE creative SET state = 'draft' WHERE id = :creative",
    "creative_image": "UPDATE creative SET state = 'draft' WHERE id = :creative",
}


def past_triggers(connection: Connection, sql: str, **values: Any) -> None:
    """Run a statement of the administrator's without triggers."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text(sql), values)
    connection.execute(text("SET LOCAL session_replication_role = origin"))


def test_every_table_that_takes_rows_is_tried(admin: Connection) -> None:
    assert set(granted(admin, "INSERT")) - set(COMMON) == set(RIGHTFUL)


@pytest.mark.parametrize("table", INSERTED)
def test_a_stranger_adds_no_row_in_a_neighbours_name(admin: Connection, trade: Trade, table: str) -> None:
    """A policy is asked before keys are: what gets as far as a duplicate key was let in."""
    names = columns(admin, table, "INSERT")
    if table in EARLIER_STATE:
        ids = {"order": trade.order, "creative": trade.creative}
        past_triggers(
            admin, EARLIER_STATE[table], **{name: ids[name] for name in ids if f":{name}" in EARLIER_STATE[table]}
        )
    row = (
        admin.execute(text(f"SELECT {', '.join(names)} FROM {table} ORDER BY age(xmin), ctid DESC LIMIT 1"))
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
        "SELECT owner_micros FROM accrual",
        "SELECT commission_micros FROM accrual",
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


def furnish_stranger(connection: Connection, kind: str) -> tuple[Somebody, dict[str, int]]:
    """An owner with a base, an upload, a snapshot and a segment; or an advertiser with a draft creative."""
    who = settle_in(connection, kind)
    org = who.org_id
    if kind == "advertiser":
        creative = add(
            connection,
            "creative",
            code=f"cre_{who.code}",
            org_id=org,
            name="x",
            subject="x",
            from_name="x",
            source_html="",
            html="",
            plain="",
            content_hash=b"x",
        )
        return who, {"org": org, "user": who.user_id, "creative": creative}
    base = add(connection, "base", org_id=org, code=who.code.replace("_", "-"), name="x")
    upload = add(connection, "upload", code=f"up_{who.code}", base_id=base, kind="contacts", file_name="x")
    snapshot = add(
        connection, "snapshot", base_id=base, number=1, file_name="x", sha256=b"", rows=0, rentable=0, columns="[]"
    )
    segment = add(
        connection, "segment", code=f"s_{who.code}", base_id=base, org_id=org, name="x", rule_text="", rule="{}"
    )
    add(connection, "partner_list", "version", base_id=base, version=1, published_at="2020-01-01")
    ids = {"org": org, "user": who.user_id, "base": base, "upload": upload, "snapshot": snapshot, "segment": segment}
    return who, ids


CARD = (
    "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
    " base_price_micros, minimum_order) VALUES ('x', :org, {base}, {segment}, {snapshot}, 'x', 'x', 1, 1, 1)"
)
OWNER_TRICKS = {
    "own": (CARD.format(base=":base", segment=":segment", snapshot=":snapshot"), True),
    "a segment over a neighbour's base": (
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES ('x', :their_base, :org, 'x', '', '{}')",
        False,
    ),
    "a card of a neighbour's segment": (
        CARD.format(base=":base", segment=":their_segment", snapshot=":snapshot"),
        False,
    ),
    "a card of a neighbour's base": (
        CARD.format(base=":their_base", segment=":their_segment", snapshot=":their_snapshot"),
        False,
    ),
    "a card counted on a neighbour's snapshot": (
        CARD.format(base=":base", segment=":segment", snapshot=":their_snapshot"),
        False,
    ),
    "the import of a neighbour's upload": (
        "INSERT INTO import_run (code, base_id, upload_id, kind) VALUES ('x', :base, :their_upload, 'contacts')",
        False,
    ),
    "an API key of a neighbour's user": (
        "INSERT INTO api_key (org_id, user_id, prefix, secret_hash, name)"
        " VALUES (:org, :their_user, 'x', sha256(''), 'x')",
        False,
    ),
    "a name added to a list that was published before": (
        "INSERT INTO partner (base_id, version, name) VALUES (:base, 1, 'late')",
        False,
    ),
    "a neighbour's base joining a programme": (
        "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
        " VALUES ('x', :their_programme, :their_advertiser, :org, :their_base)",
        False,
    ),
    "a send of a neighbour's participation": (
        "INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume, send_on)"
        " VALUES ('x', :their_participation, :their_advertiser, :org, :their_segment, 1, now())",
        False,
    ),
    "the plan of a neighbour's upload": (
        "INSERT INTO import_plan (upload_id, base_id) VALUES (:their_upload, :base)",
        False,
    ),
    "a question about a neighbour's customer": (
        "INSERT INTO contact_question (code, org_id, base_id, kind) VALUES ('x', :org, :their_base, 'show')",
        False,
    ),
    "a look at a neighbour's customer": (
        "INSERT INTO customer_lookup (code, org_id, base_id) VALUES ('x', :org, :their_base)",
        False,
    ),
    "a cost of a neighbour's base": (
        "INSERT INTO base_cost (code, org_id, base_id, label, rhythm, amount_cents, starts_on)"
        " VALUES ('x', :org, :their_base, 'x', 'once', 1, now())",
        False,
    ),
    "a neighbour's segment counted": (
        "INSERT INTO segment_count (segment_id, base_id, org_id, people, rentable)"
        " VALUES (:their_segment, :base, :org, 1, 1)",
        False,
    ),
    "a notice that mails a neighbour's creative": (
        "INSERT INTO partner_notice (code, base_id, version, creative_id, starts_at)"
        " VALUES ('x', :base, 1, :their_creative, now())",
        False,
    ),
    "days of a neighbour's base": (
        "INSERT INTO calendar_day (code, base_id, kind, title, starts_on, ends_on)"
        " VALUES ('x', :their_base, 'blackout', 'x', now(), now())",
        False,
    ),
    "images of a programme's creative deleted": (
        "DELETE FROM creative_image WHERE creative_id = :their_creative",
        None,
    ),
    "links of a programme's creative deleted": ("DELETE FROM creative_link WHERE creative_id = :their_creative", None),
}
ADVERTISER_TRICKS = {
    "own": ("INSERT INTO creative_link (creative_id, number, url) VALUES (:creative, 1, 'https://x.test')", True),
    "a programme with a neighbour's creative, which would show it": (
        "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp, budget_cents,"
        " creative_id, starts_on, ends_on) VALUES ('x', :org, 'x', 'x', 'cpm', 1, 0, 1, :their_creative, now(), now())",
        False,
    ),
    "a link in a neighbour's creative": (
        "INSERT INTO creative_link (creative_id, number, url) VALUES (:their_creative, 9, 'https://x.test')",
        False,
    ),
    "an image in a neighbour's creative": (
        "INSERT INTO creative_image (creative_id, number, url) VALUES (:their_creative, 9, 'https://x.test/x.png')",
        False,
    ),
    "merge tags of its own choice": ("INSERT INTO merge_tag_right (org_id, tags) VALUES (:org, '{city}')", False),
    "the payment of a neighbour's order": (
        "INSERT INTO payment (code, order_id, advertiser_id, gateway, amount_cents)"
        " VALUES ('x', :their_order, :org, 'fake', 15000)",
        False,
    ),
    "an order that starts approved": (
        "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id, segment_id,"
        " state, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents, valid_until)"
        " VALUES ('x', :org, :their_owner, :their_card, '', '', :their_base, :their_segment, 'approved', 1, 1, 1, 0, 0,"
        " 0, 0, now())",
        False,
    ),
}


@pytest.mark.parametrize(
    ("kind", "trick"),
    [*(("owner", trick) for trick in OWNER_TRICKS), *(("advertiser", trick) for trick in ADVERTISER_TRICKS)],
)
def test_own_rows_do_not_point_at_a_neighbours(admin: Connection, trade: Trade, kind: str, trick: str) -> None:
    who, own = furnish_stranger(admin, kind)
    sql, allowed = (OWNER_TRICKS if kind == "owner" else ADVERTISER_TRICKS)[trick]
    theirs = {
        "base": trade.base,
        "segment": trade.segment,
        "snapshot": trade.snapshot,
        "upload": trade.upload,
        "user": trade.owner.user_id,
        "owner": trade.owner.org_id,
        "advertiser": trade.advertiser.org_id,
        "programme": trade.programme,
        "participation": trade.participation,
        "creative": trade.creative,
        "order": trade.order,
        "card": trade.card,
    }
    values = {**own, **{f"their_{name}": value for name, value in theirs.items()}}
    wanted = {name: value for name, value in values.items() if name in text(sql).compile().params}
    for table in ("import_plan", "segment_count"):  # else the key alone would refuse a second row
        admin.execute(text(f"DELETE FROM {table}"))
    with acting(admin, who):
        answer = refusal(admin, sql, **wanted)
        admin.execute(text("RESET ROLE"))
        parts = [
            admin.execute(
                text(f"SELECT count(*) FROM {table} WHERE creative_id = :id"), {"id": trade.creative}
            ).scalar_one()
            for table in ("creative_link", "creative_image")
        ]
    if allowed:
        assert answer is None
    elif allowed is False:
        assert answer in (DENIED, *BROKEN_RULE)
    assert parts == [1, 1]


WRONG_PARTY = {
    "an advertiser approves its own order": ("advertiser", "UPDATE rental_order SET state = 'approved'", "ordered"),
    "an advertiser marks its order paid": ("advertiser", "UPDATE rental_order SET state = 'paid'", "approved"),
    "an owner marks an order paid": ("owner", "UPDATE rental_order SET state = 'paid'", "approved"),
    "an owner places an order": ("owner", "UPDATE rental_order SET state = 'ordered'", "quote"),
    "an owner swaps the creative": ("owner", "UPDATE rental_order SET creative_id = NULL", "ordered"),
    "an advertiser swaps the creative of a placed order": (
        "advertiser",
        "UPDATE rental_order SET creative_id = NULL",
        "ordered",
    ),
    "an advertiser changes a signed creative": ("advertiser", "UPDATE creative SET html = 'other'", None),
    "an advertiser unsigns a creative": ("advertiser", "UPDATE creative SET state = 'draft'", None),
    "an advertiser changes a signed creative's links": (
        "advertiser",
        "INSERT INTO creative_link (creative_id, number, url) SELECT id, 7, 'https://evil.test' FROM creative",
        None,
    ),
    "an advertiser deletes a signed creative's links": ("advertiser", "DELETE FROM creative_link", None),
    "an owner lets its own column in": (
        "owner",
        "UPDATE column_review SET verdict = 'allowed', decided_at = now()",
        None,
    ),
    "an advertiser widens its merge tags": ("advertiser", "UPDATE merge_tag_right SET tags = '{city}'", None),
    "an advertiser throws its merge tags away": ("advertiser", "DELETE FROM merge_tag_right", None),
    "an owner says that a mailing was sent": ("owner", "UPDATE mailing SET state = 'sent'", None),
    "an advertiser starts a mailing": ("advertiser", "UPDATE mailing SET state = 'sending'", None),
    "an owner schedules an affiliate send": ("owner", "UPDATE participation_send SET state = 'scheduled'", None),
    "an advertiser withdraws an owner's participation": (
        "advertiser",
        "UPDATE participation SET state = 'withdrawn'",
        None,
    ),
}


@pytest.mark.parametrize("step", WRONG_PARTY)
def test_a_step_of_another_party_is_refused(admin: Connection, trade: Trade, step: str) -> None:
    kind, sql, state = WRONG_PARTY[step]
    if state:  # the order as it stands before the step, put there past its triggers
        past_triggers(admin, "UPDATE rental_order SET state = :state", state=state)
    with acting(admin, trade.owner if kind == "owner" else trade.advertiser):
        answer = refusal(admin, sql)
        touched = 0 if answer else admin.execute(text(sql)).rowcount
    assert answer in (DENIED, *BROKEN_RULE) or touched == 0


def test_the_right_party_takes_its_step(admin: Connection, trade: Trade) -> None:
    with acting(admin, trade.owner):
        assert admin.execute(text("UPDATE rental_order SET state = 'cancelled'")).rowcount == 1
    with acting(admin, trade.owner):
        assert admin.execute(text("UPDATE mailing SET state = 'cancelled'")).rowcount == 1
    with acting(admin, trade.owner):
        assert admin.execute(text("UPDATE participation_send SET state = 'withdrawn'")).rowcount == 1


SPLIT = (
    "SELECT commission_shown(:order, NULL)",
    "SELECT commission_shown(NULL, :programme)",
    "SELECT commission_micros FROM share_of_mailing(:mailing)",
    "SELECT commission_micros FROM share_of_send(:mailing, 1)",
)


@pytest.mark.parametrize(
    ("reader", "told"),
    [("owner", True), ("broker", True), ("accountant", True), ("advertiser", False), ("another advertiser", False)],
)
def test_how_a_price_is_split_is_not_for_the_advertiser(
    admin: Connection, trade: Trade, reader: str, told: bool
) -> None:
    kind = {"accountant": "broker", "another advertiser": "advertiser"}.get(reader, reader)
    party = {"owner": trade.owner, "advertiser": trade.advertiser}.get(reader)
    ids = {"order": trade.order, "programme": trade.programme, "mailing": trade.mailing}
    with acting(admin, party or settle_in(admin, kind), role="accountant" if reader == "accountant" else None):
        answers = [_only(admin, sql, ids) for sql in SPLIT]
    assert [answer is not None for answer in answers] == [told] * len(SPLIT)


def test_another_owner_is_told_no_split_of_an_order(admin: Connection, trade: Trade) -> None:
    ids = {"order": trade.order, "programme": trade.programme, "mailing": trade.mailing}
    with acting(admin, settle_in(admin, "owner")):
        answers = {sql: _only(admin, sql, ids) for sql in SPLIT if ":programme" not in sql}
    assert set(answers.values()) == {None}


def _only(connection: Connection, sql: str, ids: dict[str, int]) -> Any:
    wanted = {name: value for name, value in ids.items() if f":{name}" in sql}
    return connection.execute(text(sql), wanted).scalar()


def test_nobody_approves_a_payout_of_its_own(admin: Connection, trade: Trade) -> None:
    """Whatever a statement of the front says, the proposer is who acts, and it cannot skip the second person."""
    broker = settle_in(admin, "broker")
    copy = text(
        "INSERT INTO payout (code, owner_id, bank_account_id, amount_cents, end_to_end_id, proposed_by)"
        " SELECT 'pto_forged', owner_id, bank_account_id, amount_cents, 'forged', :other FROM payout LIMIT 1"
        " RETURNING proposed_by, state"
    )
    with acting(admin, broker):
        made = admin.execute(copy, {"other": trade.owner.user_id}).one()
        assert (made.proposed_by, made.state) == (broker.user_id, "proposed")
        own = "UPDATE payout SET state = :state WHERE code = 'pto_forged'"
        assert refusal(admin, own, state="approved") == "23514"
        assert refusal(admin, own, state="exported") == "23514"
