"""Orders: the state table in code, database and docs; who may take which step; two at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.rentals.approve import approve_order, refuse_order
from broker.rentals.cancel import cancel_order, expire_orders
from broker.rentals.find import find_order, list_orders
from broker.rentals.model import TRANSITIONS, states_table
from broker.rentals.place import place_order
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def test_the_state_table_is_the_same_in_code_database_and_docs(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT from_state, to_state, parties FROM order_transition")
    stored = {(row.from_state, row.to_state, frozenset(row.parties)) for row in rows}
    assert stored == {(step.start, step.end, frozenset(step.parties)) for step in TRANSITIONS}
    docs = Path(__file__).parents[2] / "docs" / "orders.md"
    assert states_table() in docs.read_text(encoding="utf-8")


def test_a_quote_prices_selects_and_adds_vat(scene: MoneyScene) -> None:
    order = scene.quoted(30_000, "gender = F and gender != M")
    assert order.price_micros == 35_333
    assert (order.net_cents, order.vat_cents) == (105_999, 21_200)
    assert order.size_shown == 40_000
    assert order.owner_name == ""


@pytest.mark.parametrize(
    ("volume", "select", "code"),
    [
        (4_900, "", "under_minimum"),
        (120_100, "", "over_size"),
        (40_100, "gender = F", "over_size"),
        (30_050, "", "volume_not_round"),
        (30_000, "age > 20", "select_not_offered"),
    ],
)
def test_a_quote_outside_the_card_is_refused(scene: MoneyScene, volume: int, select: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        scene.quoted(volume, select)
    assert refusal.value.code == code


def test_a_retired_card_is_not_quoted_nor_ordered(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    order = scene.quoted()
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE data_card SET state = 'retired' WHERE code = :c"), {"c": scene.card_code})
    with pytest.raises(Conflict) as refusal:
        scene.quoted()
    assert refusal.value.code == "card_retired"
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative)
    assert refusal.value.code == "card_retired"


def test_an_expired_quote_is_not_ordered(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    order = scene.quoted()
    scene.wait(16 * 24)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative)
    assert refusal.value.code == "quote_expired"
    with scene.worker.begin() as unit:
        assert expire_orders(unit) >= 1
        assert find_order(unit, order.code).state == "expired"


def test_an_unsigned_creative_is_refused(scene: MoneyScene) -> None:
    order = scene.quoted()
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.draft)
    assert refusal.value.code == "creative_not_signed"


def test_a_quote_is_its_advertisers_alone(scene: MoneyScene) -> None:
    order = scene.quoted()
    for actor in (scene.owner, scene.stranger):
        with pytest.raises(NotFound), scene.web.begin(actor) as unit:
            find_order(unit, order.code)
    with scene.web.begin(scene.advertiser) as unit:
        placed = place_order(unit, order.code, scene.creative)
        assert placed.owner_name == "Maison Œuvre"
    with scene.web.begin(scene.owner) as unit:
        assert find_order(unit, order.code).advertiser_name == "Manteaux"
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        approve_order(unit, order.code)
    with scene.web.begin(scene.stranger) as unit:
        assert list_orders(unit).total == 0


def test_approval_and_refusal_are_audited_with_their_reason(scene: MoneyScene) -> None:
    order = scene.ordered()
    with scene.web.begin(scene.owner) as unit:
        refused = refuse_order(unit, order.code, "A competitor of ours")
    assert (refused.state, refused.refusal) == ("refused", "A competitor of ours")
    with scene.worker.begin() as unit:
        detail = unit.scalar(
            "SELECT detail->>'reason' FROM audit_entry WHERE action = 'order.refused' AND object_id = :code",
            code=order.code,
        )
    assert detail == "A competitor of ours"


def test_two_owners_approve_at_once_and_one_wins(scene: MoneyScene) -> None:
    order = scene.ordered()
    ready, first_done = threading.Event(), threading.Event()
    outcome: list[str] = []

    def second() -> None:
        ready.wait(10)
        try:
            with scene.web.begin(scene.owner) as unit:
                first_done.set()
                refuse_order(unit, order.code, "late")  # waits for the row
                outcome.append("won")
        except CourtierError as error:
            outcome.append(error.code)

    thread = threading.Thread(target=second)
    thread.start()
    with scene.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
        ready.set()
        first_done.wait(10)
    thread.join(10)
    assert outcome == ["order_state"]
    with scene.web.begin(scene.owner) as unit:
        assert find_order(unit, order.code).state == "approved"


@pytest.mark.parametrize(
    ("party", "state"),
    [("advertiser", "approved"), ("advertiser", "refused"), ("owner", "cancelled"), ("owner", "paid")],
)
def test_the_database_stops_the_wrong_party(scene: MoneyScene, party: str, state: str) -> None:
    order = scene.ordered() if state != "paid" else scene.approved()
    actor = scene.advertiser if party == "advertiser" else scene.owner
    with pytest.raises(Conflict) as refusal, scene.web.begin(actor) as unit:
        unit.run("UPDATE rental_order SET state = :state WHERE code = :code", state=state, code=order.code)
    assert refusal.value.details["constraint"] == "order_party"


def test_the_database_stops_an_impossible_step_even_by_a_worker(scene: MoneyScene) -> None:
    order = scene.quoted()
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run("UPDATE rental_order SET state = 'paid' WHERE code = :code", code=order.code)
    assert refusal.value.details["constraint"] == "order_transition"


def test_terms_never_change(scene: MoneyScene) -> None:
    order = scene.quoted()
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run("UPDATE rental_order SET price_micros = 1 WHERE code = :code", code=order.code)
    assert refusal.value.details["constraint"] == "order_terms"


def test_an_order_names_its_cards_own_owner(scene: MoneyScene, admin_engine: Engine) -> None:
    order = scene.quoted()
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        unit.run(
            "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id,"
            " segment_id, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents, valid_until)"
            " SELECT 'order_forged', advertiser_id, :stranger, card_id, card_code, card_title, base_id, segment_id,"
            " volume, size_shown, price_micros, 2000, vat_bp, net_cents, vat_cents, valid_until"
            " FROM rental_order WHERE code = :code",
            stranger=scene.stranger.org,
            code=order.code,
        )
    assert refusal.value.details["constraint"] == "order_card"


def test_who_may_cancel_when(scene: MoneyScene) -> None:
    order = scene.ordered()
    with pytest.raises(CourtierError) as refusal, scene.web.begin(scene.owner) as unit:
        cancel_order(unit, order.code)
    assert refusal.value.code == "order_party"
    with scene.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    with scene.web.begin(scene.owner) as unit:
        assert cancel_order(unit, order.code, "changed our mind").state == "cancelled"
    paid = scene.paid()
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.advertiser) as unit:
        cancel_order(unit, paid.code)
    assert refusal.value.code == "cancel_the_mailing"
