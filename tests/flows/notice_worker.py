"""A worker that mails notifications and calls webhooks, in a process of its own, for tests that kill it.

Usage: python notice_worker.py FOLDER PORT DATABASE_URL ORG_ID ENDPOINT_ID. Runs until nothing waits any more.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from broker.kernel.database import Database, make_engine
from broker.notifications.deliver_webhooks import deliver_webhooks
from broker.notifications.post_mail import post_notification
from broker.operate.house_notices import notice_poster
from tests.mail_house import keys_in, mail_settings


def main() -> None:
    folder, port, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    org_id, endpoint_id = int(sys.argv[4]), int(sys.argv[5])
    database, keys = Database(make_engine(url)), keys_in(folder)
    settings = mail_settings(folder, port)
    inside = dataclasses.replace(settings.instance, private_hosts=("127.0.0.1",))
    settings = dataclasses.replace(settings, instance=inside)
    post = notice_poster(keys, settings)
    with database.begin() as unit:  # a dead worker's lease would be waited for
        unit.run("UPDATE webhook_endpoint SET leased_until = NULL WHERE id = :id", id=endpoint_id)
    print("ready", flush=True)
    while True:
        with database.begin() as unit:
            waiting = unit.all("SELECT id FROM notification WHERE org_id = :org AND mail = 'waiting'", org=org_id)
        for row in waiting[:10]:
            post_notification(database, keys.front, settings, row.id, post)
        taken = deliver_webhooks(database, keys, settings, endpoint_id)
        if not waiting and not taken:
            return


if __name__ == "__main__":
    main()
