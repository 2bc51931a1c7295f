"""French or English: what was asked for here, the user's own, else what the browser prefers."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, Response, request
from flask_babel import Babel, get_locale

from web.http.session import is_https
from web.http.work import session_view

LANGUAGES = ("fr", "en")
COOKIE = "courtier_lang"


def choose() -> str:
    """The language of this reply."""
    for wanted in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return str(wanted)
    view = session_view()
    if view:
        return view.language
    return request.accept_languages.best_match(LANGUAGES) or "fr"


def current() -> str:
    """The language of this reply, as babel has settled it."""
    return str(get_locale().language)


def switch_address(language: str) -> str:
    """This page in the other language."""
    if request.method != "GET":
        return f"/?lang={language}"
    arguments = {**request.args.to_dict(flat=True), "lang": language}
    arguments.pop("done", None)
    return f"{request.path}?{urlencode(arguments)}"


def install(app: Flask) -> None:
    """Choose the language of each reply, and remember a choice made with `?lang=`."""
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Europe/Paris"
    Babel(app, default_locale="fr", default_translation_directories="translations", locale_selector=choose)
    app.jinja_env.globals.update(language=current, switch_address=switch_address)
    app.jinja_env.add_extension("jinja2.ext.i18n")

    @app.after_request
    def remember(reply: Response) -> Response:
        wanted = request.args.get("lang")
        if wanted in LANGUAGES:
            reply.set_cookie(COOKIE, str(wanted), max_age=365 * 86400, samesite="Lax", secure=is_https(), httponly=True)
        reply.vary.add("Accept-Language")
        reply.vary.add("Cookie")
        return reply
