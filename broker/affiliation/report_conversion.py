"""Keep a lead or sale that an advertiser reports: once, judged, priced, within every cap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from broker.affiliation.conversion_model import Kind, Reported, Source, State
from broker.audit.record import record
from broker.catalogue.programmes import find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.money import require_currency
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import TokenRef, make_token, read_token

LARGEST_AMOUNT = 100_000_000_00
_REFERENCE = re.compile(r"[^\x00-\x1f\x7f]{1,120}").fullmatch


@dataclass(frozen=True, slots=True)
class Report:
    """What the advertiser says: which click, what kind, under which reference of its own. Amounts are without VAT."""

    click: TokenRef
    kind: Kind
    reference: str
    amount_cents: int | None = None
    currency: str = "EUR"
    happened_at: datetime | None = None  # none: now
    source: Source = "api"


def click_of(front: FrontKeys, click_id: str) -> TokenRef:
    """The click that a click id stands for; refuses one that no redirect of ours gave (`bad_click_id`)."""
    try:
        return read_token(front, "conversion", click_id.strip())
    except InvalidInput:
        raise InvalidInput(
            "This click id is not one of ours, or not whole: pass on what came in your link's {click_id}, unchanged.",
            code="bad_click_id",
            field="click_id",
        ) from None


def trial_click(front: FrontKeys) -> str:
    """A click id that stands for no click: a report with it is checked whole and kept nowhere."""
    return make_token(front, "conversion", 0, 0, 0, 0)


def report_conversion(unit: UnitOfWork, programme_id: int, report: Report) -> Reported:
    """Keep a report. Said again, word for word, it changes nothing; what may not be paid is kept as refused.

    Parallel reports of one programme wait for each other in the database, so that no cap is passed by a cent. Raises
    `InvalidInput` naming the field, `Conflict` (`other_programme`).
    """
    reference = report.reference.strip()
    if not _REFERENCE(reference):
        raise InvalidInput(
            "Give your own reference of this lead or sale: 1 to 120 characters.",
            code="bad_reference",
            field="reference",
        )
    require_currency(report.currency.upper())
    if report.kind == "sale" and report.amount_cents is None:
        raise InvalidInput("A sale needs its amount without VAT.", code="missing_amount", field="amount")
    if report.amount_cents is not None and not 0 <= report.amount_cents <= LARGEST_AMOUNT:
        raise InvalidInput("The amount is not one of a sale.", code="bad_amount", field="amount")
    click = report.click
    if click.mailing_id == 0:
        return Reported("", "test", "", fresh=False)
    try:
        row = unit.one(
            "SELECT * FROM record_conversion(:code, :programme, :kind, :dispatch, :mailing, :position, :link,"
            " :reference, :amount, :happened, :source)",
            code=new_code("conv"),
            programme=programme_id,
            kind=report.kind,
            dispatch=click.dispatch_id,
            mailing=click.mailing_id,
            position=click.position,
            link=click.link,
            reference=reference,
            amount=report.amount_cents,
            happened=report.happened_at,
            source=report.source,
        )
    except Conflict as error:
        if error.details.get("constraint") != "conversion_click":
            raise
        raise Conflict(
            "This click id is of another programme: report it there.", code="other_programme", field="click_id"
        ) from None
    assert row is not None
    return Reported(row.code, cast("State", row.state), row.reason, row.fresh)


def report_by_hand(unit: UnitOfWork, programme_code: str, report: Report) -> Reported:
    """The same, by a logged-in advertiser (API, console)."""
    unit.actor.require("advertiser")
    programme = find_programme(unit, programme_code)
    reported = report_conversion(unit, programme.id, report)
    if reported.fresh:
        record(unit, "conversion.reported", "conversion", reported.code, state=reported.state, reason=reported.reason)
    return reported
