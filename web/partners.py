"""A base's partners: the list and its versions, the policy, the notices; who may be reached under each policy."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.let_sign import may_sign
from broker.audience.parse import parse_rule
from broker.bases.find_base import find_base
from broker.bases.partner_policy import POLICIES, change_partner_policy, list_policy_changes, statement_of
from broker.bases.publish_partner_list import PartnerName, extend_partner_list, list_versions
from broker.catalogue.segments import read_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.announce_partners import announce_partners, list_notices
from web.http.language import current
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("partners", __name__)


@pages.get("/bases/<code>/partners")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """The list in force, its history, the policy and the notices."""
    with unit() as work:
        return render_template("partners/show.html", **_contents(work, code))


@pages.post("/bases/<code>/partners/extend")
@for_roles("owner")
def extend(code: str) -> Response:
    """Publish the next version: names more, names less."""
    form = request.form
    added = [
        PartnerName(name, advertiser.strip() or None, sector.strip() or None)
        for name, advertiser, sector in zip(
            form.getlist("name"), form.getlist("advertiser"), form.getlist("sector"), strict=False
        )
        if name.strip()
    ]
    try:
        with unit() as work:
            extend_partner_list(work, code, added, form.getlist("left_out"))
    except CourtierError as refusal:
        with unit() as work:
            return page("partners/show.html", refusal, **_contents(work, code))
    return redirect(url_for("partners.show", code=code, done="partners_published"), 303)


@pages.post("/bases/<code>/partners/policy")
@for_roles("owner")
def change_policy(code: str) -> Response:
    """Sign for another policy."""
    days = front().settings.trade.notice_days
    try:
        with unit() as work:
            change_partner_policy(
                work, code, request.form.get("policy", ""), request.form.get("signature", ""), current(), days
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("partners/show.html", refusal, **_contents(work, code))
    return redirect(url_for("partners.show", code=code, done="policy_signed"), 303)


@pages.post("/bases/<code>/partners/notice")
@for_roles("owner")
def announce(code: str) -> Response:
    """Send the notice of the version in force."""
    try:
        with unit() as work:
            announce_partners(work, code, request.form.get("language", "fr"), front().settings.trade.notice_days)
    except CourtierError as refusal:
        with unit() as work:
            return page("partners/show.html", refusal, **_contents(work, code))
    return redirect(url_for("partners.show", code=code, done="notice_asked"), 303)


@pages.post("/bases/<code>/partners/counts")
@for_roles("owner")
def counts(code: str) -> Response | str:
    """A piece of a page: what each policy would allow of a rule (`all` where none is given)."""
    try:
        with unit() as work:
            base = find_base(work, code)
            typed = request.form.get("rule", "").strip()
            rule = read_rule(work, base.id, typed) if typed else parse_rule("all")
        answer = front().audience.ask("count_policies", base_id=base.id, rule=rule)
    except CourtierError as refusal:
        return page("partners/counts.html", refusal, answer=None, short=False, base=None)
    short = request.args.get("short") == "1"
    return render_template("partners/counts.html", answer=answer, base=base, short=short, refusal=None)


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    base = find_base(work, code)
    days = front().settings.trade.notice_days
    return {
        "base": base,
        "versions": list_versions(work, code),
        "changes": list_policy_changes(work, code),
        "notices": list_notices(work, code),
        "may_sign": actor().role == "owner" and may_sign(work),
        "policies": [(policy, statement_of(work, base, policy, current(), days)) for policy in POLICIES],
        "days": days,
    }
