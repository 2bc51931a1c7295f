"""Programmes: open offers of advertisers to owners, paid per thousand mails."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.catalogue import programme_store as store
from broker.catalogue.programme_model import Programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import cpm_cents_to_micros
from broker.kernel.paging import Page, offset
from broker.kernel.settings import TradeSettings

__all__ = ["Programme", "browse_programmes", "close_programme", "create_programme", "find_programme"]


def create_programme(
    unit: UnitOfWork,
    title: str,
    description: str,
    sector: str,
    cpm_cents: int,
    budget_cents: int,
    creative_code: str,
    starts_on: date,
    ends_on: date,
    *,
    commission_bp: int | None = None,
) -> Programme:
    """Open an offer: `cpm_cents` for a thousand accepted mails, `budget_cents` at most over all owners (net).

    `commission_bp` is the broker's part; without it the default of the trade. The creative must be signed: owners
    join what they can see. Raises `InvalidInput` naming the field, `Conflict` (`creative_not_signed`).
    """
    unit.actor.require("advertiser")
    if not title.strip():
        raise InvalidInput("A programme needs a title.", code="missing_title", field="title")
    if not sector.strip():
        raise InvalidInput("A programme needs a sector.", code="missing_sector", field="sector")
    price = cpm_cents_to_micros(cpm_cents)
    if price <= 0:
        raise InvalidInput("The price per thousand must be at least one cent.", code="bad_price", field="cpm_cents")
    if budget_cents <= 0:
        raise InvalidInput("The budget must be positive.", code="bad_budget", field="budget_cents")
    if ends_on < starts_on or ends_on < unit.today:
        raise InvalidInput("The programme must end after it starts, and not in the past.", field="ends_on")
    creative = store.creative_of(unit, creative_code, unit.actor.org)
    if creative is None:
        raise NotFound(f"There is no creative {creative_code!r} of yours.", field="creative")
    if creative.state != "signed":
        raise Conflict("Sign the creative's proof (BAT) first.", code="creative_not_signed", field="creative")
    code = new_code("prog")
    store.insert_programme(
        unit,
        code=code,
        advertiser_id=unit.actor.org,
        title=title.strip(),
        description=description.strip(),
        sector=sector.strip(),
        price_micros=price,
        commission_bp=TradeSettings().commission_bp if commission_bp is None else commission_bp,
        budget_cents=budget_cents,
        creative_id=creative.id,
        starts_on=starts_on,
        ends_on=ends_on,
    )
    record(unit, "programme.opened", "programme", code, cpm_cents=cpm_cents, budget_cents=budget_cents)
    return find_programme(unit, code)


def find_programme(unit: UnitOfWork, code: str) -> Programme:
    """A programme that the actor may see: its own, or an open one."""
    programme = store.programme_by_code(unit, code)
    if programme is None:
        raise NotFound(f"There is no programme {code!r}.")
    return programme


def browse_programmes(
    unit: UnitOfWork, words: str = "", sector: str = "", page: int = 1, size: int = 25
) -> Page[Programme]:
    """Open programmes for owners, one's own for advertisers, the newest first; `words` searches texts."""
    found = store.programmes_page(unit, words.strip(), sector.strip(), unit.today, size, offset(page, size))
    total = store.count_programmes(unit, words.strip(), sector.strip(), unit.today)
    return Page(found, total, page, size)


def close_programme(unit: UnitOfWork, code: str) -> Programme:
    """Take a programme off the page; sends picked already still leave."""
    unit.actor.require("advertiser")
    programme = find_programme(unit, code)
    if programme.state == "open":
        store.close_programme(unit, programme.id, unit.actor.org)
        record(unit, "programme.closed", "programme", code)
    return find_programme(unit, code)
