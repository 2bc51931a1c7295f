"""Endpoints of an organisation: register, change, rotate the secret, test, look at deliveries, replay, delete."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.accounts.store import organisation
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.fetch_public import FetchRefused
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.kernel.post_public import target
from broker.kernel.settings import Settings
from broker.notifications import webhook_store as store
from broker.notifications.deliver_webhooks import secret_seal
from broker.notifications.kinds import ALL, kinds
from broker.notifications.model import MOST_ENDPOINTS, SECRET_OVERLAP, Attempt, Delivery, Endpoint
from broker.notifications.sign_webhook import new_secret
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

PAGE = 50
_WHY = {
    "bad_url": "The address is not a whole one. Write it as https://host/path, in ASCII, without a user name.",
    "not_https": "Events are told over https only. Write the address as https://…",
    "not_public": "Use the usual port of https (443).",
}


def list_endpoints(unit: UnitOfWork) -> list[Endpoint]:
    """The organisation's endpoints, oldest first."""
    return store.endpoints(unit, _org(unit))


def find_endpoint(unit: UnitOfWork, code: str) -> Endpoint:
    """One of them."""
    return _one(unit, code)


def register_endpoint(
    unit: UnitOfWork, front: FrontKeys, settings: Settings, url: str, label: str, wanted: Sequence[str]
) -> tuple[Endpoint, str]:
    """Register an endpoint for some kinds of events; the second value is its secret, shown this once."""
    org_id = _org(unit)
    url, label, wanted = _checked(settings, url, label, wanted)
    if len(store.endpoints(unit, org_id)) >= MOST_ENDPOINTS:
        raise Conflict(
            f"There are {MOST_ENDPOINTS} endpoints already: delete one that is not used.", code="too_many_endpoints"
        )
    code = new_code("whk")
    endpoint_id = store.add_endpoint(unit, org_id, code, url, label, wanted)
    secret = _add_secret(unit, front, endpoint_id, code)
    record(unit, "webhook.registered", "webhook", code, kinds=list(wanted))
    return _one(unit, code), secret


def change_endpoint(
    unit: UnitOfWork,
    settings: Settings,
    code: str,
    *,
    url: str | None = None,
    label: str | None = None,
    wanted: Sequence[str] | None = None,
    on: bool | None = None,
) -> Endpoint:
    """Change what is given; switched on again, an endpoint that was disabled starts with a clean record."""
    found = _one(unit, code, lock=True)
    address, name, events = _checked(
        settings,
        found.url if url is None else url,
        found.label if label is None else label,
        found.kinds if wanted is None else wanted,
    )
    state = found.state if on is None else ("on" if on else "off")
    store.change_endpoint(unit, found.id, address, name, events, state)
    record(unit, "webhook.changed", "webhook", code, state=state, kinds=list(events))
    if state == "on":
        unit.enqueue("deliver_webhooks", found.id)
    return _one(unit, code)


def rotate_secret(unit: UnitOfWork, front: FrontKeys, code: str, *, at_once: bool = False) -> str:
    """A new secret, shown this once. The old one signs beside it for a day, or ends at once if it has leaked."""
    found = _one(unit, code, lock=True)
    store.end_secrets(unit, found.id, 0 if at_once else int(SECRET_OVERLAP.total_seconds()))
    secret = _add_secret(unit, front, found.id, code)
    record(unit, "webhook.secret_rotated", "webhook", code, at_once=at_once)
    return secret


def secrets_of(unit: UnitOfWork, code: str) -> list[Row[Any]]:
    """created_at, ends_at of the secrets that sign now, newest first."""
    return store.secrets_shown(unit, _one(unit, code).id)


def delete_endpoint(unit: UnitOfWork, code: str) -> None:
    """Nothing more goes there."""
    found = _one(unit, code, lock=True)
    store.delete_endpoint(unit, found.id)
    record(unit, "webhook.deleted", "webhook", code)


def send_test(unit: UnitOfWork, code: str) -> None:
    """Have a test event delivered, whichever kinds the endpoint asked for."""
    found = _one(unit, code, lock=True)
    if found.state != "on":
        raise Conflict("The endpoint is switched off: switch it on, then test it.", code="webhook_off")
    store.add_test(unit, found.id, found.label)


def organisation_code(unit: UnitOfWork) -> str:
    """The code by which deliveries name the acting organisation."""
    found = organisation(unit, _org(unit))
    assert found is not None
    return found.code


def list_deliveries(unit: UnitOfWork, code: str, state: str = "", number: int = 1) -> Page[Delivery]:
    """A page of what was told to an endpoint, newest first."""
    if state not in ("", "waiting", "delivered", "failed", "dropped"):
        raise InvalidInput("A delivery is waiting, delivered, failed or dropped.", code="unknown_state", field="state")
    items, total = store.deliveries(unit, _one(unit, code).id, state, PAGE, offset(number, PAGE))
    return Page(items, total, number, PAGE)


def find_delivery(unit: UnitOfWork, code: str, delivery_code: str) -> tuple[Delivery, list[Attempt]]:
    """One delivery and its tries, newest first."""
    found = store.delivery(unit, _one(unit, code).id, delivery_code)
    if found is None:
        raise NotFound("There is no such delivery.", code="delivery_not_found")
    return found, store.attempts(unit, found.id)


def replay(unit: UnitOfWork, code: str, delivery_code: str = "") -> int:
    """Have one delivery sent again, or all that failed or were dropped; how many. The `webhook-id` stays."""
    found = _one(unit, code, lock=True)
    if found.state != "on":
        raise Conflict("The endpoint is switched off: switch it on, then replay.", code="webhook_off")
    if delivery_code and store.delivery(unit, found.id, delivery_code) is None:
        raise NotFound("There is no such delivery.", code="delivery_not_found")
    count = store.replay(unit, found.id, delivery_code)
    if count:
        record(unit, "webhook.replayed", "webhook", code, deliveries=count)
        unit.enqueue("deliver_webhooks", found.id)
    return count


def _org(unit: UnitOfWork) -> int:
    unit.actor.require("owner", "advertiser", "broker")
    unit.actor.require_itself()  # an endpoint would go on being told after the mandate has ended
    return unit.actor.org


def _one(unit: UnitOfWork, code: str, *, lock: bool = False) -> Endpoint:
    found = store.endpoint(unit, _org(unit), code, lock=lock)
    if found is None:
        raise NotFound("There is no such webhook.", code="webhook_not_found")
    return found


def _add_secret(unit: UnitOfWork, front: FrontKeys, endpoint_id: int, code: str) -> str:
    secret = new_secret()
    store.add_secret(unit, _org(unit), endpoint_id, seal_message(front, secret.encode(), secret_seal(code)))
    return secret


def _checked(settings: Settings, url: str, label: str, wanted: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    url, label = url.strip(), label.strip()
    try:
        target(url, settings.instance.private_hosts)
    except FetchRefused as refusal:
        raise InvalidInput(_WHY[refusal.why], code=refusal.why, field="url") from None
    if not label or len(label) > 100:
        raise InvalidInput("Name the webhook in at most 100 characters.", code="missing_label", field="label")
    for kind in wanted:
        if kind != ALL and kind not in kinds():
            near = difflib.get_close_matches(kind, kinds(), n=1)
            hint = f" Did you mean {near[0]}?" if near else " docs/webhooks.md lists them."
            raise InvalidInput(f"There is no event {kind!r}.{hint}", code="unknown_event", field="events")
    chosen = (ALL,) if ALL in wanted else tuple(dict.fromkeys(wanted))
    if not chosen:
        raise InvalidInput("Choose at least one event, or * for all.", code="no_events", field="events")
    return url, label, chosen
