"""Pictures of the pages, at 1440 and 390 pixels, in French and English: `docs/pictures/*.png`.

    courtier demo                               # in one terminal; it prints an address and one log-in per role
    .venv/bin/python docs/make_screenshots.py http://127.0.0.1:8420 owner@courtier.test=PASSWORD …

Each log-in given is walked through its menu and one page of each kind behind it. Needs a chromium: COURTIER_CHROMIUM,
the usual paths, or Playwright's own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
# The first link of each of these shapes on a list's page is opened too.
BEHIND = (
    r"/bases/(?!new)[^/]+", r"/imports/[^/]+", r"/segments/[^/]+", r"/segments/[^/]+/publish",
    r"/bases/[^/]+/segments/new",
    r"/cards/[^/]+", r"/catalogue/[^/]+", r"/orders/[^/]+", r"/creatives/new", r"/creatives/(?!new)[^/]+",
    r"/programmes/new", r"/programmes/(?!new)[^/]+", r"/participations/[^/]+", r"/mailings/[^/]+",
    r"/mailings/[^/]+/sends", r"/invoices/[^/.]+", r"/invoices/[^/]+/lines/\d+", r"/bases/new",
)  # fmt: skip


# The README and docs show these; `--all` takes every page.
SHOWN = re.compile(
    r"en-(wide-(login|accountant-revenue|advertiser-catalogue-one|owner-home)|phone-owner-home)|fr-wide-owner-home"
)


@dataclass(frozen=True)
class Album:
    """Where pictures go."""

    folder: Path
    everything: bool

    def keep(self, page: Page, name: str) -> None:
        """A picture of the whole page, if it is one of those wanted."""
        if self.everything or SHOWN.fullmatch(name):
            page.wait_for_timeout(400)
            page.screenshot(path=self.folder / f"{name}.png", full_page=True)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("address")
    parser.add_argument("log_ins", nargs="+", metavar="EMAIL=PASSWORD")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    parser.add_argument("--language", choices=("fr", "en"), action="append")
    parser.add_argument("--all", action="store_true", help="every page, not only those that the README shows")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for language in given.language or ("fr", "en"):
            for size in SIZES:
                for log_in in given.log_ins:
                    email, _, password = log_in.partition("=")
                    walk(
                        browser, given.address, email, password, language, size, Album(given.out, everything=given.all)
                    )
        browser.close()


def find_chromium() -> str | None:
    """The browser to use; None lets Playwright use its own."""
    names = (os.environ.get("COURTIER_CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next((name for name in names if name), None)


def walk(browser: Browser, address: str, email: str, password: str, language: str, size: str, album: Album) -> None:
    """Log in and take a picture of each page that the menu and its lists lead to."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, locale=f"{language}-FR")
    page = context.new_page()
    role = email.partition("@")[0]
    page.goto(f"{address}/login?lang={language}")
    if role == "owner":
        album.keep(page, f"{language}-{size}-login")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("main button[type=submit]")
    page.wait_for_selector("#main h1")
    waiting, seen = [""], set[str]()
    wanted = dict.fromkeys(BEHIND, "")
    waiting += links(page, r"/[a-z]+")
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        page.goto(address + (path or "/"))
        page.wait_for_load_state("load")
        album.keep(page, f"{language}-{size}-{role}{name_of(path)}")
        for pattern, found in wanted.items():
            first = next(iter(links(page, pattern)), "") if not found else ""
            if first:
                wanted[pattern] = first
                waiting.append(first)
    context.close()


def links(page: Page, pattern: str) -> list[str]:
    """Addresses on the page that have this shape, in order."""
    # Links of drawings have no plain `href` property.
    script = "all => all.map(one => new URL(one.getAttribute('href'), location).pathname)"
    all_links = page.eval_on_selector_all("a[href]", script)
    return [path for path in dict.fromkeys(all_links) if re.fullmatch(pattern, path) and path != "/"]


def name_of(path: str) -> str:
    """`/orders/order_7m2k…` → `-orders-one`, the same at each run."""
    parts = [part for part in path.split("/") if part]
    plain = {"new", "publish", "sends", "lines", "segments", "partners"}
    return "".join(f"-{part if i == 0 or part in plain else 'one'}" for i, part in enumerate(parts)) or "-home"


if __name__ == "__main__":
    main()
