"""The whole journey in a real browser, against everything really running.

The owner imports and publishes, the advertiser books and pays, the owner approves, mail leaves, the accountant reads
that the three sums are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from broker.kernel import clock
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings, load_settings
from broker.operate.demo.cast import CREATIVE_HTML, Player, create_cast
from broker.operate.demo.instance import fresh_demo
from broker.operate.demo.sink_part import sink_part
from broker.operate.demo_files import write_contacts
from broker.operate.system import running_system
from tests.web.browser import running_browser

pytestmark = [pytest.mark.browser, pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(600)]

CONTACTS = 3_000  # the demo's settings lower the floors in proportion
PATIENCE = 90_000  # milliseconds, for what a worker does


@dataclass(frozen=True)
class Stage:
    """A running instance and who plays on it."""

    address: str
    people: dict[str, Player]
    database: Database
    file: Path
    settings: Settings


@pytest.fixture(scope="module")
def stage(scratch: Path) -> Iterator[Stage]:
    file = scratch / "journey.toml"
    file.write_text(f'[instance]\nname = "journey"\nstate_dir = "{scratch}/journey"\ndemo = true\n')
    settings = fresh_demo(load_settings(file), CONTACTS)
    with running_system(settings, lambda line: None, extra=(sink_part(settings),)) as system:
        database = Database(make_engine(system.server.url("worker")))
        file = scratch / "journey.csv"
        write_contacts(file, CONTACTS, 7)
        yield Stage(settings.web.public_url, create_cast(database), database, file, settings)
        database.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


class Visitor:
    """Somebody at a screen. Faults of scripts and refused loads end the test."""

    def __init__(self, browser: Browser, stage: Stage, who: str, width: int = 1440) -> None:
        self.context = browser.new_context(locale="en-GB", viewport={"width": width, "height": 900})
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self.hear)
        player = stage.people[who]
        self.page.goto(f"{stage.address}/login?lang=en")
        self.page.get_by_label("E-mail address").fill(player.email)
        self.page.get_by_label("Password").fill(player.password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Hello")

    def hear(self, line: ConsoleMessage) -> None:
        """Note what the browser complains of; a refusal (409, 422) is an answer and no fault."""
        if line.type == "error" and not re.search(r"status of (409|422)", line.text):
            self.faults.append(line.text)

    def go(self, line: str) -> Page:
        """Follow a line of the menu."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=line, exact=True).click()
        return self.page

    def leave(self) -> None:
        """Log out; nothing may have gone wrong on the way."""
        self.page.get_by_role("button", name="Log out").click()
        expect(self.page.get_by_role("heading", name="Log in")).to_be_visible()
        self.context.close()
        assert self.faults == []


def test_the_whole_journey(stage: Stage, browser: Browser) -> None:
    owner_imports_and_publishes(stage, browser)
    advertiser_books(stage, browser)
    owner_approves(stage, browser)
    advertiser_pays_and_reads_the_results(stage, browser)
    accountant_reads_equal_sums(stage, browser)


def owner_imports_and_publishes(stage: Stage, browser: Browser) -> None:
    owner = Visitor(browser, stage, "owner")
    page = owner.go("Bases")
    page.get_by_role("link", name="Create your first base").click()
    page.get_by_label("Name").fill("Clients of the house")
    page.get_by_label("Code").fill("the-house")
    page.get_by_label("Sector").select_option("home")
    page.get_by_role("button", name="Create the base").click()
    expect(page.get_by_role("status").first).to_contain_text("The base is created")

    advertiser = stage.people["advertiser"]
    page.get_by_label("Partners, one per line").fill(f"{advertiser.org_name}; {advertiser.org_code}; fashion")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".chip", has_text=advertiser.org_name)).to_be_visible()

    page.get_by_label("Reference").fill("DPA-1")
    page.get_by_label("Signed by").fill("The management")
    page.get_by_label("Signed on").fill("2026-01-01")
    page.get_by_role("button", name="Record the contract").click()
    expect(page.get_by_role("status").first).to_contain_text("The contract is recorded")

    page.get_by_role("link", name="Upload a file").click()
    page.get_by_label("File", exact=True).set_input_files(stage.file)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", name="What the columns are")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="See what would happen").click(timeout=PATIENCE)
    page.get_by_role("button", name="Import now").click(timeout=PATIENCE)
    page.wait_for_url(re.compile("/imports/"))
    expect(page.locator(".title .state")).to_have_text("done", timeout=PATIENCE)
    expect(page.get_by_role("heading", name="Refused columns")).to_be_visible()
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_visible()
    assert "@" not in page.locator("section", has_text="Rejected rows").last.inner_text().replace("@•", "")

    page.get_by_role("link", name="Save a segment").click()
    publish(page, "Women of Paris", "gender = F and department = 75")
    expect(page.get_by_role("heading", name="Too small for a data card")).to_be_visible()
    expect(page.get_by_role("heading", name="These programmes take any size")).to_be_visible()

    owner.go("Bases").get_by_role("link", name="Clients of the house").click()
    page.get_by_role("link", name="New segment").first.click()
    publish(page, "Everybody of age", "age >= 18 or age is missing")
    expect(page.get_by_role("status").first).to_contain_text("The data card is published")
    owner.leave()


def publish(page: Page, name: str, rule: str) -> None:
    """Save a segment, its count seen, and try to publish it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Rule").fill(rule)
    expect(page.locator("#count")).to_contain_text("Rentable", timeout=PATIENCE)
    page.get_by_role("button", name="Save the segment").click()
    page.get_by_role("link", name="Publish as a data card").click()
    page.get_by_label("Title").fill("Lovers of decoration")
    page.get_by_label("Sector").select_option("home")
    page.get_by_role("button", name="Publish").click()


def advertiser_books(stage: Stage, browser: Browser) -> None:
    advertiser = Visitor(browser, stage, "advertiser")
    page = advertiser.go("Creatives")
    page.get_by_role("link", name="Prepare a creative").click()
    page.get_by_label("Name", exact=True).fill("Winter")
    page.get_by_label("Subject", exact=True).fill("Golden days")
    page.get_by_label("HTML", exact=True).fill(CREATIVE_HTML)
    page.get_by_role("button", name="Check and save").click()
    expect(page.frame_locator("iframe.preview").locator("h1")).to_have_text("Les jours dorés")
    page.on("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Sign the proof (BAT)").click()
    expect(page.locator(".title .state")).to_have_text("signed")

    page = advertiser.go("Find an audience")
    page.get_by_label("Search").fill("decoration")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=re.compile("Lovers of decoration")).click()
    page.get_by_label("Narrow it down").fill("gender = F")
    page.get_by_label("Narrow it down").press("Tab")
    expect(page.locator("#count")).to_contain_text("≈", timeout=PATIENCE)
    page.locator("#f-volume").fill("500")
    page.get_by_role("button", name="Ask for a quote").click()
    expect(page.get_by_role("status").first).to_contain_text("Here is your quote")
    page.get_by_role("button", name="Order", exact=True).click()
    expect(page.locator(".title .state")).to_have_text("awaiting approval")
    advertiser.leave()


def owner_approves(stage: Stage, browser: Browser) -> None:
    owner = Visitor(browser, stage, "owner", width=390)
    page = owner.page
    page.get_by_role("link", name=re.compile("order awaits your answer")).click()
    page.get_by_role("link", name="Lovers of decoration").click()
    expect(page.frame_locator("iframe.preview").locator("h1")).to_have_text("Les jours dorés")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".title .state")).to_have_text("approved, to be paid")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Menu").click()
    owner.leave()


def advertiser_pays_and_reads_the_results(stage: Stage, browser: Browser) -> None:
    advertiser = Visitor(browser, stage, "advertiser")
    page = advertiser.page
    page.get_by_role("link", name=re.compile("Pay for")).click()
    page.get_by_role("button", name=re.compile("^Pay")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fake payment gateway")
    page.get_by_role("button", name="Pretend to pay").click()
    page.wait_for_url(re.compile("/orders/"))
    wait_for_mailing(advertiser)
    page = advertiser.go("Mailings")
    page.locator("a.row-link").first.click()
    expect(page.get_by_text("Recipients", exact=True)).to_be_visible()
    expect(page.locator(".figure", has_text="Accepted")).to_contain_text("%")
    advertiser.leave()


def wait_for_mailing(visitor: Visitor) -> None:
    """Look at the mailings until the last mail has left."""
    for _ in range(PATIENCE // 1000):
        states = visitor.go("Mailings").locator("tbody .state")
        if states.count() and states.first.inner_text() == "sent":
            return
        visitor.page.wait_for_timeout(1000)
    pytest.fail("The mailing did not end.")


def accountant_reads_equal_sums(stage: Stage, browser: Browser) -> None:
    with stage.database.begin() as unit:
        clock.advance(unit.session, timedelta(hours=stage.settings.trade.bounce_freeze_hours + 1))
    accountant = Visitor(browser, stage, "accountant")
    for _ in range(PATIENCE // 1000):
        page = accountant.go("Revenue report")
        if (
            page.get_by_text("The three sums are equal.").is_visible()
            and "settled" in page.locator("tbody").inner_text()
        ):
            break
        page.wait_for_timeout(1000)
    expect(page.get_by_text("The three sums are equal.")).to_be_visible()
    sums = page.locator(".sum .amount").all_inner_texts()
    assert len(sums) == 3
    assert sums[1] == sums[2] != "€0.00"

    page.get_by_role("link", name="Lovers of decoration").click()
    page.get_by_role("link", name=re.compile("Every single send")).click()
    page.get_by_role("link", name="Who bills it").first.click()
    expect(page.get_by_role("heading", name="Documents that bill it")).to_be_visible()
    page = accountant.go("Invoices")
    page.get_by_role("link", name=re.compile("^AF-")).first.click()
    page.get_by_role("link", name=re.compile("its sends")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sends behind line")
    page = accountant.go("Ledger")
    expect(page.locator("section.card").first).to_be_visible()
    accountant.leave()
