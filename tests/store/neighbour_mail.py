"""What the neighbours send and what comes of it: mailings, results, own mail, conversions, news."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.store.neighbour_rows import DISPATCH, Somebody, add, one


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
    add(connection, "dkim_key", code=f"dkim_{mark}", domain=f"mail.{mark}.test", selector="c1")
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
