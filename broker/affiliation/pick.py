"""Pick a send of a programme: the owner's yes to one segment on one day, or to its own newsletter."""

from __future__ import annotations

from datetime import date

from broker.affiliation import store
from broker.affiliation.model import Participation, ParticipationSend
from broker.affiliation.withdraw import find_participation, find_send
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
    budget, at once and for all owners together. Raises `Conflict` (`programme_closed`,
    `not_joined`, `terms_changed`, `budget_used`, `names_used`, `owner_cap`, `day_kept` and its kin),
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
    send_id = _insert(unit, code, participation, segment_id, volume, send_on)
    unit.enqueue("schedule_participation_send", send_id)
    record(unit, "send.picked", "participation_send", code, volume=volume, send_on=send_on.isoformat())
    return find_send(unit, code)


def announce_newsletter(unit: UnitOfWork, participation_code: str, copies: int, send_on: date) -> ParticipationSend:
    """Carry the offer in a newsletter of the owner's own that goes to about `copies` people on a day.

    Nothing is sent by us: the links (`newsletter_links`) count clicks, and what they bring is paid. Offers that pay
    mails alone cannot be carried so (`Conflict`, `mails_only`), for nobody could prove the mails.
    """
    unit.actor.require("owner")
    participation = find_participation(unit, participation_code)
    _check(unit, participation, copies, send_on)
    if not set(participation.pays) - {"send"}:
        raise Conflict(
            "This offer pays for mails that we send. In your own newsletter only clicks, leads and sales are paid.",
            code="mails_only",
        )
    code = new_code("psend")
    send_id = _insert(unit, code, participation, None, copies, send_on)
    store.open_newsletter(unit, send_id, new_code("mailing"))
    record(unit, "newsletter.announced", "participation_send", code, copies=copies, send_on=send_on.isoformat())
    return find_send(unit, code)


def list_sends(unit: UnitOfWork, participation_code: str) -> list[ParticipationSend]:
    """The sends picked in a participation, the newest first."""
    return store.sends_of(unit, find_participation(unit, participation_code).id)


_CAPS = {
    "programme_budget": (
        "What is left of the programme's budget does not cover this volume. Pick a smaller one.",
        "budget_used",
    ),
    "programme_names": ("The programme takes no more names than are left. Pick a smaller volume.", "names_used"),
    "programme_owner_cap": ("The programme's cap for one owner does not cover this volume.", "owner_cap"),
}


def _insert(
    unit: UnitOfWork, code: str, participation: Participation, segment_id: int | None, volume: int, send_on: date
) -> int:
    try:
        return store.insert_send(unit, code, participation, segment_id, volume, send_on)
    except Conflict as error:
        cap = _CAPS.get(str(error.details.get("constraint")))
        if cap is None:
            raise
        raise Conflict(cap[0], code=cap[1], field="volume") from None


def _check(unit: UnitOfWork, participation: Participation, volume: int, send_on: date) -> None:
    if participation.owner_id != unit.actor.org:
        raise NotFound(f"There is no participation {participation.code!r}.")
    if participation.state in ("requested", "refused"):
        raise Conflict("The advertiser has not taken you into this programme.", code="not_joined")
    if participation.state != "joined" or participation.programme_state != "open":
        raise Conflict("This programme is closed.", code="programme_closed")
    if not participation.terms_accepted:
        raise Conflict(
            "The programme's terms have changed: read and accept them before the next send.", code="terms_changed"
        )
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
