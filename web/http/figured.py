"""Refusals whose figures say how to mend them: sentences with places for the details that the refusal carries."""

from __future__ import annotations

from datetime import date

from flask_babel import lazy_gettext as _

from broker.kernel.errors import CourtierError
from web.http.display import cents, day, number

FIGURED = {
    "under_minimum": _("The smallest order of this card is %(minimum)s names."),
    "over_size": _("The count shows about %(size_shown)s names; order at most that many."),
    "volume_not_round": _("Order a multiple of %(step)s names, for example %(example)s."),
    "not_free": _("About %(free)s of these names are free on %(send_on)s: order fewer, or choose another day."),
    "after_licence": _("This use may be taken until %(use_until)s; later ones need another order."),
    "credit_limit": _(
        "This order exceeds what is left of your credit, %(left_cents)s of %(limit_cents)s: pay it, or pay an open"
        " invoice first."
    ),
    "select_not_offered": _("This card does not offer that select. It offers: %(offered)s."),
    "host_not_allowed": _("%(host)s is not allowed for you yet: ask the broker. Allowed are: %(allowed)s."),
}


def with_figures(error: CourtierError) -> str | None:
    """The sentence of a refusal with its figures as the language writes them; None where it has none."""
    text = FIGURED.get(error.code)
    if text is None or error.details.get("free") == 0:  # what cannot be shown is no figure
        return None
    shown = {name: _shown(name, value) for name, value in error.details.items()}
    try:
        return str(text) % shown
    except KeyError:
        return None


def _shown(name: str, value: object) -> str:
    if isinstance(value, int):
        return cents(value) if name.endswith("_cents") else number(value)
    if isinstance(value, str) and name in ("send_on", "use_until"):
        return day(date.fromisoformat(value))
    return str(value)
