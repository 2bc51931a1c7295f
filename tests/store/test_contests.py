"""An owner contests its self-bill: who corrects it, what the books say, what is paid; and answers about VAT numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.billing.invoices.contests import (
    contest_invoice,
    issue_correction,
    list_contests,
    reject_contest,
    sign_correction,
    uphold_contest,
)
from broker.billing.invoices.find_invoice import find_invoice
from broker.billing.invoices.vat_check import ask_vat_check, check_vat_number, vat_answers
from broker.billing.invoices.vat_register import FakeRegister, ViesRegister
from broker.billing.statements import owner_statement
from broker.kernel.errors import Conflict, Forbidden, NotFound, Unavailable
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_roles import lines_of, live_in, pay_owner, standing, unlettered

BY_US = replace(SETTINGS, trade=replace(SETTINGS.trade, corrections_by="company"))


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def self_bill(scene: MoneyScene) -> str:
    order = scene.on_credit(5_000)
    scene.settled(order, 3_000)
    return scene.number(order, "self_bill")


def run_correction(scene: MoneyScene, code: str) -> None:
    with scene.worker.begin() as unit:
        contest = unit.scalar("SELECT id FROM invoice_contest WHERE code = :code", code=code)
    for _ in range(2):
        issue_correction(scene.worker, SETTINGS, contest)


def test_the_owner_signs_the_credit_note_that_was_prepared(scene: MoneyScene) -> None:
    number = self_bill(scene)  # 80.00 + 16.00
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, number, "100 sends too many")
    assert pay_owner(scene) == 0  # not while it is contested
    with scene.web.begin(scene.accountant) as unit:
        assert uphold_contest(unit, SETTINGS, contest.code, 267).state == "prepared"
    with pytest.raises(Forbidden), scene.web.begin(scene.accountant) as unit:
        sign_correction(unit, contest.code)
    with scene.web.begin(scene.owner) as unit:
        assert sign_correction(unit, contest.code).state == "signed"
    run_correction(scene, contest.code)
    with scene.web.begin(scene.owner) as unit:
        (done,) = list_contests(unit).items
        credit = find_invoice(unit, done.credit)
    assert (done.state, credit.type_code, credit.corrects_number) == ("corrected", 381, number)
    assert (credit.seller_id, credit.net_cents, credit.vat_cents) == (scene.owner.org, 267, 53)
    assert credit.number.rsplit("-", 1)[0] == number.rsplit("-", 1)[0]  # the owner's one series
    assert lines_of(scene, f"invoice:{credit.number}") == {("604", ""): -267, ("44564", ""): -53, ("401", "owner"): 320}
    with scene.web.begin(scene.owner) as unit:  # in the owner's own eyes: the statement says what will be paid
        stated = owner_statement(unit, scene.owner.org, unit.today - timedelta(days=365), unit.today)
    assert [(row.total_cents, row.credited_cents) for row in stated if row.self_bill == number] == [(9_600, 320)]
    assert pay_owner(scene) == 9_600 - 320
    assert standing(scene, "401", scene.owner.org) == 0 == unlettered(scene, "401", scene.owner.org)


def test_the_company_issues_a_self_billed_credit_note_where_the_settings_say_so(scene: MoneyScene) -> None:
    number = self_bill(scene)
    assert pay_owner(scene) == 9_600
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, number, "all of it")
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        contest_invoice(unit, number, "again")
    assert refusal.value.code == "contest_standing"
    with scene.web.begin(scene.accountant) as unit:
        uphold_contest(unit, BY_US, contest.code, 8_000, "You are right.")
        number_of_kind = unit.scalar("SELECT id FROM invoice_contest WHERE code = :c", c=contest.code)
    issue_correction(scene.worker, BY_US, number_of_kind)
    with scene.web.begin(scene.accountant) as unit:
        done = next(item for item in list_contests(unit).items if item.code == contest.code)
        credit = find_invoice(unit, done.credit)
    assert (credit.type_code, credit.net_cents, credit.vat_cents) == (261, 8_000, 1_600)
    assert standing(scene, "401", scene.owner.org) == 9_600  # paid already: netted against what comes
    order = scene.on_credit(5_000)
    scene.settled(order, 4_000)
    assert pay_owner(scene) == 12_799 - 9_600
    assert standing(scene, "401", scene.owner.org) == 0


def test_who_may_contest_and_until_when(scene: MoneyScene) -> None:
    number = self_bill(scene)
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        contest_invoice(unit, number, "mine?")
    with scene.web.begin(scene.owner) as unit:
        contest = contest_invoice(unit, number, "no")
    with scene.web.begin(scene.accountant) as unit:
        assert reject_contest(unit, contest.code, "The sends are there.").state == "rejected"
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.accountant) as unit:
        uphold_contest(unit, SETTINGS, contest.code, 1)
    assert refusal.value.code == "contest_state"
    scene.wait(31 * 24)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        contest_invoice(unit, number, "late")
    assert refusal.value.code == "contest_over"


class _Vies(BaseHTTPRequestHandler):
    """Answers as the service's description says, for one number."""

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked["countryCode"] == "BE"
        said = {"valid": True, "name": "BRUSSEL MODE", "address": "NIEUWSTRAAT 6\n1000", "requestIdentifier": "WAPI1"}
        reply = said if known else {"errorWrappers": [{"error": "MS_UNAVAILABLE"}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def vies() -> Iterator[ViesRegister]:
    server = HTTPServer(("127.0.0.1", 0), _Vies)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield ViesRegister(address=f"http://127.0.0.1:{server.server_port}/check")
    server.shutdown()
    server.server_close()


def test_an_answer_about_a_vat_number_is_kept_and_no_answer_is_none(scene: MoneyScene, vies: ViesRegister) -> None:
    live_in(scene, scene.advertiser.org, country="BE", vat_number="BE 0417.497.106")
    check_vat_number(scene.worker, vies, SETTINGS, scene.advertiser.org)
    with scene.web.begin(scene.advertiser) as unit:
        (answer,) = vat_answers(unit)
    assert (answer.valid, answer.name, answer.consultation, answer.source) == (True, "BRUSSEL MODE", "WAPI1", "vies")
    live_in(scene, scene.advertiser.org, country="DE", vat_number="DE136695976")
    with pytest.raises(Unavailable):
        check_vat_number(scene.worker, vies, SETTINGS, scene.advertiser.org)
    check_vat_number(scene.worker, FakeRegister(), SETTINGS, scene.advertiser.org)
    with scene.web.begin(scene.accountant) as unit:
        ask_vat_check(unit, unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org))
        newest = vat_answers(unit)[0]
    assert (newest.valid, newest.source) == (True, "fake")
    with scene.web.begin(scene.stranger) as unit:
        assert vat_answers(unit) == []
