"""Creatives: write a message, read its checks, look at it in a sandbox, sign its proof."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.kernel.errors import CourtierError
from broker.mailings.ask_proof import ask_proof, list_proofs
from broker.mailings.create_creative import (
    Message,
    create_creative,
    find_creative,
    list_creatives,
    revise_creative,
)
from broker.mailings.decode_html import decode_html
from broker.mailings.find_image import images_of_creative
from broker.mailings.keep_images import fetch_again
from broker.mailings.preview import preview_html, preview_plain
from broker.mailings.seeds import list_seed_addresses
from broker.mailings.sign_creative import sign_creative
from broker.mailings.variants import LETTERS, SubjectTest, Variation
from web.http.forms import whole_of
from web.http.headers import PREVIEW
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("creatives", __name__)
UTM = ("utm_source", "utm_medium", "utm_campaign")
OTHERS = "bcd"  # letters of variants beside the message itself


@pages.get("/creatives")
@for_roles("advertiser", "owner")
def index() -> str:
    """The advertiser's messages."""
    with unit() as work:
        creatives = list_creatives(work)
    return render_template("creatives/index.html", creatives=creatives)


@pages.get("/creatives/new")
@for_roles("advertiser", "owner")
def new() -> str:
    """The form of a new message, or of a copy of one."""
    copied = request.args.get("copy", "")
    form = _form_of(copied) if copied else {}
    return render_template("creatives/edit.html", form=form, code=None, utm=UTM)


@pages.post("/creatives")
@for_roles("advertiser", "owner")
def create() -> Reply:
    """Check and keep a message."""
    try:
        with unit() as work:
            creative = create_creative(work, _message())
    except CourtierError as refusal:
        return page("creatives/edit.html", refusal, form=request.form, code=None, utm=UTM)
    return redirect(url_for("creatives.show", code=creative.code, done="creative_created"), 303)


@pages.get("/creatives/<code>/edit")
@for_roles("advertiser", "owner")
def edit(code: str) -> str | Reply:
    """The form of a draft; of a signed message, that of its copy, which needs a proof of its own."""
    with unit() as work:
        if find_creative(work, code).signed:
            return redirect(url_for("creatives.new", copy=code))
    return render_template("creatives/edit.html", form=_form_of(code), code=code, utm=UTM)


@pages.post("/creatives/<code>")
@for_roles("advertiser", "owner")
def change(code: str) -> Reply:
    """Put another content into a draft."""
    try:
        with unit() as work:
            revise_creative(work, code, _message())
    except CourtierError as refusal:
        return page("creatives/edit.html", refusal, form=request.form, code=code, utm=UTM)
    return redirect(url_for("creatives.show", code=code, done="creative_changed"), 303)


@pages.get("/creatives/<code>")
def show(code: str) -> str:
    """One message with the report of its checks."""
    return render_template("creatives/show.html", **_shown(code))


@pages.get("/creatives/<code>/images")
def images(code: str) -> str:
    """What became of its images, asked for again while some are still to come."""
    return render_template("creatives/images.html", **_shown(code))


@pages.post("/creatives/<code>/images")
@for_roles("advertiser", "owner")
def fetch(code: str) -> Reply:
    """Fetch once more what could not be had."""
    with unit() as work:
        fetch_again(work, code)
    return redirect(url_for("creatives.show", code=code), 303)


@pages.post("/creatives/<code>/sign")
@for_roles("advertiser", "owner")
def sign(code: str) -> Reply:
    """Sign the proof."""
    try:
        with unit() as work:
            sign_creative(work, code)
    except CourtierError as refusal:
        return page("creatives/show.html", refusal, **_shown(code))
    return redirect(url_for("creatives.show", code=code, done="creative_signed"), 303)


@pages.post("/creatives/<code>/proofs")
@for_roles("advertiser", "owner")
def prove(code: str) -> Reply:
    """Have it sent to one's own control addresses."""
    try:
        with unit() as work:
            ask_proof(work, code, front().settings.watch.proofs_per_day)
    except CourtierError as refusal:
        return page("creatives/show.html", refusal, **_shown(code))
    return redirect(url_for("creatives.show", code=code, done="proof_asked"), 303)


@pages.get("/creatives/<code>/preview")
def preview(code: str) -> Response:
    """The message itself, for the sandboxed frame: no scripts, no forms, nothing from elsewhere."""
    number = request.args.get("variant", 0, type=int)
    with unit() as work:
        creative = find_creative(work, code)
        if 0 < number <= len(creative.variants):
            creative = replace(creative, html=creative.variants[number - 1].html)
        html = preview_html(creative, work.today.year)
    reply = Response(html, mimetype="text/html")
    reply.headers["Content-Security-Policy"] = PREVIEW
    return reply


def _shown(code: str) -> dict[str, object]:
    with unit() as work:
        creative = find_creative(work, code)
        return {
            "creative": creative,
            "own": actor().org_id == creative.org_id,
            "report": creative.report,
            "images": images_of_creative(work, creative),
            "plain": preview_plain(creative, work.today.year),
            "letters": LETTERS,
            "proofs": list_proofs(work, creative) if actor().role in ("advertiser", "owner") else [],
            "has_seed": actor().role in ("advertiser", "owner") and bool(list_seed_addresses(work)),
            "most_proofs": front().settings.watch.proofs_per_day,
        }


def _message() -> Message:
    """What the form says; a file of HTML that was chosen takes the place of what was pasted."""
    form, file = request.form, request.files.get("file")
    html = decode_html(file.read()) if file is not None and file.filename else form.get("html", "")
    return Message(
        name=form.get("name", ""),
        subject=form.get("subject", ""),
        from_name=form.get("from_name", ""),
        language=form.get("language", "fr"),
        html=html,
        preheader=form.get("preheader", ""),
        plain=form.get("plain", ""),
        utm={name: form.get(name, "") for name in UTM},
        variants=[
            Variation(form.get(f"subject_{letter}", ""), form.get(f"preheader_{letter}", ""))
            for letter in OTHERS
            if form.get(f"subject_{letter}", "").strip() or form.get(f"preheader_{letter}", "").strip()
        ],
        test=SubjectTest(
            whole_of(form.get("test_share", "") or "20", "test_share"),
            whole_of(form.get("test_wait", "") or "240", "test_wait"),
        ),
    )


def _form_of(code: str) -> dict[str, str]:
    """A stored message as the fields of the form."""
    with unit() as work:
        creative = find_creative(work, code)
    return {
        "name": creative.name,
        "subject": creative.subject,
        "from_name": creative.from_name,
        "language": creative.language,
        "html": creative.source_html,
        "preheader": creative.preheader,
        "plain": creative.own_plain,
        **{name: str(value) for name, value in creative.utm.items()},
        **{f"subject_{letter}": one.subject for letter, one in zip(OTHERS, creative.variants, strict=False)},
        **{f"preheader_{letter}": one.preheader for letter, one in zip(OTHERS, creative.variants, strict=False)},
        "test_share": str(creative.test.share_percent) if creative.test else "",
        "test_wait": str(creative.test.wait_minutes) if creative.test else "",
    }
