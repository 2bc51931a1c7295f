"""What a process is told by the one that starts it; not in process_settings.py, or each would load the migrations."""

from __future__ import annotations

import os

from broker.kernel.settings import Settings
from broker.operate.database_server import DatabaseServer
from broker.operate.process_settings import ROLES_OF, SECRETS_OF, STATE, variable_of


def process_environment(kind: str, settings: Settings, server: DatabaseServer) -> dict[str, str]:
    """The environment of a process: ours without any COURTIER_ variable but those that this kind may have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURTIER_")}
    if "COURTIER_DEBUG" in os.environ:
        environment["COURTIER_DEBUG"] = os.environ["COURTIER_DEBUG"]
    environment[STATE] = str(settings.state_dir.absolute())
    if settings.source is not None:
        environment["COURTIER_CONFIG"] = str(settings.source.absolute())
    environment |= {variable_of(role): server.url(role) for role in ROLES_OF[kind]}
    environment |= {name: os.environ[name] for name in SECRETS_OF[kind] if name in os.environ}
    return environment
