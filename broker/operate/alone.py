"""One process by itself, in the foreground: for machines that run a part of the whole."""

from __future__ import annotations

from broker.kernel.errors import SettingsError
from broker.kernel.settings import Settings
from broker.operate.database_server import running_postgres
from broker.operate.keys import prepare_keys
from broker.operate.output import say
from broker.operate.process_settings import ROLES_OF
from broker.operate.state import State
from broker.operate.supervisor import Supervisor
from broker.operate.system import choose_accounts, ending_on_signals, make_work_folders, part_of


def run_alone(kind: str, settings: Settings) -> None:
    """Run `web`, `worker`, `audience` or `mailin` until SIGTERM or Ctrl-C, its output going to this terminal.

    With the embedded database the process joins the instance that runs, or brings the database up for itself. With a
    server of one's own it needs the addresses of its own roles only. It is restarted like a part of `courtier up`.
    """
    external = bool(settings.database.url or settings.database.web_url or settings.database.worker_url)
    missing = [role for role in ROLES_OF[kind] if external and not getattr(settings.database, f"{role}_url")]
    if missing:
        raise SettingsError(
            f"database.{missing[0]}_url is not set, and courtier {kind} logs in with it.",
            field=f"database.{missing[0]}_url",
        )
    State.of(settings).make()
    accounts = choose_accounts(settings)
    make_work_folders(settings, accounts)
    if not external:  # on several machines the key files are carried there by hand, to each part its own
        prepare_keys(settings, accounts.front, accounts.worker)
    try:
        with ending_on_signals(), running_postgres(settings) as server:
            part = part_of(kind, kind, settings, server, accounts)
            with Supervisor([part], None, server=server.embedded, say=say) as supervisor:
                supervisor.wait()
    except KeyboardInterrupt:
        say("Stopped.")
