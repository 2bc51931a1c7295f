"""Rows of notifications and webhooks, and the rules of trying again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

EndpointState = Literal["on", "off", "disabled"]
DeliveryState = Literal["waiting", "delivered", "failed", "dropped"]

# After each failure of a webhook, until the next attempt; a delivery is given up after the last: three days in all.
WEBHOOK_WAITS: tuple[timedelta, ...] = (
    timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=20),
)  # fmt: skip
WEBHOOK_DAYS = 3
DISABLE_AFTER = timedelta(days=5)  # an endpoint that answered nothing good for so long is switched off
LONGEST_REST = timedelta(minutes=30)  # of an endpoint between two attempts, whatever waits
SECRET_OVERLAP = timedelta(hours=24)
MOST_ENDPOINTS = 20
KEEP_DAYS = 90  # of notifications and deliveries

# After each failure of a mail to one person.
MAIL_WAITS_SECONDS = (30, 60, 300, 900, 1800, 3600)
MOST_MAIL_TRIES = 40  # with the waits above a day and a half; then the mail goes into the next digest


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, told to one organisation."""

    code: str
    kind: str
    object_kind: str
    object_code: str
    facts: Mapping[str, str | int]
    at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """One person's copy of an event."""

    code: str
    event: Event
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an organisation's programs are told. `state` is `disabled` when we switched it off after long failure."""

    id: int
    code: str
    url: str
    label: str
    kinds: tuple[str, ...]
    state: EndpointState
    failures: int
    failing_since: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `status` and `problem` are those of the last attempt."""

    id: int
    code: str
    event: Event
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    status: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery."""

    number: int
    at: datetime
    status: int | None
    problem: str
    milliseconds: int | None


def wait_after(attempts: int) -> timedelta | None:
    """How long a delivery waits after its `attempts`-th failure; None: it is given up."""
    return WEBHOOK_WAITS[attempts - 1] if attempts <= len(WEBHOOK_WAITS) else None


def rest_after(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: a second, two, four … half an hour."""
    return min(LONGEST_REST, timedelta(seconds=2 ** min(failures - 1, 20)))


def mail_wait(tries: int) -> int:
    """Seconds until a mail is tried again after its `tries`-th failure."""
    return MAIL_WAITS_SECONDS[min(tries, len(MAIL_WAITS_SECONDS)) - 1]
