"""The queries of creatives and mailings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset
from broker.mailings.creative_check import CreativeReport
from broker.mailings.model import Creative, CreativeLine, CreativeLink, Mailing, SeedAddress
from broker.mailings.variants import Variant, loaded, stored

_CREATIVE = (
    "SELECT id, code, org_id, name, subject, from_name, language, preheader, own_plain, utm, source_html, html, plain,"
    " report, content_hash, state, signed_at, variants, test FROM creative"
)
_MAILING = (
    "SELECT id, code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash, state,"
    " price_micros, draw_seed, exclusions, problem, starts_at, frozen_at, started_at, ended_at"
    " FROM mailing"
)


def _creative(row: Row[Any]) -> Creative:
    values = row._asdict()
    tried = loaded(values["variants"], values["test"])
    return Creative(**values | {"content_hash": bytes(values["content_hash"])} | tried)


def _mailing(row: Row[Any]) -> Mailing:
    values = row._asdict()
    return Mailing(**values | {"content_hash": bytes(values["content_hash"])})


def add_creative(unit: UnitOfWork, creative: Creative, links: Sequence[CreativeLink]) -> int:
    """Store a creative and its links; returns its id."""
    creative_id: int = unit.scalar(
        "INSERT INTO creative (code, org_id, name, subject, from_name, language, preheader, own_plain, utm,"
        " source_html, html, plain, report, content_hash, variants, test) VALUES (:code, :org_id, :name, :subject,"
        " :from_name, :language, :preheader, :own_plain, CAST(:utm AS jsonb), :source_html, :html, :plain,"
        " CAST(:report AS jsonb), :content_hash, CAST(:variants AS jsonb), CAST(:test AS jsonb)) RETURNING id",
        code=creative.code,
        org_id=creative.org_id,
        **_content(creative),
    )
    _add_links(unit, creative_id, links)
    return creative_id


def change_creative(unit: UnitOfWork, creative: Creative, links: Sequence[CreativeLink]) -> None:
    """Write a draft's new content and links."""
    unit.run(
        "UPDATE creative SET name = :name, subject = :subject, from_name = :from_name, language = :language,"
        " preheader = :preheader, own_plain = :own_plain, utm = CAST(:utm AS jsonb), source_html = :source_html,"
        " html = :html, plain = :plain, report = CAST(:report AS jsonb), content_hash = :content_hash,"
        " variants = CAST(:variants AS jsonb), test = CAST(:test AS jsonb) WHERE id = :id",
        id=creative.id,
        **_content(creative),
    )
    unit.run("DELETE FROM creative_link WHERE creative_id = :id", id=creative.id)
    _add_links(unit, creative.id, links)


def recompose(
    unit: UnitOfWork, creative_id: int, report: CreativeReport, content_hash: bytes, variants: Sequence[Variant]
) -> None:
    """Write what a draft became when its images were fetched; its links are the same."""
    unit.run(
        "UPDATE creative SET html = :html, plain = :plain, report = CAST(:report AS jsonb),"
        " content_hash = :content_hash, variants = CAST(:variants AS jsonb) WHERE id = :id",
        id=creative_id,
        variants=json.dumps(stored(variants, None)[0]),
        html=report.html,
        plain=report.plain,
        report=json.dumps(report.keys()),
        content_hash=content_hash,
    )


def _content(creative: Creative) -> dict[str, object]:
    variants, test = stored(creative.variants, creative.test)
    return {
        "variants": json.dumps(variants),
        "test": None if test is None else json.dumps(test),
        "name": creative.name,
        "subject": creative.subject,
        "from_name": creative.from_name,
        "language": creative.language,
        "preheader": creative.preheader,
        "own_plain": creative.own_plain,
        "utm": json.dumps(creative.utm),
        "source_html": creative.source_html,
        "html": creative.html,
        "plain": creative.plain,
        "report": json.dumps(creative.report),
        "content_hash": creative.content_hash,
    }


def _add_links(unit: UnitOfWork, creative_id: int, links: Sequence[CreativeLink]) -> None:
    unit.run_many(
        "INSERT INTO creative_link (creative_id, number, url, hidden) VALUES (:creative_id, :number, :url, :hidden)",
        [{"creative_id": creative_id, "number": link.number, "url": link.url, "hidden": link.hidden} for link in links],
    )


def creative_by_code(unit: UnitOfWork, code: str, *, lock: bool = False) -> Creative | None:
    """The creative of this code, where the actor may see it."""
    row = unit.one(_CREATIVE + " WHERE code = :code" + (" FOR UPDATE" if lock else ""), code=code)
    return None if row is None else _creative(row)


def creative_by_id(unit: UnitOfWork, creative_id: int) -> Creative | None:
    """The creative of this id."""
    row = unit.one(_CREATIVE + " WHERE id = :id", id=creative_id)
    return None if row is None else _creative(row)


def creatives_of(unit: UnitOfWork, org_id: int) -> list[Creative]:
    """An organisation's creatives with all their texts, newest first."""
    return [_creative(row) for row in unit.all(_CREATIVE + " WHERE org_id = :org ORDER BY id DESC", org=org_id)]


def creative_lines(unit: UnitOfWork, org_id: int) -> list[CreativeLine]:
    """The same for lists: without the texts, which are up to five megabytes each."""
    rows = unit.all(
        "SELECT code, name, subject, language, state FROM creative WHERE org_id = :org ORDER BY id DESC", org=org_id
    )
    return [CreativeLine(**row._asdict()) for row in rows]


def links_of(unit: UnitOfWork, creative_id: int) -> list[CreativeLink]:
    """The links of a creative by number."""
    rows = unit.all(
        "SELECT number, url, hidden FROM creative_link WHERE creative_id = :id ORDER BY number", id=creative_id
    )
    return [CreativeLink(row.number, row.url, row.hidden) for row in rows]


def sign(unit: UnitOfWork, creative_id: int) -> None:
    """Freeze a creative's content hash."""
    unit.run(
        "UPDATE creative SET state = 'signed', signed_hash = content_hash, signed_by = :user, signed_at = app_now()"
        " WHERE id = :id AND state = 'draft'",
        id=creative_id,
        user=unit.actor.user_id or 0,
    )


def plan(unit: UnitOfWork, order_id: int | None, send_id: int | None, code: str, seed: int, starts_at: datetime) -> int:
    """Dispatch and mailing of an order or of a picked send; returns the mailing's id."""
    mailing_id: int = unit.scalar(
        "SELECT schedule_mailing(:order_id, :send_id, :code, :seed, :starts_at)",
        order_id=order_id,
        send_id=send_id,
        code=code,
        seed=seed,
        starts_at=starts_at,
    )
    return mailing_id


def plan_use(unit: UnitOfWork, use_id: int, code: str, seed: int, starts_at: datetime) -> int:
    """Dispatch and mailing of a further use of an order; returns the mailing's id."""
    return int(
        unit.scalar(
            "SELECT schedule_use(:use, :code, :seed, :starts_at)", use=use_id, code=code, seed=seed, starts_at=starts_at
        )
    )


def use_day(unit: UnitOfWork, use_id: int) -> date | None:
    """The chosen day of a further use that waits for its mailing."""
    found: date | None = unit.scalar(
        "SELECT u.send_on FROM order_use u JOIN rental_order o ON o.id = u.order_id"
        " WHERE u.id = :id AND u.dispatch_id IS NULL AND NOT u.given_up AND o.state = 'sent'",
        id=use_id,
    )
    return found


def order_day(unit: UnitOfWork, order_id: int) -> Row[Any] | None:
    """(send_on) of an order."""
    return unit.one("SELECT send_on FROM rental_order WHERE id = :id", id=order_id)


def picked_day(unit: UnitOfWork, send_id: int) -> Row[Any] | None:
    """(send_on) of a participation's send."""
    return unit.one("SELECT send_on FROM participation_send WHERE id = :id", id=send_id)


def mailing_by_id(unit: UnitOfWork, mailing_id: int, *, lock: bool = False) -> Mailing | None:
    """The mailing of this id; `lock` keeps it until the transaction ends."""
    row = unit.one(_MAILING + " WHERE id = :id" + (" FOR UPDATE" if lock else ""), id=mailing_id)
    return None if row is None else _mailing(row)


def mailing_by_code(unit: UnitOfWork, code: str) -> Mailing | None:
    """The mailing of this code, where the actor may see it."""
    row = unit.one(_MAILING + " WHERE code = :code", code=code)
    return None if row is None else _mailing(row)


def mailings_page(unit: UnitOfWork, states: Sequence[str], number: int, size: int) -> Page[Mailing]:
    """A page of the mailings in these states that the actor's policies show, newest first, with the number of all."""
    where = " WHERE state = ANY(:states)"
    rows = unit.all(
        f"{_MAILING}{where} ORDER BY id DESC LIMIT :size OFFSET :offset",
        states=list(states),
        size=size,
        offset=offset(number, size),
    )
    total = unit.scalar(f"SELECT count(*) FROM mailing{where}", states=list(states))  # noqa: S608 - a query of our own
    return Page([_mailing(row) for row in rows], int(total), number, size)


def move(unit: UnitOfWork, mailing_id: int, from_states: Sequence[str], to_state: str) -> bool:
    """Change a mailing's state if it is in one of these; False when somebody was faster."""
    done = unit.run(
        "UPDATE mailing SET state = :to WHERE id = :id AND state = ANY(:states)",
        id=mailing_id,
        to=to_state,
        states=list(from_states),
    )
    return done.rowcount == 1


def start_now(unit: UnitOfWork, mailing_id: int) -> None:
    """Let a planned mailing start at once."""
    unit.run("UPDATE mailing SET starts_at = app_now() WHERE id = :id AND starts_at > app_now()", id=mailing_id)


@dataclass(frozen=True, slots=True)
class SendCounts:
    """Recipients in all, by state and bounced, and control addresses, which stand apart."""

    frozen: int
    seeds: int
    bounced: int
    by_state: dict[str, int]


def counts(unit: UnitOfWork, mailing: Mailing) -> SendCounts:
    """What has become of a mailing's sends, in one look at them: large mailings are asked about while they leave."""
    rows = unit.all(
        "SELECT state, seed, count(*) AS n, count(bounced_at) AS bounced FROM send"
        " WHERE dispatch_id = :dispatch AND mailing_id = :mailing GROUP BY state, seed",
        dispatch=mailing.dispatch_id,
        mailing=mailing.id,
    )
    people = [row for row in rows if not row.seed]
    return SendCounts(
        frozen=sum(row.n for row in people),
        seeds=sum(row.n for row in rows if row.seed),
        bounced=sum(row.bounced for row in people),
        by_state={row.state: row.n for row in people},
    )


def reactions(unit: UnitOfWork, mailing_id: int) -> Row[Any]:
    """One row: human and scanner hits, hits not classified yet, opt-outs, pictures loaded (of nobody in particular)."""
    row = unit.one(
        "SELECT (SELECT count(*) FROM hit WHERE mailing_id = :id AND verdict = 'human') AS human,"
        " (SELECT count(*) FROM hit WHERE mailing_id = :id AND verdict = 'scanner') AS scanner,"
        " (SELECT count(*) FROM hit WHERE mailing_id = :id AND verdict IS NULL) AS waiting,"
        " (SELECT count(*) FROM opt_out WHERE mailing_id = :id) AS opt_outs,"
        " (SELECT coalesce(sum(opens), 0)::bigint FROM mailing_opens WHERE mailing_id = :id) AS opens",
        id=mailing_id,
    )
    assert row is not None
    return row


def add_seed(unit: UnitOfWork, org_id: int, sealed: bytes | None, style: str = "plain") -> None:
    """Store a sealed control address; one of the house has none."""
    unit.run(
        "INSERT INTO seed_address (org_id, sealed, style) VALUES (:org, :sealed, :style)",
        org=org_id,
        sealed=sealed,
        style=style,
    )


def end_seed(unit: UnitOfWork, org_id: int, code: str) -> bool:
    """Use a control address no more; whether there was one."""
    done = unit.run(
        "UPDATE seed_address SET ended_at = app_now() WHERE org_id = :org AND code = :code AND ended_at IS NULL",
        org=org_id,
        code=code,
    )
    return done.rowcount == 1


def seeds_of_org(unit: UnitOfWork, org_id: int) -> list[SeedAddress]:
    """The control addresses of one organisation that are in use, oldest first."""
    rows = unit.all(
        "SELECT id, created_at, code, style FROM seed_address WHERE org_id = :org AND ended_at IS NULL ORDER BY id",
        org=org_id,
    )
    return [SeedAddress(**row._asdict()) for row in rows]


def seeds_of(unit: UnitOfWork, owner_id: int, advertiser_id: int) -> list[Row[Any]]:
    """(id, org_id, sealed, style) of the control addresses of both parties and of the broker."""
    return unit.all(
        "SELECT a.id, a.org_id, a.sealed, a.style FROM seed_address a JOIN organisation o ON o.id = a.org_id"
        " WHERE (a.org_id IN (:owner, :advertiser) OR o.kind = 'broker') AND a.ended_at IS NULL ORDER BY a.id",
        owner=owner_id,
        advertiser=advertiser_id,
    )
