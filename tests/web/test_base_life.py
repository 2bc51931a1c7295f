"""The pages of a base's life: every role, empty and full, and in a real browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from broker.accounts.log_in import log_in
from broker.bases.create_base import create_base
from broker.kernel.actor import PUBLIC
from tests.front_house import PASSWORD, House
from tests.web.browser import running_browser
from tests.web.life_scene import Life, live, served
from web.http.charts import Chart, Line
from web.http.session import COOKIE

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def life(house: House, worker_engine: Engine, admin_engine: Engine) -> Life:
    return live(house, worker_engine, admin_engine)


def paths(life: Life) -> dict[str, list[str]]:
    base = f"/bases/{life.base}"
    return {
        "owner": [
            f"{base}/quality", f"{base}/quality?relation=customer", f"{base}/quality?relation=nobody",
            f"{base}/quality.csv", f"{base}/enrichment", f"{base}/enrichment/{life.enrichment}", f"{base}/balance",
            f"{base}/balance?months=60&edit=none", f"{base}/retention", "/register", "/register.csv", "/register.json",
            "/requests", "/breaches", f"/breaches/{life.breach}", "/",
        ],
        "broker": [
            "/consents", f"{base}/consents", f"/consents/{life.audit}", f"{base}/quality", f"{base}/retention",
            "/alerts", "/register", "/requests", "/breaches", f"/breaches/{life.breach}", "/",
        ],
    }  # fmt: skip


def test_every_page_opens_in_both_languages(house: House, life: Life) -> None:
    for who, pages in paths(life).items():
        client, _ = house.browser(who)
        for language in ("en", "fr"):
            for path in pages:
                reply = client.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
                assert reply.status_code == 200, (who, path)
                assert "@life.example" not in reply.text, path


def test_nobody_else_sees_them(house: House, life: Life) -> None:
    stranger, _ = house.browser("stranger")
    for path in paths(life)["owner"]:
        if life.base in path or life.breach in path:
            assert stranger.get(path).status_code == 404, path
    advertiser, _ = house.browser("advertiser")
    accountant, _ = house.browser("accountant")
    broker, _ = house.browser("broker")
    for path in (f"/bases/{life.base}/quality", "/register", "/requests", "/breaches", "/consents", "/alerts"):
        assert advertiser.get(path).status_code == 403, path
    for path in (f"/consents/{life.audit}", f"/bases/{life.base}/consents", "/alerts"):
        assert accountant.get(path).status_code == 403, path
    assert broker.get(f"/bases/{life.base}/balance").status_code == 403


def test_a_base_without_a_past_says_what_to_do(house: House) -> None:
    with house.front.database.begin(house.people["stranger"].actor) as unit:
        create_base(unit, "life-empty", "Vide", "food")
    client, _ = house.browser("stranger")
    for page, words in {
        "quality": "Nothing measured yet",
        "enrichment": "There is nobody to enrich yet",
        "balance": "No cost entered yet",
        "retention": "No night has looked yet",
    }.items():
        assert words in client.get(f"/bases/life-empty/{page}").text
    assert client.get("/bases/life-empty/quality.csv").text.count("\n") == 1
    broker, _ = house.browser("broker")
    assert "No proof to look at" in broker.get("/bases/life-empty/consents").text


def test_the_quality_page_tells_the_figures_that_were_measured(house: House, life: Life) -> None:
    client, _ = house.browser("owner")
    rows = list(csv.DictReader(io.StringIO(client.get(f"/bases/{life.base}/quality.csv").text), delimiter=";"))
    assert [row["contacts"] for row in rows if row["relation"] == "all"] == ["300", "300", "260", "180", "120"]
    newest = [row for row in rows if row["snapshot"] == "5"]
    whole, customers, prospects = newest
    assert int(whole["contacts"]) == int(customers["contacts"]) + int(prospects["contacts"])
    assert int(whole["rentable"]) == int(customers["rentable"]) + int(prospects["rentable"])


def test_the_register_leaves_as_json(house: House, life: Life) -> None:
    client, _ = house.browser("owner")
    lines = json.loads(client.get("/register.json?lang=en").text)
    assert "E-mail base Boutique des Lilas" in {line["name"] for line in lines}


def test_forms_refuse_with_a_sentence_and_keep_what_was_typed(house: House, life: Life) -> None:
    client, _ = house.browser("owner")
    token = _token(client, f"/bases/{life.base}/balance")
    wrong = {"label": "Mistyped", "amount": "many", "rhythm": "once", "starts_on": "2026-01-01", "csrf_token": token}
    reply = client.post(f"/bases/{life.base}/costs", data=wrong)
    assert reply.status_code == 422
    assert "Mistyped" in reply.text
    for path, values in {
        "/requests": {"kind": "access", "reference": "", "received_on": "2026-01-01"},
        "/register": {"name": "x", "legal_basis": "whim"},
        "/breaches": {"base": life.base, "facts": ""},
        f"/breaches/{life.breach}": {"risk": "some"},
        f"/bases/{life.base}/watches": {"field": "nothing", "months": "3"},
    }.items():
        reply = client.post(path, data={**values, "csrf_token": token})
        assert reply.status_code == 422, path
        assert "data-refusal" in reply.text, path


def _token(client: FlaskClient, path: str) -> str:
    text = client.get(path).text
    at = text.index('name="csrf_token" value="') + len('name="csrf_token" value="')
    return text[at : text.index('"', at)]


def test_a_chart_keeps_equal_moments_apart_and_scales_euros() -> None:

    days = [date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 2)]
    chart = Chart("t", [Line("a", [100, None, 300])], days, ["1", "2", "3"], "euros")
    assert len(set(chart.x)) == 3
    assert chart.series == [{"label": "a", "values": [1, None, 3]}]
    assert [row[0] for row in chart.rows] == ["3", "2", "1"]
    assert Chart("t", [Line("a", [None])], days[:1], ["1"]).empty


@pytest.fixture(scope="module")
def opened(house: House, life: Life) -> Iterator[tuple[str, dict[str, str]]]:
    """The address, and a session of owner and broker."""
    tokens = {}
    for who in ("owner", "broker"):
        with house.front.database.begin(PUBLIC) as unit:
            tokens[who] = log_in(unit, house.people[who].email, PASSWORD).token
    with served(house) as address:
        yield address, tokens


@pytest.mark.browser
def test_charts_tables_and_forms_in_a_browser(life: Life, opened: tuple[str, dict[str, str]]) -> None:
    address, tokens = opened
    with running_browser() as browser:
        for width in (1280, 390):
            context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
            context.add_cookies([{"name": COOKIE, "value": tokens["owner"], "url": address}])
            page = context.new_page()
            faults: list[str] = []
            page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
            page.on("console", lambda line, faults=faults: faults.append(line.text) if line.type == "error" else None)
            page.goto(f"{address}/bases/{life.base}/quality?lang=en")
            assert page.locator(".chart canvas").count() >= 7
            page.locator("details.behind summary").first.click()
            expect(page.get_by_role("rowheader", name="No. 5").first).to_be_visible()
            for path in ("quality", "enrichment", "balance", "retention"):
                page.goto(f"{address}/bases/{life.base}/{path}")
                assert wide(page) <= 0, (path, width)
            assert faults == []
            if width == 1280:
                enter_a_cost(page, f"{address}/bases/{life.base}/balance")
            context.close()
        context = browser.new_context(locale="en-GB")
        context.add_cookies([{"name": COOKIE, "value": tokens["broker"], "url": address}])
        judge_and_release(context.new_page(), address, life)


def wide(page: Page) -> int:
    """How far a page runs over its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found


def enter_a_cost(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("What for").fill("Photographs")
    page.get_by_label("Amount (EUR)").fill("120,50")
    page.get_by_label("How often").select_option("once")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").first).to_contain_text("The cost is entered")
    expect(page.get_by_role("row", name="Photographs")).to_contain_text("€120.50")


def judge_and_release(page: Page, address: str, life: Life) -> None:
    page.goto(f"{address}/consents/{life.audit}?lang=en")
    proof = page.locator("#proof-8")
    proof.get_by_label("missing").check()
    proof.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("Say what is doubtful or missing")
    proof.get_by_label("Reason").fill("no such page on that day")
    proof.get_by_role("button", name="Record").click()
    expect(page.locator("#proof-8").get_by_role("button", name="Change")).to_be_visible()
    page.goto(f"{address}/bases/{life.base}/consents")
    page.get_by_text("Release", exact=True).click()
    page.get_by_label("What changed: which proof was shown, and by whom").fill("screenshots of the form")
    page.get_by_role("button", name="Release: rentable again").click()
    expect(page.get_by_role("status").first).to_contain_text("The source is released")
