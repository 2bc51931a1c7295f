"""Bank files: camt.053 of several versions, CSV of several banks, and which invoices a credit names."""

from __future__ import annotations

from datetime import date

import pytest

from broker.billing.bank.bank_csv import read_bank_csv
from broker.billing.bank.bank_file import FileLine
from broker.billing.bank.camt053 import read_camt053
from broker.billing.bank.match_bank import Match, OpenInvoice, match_credit
from broker.kernel.errors import InvalidInput
from tests.bank_files import IBAN, camt, entry

INVOICES = [
    OpenInvoice("F2026-000012", 1, "Manteaux SAS", 60_000, "ord_abcdefgh"),
    OpenInvoice("F2026-000013", 1, "Manteaux SAS", 40_000),
    OpenInvoice("F2026-000123", 2, "Chaussures", 40_000),
]


@pytest.mark.parametrize("version", ["02", "04", "08", "13"])
def test_versions_of_camt_say_the_same(version: str) -> None:
    data = camt([entry(120_050, "A1", "Manteaux", "F2026-000012", version=version)], version=version)
    (statement,) = read_camt053(data)
    (line,) = statement.lines
    assert (statement.iban, statement.opening_cents, statement.closing_cents) == (IBAN, 0, 120_050)
    assert (line.cents, line.counterparty, line.about, line.reference) == (120_050, "Manteaux", "F2026-000012", "A1")
    assert (line.booked_on, line.counterparty_iban) == (date(2026, 11, 3), "BE68539007547034")


def test_a_batch_is_read_part_by_part_and_pending_entries_are_not() -> None:
    parts = [(60_000, "F2026-000012"), (40_000, "F2026-000013")]
    data = camt([entry(100_000, "B1", parts=parts), entry(500, "P1", status="PDNG")], closing=100_000)
    lines = read_camt053(data)[0].lines
    assert [(line.cents, line.about, line.reference) for line in lines] == [
        (60_000, "F2026-000012", "B1/1"),
        (40_000, "F2026-000013", "B1/2"),
    ]


def test_parts_that_do_not_sum_up_are_one_line() -> None:
    data = camt([entry(100_000, "B1", parts=[(60_000, "x"), (30_000, "y")])])
    assert [line.cents for line in read_camt053(data)[0].lines] == [100_000]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<no", "bad_statement"),
        (b"<a/>", "bad_statement"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + camt([]), "bad_statement"),
        (camt([], version="08").replace(b"camt.053", b"camt.054"), "bad_statement"),
        (camt([entry(100, "A")], closing=99), "statement_unbalanced"),
        (camt([entry(100, "A")]).replace(b">1.00<", b">1.005<"), "bad_statement"),
        (camt([entry(100, "A")]).replace(b'Ccy="EUR">1.00', b'Ccy="USD">1.00'), "unknown_currency"),
        (camt([entry(100, "A")]).replace(b"2026-11-03", b"2026-13-03"), "bad_statement"),
        (camt([entry(100, "A")]).replace(b">1.00<", b">-1.00<"), "bad_statement"),
    ],
)
def test_what_is_no_statement_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_camt053(data)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        "Date;Libellé;Montant\n03/11/2026;VIR F2026-000012;1 200,50\n",
        "Compte 123\n\nDate opération;Libellé;Débit;Crédit\n03/11/2026;VIR F2026-000012;;1.200,50\n",
        'Booking date,Description,Amount\n2026-11-03,VIR F2026-000012,"1,200.50"\n',
    ],
)
def test_csv_of_several_banks(data: str) -> None:
    for encoded in (data.encode("utf-8-sig"), data.encode("cp1252")):
        (line,) = read_bank_csv(encoded, IBAN).lines
        assert (line.booked_on, line.cents, line.about) == (date(2026, 11, 3), 120_050, "VIR F2026-000012")


def test_the_same_movement_twice_a_day_is_two_and_has_the_same_names_in_each_file() -> None:
    text = "date;montant;libelle\n2026-11-03;-3,00;Frais\n2026-11-03;-3,00;Frais\n"
    first = read_bank_csv(text.encode(), IBAN)
    longer = read_bank_csv((text + "2026-11-04;5,00;x\n").encode(), IBAN)
    assert [line.reference for line in longer.lines][:2] == [line.reference for line in first.lines]
    assert len({line.reference for line in first.lines}) == 2


def test_columns_that_are_not_found_are_named() -> None:
    data = b"wann;wieviel\n2026-11-03;5,00\n"
    with pytest.raises(InvalidInput):
        read_bank_csv(data, IBAN)
    assert read_bank_csv(data, IBAN, {"date": "wann", "amount": "wieviel"}).lines[0].cents == 500
    with pytest.raises(InvalidInput, match="parts of a cent"):
        read_bank_csv(b"date;montant\n2026-11-03;5,005\n", IBAN)


def credit(cents: int, about: str = "", payer: str = "", iban: str = "") -> FileLine:
    return FileLine("R", date(2026, 11, 3), cents, payer, iban, about)


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ("paie F2026-000012 merci", ("F2026-000012",)),
        ("FACTURE F 2026 / 12", ("F2026-000012",)),
        ("F2026-000012F2026-000013", ("F2026-000012", "F2026-000013")),
        ("/INV/F2026-00 0013", ("F2026-000013",)),
        ("F2026-0001234", ()),
        ("F2026-00012", ("F2026-000012",)),
        ("commande ord_abcdefgh", ("F2026-000012",)),
        ("120 000012", ()),
    ],
)
def test_the_invoices_that_a_text_names(about: str, found: tuple[str, ...]) -> None:
    assert match_credit(credit(1, about), INVOICES, None).invoices == found


def test_a_known_payer_pays_what_its_amount_says() -> None:
    assert match_credit(credit(60_000, iban="X"), INVOICES, 1) == Match(("F2026-000012",))
    assert match_credit(credit(100_000, payer="MANTEAUX"), INVOICES, None) == Match(("F2026-000012", "F2026-000013"))
    assert match_credit(credit(70_000, iban="X"), INVOICES, 1).invoices == ()


def test_an_amount_alone_is_a_hint_and_no_proof() -> None:
    assert match_credit(credit(60_000), INVOICES, None) == Match((), "amount:F2026-000012")
    assert match_credit(credit(40_000), INVOICES, None) == Match((), "unknown")


def test_of_many_open_invoices_a_text_names_the_one_written() -> None:
    many = [OpenInvoice(f"F2026-{number:06d}", number, f"Client {number}", 1) for number in range(1, 3_001)]
    assert match_credit(credit(1, "vir F2026-001203 du 14/11/2026"), many, None).invoices == ("F2026-001203",)
    assert match_credit(credit(1, "f 2026 / 1203"), many, None).invoices == ("F2026-001203",)
    assert match_credit(credit(7, "facture 1203", payer="client 20"), many, None) == Match((), "payer:F2026-000020")
