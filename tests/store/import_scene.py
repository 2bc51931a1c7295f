"""An owner with a base, and the doors through which its files come in."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Engine, text

from broker.accounts.create_organisation import create_organisation
from broker.bases.contract import record_contract
from broker.bases.create_base import create_base
from broker.bases.imports import find_import, list_rejects
from broker.bases.model import ImportRun, Reject
from broker.bases.receive import receive_upload
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.settings import InstanceSettings, Settings
from broker.vault.data_keys import data_key
from broker.vault.open import open_row
from tests.unit.rings import worker_ring

PROOF_HEADERS = "date consentement;source consentement;texte consentement;version formulaire;version liste partenaires"
# A year ago: a fixed day would one day be past its retention.
CONSENTED = datetime.now(UTC) - timedelta(days=365)
PROOF = f"{CONSENTED:%d/%m/%Y} 10:11;https://x.example/f;J'accepte;f1;1"
KEYS = worker_ring()


@dataclass(frozen=True)
class Owner:
    """One owner; `front` and `worker` are the two roles' databases, `admin` looks behind them."""

    front: Database
    worker: Database
    admin: Engine
    actor: Actor
    base_code: str
    base_id: int
    settings: Settings

    def upload(self, content: str | bytes, kind: str = "contacts", mapping: dict[str, str] | None = None) -> ImportRun:
        """Send a file through the front and ask for its import."""
        data = content.encode() if isinstance(content, str) else content
        with self.front.begin(self.actor) as unit:
            upload = receive_upload(unit, KEYS.front, self.settings, self.base_code, kind, "f.csv", [data])
            return start_import(unit, upload.code, mapping)

    def bring(self, content: str | bytes, kind: str = "contacts", mapping: dict[str, str] | None = None) -> ImportRun:
        """Upload and run; the run as it ends."""
        return self.run(self.upload(content, kind, mapping))

    def run(self, run: ImportRun) -> ImportRun:
        """Run an import that waits; the run as it ends."""
        run_import(self.worker, KEYS, self.settings, run.id)
        return self.find(run)

    def find(self, run: ImportRun) -> ImportRun:
        """The run as it stands, as the owner sees it."""
        with self.front.begin(self.actor) as unit:
            return find_import(unit, run.code)

    def rejects(self, run: ImportRun) -> list[Reject]:
        """Its first page of rejects."""
        with self.front.begin(self.actor) as unit:
            return list_rejects(unit, run.code).items

    def staged(self, run: ImportRun) -> list[dict[str, Any]]:
        """The rows handed to the snapshot build."""
        rows: list[dict[str, Any]] = pq.read_table(self.staging / f"{run.id}.parquet").to_pylist()
        return rows

    @property
    def staging(self) -> Path:
        """Where imports leave their rows for the build."""
        return self.settings.state_dir / "staging"

    def all(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """Rows as the administrator sees them; `:base` is filled in."""
        with self.admin.begin() as connection:
            return [tuple(row) for row in connection.execute(text(sql), {"base": self.base_id, **values})]

    def opened(self) -> list[dict[str, str]]:
        """What the vault holds of each contact, in the order of ids."""
        rows = self.all("SELECT id, key_version, sealed FROM contact WHERE base_id = :base ORDER BY id")
        people = []
        for contact_id, version, sealed in rows:
            with self.worker.begin() as unit:
                key = data_key(unit, KEYS, self.base_id, version)
            people.append(json.loads(open_row(key, self.base_id, version, contact_id, bytes(sealed))))
        return people


def make_owner(front: Engine, worker: Engine, admin: Engine, state: Path) -> Owner:
    """A fresh owner with an empty base."""
    tag = secrets.token_hex(4)
    databases = Database(front), Database(worker)
    with databases[1].begin() as unit:
        organisation = create_organisation(unit, "owner", f"Maison {tag}")
    actor = Actor("owner", organisation.id)
    with databases[0].begin(actor) as unit:
        base = create_base(unit, f"base-{tag}", "Clients", "home")
        record_contract(unit, base.code, "DPA", "Anna", unit.today)
    settings = Settings(instance=InstanceSettings(state_dir=str(state)))
    return Owner(*databases, admin, actor, base.code, base.id, settings)
