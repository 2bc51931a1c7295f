"""What a base must not hold is refused by header and by values; what looks the same passes."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.bases.sensitive import Finding, ValueWatch, check_header, is_card, is_nir


def by_values(values: list[str]) -> Finding | None:
    watch = ValueWatch()
    watch.look(Counter(values))
    return watch.finding()


@pytest.mark.parametrize(
    ("header", "category"),
    [
        ("Religion", "religion"),
        ("religious_beliefs", "religion"),
        ("Appartenance syndicale", "trade-union membership"),
        ("TradeUnion", "trade-union membership"),
        ("Opinion politique", "political opinions"),
        ("political party", "political opinions"),
        ("OrientationSexuelle", "sex life or orientation"),
        ("Groupe sanguin", "health"),
        ("État de santé", "health"),
        ("ethnicity", "racial or ethnic origin"),
        ("Race", "racial or ethnic origin"),
        ("casier judiciaire", "criminal convictions"),
        ("empreintes_digitales", "biometric data"),
        ("test ADN", "genetic data"),
        ("N° Sécu", "national identity number"),
        ("IBAN", "payment card or bank account"),
        ("Commentaires", "free text"),
    ],
)
def test_forbidden_headers_are_found_in_both_languages(header: str, category: str) -> None:
    finding = check_header(header)
    assert finding is not None
    assert finding.category == category


@pytest.mark.parametrize(
    "header",
    [
        "couleur_cheveux", "taille_bague", "Mensurations", "poids", "pointure", "tour de taille", "Race du chien",
        "magasin", "Croissant", "Beauté et santé", "Note satisfaction", "date", "origine du contact", "sexe", "prénom",
        "Moyen de paiement CB",
        "politique de confidentialité", "syndicat de copropriété", "course", "nationalité sportive",
    ],
)  # fmt: skip
def test_harmless_headers_pass(header: str) -> None:
    assert check_header(header) is None


@pytest.mark.parametrize(
    ("values", "category"),
    [
        (["catholique", "musulmane", "Juif", ""] * 5, "religion"),
        (["CGT", "CFDT", "aucun"] * 9, "trade-union membership"),
        (["golf|catholique", "tennis", "voile|protestant"] * 9, "religion"),
        (["hétérosexuel", "Homosexuelle"] * 4, "sex life or orientation"),
        (["diabète", "asthme", "rien", "rien"] * 5, "health"),
        (["2 55 08 14 168 025 38"] * 3, "national identity number"),
        (["4111 1111 1111 1111", "5500005555555559"] * 3, "payment card or bank account"),
        (["a appelé deux fois hier pour se plaindre du retard"] * 5, "free text"),
    ],
)
def test_forbidden_values_are_found_under_any_header(values: list[str], category: str) -> None:
    finding = by_values(values)
    assert finding is not None
    assert finding.category == category


@pytest.mark.parametrize(
    "values",
    [
        ["Paris Marais", "Le Croissant", "Lyon"] * 30,
        ["Dupont"] * 200 + ["Catholique"],
        ["Baptiste", "Christian", "Léa"] * 40,
        ["bélier", "cancer", "lion", "poissons"] * 20,
        ["gauche", "droite"] * 50,
        ["nord", "sud", "est"] * 20,
        ["brun", "blond", "noir", "blanc"] * 20,
        ["52", "54,5"] * 20,
        ["3017620422003", "3274080005003"] * 9,
        ["73282932000074"] * 9,
    ],
)
def test_harmless_values_pass(values: list[str]) -> None:
    assert by_values(values) is None


def test_a_single_odd_word_is_a_near_miss_for_a_person_to_look_at() -> None:
    watch = ValueWatch()
    watch.look(Counter(["Dupont"] * 500 + ["Musulman"]))
    assert watch.finding() is None
    near = watch.near_miss()
    assert near is not None and near.words == ("musulman",)


def test_check_digits() -> None:
    assert is_nir("255081416802538")
    assert is_nir("1840" + "32A" + "123456" + f"{97 - int('1840319123456') % 97:02d}")
    assert not is_nir("255081416802539")
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert not is_card("1234567890123452")
