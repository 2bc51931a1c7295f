"""Visits and attributes of products: matched like order lines, once each however often the file comes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.store.import_scene import Owner, make_owner

CONTACTS = "email;ref client\na@boite.example;C1\nb@boite.example;C2\n"


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    owner = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    owner.bring(CONTACTS)
    return owner


def test_visits_are_matched_by_reference_or_address_and_never_counted_twice(owner: Owner) -> None:
    file = "Réf client;Email;Date de visite;Magasin;Type de visite\nC1;;02/03/2026;Lyon;conseil\n"
    file += ";b@boite.example;03/03/2026;;\nC9;;03/03/2026;Lyon;\nC1;;pas une date;Lyon;\n"
    run = owner.bring(file, "visits")
    assert (run.state, run.rows_read, run.accepted, run.rejected) == ("building", 4, 2, 2)
    assert run.summary["reasons"] == {"unknown_customer": 1, "no_date": 1}
    again = owner.bring(file, "visits")
    assert (again.accepted, again.duplicates) == (0, 2)
    assert owner.all("SELECT day, shop, kind FROM visit WHERE base_id = :base ORDER BY day") == [
        (date(2026, 3, 2), "Lyon", "conseil"),
        (date(2026, 3, 3), None, None),
    ]


def test_a_visit_makes_nobody_a_customer(owner: Owner) -> None:
    owner.bring("email;date\na@boite.example;02/03/2026\n", "visits")
    assert owner.all("SELECT DISTINCT relation FROM contact WHERE base_id = :base") == [("prospect",)]


def test_order_numbers_quantities_and_attributes_of_products_are_kept(owner: Owner) -> None:
    file = "client;date;montant;commande;quantité;Taille de bague;couleur\n"
    owner.bring(file + "C1;02/03/2026;1 234,50;F-77;1,5;54;or\nC2;02/03/2026;10;;;;\n", "purchases")
    assert owner.all(
        "SELECT amount_cents, order_number, quantity, attributes FROM purchase WHERE base_id = :base ORDER BY id"
    ) == [(123_450, "F-77", Decimal("1.500"), {"taille_de_bague": "54", "couleur": "or"}), (1_000, None, None, None)]


def test_a_forbidden_attribute_of_a_product_is_refused(owner: Owner) -> None:
    file = "client;date;montant;Allergies\nC1;02/03/2026;10;gluten\n"
    run = owner.upload(file, "purchases", {"Allergies": "trait"})
    from_file = owner.run(run)
    assert from_file.summary["columns"]["Allergies"] == "refused"
    assert owner.all("SELECT attributes FROM purchase WHERE base_id = :base") == [(None,)]
