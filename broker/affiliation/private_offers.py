"""Private offers: an owner invites one named advertiser; accepted, it becomes a programme that nobody else sees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from broker.affiliation import private_store, store
from broker.affiliation.private_model import PrivateOffer
from broker.audit.record import record
from broker.catalogue.offer_model import MODELS, Offer, check_dates, check_offer
from broker.catalogue.programmes import Programme, create_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.notifications.notify import notify

Rates = Mapping[str, Any]  # model, cpm_cents, rate_cents, rate_bp


def make_offer(
    unit: UnitOfWork,
    advertiser_code: str,
    base_code: str,
    title: str,
    message: str,
    sector: str,
    rates: Rates,
    starts_on: date,
    ends_on: date,
) -> PrivateOffer:
    """Offer one's base to an advertiser, named by its code (org_…). Raises `InvalidInput` naming the field."""
    unit.actor.require("owner")
    if not title.strip() or len(title) > 120:
        raise InvalidInput("Write 1 to 120 characters.", code="bad_text", field="title")
    if not sector.strip():
        raise InvalidInput("An offer needs a sector.", code="missing_sector", field="sector")
    if len(message) > 2_000:
        raise InvalidInput("Write at most 2,000 characters.", code="bad_text", field="message")
    check_offer(_offer(rates))
    check_dates(starts_on, ends_on, unit.today)
    advertiser = private_store.advertiser_named(unit, advertiser_code.strip())
    if advertiser is None:
        raise NotFound("There is no advertiser of this code: ask your partner for its own (org_…).", field="advertiser")
    base_id = store.base_of(unit, base_code, unit.actor.org)
    if base_id is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    code = new_code("offer")
    private_store.insert_offer(
        unit, code=code, owner_id=unit.actor.org, advertiser_id=advertiser.id, advertiser_name=advertiser.name,
        base_id=base_id, title=title.strip(),
        message=message.strip(), sector=sector.strip(), terms=json.dumps(dict(rates)), starts_on=starts_on,
        ends_on=ends_on, made_by=unit.actor.user_id,
    )  # fmt: skip
    record(unit, "private_offer.made", "private_offer", code, model=str(rates.get("model", "cpm")))
    made = find_offer(unit, code)
    notify(unit, "private_offer.made", made.advertiser_id, code, owner=made.owner_name, title=made.title)
    return made


def accept_offer(
    unit: UnitOfWork, code: str, creative_code: str, budget_cents: int, *, commission_bp: int, postback_key: int
) -> Programme:
    """The advertiser accepts: a private programme of these terms opens, and the base takes part. No send is picked by
    that. Raises `Conflict` (`offer_answered`, `creative_not_signed`), `InvalidInput`."""
    unit.actor.require("advertiser")
    offer = _waiting(unit, code)
    programme = create_programme(
        unit,
        offer.title,
        offer.message,
        offer.sector,
        int(offer.terms.get("cpm_cents") or 0),
        budget_cents,
        creative_code,
        max(offer.starts_on, unit.today),
        offer.ends_on,
        commission_bp=commission_bp,
        offer=_offer(offer.terms),
        only_owner_id=offer.owner_id,
        postback_key=postback_key,
    )
    private_store.answer_offer(unit, offer.id, "accepted", "", programme.id)
    store.insert_participation(
        unit,
        code=new_code("part"),
        programme_id=programme.id,
        advertiser_id=unit.actor.org,
        owner_id=offer.owner_id,
        base_id=offer.base_id,
        joined_by=None,
        state="joined",
        terms_version=programme.terms_version,
        answer="",
    )
    record(unit, "private_offer.accepted", "private_offer", code, programme=programme.code)
    _tell(unit, offer, "accepted")
    return programme


def refuse_offer(unit: UnitOfWork, code: str, reason: str) -> PrivateOffer:
    """The advertiser refuses, with a reason that the owner reads."""
    unit.actor.require("advertiser")
    if not reason.strip() or len(reason) > 500:
        raise InvalidInput("Say why, in 1 to 500 characters.", code="missing_reason", field="reason")
    return _answer(unit, code, "refused", reason.strip())


def withdraw_offer(unit: UnitOfWork, code: str) -> PrivateOffer:
    """The owner takes back an offer that was not answered."""
    unit.actor.require("owner")
    return _answer(unit, code, "withdrawn", "")


def find_offer(unit: UnitOfWork, code: str) -> PrivateOffer:
    """One offer by its code."""
    found = private_store.offer_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no offer {code!r}.", code="offer_not_found")
    return found


def list_offers(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[PrivateOffer]:
    """Offers that the actor made or got, the newest first."""
    found = private_store.offers_page(unit, size, offset(page, size))
    return Page(found, private_store.count_offers(unit), page, size)


def _answer(unit: UnitOfWork, code: str, state: str, reason: str) -> PrivateOffer:
    offer = _waiting(unit, code)
    private_store.answer_offer(unit, offer.id, state, reason, None)
    record(unit, f"private_offer.{state}", "private_offer", code, reason=reason)
    if state == "refused":
        _tell(unit, offer, reason)
    return find_offer(unit, code)


def _tell(unit: UnitOfWork, offer: PrivateOffer, answer: str) -> None:
    facts = {"advertiser": offer.advertiser_name, "title": offer.title, "answer": answer[:300]}
    notify(unit, "private_offer.answered", offer.owner_id, offer.code, **facts)


def _waiting(unit: UnitOfWork, code: str) -> PrivateOffer:
    private_store.lock_offer(unit, code)
    offer = find_offer(unit, code)
    if offer.state != "sent":
        raise Conflict(f"This offer is {offer.state} already.", code="offer_answered")
    return offer


def _offer(rates: Rates) -> Offer:
    model = rates.get("model", "cpm")
    if model not in MODELS:
        raise InvalidInput(f"An offer is paid by {', '.join(MODELS)}.", code="bad_model", field="model")
    return replace(
        Offer(),
        model=model,
        cpm_cents=int(rates.get("cpm_cents") or 0),
        rate_cents=rates.get("rate_cents") or None,
        rate_bp=rates.get("rate_bp") or None,
    )
