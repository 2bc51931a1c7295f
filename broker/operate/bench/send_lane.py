"""One delivering worker of the send benchmark, in a process of its own, warm before the clock starts.

Reads a mailing's id a line; answers with the CPU seconds it used. Argument: the settings file; the database's address
comes as COURTIER_DATABASE_URL.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import load_settings
from broker.operate.journal.files import journal_of
from broker.operate.journal.sends import JournalledSends
from broker.vault.keyring import load_worker

WHOLE_SECONDS = 3600.0  # no making way: nobody else waits


def main() -> None:
    """Serve until the input ends."""
    settings = load_settings(Path(sys.argv[1]))
    database, keys = Database(make_engine(os.environ["COURTIER_DATABASE_URL"])), load_worker(settings.key_dir)
    print("ready", flush=True)
    for line in sys.stdin:
        used = time.process_time()
        send_mailing(
            database,
            keys,
            settings,
            int(line),
            accrue_sends,
            slice_seconds=WHOLE_SECONDS,
            journal=JournalledSends(journal_of(settings.journal_dir)),
        )
        print(time.process_time() - used, flush=True)


if __name__ == "__main__":
    main()
