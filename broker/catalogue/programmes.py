"""Programmes: open offers of advertisers to owners, paid per thousand mails, click, lead or sale."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from broker.audit.record import record
from broker.catalogue import offers_store
from broker.catalogue import programme_store as store
from broker.catalogue.offer_model import Offer, check_dates, check_offer
from broker.catalogue.offers_store import OfferSearch
from broker.catalogue.programme_model import Programme
from broker.catalogue.regulated_offer import check_programme
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
    offer: Offer | None = None,
    only_owner_id: int | None = None,
    postback_key: int = 1,
) -> Programme:
    """Open an offer: `cpm_cents` for a thousand accepted mails, `budget_cents` at most over all owners (net).

    `offer` says more: another model than CPM, caps, wishes, terms; its price per thousand is `cpm_cents`, too.
    `only_owner_id` makes it one owner's alone; `postback_key` is the front's key of the postback secret.
    `commission_bp` is the broker's part; without it the default of the trade. The creative must be signed: owners
    join what they can see. Raises `InvalidInput` naming the field, `Conflict` (`creative_not_signed`,
    `sector_forbidden`, `sector_wording`).
    """
    unit.actor.require("advertiser")
    if not title.strip():
        raise InvalidInput("A programme needs a title.", code="missing_title", field="title")
    if not sector.strip():
        raise InvalidInput("A programme needs a sector.", code="missing_sector", field="sector")
    asked = replace(offer or Offer(), cpm_cents=cpm_cents)
    check_offer(asked)
    if budget_cents <= 0:
        raise InvalidInput("The budget must be positive.", code="bad_budget", field="budget_cents")
    check_dates(starts_on, ends_on, unit.today)
    creative = store.creative_of(unit, creative_code, unit.actor.org)
    if creative is None:
        raise NotFound(f"There is no creative {creative_code!r} of yours.", field="creative")
    if creative.state != "signed":
        raise Conflict("Sign the creative's proof (BAT) first.", code="creative_not_signed", field="creative")
    check_programme(unit, sector.strip(), f"{title}\n{description}", creative.id)
    code = new_code("prog")
    store.insert_programme(
        unit,
        code=code,
        advertiser_id=unit.actor.org,
        title=title.strip(),
        description=description.strip(),
        sector=sector.strip(),
        model=asked.model,
        price_micros=cpm_cents_to_micros(cpm_cents),
        commission_bp=TradeSettings().commission_bp if commission_bp is None else commission_bp,
        budget_cents=budget_cents,
        creative_id=creative.id,
        starts_on=starts_on,
        ends_on=ends_on,
        channel=asked.channel,
        rate_cents=asked.rate_cents,
        rate_bp=asked.rate_bp,
        most_names=asked.most_names,
        owner_cap_cents=asked.owner_cap_cents,
        validation_days=asked.validation_days,
        wishes=json.dumps(asked.wishes.as_json()),
        terms=asked.terms.strip(),
        joining=asked.joining,
        join_rules=json.dumps(asked.join_rules.as_json()),
        day_cap_cents=asked.day_cap_cents,
        attribution_days=asked.attribution_days,
        report_days=asked.report_days,
        click_cents=asked.click_cents,
        lead_cents=asked.lead_cents,
        sale_cents=asked.sale_cents,
        sale_bp=asked.sale_bp,
        only_owner_id=only_owner_id,
        postback_key=postback_key,
    )
    record(unit, "programme.opened", "programme", code, model=asked.model, budget_cents=budget_cents)
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
    asked, skip = OfferSearch(words.strip(), sector.strip()), offset(page, size)
    if unit.actor.role == "owner":
        found = store.programmes_by_ids(unit, offers_store.newest(unit, asked, size, skip))
        return Page(found, offers_store.count_offers(unit, asked), page, size)
    found = store.programmes_page(unit, asked.words, asked.sector, size, skip)
    total = store.count_programmes(unit, asked.words, asked.sector)
    return Page(found, total, page, size)


def close_programme(unit: UnitOfWork, code: str) -> Programme:
    """Take a programme off the page; sends picked already still leave."""
    unit.actor.require("advertiser")
    programme = find_programme(unit, code)
    if programme.state == "open":
        store.close_programme(unit, programme.id, unit.actor.org)
        record(unit, "programme.closed", "programme", code)
    return find_programme(unit, code)
