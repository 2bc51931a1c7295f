"""Who gets in: every route behind the log-in but a written list, every form behind its token, strangers nowhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from tests.front_house import PASSWORD, House
from web.http.session import OPEN, OPEN_BLUEPRINTS, is_open

# Forms with a file, read as a stream: the token is a field that comes before the file.
STREAMED = {"uploads.receive", "enrichment.receive", "suppression_lists.receive"}


def address(rule: Rule) -> str:
    """An address of this route, with made-up codes and numbers."""
    path = re.sub(r"<int:[a-z_]+>", "1", rule.rule)
    path = re.sub(r"<any\(([a-z_]+)[^)]*\):[a-z_]+>", r"\1", path)
    return re.sub(r"<[^>]+>", "nothing", path)


def routes(house: House, method: str) -> Iterator[Rule]:
    """The routes that take a method and need a session."""
    for rule in house.pages.url_map.iter_rules():
        if method in (rule.methods or ()) and not is_open(rule.endpoint):
            yield rule


def people(content: bytes = b"email\nsomebody@nowhere.test\n") -> tuple[io.BytesIO, str]:
    """A file for a form."""
    return io.BytesIO(content), "people.csv"


def test_nobody_gets_past_the_log_in(house: House) -> None:
    checked = 0
    for method in ("GET", "POST"):
        for rule in routes(house, method):
            reply = house.visitor().open(address(rule), method=method)
            assert reply.status_code == 303, rule
            assert reply.headers["Location"].startswith("/login"), rule
            checked += 1
    assert checked > 60


def test_open_routes_are_these_and_no_others(house: House) -> None:
    endpoints = {rule.endpoint for rule in house.pages.url_map.iter_rules()}
    assert endpoints >= OPEN
    opened = {name for name in endpoints if is_open(name)}
    assert {name for name in opened if name.partition(".")[0] not in OPEN_BLUEPRINTS} == OPEN


def test_a_form_without_its_token_is_refused(house: House) -> None:
    for who in ("owner", "advertiser"):
        client, _ = house.browser(who)
        for rule in routes(house, "POST"):
            if rule.endpoint not in STREAMED:
                assert client.post(address(rule)).status_code == 403, rule
                assert client.post(address(rule), data={"csrf_token": "wrong"}).status_code == 403, rule


@pytest.mark.parametrize("endpoint", sorted(STREAMED))
def test_a_streamed_form_without_its_token_is_refused(house: House, endpoint: str) -> None:
    """Before anything is looked up: the base in the address does not exist."""
    (rule,) = (rule for rule in routes(house, "POST") if rule.endpoint == endpoint)
    client, _ = house.browser("advertiser" if endpoint.startswith("suppression") else "owner")
    for token in ("", "wrong"):
        assert client.post(address(rule), data={"csrf_token": token, "file": people()}).status_code == 403
    assert client.post(address(rule), data={"file": people()}).status_code == 403


def test_an_upload_without_its_token_is_refused_before_the_file_is_read(house: House) -> None:
    client, token = house.browser("owner")
    made = client.post(
        "/bases",
        data={"csrf_token": token, "code": "uploads", "name": "Uploads", "sector": "food", "contact_kind": "b2c"},
    )
    assert made.status_code == 303
    refused = client.post("/bases/uploads/uploads", data={"kind": "contacts", "file": people()})
    assert refused.status_code == 403
    early = client.post("/bases/uploads/uploads", data={"csrf_token": token, "kind": "contacts", "file": people()})
    assert early.status_code == 409
    signed = {"csrf_token": token, "reference": "DPA", "signatory": "Anna"}
    assert client.post("/bases/uploads/contract", data={**signed, "signed_on": "soon"}).status_code == 422
    assert client.post("/bases/uploads/contract", data={**signed, "signed_on": "2026-01-01"}).status_code == 303
    taken = client.post(
        "/bases/uploads/uploads",
        data={"csrf_token": token, "kind": "contacts", "file": people()},
    )
    assert taken.status_code == 303
    assert taken.headers["Location"].startswith("/uploads/")


def test_an_upload_larger_than_allowed_is_refused(house: House) -> None:
    client, token = house.browser("owner")
    client.post("/bases", data={"csrf_token": token, "code": "too-large", "name": "Large", "contact_kind": "b2c"})
    signed = {"csrf_token": token, "reference": "DPA", "signatory": "Anna", "signed_on": "2026-01-01"}
    client.post("/bases/too-large/contract", data=signed)
    reply = client.post(
        "/bases/too-large/uploads",
        data={"csrf_token": token, "kind": "contacts", "file": people(b"x" * 2_000_000)},
    )
    assert reply.status_code == 413
    assert "traceback" not in reply.text.lower()


def test_a_stranger_sees_nothing_of_a_base(house: House) -> None:
    client, token = house.browser("owner")
    client.post("/bases", data={"csrf_token": token, "code": "mine-alone", "name": "Mine", "contact_kind": "b2c"})
    assert client.get("/bases/mine-alone").status_code == 200
    stranger, his = house.browser("stranger")
    assert stranger.get("/bases/mine-alone").status_code == 404
    partners = {"csrf_token": his, "partners": "Somebody"}
    assert stranger.post("/bases/mine-alone/partners", data=partners).status_code == 404
    assert "mine-alone" not in stranger.get("/bases").text


def test_a_role_gets_only_its_own_pages(house: House) -> None:
    advertiser, _ = house.browser("advertiser")
    assert advertiser.get("/bases").status_code == 403
    assert advertiser.get("/audit").status_code == 403
    owner, _ = house.browser("owner")
    assert owner.get("/ledger").status_code == 403
    accountant, _ = house.browser("accountant")
    assert accountant.get("/ledger").status_code == 200
    assert accountant.get("/revenue").status_code == 200


@pytest.mark.parametrize("who", ["owner", "advertiser", "broker", "accountant"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_menu_of_each_role_works_before_anything_exists(house: House, who: str, language: str) -> None:
    client, _ = house.browser(who)
    home = client.get(f"/?lang={language}")
    assert home.status_code == 200
    assert f'<html lang="{language}"' in home.text
    menu = re.findall(r'href="(/[a-z]+)"', home.text.split("<nav", 1)[1].split("</nav>", 1)[0])
    assert len(menu) >= 4
    for path in menu:
        assert client.get(path).status_code == 200, path


def test_log_in_and_out(house: House) -> None:
    visitor = house.visitor()
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login").text)
    assert token is not None
    form = {"csrf_token": token[1], "email": house.people["owner"].email}
    wrong = visitor.post("/login", data={**form, "password": "wrong"})
    unknown = visitor.post("/login", data={**form, "email": "nobody@courtier.test", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert "mot de passe incorrect" in wrong.text
    assert wrong.text.replace(house.people["owner"].email, "") == unknown.text.replace("nobody@courtier.test", "")
    entered = visitor.post("/login", data={**form, "password": PASSWORD})
    assert entered.status_code == 303
    cookie = next(value for name, value in entered.headers if name == "Set-Cookie" and "courtier_session" in value)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    home = visitor.get("/")
    inside = re.search(r'name="csrf_token" value="([^"]+)"', home.text)
    assert inside is not None
    assert visitor.post("/logout", data={"csrf_token": inside[1]}).status_code == 303
    assert visitor.get("/").status_code == 303


def test_log_in_form_needs_the_token_of_its_cookie(house: House) -> None:
    visitor = house.visitor()
    form = {"email": house.people["owner"].email, "password": PASSWORD}
    assert visitor.post("/login", data=form).status_code == 403
    assert visitor.post("/login", data={**form, "csrf_token": "anything"}).status_code == 403


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)"])
def test_log_in_leads_nowhere_else(house: House, target: str) -> None:
    visitor = house.visitor()
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login").text)
    assert token is not None
    form = {"csrf_token": token[1], "email": house.people["owner"].email, "password": PASSWORD, "next": target}
    assert visitor.post("/login", data=form).headers["Location"] == "/"


def test_pages_forbid_foreign_and_inline_code(house: House) -> None:
    client, _ = house.browser("owner")
    reply = client.get("/")
    policy = reply.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert " style=" not in reply.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", reply.text)
    assert not re.search(r"\son[a-z]+=", reply.text)


def test_a_language_asked_for_is_remembered(house: House) -> None:
    client, _ = house.browser("advertiser")
    assert 'lang="en"' in client.get("/").text
    client.get("/?lang=fr")
    assert 'lang="fr"' in client.get("/orders").text
    assert client.get("/login", headers={"Accept-Language": "fr"}).status_code == 302


def test_an_unknown_address_is_a_page_and_no_traceback(house: House) -> None:
    client, _ = house.browser("owner")
    for path in (
        "/nothing",
        "/bases/nothing",
        "/orders/%00",
        "/invoices/nothing",
        "/imports/nothing?page=-1",
        "/?page=x",
        "/orders?page=99999999999999999999",
        "/mailings?page=99999999999999999999",
    ):
        reply = client.get(path)
        assert reply.status_code in (200, 404, 422), path
        assert "Traceback" not in reply.text
