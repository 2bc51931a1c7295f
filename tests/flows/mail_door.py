"""The door for returned mail in a process of its own: `python mail_door.py PORT STATE_DIR PUBLIC_URL`."""

from __future__ import annotations

import sys

from broker.kernel.settings import DatabaseSettings, InstanceSettings, MailinSettings, MailSettings, Settings
from broker.operate.processes import mailin

if __name__ == "__main__":
    _, port, state_dir, public_url = sys.argv
    mailin.run(
        Settings(
            instance=InstanceSettings(state_dir=state_dir, demo=True),
            database=DatabaseSettings(public_url=public_url),
            mail=MailSettings(bounce_domain="bounce.test"),
            mailin=MailinSettings(port=int(port)),
        )
    )
