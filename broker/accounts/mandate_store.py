"""The only queries of agencies' mandates."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from broker.accounts.mandate_model import Mandate
from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset

_SELECT = (
    "SELECT m.code, a.code AS agency_code, a.name AS agency_name, c.code AS advertiser_code,"
    " c.name AS advertiser_name, m.bill_to, m.reference, m.starts_on, m.ends_on, m.state, m.given_at, m.ended_at"
    " FROM agency_mandate m CROSS JOIN LATERAL mandate_party(m.agency_id) a"
    " CROSS JOIN LATERAL mandate_party(m.advertiser_id) c"
    " WHERE (:staff OR m.agency_id = :org OR m.advertiser_id = :org)"
)


def mandates(unit: UnitOfWork) -> list[Mandate]:
    """Those that the actor is a party of, or all for the staff: standing ones first, then the newest."""
    rows = unit.all(f"{_SELECT} ORDER BY m.state, m.id DESC", **_sight(unit))
    return [Mandate(**row._mapping) for row in rows]


def mandates_page(unit: UnitOfWork, number: int, size: int) -> Page[Mandate]:
    """A page of them."""
    rows = unit.all(
        f"{_SELECT} ORDER BY m.state, m.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset(number, size),
        **_sight(unit),
    )
    total = unit.scalar(f"SELECT count(*) FROM ({_SELECT}) AS found", **_sight(unit))  # noqa: S608 - a query of our own
    return Page([Mandate(**row._mapping) for row in rows], int(total), number, size)


def mandate(unit: UnitOfWork, code: str, *, lock: bool = False) -> Mandate | None:
    """One of them."""
    if lock:
        unit.run("SELECT id FROM agency_mandate WHERE code = :code FOR UPDATE", code=code)
    row = unit.one(f"{_SELECT} AND m.code = :code", code=code, **_sight(unit))
    return None if row is None else Mandate(**row._mapping)


def agency_id(unit: UnitOfWork, code: str) -> int | None:
    """An agency by the code that it gives its clients."""
    found = unit.scalar("SELECT agency_by_code(:code)", code=code)
    return None if found is None else int(found)


def insert_mandate(
    unit: UnitOfWork,
    code: str,
    agency: int,
    advertiser: int,
    bill_to: str,
    reference: str,
    starts_on: date,
    ends_on: date | None,
) -> None:
    """A standing mandate; the index of standing pairs refuses a second one (`agency_mandate_pair`)."""
    unit.run(
        "INSERT INTO agency_mandate (code, agency_id, advertiser_id, bill_to, reference, starts_on, ends_on, given_by)"
        " VALUES (:code, :agency, :advertiser, :bill_to, :reference, :starts_on, :ends_on, :user)",
        code=code,
        agency=agency,
        advertiser=advertiser,
        bill_to=bill_to,
        reference=reference,
        starts_on=starts_on,
        ends_on=ends_on,
        user=unit.actor.user_id,
    )


def end_mandate(unit: UnitOfWork, code: str) -> None:
    """End it now."""
    unit.run(
        "UPDATE agency_mandate SET state = 'ended', ended_by = :user, ended_at = app_now() WHERE code = :code",
        code=code,
        user=unit.actor.user_id,
    )


def mandated_advertiser(unit: UnitOfWork, agency: int, advertiser_code: str) -> int | None:
    """The advertiser's id, if the agency may act for it today."""
    found = unit.scalar("SELECT mandated(:agency, :code)", agency=agency, code=advertiser_code)
    return None if found is None else int(found)


def act_for(unit: UnitOfWork, session: UUID, advertiser: int | None) -> bool:
    """Have a session of the acting user act for an advertiser, or for nobody; False without a mandate."""
    return bool(
        unit.scalar("SELECT act_for(:session, CAST(:advertiser AS bigint))", session=session, advertiser=advertiser)
    )


def paying_seat(unit: UnitOfWork) -> tuple[str, str, str]:
    """(country, post code, VAT number) of whoever pays for what is ordered now: the advertiser, or its agency."""
    row = unit.one("SELECT country, postcode, vat_number FROM paying_seat()")
    return ("FR", "", "") if row is None else (row.country, row.postcode or "", row.vat_number or "")


def _sight(unit: UnitOfWork) -> dict[str, object]:
    # Under a mandate the agency sees the client's mandate with itself, not those with its competitors.
    return {**unit.sight, "org": unit.actor.agency_id or unit.actor.org_id}
