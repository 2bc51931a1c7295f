"""The doors that the demo goes through: the REST API with a key, and the pages with a log-in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from broker.kernel.errors import CourtierError, Unavailable

CHUNK = 256 * 1024
PATIENCE_SECONDS = 600.0


class ApiDoor:
    """One user's API key on `/api/v1`."""

    def __init__(self, address: str, key: str) -> None:
        self._root = f"{address}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **query: object) -> Any:
        """The JSON of a GET; a problem becomes a `CourtierError` with its code."""
        return self._read(self.session.get(self._root + path, params=_plain(query), timeout=120))

    def post(self, path: str, **body: object) -> Any:
        """The JSON of a POST."""
        return self._read(self.session.post(self._root + path, json=body, timeout=300))

    def send_file(self, path: str, file: Path, progress: Callable[[int], None], **query: object) -> Any:
        """Stream a file as the body of a POST; `progress` gets the bytes of each chunk."""

        def chunks() -> Iterator[bytes]:
            with file.open("rb") as source:
                while chunk := source.read(CHUNK):
                    progress(len(chunk))
                    yield chunk

        return self._read(self.session.post(self._root + path, params=_plain(query), data=chunks(), timeout=600))

    def follow(self, path: str, done: Callable[[Any], bool], look: Callable[[Any], None], every: float = 0.5) -> Any:
        """Read `path` again and again until `done`; `look` sees each state on the way.

        Patience ends when nothing has changed for so long: a large demo on a busy machine takes its time.
        """
        until, before = time.monotonic() + PATIENCE_SECONDS, None
        while time.monotonic() < until:
            state = self.get(path)
            if state != before:
                until, before = time.monotonic() + PATIENCE_SECONDS, state
            look(state)
            if done(state):
                return state
            time.sleep(every)
        raise Unavailable(f"{path} has not changed for {PATIENCE_SECONDS:.0f} seconds.", code="demo_patience")

    @staticmethod
    def _read(reply: requests.Response) -> Any:
        if reply.status_code < 400:
            return reply.json() if reply.content else None
        try:
            problem = reply.json()
        except requests.JSONDecodeError:
            raise Unavailable(f"{reply.request.path_url} answered {reply.status_code}.", code="demo_door") from None
        raise CourtierError(
            problem.get("detail") or problem.get("title") or str(reply.status_code),
            code=problem.get("code", "demo_door"),
            details=problem.get("details") or {},
        )


class PageDoor:
    """A person with a browser's manners: log-in form, session cookie, CSRF field."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.session = requests.Session()

    def log_in(self, email: str, password: str) -> None:
        """Fill in the log-in form."""
        self.submit("/login", "/login", email=email, password=password)

    def read(self, path: str) -> str:
        """The HTML of a page."""
        reply = self.session.get(self._address + path, timeout=60)
        self._require(reply)
        return reply.text

    def submit(self, page: str, action: str, **fields: object) -> str:
        """Open `page`, take its CSRF field and post a form to `action`; the HTML it leads to."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.read(page))
        body = {**_plain(fields), **({"csrf_token": token.group(1)} if token else {})}
        reply = self.session.post(self._address + action, data=body, timeout=120)
        self._require(reply)
        return reply.text

    @staticmethod
    def _require(reply: requests.Response) -> None:
        if reply.status_code >= 400:
            raise Unavailable(f"{reply.request.path_url} answered {reply.status_code}.", code="demo_door")


def _plain(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
