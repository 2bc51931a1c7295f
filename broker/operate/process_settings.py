"""What a process of ours is told by the one that starts it: its role's address and the place of the state.

Handed over in the environment, which only the process's own user and root can read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from broker.kernel.settings import Settings, load_settings
from broker.operate.database_server import DatabaseServer

STATE = "COURTIER_STATE_DIR"
ROLES_OF = {  # the roles whose address each kind of process gets, and no other
    "web": ("web", "public"),
    "mailin": ("public",),
    "audience": ("worker",),
    "worker": ("worker",),
}
SECRETS_OF = {  # secrets of the operator's environment that a kind of process may see
    "web": (
        "COURTIER_FRONT_KEYS",
        "COURTIER_STRIPE_KEY",
        "COURTIER_STRIPE_WEBHOOK_SECRET",
        "COURTIER_METRICS_TOKEN",
    ),
    "mailin": ("COURTIER_FRONT_KEYS", "COURTIER_MAILIN_PASSWORD"),
    "audience": ("COURTIER_FRONT_KEYS", "COURTIER_WORKER_KEYS"),
    "worker": ("COURTIER_FRONT_KEYS", "COURTIER_WORKER_KEYS", "COURTIER_RELAY_PASSWORD", "COURTIER_STRIPE_KEY"),
}


def _variable(role: str) -> str:
    return f"COURTIER_{role.upper()}_DATABASE_URL"


def process_environment(kind: str, settings: Settings, server: DatabaseServer) -> dict[str, str]:
    """The environment of a process: ours without any COURTIER_ variable but those that this kind may have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURTIER_")}
    if "COURTIER_DEBUG" in os.environ:
        environment["COURTIER_DEBUG"] = os.environ["COURTIER_DEBUG"]
    environment[STATE] = str(settings.state_dir.absolute())
    if settings.source is not None:
        environment["COURTIER_CONFIG"] = str(settings.source.absolute())
    environment |= {_variable(role): server.url(role) for role in ROLES_OF[kind]}
    environment |= {name: os.environ[name] for name in SECRETS_OF[kind] if name in os.environ}
    return environment


def received_settings(kind: str) -> Settings:
    """The settings of this process, as the supervisor handed them over."""
    settings = load_settings()
    state_dir = os.environ.pop(STATE, "")
    urls = {role: os.environ.pop(_variable(role), "") for role in ROLES_OF[kind]}
    if state_dir:
        settings = dataclasses.replace(settings, instance=dataclasses.replace(settings.instance, state_dir=state_dir))
    return with_urls(settings, urls)


def with_urls(settings: Settings, urls: Mapping[str, str]) -> Settings:
    """The settings with only these roles' addresses in `database` (keys `web`, `public`, `worker`)."""
    web, public, worker = (urls.get(role, "") for role in ("web", "public", "worker"))
    database = dataclasses.replace(settings.database, url="", web_url=web, public_url=public, worker_url=worker)
    return dataclasses.replace(settings, database=database)
