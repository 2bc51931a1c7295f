"""A delivering worker in a process of its own, for tests that kill or stop it.

Usage: python deliver.py FOLDER PORT DATABASE_URL MAILING_ID. Runs the job again and again until nothing is left. With
COURTIER_TEST_JOURNAL it keeps a journal, with COURTIER_TEST_DEPTH so many mails leave on a connection, in one go unless
COURTIER_TEST_CHUNKS is "in turn".
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.delivery.transport import SmtpConnection
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import Unavailable
from broker.operate.journal.files import journal_of
from broker.operate.journal.sends import JournalledSends
from tests.mail_house import keys_in, mail_settings


def main() -> None:
    folder, port, url, mailing_id = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    database = Database(make_engine(url))
    settings, keys = mail_settings(folder, port), keys_in(folder)
    if os.environ.get("COURTIER_TEST_CHUNKS") == "in turn":
        SmtpConnection.takes_chunks = False  # type: ignore[method-assign,assignment]
    depth = int(os.environ.get("COURTIER_TEST_DEPTH", "1"))
    settings = replace(settings, mail=replace(settings.mail, depth=depth))
    keeps = os.environ.get("COURTIER_TEST_JOURNAL")
    journal = JournalledSends(journal_of(folder / "journal")) if keeps else None
    print("ready", flush=True)
    while True:
        with suppress(Unavailable):  # the job engine would run it again
            send_mailing(database, keys, settings, mailing_id, accrue_sends, journal=journal)
        with database.begin() as unit:
            state = unit.scalar("SELECT state FROM mailing WHERE id = :id", id=mailing_id)
        if state not in ("frozen", "sending"):
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
