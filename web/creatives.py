"""Creatives: write a message, read its checks, look at it in a sandbox, sign its proof."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.kernel.errors import CourtierError
from broker.mailings.create_creative import create_creative, find_creative, list_creatives
from broker.mailings.preview import preview_html
from broker.mailings.sign_creative import sign_creative
from web.http.headers import PREVIEW
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, unit

pages = Blueprint("creatives", __name__)


@pages.get("/creatives")
@for_roles("advertiser")
def index() -> str:
    """The advertiser's messages."""
    with unit() as work:
        creatives = list_creatives(work)
    return render_template("creatives/index.html", creatives=creatives)


@pages.get("/creatives/new")
@for_roles("advertiser")
def new() -> str:
    """The form of a new message."""
    return render_template("creatives/new.html", form={})


@pages.post("/creatives")
@for_roles("advertiser")
def create() -> Reply:
    """Check and keep a message."""
    form = request.form
    try:
        with unit() as work:
            creative = create_creative(
                work,
                form.get("name", ""),
                form.get("subject", ""),
                form.get("from_name", ""),
                form.get("language", "fr"),
                form.get("html", ""),
            )
    except CourtierError as refusal:
        return page("creatives/new.html", refusal, form=form)
    return redirect(url_for("creatives.show", code=creative.code, done="creative_created"), 303)


@pages.get("/creatives/<code>")
def show(code: str) -> str:
    """One message with the report of its checks."""
    with unit() as work:
        creative = find_creative(work, code)
    own = actor().org_id == creative.org_id
    return render_template("creatives/show.html", creative=creative, own=own, report=creative.report)


@pages.post("/creatives/<code>/sign")
@for_roles("advertiser")
def sign(code: str) -> Reply:
    """Sign the proof."""
    try:
        with unit() as work:
            sign_creative(work, code)
    except CourtierError as refusal:
        with unit() as work:
            creative = find_creative(work, code)
        return page("creatives/show.html", refusal, creative=creative, own=True, report=creative.report)
    return redirect(url_for("creatives.show", code=code, done="creative_signed"), 303)


@pages.get("/creatives/<code>/preview")
def preview(code: str) -> Response:
    """The message itself, for the sandboxed frame: no scripts, no forms, nothing from elsewhere."""
    with unit() as work:
        html = preview_html(find_creative(work, code))
    reply = Response(html, mimetype="text/html")
    reply.headers["Content-Security-Policy"] = PREVIEW
    return reply
