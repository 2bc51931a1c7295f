"""The bank's file, against the schema of pain.001.001.09."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sepaxml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from broker.billing.bank.pain001 import NAMESPACE, Place, Transfer, pain001, plain, readable
from broker.kernel.errors import IntegrityFault

SCHEMA = etree.XMLSchema(file=str(Path(sepaxml.__file__).parent / "schemas" / "pain.001.001.09.xsd"))
PAYER = Place("Courtier SAS", "1 rue de la Paix", "75002", "Paris", "FR", "FR1420041010050500013M02606", "PSSTFRPPXXX")
NOW = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


def values(content: bytes, name: str) -> list[str]:
    return [str(item.text) for item in etree.fromstring(content).iter(f"{{{NAMESPACE}}}{name}")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=200), st.integers(1, 10**10)), min_size=1, max_size=5))
def test_any_name_and_amount_makes_a_valid_file_whose_sums_are_right(items: list[tuple[str, int]]) -> None:
    transfers = [
        Transfer(f"E2E-{n}", cents, Place(f"M {name}", name, name, "Lyon", "FR", "BE68539007547034"), name)
        for n, (name, cents) in enumerate(items)
    ]
    content = pain001("SEPA-1", NOW, date(2026, 11, 23), PAYER, transfers)
    SCHEMA.assertValid(etree.fromstring(content))
    total = sum(cents for _, cents in items)
    assert values(content, "CtrlSum") == [f"{total // 100}.{total % 100:02d}"] * 2
    assert values(content, "NbOfTxs") == [str(len(items))] * 2
    assert all(len(amount.partition(".")[2]) == 2 for amount in values(content, "InstdAmt"))
    assert all(1 <= len(name) <= 70 for name in values(content, "Nm"))
    assert len(set(values(content, "EndToEndId"))) == len(items)


def test_letters_that_banks_cannot_read_are_written_out() -> None:
    assert plain("Maison Œuvre & Łódź — 株", 70) == "Maison OEuvre + Lodz . ."
    assert plain("é" * 200, 70) == "e" * 70


def test_a_payer_without_bic_is_valid_too() -> None:
    payer = Place("C", "", "", "Paris", "FR", "FR1420041010050500013M02606")
    transfer = Transfer("E", 1, Place("O", "", "", "Fort-de-France", "MQ", "BE68539007547034"), "x")
    SCHEMA.assertValid(etree.fromstring(pain001("M", NOW, date(2026, 2, 28), payer, [transfer])))


def test_slashes_stand_neither_at_the_ends_nor_twice() -> None:
    assert plain("//a///b/", 70) == "a/b"
    assert plain("a" * 69 + "/b", 70) == "a" * 69
    assert plain("/" * 200, 70) == ""


def test_a_name_or_town_that_no_bank_can_read_is_known() -> None:
    assert readable("Σ1")
    assert not any(readable(text) for text in ("東京", "Москва", "—", " ", ""))


@pytest.mark.parametrize("amounts", [(), (0,), (-1,), (5, 0), (100_000_000_000,)])
def test_amounts_that_no_bank_takes_make_no_file(amounts: tuple[int, ...]) -> None:
    transfers = [Transfer(f"E{n}", cents, PAYER, "x") for n, cents in enumerate(amounts)]
    with pytest.raises(IntegrityFault):
        pain001("M", NOW, NOW.date(), PAYER, transfers)


def test_one_end_to_end_id_stands_once() -> None:
    with pytest.raises(IntegrityFault):
        pain001("M", NOW, NOW.date(), PAYER, [Transfer("E", 1, PAYER, "x"), Transfer("E", 2, PAYER, "y")])
