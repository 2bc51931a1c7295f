"""The whole report of a mailing: what page, PDF, CSV, API and command line show of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.kernel.database import UnitOfWork
from broker.kernel.money import micros_to_cents
from broker.mailings import flow_store, report_store
from broker.mailings.advice import Advice, Material, advise
from broker.mailings.find_mailing import find_mailing
from broker.mailings.rates import Compared, Rate, compare, rates_of
from broker.mailings.report import MailingReport, mailing_report
from broker.mailings.store import creative_by_id
from broker.mailings.variants import LETTERS

MOST_PAST = 10  # mailings that a new one is compared with
OWNERS = ("owner", "broker", "system")


@dataclass(frozen=True, slots=True)
class VariantLine:
    """One variant: people who clicked of mails that arrived (not bounced), in the test group and in all."""

    letter: str
    subject: str
    preheader: str
    tested: Rate
    whole: Rate
    won: bool


@dataclass(frozen=True, slots=True)
class Money:
    """In cents, before VAT. `owner_cents` and what follows are for owner and broker.

    `lost_cents` is what insight expected of the people who left or complained; `net_cents` the owner's part less that.
    None where it is not known, and for whom it is not.
    """

    gross_cents: int
    owner_cents: int | None
    commission_cents: int | None
    lost_people: int | None
    lost_cents: int | None
    net_cents: int | None


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What changes while a mailing is sent."""

    report: MailingReport
    title: str
    figures: Mapping[str, Any]
    rates: Mapping[str, Rate]
    hours: Sequence[tuple[datetime, int]]
    flow: Mapping[str, Any]
    variants: Sequence[VariantLine]
    money: Money


@dataclass(frozen=True, slots=True)
class ReportSheet:
    """All of it. `study` is guarded for an advertiser; `studied_at` says how old it is."""

    live: LiveReport
    past: int
    same_card: bool
    compared: Sequence[Compared]
    advice: Sequence[Advice]
    study: Mapping[str, Any] | None
    studied_at: datetime | None
    language: str

    def keys(self) -> dict[str, object]:
        """For machines: the report's own keys, and these beside them."""
        live, figures = self.live, self.live.figures
        return {
            **live.report.keys(),
            "title": live.title,
            "clickers": figures.get("clickers", 0),
            "complaints": figures.get("complaints", 0),
            "rates": {name: rate.keys() for name, rate in live.rates.items()},
            "returned": figures.get("returned") or [],
            "refusals": figures.get("refused") or [],
            "clicks_by_link": figures.get("links") or [],
            "clicks_by_hour": [{"at": at, "clicks": clicks} for at, clicks in live.hours],
            "opt_outs_by_scope": figures.get("opt_outs") or {},
            "variants": [
                {
                    "variant": line.letter, "subject": line.subject, "tested": line.tested.keys(),
                    "all": line.whole.keys(), "won": line.won,
                }
                for line in live.variants
            ],
            "decision": (live.flow.get("progress") or {}).get("decision"),
            "waves": live.flow.get("waves") or [],
            "alarms": live.flow.get("alarms") or [],
            "money": {name: getattr(live.money, name) for name in Money.__slots__},
            "compared_with": self.past,
            "same_card": self.same_card,
            "comparison": {
                one.now.name: {
                    "now": one.now.keys(), "past": one.past.keys(), "low": one.low, "high": one.high,
                    "judgement": one.judgement,
                }
                for one in self.compared
            },
            "study": self.study,
            "studied_at": self.studied_at,
            "advice": [{"code": one.code, "text": one.text(self.language)} for one in self.advice],
        }  # fmt: skip


def live_report(unit: UnitOfWork, code: str) -> LiveReport:
    """What page and API ask for again while a mailing is sent."""
    mailing = find_mailing(unit, code)
    report = mailing_report(unit, code)
    figures = report_store.figures(unit, mailing.id)
    flow = flow_store.shown(unit, mailing.id) or {}
    delivered = report.accepted - report.bounced
    sent = report.accepted + report.refused + report.uncertain
    rates = rates_of(
        sent, delivered, report.refused + report.bounced, min(figures.get("clickers", 0), delivered),
        min(report.opt_outs, delivered), min(figures.get("complaints", 0), delivered),
    )  # fmt: skip
    creative = creative_by_id(unit, mailing.creative_id)
    texts = [] if creative is None else [(creative.subject, creative.preheader)]
    texts += [] if creative is None else [(one.subject, one.preheader) for one in creative.variants]
    return LiveReport(
        report,
        report_store.title_of(unit, mailing.dispatch_id),
        figures,
        rates,
        [(datetime.fromisoformat(one["at"]), one["clicks"]) for one in figures.get("hours") or ()],
        flow,
        _variants(texts, figures.get("variants") or (), flow.get("progress") or {}) if len(texts) > 1 else (),
        _money(unit, mailing.id, figures),
    )


def report_sheet(unit: UnitOfWork, code: str, language: str = "en") -> ReportSheet:
    """The whole report of a mailing that the actor is party to."""
    live = live_report(unit, code)
    mailing = find_mailing(unit, code)
    past = report_store.past_mailings(unit, mailing.id, MOST_PAST)
    same_card, compared = compare(dict(live.rates), past)
    study = report_store.study(unit, mailing.id)
    creative = creative_by_id(unit, mailing.creative_id)
    material = Material(
        rates=live.rates,
        compared=compared,
        decision=(live.flow.get("progress") or {}).get("decision"),
        links=live.figures.get("links") or (),
        hours=[{"at": at, "clicks": clicks} for at, clicks in live.hours],
        first_hour=live.hours[0][0] if live.hours else None,
        hits=live.report.hits,
        scanner_hits=live.report.scanner_hits,
        weight=len(creative.html.encode()) if creative is not None else 0,
        # What an advertiser sees of traits is rounded and has gaps: no test can stand on it.
        study=study[1] if study is not None and unit.actor.role in OWNERS else None,
    )
    advice = advise(material) if live.report.started_at is not None else []
    when, body = (None, None) if study is None else study
    return ReportSheet(live, len(past), same_card, compared, advice, body, when, language)


def _variants(
    texts: Sequence[tuple[str, str]], counts: Sequence[Mapping[str, Any]], progress: Mapping[str, Any]
) -> list[VariantLine]:
    lines = []
    for number, (subject, preheader) in enumerate(texts):
        mine = [one for one in counts if one["variant"] == number]
        tested = next((one for one in mine if one["tested"]), {"accepted": 0, "clickers": 0})
        lines.append(
            VariantLine(
                LETTERS[number],
                subject,
                preheader,
                Rate("tested", tested["clickers"], tested["accepted"]),
                Rate("whole", sum(one["clickers"] for one in mine), sum(one["accepted"] for one in mine)),
                progress.get("winner") == number and progress.get("decision") is not None,
            )
        )
    return lines


def _money(unit: UnitOfWork, mailing_id: int, figures: Mapping[str, Any]) -> Money:
    gross = micros_to_cents(figures.get("gross_micros") or 0)
    if unit.actor.role not in OWNERS:
        return Money(gross, None, None, None, None, None)
    owner, commission = report_store.shares(unit, mailing_id)
    study = report_store.study(unit, mailing_id)
    lost = {} if study is None else study[1].get("lost") or {}
    owner_cents = micros_to_cents(owner or 0)
    expected = lost.get("expected_cents")
    return Money(
        gross,
        owner_cents,
        micros_to_cents(commission or 0),
        None if not lost else lost["left"] + lost["complained"],
        expected,
        None if expected is None else owner_cents - expected,
    )
