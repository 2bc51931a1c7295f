"""The Procrastinate application.

Rows are the truth; a job is a nudge that carries a row's id. It may be lost or run twice and nothing breaks: periodic
tasks give back the jobs of workers that went silent, and ask again for work that rows say is due.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status

from broker.operate.faults import print_fault
from broker.operate.jobs.base_jobs import base_jobs
from broker.operate.jobs.billing_jobs import billing_jobs
from broker.operate.jobs.feedback_jobs import feedback_jobs
from broker.operate.jobs.house_tasks import EVERY_FIVE_SECONDS, house_tasks
from broker.operate.jobs.mailing_jobs import mailing_jobs
from broker.operate.jobs.means import Means, Work
from broker.operate.jobs.payment_jobs import payment_jobs

DELIVERY_QUEUES = ("delivery",)
NOTICE_QUEUES = ("notice",)
OTHER_QUEUES = ("import", "mailing", "feedback", "billing", "house")

log = structlog.get_logger(__name__)


class JobFailed(Exception):
    """A job ended with an error; its text, which may quote rows, is left out on purpose."""


def registry(means: Means) -> Work:
    """Every kind of job."""
    rooms = base_jobs, mailing_jobs, feedback_jobs, payment_jobs, billing_jobs
    return {kind: work for room in rooms for kind, work in room(means).items()}


def make_app(means: Means, worker_url: str) -> App:
    """The Procrastinate application with all tasks, on the schema `jobs`."""
    app = App(connector=PsycopgConnector(conninfo=worker_url, kwargs={"options": "-c search_path=jobs"}, max_size=8))
    for kind, work in registry(means).items():
        app.task(name=kind)(_guarded(kind, work))
    _periodic(app, EVERY_FIVE_SECONDS, _retry_stalled(app, means.settings.worker.stalled_after_seconds))
    for cron, task in house_tasks(means):
        _periodic(app, cron, task)
    return app


def _guarded(kind: str, work: Callable[[int], object]) -> Callable[..., None]:
    """The function as a task: runs in a thread, off the event loop, so that heartbeats go on."""

    def task(row_id: int) -> None:
        try:
            work(row_id)
        except Exception as error:
            print_fault(error, sys.stderr)
            code = getattr(error, "code", type(error).__name__)
            raise JobFailed(f"{kind} {row_id}: {code}") from None

    return task


def _periodic(app: App, cron: str, task: Callable[[int], object]) -> None:
    """A task of the house under its function's name; it waits in the queue at most once."""
    name = task.__name__
    app.periodic(cron=cron)(app.task(name=name, queue="house", queueing_lock=name)(task))


def _retry_stalled(app: App, stalled_after: int) -> Callable[[int], object]:
    async def retry_stalled(timestamp: int) -> None:
        """Give back the jobs of workers that have been silent for too long."""
        manager = app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=stalled_after):
            try:
                await manager.retry_job(job)
            except (UniqueViolation, ConnectorException):
                # The same work waits already: this one has nothing left to say.
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            else:
                log.warning("job.given_back", kind=job.task_name, job=job.id)

    return retry_stalled
