"""Join a programme with a base; read what one joined."""

from __future__ import annotations

from broker.affiliation import store
from broker.affiliation.model import Participation
from broker.audit.record import record
from broker.catalogue.programmes import find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset


def join_programme(unit: UnitOfWork, programme_code: str, base_code: str) -> Participation:
    """Take part in a programme with a base of any size; nothing is sent by joining. Joining again changes nothing.

    Raises `Conflict` (`programme_closed`), `NotFound`.
    """
    unit.actor.require("owner")
    programme = find_programme(unit, programme_code)
    base_id = store.base_of(unit, base_code, unit.actor.org)
    if base_id is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    if programme.state != "open" or programme.ends_on < unit.today:
        raise Conflict("This programme is closed.", code="programme_closed")
    if programme.model != "cpm":
        raise Conflict(
            "This offer is paid by click, lead or sale: it can be read and compared, and joined as soon as these are"
            " counted. Offers per thousand can be joined now.",
            code="model_not_open",
        )
    code = new_code("part")
    fresh = store.insert_participation(
        unit,
        code=code,
        programme_id=programme.id,
        advertiser_id=programme.advertiser_id,
        owner_id=unit.actor.org,
        base_id=base_id,
        joined_by=unit.actor.user_id,
    )
    joined = store.participation_of(unit, programme.id, base_id)
    assert joined is not None
    if fresh:
        record(unit, "programme.joined", "participation", joined.code, programme=programme_code, base=base_code)
    return joined


def find_participation(unit: UnitOfWork, code: str) -> Participation:
    """A participation by its code."""
    found = store.participation_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no participation {code!r}.")
    return found


def list_participations(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[Participation]:
    """What an owner joined, who takes part in an advertiser's programmes, or all of it for the broker."""
    found = store.participations_page(unit, size, offset(page, size))
    return Page(found, store.count_participations(unit), page, size)
