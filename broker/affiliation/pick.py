"""Pick a send of a programme: the owner's yes to one segment on one day; and take it back."""

from __future__ import annotations

from datetime import date

from broker.affiliation import store
from broker.affiliation.join import find_participation
from broker.affiliation.model import Participation, ParticipationSend
from broker.audit.record import record
from broker.bases.keep_days import require_free
from broker.catalogue.regulated_offer import check_picked_segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code


def pick_send(
    unit: UnitOfWork, participation_code: str, segment_code: str, volume: int, send_on: date
) -> ParticipationSend:
    """Say yes to one send: at most `volume` people of a segment on a day within the programme's dates.

    A worker makes the mailing (job `schedule_participation_send`). The volume reserves its price of the programme's
    budget, at once and for all owners together. Raises `Conflict` (`programme_closed`, `budget_used`,
    `day_kept` and its kin),
    `InvalidInput` (`bad_volume`, `send_date_passed`, `outside_programme`, `age_select_needed`).
    """
    unit.actor.require("owner")
    participation = find_participation(unit, participation_code)
    _check(unit, participation, volume, send_on)
    require_free(unit, participation.base_id, send_on)
    segment_id = store.segment_of(unit, segment_code, participation.base_id)
    if segment_id is None:
        raise NotFound(f"There is no segment {segment_code!r} of this base.", field="segment")
    check_picked_segment(unit, participation.programme_code, store.rule_of_segment(unit, segment_id))
    code = new_code("psend")
    try:
        send_id = store.insert_send(unit, code, participation, segment_id, volume, send_on)
    except Conflict as error:
        if error.details.get("constraint") != "programme_budget":
            raise
        raise Conflict(
            "What is left of the programme's budget does not cover this volume. Pick a smaller one.",
            code="budget_used",
            field="volume",
        ) from None
    unit.enqueue("schedule_participation_send", send_id)
    record(unit, "send.picked", "participation_send", code, volume=volume, send_on=send_on.isoformat())
    return find_send(unit, code)


def withdraw_send(unit: UnitOfWork, code: str) -> ParticipationSend:
    """Take a yes back before the first mail leaves; raises `Conflict` (`already_sending`) afterwards."""
    unit.actor.require("owner")
    store.lock_send(unit, code)
    send = find_send(unit, code)
    if send.state == "withdrawn":
        return send
    left = store.cancel_waiting_mailing(unit, send.id)
    if send.state not in ("picked", "scheduled") or left not in (None, "cancelled"):
        raise Conflict(
            "This send has started: stop its mailing instead; what has left stays billable.", code="already_sending"
        )
    store.withdraw(unit, send.id)
    record(unit, "send.withdrawn", "participation_send", code)
    return find_send(unit, code)


def find_send(unit: UnitOfWork, code: str) -> ParticipationSend:
    """A picked send by its code."""
    send = store.send_by_code(unit, code)
    if send is None:
        raise NotFound(f"There is no send {code!r}.")
    return send


def list_sends(unit: UnitOfWork, participation_code: str) -> list[ParticipationSend]:
    """The sends picked in a participation, the newest first."""
    return store.sends_of(unit, find_participation(unit, participation_code).id)


def advance_send(unit: UnitOfWork, send_id: int, state: str) -> None:
    """Follow the mailing's facts (scheduled, sending, sent); a withdrawn send stays withdrawn. For later rooms."""
    moved = store.set_send_state(unit, send_id, state)
    if moved is not None:
        record(unit, f"send.{state}", "participation_send", moved.code, former=moved.former)


def _check(unit: UnitOfWork, participation: Participation, volume: int, send_on: date) -> None:
    if participation.owner_id != unit.actor.org:
        raise NotFound(f"There is no participation {participation.code!r}.")
    if participation.state != "joined" or participation.programme_state != "open":
        raise Conflict("This programme is closed.", code="programme_closed")
    if volume < 1:
        raise InvalidInput("Pick at least one recipient.", code="bad_volume", field="volume")
    if send_on < unit.today:
        raise InvalidInput("The send date has passed.", code="send_date_passed", field="send_on")
    if not participation.starts_on <= send_on <= participation.ends_on:
        raise InvalidInput(
            f"The programme runs from {participation.starts_on} to {participation.ends_on}.",
            code="outside_programme",
            field="send_on",
        )
