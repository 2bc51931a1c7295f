"""Insight in a real browser: nothing overflows on a phone, no script fails, a finding's next step opens the editor."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import Engine
from werkzeug.serving import make_server

from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.insight.find_customer import look_up_customer
from broker.insight.set_rules import set_rfm, set_scorecard
from broker.kernel.database import Database
from broker.vault.blind_index import reference_keys
from broker.vault.keyring import load_worker
from tests.front_house import House
from tests.store.insight_scene import House as Studied
from tests.store.insight_scene import furnish_house
from tests.web.browser import running_browser
from web.http.session import COOKIE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PAGES = ("", "/value", "/score", "/potential", "/affinity", "/events", "/shops", "/customer")
CARD = [
    {"name": "Came lately", "rule": "recency_days <= 120", "points": 30},
    {"name": "Comes often", "rule": "purchase_count >= 6", "points": 20},
    {"name": "Lives near Lyon", "rule": "within(30 km of 69001)", "points": 10},
    {"name": "Long gone", "rule": "recency_days > 400", "points": -20},
]


@pytest.fixture(scope="module")
def studied(house: House, worker_engine: Engine) -> Studied:
    worker = load_worker(house.front.settings.key_dir)
    owner = house.people["owner"].actor
    base = furnish_house(Database(worker_engine), house.front.database, worker, house.front.settings, owner)
    base.study()
    with base.web.begin(owner) as unit:
        set_scorecard(unit, base.code, CARD, refuse_sensitive_rule)
        set_rfm(unit, base.code, {"bins": 5, "thresholds": {"recency_days": [60, 120, 240, 500]}})
    base.renew()
    base.study()
    return base


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, house.pages, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


def visit(browser: Browser, house: House, address: str, width: int, faults: list[str]) -> Page:
    client, _ = house.browser("owner")
    token = client.get_cookie(COOKIE)
    assert token is not None
    context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
    context.add_cookies([{"name": COOKIE, "value": token.value, "url": address}])
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    return page


def settle(page: Page, under_way: set[Request]) -> None:
    """Scripts have drawn and asked, and all that they asked for has come; Playwright's own would wait half a second."""
    while True:
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 50)))")
        if not under_way:
            return


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_overflows_and_no_script_fails(
    browser: Browser, house: House, studied: Studied, address: str, width: int
) -> None:
    faults: list[str] = []
    page = visit(browser, house, address, width, faults)
    under_way = set[Request]()
    page.on("request", lambda request: under_way.add(request))
    page.on("requestfinished", lambda request: under_way.discard(request))
    page.on("requestfailed", lambda request: under_way.discard(request))
    for language in ("en", "fr"):
        for name in PAGES:
            page.goto(f"{address}/bases/{studied.code}/insight{name}?lang={language}")
            settle(page, under_way)
            keep(page, f"{language}-{width}-{name.strip('/') or 'classes'}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert faults == []


def test_a_finding_opens_the_rule_editor_with_its_rule(
    browser: Browser, house: House, studied: Studied, address: str
) -> None:
    page = visit(browser, house, address, 1280, [])
    page.goto(f"{address}/bases/{studied.code}/insight?lang=en")
    page.get_by_role("row", name="At risk").get_by_role("link", name="Segment").click()
    expect(page.get_by_label("Rule", exact=False).first).to_have_value('rfm_class = "at_risk"')


def test_the_page_of_a_customer_waits_for_a_worker_and_then_shows_itself(
    browser: Browser, house: House, studied: Studied, address: str
) -> None:
    worker = load_worker(house.front.settings.key_dir)
    with studied.database.begin() as unit:
        (key,) = reference_keys(worker, studied.base_id, ["B-9"])
        unit.run(
            "UPDATE contact SET reference_key = :key, pepper_version = :version WHERE id = :id",
            key=key,
            version=worker.pepper_version,
            id=studied.start + 9,
        )
    page = visit(browser, house, address, 1280, [])
    page.goto(f"{address}/bases/{studied.code}/insight/customer?lang=en")
    page.get_by_label("Customer reference").fill("B-9")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("A worker is looking")).to_be_visible()
    page.wait_for_timeout(2_500)  # it has asked again, and still stands on its page
    expect(page.get_by_role("heading", name="One customer")).to_be_visible()
    with studied.database.begin() as unit:
        lookup_id = unit.scalar("SELECT max(id) FROM customer_lookup WHERE base_id = :id", id=studied.base_id)
    look_up_customer(studied.database, worker, house.front.settings, lookup_id)
    expect(page.get_by_role("heading", name="Score explained")).to_be_visible(timeout=15_000)
    keep(page, "en-1280-one")


def keep(page: Page, name: str) -> None:
    """A picture, where COURTIER_PICTURES names a folder."""
    folder = os.environ.get("COURTIER_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"insight-{name}.png", full_page=True)
