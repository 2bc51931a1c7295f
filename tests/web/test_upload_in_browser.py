"""An owner with a dirty file at a real screen: sent in pieces over a cut line, mapped, tried, imported, remembered."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import Engine
from werkzeug.serving import make_server

from broker.accounts.log_in import log_in
from broker.audience.build_snapshot import build_snapshot
from broker.bases.answer_contact import answer_question
from broker.bases.check_upload import check_upload
from broker.bases.contract import record_contract
from broker.bases.create_base import create_base
from broker.bases.preview import preview_upload
from broker.bases.run_import import run_import
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.vault.keyring import load_worker
from tests.front_house import PASSWORD, House
from tests.web.browser import running_browser
from web.http.session import COOKIE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]
PATIENCE = 20_000
DUE = """
SELECT 'preview' AS what, id FROM upload u WHERE u.state = 'received' AND (preview IS NULL OR EXISTS (
  SELECT 1 FROM import_plan p WHERE p.upload_id = u.id AND p.mapping = '{}'
  AND (u.preview->'asked'->>'delimiter') IS DISTINCT FROM coalesce(p.reading->>'delimiter', '')))
  AND base_id = :base
UNION ALL SELECT 'check', upload_id FROM import_plan WHERE check_state = 'waiting' AND base_id = :base
UNION ALL SELECT 'import', id FROM import_run WHERE state = 'waiting' AND base_id = :base
UNION ALL SELECT 'answer', id FROM contact_question WHERE state = 'waiting' AND base_id = :base
"""


class Hand(threading.Thread):
    """A worker's stand-in: does what waits in the rows of one base."""

    def __init__(self, house: House, worker: Database, base_id: int) -> None:
        super().__init__(daemon=True)
        self.house, self.worker, self.base_id = house, worker, base_id
        self.keys = load_worker(house.front.settings.key_dir)
        self.ended = threading.Event()

    def run(self) -> None:
        settings = self.house.front.settings
        while not self.ended.wait(0.2):
            with self.worker.begin() as unit:
                due = [(row.what, row.id) for row in unit.all(DUE, base=self.base_id)]
            for what, number in due:
                if what == "preview":
                    preview_upload(self.worker, self.keys, settings, number)
                elif what == "check":
                    check_upload(self.worker, self.keys, settings, number)
                elif what == "answer":
                    answer_question(self.worker, self.keys, settings, number)
                else:
                    run_import(self.worker, self.keys, settings, number)
                    build_snapshot(self.worker, self.keys, settings, number)


@dataclass
class Desk:
    """A browser page on a served front."""

    page: Page
    address: str
    base: str
    faults: list[str]

    def keep(self, name: str) -> None:
        """A picture for whoever asks for them, at both widths."""
        folder = os.environ.get("COURTIER_PICTURES")
        if folder:
            for width in (1280, 390):
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.wait_for_timeout(150)
                self.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
            self.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture
def desk(house: House, browser: Browser, worker_engine: Engine) -> Iterator[Desk]:
    worker, person = Database(worker_engine), house.people["owner"]
    code = f"screen-{secrets.token_hex(3)}"
    with house.front.database.begin(person.actor) as unit:
        base = create_base(unit, code, "Maison Lavande", "jewellery")
        record_contract(unit, code, "DPA-7", "Anna", unit.today)
    with house.front.database.begin(PUBLIC) as unit:
        token = log_in(unit, person.email, PASSWORD).token
    server = make_server("127.0.0.1", 0, house.pages, threaded=True)
    serving, hand = (
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True),
        Hand(house, worker, base.id),
    )
    serving.start()
    hand.start()
    address = f"http://127.0.0.1:{server.server_port}"
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda question: question.accept())
    language = os.environ.get("COURTIER_PICTURES_LANGUAGE", "en")
    page.goto(f"{address}/bases?lang={language}")
    yield Desk(page, address, code, faults)
    context.close()
    hand.ended.set()
    hand.join()
    server.shutdown()


def dirty_file(folder: Path, rows: int) -> Path:
    """Addresses that are none, misspelt domains, a column of religion, one of traits, a formula, doubles."""
    lines = ["Mél;Prénom;Né le;Religion;Taille de bague;Réf client;Ville;Intérêts"]
    for number in range(rows):
        domain = "gmial.com" if number % 400 == 0 else "gmail.com"
        address = "=cmd|' /C calc'!A0" if number % 97 == 5 else f"p{number % (rows - 50)}@{domain}"
        faith = "musulman" if number % 3 else ""
        lines.append(
            f"{address};Zoé;{1 + number % 28:02}/{1 + number % 12:02}/19{50 + number % 45};{faith};{48 + number % 15};"
            f"C{number:06};Lyon;golf|voile"
        )
    file = folder / "clients dirty.csv"
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return file


def test_a_dirty_file_from_the_page_to_the_base(desk: Desk, tmp_path: Path) -> None:
    page = desk.page
    page.goto(f"{desk.address}/bases/{desk.base}/imports")
    desk.keep("files-empty")
    cut = {"left": 2}

    def cut_line(route: Route) -> None:
        if cut["left"]:
            cut["left"] -= 1
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(r"/uploads/[^/]+/parts\?offset="), cut_line)
    page.locator("#f-file").set_input_files(dirty_file(tmp_path, 6_000))
    page.locator("button[data-parts-target=button]").click()
    expect(page.locator(".column-line").first).to_be_visible(timeout=PATIENCE)
    assert cut["left"] == 0
    desk.faults.clear()  # the browser complained of the lines that were cut
    desk.keep("columns")

    expect(page.locator(".column-line.is-refused")).to_have_count(1)
    first = page.locator("select[data-header='Prénom']")
    first.select_option("email")
    expect(page.locator("[data-columns-target=warning]")).to_be_visible()
    desk.keep("columns-twice")
    first.select_option("first_name")
    expect(page.locator("[data-columns-target=warning]")).to_be_hidden()
    ring = page.locator(".column-line", has_text="Taille de bague")
    ring.locator("input").fill("ring size")
    page.locator("select[data-header='Ville']").select_option("ignored")
    page.locator("button[value=check]").click()

    expect(page.locator("#h-typos")).to_be_visible(timeout=PATIENCE)
    desk.keep("dry-run")
    page.locator("input[name=domain][value='gmial.com']").check()
    page.locator("form[action$='/start'] button").click()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".title .state.good")).to_be_visible(timeout=PATIENCE)
    desk.keep("result")
    expect(page.locator("#h-rejects")).to_be_visible()
    assert "calc" not in page.content()
    with page.expect_download() as download:
        page.locator("a[href$='/rejects.csv']").click()
    report = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert report[0].startswith("line;reasons;Mél")
    assert "Religion" not in report[0]
    assert not any(cell.startswith("=") for line in report for cell in line.split(";"))

    second = tmp_path / "weekly.csv"
    second.write_text("Mél;Prénom;Taille de bague;Ville;Pointure\np1@gmail.com;Zoë;51;Lyon;38\n", "utf-8")
    page.goto(f"{desk.address}/bases/{desk.base}/imports")
    desk.keep("files")
    page.locator("#f-file").set_input_files(second)
    page.locator("button[data-parts-target=button]").click()
    expect(page.locator(".column-line").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("select[data-header='Ville']")).to_have_value("ignored")
    expect(page.locator(".column-line", has_text="Taille de bague").locator("input")).to_have_value("ring_size")
    expect(page.locator(".note.attention").first).to_contain_text("Pointure")
    desk.keep("columns-again")
    page.locator("button[value=start]").click()
    expect(page.locator(".title .state.good")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".figures")).to_contain_text("1")
    page.goto(f"{desk.address}/bases/{desk.base}/contacts")
    desk.keep("contact")
    page.locator("#f-reference").fill("C000001")
    page.locator("button[value=show]").click()
    expect(page.locator("#h-who")).to_be_visible(timeout=PATIENCE)
    desk.keep("contact-answer")
    assert desk.faults == []


def test_a_paused_upload_goes_on_after_a_reload(desk: Desk, tmp_path: Path) -> None:
    page = desk.page
    file = dirty_file(tmp_path, 8_000)
    page.goto(f"{desk.address}/bases/{desk.base}/imports")
    page.route(re.compile(r"/uploads/[^/]+/parts\?offset="), lambda route: None)  # the line hangs
    page.locator("#f-file").set_input_files(file)
    page.locator("button[data-parts-target=button]").click()
    page.locator("[data-parts-target=pause]").click()
    expect(page.locator("[data-parts-target=resume]")).to_be_visible()
    desk.keep("paused")
    page.unroute_all()
    page.reload()
    expect(page.locator("#h-open")).to_be_visible()
    desk.keep("unfinished")
    code = page.evaluate("() => Object.values(window.localStorage)[0]")
    page.locator("#f-file").set_input_files(file)
    page.locator("button[data-parts-target=button]").click()
    page.wait_for_url(f"**/uploads/{code}", timeout=PATIENCE)
    expect(page.locator(".column-line").first).to_be_visible(timeout=PATIENCE)
