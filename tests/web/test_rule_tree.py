"""The rule builder in a real browser: clicked together, written, mended, by keyboard, on a phone, without scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from tests.front_house import PASSWORD, House
from tests.web.browser import running_browser
from tests.web.segment_house import SegmentHouse, furnish

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SHOTS = os.environ.get("COURTIER_SHOTS", "")  # a folder for pictures of what the tests see


@pytest.fixture(scope="module")
def segments(house: House, worker_engine: Engine, scratch: Path) -> SegmentHouse:
    return furnish(house, worker_engine, scratch, "rule-tree", 900)


@pytest.fixture(scope="module")
def address(segments: SegmentHouse) -> Iterator[str]:
    with segments.served() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


def enter(browser: Browser, segments: SegmentHouse, address: str, width: int = 1280, scripts: bool = True) -> Page:
    page = browser.new_context(
        locale="en-GB", viewport={"width": width, "height": 900}, java_script_enabled=scripts
    ).new_page()
    page.goto(f"{address}/login?lang=en")
    page.get_by_label("E-mail address").fill(segments.house.people["owner"].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    return page


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(500)
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def pick(page: Page, words: str, label: str) -> None:
    """Find a field by words in the open picker."""
    page.get_by_role("combobox", name="Field", exact=True).fill(words)
    page.get_by_role("option", name=label).first.click()


def test_a_rule_clicked_together_is_the_text_and_is_counted(
    browser: Browser, segments: SegmentHouse, address: str
) -> None:
    page = enter(browser, segments, address)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "response",
        lambda reply: faults.append(f"{reply.status} {reply.url} {reply.text()[:500]}") if reply.status > 399 else None,
    )
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    text = page.get_by_label("The same rule as text")
    shot(page, "editor-empty")
    page.get_by_role("button", name="Condition", exact=True).click()
    expect(page.locator(".suggest-row").first).to_be_visible()
    shot(page, "editor-picker")
    pick(page, "gend", "Gender")
    page.get_by_role("combobox", name="Add a value").click()
    expect(page.get_by_role("option", name=re.compile("^F"))).to_be_visible()
    shot(page, "editor-values")
    page.get_by_role("option", name=re.compile("^F")).click()
    expect(text).to_have_value("gender in (F)")
    expect(page.locator("#count")).to_contain_text(str(segments.people("gender = F")))

    page.get_by_role("button", name="Group", exact=True).click()
    pick(page, "income", "Income")
    page.get_by_label("How to compare").last.select_option(">=")
    page.get_by_role("textbox", name="Value", exact=True).fill("2000")
    expect(text).to_have_value("gender in (F) and income >= 2000")
    page.get_by_role("button", name="Condition", exact=True).first.click()
    pick(page, "hair", "hair colour")
    page.get_by_role("combobox", name="Add a value").last.fill("gre")
    page.get_by_role("option", name=re.compile("^grey")).click()
    expect(text).to_have_value("gender in (F) and (income >= 2000 or hair_colour in (grey))")
    whole = segments.people("gender = F and (income >= 2000 or hair_colour = grey)")
    expect(page.locator(".branch-count").first).to_have_text(str(whole))
    inner = segments.people("income >= 2000 or hair_colour = grey")
    expect(page.locator(".branch .branch-count").first).to_have_text(str(inner))
    shot(page, "editor-tree")

    page.get_by_label("How the conditions of this group count").last.select_option("none")
    expect(text).to_have_value("gender in (F) and not (income >= 2000 or hair_colour in (grey))")
    page.get_by_role("button", name="Move up").last.click()
    page.get_by_role("button", name="Remove").first.click()
    expect(text).to_have_value("not (hair_colour in (grey) or income >= 2000)")
    page.get_by_label("Name").fill("Clicked together")
    page.get_by_role("button", name="Save the segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clicked together")
    expect(page.locator("#count")).to_contain_text("From the rule to a rental")
    page.get_by_text("What each partner policy would allow").click()
    page.wait_for_timeout(800)
    shot(page, "segment")
    assert faults == []


def test_text_that_was_written_becomes_the_tree_and_its_faults_are_mended_by_a_click(
    browser: Browser, segments: SegmentHouse, address: str
) -> None:
    page = enter(browser, segments, address)
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    text = page.get_by_label("The same rule as text")
    text.fill("gender = F and incme >= 2000")
    expect(page.locator(".term")).to_have_count(2)
    expect(page.get_by_role("alert").filter(has_text="There is no field")).to_be_visible()
    shot(page, "editor-fault")
    page.get_by_role("alert").get_by_role("button", name="Income").click()
    expect(text).to_have_value("gender = F and income >= 2000")
    expect(page.locator("#count")).to_contain_text(str(segments.people("gender = F and income >= 2000")))
    text.fill("gender = F and (")
    expect(page.locator("#rule-told")).to_contain_text("Character")
    expect(page.locator(".term")).to_have_count(2)  # what was understood last stays
    page.get_by_label("Name").fill("Broken")
    page.get_by_role("button", name="Save the segment").click()
    expect(page.get_by_role("alert").first).to_be_visible()


def test_the_keyboard_alone_builds_a_rule(browser: Browser, segments: SegmentHouse, address: str) -> None:
    page = enter(browser, segments, address)
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    page.get_by_role("button", name="Condition", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.type("hair")
    expect(page.get_by_role("option", name="hair colour")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_label("How to compare")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("brown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("The same rule as text")).to_have_value("hair_colour in (brown)")


def test_dates_places_and_segments_have_boxes_of_their_own(
    browser: Browser, segments: SegmentHouse, address: str
) -> None:
    page = enter(browser, segments, address)
    page.goto(f"{address}/bases/{segments.base_code}/segments/new?name=Inside&rule=gender%20%3D%20F")
    page.get_by_role("button", name="Save the segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inside")
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    text = page.get_by_label("The same rule as text")
    text.fill("consent_at >= today - 6 months and within(15 km of 75011) and segment Inside")
    expect(page.get_by_label("How many")).to_have_value("6")
    expect(page.get_by_label("Unit")).to_have_value("months")
    expect(page.get_by_label("Kilometres")).to_have_value("15")
    expect(page.get_by_label("Segment", exact=True)).to_have_js_property("selectedIndex", 1)
    page.get_by_label("How many").fill("3")
    expect(text).to_have_value(re.compile(r"today - 3 months and within\(15 km of 75011\) and segment Inside$"))
    shot(page, "editor-boxes")


def test_a_phone_shows_it_all_without_scrolling_aside(browser: Browser, segments: SegmentHouse, address: str) -> None:
    page = enter(browser, segments, address, width=390)
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    page.get_by_label("The same rule as text").fill(
        "gender in (F, M) and (age between 25 and 44 or not hair_colour in (grey)) and within(15 km of 75011)"
        " and consent_at >= today - 6 months and (income < 2000 or income > 2500 and (has_phone = true or age > 70))"
    )
    expect(page.locator(".term")).to_have_count(9, timeout=30_000)
    expect(page.locator("#count")).to_contain_text("Rentable", timeout=30_000)  # counted by nine branches, under load
    shot(page, "phone-editor")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for path in ("segments", "suggestions"):
        page.goto(f"{address}/bases/{segments.base_code}/{path}")
        page.wait_for_timeout(1500)
        shot(page, f"phone-{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_text_form_does_it(browser: Browser, segments: SegmentHouse, address: str) -> None:
    page = enter(browser, segments, address, scripts=False)
    page.goto(f"{address}/bases/{segments.base_code}/segments/new")
    page.get_by_label("Name").fill("No scripts")
    page.get_by_label("The same rule as text").fill("gender = F")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#count")).to_contain_text(str(segments.people("gender = F")))
    page.get_by_role("button", name="Save the segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No scripts")
    page.goto(f"{address}/bases/{segments.base_code}/segments")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name=re.compile("Compare")).click()
    expect(page.get_by_role("heading", name="Two by two")).to_be_visible()
    shot(page, "overlap")
    page.goto(f"{address}/bases/{segments.base_code}/suggestions?now=1")
    shot(page, "suggestions")
    page.goto(f"{address}/bases/{segments.base_code}/segments")
    shot(page, "segments")
