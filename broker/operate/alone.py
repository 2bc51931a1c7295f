"""One process by itself, in the foreground: for machines that run a part of the whole."""

from __future__ import annotations

import importlib

from broker.kernel.errors import SettingsError
from broker.kernel.settings import Settings
from broker.operate.database_server import running_postgres
from broker.operate.process_settings import ROLES_OF, with_urls
from broker.operate.state import State


def run_alone(kind: str, settings: Settings) -> None:
    """Run `web`, `worker`, `audience` or `mailin` as the invoking user until SIGTERM or Ctrl-C.

    With the embedded database the process joins the instance that runs, or brings the database up for itself.
    """
    if settings.database.url or settings.database.web_url or settings.database.worker_url:
        missing = [role for role in ROLES_OF[kind] if not getattr(settings.database, f"{role}_url")]
        if missing:
            raise SettingsError(
                f"database.{missing[0]}_url is not set, and courtier {kind} logs in with it.",
                field=f"database.{missing[0]}_url",
            )
    State.of(settings).make()
    with running_postgres(settings) as server:
        own = with_urls(settings, {role: server.url(role) for role in ROLES_OF[kind]})
        importlib.import_module(f"broker.operate.processes.{kind}").run(own)
