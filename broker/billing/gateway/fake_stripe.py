"""A small Stripe behind the SDK's own HTTP client: requests are read as Stripe reads them, answers have its form.

Idempotency keys work as Stripe's: the same request returns the first answer, refusals too; another one under the same
key is refused; a repetition waits for the first to end. The routes stand in `fake_payments` and `fake_connect`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

from broker.billing.gateway import fake_store as store
from broker.billing.gateway.fake_store import Body
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database, UnitOfWork

Route = Callable[[UnitOfWork, Body, str], Body]
_PATH = re.compile(r"/v1/([a-z_]+(?:/sessions)?)(?:/([^/]+))?(?:/([a-z_]+))?$")


class Refused(Exception):
    """What the fake answers with an error; the first words of `code` are Stripe's codes."""

    def __init__(self, status: int, kind: str, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: Body = {"type": kind, "code": code, "message": message, **more}


class FakeStripe(stripe.HTTPClient):
    """Answers the SDK out of the database. Each request is a transaction of its own, as the real one's would be."""

    name = "fake"

    def __init__(self, database: Database, routes: Mapping[str, Route]) -> None:
        super().__init__()
        self._database = database
        self._routes = routes

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """(body, status, headers) of one request."""
        parts = urlsplit(url)
        text = parts.query if method.upper() in ("GET", "DELETE") else post_data or ""
        params = nested(text)
        key = str((headers or {}).get("Idempotency-Key", ""))
        if account := (headers or {}).get("Stripe-Account"):  # a call for a connected account
            params["stripe_account"] = str(account)
        with self._database.begin(PUBLIC) as unit:
            status, reply = self._once(unit, key if method.upper() == "POST" else "", method, parts.path, params)
        return json.dumps(reply), status, {"request-id": "req_fake"}

    def _once(self, unit: UnitOfWork, key: str, method: str, path: str, params: Body) -> tuple[int, Body]:
        if key:
            new, first = store.begin_call(unit, key, {"path": path, "params": params})
            if not new:
                if first is None or first["request"] != {"path": path, "params": params}:
                    text = "Keys for idempotent requests can only be used with the same parameters."
                    return 400, {"error": {"type": "idempotency_error", "message": text}}
                return first["status"], first["reply"]
        try:
            with unit.session.begin_nested():
                status, reply = 200, self._answer(unit, method.upper(), path, params)
        except Refused as refusal:
            status, reply = refusal.status, {"error": refusal.error}
            if "made" in refusal.error:  # a declined payment stays at the gateway, and its error shows it
                made = refusal.error.pop("made")
                refusal.error["payment_intent"] = store.insert(unit, made)
        if key:
            store.end_call(unit, key, status, reply)
        return status, reply

    def _answer(self, unit: UnitOfWork, method: str, path: str, params: Body) -> Body:
        found = _PATH.match(path)
        if found is None:
            raise Refused(404, "invalid_request_error", "resource_missing", f"Unrecognized request URL ({path}).")
        noun, reference, verb = found.groups()
        name = f"{method} {noun}{'/:id' if reference else ''}{'/' + verb if verb else ''}"
        route = self._routes.get(name)
        if route is None:
            raise Refused(404, "invalid_request_error", "resource_missing", f"The fake has no {name}.")
        return expanded(unit, route(unit, params, reference or ""), listed(params.get("expand")))

    def close(self) -> None:
        """Nothing is open."""


def nested(text: str) -> Body:
    """`a[b][0]=x` as {"a": {"b": {"0": "x"}}}: every value is a text."""
    found: Body = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+", name)
        place = found
        for one in keys[:-1]:
            place = place.setdefault(one, {})
        place[keys[-1]] = value
    return found


def listed(found: Body | None) -> list[Any]:
    """{"0": x, "1": y} as [x, y]."""
    return [] if found is None else [found[one] for one in sorted(found, key=int)]


def expanded(unit: UnitOfWork, body: Body, paths: list[Any]) -> Body:
    """References along dotted paths replaced by what they name; `data.` goes into each object of a list."""
    for path in paths:
        _expand(unit, body, str(path).split("."))
    return body


def _expand(unit: UnitOfWork, body: Body, path: list[str]) -> None:
    name, rest = path[0], path[1:]
    value = body.get(name)
    if isinstance(value, list):
        for one in value:
            _expand(unit, one, rest)
        return
    if isinstance(value, str):
        value = store.read(unit, value)
        body[name] = value
    if rest and isinstance(value, dict):
        _expand(unit, value, rest)


def page(url: str, items: list[Body], params: Body) -> Body:
    """A page of a list by Stripe's cursors, the newest first."""
    start = params.get("starting_after")
    if start is not None:
        places = [number for number, one in enumerate(items) if one["id"] == start]
        items = items[places[0] + 1 :] if places else []
    most = int(params.get("limit", 10))
    return {"object": "list", "url": url, "has_more": len(items) > most, "data": items[:most]}


def missing(reference: str) -> Refused:
    """No such object."""
    return Refused(404, "invalid_request_error", "resource_missing", f"No such object: '{reference}'.")
