"""What a front process holds: settings, the two weak database roles, sealing keys, a way to the audience process.

It is made once per process and given to `web/` and `api/`; neither opens anything of its own. The keys here seal and
sign, they open no address.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from broker.audience.client import AudienceClient
from broker.billing.gateway.choose_gateway import choose_gateway
from broker.billing.gateway.gateway import Gateway
from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.count_opens import OpenCount
from broker.feedback.drain import Drain, journal_folder
from broker.feedback.journal import Journal
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import SettingsError
from broker.kernel.settings import Settings
from broker.vault.keyring import FrontKeys, load_front


@dataclass(frozen=True)
class Front:
    """The front's means. `database` acts as `courtier_web`, `public_database` as `courtier_public`."""

    settings: Settings
    database: Database
    public_database: Database
    keys: FrontKeys
    audience: AudienceClient

    @cached_property
    def journal(self) -> Journal:
        """This process's journal of clicks and wishes to leave."""
        return Journal(journal_folder(self.settings.state_dir), on_open=lambda: self.drain.start())

    @cached_property
    def drain(self) -> Drain:
        """What brings journals to the database: started by a process that serves, or by the first line of a journal."""
        return Drain(self.public_database, self.journal)

    @cached_property
    def opens(self) -> OpenCount:
        """What counts the opens that this process sees."""
        return OpenCount(self.public_database)

    @cached_property
    def public_questions(self) -> AskBriefly:
        """The public's questions to the database, which wait a moment only."""
        return AskBriefly(self.public_database)

    def gateway(self, *, pay_at_once: bool = True) -> Gateway:
        """The payment gateway of the settings; refuses when there is none."""
        return choose_gateway(self.settings, self.database, pay_at_once=pay_at_once)


def open_front(settings: Settings) -> Front:
    """Open the front of an instance; nothing is asked of the database yet.

    The roles' addresses come from `COURTIER_DATABASE_URL` and `COURTIER_PUBLIC_DATABASE_URL`, else from the settings.
    """
    return Front(
        settings=settings,
        database=_database(settings, "COURTIER_DATABASE_URL", settings.database.web_url, "database.web_url"),
        public_database=_database(
            settings, "COURTIER_PUBLIC_DATABASE_URL", settings.database.public_url, "database.public_url"
        ),
        keys=load_front(settings.key_dir),
        audience=AudienceClient(audience_socket(settings)),
    )


def audience_socket(settings: Settings) -> Path:
    """Where the audience process listens."""
    return Path(os.environ.get("COURTIER_AUDIENCE_SOCKET") or settings.state_dir / "run" / "audience.sock")


def _database(settings: Settings, variable: str, url: str, key: str) -> Database:
    address = os.environ.get(variable) or url
    if not address:
        raise SettingsError(
            f"The web process was given no database: set {key} in the settings, or {variable},"
            " or start everything with `courtier up`.",
            field=key,
        )
    return Database(make_engine(address, settings.database.pool_size))
