"""Two owners and two advertisers in one database: one pair trades with each other, the other pair are strangers.

`furnish` writes a row of the trading pair into every table that the front may reach at all.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

DISPATCH = 202_611_900_000  # far from numbers that tests of the sends draw


@dataclass(frozen=True)
class Somebody:
    """An organisation with one user."""

    kind: str
    org_id: int
    user_id: int
    code: str


def one(connection: Connection, sql: str, **values: Any) -> Any:
    """The first column of the only row."""
    return connection.execute(text(sql), values).scalar_one()


def add(connection: Connection, table: str, returning: str = "id", **values: Any) -> Any:
    """Insert one row (names come from this file) and return a column of it."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return one(connection, f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {returning}", **values)


def settle_in(connection: Connection, kind: str) -> Somebody:
    """A new organisation and its user."""
    code = f"org_{secrets.token_hex(6)}"
    org = add(connection, "organisation", code=code, kind=kind, name=code)
    user = add(
        connection,
        "app_user",
        org_id=org,
        email=f"{code}@example.test",
        name=code,
        role=kind,
        password_hash="$argon2id$",
    )
    return Somebody(kind, org, user, code)


@dataclass(frozen=True)
class Trade:
    """Ids of what the trading pair (or one stranger) has."""

    owner: Somebody
    advertiser: Somebody
    base: int
    upload: int
    run: int
    snapshot: int
    segment: int
    card: int
    creative: int
    order: int
    programme: int
    participation: int
    mailing: int


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
    furnish_money(connection, mark, owner, invoice)
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


def furnish_mailing(
    connection: Connection, mark: str, org: int, buyer: int, base: int, creative: int, order: int
) -> int:
    """A mailing with one send, one hit and one opt-out."""
    one(connection, "SELECT make_send_partition(202611)")
    add(connection, "dispatch", id=DISPATCH, order_id=order, owner_id=org, advertiser_id=buyer)
    mailing: int = add(
        connection,
        "mailing",
        code=f"mai_{mark}",
        kind="rental",
        dispatch_id=DISPATCH,
        owner_id=org,
        advertiser_id=buyer,
        base_id=base,
        creative_id=creative,
        content_hash=bytes(32),
        price_micros=25_000,
        commission_bp=2_000,
        draw_seed=1,
    )
    sent = {"dispatch_id": DISPATCH, "mailing_id": mailing, "position": 1}
    add(connection, "send", "position", **sent, contact_id=1, contact_key=bytes(16), price_micros=25_000)
    add(connection, "hit", **sent, link=1)
    add(connection, "opt_out", "position", **sent, scope="base")
    add(connection, "seed_address", org_id=org, sealed=b"sealed")
    add(
        connection,
        "accrual_sum",
        "mailing_id",
        mailing_id=mailing,
        kind="send",
        positions="{[1,2)}",
        price_micros=25_000,
        commission_bp=2_000,
        sends=1,
        gross_micros=25_000,
        owner_micros=20_000,
        commission_micros=5_000,
        at="2026-11-02",
    )
    counted = {"sends": 1, "bounced": 0, "uncertain": 0, "billable": 1, "micros": 25_000}
    add(connection, "settled_sends", "mailing_id", mailing_id=mailing, **counted)
    split = {"gross_micros": 25_000, "owner_micros": 20_000, "commission_micros": 5_000}
    day = {"kind": "send", "day": "2026-11-02", "events": 1}
    add(connection, "settled_accrual", "mailing_id", mailing_id=mailing, **day, **split)
    return mailing


def furnish_results(connection: Connection, mark: str, owner: Somebody, buyer: int, base: int, mailing: int) -> None:
    """What a mailing did: opens, the owner's results, hashes for the advertiser; a domain of its own, watched seeds."""
    org, at = owner.org_id, "2026-11-02"
    add(connection, "mailing_opens", "opens", mailing_id=mailing, day=at, opens=3)
    clicked = {"contact_id": 1, "kind": "clicked", "reference": "C-1", "at": at}
    add(connection, "owner_result", org_id=org, base_id=base, mailing_id=mailing, **clicked)
    add(connection, "objection_hash", org_id=buyer, sha256=bytes(32), md5=bytes(16), at=at)
    names = {"domain": f"news.{mark}.test", "return_domain": f"bounce.news.{mark}.test"}
    add(connection, "sending_domain", code=f"dom_{mark}", org_id=org, **names)
    add(connection, "mail_tally", "hour", hour=at, sending_domain=mark, relay="r", provider="p", accepted=1)
    held = {"kind": "relay", "name": mark, "reason": "blocked", "sent": 9, "counted": 9}
    add(connection, "reputation_pause", code=f"hold_{mark}", **held)
    seed = one(connection, "SELECT max(id) FROM seed_address WHERE org_id = :org", org=org)
    mailbox = {"host": "imap.seed.test", "port": 993, "tls": True, "sealed": b"sealed"}
    add(connection, "seed_mailbox", "seed_id", seed_id=seed, org_id=org, **mailbox)
    add(connection, "seed_watch", "position", mailing_id=mailing, position=2, seed_id=seed, org_id=org, sent_at=at)


def furnish_own_mail(connection: Connection, mark: str, org: int, base: int, mailing: int) -> None:
    """What an owner writes to its own people, what a run made of it, its caps, and a list that leaked."""
    planned = {"name": "Thanks", "goal": "loyalty", "held_out_seed": 1}
    own = add(connection, "own_mailing", code=f"own_{mark}", org_id=org, base_id=base, **planned)
    variant = add(connection, "own_variant", own_mailing_id=own, place=1)
    run = add(connection, "own_run", own_mailing_id=own, run_on="2026-11-01")
    add(connection, "own_part", "run_id", run_id=run, variant_id=variant, people=0, held_out=0)
    add(connection, "pressure_rule", "base_id", base_id=base, per_week=1)
    seed = one(connection, "SELECT max(id) FROM seed_address WHERE org_id = :org", org=org)
    told = {"seed_org_id": org, "seed_id": seed, "sender_domain": "spam.test"}
    add(connection, "leak_case", code=f"leak_{mark}", mailing_id=mailing, base_id=base, owner_id=org, **told)


def furnish_books(connection: Connection, mark: str, org: int, buyer: int, order: int, mailing: int) -> int:
    """A payment, an invoice, and a ledger entry whose postings of the buyer are matched; the invoice's id."""
    add(
        connection,
        "payment",
        code=f"pay_{mark}",
        order_id=order,
        advertiser_id=buyer,
        gateway="fake",
        amount_cents=15_000,
    )
    add(connection, "fake_gateway_object", id=f"pi_{mark}", kind="payment_intent", body="{}")
    add(connection, "fake_gateway_call", "key", key=mark, request="{}")
    invoice: int = add(
        connection,
        "invoice",
        number=f"T-{mark}",
        kind="invoice",
        type_code=380,
        seller_id=org,
        buyer_id=buyer,
        order_id=order,
        vat_bp=2_000,
        issued_on="2026-11-01",
        due_on="2026-12-01",
        net_cents=100,
        vat_cents=20,
        total_cents=120,
        pdf=b"%PDF",
    )
    add(
        connection,
        "invoice_line",
        "line",
        invoice_id=invoice,
        line=1,
        mailing_id=mailing,
        label="Sends",
        quantity=1,
        amount_micros=25_000,
        net_cents=100,
    )
    connection.execute(text("INSERT INTO ledger_period (month) VALUES ('2026-11-01') ON CONFLICT DO NOTHING"))
    entry = add(
        connection,
        "ledger_entry",
        journal="VE",
        number=9_000_000_000_000,
        day="2026-11-01",
        piece_ref=mark,
        piece_day="2026-11-01",
        label="Sale",
        idempotency_key=mark,
    )
    add(connection, "ledger_posting", "line", entry_id=entry, line=1, account="411", org_id=buyer, debit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=2, account="706", credit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=3, account="411", org_id=buyer, credit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=4, account="512", debit_cents=100)
    match = add(connection, "ledger_match", account="411", org_id=buyer, matched_on="2026-11-01")
    for line in (1, 3):
        add(connection, "ledger_match_line", "line", match_id=match, entry_id=entry, line=line)
    return invoice


def furnish_money(connection: Connection, mark: str, owner: Somebody, invoice: int) -> None:
    """Money that came in and goes out, and a month that somebody wants closed."""
    org, user = owner.org_id, owner.user_id
    received = {"received_on": "2026-11-02", "amount_cents": 120, "reference": mark}
    receipt = add(connection, "receipt", code=f"rec_{mark}", **received)
    add(connection, "receipt_share", "receipt_id", receipt_id=receipt, invoice_id=invoice, amount_cents=120)
    where = {"holder": "Shop", "iban": "FR7630006000011234567890189", "proposed_by": user}
    account = add(connection, "bank_account", code=f"bank_{mark}", org_id=org, **where)
    much = {"amount_cents": 120, "end_to_end_id": mark, "proposed_by": user}
    payout = add(connection, "payout", code=f"pto_{mark}", owner_id=org, bank_account_id=account, **much)
    add(connection, "payout_line", "payout_id", payout_id=payout, invoice_id=invoice, amount_cents=120)
    add(connection, "ledger_close", month="2026-11-01", target="soft_closed", asked_by=user)
    furnish_roles(connection, mark, owner, invoice)
    furnish_bank(connection, mark, receipt, org)


def furnish_bank(connection: Connection, mark: str, receipt: int, org: int) -> None:
    """A bank statement, what the gateway moved, a freeze that is over."""
    said = {"iban": "FR7630006000011234567890189", "reference": mark}
    days = {"starts_on": "2026-11-01", "ends_on": "2026-11-30"}
    statement = add(connection, "bank_statement", code=f"stmt_{mark}", source="camt", **said, **days)
    add(
        connection, "bank_line", code=f"line_{mark}", statement_id=statement, **said, booked_on="2026-11-02",
        amount_cents=120, kind="receipt", receipt_id=receipt,
    )  # fmt: skip
    ended = {"reason": "r", "ended_at": "2026-11-02"}
    add(connection, "org_freeze", code=f"frz_{mark}", org_id=org, **ended)
    payment = connection.execute(text("SELECT max(id) FROM payment")).scalar_one()
    moved = {"object_reference": mark, "amount_cents": -10, "fee_cents": 0, "moved_on": "2026-11-02"}
    add(connection, "gateway_movement", payment_id=payment, reference=mark, kind="refund", **moved)
    furnish_gateway(connection, mark, org)


def furnish_gateway(connection: Connection, mark: str, org: int) -> None:
    """What an organisation has at the gateway: as payer, as payee; the gateway's balance."""
    user = connection.execute(text("SELECT max(id) FROM app_user WHERE org_id = :org"), {"org": org}).scalar_one()
    add(connection, "gateway_customer", "org_id", org_id=org, reference=f"cus_{mark}")
    add(connection, "payment_rule", "org_id", org_id=org, methods=["card"], debit="wait")
    add(connection, "payment_means", code=f"means_{mark}", org_id=org, kind="card")
    account = add(connection, "connect_account", code=f"conn_{mark}", org_id=org, reference=f"acct_{mark}")
    asked = {"amount_cents": 50, "end_to_end_id": f"C{mark}", "proposed_by": user, "owner_id": org}
    paid = {"state": "paid", "approved_by": other_than(connection, user), "paid_on": "2026-11-02"}
    payout = add(connection, "payout", code=f"ptc_{mark}", connect_account_id=account, **asked, **paid)
    taken = {"payout_id": payout, "owner_id": org, "amount_cents": 10, "reason": "r", "proposed_by": user}
    connection.execute(text("SELECT set_config('app.role', 'system', true)"))
    reversal = add(connection, "transfer_reversal", code=f"rev_{mark}", **taken)
    invoice = connection.execute(text("SELECT max(id) FROM invoice")).scalar_one()
    add(
        connection, "transfer_reversal_line", "reversal_id", reversal_id=reversal, invoice_id=invoice,
        amount_cents=10, live=False,
    )  # fmt: skip
    line = {"kind": "charge", "amount_cents": 10, "fee_cents": 1, "currency": "EUR", "available": True}
    add(
        connection, "gateway_line", code=f"gwl_{mark}", reference=f"txn_{mark}", moved_on="2026-11-02",
        available_on="2026-11-02", **line,
    )  # fmt: skip
    add(connection, "gateway_reading", code=f"gwr_{mark}")
    add(connection, "gateway_payout", code=f"gpo_{mark}", amount_cents=10)


def other_than(connection: Connection, user: int) -> int:
    """Somebody else."""
    found = connection.execute(text("SELECT min(id) FROM app_user WHERE id <> :user"), {"user": user}).scalar_one()
    return int(found)


def furnish_conversions(
    connection: Connection, mark: str, parties: tuple[int, int], ids: tuple[int, int, int], mailing: int
) -> None:
    """What was reported to a programme, what it has used, a private offer."""
    (org, buyer), (programme, participation, base) = parties, ids
    add(connection, "programme_use", "programme_id", programme_id=programme, micros=1, conversions=1)
    conversion = add(
        connection,
        "conversion",
        code=f"conv_{mark}",
        programme_id=programme,
        advertiser_id=buyer,
        owner_id=org,
        participation_id=participation,
        mailing_id=mailing,
        position=1,
        link=1,
        number=0,
        kind="sale",
        reference=mark,
        price_micros=1,
        state="pending",
        source="api",
        happened_at="2026-11-01",
        due_at="2026-12-01",
    )
    add(
        connection, "conversion_sign", "conversion_id", conversion_id=conversion, advertiser_id=buyer, sign="burst",
        evidence="{}",
    )  # fmt: skip
    add(
        connection, "postback_refusal", "programme_id", programme_id=programme, advertiser_id=buyer, day="2026-11-01",
        reason="bad_signature", count=1, last_at="2026-11-01",
    )  # fmt: skip
    add(
        connection, "private_offer", code=f"off_{mark}", owner_id=org, owner_name="O", advertiser_id=buyer,
        advertiser_name="A", base_id=base, title="Offer", sector="retail", terms="{}", starts_on="2026-11-01",
        ends_on="2026-12-01",
    )  # fmt: skip


def furnish_news(connection: Connection, mark: str, owner: Somebody) -> None:
    """What an owner's people and programs were told, and a call of a program that is carried out once."""
    org, user = owner.org_id, owner.user_id
    about = {"kind": "order.placed", "object_kind": "order", "object_code": f"ord_{mark}", "facts": "{}"}
    event = add(connection, "notification_event", code=f"evt_{mark}", org_id=org, **about)
    told = {"event_id": event, "org_id": org, "user_id": user, "kind": "order.placed", "mail": "none"}
    add(connection, "notification", code=f"ntf_{mark}", **told)
    add(connection, "notification_choice", "kind", user_id=user, kind="order.placed", channel="digest")
    where = {"url": "https://hooks.shop.test", "label": "ERP", "kinds": ["*"]}
    endpoint = add(connection, "webhook_endpoint", code=f"whk_{mark}", org_id=org, **where)
    add(connection, "webhook_secret", endpoint_id=endpoint, org_id=org, sealed=b"sealed")
    delivery = add(connection, "webhook_delivery", code=f"msg_{mark}", endpoint_id=endpoint, org_id=org, event_id=event)
    add(connection, "webhook_attempt", "number", delivery_id=delivery, number=1, org_id=org, status=200)
    called = {"key": mark, "call": "POST /v1/orders", "body_hash": bytes(32)}
    add(connection, "api_once", "key", user_id=user, org_id=org, **called)


def furnish_roles(connection: Connection, mark: str, owner: Somebody, invoice: int) -> None:
    """What was agreed about invoices, what a register said, what a platform took."""
    org = owner.org_id
    signed = {"reference": mark, "signatory": "S", "signed_on": "2026-01-01"}
    add(connection, "role_contract", code=f"role_{mark}", org_id=org, role="principal", **signed)
    add(connection, "invoicing_mandate", code=f"mand_{mark}", org_id=org, **signed)
    add(connection, "invoice_contest", code=f"cont_{mark}", org_id=org, invoice_id=invoice, reason="r")
    add(connection, "vat_answer", org_id=org, vat_number="FR1", valid=True, source="fake")
    sums = {"net_cents": 100, "vat_cents": 20, "total_cents": 120, "sha256": bytes(32)}
    document = add(
        connection,
        "platform_document",
        code=f"plat_{mark}",
        flow="sales",
        invoice_id=invoice,
        number=mark,
        issued_on="2026-11-01",
        **sums,
    )
    told = {"status": 200, "state": "deposited", "reference": mark, "at": "2026-11-02"}
    add(connection, "platform_status", document_id=document, **told)
