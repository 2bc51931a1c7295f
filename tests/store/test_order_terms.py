"""Commercial terms of orders: credit, licences, names made good, net names, re-mails, options, forecasts."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.billing.end_orders import end_lapsed_orders
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.report import revenue_report
from broker.billing.settle import settle_mailing
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from broker.mailings.cancel import cancel_mailing
from broker.mailings.freeze_store import lock_day
from broker.mailings.schedule import schedule_order, schedule_use
from broker.rentals.approve import approve_order
from broker.rentals.availability import find_availability, take_option
from broker.rentals.cancel import cancel_order
from broker.rentals.credit import find_credit, order_on_credit, set_credit_limit
from broker.rentals.find import find_order
from broker.rentals.forecast import forecast_order
from broker.rentals.model import Order
from broker.rentals.place import place_order
from broker.rentals.quote import quote
from broker.rentals.remail import find_reached, quote_remail
from broker.rentals.terms import Asked
from broker.rentals.terms_store import add_make_good
from broker.rentals.uses import give_up_use, list_uses, plan_use
from tests.store.money_scene import SETTINGS, MoneyScene, NoAudience, build_scene


class Free(NoAudience):
    """An audience process that says how many are free on a day."""

    def __init__(self, free: int) -> None:
        self.free = free

    def count_for_advertiser(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        """The card whole, or what is free of it."""
        return {"shown": self.free}


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@pytest.fixture
def broker(scene: MoneyScene) -> Actor:
    return scene.person("broker")


def asked(scene: MoneyScene, terms: Asked, volume: int = 30_000, days: int | None = None) -> Order:
    with scene.web.begin(scene.advertiser) as unit:
        send_on = None if days is None else unit.today + timedelta(days=days)
        return quote(unit, NoAudience(), SETTINGS, scene.card_code, volume, "", send_on, terms)


def brought_to_approval(scene: MoneyScene, order: Order) -> Order:
    with scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative, NoAudience())
    with scene.web.begin(scene.owner) as unit:
        return approve_order(unit, order.code)


def now(scene: MoneyScene, order: Order) -> Order:
    with scene.worker.begin() as unit:
        return find_order(unit, order.code)


def code_of(scene: MoneyScene) -> str:
    with scene.worker.begin() as unit:
        return str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org))


def paid(scene: MoneyScene, order: Order) -> Order:
    brought_to_approval(scene, order)
    gateway = FakeGateway(scene.web)
    with scene.web.begin(scene.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    book_payment(scene.worker, SETTINGS, gateway, payment.id)
    return now(scene, order)


def settle_last(scene: MoneyScene, order: Order, accepted: int, run: tuple[int, int] | None = None) -> int:
    """Send and settle an order's newest mailing; `run` is (supplied, mailed) of net names."""
    with scene.worker.begin() as unit:
        row = unit.one(
            "SELECT m.id, m.dispatch_id FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id WHERE d.order_id = :id"
            " ORDER BY m.id DESC",
            id=order.id,
        )
        assert row is not None
        if run is not None:
            unit.run(
                "INSERT INTO net_name_count (mailing_id, supplied, mailed) VALUES (:id, :supplied, :mailed)",
                id=row.id,
                supplied=run[0],
                mailed=run[1],
            )
    scene.send(row.id, row.dispatch_id, accepted)
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, row.id)
    return int(row.id)


def documents(scene: MoneyScene, order: Order) -> list[tuple[str, int]]:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT kind, net_cents FROM invoice WHERE order_id = :id ORDER BY id", id=order.id)
    return [(row.kind, row.net_cents) for row in rows]


# Credit


def test_a_limit_is_the_brokers_to_set_and_the_first_order_is_prepaid(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    broker, advertiser = scene.person("broker"), code_of(scene)
    first = scene.approved(10_000)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        order_on_credit(unit, first.code)
    assert refusal.value.code == "no_credit_terms"
    with pytest.raises(Forbidden), scene.web.begin(scene.advertiser) as unit:
        set_credit_limit(unit, advertiser, 10**9)
    with scene.web.begin(broker) as unit:
        set_credit_limit(unit, advertiser, 100_000)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        order_on_credit(unit, first.code)
    assert refusal.value.code == "first_order_prepaid"
    scene.paid(10_000)
    with scene.web.begin(scene.advertiser) as unit:
        assert order_on_credit(unit, first.code).state == "on_credit"
        assert find_credit(unit).used_cents == first.total_cents
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'schedule_order'"
                           " AND (args ->> 'row_id')::bigint = :id", id=first.id) == 1  # fmt: skip
        schedule_order(unit, first.id)
    settle_last(scene, first, 10_000)
    with scene.web.begin(scene.advertiser) as unit:
        assert find_credit(unit).used_cents == first.total_cents  # the invoice is not paid
    with pytest.raises(NotFound), scene.web.begin(broker) as unit:
        set_credit_limit(unit, "org_nobody", 1)
    with pytest.raises(InvalidInput), scene.web.begin(broker) as unit:
        set_credit_limit(unit, advertiser, -1)


def test_two_orders_at_once_do_not_exceed_the_limit(scene: MoneyScene, broker: Actor) -> None:
    scene.paid(10_000)
    one, two = scene.approved(30_000), scene.approved(30_000)
    with scene.web.begin(broker) as unit:
        used = find_credit(unit, code_of(scene)).used_cents
        set_credit_limit(unit, code_of(scene), used + 2 * one.total_cents - 1)
    ready, outcome = threading.Event(), []

    def second() -> None:
        ready.wait(10)
        try:
            with scene.web.begin(scene.advertiser) as unit:
                order_on_credit(unit, two.code)  # waits for the terms' row
                outcome.append("won")
        except CourtierError as error:
            outcome.append(error.code)

    thread = threading.Thread(target=second)
    with scene.web.begin(scene.advertiser) as unit:
        order_on_credit(unit, one.code)
        thread.start()
        ready.set()
        thread.join(0.3)
        assert outcome == []
    thread.join(10)
    assert outcome == ["credit_limit"]
    assert (now(scene, one).state, now(scene, two).state) == ("on_credit", "approved")


# Licences


def test_a_licence_is_priced_prepaid_used_and_settled_use_by_use(scene: MoneyScene) -> None:
    order = paid(scene, asked(scene, Asked(uses=3), 10_000))
    assert order.net_cents == 33_333 + 2 * 16_666
    assert (order.state, order.sends) == ("scheduled", 30_000)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
    assert refusal.value.code == "use_not_now"
    settle_last(scene, order, 10_000)
    assert now(scene, order).state == "sent"
    with scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
        use = list_uses(unit, order)[0]
        assert (use.state, use.price_micros) == ("chosen", 16_666)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
    assert refusal.value.code == "use_not_now"
    with scene.worker.begin() as unit:
        mailing = schedule_use(unit, use.id)
        assert mailing is not None
        assert mailing.price_micros == 16_666
        assert schedule_use(unit, use.id) is None
    assert now(scene, order).state == "scheduled"
    settle_last(scene, order, 10_000)
    with scene.web.begin(scene.advertiser) as unit:
        give_up_use(unit, order.code)
    with scene.worker.begin() as unit:
        end_lapsed_orders(unit, SETTINGS)
    assert now(scene, order).state == "settled"
    found = documents(scene, order)
    assert [kind for kind, _ in found] == ["deposit", "invoice", "self_bill", "invoice", "self_bill", "credit_note"]
    invoiced = sum(cents for kind, cents in found if kind == "invoice")
    assert invoiced == 33_333 + 16_666
    assert order.net_cents == invoiced + found[-1][1]
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
    assert refusal.value.code == "no_use_left"


def test_uses_not_taken_in_time_lapse_and_are_credited(scene: MoneyScene) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        until = unit.today + timedelta(days=20)
    order = paid(scene, asked(scene, Asked(uses=2, use_until=until), 10_000))
    settle_last(scene, order, 10_000)
    with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, until + timedelta(days=1))
    assert refusal.value.code == "after_licence"
    scene.wait(21 * 24)
    with scene.worker.begin() as unit:
        end_lapsed_orders(unit, SETTINGS)
    assert now(scene, order).state == "settled"
    assert documents(scene, order)[-1] == ("credit_note", order.net_cents - 33_333)


def test_a_use_that_its_advertiser_stops_three_times_is_given_up_and_the_owners_stops_do_not_count(
    scene: MoneyScene,
) -> None:
    order = paid(scene, asked(scene, Asked(uses=2), 10_000))
    settle_last(scene, order, 10_000)

    def stopped_by(side: Actor) -> tuple[int, str]:
        with scene.web.begin(scene.advertiser) as unit:
            plan_use(unit, order.code, unit.today)
            use = list_uses(unit, order)[0]
        with scene.worker.begin() as unit:
            mailing = schedule_use(unit, use.id)
        assert mailing is not None
        with scene.web.begin(side) as unit:
            cancel_mailing(unit, mailing.code, "another day")
        assert now(scene, order).state == "sent"
        with scene.web.begin(scene.advertiser) as unit:
            use = list_uses(unit, order)[0]
        return use.stops, use.state

    sides = (scene.advertiser, scene.owner, scene.owner, scene.owner, scene.advertiser, scene.advertiser)
    assert [stopped_by(side) for side in sides] == [(1, "open")] * 4 + [(2, "open"), (3, "given_up")]
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
    assert refusal.value.code == "no_use_left"


def test_only_the_advertiser_uses_its_order(scene: MoneyScene) -> None:
    order = paid(scene, asked(scene, Asked(uses=2), 10_000))
    settle_last(scene, order, 10_000)
    with pytest.raises(CourtierError) as refusal, scene.web.begin(scene.owner) as unit:
        plan_use(unit, order.code, unit.today)
    assert refusal.value.code in ("forbidden", "order_party")


# Net names


def test_net_names_are_billed_by_their_clause_and_everything_agrees(scene: MoneyScene) -> None:
    order = paid(scene, asked(scene, Asked(net_names=True), 30_000))
    mailing = settle_last(scene, order, 24_000, run=(30_000, 24_300))
    sends, floor, run = 24_000 * 33_333, 1_200 * 33_333, 4_500 * 5_000
    net = round((sends + floor + run) / 10_000)
    kinds = dict(documents(scene, order))
    assert kinds["invoice"] == net
    assert kinds["credit_note"] == order.net_cents - net
    with scene.worker.begin() as unit:
        lines = unit.all(
            "SELECT l.line, l.quantity, l.amount_micros, l.net_cents, l.mailing_id FROM invoice_line l"
            " JOIN invoice i ON i.id = l.invoice_id WHERE i.order_id = :id AND i.kind = 'invoice' ORDER BY l.line",
            id=order.id,
        )
        today = unit.today
    assert [(row.quantity, row.amount_micros) for row in lines] == [(24_000, sends), (1_200, floor), (4_500, run)]
    assert sum(row.net_cents for row in lines) == net
    assert [row.mailing_id for row in lines] == [mailing, None, None]
    with scene.web.begin(scene.accountant) as unit:
        report = revenue_report(unit, today - timedelta(days=400), today + timedelta(days=400))
    row = next(row for row in report.rows if row.invoice_cents == net and row.invoice)
    assert report.balanced
    assert (row.sends_micros, row.other_micros) == (sends, floor + run)
    assert row.owner_cents + row.commission_cents == net


def test_a_stopped_run_pays_no_floor(scene: MoneyScene) -> None:
    order = paid(scene, asked(scene, Asked(net_names=True), 30_000))
    mailing, _, _ = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        unit.run("INSERT INTO net_name_count VALUES (:id, 30000, 20000)", id=mailing)
        for state in ("frozen", "cancelled"):
            unit.run("UPDATE mailing SET state = :state, ended_at = app_now() WHERE id = :id", state=state, id=mailing)
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, mailing)
    assert now(scene, order).state == "cancelled"
    assert documents(scene, order) == [("deposit", order.net_cents), ("credit_note", order.net_cents)]


# Names made good


def owed(scene: MoneyScene, order: Order, names: int) -> None:
    with scene.worker.begin() as unit:
        add_make_good(unit, order.id, names, unit.today + timedelta(days=90))


def test_names_made_good_cost_nothing_and_keep_the_order_open_until_they_are_sent(scene: MoneyScene) -> None:
    order = paid(scene, asked(scene, Asked(shortfall="guaranteed", remedy="make_good"), 10_000))
    owed(scene, order, 2_000)
    settle_last(scene, order, 8_000)
    assert now(scene, order).state == "sent"
    with scene.web.begin(scene.advertiser) as unit:
        plan_use(unit, order.code, unit.today)
        use = list_uses(unit, order)[0]
    assert (use.kind, use.volume, use.price_micros) == ("make_good", 2_000, 0)
    with scene.worker.begin() as unit:
        schedule_use(unit, use.id)
    settle_last(scene, order, 2_000)
    assert now(scene, order).state == "settled"
    found = documents(scene, order)
    assert [cents for kind, cents in found if kind == "invoice"] == [round(8_000 * 33_333 / 10_000)]
    assert found[-1] == ("credit_note", order.net_cents - round(8_000 * 33_333 / 10_000))


# Options


def test_an_option_holds_a_quotes_day_once_and_lapses(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    order = asked(scene, Asked(), 10_000, days=12)
    assert order.held_until is None
    with scene.web.begin(scene.advertiser) as unit:
        held = take_option(unit, NoAudience(), SETTINGS, order.code)
        assert held.held_until == unit.now + timedelta(days=5)
        assert find_availability(unit, NoAudience(), order.code).held == "option"
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        take_option(unit, NoAudience(), SETTINGS, order.code)
    assert refusal.value.code == "option_taken"
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        find_order(unit, order.code)
    scene.wait(5 * 24 + 1)
    with scene.web.begin(scene.advertiser) as unit:
        assert find_availability(unit, NoAudience(), order.code).held == "none"
        placed = place_order(unit, order.code, scene.creative, NoAudience())
        assert placed.held_until == unit.now + timedelta(days=5)
        assert cancel_order(unit, order.code).held_until is None


def test_options_are_few_and_need_a_day(scene: MoneyScene) -> None:
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        take_option(unit, NoAudience(), SETTINGS, asked(scene, Asked(), 10_000).code)
    assert refusal.value.code == "no_send_date"
    for number in range(4):
        order = asked(scene, Asked(), 10_000, days=30 + number)
        if number < 3:
            with scene.web.begin(scene.advertiser) as unit:
                take_option(unit, NoAudience(), SETTINGS, order.code)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        take_option(unit, NoAudience(), SETTINGS, order.code)
    assert refusal.value.code == "too_many_options"


def test_what_is_not_free_is_neither_quoted_nor_placed(scene: MoneyScene) -> None:
    order = asked(scene, Asked(shortfall="guaranteed"), 30_000, days=50)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative, Free(20_000))
    assert refusal.value.code == "not_free"
    with pytest.raises(InvalidInput) as told, scene.web.begin(scene.advertiser) as unit:
        quote(unit, Free(20_000), SETTINGS, scene.card_code, 30_000, "", unit.today + timedelta(days=50))
    assert told.value.code == "not_free"
    with scene.web.begin(scene.advertiser) as unit:  # up to its volume, it takes what there is
        up_to = asked(scene, Asked(), 30_000, days=50)
        assert place_order(unit, up_to.code, scene.creative, Free(20_000)).state == "ordered"


# Re-mails


def test_a_re_mail_is_a_quote_at_the_re_use_rate_for_those_reached(scene: MoneyScene) -> None:
    order = scene.paid(10_000)
    mailing, dispatch, code = scene.mailing_of(order)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        find_reached(unit, SETTINGS.disclosure, code)
    assert refusal.value.code == "mailing_not_sent"
    scene.send(mailing, dispatch, 9_970, bounced=20)
    with scene.worker.begin() as unit:
        unit.run(
            "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict)"
            " SELECT :dispatch, :mailing, n, 1, CASE WHEN n <= 1250 THEN 'human' ELSE 'scanner' END"
            " FROM generate_series(101, 3000) n",
            dispatch=dispatch,
            mailing=mailing,
        )
    with scene.web.begin(scene.advertiser) as unit:
        reached = find_reached(unit, SETTINGS.disclosure, code)
        assert (reached.clickers, reached.non_clickers) == (1_100, 8_800)
        again = quote_remail(unit, SETTINGS, code, "clickers")
        assert (again.volume, again.price_micros, again.list_price_micros) == (1_100, 16_666, 33_333)
        assert (again.remail_of, again.remail_who) == (code, "clickers")
        with pytest.raises(InvalidInput) as odd:
            quote_remail(unit, SETTINGS, code, "everybody")
        assert odd.value.code == "bad_remail"
        with pytest.raises(InvalidInput) as odd:
            quote_remail(unit, SETTINGS, code, "clickers", 1_200)
        assert odd.value.code == "over_size"
    with pytest.raises((NotFound, Forbidden)), scene.web.begin(scene.stranger) as unit:
        find_reached(unit, SETTINGS.disclosure, code)


def test_the_database_refuses_a_re_mail_of_a_mailing_that_was_not_sent(scene: MoneyScene) -> None:
    order = scene.paid(10_000)
    mailing, _, _ = scene.mailing_of(order)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        unit.run(
            "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id,"
            " segment_id, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents, valid_until,"
            " remail_of, remail_who) SELECT 'order_remailed', advertiser_id, owner_id, card_id, card_code, card_title,"
            " base_id, segment_id, volume, size_shown, price_micros, 2000, vat_bp, net_cents, vat_cents, valid_until,"
            " :mailing, 'clickers' FROM rental_order WHERE code = :code",
            mailing=mailing,
            code=order.code,
        )
    assert refusal.value.details["constraint"] == "order_remail_of"


@pytest.mark.parametrize("column", ["discount_bp = 5000", "uses = 2", "net_names = true", "reuse_price_micros = 1"])
def test_these_terms_never_change_either(scene: MoneyScene, column: str) -> None:
    order = asked(scene, Asked(), 10_000)
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run(f"UPDATE rental_order SET {column} WHERE code = :code", code=order.code)
    assert refusal.value.details["constraint"] in ("order_terms", "order_licence")


# Forecast


def test_nothing_is_forecast_where_too_few_stand_behind_it(scene: MoneyScene) -> None:
    order = asked(scene, Asked(), 10_000)
    with scene.web.begin(scene.advertiser) as unit:
        assert forecast_order(unit, order) is None


def test_a_discount_lowers_the_price_and_its_parts_agree(scene: MoneyScene) -> None:
    order = asked(scene, Asked(discount_bp=1_500), 30_000)
    assert order.price_micros == 28_333
    assert order.net_cents == 84_999
    assert order.net_cents + order.discount_cents == pytest.approx(99_999, abs=3)


def sent_before(scene: MoneyScene, advertiser: int, mails: int, clickers: int) -> None:
    """A mailing of some advertiser on the card, sent a while ago."""
    order = scene.paid(10_000)
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, mails)
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET advertiser_id = :id WHERE id = :mailing", id=advertiser, mailing=mailing)
        unit.run(
            "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict)"
            " SELECT :dispatch, :mailing, n, 1, 'human' FROM generate_series(1, :clickers) n, generate_series(1, 2)",
            dispatch=dispatch,
            mailing=mailing,
            clickers=clickers,
        )


def test_a_forecast_needs_three_mailings_of_two_advertisers_and_counts_people(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    order = asked(scene, Asked(), 30_000)
    for advertiser, clickers in ((scene.advertiser.org, 20), (scene.advertiser.org, 22), (scene.company, 18)):
        with scene.web.begin(scene.advertiser) as unit:
            assert forecast_order(unit, order) is None
        sent_before(scene, advertiser, 2_000, clickers)
        scene.wait(25)
    with scene.web.begin(scene.advertiser) as unit:
        found = forecast_order(unit, order)
    assert found is not None
    assert (found.basis, found.mailings, found.clicks) == ("card", 3, 300)
    assert found.low < 300 < found.high
    assert found.owner_cents is None
    assert found.click_cents == round(order.net_cents / 300)
    with scene.worker.begin() as unit:
        of_owner = forecast_order(unit, find_order(unit, order.code))
    assert of_owner is not None
    assert of_owner.owner_cents == order.net_cents * 8_000 // 10_000


def test_freezes_for_one_day_stand_in_line(scene: MoneyScene) -> None:
    """Else two workers would draw the same people for two orders, neither seeing what the other took."""
    went = threading.Event()
    with scene.worker.begin() as unit:
        day = unit.today + timedelta(days=3)

    def second() -> None:
        with scene.worker.begin() as unit:
            lock_day(unit, day + timedelta(days=1))  # another day does not wait
            lock_day(unit, day)
            went.set()

    thread = threading.Thread(target=second)
    with scene.worker.begin() as unit:
        lock_day(unit, day)
        thread.start()
        assert not went.wait(0.3)
    thread.join(10)
    assert went.is_set()


def test_an_owner_reads_no_discount(scene: MoneyScene) -> None:
    order = brought_to_approval(scene, asked(scene, Asked(discount_bp=1_500), 10_000))
    assert (order.discount_bp, order.list_price_micros, order.price_micros) == (0, 28_333, 28_333)
    assert (now(scene, order).discount_bp, now(scene, order).list_price_micros) == (1_500, 33_333)
