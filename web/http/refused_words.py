"""Why a column is refused, in the page's language. English pages show the domain's own sentence."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from web.http.language import current
from web.http.words import word

_OURS = {
    "national identity number": _("never needed for a mailing"),
    "payment card or bank account": _("never needed for a mailing"),
    "free text": _("free comments may hold anything about a person"),
    "criminal convictions": _("forbidden by art. 10 GDPR"),
}
_ART_9 = _("forbidden by art. 9 GDPR")
_FOUND = {
    "numbers with a valid key": _("numbers with a valid key"),
    "account numbers with a valid key": _("account numbers with a valid key"),
    "numbers with a valid card check digit": _("numbers with a valid card check digit"),
    "sentences": _("sentences"),
}


def category(code: str) -> str:
    """The word for a category of forbidden data; `health` alone is also a sector of trade."""
    return word("health data" if code == "health" else code)


def refused_why(column: Mapping[str, str]) -> str:
    """The sentence about a column: `why` in English, else made from `category`, `where` and `found`.

    What was refused before these were kept has its category and law alone.
    """
    if current() == "en":
        return column["why"]
    named, found, where = category(column["category"]), column.get("found", ""), column.get("where", "")
    if where == "decision":
        return str(
            gettext("%(category)s: refused by the broker, who looked at it: %(found)s", category=named, found=found)
        )
    law = str(_OURS.get(column["category"], _ART_9))
    if not found:
        return f"{named} ({law})"
    found = str(_FOUND.get(found, found))
    if where == "header":
        return str(gettext("%(category)s (%(law)s): its name says “%(found)s”", category=named, law=law, found=found))
    return str(gettext("%(category)s (%(law)s): its values hold “%(found)s”", category=named, law=law, found=found))


def install(app: Flask) -> None:
    """Give them to the templates."""
    app.jinja_env.filters["category"] = category
    app.jinja_env.globals["refused_why"] = refused_why
