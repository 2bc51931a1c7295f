"""Closed and regulated sectors: known by declaration or by words, held to their words and their age."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audience.parse import parse_rule
from broker.catalogue.creative_text_store import words_of
from broker.catalogue.sectors import asks_for_age, check_message, rules_for, sector_rules
from broker.kernel.errors import Conflict

TODAY = date(2026, 11, 22)
EVIN = "L'abus d'alcool est dangereux pour la santé, à consommer avec modération."


def test_the_data_is_whole() -> None:
    rules = sector_rules()
    assert {"cpf", "energy_renovation", "alcohol", "gambling", "credit"} <= {rule.key for rule in rules}
    for rule in rules:
        assert rule.codes, rule.key
        assert rule.law, rule.key
        assert all(rule.names.values()), rule.key
        assert (rule.kind == "forbidden") != bool(rule.wording["fr"] and rule.wording["en"])
        assert rule.until is None or rule.until > rule.since
    for day in (date(2015, 1, 1), date(2020, 11, 4), date(2020, 11, 5), TODAY):
        keys = [rule.key for rule in rules if rule.in_force(day)]
        assert len(keys) == len(set(keys)), day


@pytest.mark.parametrize(
    "text",
    [
        "Utilisez votre C.P.F.".replace(".", ""),
        "Votre Compte Personnel de Formation expire",
        "MON COMPTE FORMATION",
        "Rénovation énergétique à 1 €",
        "MaPrimeRénov' : vos travaux payés",
        "isolation pour 1 euro",
        "Une pompe à chaleur avec des aides de l'État",
        "Votre cigarette électronique",
        "Tradez le Forex",
    ],
)
def test_what_is_closed_is_refused_by_its_words(text: str) -> None:
    with pytest.raises(Conflict) as refusal:
        check_message((), text, "fr", TODAY)
    assert refusal.value.code == "sector_forbidden"


@pytest.mark.parametrize(
    "text",
    [
        "Nos manteaux d'hiver, livrés chez vous",
        "Une formation de cuisine pour débutants",
        "Une veste bordeaux et un pull champagne",
        "Isolez-vous du bruit avec ce casque",
        "Une carte de crédit n'est pas nécessaire",
        "La rénovation de notre boutique est finie",
    ],
)
def test_ordinary_messages_fall_under_nothing(text: str) -> None:
    assert rules_for((), text, TODAY) == []


def test_a_rule_holds_from_its_day_on() -> None:
    assert rules_for((), "rénovation énergétique", date(2025, 7, 1)) == []
    assert rules_for((), "rénovation énergétique", date(2025, 7, 2)) != []


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("Nos vins de Loire, à la bouteille.", False),
        (f"Nos vins de Loire, à la bouteille. {EVIN}", True),
        (f"Nos vins de Loire, à la bouteille. {EVIN.upper()}", True),
        ("Vins, la bouteille. L’abus d’alcool est dangereux pour la santé. À consommer avec modération", True),
        ("Vins, la bouteille. L'abus d'alcool est dangereux.", False),
    ],
)
def test_wine_needs_its_sentence_however_it_is_set(text: str, fine: bool) -> None:
    if fine:
        assert check_message((), text, "fr", TODAY)[0].age == 18
        return
    with pytest.raises(Conflict) as refusal:
        check_message((), text, "fr", TODAY)
    assert refusal.value.code == "sector_wording"


def test_a_declared_sector_needs_its_words_whatever_the_message_says() -> None:
    with pytest.raises(Conflict):
        check_message(("Credit",), "Nos offres", "fr", TODAY)
    assert check_message(("home",), "Nos offres", "fr", TODAY) == []


def test_the_words_of_pictures_count() -> None:
    assert EVIN in words_of(f'<p>Vins</p><img src="x" alt="{EVIN}"><style>.a{{b:c}}</style>')
    assert ".a{" not in words_of("<style>.a{b:c}</style>")


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        ("age >= 18", True),
        ("age > 17", True),
        ("age > 16", False),
        ("age between 18 and 30", True),
        ("age between 15 and 35", False),
        ("age in (20, 30)", True),
        ("age in (17, 30)", False),
        ("gender = F and age >= 21", True),
        ("gender = F or age >= 21", False),
        ("age >= 18 or age between 20 and 25", True),
        ("not age < 18", False),  # people of unknown age would be taken
        ("age <= 30", False),
        ("gender = F", False),
    ],
)
def test_a_selection_asks_for_the_age_only_if_everybody_is_known_to_have_it(rule: str, asks: bool) -> None:
    assert asks_for_age(parse_rule(rule), 18) is asks


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.sampled_from(["and", "or"]))
def test_what_asks_for_the_age_takes_nobody_younger(ages: list[int], op: str) -> None:
    rule = parse_rule(f" {op} ".join(f"age >= {age}" for age in ages))
    youngest = max(ages) if op == "and" else min(ages)
    assert asks_for_age(rule, 18) == (youngest >= 18)
