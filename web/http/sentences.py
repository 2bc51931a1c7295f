"""French for the domain's refusals, by code. English pages show the domain's own sentence."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

SENTENCES = {
    "form_token": _("This form is out of date. Go back, reload the page and send it again."),
    "not_found": _("There is no such page, or it is not yours to see."),
    "forbidden": _("Your role does not allow this."),
    "unavailable": _("A service does not answer at the moment. Try again in a minute."),
    "bad_page": _("There is no such page of the list."),
    "under_floor": _("This audience is under the publication floor once every exclusion is counted."),
}
