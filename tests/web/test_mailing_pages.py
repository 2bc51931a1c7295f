"""Pages of mailings: waves, a stop that asks why, the report on the page and on paper, subject tests, proofs."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from broker.kernel.ids import new_code
from broker.mailings import flow_store, freeze_store
from broker.mailings.flow_store import Progress
from broker.mailings.model import Mailing
from broker.mailings.variants import Variation
from tests.front_house import House
from tests.mail_house import HTML, frozen_mailing


@pytest.fixture
def mailing(house: House, worker_engine: Engine) -> Mailing:
    """A frozen mailing of the house's owner for its advertiser, to nobody."""
    owner, advertiser = (house.people[who].actor.org for who in ("owner", "advertiser"))
    return frozen_mailing(Database(worker_engine), owner, advertiser)


def test_an_owner_sets_waves_and_a_wrong_sum_is_said(house: House, mailing: Mailing) -> None:
    client, token = house.browser("owner")
    address = f"/mailings/{mailing.code}"
    wrong = client.post(f"{address}/waves", data={"csrf_token": token, "shares": "10, 20", "gap_minutes": "60"})
    assert wrong.status_code == 422
    assert "10, 20" in wrong.text  # what was typed stands there still
    right = client.post(f"{address}/waves", data={"csrf_token": token, "shares": "10, 90", "gap_minutes": "90"})
    assert right.status_code == 303
    assert 'value="10, 90"' in client.get(address).text
    other, other_token = house.browser("advertiser")
    assert 'name="shares"' not in other.get(address).text
    assert other.post(f"{address}/waves", data={"csrf_token": other_token, "shares": "100"}).status_code == 403


def test_a_stopped_mailing_asks_its_owner_why_it_may_go_on(
    house: House, mailing: Mailing, worker_engine: Engine
) -> None:
    with Database(worker_engine).begin() as unit:
        unit.run("UPDATE mailing SET state = 'paused' WHERE id = :id", id=mailing.id)
        unit.run(
            "INSERT INTO mailing_alarm (mailing_id, kind, reason, sentence, sent, bounces, complaints)"
            " VALUES (:id, 'stop', 'complaints', 's', 2000, 1, 8)",
            id=mailing.id,
        )
    client, token = house.browser("owner")
    address = f"/mailings/{mailing.code}"
    assert 'name="reason"' in client.get(address).text
    assert 'name="reason"' not in house.browser("advertiser")[0].get(address).text
    short = client.post(f"{address}/resume", data={"csrf_token": token, "reason": ""})
    assert short.status_code == 409
    said = client.post(f"{address}/resume", data={"csrf_token": token, "reason": "All eight were one person's tests."})
    assert said.status_code == 303
    assert 'name="reason"' not in client.get(address).text


@pytest.mark.parametrize("who", ["owner", "advertiser"])
def test_a_running_test_of_subjects_is_ended_by_hand_with_its_figures_in_view(
    house: House, worker_engine: Engine, who: str
) -> None:
    owner, advertiser = (house.people[one].actor.org for one in ("owner", "advertiser"))
    mailing = frozen_mailing(Database(worker_engine), owner, advertiser, [Variation("Dernier jour")])
    client, token = house.browser(who)
    address = f"/mailings/{mailing.code}"
    assert 'name="variant"' not in client.get(address).text  # nothing is tested yet
    early = client.post(f"{address}/variant", data={"csrf_token": token, "variant": "B"})
    assert early.status_code == 409
    with Database(worker_engine).begin() as unit:
        unit.run("UPDATE mailing SET state = 'sending' WHERE id = :id", id=mailing.id)
        unit.run("UPDATE mailing SET started_at = app_now() WHERE id = :id AND started_at IS NULL", id=mailing.id)
        flow_store.begin(unit, mailing.id, Progress(100, 2, 20, 20, None, None, None), [100], None)
    page = client.get(address).text
    assert page.count('name="variant"') == 2
    assert "Dernier jour" in page
    wrong = client.post(f"{address}/variant", data={"csrf_token": token, "variant": "D"})
    assert wrong.status_code == 422
    chosen = client.post(f"{address}/variant", data={"csrf_token": token, "variant": "B", "reason": "Stock"})
    assert chosen.status_code == 303
    after = client.get(address).text
    assert 'name="variant"' not in after
    assert "chosen by hand" in after
    assert client.post(f"{address}/variant", data={"csrf_token": token, "variant": "A"}).status_code == 409


def test_the_report_is_a_page_a_table_and_a_paper_for_its_parties_alone(house: House, mailing: Mailing) -> None:
    for who in ("owner", "advertiser", "broker"):
        client, _ = house.browser(who)
        assert client.get(f"/mailings/{mailing.code}/analysis").status_code == 200
        assert mailing.code in client.get(f"/mailings/{mailing.code}/report.csv").text
        assert client.get(f"/mailings/{mailing.code}/report.pdf").data.startswith(b"%PDF")
        assert client.get("/advertiser-reports").status_code == 200
    client, _ = house.browser("owner")
    for address in ("analysis", "report.csv", "report.pdf"):
        assert client.get(f"/mailings/{new_code('mailing')}/{address}").status_code == 404


def test_a_creative_is_written_with_other_subjects_under_one_proof(house: House) -> None:
    client, token = house.browser("advertiser")
    form = {
        "csrf_token": token, "name": "Soldes", "subject": "Soldes", "from_name": "Boutique", "language": "fr",
        "html": HTML, "subject_b": "Dernier jour", "preheader_b": "Jusqu'à minuit", "test_share": "30",
        "test_wait": "60",
    }  # fmt: skip
    same = client.post("/creatives", data=form | {"subject_b": "Soldes", "preheader_b": ""})
    assert same.status_code == 422
    bad = client.post("/creatives", data=form | {"html": "<p>x</p><a href='soldes.html'>y</a>"})
    assert bad.status_code == 422
    assert "Link 1 (soldes.html) is relative" in bad.text
    made = client.post("/creatives", data=form)
    assert made.status_code == 303
    address = made.location.partition("?")[0]
    page = client.get(address).text
    assert "Dernier jour" in page
    assert "Jusqu&#39;à minuit" in client.get(f"{address}/preview?variant=1").text.replace("&#x27;", "&#39;")
    assert 'value="Dernier jour"' in client.get(f"{address}/edit").text
    assert client.post(f"{address}/sign", data={"csrf_token": token}).status_code == 303
    assert "copy=" in client.get(f"{address}/edit").location  # a signed message changes as a copy alone
    wrong = client.post("/creatives", data=form | {"from_name": "ada@exemple.test"})
    assert wrong.status_code == 422


def test_the_owner_reads_from_how_many_events_on_its_mailing_is_stopped(
    house: House, mailing: Mailing, worker_engine: Engine
) -> None:
    with Database(worker_engine).begin() as unit:
        keys = [number.to_bytes(16, "big") for number in range(1, 101)]
        freeze_store.write_recipients(unit, mailing, list(range(1, 101)), keys)
    shown = house.browser("owner")[0].get(f"/mailings/{mailing.code}").text
    card = shown[shown.index("The watch") :]
    numbers = re.findall(r'data-label="(?:Warned|Stopped) from">([^<]*)<', card)
    assert numbers == ["3", "3", "9", "16"]  # of a hundred mails: complaints, bounces
    assert "So few mails have no reliable rate" in card
    assert "The watch" not in house.browser("advertiser")[0].get(f"/mailings/{mailing.code}").text
