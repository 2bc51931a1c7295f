"""Contracts, registers, requests and breaches, with the rights of the front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from broker.audit.bulk_read import ALERT, list_alerts, note_bulk_read, recent_alerts
from broker.bases import breach, contract, register, request_log
from broker.bases.breach_texts import Language, breach_texts
from broker.bases.compliance_model import months_after
from broker.bases.compliance_store import add_contract
from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.database import UnitOfWork, identify
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import TradeSettings
from tests.store.neighbour_rows import Somebody, add, settle_in

As = Callable[[Actor], UnitOfWork]
TRADE = TradeSettings(prospect_retention_months=24)


@dataclass
class Scene:
    """An owner with a base and a file, a stranger, the broker."""

    acting: As
    owner: Actor
    stranger: Actor
    broker: Actor
    base: str
    upload: str


@pytest.fixture
def scene(admin_engine: Engine) -> Iterator[Scene]:
    """All in one transaction that is undone."""
    with admin_engine.connect() as connection:
        transaction = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")

        def unit(actor: Actor) -> UnitOfWork:
            session.execute(text(f"SET LOCAL ROLE {'courtier_worker' if actor == SYSTEM else 'courtier_web'}"))
            identify(session, actor)
            return UnitOfWork(session, actor)

        people = [settle_in(connection, kind) for kind in ("owner", "owner", "broker")]
        code = people[0].code.replace("_", "-")
        base = add(connection, "base", org_id=people[0].org_id, code=code, name="Shop", sector="retail")
        upload = f"up_{people[0].code}"
        add(connection, "upload", code=upload, base_id=base, kind="contacts", file_name="f", state="received")
        yield Scene(unit, *map(_actor, people), base=code, upload=upload)
        session.close()
        transaction.rollback()


def _actor(somebody: Somebody) -> Actor:
    return Actor(somebody.kind, somebody.org_id, somebody.user_id, somebody.code)  # type: ignore[arg-type]


def test_an_import_waits_for_its_contract(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    with pytest.raises(Conflict) as refusal:
        contract.require_contract_for_upload(unit, scene.upload)
    assert refusal.value.code == "contract_missing"
    today = unit.today
    made = contract.record_contract(unit, scene.base, "DPA-7", "Anna", today, document_sha256="ab" * 32)
    assert (made.kind, made.document_sha256, made.ends_on) == ("processor", "ab" * 32, None)
    contract.require_contract_for_upload(unit, scene.upload)
    contract.end_contract(unit, made.code, today)
    contract.require_contract_for_upload(unit, scene.upload)
    unit.run("UPDATE processing_contract SET ends_on = signed_on")
    scene.acting(SYSTEM).run("UPDATE processing_contract SET signed_on = :day, ends_on = :day", day=date(2020, 1, 1))
    with pytest.raises(Conflict) as refusal:
        contract.require_contract(scene.acting(scene.owner), scene.base)
    assert refusal.value.code == "contract_missing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reference": " "}, "missing_reference"),
        ({"signatory": ""}, "missing_signatory"),
        ({"signed_on": date(2999, 1, 1)}, "signed_later"),
        ({"ends_on": date(2019, 1, 1)}, "ends_before"),
        ({"document_sha256": "abc"}, "bad_sha256"),
        ({"kind": "oral"}, "bad_kind"),
        ({"base_code": "no-base"}, "no_base"),
    ],
)
def test_a_contract_that_says_too_little_is_refused(scene: Scene, change: dict[str, object], code: str) -> None:
    wanted = {"base_code": scene.base, "reference": "R", "signatory": "A", "signed_on": date(2020, 1, 1), **change}
    with pytest.raises(CourtierError) as refusal:
        contract.record_contract(scene.acting(scene.owner), **wanted)  # type: ignore[arg-type]
    assert refusal.value.code == code


def test_a_stranger_sees_and_writes_nothing_of_it(scene: Scene) -> None:
    made = contract.record_contract(scene.acting(scene.owner), scene.base, "R", "A", date(2020, 1, 1))
    asked = request_log.log_request(scene.acting(scene.owner), "access", "K-1", date(2020, 1, 1))
    unit = scene.acting(scene.stranger)
    for step in (
        lambda: contract.list_contracts(unit, scene.base),
        lambda: contract.end_contract(unit, made.code, date(2021, 1, 1)),
        lambda: request_log.answer_request(unit, asked.code, "granted"),
        lambda: breach.open_breach(unit, scene.base, "integrity", "f", "d", unit.now, unit.now),
    ):
        with pytest.raises(NotFound):
            step()
    assert request_log.list_requests(unit).total == 0
    assert register.list_register(unit, TRADE) == []
    base_id = scene.acting(SYSTEM).scalar("SELECT id FROM base WHERE code = :code", code=scene.base)
    forged = {"kind": "processor", "reference": "R", "signatory": "A", "signed_on": date(2020, 1, 1)}
    with pytest.raises(CourtierError):
        add_contract(
            scene.acting(scene.stranger), code="ctr_x", org_id=scene.stranger.org_id, base_id=base_id, **forged
        )


def test_the_register_has_a_line_for_each_base_and_those_written_by_hand(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    contract.record_contract(unit, scene.base, "DPA-7", "Anna", date(2020, 1, 1))
    line = {"purpose": "Wages", "people": "Staff", "data": "Pay", "recipients": "Bank", "retention": "5 years"}
    code = register.write_activity(unit, name="Payroll", legal_basis="legal_obligation", **line)
    of_base, by_hand = register.list_register(unit, TRADE)
    assert (of_base.name, of_base.code, by_hand.name, by_hand.code) == ("E-mail base Shop", None, "Payroll", code)
    assert "DPA-7" in of_base.recipients
    assert "Customers 36 months, prospects 24 months" in of_base.retention
    rows = register.register_rows(scene.acting(scene.broker), TRADE)
    assert {len(row) for row in rows} == {len(register.COLUMNS)}
    owner = scene.acting(scene.owner)
    with pytest.raises(Conflict) as refusal, owner.session.begin_nested():
        register.write_activity(owner, name="Payroll", legal_basis="contract", **line)
    assert refusal.value.code == "name_taken"
    register.end_activity(scene.acting(scene.owner), code)
    assert len(register.list_register(scene.acting(scene.owner), TRADE)) == 1


def test_a_request_is_due_in_a_month_and_put_off_by_two_more_at_most(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    today = unit.today
    asked = request_log.log_request(unit, "erasure", "K-1", today, "letter of jeanne@example.test")
    assert asked.due_on == months_after(today, 1)
    assert "jeanne" not in asked.note
    assert not asked.overdue(asked.due_on)
    assert asked.overdue(asked.due_on + timedelta(days=1))
    with pytest.raises(InvalidInput) as refusal:
        request_log.extend_request(unit, asked.code, months_after(today, 3) + timedelta(days=1), "many files")
    assert refusal.value.code == "bad_extension"
    put_off = request_log.extend_request(unit, asked.code, months_after(today, 3), "many files")
    assert not put_off.overdue(months_after(today, 3))
    answered = request_log.answer_request(unit, asked.code, "granted")
    assert (answered.answered_on, answered.overdue(date(2999, 1, 1))) == (today, False)
    with pytest.raises(Conflict):
        request_log.answer_request(unit, asked.code, "granted")


def test_a_late_request_is_not_extended_any_more(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    late = unit.today - timedelta(days=40)
    asked = request_log.log_request(unit, "access", "K-1", late)
    assert asked.overdue(unit.today)
    with pytest.raises(Conflict) as refusal:
        request_log.extend_request(unit, asked.code, months_after(late, 3), "late")
    assert refusal.value.code == "extension_late"


def test_a_dossier_tells_who_did_what_and_how_many_rows_there_are(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    made = breach.open_breach(
        unit, scene.base, "confidentiality", "a list was sent to a@b.test", "names", unit.now, unit.now, 12
    )
    assert made.authority_due_at - made.discovered_at == timedelta(hours=72)
    assert "a@b.test" not in made.facts
    dossier = breach.breach_dossier(unit, made.code)
    assert (dossier.rows_in_base, dossier.breach.rows_affected) == (0, 12)
    assert [(trace.role, trace.action) for trace in dossier.traces] == [("owner", "breach.opened")]
    noted = breach.note_breach(unit, made.code, measures="list deleted", authority_told_at=unit.now)
    assert (noted.measures, noted.authority_told_at) == ("list deleted", unit.now)
    for wrong in ({"facts": "nothing happened"}, {}, {"closed_at": unit.now + timedelta(days=1)}):
        with pytest.raises(InvalidInput):
            breach.note_breach(unit, made.code, **wrong)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 24))
def test_a_month_later_is_the_same_day_or_that_months_last(day: date, months: int) -> None:
    later = months_after(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


def test_a_bulk_read_is_an_alert_in_the_audit_from_the_set_number_of_rows_on(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    answers = [note_bulk_read(unit, "import", "imp_x", rows, 1_000) for rows in (1_000, 999)]
    assert answers == [True, False]
    seen = scene.acting(scene.broker).all(
        "SELECT object_id, detail FROM audit_entry WHERE action = :action AND org_id = :org",
        action=ALERT,
        org=scene.owner.org_id,
    )
    assert [(row.object_id, row.detail) for row in seen] == [("imp_x", {"rows": 1_000})]


def test_many_small_reads_of_a_day_are_a_large_one(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    answers = [note_bulk_read(unit, "import", f"imp_{number}", 400, 1_000) for number in range(6)]
    assert answers == [False, False, True, False, True, False]
    assert note_bulk_read(unit, "register", "reg", 400, 1_000) is False, "another kind is counted apart"
    assert note_bulk_read(scene.acting(scene.stranger), "import", "imp_9", 400, 1_000) is False, "and so are others"
    broker = scene.acting(scene.broker)
    seen = list_alerts(broker)
    # Entries get their place in the chain, and with it their order, at the commit.
    mine = {(alert.object_id, alert.rows, alert.today) for alert in seen.items if alert.org_name == scene.owner.name}
    assert mine == {("imp_2", 400, 1_200), ("imp_4", 400, 2_000)}
    assert recent_alerts(broker) == seen.total
    with pytest.raises(Forbidden):
        list_alerts(scene.acting(scene.owner))


def test_only_the_controller_answers_its_requests(scene: Scene) -> None:
    asked = request_log.log_request(scene.acting(scene.owner), "access", "K-1", scene.acting(scene.owner).today)
    broker = scene.acting(scene.broker)
    (shown,) = [one for one in request_log.list_requests(broker).items if one.code == asked.code]
    assert (shown.own, shown.controller) == (False, scene.owner.name)
    for step in (
        lambda: request_log.answer_request(broker, asked.code, "granted"),
        lambda: request_log.extend_request(broker, asked.code, months_after(asked.received_on, 2), "x"),
    ):
        with pytest.raises(Forbidden):
            step()
    assert asked.own
    assert request_log.requests_due(scene.acting(scene.owner)) == (0, 0)
    request_log.log_request(scene.acting(scene.owner), "access", "K-2", asked.received_on - timedelta(days=40))
    request_log.log_request(scene.acting(scene.owner), "access", "K-3", asked.received_on - timedelta(days=28))
    assert request_log.requests_due(scene.acting(scene.owner)) == (1, 1)


def test_whoever_tells_the_authority_late_says_why(scene: Scene) -> None:
    unit = scene.acting(scene.owner)
    found = unit.now - timedelta(hours=80)
    made = breach.open_breach(
        unit, scene.base, "availability", "disk lost", "names", found, found, 3, discovered_at=found,
        which_rows="lines 2 to 4 of May's file of x@y.example", people_affected=3, risk="high",
    )  # fmt: skip
    assert (made.hours_left(unit.now), made.authority_waits, made.people_wait) == (-8, True, True)
    assert "x@y.example" not in made.which_rows
    with pytest.raises(InvalidInput) as refusal:
        breach.note_breach(unit, made.code, authority_told_at=unit.now)
    assert refusal.value.code == "missing_reason"
    noted = breach.note_breach(unit, made.code, authority_told_at=unit.now, late_reason="a weekend", risk="none")
    assert (noted.authority_waits, noted.people_wait) == (False, False)
    for wrong in ({"risk": "some"}, {"people_affected": 1, "colour": "red"}):
        with pytest.raises(InvalidInput):
            breach.note_breach(unit, made.code, **wrong)
    with pytest.raises(InvalidInput):
        breach.open_breach(
            unit, scene.base, "integrity", "f", "d", found, found, discovered_at=found - timedelta(days=1)
        )


@pytest.mark.parametrize(("language", "unsaid"), [("fr", "[à compléter]"), ("en", "[to be completed]")])
def test_texts_of_a_breach_are_drafted_until_they_are_written(scene: Scene, language: Language, unsaid: str) -> None:
    unit = scene.acting(scene.owner)
    made = breach.open_breach(unit, scene.base, "integrity", "wrong names", "names", unit.now, unit.now, 12)
    drafts = breach_texts(breach.breach_dossier(unit, made.code), language)
    assert "wrong names" in drafts.authority
    assert unsaid in drafts.authority
    assert unsaid in drafts.people
    assert "{" not in drafts.authority + drafts.people
    breach.note_breach(unit, made.code, people_text="We are sorry.")
    assert breach_texts(breach.breach_dossier(unit, made.code), language).people == "We are sorry."
