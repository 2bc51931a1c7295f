"""A small instance in a process of its own, for tests that kill it: the database and two parts that only sleep.

Usage: python runner.py STATE_DIR PART_SCRIPT. Prints READY once all runs; COURTIER_TEST_RAISE makes a part refuse.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from broker.kernel.errors import CourtierError
from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.database_server import running_postgres
from broker.operate.part import Part
from broker.operate.service_users import own_account
from broker.operate.state import State
from broker.operate.supervisor import Supervisor
from broker.operate.system import ending_on_signals


def main() -> int:
    settings = Settings(instance=InstanceSettings(state_dir=sys.argv[1]))
    state = State.of(settings)
    parts = [
        Part(name, (sys.executable, sys.argv[2], sys.argv[1]), dict(os.environ), own_account())
        for name in ("first", "second")
    ]
    try:
        with (
            ending_on_signals(),
            running_postgres(settings, attach=False, durable=False) as server,
            Supervisor(parts, state.log, server=server.embedded, say=partial(print, flush=True)) as supervisor,
        ):
            print("READY", flush=True)
            supervisor.wait()
    except KeyboardInterrupt:
        print("STOPPED", flush=True)
    except CourtierError as error:
        print("REFUSED", error.sentence, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(mode=0o711, exist_ok=True)
    sys.exit(main())
