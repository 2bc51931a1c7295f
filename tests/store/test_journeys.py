"""Random journeys of orders: after every step the books balance, and sends, ledger and invoices say one sum."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from broker.billing.invoices.contests import contest_invoice, issue_correction, uphold_contest
from broker.billing.invoices.receipt_store import open_invoice
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.billing.report import revenue_report
from broker.billing.settle import settle_mailing
from broker.ledger.post import reverse
from broker.rentals.sale_terms import Role
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_roles import make_agent

ROLES: tuple[Role, ...] = ("principal", "agent_of_owner", "agent_of_advertiser")
BY_US = replace(SETTINGS, trade=replace(SETTINGS.trade, corrections_by="company"))
HOURS = SETTINGS.trade.bounce_freeze_hours + 1
JOURNEYS = st.tuples(
    st.booleans(),  # prepaid
    st.integers(0, 400),  # accepted
    st.integers(0, 30),  # uncertain
    st.integers(0, 60),  # bounced in time
    st.integers(0, 20),  # bounced too late
    st.lists(st.integers(1, 100), max_size=3),  # part payments, per cent
    st.booleans(),  # an entry reversed
    st.one_of(st.just(100), st.integers(0, 99)),  # contested, and taken back for so many per cent
    st.integers(1, 200),  # taken back whole: replaced by so many per cent of it
)


def check(scene: MoneyScene) -> None:
    """Every invariant, on the scene's own mailings and on the whole ledger."""
    with scene.worker.begin() as unit:
        assert not unit.all(
            "SELECT entry_id FROM ledger_posting GROUP BY entry_id HAVING sum(debit_cents) <> sum(credit_cents)"
        )
        assert unit.scalar("SELECT count(*) = coalesce(max(number), 0) FROM ledger_entry")
        assert unit.scalar(
            "SELECT coalesce(bool_and(s.micros = coalesce(a.micros, 0)), true) FROM mailing m"
            " CROSS JOIN LATERAL (SELECT coalesce(sum(price_micros), 0) AS micros FROM send s"
            "  WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.state = 'accepted'"
            "  AND (s.bounced_at IS NULL OR s.bounced_at > m.closed_at)) s"
            " LEFT JOIN LATERAL (SELECT sum(gross_micros) AS micros FROM accrual a WHERE a.mailing_id = m.id) a ON true"
            " WHERE m.owner_id = :owner",
            owner=scene.owner.org,
        )
        assert not unit.all(
            "SELECT account FROM (SELECT account, coalesce(org_id, 0) AS org_id, sum(debit_cents - credit_cents) AS c"
            " FROM ledger_posting GROUP BY 1, 2) p FULL JOIN (SELECT account, org_id, sum(debit_cents - credit_cents)"
            " AS c FROM ledger_balance GROUP BY 1, 2) b USING (account, org_id) WHERE p.c IS DISTINCT FROM b.c"
        )
        assert not unit.all(
            "SELECT mailing_id FROM (SELECT mailing_id, sum(gross_micros) AS g FROM accrual GROUP BY 1) a"
            " JOIN mailing m ON m.id = a.mailing_id JOIN (SELECT mailing_id, sum(gross_micros) AS g FROM accrual_sum"
            " GROUP BY 1) s USING (mailing_id) WHERE m.owner_id = :o AND a.g <> s.g",
            o=scene.owner.org,
        )
        report = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1))
        codes = {row.code for row in unit.all("SELECT code FROM mailing WHERE owner_id = :o", o=scene.owner.org)}
    for row in report.rows:
        if row.mailing in codes and row.settled:
            assert row.ledger_cents == row.invoice_cents == row.gross_cents
            assert abs(row.sends_micros - row.gross_cents * 10_000) <= 5_000
            assert row.owner_cents + row.commission_cents == row.gross_cents


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JOURNEYS, min_size=1, max_size=2), st.integers(2, 99_999), st.sampled_from(ROLES))
def test_every_journey_keeps_the_books_balanced_and_the_sums_equal(
    admin_engine: Engine,
    worker_engine: Engine,
    web_engine: Engine,
    journeys: list[tuple[bool, int, int, int, int, list[int], bool, int, int]],
    price: int,
    role: Role,
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine, price_micros=price)
    if role != "principal":
        make_agent(scene, role)
    for prepaid, accepted, uncertain, early, late, parts, reversing, taken, anew in journeys:
        order = scene.paid(5_000) if prepaid else scene.on_credit(5_000)
        check(scene)
        mailing, dispatch, _ = scene.mailing_of(order)
        scene.send(mailing, dispatch, accepted, uncertain=uncertain, bounced=min(early, accepted))
        check(scene)
        scene.wait(HOURS)
        for _ in range(2):
            settle_mailing(scene.worker, SETTINGS, mailing)
        with scene.worker.begin() as unit:
            unit.run(
                "UPDATE send s SET bounced_at = m.closed_at + interval '1 microsecond' FROM mailing m"
                " WHERE m.id = s.mailing_id AND m.id = :id AND s.dispatch_id = :dispatch AND s.bounced_at IS NULL"
                " AND s.state = 'accepted' AND s.position <= :late",
                id=mailing,
                dispatch=dispatch,
                late=late,
            )
        check(scene)
        pay(scene, mailing, parts[:1])
        correct(scene, mailing, taken, anew)
        check(scene)
        pay(scene, mailing, parts[1:])
        check(scene)
        if reversing:
            with scene.worker.begin() as unit:
                entry = unit.scalar("SELECT max(id) FROM ledger_entry WHERE journal = 'AC' AND reverses IS NULL")
                if entry is not None:
                    assert reverse(unit, entry, unit.today, "Extourne").id == reverse(unit, entry, unit.today, "x").id
            check(scene)


def correct(scene: MoneyScene, mailing: int, taken: int, anew: int) -> None:
    """The owner contests its document; it is credited in part, or whole and replaced. Open amounts stay positive."""
    with scene.web.begin(scene.accountant) as unit:
        row = unit.one(
            "SELECT number, net_cents FROM invoice WHERE mailing_id = :id AND kind IN ('self_bill', 'owner_invoice')",
            id=mailing,
        )
    net = 0 if row is None else int(row.net_cents) * taken // 100
    if row is None or not net:
        return
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, row.number, "x")
    with scene.web.begin(scene.accountant) as unit:
        new = max(1, net * anew // 100) if taken == 100 else None
        uphold_contest(unit, BY_US, contest.code, net, "", new)
    for _ in range(2):
        issue_correction(scene.worker, SETTINGS, contest.id)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT state FROM invoice_contest WHERE id = :id", id=contest.id) == "corrected"
        assert not unit.all(
            "SELECT i.number FROM invoice i JOIN invoice c ON c.corrects_id = i.id GROUP BY i.id"
            " HAVING sum(c.total_cents) > i.total_cents OR sum(c.vat_cents) > i.vat_cents"
        )
        owed = unit.one(
            "SELECT coalesce(sum(p.credit_cents - p.debit_cents) FILTER (WHERE p.account = '4197'), 0) AS back,"
            " coalesce(sum(p.credit_cents - p.debit_cents) FILTER (WHERE p.account = '44574'), 0) AS waiting"
            " FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"
            " WHERE p.org_id = :adv OR p.account = '44574' AND e.piece_ref IN (SELECT number FROM invoice"
            "  WHERE seller_id IN (:owner) OR buyer_id IN (:owner, :adv))",
            adv=scene.advertiser.org,
            owner=scene.owner.org,
        )
    assert owed is not None
    assert owed.back >= 0
    assert owed.waiting >= 0


def pay(scene: MoneyScene, mailing: int, parts: list[int]) -> None:
    with scene.web.begin(scene.accountant) as unit:
        row = unit.one(
            "SELECT number, total_cents - deposit_cents AS due FROM invoice"
            " WHERE mailing_id = :id AND kind IN ('invoice', 'owner_invoice')",
            id=mailing,
        )
    if row is None:
        return
    for part in parts:
        with scene.web.begin(scene.accountant) as unit:
            found = open_invoice(unit, row.number)
            assert found is not None
            assert found.open_cents >= 0
            cents = int(found.open_cents) * part // 100
        if cents:
            with scene.web.begin(scene.accountant) as unit:
                receipt = receive_transfer(unit, cents, unit.today, secrets.token_hex(8), "P", row.number)
            book_receipt(scene.worker, receipt.id)
