"""The dry run of an import on hand-written dirty rows."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.bases.check import CheckResult, check_file
from broker.bases.check_email import check_emails, meant_domain
from broker.bases.check_phone import check_phones
from broker.bases.dates import NOT_READ, read_dates
from broker.bases.masks import mask
from broker.bases.places import check_places
from broker.bases.seen import Seen
from broker.kernel.errors import InvalidInput
from broker.kernel.safe_csv import harmless

TODAY = date(2026, 11, 21)
PROOF_HEADERS = "date consentement;source consentement;texte consentement;version formulaire;version liste partenaires"
PROOF = "01/02/2024 10:11;https://x.example/f;J'accepte;f1;1"


def check(tmp_path: Path, text: str, mapping: dict[str, str] | None = None) -> CheckResult:
    file = tmp_path / "file.csv"
    file.write_bytes(text.encode())
    return check_file(file, mapping, tmp_path / "rejects.csv", today=TODAY)


def test_rows_are_accepted_rejected_or_duplicates(tmp_path: Path) -> None:
    result = check(tmp_path, "email\na@b.fr\nA@B.FR \n\nnot one\n;\nc@d.fr\n")
    assert (result.rows, result.accepted, result.rejected, result.duplicates) == (5, 2, 2, 1)


def test_a_rejected_row_carries_all_its_reasons_and_its_line(tmp_path: Path) -> None:
    result = check(tmp_path, "email;date de naissance\na@b.fr;01/01/1980\nnope;02/03/2020\n")
    assert result.reasons == {"invalid_email": 1, "under_digital_consent_age": 1}
    written = list(csv.reader(io.StringIO((tmp_path / "rejects.csv").read_text("utf-8-sig")), delimiter=";"))
    assert written[1] == ["3", "invalid_email under_digital_consent_age", "nope", "02/03/2020"]


def test_a_row_that_is_too_long_is_written_whole(tmp_path: Path) -> None:
    for odd in ("x@b.fr;a\n", 'x@b.fr;a"b\n'):  # the second has the block read record by record
        check(tmp_path, f"email;nom\n{odd}y@b.fr;b\nz@b.fr;c\nc@d.fr;Durand;75011;Paris\n")
        written = list(csv.reader(io.StringIO((tmp_path / "rejects.csv").read_text("utf-8-sig")), delimiter=";"))
        assert written[1][1:] == ["too_many_columns", "c@d.fr", "Durand", "75011", "Paris"]


@pytest.mark.parametrize("missing", range(5))
def test_only_a_whole_proof_is_rentable(tmp_path: Path, missing: int) -> None:
    parts = PROOF.split(";")
    parts[missing] = ""
    result = check(tmp_path, f"email;{PROOF_HEADERS}\na@b.fr;{PROOF}\nc@d.fr;{';'.join(parts)}\n")
    assert (result.accepted, result.rentable) == (2, 1)


@pytest.mark.parametrize(
    ("address", "birth", "accepted", "rentable"),
    [
        ("a@b.fr", "", 1, 1),
        ("a@b.fr", "21/11/2008", 1, 1),  # eighteen today
        ("a@b.fr", "22/11/2008", 1, 0),
        ("a@b.fr", "21/11/2011", 1, 0),  # fifteen today
        ("a@b.fr", "22/11/2011", 0, 0),
        ("a@b.fr", "01/01/1850", 1, 1),  # no such age: the date is dropped with a warning
        ("info@b.fr", "01/01/1980", 1, 0),
        ("service-client@b.fr", "", 1, 0),
    ],
)
def test_minors_and_offices_are_never_rentable(
    tmp_path: Path, address: str, birth: str, accepted: int, rentable: int
) -> None:
    result = check(tmp_path, f"email;date de naissance;{PROOF_HEADERS}\n{address};{birth};{PROOF}\n")
    assert (result.accepted, result.rentable) == (accepted, rentable)


def test_a_no_in_the_opt_in_column_is_not_rentable(tmp_path: Path) -> None:
    result = check(tmp_path, f"email;optin;{PROOF_HEADERS}\na@b.fr;non;{PROOF}\nc@d.fr;oui;{PROOF}\ne@f.fr;;{PROOF}\n")
    assert (result.accepted, result.rentable) == (3, 1)


def test_a_consent_of_tomorrow_is_no_consent(tmp_path: Path) -> None:
    later = PROOF.replace("2024", "2031")
    result = check(tmp_path, f"email;{PROOF_HEADERS}\na@b.fr;{later}\n")
    assert result.rentable == 0
    assert result.warnings["bad_consent_date"] == 1


def test_columns_are_proposed_from_headers_and_values(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        "Adresse e-mail;NOM DE FAMILLE;DateNaissance;CodePostal;Tél.;couleur cheveux;Zone libre 3\n"
        "a@b.fr;Le Gall;1980-01-02;75011;0612345678;brun;autre@b.fr\n",
    )
    assert result.columns == {
        "Adresse e-mail": "email",
        "NOM DE FAMILLE": "last_name",
        "DateNaissance": "birth_date",
        "CodePostal": "postcode",
        "Tél.": "phone",
        "couleur cheveux": "trait:couleur_cheveux",
        "Zone libre 3": "ignored",
    }
    assert check(tmp_path, "qui\na@b.fr\nc@d.fr\n").columns == {"qui": "email"}


def test_the_owner_corrects_the_mapping(tmp_path: Path) -> None:
    text = "email;contact mail;couleur\na@b.fr;c@d.fr;bleu\n"
    given_ = {"contact mail": "email", "email": "ignore", "couleur": "trait:teinte"}
    assert check(tmp_path, text, given_).columns == {
        "email": "ignored",
        "contact mail": "email",
        "couleur": "trait:teinte",
    }
    for mapping, hint in (({"contact mial": "email"}, "contact mail"), ({"couleur": "postcod"}, "postcode")):
        with pytest.raises(InvalidInput) as refusal:
            check(tmp_path, text, mapping)
        assert hint in refusal.value.sentence


def test_a_mapping_cannot_let_a_refused_column_in(tmp_path: Path) -> None:
    result = check(tmp_path, "email;Religion\na@b.fr;juif\n", {"Religion": "trait:foi"})
    assert result.columns["Religion"] == "refused"


def test_a_column_that_turns_sensitive_late_in_the_file_is_refused(tmp_path: Path) -> None:
    rows = [f"p{n}@b.fr;{'golf' if n < 60_000 else ('catholique', 'juif')[n % 2]}" for n in range(80_000)]
    result = check(tmp_path, "email;groupe\n" + "\n".join(rows) + "\n")
    assert [column["header"] for column in result.refused_columns] == ["groupe"]
    assert result.accepted == 80_000


def test_a_file_without_addresses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check(tmp_path, "nom;ville\nDupont;Paris\n")
    assert refusal.value.code == "no_email_column"


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check(tmp_path, "email;nom\n\n")
    assert refusal.value.code == "no_rows"


def test_changes_of_form_are_counted(tmp_path: Path) -> None:
    result = check(tmp_path, "email;civilité;cp;mobile\n A@b.fr ;Mme;1000;06 12 34 56 78\n")
    assert result.normalised == {
        "email_lowercased": 1, "email_trimmed": 1, "gender": 1, "mobile": 1, "postcode": 1
    }  # fmt: skip


def test_formulas_do_not_survive_into_the_rejects(tmp_path: Path) -> None:
    check(tmp_path, "email;nom\n=cmd|' /C calc'!A0;@SUM(1)\n")
    row = (tmp_path / "rejects.csv").read_text("utf-8-sig").splitlines()[1]
    assert row == "2;invalid_email;'=cmd|' /C calc'!A0;'@SUM(1)"
    assert [harmless(cell) for cell in ("+33 6 12", "-12,50", "-x()", "Dupont")] == [
        "+33 6 12",
        "-12,50",
        "'-x()",
        "Dupont",
    ]


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("jean@boite.fr", True), ("jean+tag@boite.fr", True), ("o'neil@boite.fr", True), ("é@exämple.fr", True),
        ('"a b"@boite.fr', True), ("a@sub.boite.museum", True), ("x@y.test", True), ("x@y.example", True),
        ("jean", False), ("jean@boite", False), ("je an@boite.fr", False), ("a..b@boite.fr", False),
        (".a@boite.fr", False), ("a@-boite.fr", False), ("a@boite-.fr", False), ("a@@boite.fr", False),
        ("a@b.invalid", False), ("a@localhost", False), ("a@1.2.3.4", False), ("x" * 65 + "@boite.fr", False),
        ("a@" + "b" * 64 + ".fr", False), ("a@boite.fr, b@boite.fr", False), ("Jean <a@boite.fr>", False),
        ("a@" + ".".join(["b" * 60] * 5) + ".fr", False),
        # 64 octets, quotes and backslashes included (RFC 5321 4.5.3.1.1); a backslash stands before ASCII alone
        ('"' + "a" * 62 + '"@boite.fr', True), ('"' + "a" * 63 + '"@boite.fr', False),
        ("é" * 32 + "@boite.fr", True), ("é" * 33 + "@boite.fr", False), ('"' + "é" * 32 + '"@boite.fr', False),
        ('"a\\\"b"@boite.fr', True), ('"a\\é"@boite.fr', False), ('"a\\\\é"@boite.fr', True),
    ],
)  # fmt: skip
def test_addresses(address: str, valid: bool) -> None:
    assert check_emails(pa.array([address])).address.to_pylist() == [address if valid else None]


def test_misspelt_large_domains_are_proposed() -> None:
    assert meant_domain("gmial.com") == "gmail.com"
    assert meant_domain("orang.fr") == "orange.fr"
    assert meant_domain("hotmaill.fr") == "hotmail.fr"
    for right in ("gmail.com", "mail.com", "ymail.com", "yahoo.be", "free.com", "exemple.fr", "live.nl"):
        assert meant_domain(right) is None


def test_a_domain_that_the_file_itself_has_often_is_proposed_for_its_misspelling(tmp_path: Path) -> None:
    rows = "".join(f"p{number}@maboite.example\n" for number in range(200))
    result = check(tmp_path, f"email\n{rows}x@maboiet.example\ny@autre.example\n")
    assert result.typos == [{"domain": "maboiet.example", "meant": "maboite.example", "rows": 1}]
    assert result.accepted == 202


def test_phones_become_e164() -> None:
    given_ = ["06 12 34 56 78", "+33 (0)6.12.34.56.78", "612345678", "0033612345678", "+32 470 12 34 56", "12", ""]
    numbers, wrong = check_phones(pa.array(given_))
    assert numbers.to_pylist() == ["+33612345678"] * 4 + ["+32470123456", None, None]
    assert wrong.tolist() == [False] * 5 + [True, False]


def test_dates_in_the_usual_forms() -> None:
    given_ = ["31/12/1980", "1980-12-31", "31.12.80", "19801231", "29586", "31 décembre 1980", "1980-12-31T23:30:00Z",
              "31/12/1980 08:05", "Dec 31, 1980"]  # fmt: skip
    seconds, wrong = read_dates(pa.array(given_))
    assert not wrong.any()
    assert {str(np.datetime64(int(value) // 86_400, "D")) for value in seconds} == {"1980-12-31"}
    seconds, wrong = read_dates(pa.array(["31/02/1980", "1980-13-01", "hier", ""]))
    assert (seconds == NOT_READ).all()
    assert wrong.tolist() == [True, True, True, False]


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(["%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y %H:%M"]))
def test_every_day_is_read_back(day: date, form: str) -> None:
    seconds, _ = read_dates(pa.array([day.strftime(form)]))
    assert int(seconds[0]) // 86_400 == (day - date(1970, 1, 1)).days


def test_post_codes_are_completed_and_named() -> None:
    codes, cities = ["1000", "75011", "99999", "1050", ""], ["", "PARIS", "", "Bruxelles", ""]
    places = check_places(pa.array(codes), pa.array(cities), pa.array(["", "France", "", "Belgique", ""]))
    assert places.postcode.to_pylist() == ["01000", "75011", None, "1050", None]
    assert places.department.to_pylist() == ["01", "75", None, None, None]
    assert places.unknown_postcode.tolist() == [False, False, True, False, False]


def test_the_city_decides_between_communes_of_one_post_code() -> None:
    places = check_places(pa.array(["01000", "01000"]), pa.array(["ST DENIS LES BOURG", "?"]), None)
    assert places.commune.to_pylist() == ["Saint-Denis-lès-Bourg", "Bourg-en-Bresse"]


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("jean@boite.fr", "j•••@•••.fr"),
        ("Dupont", "D•••"),
        ("", ""),
        ("a@b", "a•••@•••"),
        ("a@x.secretname", "a•••@•••"),
    ],
)
def test_masks_name_nobody(value: str, masked: str) -> None:
    assert mask(value) == masked


@given(st.lists(st.lists(st.integers(0, 50), max_size=40), max_size=8))
def test_seen_marks_every_repetition_once_known(blocks: list[list[int]]) -> None:
    seen, known = Seen(), set[int]()
    for block in blocks:
        repeated = seen.repeats(np.array(block, np.uint64))
        for value, again in zip(block, repeated, strict=True):
            assert bool(again) == (value in known)
            known.add(value)
    assert len(seen) == len(known)
