"""The accountant's files, of a settled order."""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
from dataclasses import replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import facturx
import pyarrow.parquet as pq
import pytest
from lxml import etree
from sqlalchemy import Engine

from broker.billing.exports.check_fec import COLUMNS
from broker.billing.exports.export_facturx import export_facturx
from broker.billing.exports.export_fec import export_fec
from broker.billing.exports.export_journal import export_journal
from broker.billing.exports.export_revenue import export_balances, export_revenue, export_sends
from broker.billing.exports.export_subledger import Mapping, export_subledger, kind_of, mapping_of, require_full
from broker.billing.settle import settle_mailing
from broker.billing.statements import owner_statement, vat_summary
from broker.kernel.errors import Conflict, Forbidden
from broker.kernel.settings import BooksSettings
from broker.ledger import store as ledger
from broker.ledger.store import journal_rows
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

FIRST, LAST = date(2020, 1, 1), date(2100, 12, 31)


BEFORE: dict[str, int] = {}  # by what `beside_the_ledger` compares: what other files left unequal


@pytest.fixture(scope="module")
def scene(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> MoneyScene:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    BEFORE.update(beside_the_ledger(scene, tmp_path_factory.mktemp("before")))
    order = scene.paid(5_000)
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 4_321, bounced=21)
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, mailing)
    return scene


def test_the_fec_has_its_name_its_columns_unbroken_numbers_and_balanced_entries(
    scene: MoneyScene, tmp_path: Path
) -> None:
    with scene.web.begin(scene.accountant) as unit:
        result = export_fec(unit, "732829320", FIRST, LAST, tmp_path)
    assert [path.name for path in result.files] == ["732829320FEC21001231.txt"]
    text = result.files[0].read_bytes().decode("utf-8")
    header, *lines = text.splitlines()
    assert header.split("\t") == list(COLUMNS)
    assert len(lines) == result.rows > 10
    entries: dict[int, int] = {}
    for line in lines:
        row = dict(zip(COLUMNS, line.split("\t"), strict=True))
        assert re.fullmatch(r"\d{8}", row["EcritureDate"])
        assert re.fullmatch(r"\d{8}", row["PieceDate"])
        assert re.fullmatch(r"\d{8}", row["ValidDate"])
        assert re.fullmatch(r"\d+,\d\d", row["Debit"])
        assert re.fullmatch(r"\d+,\d\d", row["Credit"])
        assert all(row[name] for name in COLUMNS[:6])
        assert bool(row["CompAuxNum"]) == bool(row["CompAuxLib"])
        number = int(row["EcritureNum"])
        cents = int(row["Debit"].replace(",", "")) - int(row["Credit"].replace(",", ""))
        entries[number] = entries.get(number, 0) + cents
    assert set(entries.values()) == {0}
    assert list(entries) == sorted(entries)
    assert result.debit_cents == result.credit_cents > 0


def test_the_journal_says_the_same_in_csv_and_for_hledger(scene: MoneyScene, tmp_path: Path) -> None:
    with scene.web.begin(scene.accountant) as unit:
        result = export_journal(unit, FIRST, LAST, tmp_path)
    table, ledger, bean = (path.read_text(encoding="utf-8") for path in result.files)
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) == result.rows
    assert sum(int(row["debit"].replace(".", "")) for row in rows) == result.debit_cents == result.credit_cents
    _, *blocks, declared = [block for block in ledger.split("\n\n") if block.strip()]
    accounts = {line.removeprefix("account ") for line in declared.strip().splitlines()}
    assert len(blocks) == len({row["number"] for row in rows})
    for block in blocks:
        head, *postings = block.strip().splitlines()
        assert re.match(r"\d{4}-\d\d-\d\d \* \((VE|AC|BQ|OD|AN) \d+\) ", head)
        found = [re.fullmatch(r"    \d{3,}.*?  (-?\d+)\.(\d\d) EUR", line) for line in postings]
        assert all(found)
        assert sum(int(match[1] + match[2]) for match in found if match) == 0
        assert {line.strip().rsplit("  ", 1)[0] for line in postings} <= accounts
    opened = set(re.findall(r"^\d{4}-\d\d-\d\d open (\S+) EUR$", bean, re.M))
    used = re.findall(r"^  (\S+)  (-?\d+\.\d\d) EUR$", bean, re.M)
    assert {account for account, _ in used} == opened
    assert len(used) == len(rows)
    assert all(re.fullmatch(r"(Assets|Liabilities|Equity|Income|Expenses):\d+(:[A-Z0-9-]+)?", name) for name in opened)
    assert sum(int(amount.replace(".", "")) for _, amount in used) == 0


def test_the_revenue_file_has_a_row_for_each_mailing(scene: MoneyScene, tmp_path: Path) -> None:
    with scene.web.begin(scene.accountant) as unit:
        result = export_revenue(unit, FIRST, LAST, tmp_path)
    rows = list(csv.DictReader(result.files[0].read_text(encoding="utf-8").splitlines()))
    assert len(rows) == result.rows
    assert any((row["billable"], row["bounced"], row["gross_cents"]) == ("4300", "21", "14333") for row in rows)
    assert result.debit_cents == result.credit_cents


def test_the_archive_of_invoices_has_an_index_hashes_and_readable_files(scene: MoneyScene, tmp_path: Path) -> None:
    with scene.web.begin(scene.accountant) as unit:
        first = export_facturx(unit, FIRST, LAST, tmp_path)
        content = first.files[0].read_bytes()
        assert export_facturx(unit, FIRST, LAST, tmp_path).files[0].read_bytes() == content
    with zipfile.ZipFile(first.files[0]) as archive:
        rows = list(csv.DictReader(archive.read("index.csv").decode().splitlines()))
        sums = dict(line.split("  ")[::-1] for line in archive.read("SHA256SUMS").decode().splitlines())
        assert len(rows) == first.rows
        assert {"380", "381", "386", "389"} <= {row["type_code"] for row in rows}
        for row in rows:
            document = archive.read(row["file"])
            assert hashlib.sha256(document).hexdigest() == row["sha256"] == sums[row["file"]]
            assert (row["type_code"] in ("381", "261")) == bool(row["relates_to"])
        _, xml = facturx.get_xml_from_pdf(document, check_xsd=True)
    assert rows[-1]["number"].encode() in xml


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_reports_say_the_same_in_each_format(scene: MoneyScene, tmp_path: Path, kind: str) -> None:
    with scene.web.begin(scene.owner) as unit:
        revenue = export_revenue(unit, FIRST, LAST, tmp_path, kind)
        sends = export_sends(unit, FIRST, LAST, tmp_path, kind)
    rows, single = table(revenue.files[0]), table(sends.files[0])
    assert [(row["billable"], row["bounced"], row["gross_cents"]) for row in rows] == [(4_300, 21, 14_333)]
    assert (len(single), sends.rows) == (4_321, 4_321)
    assert sum(row["gross_micros"] for row in single) == rows[0]["sends_micros"] == 4_300 * 33_333


def table(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".csv":
        found = csv.DictReader(path.read_text("utf-8").splitlines())
        return [{name: int(cell) if cell.isdigit() else cell for name, cell in row.items()} for row in found]
    with zipfile.ZipFile(path) as book:
        sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        shared = book.read("xl/sharedStrings.xml") if "xl/sharedStrings.xml" in book.namelist() else b"<sst/>"
    texts = ["".join(item.itertext()) for item in etree.fromstring(shared)]
    lines = []
    for row in sheet.iter("{*}row"):
        cells: list[Any] = [""] * len(sheet.find(".//{*}row"))
        for cell in row:
            text = "".join(cell.itertext())
            kind = cell.get("t")
            place = ord(re.sub(r"\d", "", cell.get("r"))) - ord("A")
            cells[place] = texts[int(text)] if kind == "s" else text if kind or not text else int(float(text))
        lines.append(cells)
    return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def beside_the_ledger(scene: MoneyScene, folder: Path) -> dict[str, int]:
    """By how much the overviews' sums differ from the ledger."""
    with scene.web.begin(scene.accountant) as unit:
        result, vat = export_balances(unit, FIRST, LAST, folder), vat_summary(unit, FIRST, LAST)
        return {
            "waiting": vat.waiting_deductible_cents - ledger.balance(unit, "44564", None),
            "401": result.credit_cents + ledger.balance(unit, "401", None),
            "411": result.debit_cents - ledger.balance(unit, "411", None),
            "due": vat.due_cents + ledger.balance(unit, "44571", None),
        }


def test_balances_and_vat_follow_the_ledger(scene: MoneyScene, tmp_path: Path) -> None:
    assert beside_the_ledger(scene, tmp_path) == BEFORE
    with scene.web.begin(scene.accountant) as unit:
        statement = owner_statement(unit, scene.owner.org, FIRST, LAST)
    (row,) = statement
    assert (row.sends, row.billable, row.reconciled, row.payout) == (4_321, 4_300, True, "")
    assert row.net_cents == 11_466


@pytest.mark.parametrize("program", ["sage", "cegid", "pennylane"])
def test_a_subledgers_file_balances_and_is_never_a_fec(scene: MoneyScene, tmp_path: Path, program: str) -> None:
    mapping, ours = mapping_of(program), replace(SETTINGS, books=BooksSettings("subledger", program))
    with scene.web.begin(scene.accountant) as unit:
        result = export_subledger(unit, ours, FIRST, LAST, tmp_path)
    assert "FEC" not in result.files[0].name.upper()
    lines = result.files[0].read_bytes().decode(mapping.encoding).split("\r\n")
    assert lines.pop() == ""
    entries = [line for line in lines[len(mapping.head) :] if not line.startswith("***CAE")]
    assert len(entries) == result.rows > 10
    cents = 0
    for line in entries:
        row = cut(line, mapping)
        debit, credit = (row["debit"], row["credit"]) if "debit" in row else (row["amount"], f"0{mapping.decimal}00")
        moved = int(debit.replace(mapping.decimal, "")) - int(credit.replace(mapping.decimal, ""))
        cents += moved * (-1 if row.get("side") == "C" else 1)
    assert cents == 0
    with pytest.raises(Conflict):
        require_full(BooksSettings(scope="subledger"))


def cut(line: str, mapping: Mapping) -> dict[str, str]:
    """A line as the program reads it: by its separator, or by the widths."""
    if mapping.separator:
        cells = next(csv.reader([line], delimiter=mapping.separator))
        return dict(zip([column.field for column in mapping.columns], cells, strict=True))
    assert len(line) == sum(column.width for column in mapping.columns)
    found, at = {}, 0
    for column in mapping.columns:
        found[column.field], at = line[at : at + column.width].strip(), at + column.width
    return found


def test_the_widths_are_those_that_the_programs_document() -> None:
    widths = {name: [column.width for column in mapping_of(name).columns] for name in ("sage", "cegid")}
    assert widths["sage"] == [3, 6, 2, 13, 1, 13, 13, 25, 1, 6, 1, 20, 1, 7, 26]  # 138 characters
    assert widths["cegid"] == [3, 8, 2, 17, 1, 17, 35, 35, 3, 8, 1, 20, 1, 8, 3, 10, 3, 20, 20, 3, 2, 2]  # 222
    head = mapping_of("cegid").head[0].format(made="221120260810", user="Courtier", company="Maison & Œuvre SAS")
    assert (head[:14], head[33:36], head[41:53], head[144:149]) == ("***S5EXPJRLSTD", "011", "221120260810", "001--")


def test_an_invoice_and_its_credit_note_have_their_natures(scene: MoneyScene, tmp_path: Path) -> None:
    with scene.web.begin(scene.accountant) as unit:
        kinds = {kind_of(list(lines)) for _, lines in groupby(journal_rows(unit, FIRST, LAST), lambda row: row.number)}
    assert {"FC", "AC", "FF", "RC"} <= kinds


def test_an_owner_exports_no_ledger(scene: MoneyScene, tmp_path: Path) -> None:
    with pytest.raises(Forbidden), scene.web.begin(scene.owner) as unit:
        export_fec(unit, "732829320", FIRST, LAST, tmp_path)
