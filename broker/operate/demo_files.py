"""Files as shops really export them, for the demo, the benchmarks and the tests: dirty, in cp1252, separated by `;`.

The same seed writes the same bytes. Every accepted row is a distinct person; around them stand what real files bring:
duplicates in another case, misspelt domains, invalid and missing addresses, children, missing consent, a column that
no base may hold, quoted line breaks, a spreadsheet formula, short and long lines.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from broker.bases.fields import data_rows
from broker.operate import demo_people as words

AS_OF = date(2026, 6, 30)  # the day of the export
HEADERS = (
    "Référence client;Civilité;Nom;Prénom;Email;Téléphone;Portable;Adresse;Code postal;Ville;Date de naissance;"
    "Situation familiale;Profession;Revenu annuel;Type de contact;{sensitive};couleur_cheveux;taille_bague;"
    "centres_interet;carte_fidelite_active;Date consentement;Source consentement;Texte consentement;Version formulaire;"
    "Version liste partenaires"
)
PURCHASE_HEADERS = "Référence client;Date;Montant TTC;Marge;Produit;Catégorie;Moyen de paiement;Magasin;Devise"
_WORDING = (
    "J'accepte de recevoir par e-mail les offres des partenaires dont la liste m'est présentée.",
    "Oui, je souhaite recevoir les offres des partenaires de la maison par courrier électronique.",
)
_SOURCES = (
    ("https://boutique.example/inscription", "F-2023-04"),
    ("https://boutique.example/carte-fidelite", "F-2024-01"),
    ("https://jeu-concours.example/printemps", "F-2025-02"),
)
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class People:
    """What the purchase log needs to know: references, and since when each is a customer (day before the export)."""

    references: list[str]
    customer: npt.NDArray[np.bool_]
    known_days: npt.NDArray[np.int64]
    theme: int
    as_of: date


def write_contacts(file: Path, contacts: int, seed: int, as_of: date = AS_OF) -> People:
    """Write a file of which `contacts` rows are accepted (about 7 % more rows than that)."""
    draw = np.random.default_rng(seed)
    theme = seed % len(words.SHOPS)
    sensitive, sensitive_words, _, _ = words.SHOPS[theme]
    good = _people(draw, contacts, as_of, theme)
    emails = _addresses(draw, good["first"], good["last"], good["birth"])
    rows = _rows(draw, good, emails, sensitive_words, as_of)
    copies = draw.choice(contacts, int(contacts * 0.035) + 1, replace=False)
    duplicates = [_as_duplicate(rows[number], draw) for number in copies.tolist()]
    bad = _bad_rows(draw, max(4, contacts // 33), as_of, theme, sensitive_words)
    everything = rows + duplicates + bad
    # The first row of a pair is the one kept, whichever it is; order is as in a shop's export, by no rule.
    order = draw.permutation(len(everything))
    lines = [HEADERS.format(sensitive=sensitive)]
    for place, number in enumerate(order.tolist()):
        lines.append(";".join(everything[number]))
        if place % 9_973 == 500:
            lines.append("")
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252", "replace"))
    return People(good["reference"].tolist(), good["customer"], good["known_days"], theme, as_of)


def write_purchases(file: Path, people: People, seed: int) -> int:
    """Write the order lines of these people and return their number (about 1.7 for each contact).

    Habits are gamma-Poisson: each customer buys at a rate of its own, drawn from a gamma distribution (Ehrenberg's
    NBD), has one or two favoured categories, a shop and a way to pay; some goods come back.
    """
    draw = np.random.default_rng(seed + 7_919)
    _, _, categories, shops = words.SHOPS[people.theme]
    buyers = np.flatnonzero(people.customer)
    rate = draw.gamma(0.7, 1.25 / 365, len(buyers))  # purchases a day
    times = 1 + draw.poisson(rate * people.known_days[buyers])
    who = np.repeat(buyers, times)
    total = len(who)
    days_ago = (draw.random(total) * people.known_days[who]).astype(np.int64)
    favourite = draw.integers(0, len(categories), len(people.references))
    category = np.where(draw.random(total) < 0.65, favourite[who], draw.integers(0, len(categories), total))
    taste = draw.gamma(9.0, 1 / 9.0, len(people.references))  # what each is used to spending
    prices = np.array([price for _, _, price in categories])
    cents = np.round(prices[category] * taste[who] * draw.gamma(6.0, 1 / 6.0, total) * 100).astype(np.int64) + 490
    margin = np.round(cents * (0.25 + 0.3 * draw.random(total))).astype(np.int64)
    back = draw.random(total) < 0.04
    cents, margin = np.where(back, -cents, cents), np.where(back, -margin, margin)
    shop = np.where(draw.random(total) < 0.8, people.known_days[who] % len(shops), draw.integers(0, len(shops), total))
    habit = draw.choice(len(words.PAYMENTS), len(people.references), p=(0.58, 0.12, 0.1, 0.12, 0.03, 0.05))
    paid = np.where(draw.random(total) < 0.85, habit[who], draw.integers(0, len(words.PAYMENTS), total))
    stranger = draw.random(total) < 0.004
    dates = [(people.as_of - timedelta(days=ago)).strftime("%d/%m/%Y") for ago in range(int(days_ago.max()) + 1)]
    product = draw.integers(0, 1 << 30, total)
    lines = [PURCHASE_HEADERS]
    for line in np.argsort(-days_ago, kind="stable").tolist():
        name, products, _ = categories[category[line]]
        reference = f"X{line:07d}" if stranger[line] else people.references[who[line]]
        lines.append(
            f"{reference};{dates[days_ago[line]]};{_euros(int(cents[line]))};{_euros(int(margin[line]))};"
            f"{products[product[line] % len(products)]};{name};{words.PAYMENTS[paid[line]]};{shops[shop[line]]};EUR"
        )
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return total


def _people(draw: np.random.Generator, count: int, as_of: date, theme: int) -> dict[str, Any]:
    """Columns of `count` people without contact data: one in 90 is 15 to 17, nobody is younger."""
    woman = draw.random(count) < (0.62 if theme == 0 else 0.71)
    age = np.clip(draw.normal(46, 15, count), 19, 92)
    age = np.where(draw.random(count) < 0.011, 15.6 + draw.random(count), age)
    places = [row for row in data_rows("postcodes.csv") if row["population"] and row["department"] < "98"]
    weight = np.array([int(row["population"]) for row in places], np.float64) ** 0.9
    place = draw.choice(len(places), count, p=weight / weight.sum())
    customer = draw.random(count) < 0.72
    return {
        "woman": woman,
        "first": np.where(woman, _pick(draw, words.WOMEN, count, 1.3), _pick(draw, words.MEN, count, 1.3)),
        "last": np.array([name.replace("_", " ") for name in _pick(draw, words.SURNAMES, count, 1.6)], object),
        "birth": np.array([as_of - timedelta(days=int(years * 365.25)) for years in age], object),
        "age": age,
        "postcode": np.array([row["postcode"] for row in places], object)[place],
        "city": np.array([row["commune"] for row in places], object)[place],
        "customer": customer,
        "reference": np.array([f"C{number:07d}" for number in draw.permutation(count) + 1], object),
        "known_days": draw.integers(20, 1_090, count),
    }


def _pick(draw: np.random.Generator, values: list[str] | tuple[str, ...], count: int, slope: float) -> Texts:
    """Values by a falling frequency, the first ones most often."""
    weight = 1.0 / (np.arange(len(values)) + 8) ** slope
    return np.array(values, object)[draw.choice(len(values), count, p=weight / weight.sum())]


def _addresses(draw: np.random.Generator, first: Texts, last: Texts, birth: Texts) -> list[str]:
    """One distinct address for each person, as people make them: first.last, initial, year of birth…"""
    domains = list(words.DOMAINS)
    share = np.array(list(words.DOMAINS.values()), np.float64)
    domain = draw.choice(len(domains), len(first), p=share / share.sum())
    form = draw.integers(0, 6, len(first))
    slip = draw.random(len(first)) < 0.003
    taken: set[str] = set()
    addresses = []
    for number in range(len(first)):
        one, two = plain(first[number]), plain(last[number])
        year = birth[number].year
        local = (f"{one}.{two}", f"{one}{two}", f"{one[0]}.{two}", f"{one}.{two}{year % 100:02d}", f"{two}.{one}",
                 f"{one}_{two}{year}")[form[number]]  # fmt: skip
        at = domains[domain[number]]
        if slip[number] and at in words.TYPOS:
            at = words.TYPOS[at][number % len(words.TYPOS[at])]
        address, again = f"{local}@{at}", 1
        while address in taken:
            again += 1
            address = f"{local}{again * 7 % 1000 if again < 100 else number}@{at}"
        taken.add(address)
        addresses.append(address)
    return addresses


def plain(name: str) -> str:
    """Lower-case ASCII letters of a name, as in an address."""
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in ascii_ if letter.isalnum())


def _rows(
    draw: np.random.Generator, people: dict[str, Any], emails: list[str], sensitive: list[str], as_of: date
) -> list[list[str]]:
    count = len(emails)
    chance = draw.random((count, 12))
    numbers = draw.integers(10_000_000, 99_999_999, (count, 2))
    jobs = _pick(draw, words.JOBS, count, 0.4)
    status = _pick(draw, words.STATUSES, count, 0.9)
    hair = _pick(draw, words.HAIR, count, 1.0)
    ring = np.round(draw.normal(54, 3.5, count) * 2) / 2
    income = np.round(draw.gamma(4.0, 8_500, count) / 100).astype(np.int64) * 100
    street = draw.integers(0, len(words.STREETS), count)
    door = draw.integers(1, 180, count)
    tags = draw.integers(0, len(words.INTERESTS), (count, 2))
    faith = draw.integers(0, len(sensitive), count)
    source = draw.integers(0, len(_SOURCES), count)
    wording = draw.integers(0, len(_WORDING), count)
    consent_ago = np.maximum(people["known_days"] - draw.integers(0, 20, count), 1)
    minute = draw.integers(8 * 60, 22 * 60, count)
    rows = []
    for i in range(count):
        c = chance[i]
        birth: date = people["birth"][i]
        day = as_of - timedelta(days=int(consent_ago[i]))
        url, form = _SOURCES[source[i]]
        proof = [f"{day:%d/%m/%Y} {minute[i] // 60:02d}:{minute[i] % 60:02d}", url, _WORDING[wording[i]], form, "1"]
        if c[0] < 0.02:
            proof = [""] * 5
        elif c[0] < 0.045:
            proof[int(c[1] * 5)] = ""
        where = f"{door[i]} {words.STREETS[street[i]]}"
        if c[2] < 0.004:
            where = f'"{where}\r\nBâtiment {"ABCD"[door[i] % 4]}"'
        elif c[2] < 0.008:
            where = f'"{where} ; escalier ""B"""'
        postcode = people["postcode"][i]
        rows.append(
            [
                people["reference"][i],
                ("Mme" if c[3] < 0.8 else "Madame") if people["woman"][i] else ("M." if c[3] < 0.8 else "Mr"),
                people["last"][i].upper() if c[4] < 0.5 else people["last"][i],
                people["first"][i] if c[4] < 0.9 else people["first"][i].lower(),
                _as_typed(emails[i], c[5]),
                _as_dialled(f"0{1 + numbers[i, 0] % 5}{numbers[i, 0]}", c[6]) if c[6] < 0.5 else "",
                _as_dialled(f"0{6 + numbers[i, 1] % 2}{numbers[i, 1]}", c[7]) if c[7] < 0.7 else "",
                where if c[8] < 0.93 else "",
                postcode.lstrip("0") if c[9] < 0.03 else postcode,
                people["city"][i].upper() if c[9] < 0.4 else people["city"][i],
                "" if c[10] < 0.06 else f"{birth:%Y-%m-%d}" if c[10] < 0.1 else f"{birth:%d/%m/%Y}",
                status[i] if c[11] < 0.8 else "",
                jobs[i] if c[11] < 0.7 else "",
                f"{income[i]:,}".replace(",", " ") if c[11] < 0.6 else "",
                "client" if people["customer"][i] else "prospect",
                sensitive[faith[i]] if c[8] < 0.4 else "",
                hair[i] if c[6] < 0.8 else "",
                f"{ring[i]:g}".replace(".", ",") if c[7] < 0.6 else "",
                "|".join(sorted({words.INTERESTS[tag] for tag in tags[i]})) if c[9] < 0.75 else "",
                "oui" if c[10] < 0.5 else "non",
                *proof,
            ]
        )
    return rows


def _as_typed(address: str, chance: float) -> str:
    """Addresses as hands write them: capitals, stray spaces."""
    if chance < 0.06:
        return address.upper()
    if chance < 0.12:
        return address.title()
    if chance < 0.14:
        return f" {address} "
    return address


def _as_dialled(number: str, chance: float) -> str:
    digits = number[:10]
    form = int(chance * 1000) % 5
    if form == 0:
        return digits
    if form == 1:
        return f"+33{digits[1:]}"
    if form == 2:
        return digits[1:]  # a spreadsheet ate the zero
    return (" ", ".")[form % 2].join(digits[i : i + 2] for i in range(0, 10, 2))


def _as_duplicate(row: list[str], draw: np.random.Generator) -> list[str]:
    """The same person once more, in another case."""
    again = row.copy()
    again[4] = row[4].strip().swapcase() if draw.random() < 0.7 else row[4]
    return again


def _bad_rows(draw: np.random.Generator, count: int, as_of: date, theme: int, sensitive: list[str]) -> list[list[str]]:
    """Rows that an import rejects, each kind about equally often."""
    people = _people(draw, count, as_of, theme)
    people["reference"] = np.array([f"B{number:07d}" for number in range(count)], object)
    names = [f"refus.{number}@rejet.example" for number in range(count)]
    rows = _rows(draw, people, names, sensitive, as_of)
    for number, row in enumerate(rows):
        local = plain(row[2]) or "client"
        kind = number % 9
        if kind < 7:
            row[4] = (
                f"{local}.orange.example", f"{local}@@free.example", f"{local}@gmail", f"{local} {number}@sfr.example",
                f"{local}@-free.example", "", "néant",
            )[kind]  # fmt: skip
        elif kind == 7:  # a child
            born = as_of - timedelta(days=int((7 + 4 * draw.random()) * 365.25))
            row[10] = f"{born:%d/%m/%Y}"
        else:
            row[4] = "=cmd|' /C calc'!A0" if number % 2 else f"{local}..{number}@free.example"
        if number % 50 == 9:
            row.append("une cellule de trop")
    return rows


def _euros(cents: int) -> str:
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100},{cents % 100:02d}"
