"""Payouts that come back, are refused, held on suspicion, or whose account changed; what comes too often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.bank.bank_accounts import approve_bank_account, propose_bank_account
from broker.billing.bank.bank_model import Payout
from broker.billing.bank.export_sepa import SepaFile, list_sepa_files, make_sepa_file, sepa_file
from broker.billing.bank.freeze_org import freeze_organisation
from broker.billing.bank.import_statement import import_statement
from broker.billing.bank.left_out import left_out
from broker.billing.bank.payout_holds import clear_hold, hold_payouts, list_holds, release_hold
from broker.billing.bank.payouts import (
    approve_payout,
    book_payout,
    fail_payout,
    find_payout,
    list_payouts,
    propose_payouts,
)
from broker.billing.bank.reconcile_bank import reconcile_bank
from broker.billing.bank.return_payout import book_payout_return, return_payout
from broker.billing.bank.take_status import take_status
from broker.billing.bank.velocity import list_alerts, look_at_velocity
from broker.billing.gateway.transfer_store import payouts_page
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from broker.ledger.store import balance
from tests.bank_files import IBAN, camt, entry
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.store.test_payments import FAR, account_of_owner

OURS = replace(SETTINGS, company=replace(SETTINGS.company, iban=IBAN))
OWED = 95_999  # the owner's part of 30,000 sends, and VAT
LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> Iterator[MoneyScene]:
    made = build_scene(admin_engine, worker_engine, web_engine)
    made.settled(made.paid(), 30_000)
    account_of_owner(made)
    made.wait(49)
    yield made
    with made.worker.begin() as unit:  # nothing of ours is left for other tests to export
        unit.run("UPDATE payout SET state = 'failed' WHERE state IN ('proposed', 'approved') AND owner_id = :id",
                 id=made.owner.org)  # fmt: skip


def owner_code(scene: MoneyScene) -> str:
    with scene.worker.begin() as unit:
        return str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org))


def proposed(scene: MoneyScene) -> Payout:
    with scene.web.begin(scene.person()) as unit:
        propose_payouts(unit, OURS, FAR)  # of all owners at once
        return next(one for one in list_payouts(unit, "proposed") if one.owner_id == scene.owner.org)


def approved(scene: MoneyScene) -> Payout:
    payout = proposed(scene)
    with scene.web.begin(scene.person()) as unit:
        return approve_payout(unit, payout.code)


def exported(scene: MoneyScene) -> SepaFile:
    with scene.web.begin(scene.person()) as unit:
        made = make_sepa_file(unit, OURS, LONG_AGO, FAR)
    assert made is not None
    return made


def cents(scene: MoneyScene, account: str) -> int:
    with scene.worker.begin() as unit:
        return balance(unit, account, scene.owner.org if account == "401" else None)


def day(scene: MoneyScene) -> str:
    with scene.worker.begin() as unit:
        return unit.today.isoformat()


def read(scene: MoneyScene, *entries: str, name: str) -> int:
    with scene.web.begin(scene.person()) as unit:
        return import_statement(unit, OURS, camt(entries, name=name, day=day(scene))).returned


def test_who_is_owed_and_left_out_is_named_with_the_reason(scene: MoneyScene) -> None:
    named = f"Maison {scene.card_code}"  # no other scene's owner has this name
    with scene.worker.begin() as unit:
        unit.run("UPDATE organisation SET name = :name WHERE id = :id", name=named, id=scene.owner.org)

    def why(hours: int) -> list[tuple[int, str]]:
        settings = replace(OURS, payment=replace(OURS.payment, iban_wait_hours=hours))
        with scene.web.begin(scene.person()) as unit:
            return [(one.cents, one.why) for one in left_out(unit, settings, FAR) if one.owner == named]

    assert why(100_000) == [(OWED, "account_waits")]
    assert why(48) == []
    with scene.web.begin(scene.person()) as unit:
        freeze_organisation(unit, owner_code(scene), "Who are they?")
    assert why(48) == [(OWED, "org_frozen")]
    with pytest.raises(Forbidden), scene.web.begin(scene.owner) as unit:
        left_out(unit, OURS, FAR)


def test_a_payout_that_came_back_is_undone_its_account_held_and_it_is_paid_again(scene: MoneyScene) -> None:
    payout = approved(scene)
    made = exported(scene)
    today = day(scene)
    before = {account: cents(scene, account) for account in ("401", "512", "44564", "44566")}
    left = entry(-OWED, f"OUT{payout.code}", day=today, end_to_end=payout.end_to_end_id)
    back = entry(OWED, f"BACK{payout.code}", day=today, end_to_end=payout.end_to_end_id, family="RRTN")
    assert read(scene, left, back, name=f"S1{payout.code}") == 1
    for _ in range(2):  # the return's job may run before the payout's own
        book_payout_return(scene.worker, payout.id)
        book_payout(scene.worker, payout.id)
    assert {account: cents(scene, account) for account in before} == before
    with scene.web.begin(scene.person()) as unit:
        assert find_payout(unit, payout.code).state == "returned"
        shown = next(row for row in payouts_page(unit, (), 50) if row.code == payout.code)
        assert (shown.returned_on is not None, shown.file) == (True, made.message_id)
        assert not [one for one in propose_payouts(unit, OURS, FAR) if one.owner_id == scene.owner.org]
        found = reconcile_bank(unit, unit.today, unit.today)
        assert not [one for one in found.differences if payout.code in (one.reference, one.about)]
    account_of_owner(scene)
    scene.wait(49)
    again = approved(scene)
    assert again.amount_cents == OWED
    exported(scene)
    with scene.worker.begin() as unit:
        unit.run("UPDATE payout SET state = 'confirmed', paid_on = :day WHERE id = :id", day=unit.today, id=again.id)
    book_payout(scene.worker, again.id)
    assert cents(scene, "401") == 0
    with scene.worker.begin() as unit:  # everything on 401 has its letters
        assert not unit.scalar(
            "SELECT count(*) FROM ledger_posting p WHERE p.account = '401' AND p.org_id = :org AND NOT EXISTS"
            " (SELECT 1 FROM ledger_match_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)",
            org=scene.owner.org,
        )


def test_an_account_changed_an_hour_before_is_not_paid_and_stops_nobody_else(scene: MoneyScene) -> None:
    other = build_scene_beside(scene)
    mine, theirs = approved(scene), approved(other)
    with scene.web.begin(scene.person()) as unit:
        propose_bank_account(unit, "Maison", "BE68539007547034", org_code=owner_code(scene))
    scene.wait(1)
    made = exported(scene)
    assert (mine.code, "account_changed") in made.left_out
    assert mine.end_to_end_id.encode() not in made.content
    assert theirs.end_to_end_id.encode() in made.content
    with scene.web.begin(scene.person()) as unit:
        assert find_payout(unit, mine.code).state == "approved"
        new = unit.scalar("SELECT code FROM bank_account WHERE org_id = :id AND state = 'proposed'", id=scene.owner.org)
        approve_bank_account(unit, new) if unit.actor.user_id else None
        fail_payout(unit, mine.code, "account changed")
        # approved by a second person, the new account is still too new
        assert not [one for one in propose_payouts(unit, OURS, FAR) if one.owner_id == scene.owner.org]
    with scene.web.begin(scene.person()) as unit:
        assert sepa_file(unit, made.message_id) == made.content
        assert made.message_id in {row.message_id for row in list_sepa_files(unit)}


def build_scene_beside(scene: MoneyScene) -> MoneyScene:
    other = build_scene(scene.worker.engine, scene.worker.engine, scene.web.engine)
    other.settled(other.paid(), 30_000)
    account_of_owner(other)
    other.wait(49)
    return other


def test_a_suspicion_holds_payouts_until_two_people_say_that_they_may_go(scene: MoneyScene) -> None:
    payout = proposed(scene)
    first, second, third = scene.person(), scene.person(), scene.person()
    with scene.web.begin(first) as unit:
        hold = hold_payouts(unit, owner_code(scene), "Called from a foreign number").code
    with pytest.raises(Conflict) as refusal, scene.web.begin(second) as unit:
        approve_payout(unit, payout.code)
    assert refusal.value.code == "payout_held"
    with pytest.raises(Conflict) as refusal, scene.web.begin(third) as unit:
        release_hold(unit, hold)
    assert refusal.value.code == "hold_not_cleared"
    with scene.web.begin(second) as unit:
        clear_hold(unit, hold, "The owner was called back at the number we know")
    for person in (first, second):
        with pytest.raises(Forbidden), scene.web.begin(person) as unit:
            release_hold(unit, hold)
    with pytest.raises(CourtierError), scene.web.begin(second) as unit:  # nor by a statement of its own
        unit.run("UPDATE payout_hold SET released_by = 1, released_at = app_now() WHERE code = :code", code=hold)
    with scene.web.begin(third) as unit:
        assert release_hold(unit, hold).released_at is not None
    with scene.web.begin(second) as unit:
        assert approve_payout(unit, payout.code).state == "approved"


def test_held_after_the_approval_it_is_left_out_of_the_file(scene: MoneyScene) -> None:
    payout = approved(scene)
    with scene.web.begin(scene.person()) as unit:
        hold_payouts(unit, owner_code(scene), "Suspicion")
    with pytest.raises(Conflict) as refusal:
        exported(scene)
    assert refusal.value.code == "payout_held"
    with scene.web.begin(scene.person()) as unit:
        assert find_payout(unit, payout.code).state == "approved"


def test_too_many_changes_of_the_account_raise_one_alert_and_a_hold(scene: MoneyScene) -> None:
    strict = replace(OURS, payment=replace(OURS.payment, velocity_ibans=1, velocity_payout_cents=OWED - 1))
    proposed(scene)
    for _ in range(2):
        with scene.web.begin(scene.person()) as unit:
            propose_bank_account(unit, "Maison", "BE68539007547034", org_code=owner_code(scene))
    with scene.worker.begin() as unit:
        assert look_at_velocity(unit, strict) >= 2
    with scene.worker.begin() as unit:
        look_at_velocity(unit, strict)
    code = owner_code(scene)
    with scene.web.begin(scene.person()) as unit:
        kinds = sorted(row.kind for row in list_alerts(unit) if row.org_code == code)
        assert kinds == ["iban_changes", "payouts"]
        holds = [one for one in list_holds(unit) if one.org_code == code]
    assert len(holds) == 1
    assert holds[0].held_by is None
    assert holds[0].reason.startswith("Suspicion of fraud")


def pain002(message: str, end_to_end: str, status: str = "RJCT", reason: str = "AC04") -> bytes:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId>'
        f"</GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{end_to_end}</OrgnlEndToEndId><TxSts>{status}</TxSts><StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn>"
        "</StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def test_what_the_bank_refuses_can_be_paid_again_but_not_to_a_closed_account(scene: MoneyScene) -> None:
    payout = approved(scene)
    made = exported(scene)
    with scene.web.begin(scene.person()) as unit:
        assert take_status(unit, pain002(made.message_id, payout.end_to_end_id, "ACCP")).accepted == 1
        result = take_status(unit, pain002(made.message_id, payout.end_to_end_id))
        assert result.rejected == (payout.code,)
        again = take_status(unit, pain002(made.message_id, payout.end_to_end_id))
        assert (again.rejected, again.unknown) == ((), 1)
        assert find_payout(unit, payout.code).state == "failed"
        assert unit.scalar("SELECT state FROM bank_account WHERE org_id = :id", id=scene.owner.org) == "held"
        assert not [one for one in propose_payouts(unit, OURS, FAR) if one.owner_id == scene.owner.org]
    for data in (b"", b"<x/>", b"<!DOCTYPE a><Document/>", b"not xml"):
        with pytest.raises(InvalidInput), scene.web.begin(scene.person()) as unit:
            take_status(unit, data)
    with pytest.raises(NotFound), scene.web.begin(scene.person()) as unit:
        take_status(unit, pain002("SEPA-OF-ELSEWHERE", "X"))


def test_a_whole_file_refused_frees_all_of_it(scene: MoneyScene) -> None:
    payout = approved(scene)
    made = exported(scene)
    whole = pain002(made.message_id, "", "", "").replace(b"<OrgnlMsgNmId>", b"<GrpSts>RJCT</GrpSts><OrgnlMsgNmId>")
    with scene.web.begin(scene.person()) as unit:
        assert payout.code in take_status(unit, whole).rejected


def test_only_what_has_left_comes_back_and_once(scene: MoneyScene) -> None:
    payout = approved(scene)
    with pytest.raises(Conflict), scene.web.begin(scene.person()) as unit:
        return_payout(unit, payout.code, unit.today, "AC04")


def test_a_frozen_owner_joins_no_programme_and_a_frozen_advertiser_opens_none(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        advertiser = str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org))
    with scene.web.begin(scene.person()) as unit:
        freeze_organisation(unit, advertiser, "Suspicion")
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        unit.run(
            "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
            " budget_cents, creative_id, starts_on, ends_on) SELECT 'prog_' || id, id, 't', 'home', 'cpm', 1000, 2000,"
            " 100000, (SELECT min(id) FROM creative), current_date, current_date FROM organisation WHERE id = :id",
            id=scene.advertiser.org,
        )
    assert refusal.value.code == "org_frozen"


def test_of_two_who_approve_at_once_the_second_reads_that_it_is_approved(scene: MoneyScene) -> None:
    payout, waiting = (
        proposed(scene),
        ("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"),
    )

    def second() -> str:
        with pytest.raises(Conflict) as refusal, scene.web.begin(scene.person()) as unit:
            approve_payout(unit, payout.code)
        return refusal.value.sentence

    with ThreadPoolExecutor(1) as pool:
        with scene.web.begin(scene.person()) as unit:
            approve_payout(unit, payout.code)
            said = pool.submit(second)
            for _ in range(500):  # until it has read the payout and waits for our row
                if unit.scalar(waiting) or said.done():
                    break
                unit.run("SELECT pg_sleep(0.01)")
        assert said.result() == "The payout is approved; this needs one that is proposed."


def test_a_file_refused_for_the_sake_of_one_transfer_is_refused_whole(
    scene: MoneyScene, admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    second = build_scene(admin_engine, worker_engine, web_engine)
    second.settled(second.paid(), 30_000)
    account_of_owner(second)
    second.wait(49)
    payout, other = approved(scene), approved(second)
    made = exported(scene)
    assert made.transfers >= 2
    report = pain002(made.message_id, payout.end_to_end_id, reason="AC01")
    report = report.replace(b"<OrgnlMsgNmId>", b"<GrpSts>RJCT</GrpSts><OrgnlMsgNmId>")
    with scene.web.begin(scene.person()) as unit:
        result = take_status(unit, report)
        assert sorted(result.rejected) == sorted({*result.rejected})
        assert {payout.code, other.code} <= {*result.rejected}
        assert find_payout(unit, other.code).state == "failed"
        assert take_status(unit, report).rejected == ()
