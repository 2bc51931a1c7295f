"""Job: deliver what is due to one endpoint, oldest first.

An attempt's outcome is written before the next one leaves, so whatever is killed, nothing is lost: at worst the one
attempt whose answer was not written yet is made again, under the same `webhook-id`, by which the receiver knows it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from broker.kernel.database import Database, UnitOfWork
from broker.kernel.fetch_public import FetchRefused
from broker.kernel.post_public import Answer, post_public
from broker.kernel.settings import Settings
from broker.notifications import deliver_store as store
from broker.notifications.model import DISABLE_AFTER, LONGEST_REST, Event, rest_after, wait_after
from broker.notifications.notify import notify
from broker.notifications.sign_webhook import signed_headers
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message

SECONDS = 10.0  # for one answer
MOST_AT_ONCE = 50  # attempts of one job, so that other endpoints have their turn
LONGEST_TURN = 60.0  # seconds; well below the lease
GONE = 410

Post = Callable[[str, bytes, Mapping[str, str]], Answer]


def secret_seal(endpoint_code: str) -> str:
    """What a webhook's secret is sealed for."""
    return f"webhook secret {endpoint_code}"


def payload(event: Event, organisation: str) -> bytes:
    """The body of every attempt: the same bytes each time. Codes, words and figures; read the object by its code."""
    told = {
        "type": event.kind,
        "timestamp": event.at.isoformat(),
        "data": {"object": event.object_kind, "code": event.object_code, "organisation": organisation, **event.facts},
        "event": event.code,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def deliver_webhooks(
    database: Database, worker: WorkerKeys, settings: Settings, endpoint_id: int, post: Post | None = None
) -> int:
    """Post what is due until one attempt fails, nothing is due, or the turn is over; how many were taken."""
    private = settings.instance.private_hosts

    def post_really(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return post_public(url, body, headers, seconds=SECONDS, private_hosts=private)

    with database.begin() as unit:
        endpoint = store.lease_endpoint(unit, endpoint_id)
        if endpoint is None:
            return 0
        sealed = store.secrets_of(unit, endpoint_id)
    secrets_now = [open_message(worker, each, secret_seal(endpoint.code)).decode() for each in sealed]
    taken, ends = 0, time.monotonic() + LONGEST_TURN
    for _ in range(MOST_AT_ONCE):
        with database.begin() as unit:
            due = store.next_due(unit, endpoint_id) if time.monotonic() < ends else None
        if due is None:
            break
        body = payload(due.event, endpoint.org_code)
        headers = {"Content-Type": "application/json", **signed_headers(secrets_now, due.code, int(time.time()), body)}
        started = time.monotonic()
        answer, problem = None, ""
        try:
            answer = (post or post_really)(endpoint.url, body, headers)
        except FetchRefused as refusal:
            problem = refusal.why
        milliseconds = int((time.monotonic() - started) * 1000)
        with database.begin() as unit:
            store.note_attempt(unit, due.id, None if answer is None else answer.status, problem, milliseconds)
            if answer is not None and 200 <= answer.status < 300:
                store.delivered(unit, endpoint_id, due.id)
                taken += 1
                continue
            _fail(unit, endpoint_id, due, endpoint.failures + 1, answer)
            if answer is not None and answer.status == GONE:
                _disable(unit, endpoint_id, endpoint.code, endpoint.org_id, endpoint.label)
        break
    with database.begin() as unit:
        store.give_back(unit, endpoint_id)
    return taken


def ask_again(unit: UnitOfWork) -> int:
    """Switch off what has failed for too long, and ask for the endpoints to which something is due; how many."""
    for row in store.failing_long(unit, DISABLE_AFTER.total_seconds()):
        _disable(unit, row.id, row.code, row.org_id, row.label)
    due = store.due_endpoints(unit)
    for endpoint_id in due:
        unit.enqueue("deliver_webhooks", endpoint_id)
    return len(due)


def _fail(unit: UnitOfWork, endpoint_id: int, due: store.Due, failures: int, answer: Answer | None) -> None:
    wait, rest = wait_after(due.attempts + 1), rest_after(failures)
    if answer is not None and answer.retry_after is not None:  # it says when; believed within reason
        rest = max(rest, min(timedelta(seconds=answer.retry_after), LONGEST_REST))
    # Spread, so that what failed together does not come back together.
    spread = None if wait is None else int(wait.total_seconds() * random.uniform(0.9, 1.1))  # noqa: S311
    store.failed(unit, endpoint_id, due.id, spread, int(rest.total_seconds()))


def _disable(unit: UnitOfWork, endpoint_id: int, code: str, org_id: int, label: str) -> None:
    days = store.disable(unit, endpoint_id)
    if days is not None:
        notify(unit, "webhook.disabled", org_id, code, label=label, days=days)
