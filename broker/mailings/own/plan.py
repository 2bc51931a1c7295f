"""Plan an own mailing: a draft takes its segments, messages and day; then it is put on its way."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from broker.audit.record import record
from broker.bases.find_base import find_base
from broker.bases.keep_days import keep_days
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.mailings.own import store
from broker.mailings.own.events import check_event
from broker.mailings.own.find import find_own_mailing, variants_of
from broker.mailings.own.model import (
    BASES,
    GOALS,
    LONGEST_WINDOW,
    MOST_HELD_OUT_BP,
    MOST_VARIANTS,
    SMALLEST_WINDOW,
    OwnMailing,
    OwnVariant,
    first_run,
)
from broker.mailings.slots import OWN_ATTRIBUTE, OWN_TAGS, SLOT
from broker.mailings.store import creative_by_id

LONGEST_NAME = 120
LONGEST_LIKENESS = 1_000
FARTHEST_DAYS = 730
MOST_CENTS = 10**10
_NEEDS_CATEGORY = frozenset(OWN_TAGS) - {"event_day"}


def create_own_mailing(unit: UnitOfWork, base_code: str, name: str, goal: str, **values: Any) -> OwnMailing:
    """A draft. `values` as `revise_own_mailing`. A goal sets the basis: customers for loyalty, else consent."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    basis = "consent" if goal == "prospecting" else "customers"
    checked = _checked(unit, base_code, {"legal_basis": basis, **values, "name": name, "goal": goal})
    code = new_code("own")
    store.add(unit, code, base.id, secrets.randbits(62), checked)
    record(unit, "own_mailing.created", "own_mailing", code, base=base_code, goal=goal)
    return find_own_mailing(unit, code)


def revise_own_mailing(unit: UnitOfWork, code: str, **values: Any) -> OwnMailing:
    """Set some of a draft's values: name, goal, legal_basis, likeness, starts_at, send_hour, event_kind, event_field,
    event_days, backlog, category, held_out_bp, window_days, cost_cents, cost_micros.

    An `event_kind` makes it a standing mailing, an empty one takes that back. Once it is planned only its name, window
    and costs can be set. Raises `bad_…`, `unknown_event`, `own_planned`.
    """
    own = find_own_mailing(unit, code, lock=True)
    if own.state != "draft" and set(values) - {"name", "window_days", "cost_cents", "cost_micros"}:
        raise Conflict("A planned mailing does not change. Cancel it and plan another.", code="own_planned")
    checked = _checked(unit, own.base_code, values)
    if checked:
        store.change(unit, own.id, checked)
        record(unit, "own_mailing.changed", "own_mailing", code, fields=sorted(checked))
    return find_own_mailing(unit, code)


def set_variants(unit: UnitOfWork, code: str, variants: Sequence[Mapping[str, str | None]]) -> list[OwnVariant]:
    """Set the segments and messages of a draft, in the order in which they take their people.

    Each is `{"segment": code or "" for everybody left, "creative": code or ""}`. Raises `own_planned`,
    `unknown_segment`, `unknown_creative`, `twice`, `too_many`.
    """
    own = find_own_mailing(unit, code, lock=True)
    if own.state != "draft":
        raise Conflict("A planned mailing does not change. Cancel it and plan another.", code="own_planned")
    if len(variants) > MOST_VARIANTS:
        raise InvalidInput(f"At most {MOST_VARIANTS} segments.", code="too_many", field="variants")
    rows: list[tuple[int | None, int | None]] = []
    for number, one in enumerate(variants, start=1):
        segment, creative = one.get("segment") or "", one.get("creative") or ""
        segment_id = store.segment_id(unit, own.base_id, segment) if segment else None
        if segment and segment_id is None:
            raise InvalidInput(
                f"Row {number}: this base has no segment {segment[:40]!r}.", code="unknown_segment", field="variants"
            )
        creative_id = store.creative_id(unit, own.org_id, creative) if creative else None
        if creative and creative_id is None:
            raise InvalidInput(
                f"Row {number}: you have no message {creative[:40]!r}.", code="unknown_creative", field="variants"
            )
        if segment_id in [row[0] for row in rows]:
            raise InvalidInput(f"Row {number}: a segment stands here once.", code="twice", field="variants")
        rows.append((segment_id, creative_id))
    if None in [row[0] for row in rows[:-1]]:
        raise InvalidInput(
            "Everybody else comes last: no later segment would get anybody.", code="everybody_last", field="variants"
        )
    store.set_variants(unit, own.id, rows)
    record(unit, "own_mailing.variants_set", "own_mailing", code, variants=len(rows))
    return variants_of(unit, own)


def what_lacks(unit: UnitOfWork, own: OwnMailing) -> list[str]:
    """What a draft still needs before it can be planned: codes, in the order of the steps."""
    variants = variants_of(unit, own)
    lacking = []
    if not variants:
        lacking.append("segments")
    if own.legal_basis != "consent" and not own.likeness.strip():
        lacking.append("likeness")
    if any(one.creative_id is None for one in variants):
        lacking.append("messages")
    elif any(not one.signed for one in variants):
        lacking.append("signature")
    if not own.category and any(_names_products(unit, one) for one in variants):
        lacking.append("category")
    return lacking


_SENTENCES = {
    "segments": "Choose whom to write to first: one segment at least.",
    "likeness": "Say why what you offer is similar to what your customers bought: the law asks for it where there is no"
    " consent (L34-5 CPCE).",
    "messages": "Each segment needs a message.",
    "signature": "Each message is signed first (BAT): what is signed is what is sent.",
    "category": "A message names products ({{product}}, {{suggestion_1}} …): choose the category that they are of.",
}


def plan_own_mailing(unit: UnitOfWork, code: str, *, keep_the_day: bool = False) -> OwnMailing:
    """Put a draft on its way: from its hour on its people are frozen, and its mails leave.

    `keep_the_day` keeps the day of a one-time mailing for it: nothing of partners leaves then. Raises `own_lacks_…`.
    """
    own = find_own_mailing(unit, code, lock=True)
    if own.state != "draft":
        raise Conflict(f"This mailing is {own.state} already.", code="own_state")
    for lacking in what_lacks(unit, own):
        raise Conflict(_SENTENCES[lacking], code=f"own_lacks_{lacking}", field=lacking)
    if own.daily:
        run_at = first_run(unit.now, own.send_hour)
    else:
        run_at = max(own.starts_at or unit.now, unit.now)
        day = run_at.astimezone(PARIS).date()
        if keep_the_day:
            keep_days(unit, own.base_code, "own_campaign", own.name, day, day)
    if not store.move(unit, own.id, ["draft"], "active", next_run_at=run_at, since=unit.today):
        raise Conflict("This mailing was changed meanwhile. Look at it again.", code="own_state")
    if run_at <= unit.now:
        unit.enqueue("run_own_mailing", own.id)
    record(unit, "own_mailing.planned", "own_mailing", code, at=run_at.isoformat())
    return find_own_mailing(unit, code)


def _names_products(unit: UnitOfWork, variant: OwnVariant) -> bool:
    creative = None if variant.creative_id is None else creative_by_id(unit, variant.creative_id)
    if creative is None:
        return False
    texts = (creative.subject, creative.html, creative.plain)
    names = {match[1] for text in texts for match in SLOT.finditer(text)}
    return any(name in _NEEDS_CATEGORY or name.startswith(OWN_ATTRIBUTE) for name in names)


def _checked(unit: UnitOfWork, base_code: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored; raises a sentence that names the field."""
    found = dict(values)
    if "name" in found:
        found["name"] = " ".join(str(found["name"]).split())
        if not 1 <= len(found["name"]) <= LONGEST_NAME:
            raise InvalidInput(f"Write 1 to {LONGEST_NAME} characters.", code="bad_text", field="name")
    for field, known in (("goal", GOALS), ("legal_basis", BASES)):
        if field in found and found[field] not in known:
            raise InvalidInput(f"Choose one of {', '.join(known)}.", code=f"bad_{field}", field=field)
    for field, most in (("likeness", LONGEST_LIKENESS), ("category", LONGEST_NAME)):
        if field in found:
            found[field] = " ".join(str(found[field] or "").replace("\0", "").split())
            if len(found[field]) > most:
                raise InvalidInput(f"Write at most {most} characters.", code="bad_text", field=field)
    for field, least, most in (
        ("send_hour", 0, 23),
        ("held_out_bp", 0, MOST_HELD_OUT_BP),
        ("window_days", SMALLEST_WINDOW, LONGEST_WINDOW),
        ("cost_cents", 0, MOST_CENTS),
        ("cost_micros", 0, MOST_CENTS),
    ):
        value = found.get(field)
        if field in found and (not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most):
            raise InvalidInput(f"Write a number from {least} to {most}.", code="bad_number", field=field)
    if found.get("starts_at") is not None:
        _check_start(unit, found["starts_at"])
    if "event_kind" in found:
        _set_event(unit, base_code, found)
    return found


def _check_start(unit: UnitOfWork, starts_at: datetime) -> None:
    if starts_at < unit.now - timedelta(hours=1):
        raise InvalidInput("The moment of the send has passed.", code="send_date_passed", field="starts_at")
    if starts_at > unit.now + timedelta(days=FARTHEST_DAYS):
        raise InvalidInput("The send date lies more than two years ahead.", code="send_date_far", field="starts_at")


def _set_event(unit: UnitOfWork, base_code: str, found: dict[str, Any]) -> None:
    kind = found["event_kind"] or None
    if kind is None:
        found |= {"event_kind": None, "event_field": "", "event_days": 0, "schedule": "once", "backlog": False}
        return
    days = found.get("event_days", 0)
    if not isinstance(days, int):
        raise InvalidInput("Write a number of days.", code="bad_number", field="event_days")
    kind, field = check_event(unit, base_code, kind, str(found.get("event_field", "")), days)
    found |= {"event_kind": kind, "event_field": field, "event_days": days, "schedule": "daily", "starts_at": None}
