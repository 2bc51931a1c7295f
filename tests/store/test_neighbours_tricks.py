"""Own rows that point at a neighbour's, steps of another party, shares and payouts that are not one's own."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.neighbour_probes import (
    BROKEN_RULE,
    DENIED,
    acting,
    admin,
    past_triggers,
    refusal,
    trade,
)
from tests.store.neighbour_rows import Somebody, Trade, add, settle_in

__all__ = ["admin", "trade"]


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
        " SELECT 'pto_forged', owner_id, bank_account_id, amount_cents, 'forged', :other FROM payout"
        " WHERE owner_id = :owner AND bank_account_id IS NOT NULL ORDER BY id LIMIT 1"
        " RETURNING proposed_by, state"
    )
    with acting(admin, broker):
        made = admin.execute(copy, {"other": trade.owner.user_id, "owner": trade.owner.org_id}).one()
        assert (made.proposed_by, made.state) == (broker.user_id, "proposed")
        own = "UPDATE payout SET state = :state WHERE code = 'pto_forged'"
        assert refusal(admin, own, state="approved") == "23514"
        assert refusal(admin, own, state="exported") == "23514"
