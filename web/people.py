"""The people of an organisation, for the broker: invite, keep out, let in, give rights."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.find_user import organisation_named
from broker.accounts.invite import give_new_link, invite_user
from broker.accounts.let_sign import let_sign
from broker.accounts.mail_link import LetterKind, mail_link
from broker.accounts.manage_users import deactivate_user, list_people, reactivate_user
from broker.accounts.model import ROLES_OF_KIND, Language, UserRole
from broker.accounts.second_factor import remove_second_factor_of
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.allow_tags import allow_tags, allowed_tags
from broker.mailings.slots import MERGE_TAGS
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import front, unit

pages = Blueprint("people", __name__)

WRITERS = frozenset({"owner", "advertiser"})  # kinds of organisations that have messages
DONE = {
    "deactivate": "user_kept_out",
    "reactivate": "user_let_in",
    "let_sign": "user_may_sign",
    "not_sign": "user_may_not_sign",
    "remove_factor": "second_factor_removed",
    "new_link": "link_mailed",
}


@pages.get("/organisations/<code>/people")
@for_roles("broker")
def show(code: str) -> str:
    """Who logs in for an organisation."""
    with unit() as work:
        return render_template("staff/people.html", **_contents(work, code))


@pages.post("/organisations/<code>/people")
@for_roles("broker")
def invite(code: str) -> Response:
    """Invite a person: a worker mails the link by which the password is chosen."""
    form = request.form
    language: Language = "en" if form.get("language") == "en" else "fr"
    try:
        with unit() as work:
            role = cast("UserRole", form.get("role", ""))
            user, token = invite_user(work, code, form.get("email", ""), form.get("name", ""), role, language)
            _mail(work, user.email, "invitation", token)
    except CourtierError as refusal:
        with unit() as work:
            return page("staff/people.html", refusal, form=form, **_contents(work, code))
    return redirect(url_for("people.show", code=code, done="invited"), 303)


@pages.post("/organisations/<code>/merge-tags")
@for_roles("broker")
def tags(code: str) -> Response:
    """Say which merge tags an organisation's messages may have."""
    with unit() as work:
        allow_tags(work, organisation_named(work, code), request.form.getlist("tag"))
    return redirect(url_for("people.show", code=code, done="tags_set"), 303)


@pages.post("/organisations/<code>/people/change")
@for_roles("broker")
def change(code: str) -> Response:
    """One change of one person."""
    email, wanted = request.form.get("email", ""), request.form.get("wanted", "")
    try:
        with unit() as work:
            _change(work, email, wanted)
    except CourtierError as refusal:
        with unit() as work:
            return page("staff/people.html", refusal, **_contents(work, code))
    return redirect(url_for("people.show", code=code, done=DONE.get(wanted)), 303)


def _change(work: UnitOfWork, email: str, wanted: str) -> None:
    if wanted == "deactivate":
        deactivate_user(work, email)
    elif wanted == "reactivate":
        reactivate_user(work, email)
    elif wanted in ("let_sign", "not_sign"):
        let_sign(work, email, wanted == "let_sign")
    elif wanted == "remove_factor":
        remove_second_factor_of(work, email)
    elif wanted == "new_link":
        _mail(work, email, "password", give_new_link(work, email))


def _mail(work: UnitOfWork, email: str, kind: LetterKind, token: str) -> None:
    public = front().settings.web.public_url
    mail_link(work, front().keys, email, kind, public + url_for("login.choose_password", token=token))


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    organisation, people = list_people(work, code)
    roles = sorted(ROLES_OF_KIND[organisation.kind])
    return {
        "organisation": organisation,
        "people": people,
        "roles": roles,
        "role_options": [(role, word(role)) for role in roles],
        "tags": MERGE_TAGS if organisation.kind in WRITERS else (),
        "allowed": allowed_tags(work, organisation),
    }
