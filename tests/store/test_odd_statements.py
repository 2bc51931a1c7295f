"""Statements as banks also write them: several in a file, corrected, large; and what is left in suspense."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.close_checks import month_findings
from broker.kernel.errors import InvalidInput
from broker.ledger.model import credit, debit
from broker.ledger.post import post
from tests.bank_files import camt, entry
from tests.store.money_scene import MoneyScene, build_scene
from tests.store.test_bank_statements import OURS, read, today


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def test_several_statements_of_a_file_and_one_without_entries(scene: MoneyScene) -> None:
    day, mark = today(scene), scene.card_code
    first = camt([entry(1_000, f"A{mark}", "X", day=day)], name=f"1{mark}", day=day)
    second = camt([], name=f"2{mark}", day=day, opening=1_000)
    inner = second[second.index(b"<Stmt>") : second.index(b"</BkToCstmrStmt>")]
    both = first.replace(b"</BkToCstmrStmt>", inner + b"</BkToCstmrStmt>")
    result = read(scene, both)
    assert (len(result.statements), result.new) == (2, 1)
    assert read(scene, both).new == 0


def test_a_corrected_statement_of_the_same_name_brings_what_is_new_in_it(scene: MoneyScene) -> None:
    day, mark = today(scene), scene.card_code
    one, two = entry(1_000, f"A{mark}", "X", day=day), entry(-500, f"B{mark}", "Y", day=day)
    whole = read(scene, camt([one], name=f"C{mark}", day=day))
    again = read(scene, camt([one, two], name=f"C{mark}", day=day))
    assert (whole.new, again.new, again.known) == (1, 1, 1)
    assert again.statements == whole.statements


def test_another_currency_is_refused_whole(scene: MoneyScene) -> None:
    day, mark = today(scene), scene.card_code
    data = camt([entry(1_000, f"A{mark}", "X", day=day), entry(2_000, f"U{mark}", "Y", day=day)], name=mark, day=day)
    with pytest.raises(InvalidInput) as refusal:
        read(scene, data.replace(b'<Amt Ccy="EUR">20.00', b'<Amt Ccy="USD">20.00'))
    assert refusal.value.code == "unknown_currency"
    with scene.worker.begin() as unit:
        assert not unit.scalar("SELECT count(*) FROM bank_line WHERE reference = :ref", ref=f"A{mark}")


def test_what_an_entry_by_hand_leaves_in_suspense_keeps_the_month_open(scene: MoneyScene) -> None:
    month = date.fromisoformat(today(scene)).replace(day=1)

    def found() -> tuple[str, ...]:
        with scene.web.begin(scene.accountant) as unit:
            return next((f.examples for f in month_findings(unit, OURS, month) if f.code == "suspense_left"), ())

    piece = f"HAND-{scene.card_code}"
    with scene.worker.begin() as unit:
        post(unit, "OD", unit.today, piece, "à la main", [debit("471", 777), credit("512", 777)], piece)
    assert piece in found()
    with scene.worker.begin() as unit:
        post(unit, "OD", unit.today, piece, "soldé", [debit("627", 777), credit("471", 777)], f"{piece}:end")
    assert piece not in found()
