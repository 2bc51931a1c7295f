"""A mailing's report as tables: what its CSV and its PDF are written from, in French or English."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.kernel.clock import PARIS
from broker.kernel.money import format_cents
from broker.kernel.safe_csv import SafeWriter
from broker.mailings.legal_report import LegalReport
from broker.mailings.model import SEND_STATES
from broker.mailings.rates import Rate
from broker.mailings.report_sheet import ReportSheet
from broker.mailings.report_words import WORDS

Cell = str | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its title, its heads, its rows."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def report_tables(sheet: ReportSheet) -> list[Table]:
    """The whole report; what is not known, or not for the reader, is left out."""
    language, live, words = sheet.language, sheet.live, WORDS[sheet.language]
    report, figures = live.report, live.figures

    def said(code: str) -> str:
        return words.get(code, code.replace("_", " "))

    def shares(rate: Rate) -> tuple[Cell, ...]:
        low, high = rate.interval or (None, None)
        return rate.events, rate.size, _share(rate.share, language), _span(low, high, language)

    tables = [
        Table(
            said("mailing"),
            (said("what"), said("value")),
            [
                (said("code"), report.code),
                (said("title"), live.title),
                (said("kind"), said(report.kind)),
                (said("state"), said(f"state_{report.state}")),
                (said("started"), _moment(report.started_at)),
                (said("ended"), _moment(report.ended_at)),
                (said("frozen"), report.frozen),
                *((said(state), getattr(report, state)) for state in SEND_STATES if getattr(report, state)),
                (said("bounced"), report.bounced),
            ],
        ),
        Table(
            said("rates"),
            (said("what"), said("count"), said("of"), said("share"), said("interval")),
            [(said(name), *shares(rate)) for name, rate in live.rates.items()],
        ),
    ]
    if live.variants:
        tables.append(
            Table(
                said("subject_test"),
                (said("subject"), said("clickers"), said("of"), said("share"), said("interval"), said("result")),
                [
                    (f"{line.letter}. {line.subject}", *shares(line.tested), said("won") if line.won else "")
                    for line in live.variants
                ],
            )
        )
    if report.exclusions:
        rows: list[tuple[Cell, ...]] = [(said(why), count) for why, count in report.exclusions.items() if count]
        tables.append(Table(said("exclusions"), (said("what"), said("count")), rows))
    colon = "\u00a0: " if language == "fr" else ": "
    returned = [
        (f"{said(one['verdict'])}{colon}{said(one['reason'])}", one["mails"]) for one in figures.get("returned") or ()
    ]
    returned += [(f"{said('refused')}{colon}{one['status']}", one["mails"]) for one in figures.get("refused") or ()]
    tables.append(Table(said("returned"), (said("reason"), said("count")), list(returned)))
    links = [(one["number"], one["url"], one["clicks"], one["clickers"]) for one in figures.get("links") or ()]
    tables.append(Table(said("links"), ("N°", said("link"), said("clicks"), said("clickers")), list(links)))
    hours = [(_moment(at), clicks) for at, clicks in live.hours]
    tables.append(Table(said("hours"), (said("hour"), said("clicks")), list(hours)))
    tables += _study(sheet)
    if sheet.past:
        tables.append(
            Table(
                said("comparison"),
                (said("what"), said("now"), said("past"), said("interval"), said("result")),
                [
                    (
                        said(one.now.name), _share(one.now.share, language), _share(one.past.share, language),
                        _span(one.low, one.high, language), said(f"judged_{one.judgement}"),
                    )
                    for one in sheet.compared
                ],
            )
        )  # fmt: skip
    money = [
        (said(name), None if value is None else value if name == "lost_people" else format_cents(value, language))
        for name in ("gross_cents", "owner_cents", "commission_cents", "lost_people", "lost_cents", "net_cents")
        if (value := getattr(live.money, name)) is not None
    ]
    tables.append(Table(said("money"), (said("what"), said("value")), list(money)))
    tables.append(Table(said("advice"), (said("what"),), [(one.text(language),) for one in sheet.advice]))
    return [table for table in tables if table.rows]


def _study(sheet: ReportSheet) -> list[Table]:
    study, words = sheet.study or {}, WORDS[sheet.language]
    tables = []
    parts = {"domains": study.get("domains") or [], **(study.get("traits") or {})}
    for name, lines in parts.items():
        if not lines:
            continue
        title = words.get(name, name.replace("_", " "))
        called = [words.get(f"{name}.{one['value']}", words.get(one["value"], one["value"])) for one in lines]
        if "share" in lines[0]:  # the advertiser's
            heads: tuple[str, ...] = (title, words["share"], words["click_rate"])
            rows: list[tuple[Cell, ...]] = [
                (
                    value,
                    "—" if one["share"] is None else f"{one['share']} %",
                    _share(one["click_rate"], sheet.language) or "—",
                )
                for value, one in zip(called, lines, strict=True)
            ]
        else:
            heads = (title, words["delivered"], words["clickers"], words["share"])
            rows = [
                (
                    value, one["delivered"], one["clickers"],
                    _share(one["clickers"] / one["delivered"] if one["delivered"] else None, sheet.language),
                )
                for value, one in zip(called, lines, strict=True)
            ]  # fmt: skip
        tables.append(Table(title, heads, rows))
    return tables


def legal_tables(report: LegalReport, language: str) -> list[Table]:
    """The report to the advertiser."""
    words, body = WORDS[language], report.body
    price = body["unit_price_micros"] * 1000 // 10_000
    rows: list[tuple[Cell, ...]] = [
        (words["advertiser"], " · ".join(filter(None, (body["advertiser"], body["advertiser_siren"])))),
        (words["support"], body["support"]),
        (words["owner"], " · ".join(filter(None, (body["owner"], body["owner_siren"])))),
        (words["order"], body["order"]),
        (words["creative"], body["creative"]),
        (words["subject"], body["subject"]),
        (words["content_hash"], body["content_hash"]),
        (words["started"], body["started_on"]),
        (words["ended"], body["ended_on"]),
        (words["sent"], body["sent"]),
        (words["accepted"], body["accepted"]),
        (words["refused"], body["refused"]),
        (words["uncertain"], body["uncertain"]),
        (words["billable"], body["billable"]),
        (words["unit_price"], format_cents(price, language)),
        (words["price"], format_cents(body["price_cents"], language)),
        (words["figures"], words["final"] if body["final"] else words["not_final"]),
    ]
    return [Table(words["legal_report"], (words["what"], words["value"]), [row for row in rows if row[1] is not None])]


def as_csv(tables: Sequence[Table]) -> bytes:
    """All tables under one another, a blank line between; UTF-8 with its mark, so that spreadsheets read accents."""
    text = io.StringIO()
    writer = SafeWriter(text, delimiter=";")
    for table in tables:
        writer.writerow([table.title])
        writer.writerow(list(table.heads))
        for row in table.rows:
            writer.writerow(["" if cell is None else cell for cell in row])
        writer.writerow([])
    return text.getvalue().encode("utf-8-sig")


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(PARIS).strftime("%Y-%m-%d %H:%M")


def _share(share: float | None, language: str) -> str | None:
    if share is None:
        return None
    text = f"{100 * share:.2f} %"
    return text.replace(".", ",") if language == "fr" else text


def _span(low: float | None, high: float | None, language: str) -> str | None:
    if low is None or high is None:
        return None
    text = f"{100 * low:.2f} … {100 * high:.2f} %"
    return text.replace(".", ",") if language == "fr" else text
