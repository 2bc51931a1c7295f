"""What a process of ours is told by the one that starts it: its role's address and the place of the state.

Handed over in the environment (process_environment.py), which only the process's own user and root can read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from broker.kernel.settings import Settings, load_settings

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


def variable_of(role: str) -> str:
    """The variable that holds the address of a role."""
    return f"COURTIER_{role.upper()}_DATABASE_URL"


def received_settings(kind: str) -> Settings:
    """The settings of this process, as the supervisor handed them over."""
    settings = load_settings()
    state_dir = os.environ.pop(STATE, "")
    urls = {role: os.environ.pop(variable_of(role), "") for role in ROLES_OF[kind]}
    if state_dir:
        settings = dataclasses.replace(settings, instance=dataclasses.replace(settings.instance, state_dir=state_dir))
    return with_urls(settings, urls)


def with_urls(settings: Settings, urls: Mapping[str, str]) -> Settings:
    """The settings with only these roles' addresses in `database` (keys `web`, `public`, `worker`)."""
    web, public, worker = (urls.get(role, "") for role in ("web", "public", "worker"))
    database = dataclasses.replace(settings.database, url="", web_url=web, public_url=public, worker_url=worker)
    return dataclasses.replace(settings, database=database)
