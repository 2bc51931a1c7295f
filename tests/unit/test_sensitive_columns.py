"""What a base must not hold is refused by header and by values; what looks the same passes."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.bases.sensitive import Finding, ValueWatch, check_header, header_to_review, is_card, is_nir


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
        (["hétéro", "gay", "bi"] * 4, "sex life or orientation"),
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
    assert near is not None
    assert near.words == ("musulman",)


def test_check_digits() -> None:
    assert is_nir("255081416802538")
    assert is_nir("1840" + "32A" + "123456" + f"{97 - int('1840319123456') % 97:02d}")
    assert not is_nir("255081416802539")
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert not is_card("1234567890123452")


@pytest.mark.parametrize(
    "values",
    [
        ["FR7630006000011234567890189", "FR14 2004 1010 0505 0001 3M02 606"],
        ["123-45-6789", "219-09-9999"],
        ["AB123456C", "JG103759A"],
        ["12345678Z", "X1234567L"],
        ["85.07.30-033 28", "85073003328"],
        ["RSSMRA85T10A562S", "BNCGNN70A01F205X"],
    ],
)
def test_account_and_identity_numbers_of_neighbours_are_found_by_their_keys(values: list[str]) -> None:
    finding = by_values(values * 5)
    assert finding is not None
    assert finding.category in ("national identity number", "payment card or bank account")


@pytest.mark.parametrize("values", [["FR7630006000011234567890188"], ["12345678A"], ["A1B2C3D4E5F6"], ["85073003329"]])
def test_numbers_whose_key_is_wrong_are_references(values: list[str]) -> None:
    assert by_values(values * 10) is None


@pytest.mark.parametrize(
    ("header", "category"),
    [("Régime", "health"), ("Nationalité", "racial or ethnic origin"), ("Parti", "political opinions")],
)
def test_headers_that_may_be_either_are_for_a_person_to_look_at(header: str, category: str) -> None:
    assert check_header(header) is None
    asked = header_to_review(header)
    assert asked is not None
    assert asked[0] == category


@pytest.mark.parametrize("header", ["Catholique", "Médecin", "CNI", "Obs.", "Infos diverses", "Date d'accouchement"])
def test_more_headers_are_refused(header: str) -> None:
    assert check_header(header) is not None


@pytest.mark.parametrize(
    "header", ["Croissant", "Nom", "Médecin vétérinaire", "Numéro de carte fidélité", "Tour de taille", "Nombre d'avis"]
)
def test_their_neighbours_are_not(header: str) -> None:
    assert check_header(header) is None
    assert header_to_review(header) is None
