"""The mail sink as a part of the demo's system: it stands for the receiving servers of the world."""

from __future__ import annotations

import os
import socket
import sys

from broker.kernel.settings import Settings
from broker.operate.demo.instance import demo_folder
from broker.operate.part import Part
from broker.operate.service_users import own_account

# One recipient in some hundreds is refused in the dialogue, as in real bases: the demo shows it counted, not billed.
RULES = ("refuse:^[a-z0-9._-]*[02468]{3}@",)


def sink_part(settings: Settings) -> Part:
    """The sink, listening where the first relay of the settings points."""
    relay = settings.mail.relays[0]
    folder = demo_folder(settings) / "sink"
    folder.mkdir(parents=True, exist_ok=True)
    module = "broker.operate.demo.sink_process"
    command = (sys.executable, "-m", module, relay.host, str(relay.port), str(folder), *RULES)

    def listens() -> bool:
        try:
            socket.create_connection((relay.host, relay.port), timeout=1).close()
        except OSError:
            return False
        return True

    return Part(
        "sink", command, dict(os.environ), own_account(), ready=listens, where=f"smtp://{relay.host}:{relay.port}"
    )
