"""One order over two bases: whoever is in both is written to by one of them, by a lot that is fair and repeatable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.database import UnitOfWork
from broker.mailings.desk_lot import lost_by_lot, lot
from broker.mailings.freeze_store import plan_of
from broker.mailings.store import mailing_by_id
from broker.rentals.terms_store import put_on_desk
from tests.store.audience_people import key_of, make_base, make_partner_list, person
from tests.store.count_scene import PEOPLE, Scene, scene
from tests.store.test_order_day import day_of, order_of, planned

__all__ = ["scene"]

SHARED = 1_000


def lost(unit: UnitOfWork, scene: Scene, mailing_id: int) -> set[bytes]:
    mailing = mailing_by_id(unit, mailing_id)
    assert mailing is not None
    both = {key_of(n) for n in range(PEOPLE - SHARED + 1, PEOPLE + 1)}
    return set(lost_by_lot(unit, scene.settings, mailing, plan_of(unit, mailing))) & both


def test_each_shared_person_goes_to_one_of_the_bases_and_about_half_to_each(scene: Scene) -> None:
    with scene.database.begin() as unit:
        other = replace(scene, base=make_base(unit, scene.owner))
        make_partner_list(unit, other.base, 1, [scene.advertiser])
        today = unit.today
    other.load([person(n, today) for n in range(PEOPLE - SHARED + 1, PEOPLE + 1_001)])
    day = day_of(scene, 12)
    with scene.database.begin() as unit:
        orders = [order_of(unit, one, 500, day) for one in (scene, other)]
        alone = order_of(unit, scene, 500, day)
        for order in orders:
            put_on_desk(unit, order, "desk_of_two")
        mailings = [planned(unit, order, day)[0] for order in (*orders, alone)]
        first, second = (lost(unit, scene, mailing) for mailing in mailings[:2])
        assert lost(unit, scene, mailings[2]) == set()
        assert first == lost(unit, scene, mailings[0])
        # What the one has lost the other has, and only people of both are drawn for.
        assert not first & second
        assert len(first | second) == SHARED
        assert abs(len(first) - SHARED / 2) < 100
        unit.run("UPDATE mailing SET state = 'cancelled' WHERE id = :id", id=mailings[1])
        assert unit.scalar("SELECT state FROM rental_order WHERE id = :id", id=orders[1]) == "cancelled"
        assert lost(unit, scene, mailings[0]) == set()


@given(st.binary(min_size=16, max_size=16), st.lists(st.text("abc", min_size=1), min_size=2, max_size=5, unique=True))
def test_exactly_one_order_has_the_highest_lot(person_key: bytes, codes: list[str]) -> None:
    lots = [lot("desk_x", person_key, code) for code in codes]
    assert lots.count(max(lots)) == 1
