"""Two owners and two advertisers in one database: one pair trades with each other, the other pair are strangers.

`furnish` writes a row of the trading pair into every table that the front may reach at all.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, text

from tests.store.neighbour_bases import furnish_findings, furnish_promises, furnish_uploads
from tests.store.neighbour_dues import furnish_dues
from tests.store.neighbour_mail import (
    furnish_conversions,
    furnish_mailing,
    furnish_news,
    furnish_own_mail,
    furnish_results,
)
from tests.store.neighbour_money import furnish_books, furnish_money
from tests.store.neighbour_rows import Somebody, Trade, add, one, settle_in


def furnish(connection: Connection) -> Trade:
    """The trading pair, with a row in every table that the front may reach."""
    mark = secrets.token_hex(5)
    owner, advertiser = settle_in(connection, "owner"), settle_in(connection, "advertiser")
    org, buyer = owner.org_id, advertiser.org_id
    add(connection, "api_key", org_id=org, user_id=owner.user_id, prefix=mark, secret_hash=bytes(32), name="robot")
    add(
        connection,
        "audit_entry",
        "seq",
        at="2026-11-01",
        org_id=org,
        actor_role="owner",
        action="seeded",
        object_kind="test",
        object_id=mark,
        detail="{}",
    )

    base = add(connection, "base", org_id=org, code=f"b-{mark}", name="Shop", sector="retail")
    add(connection, "partner_list", "version", base_id=base, version=1)
    add(connection, "partner", "version", base_id=base, version=1, advertiser_id=buyer, name="Partner")
    source = add(
        connection,
        "consent_source",
        base_id=base,
        source_url="https://shop.test",
        wording="yes",
        form_version="1",
        partner_list_version=1,
    )
    add(
        connection,
        "processing_contract",
        code=f"ctr_{mark}",
        org_id=org,
        base_id=base,
        kind="processor",
        reference="DPA",
        signatory="Anna",
        signed_on="2026-01-01",
    )
    words = dict.fromkeys(("name", "purpose", "people", "data", "recipients", "retention"), "x")
    add(connection, "processing_activity", code=f"act_{mark}", org_id=org, legal_basis="consent", **words)
    asked = {"kind": "access", "reference": "K-1", "received_on": "2026-01-01", "due_on": "2026-02-01"}
    add(connection, "rights_request", code=f"req_{mark}", org_id=org, **asked)
    moments = dict.fromkeys(("discovered_at", "began_at", "ended_at"), "2026-01-01")
    facts = {"nature": "integrity", "facts": "x", "data": "x", "rows_affected": 1}
    add(connection, "breach", code=f"brc_{mark}", org_id=org, base_id=base, **moments, **facts)
    notice = {"base_id": base, "relation": "customer", "erase_on": "2099-01-01", "contacts": 1}
    add(connection, "retention_notice", "contacts", **notice)
    upload = add(connection, "upload", code=f"up_{mark}", base_id=base, kind="contacts", file_name="file.csv")
    run = add(connection, "import_run", code=f"imp_{mark}", base_id=base, upload_id=upload, kind="contacts")
    add(connection, "import_reject", "line", import_id=run, line=2, reasons=["no_address"], masked="{}")
    snapshot = add(
        connection,
        "snapshot",
        base_id=base,
        number=1,
        import_id=run,
        file_name=f"{mark}.parquet",
        sha256=bytes(32),
        rows=1,
        rentable=1,
        columns="[]",
    )
    furnish_findings(connection, mark, base, snapshot, source)
    furnish_uploads(connection, mark, org, base, upload, run)
    furnish_promises(connection, mark, owner, base)
    segment = add(
        connection, "segment", code=f"seg_{mark}", base_id=base, org_id=org, name="All", rule_text="all", rule="{}"
    )
    counted = {"org_id": org, "people": 3, "rentable": 2}
    add(connection, "segment_count", "segment_id", segment_id=segment, base_id=base, **counted)
    card = add(
        connection,
        "data_card",
        code=f"card_{mark}",
        org_id=org,
        base_id=base,
        segment_id=segment,
        snapshot_id=snapshot,
        title="Everybody",
        sector="retail",
        size_shown=120_000,
        base_price_micros=25_000,
        minimum_order=5_000,
    )
    creative = add(
        connection,
        "creative",
        code=f"cre_{mark}",
        org_id=buyer,
        name="Spring",
        subject="Spring",
        from_name="Shop",
        source_html="<p>",
        html="<p>",
        plain="",
        content_hash=bytes(32),
    )
    add(connection, "creative_link", "number", creative_id=creative, number=1, url="https://advertiser.test")
    unfit = {"url": "https://advertiser.test/x.png", "state": "refused", "why": "too_large"}
    add(connection, "creative_image", "number", creative_id=creative, number=1, **unfit)
    add(connection, "merge_tag_right", "org_id", org_id=buyer, tags=["first_name"])
    name = secrets.token_hex(6)
    add(connection, "pace_rule", "name", scope="domain", name=name, per_minute=60)
    add(connection, "warm_up", "domain", domain=name, started_on="2026-11-02", caps=[50, 100])
    add(connection, "warm_day", "domain", domain=name, day="2026-11-02", used=3)
    add(connection, "relay_health", "name", name=name, failures=1, reason="banner 421")
    connection.execute(
        text(
            "UPDATE creative SET state = 'signed', signed_hash = content_hash, signed_by = 1, signed_at = now()"
            " WHERE id = :id"
        ),
        {"id": creative},
    )
    order = add(
        connection,
        "rental_order",
        code=f"ord_{mark}",
        advertiser_id=buyer,
        owner_id=org,
        card_id=card,
        card_code=f"card_{mark}",
        card_title="Everybody",
        base_id=base,
        segment_id=segment,
        creative_id=creative,
        volume=5_000,
        size_shown=120_000,
        price_micros=25_000,
        commission_bp=2_000,
        vat_bp=2_000,
        net_cents=12_500,
        vat_cents=2_500,
        valid_until="2100-01-01",
    )
    for state in ("ordered", "approved"):
        connection.execute(text("UPDATE rental_order SET state = :state WHERE id = :id"), {"state": state, "id": order})
    programme = add(
        connection,
        "programme",
        code=f"prg_{mark}",
        advertiser_id=buyer,
        title="Offer",
        sector="retail",
        model="cpm",
        price_micros=20_000,
        commission_bp=2_000,
        budget_cents=100_000,
        creative_id=creative,
        starts_on="2026-01-01",
        ends_on="2099-12-31",
    )
    add(connection, "suppression_list", code=f"sup_{mark}", org_id=buyer, name="Ours", file_name="ours.csv")
    participation = add(
        connection,
        "participation",
        code=f"par_{mark}",
        programme_id=programme,
        advertiser_id=buyer,
        owner_id=org,
        base_id=base,
    )
    add(
        connection,
        "participation_send",
        code=f"pse_{mark}",
        participation_id=participation,
        advertiser_id=buyer,
        owner_id=org,
        segment_id=segment,
        volume=1_000,
        send_on="2026-11-30",
    )
    furnish_order_people(connection, mark, owner, advertiser, order)
    mailing = furnish_mailing(connection, mark, org, buyer, base, creative, order)
    furnish_terms(connection, buyer, order, mailing)
    furnish_results(connection, mark, owner, buyer, base, mailing)
    furnish_own_mail(connection, mark, org, base, mailing)
    invoice = furnish_books(connection, mark, org, buyer, order, mailing)
    act_as = text("SELECT set_config('app.role', :role, true)")
    connection.execute(act_as, {"role": "system"})  # what only workers and persons with a log-in write
    furnish_money(connection, mark, owner, invoice)
    furnish_dues(connection, mark, owner, buyer, invoice)
    connection.execute(act_as, {"role": ""})  # who tries afterwards is nobody until it says who it is
    furnish_conversions(connection, mark, (org, buyer), (programme, participation, base), mailing)
    furnish_news(connection, mark, owner)
    return Trade(
        owner,
        advertiser,
        base,
        upload,
        run,
        snapshot,
        segment,
        card,
        creative,
        order,
        programme,
        participation,
        mailing,
    )


def furnish_order_people(connection: Connection, mark: str, owner: Somebody, advertiser: Somebody, order: int) -> None:
    """What stands around an order: an agency, the owner's rules and decisions, a signature; subscribed files."""
    agency = settle_in(connection, "agency")
    org, buyer = owner.org_id, advertiser.org_id
    mandate = {"agency_id": agency.org_id, "advertiser_id": buyer, "bill_to": "agency", "starts_on": "2026-01-01"}
    add(connection, "agency_mandate", code=f"man_{mark}", **mandate)
    blocked = {"effect": "refuse", "title": "Casinos", "sectors": ["gambling"], "reason": "Not with us."}
    add(connection, "approval_rule", code=f"rul_{mark}", owner_id=org, **blocked)
    add(connection, "approval_policy", "owner_id", owner_id=org)
    days = {"answer_days": 2, "due_on": "2026-12-01", "expires_on": "2026-12-04"}
    add(connection, "order_review", "order_id", order_id=order, owner_id=org, **days)
    add(connection, "order_decision", order_id=order, owner_id=org, decision="approved", made_by="person")
    signed = {"version": 1, "content": "{}", "content_hash": bytes(32), "pdf": b"%PDF", "pdf_hash": bytes(32)}
    signer = {"signed_by": advertiser.user_id, "signer_name": "S", "signer_org": "A", "proof": "password"}
    add(connection, "order_signature", code=f"sig_{mark}", order_id=order, **signed, **signer)
    add(connection, "suppression_host", "host", org_id=buyer, host="files.advertiser.test")
    add(
        connection,
        "suppression_feed",
        code=f"fee_{mark}",
        org_id=buyer,
        name="Ours",
        url="https://files.advertiser.test",
    )


def furnish_terms(connection: Connection, buyer: int, order: int, mailing: int) -> None:
    """An order's commercial terms: a hold, names made good, a run of net names and its charge, a credit limit."""
    held = {"held_since": "2026-11-01", "held_until": "infinity"}
    if not one(connection, "SELECT count(*) FROM order_hold WHERE order_id = :order", order=order):
        add(connection, "order_hold", "order_id", order_id=order, **held)
    add(connection, "order_desk", "order_id", order_id=order, desk="desk_of_both")
    made_good = {"kind": "make_good", "volume": 100, "price_micros": 0, "use_until": "2099-01-01"}
    add(connection, "order_use", order_id=order, **made_good)
    add(connection, "net_name_count", "mailing_id", mailing_id=mailing, supplied=2, mailed=1)
    micros = {"unit_micros": 5, "gross_micros": 5, "owner_micros": 4, "commission_micros": 1}
    add(connection, "order_charge", "mailing_id", mailing_id=mailing, kind="run", quantity=1, **micros)
    add(connection, "credit_term", "advertiser_id", advertiser_id=buyer, limit_cents=1)
