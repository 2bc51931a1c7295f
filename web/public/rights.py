"""Rights by signed links. GET shows what a link does and changes nothing, POST does it.

* /u/<token>/rights: the link of a mail; what is asked there is answered at the mail's own address;
* /rights/<token>: the link that a person got by mail: it confirms a request, or opens the page of its own data.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.feedback.leave import find_leaving_page
from broker.feedback.object_by_address import BY_LINK, ask_by_link
from broker.feedback.profile import ProfilePage, show_profile, submit_profile
from broker.feedback.rights import base_of_token, confirm_request, read_rights_token
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import InvalidInput
from broker.vault.tokens import read_token
from web.public.page import LARGEST_FORM, Door, choose_language, show
from web.public.texts import texts


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/u/<token>/rights")
    def show_by_link(token: str) -> Response:
        ref = read_token(door.front, "leave", token)
        with door.database.begin(PUBLIC) as unit:
            page = find_leaving_page(unit, ref)
        return show("link_rights.html", preferred=page.language, page=page, token=token, kinds=BY_LINK)

    @blueprint.post("/u/<token>/rights", endpoint="ask_by_link")
    def ask(token: str) -> Response:
        request.max_content_length = LARGEST_FORM
        ref = read_token(door.front, "leave", token)
        with door.database.begin(PUBLIC) as unit:
            page = find_leaving_page(unit, ref)
            ask_by_link(unit, ref, request.form.get("kind", ""), request.form.get("scope", "") or "base")
        return show("requested.html", preferred=page.language, by_link=True)

    @blueprint.get("/rights/<token>")
    def show_right(token: str) -> Response:
        number, kind = read_rights_token(door.front, token)
        if kind != "correction":
            return show("rights.html", kind=kind, token=token)
        with door.database.begin(PUBLIC) as unit:
            page = show_profile(unit, number, base_of_token(door.front, token))
        return _profile(door, page, token)

    @blueprint.post("/rights/<token>", endpoint="confirm_right")
    def act(token: str) -> Response:
        request.max_content_length = LARGEST_FORM
        number, kind = read_rights_token(door.front, token)
        if kind == "correction":
            return _correct(door, token, number, base_of_token(door.front, token))
        with door.database.begin(PUBLIC) as unit:
            confirmed = confirm_request(unit, number, kind)
        return show("confirmed.html", 200 if confirmed else 410, kind=kind, confirmed=confirmed)


def _correct(door: Door, token: str, request_id: int, base_id: int) -> Response:
    """Take what was typed; a value that cannot be read brings the page back, without what was typed."""
    form, url = request.form, f"{door.settings.web.public_url}/rights"
    with door.database.begin(PUBLIC) as unit:
        page = show_profile(unit, request_id, base_id)
        typed = {field.name: form.get(f"f_{field.name}", "") for field in page.fields}
        consent = None
        if form.get("consent") and form.get("version", "").isdigit():
            consent = (url, _wording(page), int(form["version"]))
        try:
            submit_profile(unit, door.front, request_id, base_id, typed, consent)
        except InvalidInput as refusal:
            return _profile(door, page, token, 422, refusal)
    return show("profile_taken.html", page=page)


def _profile(
    door: Door, page: ProfilePage, token: str, status: int = 200, refusal: InvalidInput | None = None
) -> Response:
    return show("profile.html", status, page=page, token=token, refusal=refusal, wording=_wording(page))


def _wording(page: ProfilePage) -> str:
    """The exact sentence that is ticked: it is kept as the consent's wording, with the partners it names."""
    t = texts(choose_language())
    return t["profile_consent"].format(owner=page.owner_name, partners=", ".join(page.partners), version=page.version)
