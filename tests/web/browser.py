"""The browser of the tests: a chromium that is there, headless and without calls home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOW = (
    "No chromium for the browser tests. Install one (Debian: apt install chromium; any system: .venv/bin/playwright"
    " install chromium) or name it in COURTIER_CHROMIUM."
)


def find_chromium(play: Playwright) -> str | None:
    """COURTIER_CHROMIUM, the usual names, or Playwright's own; None where none is there."""
    given = os.environ.get("COURTIER_CHROMIUM")
    if given:
        return given
    usual = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    own = play.chromium.executable_path
    return next((name for name in (*usual, own) if name and Path(name).exists()), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser, or a skipped test that says how to get one."""
    with sync_playwright() as play:
        chromium = find_chromium(play)
        if chromium is None:
            pytest.skip(HOW)
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
