"""Orders on paper and signed; agencies that order and pay; threads; what the database keeps by itself."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import Engine

from broker.accounts.act_for import acting_for
from broker.accounts.give_mandate import end_mandate, give_mandate, list_mandates
from broker.accounts.second_factor import confirm_second_factor, start_second_factor
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput
from broker.rentals.approve import approve_order
from broker.rentals.model import Order
from broker.rentals.order_paper import make_paper, order_pdf
from broker.rentals.place import place_order
from broker.rentals.quote import quote
from broker.rentals.review import ask_change, make_change
from broker.rentals.sign_order import set_purchase_order, sign_order, signatures
from broker.rentals.thread import mark_read, read_thread, unread_threads, write_message
from broker.rentals.thread_model import clean_message
from tests.store.money_scene import SETTINGS, MoneyScene, NoAudience
from tests.store.order_people_scene import PASSWORD, PeopleScene, build_people


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path: Path) -> PeopleScene:
    return build_people(admin_engine, worker_engine, web_engine, tmp_path)


def placed(scene: PeopleScene) -> Order:
    order = scene.money.quoted()
    with scene.money.web.begin(scene.advertiser) as unit:
        return place_order(unit, order.code, scene.creative())


def sign(scene: PeopleScene, order: Order, actor: Actor | None = None, **proof: str) -> str:
    with scene.money.web.begin(actor or scene.advertiser) as unit:
        proof = proof or {"password": PASSWORD}
        return sign_order(unit, scene.front, SETTINGS, order.code, **proof).code  # type: ignore[arg-type]


def pdf(scene: PeopleScene, order: Order, actor: Actor) -> bytes:
    with scene.money.web.begin(actor) as unit:
        return order_pdf(unit, SETTINGS, order.code)


def test_a_quote_has_a_paper_and_the_owner_none_of_it(scene: PeopleScene) -> None:
    order = scene.money.quoted()
    assert pdf(scene, order, scene.advertiser).startswith(b"%PDF")
    with pytest.raises(CourtierError) as refusal:
        pdf(scene, order, scene.owner)
    assert refusal.value.code == "not_found"
    with pytest.raises(Conflict) as conflict:
        sign(scene, order)
    assert conflict.value.code == "order_not_signable"


def test_a_signed_order_is_the_same_bytes_for_ever_and_hashes_what_was_signed(scene: PeopleScene) -> None:
    order = placed(scene)
    with pytest.raises(InvalidInput) as refusal:
        sign(scene, order, password="wrong")
    assert refusal.value.code == "wrong_password"
    sign(scene, order)
    raw = pdf(scene, order, scene.advertiser)
    scene.money.wait(1)
    assert pdf(scene, order, scene.advertiser) == pdf(scene, order, scene.broker) == raw
    with scene.money.web.begin(scene.advertiser) as unit:
        signature = signatures(unit, order)[0]
        paper = make_paper(unit, SETTINGS, order)
    assert signature.pdf_hash == hashlib.sha256(raw).digest()
    assert (signature.content_hash.hex(), signature.signer_name, signature.proof) == (
        paper.content_hash,
        "Advertiser Person",
        "password",
    )
    detail = scene.audit(order, "order.signed")
    assert detail["proof"] == "password"
    owners = pdf(scene, order, scene.owner)
    assert owners != raw
    with scene.money.web.begin(scene.owner) as unit:
        assert unit.scalar("SELECT signed_paper(:id)", id=order.id) is None


def test_who_has_a_second_factor_signs_by_it_and_by_nothing_else(scene: PeopleScene) -> None:
    order = placed(scene)
    with scene.money.web.begin(scene.advertiser) as unit:
        secret = start_second_factor(unit, scene.front, "me").secret
        totp = pyotp.TOTP(secret)
        now = int(unit.scalar("SELECT extract(epoch FROM clock_timestamp())"))
        confirm_second_factor(unit, scene.front, totp.at(now))
    for proof in ({"password": PASSWORD}, {"one_time_code": totp.at(now)}):  # a code counts once
        with pytest.raises(InvalidInput) as refusal:
            sign(scene, order, **proof)
        assert refusal.value.code == "wrong_code"
    sign(scene, order, one_time_code=totp.at(now + 30))
    with scene.money.web.begin(scene.advertiser) as unit:
        assert signatures(unit, order)[0].proof == "one_time_code"


def test_a_signature_does_not_change_and_freezes_the_order(scene: PeopleScene) -> None:
    order = placed(scene)
    with scene.money.web.begin(scene.advertiser) as unit:
        set_purchase_order(unit, order.code, "PO-1")
    sign(scene, order)
    with pytest.raises(Conflict) as refusal:
        sign(scene, order)
    assert refusal.value.code == "order_signed"
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.advertiser) as unit:
        set_purchase_order(unit, order.code, "PO-2")
    assert refusal.value.code == "order_signed"
    for sql in (
        "UPDATE order_signature SET signer_name = 'Somebody' WHERE order_id = :id",
        "DELETE FROM order_signature WHERE order_id = :id",
    ):
        with pytest.raises(Conflict), scene.money.worker.begin() as unit:
            unit.run(sql, id=order.id)


def test_a_changed_message_sets_the_signature_aside(scene: PeopleScene) -> None:
    order = placed(scene)
    sign(scene, order)
    with scene.money.web.begin(scene.owner) as unit:
        ask_change(unit, order.code, "Less red")
    colleague = replace(scene.advertiser, user_id=None, name="Colleague")
    with scene.money.web.begin(colleague) as unit:
        changed = make_change(unit, order.code, scene.creative("better"))
    sign(scene, changed)
    with scene.money.web.begin(scene.advertiser) as unit:
        found = signatures(unit, order)
    assert [(one.version, one.superseded_at is None) for one in found] == [(2, True), (1, False)]
    assert found[0].content_hash != found[1].content_hash


def test_two_people_sign_at_once_and_one_signature_stands(scene: PeopleScene) -> None:
    order = placed(scene)
    outcome: list[str] = []

    def once() -> None:
        try:
            outcome.append(sign(scene, order)[:3])
        except CourtierError as error:
            outcome.append(error.code)

    threads = [threading.Thread(target=once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcome) == ["order_signed", "sig"]


def test_an_agency_orders_in_a_clients_name_and_is_invoiced_as_the_mandate_says(scene: PeopleScene) -> None:
    with scene.money.web.begin(scene.advertiser) as unit:
        give_mandate(unit, scene.code_of(scene.agency), "agency")
    client = scene.code_of(scene.advertiser)
    with scene.money.web.begin(scene.agency) as unit:
        acting = acting_for(unit, scene.agency, client)
    with scene.money.web.begin(acting) as unit:
        order = quote(unit, NoAudience(), SETTINGS, scene.money.card_code, 30_000)
        set_purchase_order(unit, order.code, "PO-AG-5")
        place_order(unit, order.code, scene.creative())
    sign(scene, order, acting)
    with scene.money.web.begin(acting) as unit:
        assert signatures(unit, order)[0].signer_org == "Agence Lune"
    with scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    scene_money = replace(scene.money, advertiser=acting)
    paid = pay(scene_money, order)
    scene_money.settled(paid, 29_000)
    with scene.money.worker.begin() as unit:
        buyers = unit.all(
            "SELECT kind, buyer_id FROM invoice WHERE order_id = :id AND kind IN ('deposit', 'invoice', 'credit_note')",
            id=order.id,
        )
        books = unit.scalar(
            "SELECT coalesce(sum(debit_cents), 0) - coalesce(sum(credit_cents), 0) FROM ledger_posting"
            " WHERE account IN ('411', '4191') AND org_id = :org",
            org=scene.agency.org,
        )
        strangers = unit.scalar(
            "SELECT count(*) FROM ledger_posting WHERE account IN ('411', '4191') AND org_id = :org",
            org=scene.advertiser.org,
        )
    assert {row.kind for row in buyers} == {"deposit", "invoice", "credit_note"}
    assert {row.buyer_id for row in buyers} == {scene.agency.org}
    assert (books, strangers) == (0, 0)


def pay(money: MoneyScene, order: Order) -> Order:
    gateway = FakeGateway(money.web)
    with money.web.begin(money.advertiser) as unit:
        payment = start_payment(unit, SETTINGS, gateway, order.code)
    book_payment(money.worker, SETTINGS, gateway, payment.id)
    return order


def test_an_agency_without_a_mandate_of_today_acts_for_nobody(scene: PeopleScene) -> None:
    client = scene.code_of(scene.advertiser)
    with scene.money.web.begin(scene.advertiser) as unit:
        code = give_mandate(unit, scene.code_of(scene.agency), "advertiser").code
    with scene.money.web.begin(scene.agency) as unit:
        acting = acting_for(unit, scene.agency, client)
        end_mandate(unit, code)
        with pytest.raises(Forbidden):
            acting_for(unit, scene.agency, client)
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(acting) as unit:  # an actor made up by somebody
        quote(unit, NoAudience(), SETTINGS, scene.money.card_code, 30_000)
    assert refusal.value.details["constraint"] == "order_mandate"
    with scene.money.web.begin(scene.money.stranger) as unit:
        assert list_mandates(unit) == []


def test_the_database_lets_no_agency_give_itself_a_mandate(scene: PeopleScene) -> None:
    sql = (
        "INSERT INTO agency_mandate (code, agency_id, advertiser_id, bill_to, starts_on)"
        " VALUES ('man_forged', :agency, :advertiser, 'agency', '2026-01-01')"
    )
    parties = {"agency": scene.agency.org, "advertiser": scene.advertiser.org}
    acting = replace(scene.advertiser, agency_id=scene.agency.org)
    for actor in (scene.agency, acting, scene.owner):
        with pytest.raises(Exception, match="row-level security"), scene.money.web.begin(actor) as unit:
            unit.run(sql, **parties)


def test_a_quotes_messages_are_not_the_owners_and_names_wait_for_the_approval(scene: PeopleScene) -> None:
    order = scene.money.quoted()
    with scene.money.web.begin(scene.advertiser) as unit:
        write_message(unit, order.code, "Can it be cheaper?")
    with scene.money.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative())
    with scene.money.web.begin(scene.broker) as unit:
        assert [one.writer for one in read_thread(unit, order.code)] == ["Advertiser Person"]
        assert order.code in {one.order_code for one in unread_threads(unit)}
    with scene.money.web.begin(scene.owner) as unit:
        assert read_thread(unit, order.code) == []
        write_message(unit, order.code, "Hello")
        assert unread_threads(unit) == []
    with scene.money.web.begin(scene.advertiser) as unit:
        assert [(one.party, one.writer, one.unread) for one in read_thread(unit, order.code)] == [
            ("advertiser", "Advertiser Person", False),
            ("owner", "", True),
        ]
        assert [one.order_code for one in unread_threads(unit)] == [order.code]
        assert not any(one.unread for one in mark_read(unit, order.code))
        assert unread_threads(unit) == []
    with scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    with scene.money.web.begin(scene.advertiser) as unit:
        assert [one.writer for one in read_thread(unit, order.code)] == ["Advertiser Person", "Owner Person"]
    with scene.money.web.begin(scene.money.stranger) as unit:
        assert unit.all("SELECT * FROM order_thread(:id)", id=order.id) == []
        assert unit.scalar("SELECT write_message('msg_x', :id, 'x', 'x')", id=order.id) is None


@pytest.mark.parametrize(
    "text",
    [
        "Write to anna@shop.test",
        "anna (at) shop.test",
        "Call +33 6 12 34 56 78",
        "5d41402abc4b2a76b9719d911017c592",
        "see https://courtier.test/contacts/abc123def",
        "   ",
        "x" * 4_001,
    ],
)
def test_a_message_holds_nothing_by_which_a_person_is_found(text: str) -> None:
    with pytest.raises(InvalidInput):
        clean_message(text)


@pytest.mark.parametrize("text", ["At 10:30 on 2026-12-01, 30,000 names at 33.33 EUR", "order_4t8w2b6d7m2k: fine?"])
def test_ordinary_messages_pass(text: str) -> None:
    assert clean_message(f" {text}\r\n") == text


def test_an_agency_neither_sees_nor_ends_a_competitors_mandate(scene: PeopleScene) -> None:
    with scene.money.web.begin(scene.advertiser) as unit:
        standing = give_mandate(unit, scene.code_of(scene.agency), "advertiser").code
    competitor = replace(scene.advertiser, agency_id=scene.owner.org)
    with scene.money.web.begin(competitor) as unit:
        assert unit.scalar("SELECT count(*) FROM agency_mandate") == 0
        assert unit.run("UPDATE agency_mandate SET state = 'ended'").rowcount == 0
    with scene.money.web.begin(scene.advertiser) as unit:
        end_mandate(unit, standing)
