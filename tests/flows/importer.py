"""A process that runs one import and nothing else, to be killed: `python -m tests.flows.importer URL STATE ID`."""

from __future__ import annotations

import sys

from broker.bases.run_import import run_import
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import InstanceSettings, Settings
from tests.unit.rings import worker_ring

if __name__ == "__main__":
    url, state, import_id = sys.argv[1:]
    settings = Settings(instance=InstanceSettings(state_dir=state))
    run_import(Database(make_engine(url)), worker_ring(), settings, int(import_id))
