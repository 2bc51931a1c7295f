"""What persons reach without a log-in: clicks, leaving, partner lists, objections.

The process logs in as `courtier_public` here, which reaches no table, and holds keys that seal and sign only.
"""

from __future__ import annotations

from flask import Blueprint

from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.journal import Journal
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.keyring import FrontKeys
from web.public import click, image, leaving, notices, objection, partners, postback, refusals, rights
from web.public.page import Door, protect

# Requests that are never counted against an address: the servers of large mail providers and offices send those of
# many persons, and a wish to leave is not put off.
UNCOUNTED = frozenset({"public.click", "public.show_leaving", "public.leave", "public.image", "public.postback"})


def public_blueprint(
    database: Database,
    front: FrontKeys,
    settings: Settings,
    journal: Journal,
    questions: AskBriefly | None = None,
) -> Blueprint:
    """The public doors as a blueprint named `public`; `database` must act as `courtier_public`."""
    blueprint = Blueprint("public", __name__, template_folder="templates")
    door = Door(database, front, settings, journal, questions or AskBriefly(database))
    for part in (click, image, leaving, partners, objection, rights, notices, postback):
        part.install(blueprint, door)
    refusals.install(blueprint)
    blueprint.after_request(protect)
    return blueprint
