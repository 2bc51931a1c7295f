"""Proofs reach the asker's own control addresses alone; the report owed to the advertiser writes itself once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.delivery.send_proofs import send_proofs
from broker.kernel.actor import Actor
from broker.kernel.clock import advance
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, NotFound
from broker.mailings.ask_proof import ask_proof, list_proofs
from broker.mailings.create_creative import Message, create_creative, find_creative
from broker.mailings.legal_report import (
    find_legal_report,
    list_legal_reports,
    month_after,
    note_read,
    write_legal_report,
)
from broker.mailings.report_pdf import tables_pdf
from broker.mailings.report_rows import as_csv, legal_tables, report_tables
from broker.mailings.report_sheet import report_sheet
from broker.mailings.report_store import reports_due
from broker.mailings.seeds import add_seed_address
from broker.mailings.variants import Variation
from tests.mail_house import HTML, build, keys_in, mail_settings, people, running_sink

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def the_clock_again(admin_engine: Engine) -> Iterator[None]:
    """What other tests go by: the clock as it was."""
    with admin_engine.begin() as connection:
        ahead = connection.execute(text("SELECT ahead FROM shared_clock")).scalar_one()
    yield
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE shared_clock SET ahead = :ahead"), {"ahead": ahead})


def test_a_proof_goes_to_own_seeds_once_and_its_links_do_not_count(
    worker_engine: Engine, web_engine: Engine, tmp_path: Path
) -> None:
    data, web, keys = Database(worker_engine), Database(web_engine), keys_in(tmp_path)
    house = build(data, keys, people(3))
    author, other = Actor("advertiser", house.advertiser_id, 1), Actor("owner", house.owner_id, 1)
    with web.begin(author) as unit:
        message = Message("BAT", "Bonjour {{first_name}}", "Boutique", "fr", HTML, variants=[Variation("Objet B")])
        code = create_creative(unit, message).code
    with web.begin(author) as unit, pytest.raises(Conflict) as none:
        ask_proof(unit, code, 10)
    assert none.value.code == "no_seed_address"
    with web.begin(author) as unit:
        add_seed_address(unit, keys.front, "temoin@annonceur.test")
        add_seed_address(unit, keys.front, "second@annonceur.test", "plain")
    with web.begin(other) as unit:
        add_seed_address(unit, keys.front, "temoin@loueur.test")
        with pytest.raises(NotFound):  # a draft that nobody asked it to approve
            ask_proof(unit, code, 10)
    with web.begin(author) as unit:
        ask_proof(unit, code, 7)
    with web.begin(author) as unit, pytest.raises(Conflict) as much:
        ask_proof(unit, code, 7)
    assert much.value.code == "too_many_proofs"
    with data.begin() as unit:
        request = unit.scalar("SELECT max(id) FROM proof_request")
    with running_sink(tmp_path / "sink") as sink:
        settings = mail_settings(tmp_path, sink.port)
        send_proofs(data, keys, settings, request)
        send_proofs(data, keys, settings, request)  # run twice: nothing leaves again
        mails = [message_from_bytes(one.raw, policy=default) for one in sink.messages()]
        receivers = sorted(address for one in sink.messages() for address in one.rcpt_to)
    assert receivers == ["second@annonceur.test"] * 2 + ["temoin@annonceur.test"] * 2
    assert sorted({str(make_header(decode_header(mail["Subject"]))) for mail in mails}) == [
        "[ÉPREUVE A] Bonjour Camille", "[ÉPREUVE B] Objet B"
    ]  # fmt: skip
    for mail in mails:
        assert code in mail["X-Courtier-Proof"]
        body = mail.get_body(("html",))
        assert body is not None
        html = body.get_content()
        assert 'href="https://shop.test/?a=1&amp;copy=2"' in html
        assert "/c/" not in html
        assert "{{" not in html
    with web.begin(author) as unit:
        (proof,) = list_proofs(unit, find_creative(unit, code))
    assert (proof.mails, proof.accepted, proof.refused, proof.current) == (4, 4, 0, True)


def test_the_report_to_the_advertiser_is_written_within_the_month(
    worker_engine: Engine, web_engine: Engine, tmp_path: Path
) -> None:
    data, web, keys = Database(worker_engine), Database(web_engine), keys_in(tmp_path)
    house = build(data, keys, people(40))
    with running_sink(tmp_path / "sink") as sink:
        send_mailing(data, keys, mail_settings(tmp_path, sink.port), house.mailing.id, accrue_sends)
    with data.begin() as unit:
        assert house.mailing.id not in reports_due(unit, 25)
        advance(unit.session, timedelta(days=26))
    with data.begin() as unit:
        assert house.mailing.id in reports_due(unit, 25)
    write_legal_report(data, house.mailing.id)
    write_legal_report(data, house.mailing.id)
    with data.begin() as unit:
        assert house.mailing.id not in reports_due(unit, 25)
    with web.begin(Actor("advertiser", house.advertiser_id, 1)) as unit:
        (report,) = list_legal_reports(unit)
        note_read(unit, report.code)
    with web.begin(Actor("advertiser", house.advertiser_id, 1)) as unit:
        report = find_legal_report(unit, report.code)
        sheet = report_sheet(unit, house.mailing.code, "fr")
        now = unit.now
    assert (report.body["sent"], report.body["accepted"], report.body["billable"]) == (40, 40, 40)
    assert (report.body["unit_price_micros"], report.body["price_cents"]) == (
        20_000,
        80,
    )  # 40 mails of 20 EUR a thousand
    assert report.due_on <= month_after(report.made_at.date())
    assert report.read_at is not None
    assert tables_pdf("Bilan", "", [*legal_tables(report, "fr"), *report_tables(sheet)], "fr", now).startswith(b"%PDF")
    assert "Prix unitaire, au mille, HT;20,00" in as_csv(legal_tables(report, "fr")).decode("utf-8-sig")
    with web.begin(Actor("advertiser", house.owner_id, 1)) as unit, pytest.raises(NotFound):
        find_legal_report(unit, "report_unknown")
    with web.begin(Actor("advertiser", 0, 1)) as unit:
        assert list_legal_reports(unit) == []
