"""The audience process: holds snapshots in memory, counts, and guards what leaves it.

It alone (with the workers) reads the snapshot folder; the front reaches it over a Unix socket.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from broker.audience.desk import CountDesk
from broker.audience.loaded import SnapshotCache
from broker.audience.policy_counts import count_policies
from broker.audience.rule_desk import CALLS
from broker.audience.server import serve
from broker.insight.suggest_call import suggest_call
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import SettingsError
from broker.kernel.log import configure_logging
from broker.kernel.settings import Settings
from broker.operate.faults import print_fault
from broker.operate.front import audience_socket

# What is answered beside the desk's own questions.
QUESTIONS = {**CALLS, "suggest_segments": suggest_call, "count_policies": count_policies}


def run(settings: Settings) -> None:
    """Serve on the audience socket until SIGTERM or SIGINT."""
    configure_logging("audience")
    url = os.environ.get("COURTIER_DATABASE_URL") or settings.database.worker_url
    if not url:
        raise SettingsError(
            "The audience process was given no database: set database.worker_url in the settings, or start"
            " everything with `courtier up`.",
            field="database.worker_url",
        )
    audience = settings.audience
    engine = make_engine(url, audience.threads + 1)
    cache = SnapshotCache(settings.state_dir / "snapshots", audience.memory_mb, audience.threads)
    desk = CountDesk(Database(engine), settings, cache, QUESTIONS)
    try:
        asyncio.run(_serve(settings, desk))
    finally:
        engine.dispose()


async def _serve(settings: Settings, desk: CountDesk) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    # One thread more than DuckDB uses: a small question need not wait for a large one.
    await serve(
        audience_socket(settings),
        desk.answer,
        settings.audience.threads + 1,
        stop,
        lambda error: print_fault(error, sys.stderr),
    )
