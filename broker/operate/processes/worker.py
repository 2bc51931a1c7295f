"""A worker: runs jobs until it is told to end. It holds the keys that open addresses.

Three lanes: deliveries one at a time, since each uses a whole core; what people and programs are told, so that a slow
endpoint holds up nothing; everything else beside them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading

from procrastinate import App

from broker.kernel.database import Database, make_engine
from broker.kernel.errors import SettingsError, Unavailable
from broker.kernel.log import configure_logging
from broker.kernel.settings import Settings
from broker.operate.jobs.app import DELIVERY_QUEUES, NOTICE_QUEUES, OTHER_QUEUES, make_app
from broker.operate.jobs.means import Means
from broker.operate.journal.files import journal_of
from broker.operate.journal.outbox import flush_outbox
from broker.vault.current_ring import CurrentRing

LANES = ((DELIVERY_QUEUES, 1), (OTHER_QUEUES, 2), (NOTICE_QUEUES, 2))
GRACE_SECONDS = 20.0  # the supervisor waits a little longer before it kills


def run(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; then finish the window in flight and give back the rest."""
    url = os.environ.get("COURTIER_DATABASE_URL") or settings.database.worker_url
    if not url:
        raise SettingsError(
            "The worker was given no database: set database.worker_url in the settings, or start everything with"
            " `courtier up`.",
            field="database.worker_url",
        )
    configure_logging("worker")
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    engine = make_engine(url, settings.database.pool_size)
    means = Means(Database(engine), CurrentRing(settings.key_dir), settings, threading.Event())
    try:
        asyncio.run(_work(make_app(means, url), means))
        flush_outbox(means.database, journal_of(settings.journal_dir))
    finally:
        engine.dispose()


async def _work(app: App, means: Means) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    stalled_after = float(means.settings.worker.stalled_after_seconds)
    async with app.open_async():
        lanes = [
            asyncio.create_task(
                app.run_worker_async(
                    queues=list(queues),
                    concurrency=concurrency,
                    name=queues[0],
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    fetch_job_polling_interval=2.0,
                    shutdown_graceful_timeout=GRACE_SECONDS,
                    update_heartbeat_interval=stalled_after / 3,
                    stalled_worker_timeout=stalled_after,
                )
            )
            for queues, concurrency in LANES
        ]
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait([asked, *lanes], return_when=asyncio.FIRST_COMPLETED)
        means.stopping.set()
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        asked.cancel()
        if not stop.is_set():
            raise Unavailable("The job queue was lost: the database does not answer.", code="queue_lost")
