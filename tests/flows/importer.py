"""A process that runs one import and nothing else, to be killed: `python -m tests.flows.importer URL STATE ID [lanes]`.

With `lanes` its blocks are made in processes of their own, however small the file is.
"""

from __future__ import annotations

import sys

from broker.bases import import_lanes
from broker.bases.run_import import run_import
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import InstanceSettings, Settings
from tests.unit.rings import worker_ring

if __name__ == "__main__":
    url, state, import_id = sys.argv[1:4]
    if sys.argv[4:] == ["lanes"]:
        import_lanes.WORTH_LANES = 0
    settings = Settings(instance=InstanceSettings(state_dir=state))
    run_import(Database(make_engine(url)), worker_ring(), settings, int(import_id))
