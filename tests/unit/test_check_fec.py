"""The check of a FEC: whatever we write passes it, and each rule that is broken is noticed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.billing.exports.check_fec import COLUMNS, check_fec
from broker.billing.exports.export_fec import fields

DAY = date(2028, 2, 29)
TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: any(letter.isalnum() for letter in text))


def posting(number: int, cents: int, **other: Any) -> Any:
    row = {
        "journal": "VE", "journal_label": "Ventes", "number": number, "day": DAY, "account": "411",
        "account_label": "Clients", "org_code": "org_a", "org_name": "Manteaux", "piece_ref": "F2028-000001",
        "piece_day": DAY, "label": "Location", "debit_cents": max(cents, 0), "credit_cents": max(-cents, 0),
        "match_id": None, "matched_on": None, "validated_on": DAY,
    }  # fmt: skip
    return SimpleNamespace(**{**row, **other})


def written(folder: Path, rows: list[Any], name: str = "732829320FEC20281231.txt", encoding: str = "utf-8") -> Path:
    path = folder / name
    lines = ["\t".join(COLUMNS), *("\t".join(fields(row, row.number)) for row in rows)]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding, "replace"))
    return path


GOOD = [posting(7, 120), posting(7, -120, account="706", org_code=None), posting(8, 5), posting(8, -5, account="512")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 10**12), TEXTS, TEXTS, st.integers(0, 400)), min_size=1, max_size=6),
    st.integers(1, 10**6),
    st.booleans(),
)
def test_whatever_is_written_is_in_order(
    tmp_path: Path, entries: list[tuple[int, str, str, int]], start: int, latin: bool
) -> None:
    rows, validated = [], DAY
    for number, (cents, label, name, later) in enumerate(entries, start=start):
        validated += timedelta(days=later)
        head = {"label": label, "piece_ref": name, "validated_on": validated}
        rows += [posting(number, cents, org_name=name, **head), posting(number, -cents, account="706000", **head)]
    path = written(tmp_path, rows, encoding="iso-8859-15" if latin else "utf-8")
    assert check_fec(path, DAY, DAY) == []


def test_a_good_file_passes_and_its_name_gives_the_closing_day(tmp_path: Path) -> None:
    assert check_fec(written(tmp_path, GOOD)) == []
    assert [fault.rule for fault in check_fec(written(tmp_path, GOOD, "732829320FEC20280228.txt"))] == ["period"]


@pytest.mark.parametrize("name", ["FEC20281231.txt", "732829320FEC20281301.txt", "732829320fec20281231.csv", "x.txt"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    assert "name" in {fault.rule for fault in check_fec(written(tmp_path, GOOD, name))}


BROKEN: dict[str, tuple[int, str, str]] = {
    # rule: the line, the column and what stands in it
    "empty": (1, "EcritureLib", ""),
    "day": (2, "PieceDate", "20280230"),
    "period": (1, "EcritureDate", "20290101"),
    "validated_before": (1, "ValidDate", "20280228"),
    "number": (3, "EcritureNum", "9"),
    "mixed": (2, "JournalCode", "OD"),
    "account": (1, "CompteNum", "4C1"),
    "pair": (1, "CompAuxLib", ""),
    "amount": (1, "Debit", "1.20"),
    "sides": (1, "Credit", "1,20"),
    "entry_balance": (1, "Debit", "1,21"),
    "journal_balance": (4, "Credit", "0,06"),
    "letters": (1, "EcritureLet", "AAA"),
    "control": (1, "EcritureLib", "a|b"),
    "order": (3, "ValidDate", "20280229"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_rule_is_noticed_with_its_line(tmp_path: Path, rule: str) -> None:
    path = written(tmp_path, [posting(7, 120, validated_on=date(2028, 3, 1)),
                              posting(7, -120, account="706", org_code=None, validated_on=date(2028, 3, 1)),
                              posting(8, 5, validated_on=date(2028, 3, 2)),
                              posting(8, -5, account="512", validated_on=date(2028, 3, 2))])  # fmt: skip
    assert check_fec(path) == []
    line, column, value = BROKEN[rule]
    lines = [text.split("\t") for text in path.read_text().splitlines()]
    lines[line][COLUMNS.index(column)] = value
    if rule == "letters":
        lines[line][COLUMNS.index("DateLet")] = "20280301"
    path.write_text("\n".join("\t".join(cells) for cells in lines) + "\n")
    found = {fault.rule: fault for fault in check_fec(path)}
    assert rule in found
    assert found[rule].say


def test_a_header_a_line_and_an_encoding_that_are_none(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    whole = path.read_text()
    for text, rule in ((whole.replace("EcritureNum", "Numero"), "header"), (whole + "a\tb\r\n", "fields")):
        path.write_text(text)
        assert [fault.rule for fault in check_fec(path)] == [rule]
    path.write_bytes(whole.encode("cp1252").replace(b"Ventes", b"Vent\x80s"))
    assert [fault.rule for fault in check_fec(path)] == ["encoding"]
    path.write_text(whole.replace("\t", "|"))
    assert check_fec(path) == []
