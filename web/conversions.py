"""What a programme's clicks, leads and sales came to: the advertiser validates, its server reports; owners look on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.conversion_model import KINDS, STATES
from broker.affiliation.conversion_store import Wanted, refusals_of
from broker.affiliation.decide_conversions import (
    approve_conversion,
    decline_conversion,
    extend_conversion,
    find_conversion,
    list_conversions,
    sum_conversions,
)
from broker.affiliation.postback import read_report, secret_of, signature_of
from broker.affiliation.report_conversion import report_by_hand, trial_click
from broker.affiliation.validation_file import validate_by_file
from broker.catalogue import programme_store
from broker.catalogue.change_programme import own_programme, renew_secret
from broker.catalogue.programmes import find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("conversions", __name__)
DONE = {"approve": "approved", "decline": "declined", "extend": "extended"}


@pages.get("/programmes/<code>/conversions")
@for_roles("advertiser", "owner", "broker")
def index(code: str) -> str:
    """The conversions of a programme that the actor is a party of."""
    with unit() as work:
        return render_template("conversions/index.html", **contents(work, code))


@pages.post("/conversions/<code>/<any(approve, decline, extend):verb>")
@for_roles("advertiser", "broker")
def decide(code: str, verb: str) -> Response:
    """Say yes, no, or later."""
    try:
        with unit() as work:
            if verb == "decline":
                found = decline_conversion(work, code, request.form.get("reason", ""))
            else:
                found = approve_conversion(work, code) if verb == "approve" else extend_conversion(work, code)
    except CourtierError as refusal:
        with unit() as work:
            found = find_conversion(work, code)
            return page("conversions/index.html", refusal, **contents(work, found.programme_code))
    return redirect(url_for("conversions.index", code=found.programme_code, done=f"conversion_{DONE[verb]}"), 303)


@pages.post("/programmes/<code>/conversions/validate")
@for_roles("advertiser")
def validate(code: str) -> Response:
    """The validation file: a look at what it would do, or done."""
    file = request.files.get("file")
    dry_run = request.form.get("look") == "1"
    try:
        if file is None or not file.filename:
            raise InvalidInput("Choose a CSV file.", code="missing_file", field="file")
        with unit() as work:
            result = validate_by_file(work, code, file.read(), dry_run=dry_run)
            shown = contents(work, code)
    except CourtierError as refusal:
        with unit() as work:
            return page("conversions/index.html", refusal, **contents(work, code))
    return Response(render_template("conversions/index.html", result=result, dry_run=dry_run, **shown))


@pages.get("/programmes/<code>/postback")
@for_roles("advertiser")
def postback(code: str) -> str:
    """How to report by server, the secret, and a console to try it."""
    with unit() as work:
        return render_template("conversions/postback.html", form={}, **door(work, code))


@pages.post("/programmes/<code>/postback/try")
@for_roles("advertiser")
def try_postback(code: str) -> Response:
    """Check the fields as a report's, and show the signed message; with the click id for trying nothing is kept."""
    form = request.form
    fields = {name: form.get(name, "").strip() for name in ("click_id", "kind", "reference", "amount", "at")}
    fields = {name: value for name, value in fields.items() if value}
    try:
        with unit() as work:
            shown = door(work, code)
            fields.setdefault("click_id", shown["trial"])
            reported = report_by_hand(work, code, read_report(front().keys, fields, "console"))
            sent = str(int(work.now.timestamp()))
    except CourtierError as refusal:
        with unit() as work:
            return page("conversions/postback.html", refusal, form=form, **door(work, code))
    message = urlencode({**fields, "t": sent})
    example = f"{shown['address']}?{message}&sig={signature_of(shown['secret'], sent, message.encode())}"
    return Response(
        render_template("conversions/postback.html", form=form, reported=reported, example=example, **shown)
    )


@pages.post("/programmes/<code>/postback/renew")
@for_roles("advertiser")
def renew(code: str) -> Response:
    """Make a new secret."""
    with unit() as work:
        renew_secret(work, code, front().keys.token_version)
    return redirect(url_for("conversions.postback", code=code, done="secret_renewed"), 303)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a programme's conversions shows."""
    asked = request.args
    wanted = Wanted(
        programme=code,
        participation=asked.get("participation", ""),
        mailing=asked.get("mailing", ""),
        state=asked.get("state", ""),
        kind=asked.get("kind", ""),
        reference=asked.get("reference", "").strip(),
        suspicious=asked.get("suspicious") == "1",
    )
    programme = find_programme(work, code)
    return {
        "programme": programme,
        "wanted": wanted,
        "conversions": list_conversions(work, wanted, asked_page()),
        "sums": sum_conversions(work, Wanted(programme=code, participation=wanted.participation)),
        "use": programme_store.use_of(work, programme.id),
        "kinds": KINDS,
        "states": STATES,
    }


def door(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of the postback shows."""
    programme = own_programme(work, code)
    kept = programme_store.secret_of(work, programme.id)
    assert kept is not None
    keys = front().keys
    return {
        "programme": programme,
        "secret": secret_of(keys, code, kept.postback_key, kept.postback_version),
        "former_until": kept.former_postback_until,
        "address": f"{front().settings.web.public_url.rstrip('/')}/postback/{code}",
        "refusals": refusals_of(work, programme.id),
        "trial": trial_click(keys),
    }
