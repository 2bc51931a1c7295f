"""The job engine: which kind of job runs which function, and what keeps jobs from being lost.

Rows are the truth; a job is a nudge that carries a row's id. It may be lost or run twice and nothing breaks: periodic
tasks give back the jobs of workers that went silent, and ask again for work that rows say is due.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status

from broker.affiliation.decide_conversions import keep_conversions
from broker.affiliation.look_for_fraud import ask_for_fraud, look_for_fraud
from broker.affiliation.pick_by_rule import pick_by_rules
from broker.audience.build_snapshot import build_snapshot
from broker.audience.compact import compact_base
from broker.audience.compact_store import bases_to_compact
from broker.audience.desk import CountDesk
from broker.audience.guard import few_match
from broker.audience.loaded import SnapshotCache
from broker.audience.local_client import LocalClient
from broker.audience.renew_snapshot import renew_snapshot
from broker.bases.answer_contact import answer_question
from broker.bases.ask_contact import KEPT_MINUTES
from broker.bases.calendar_store import feeds_to_read
from broker.bases.check_upload import check_upload
from broker.bases.keep_days import FEED_HOURS, read_calendar
from broker.bases.preview import preview_upload
from broker.bases.profile_store import bases_to_renew, supplied_since
from broker.bases.question_store import forget_questions
from broker.bases.receive import destroy_ended_uploads
from broker.bases.retention import keep_retention
from broker.bases.run_import import run_import
from broker.bases.stale_fields import remind_of_stale_fields
from broker.billing.accrue import accrue_sends, reverse_bounces
from broker.billing.accrue_conversions import accrue_conversions, ask_for_conversions, bill_clicks
from broker.billing.bank.bank_lines import book_bank_line
from broker.billing.bank.payouts import book_payout
from broker.billing.bank.velocity import look_at_velocity
from broker.billing.close_month import close_asked
from broker.billing.dunning.dunning import post_dunning, run_dunning
from broker.billing.end_orders import end_lapsed_orders
from broker.billing.exports.export_file_store import forget as forget_files
from broker.billing.exports.write_export import write_export
from broker.billing.gateway.gateway_balance import ask_reading
from broker.billing.invoices.contests import issue_correction
from broker.billing.invoices.receipts import book_receipt
from broker.billing.invoices.vat_check import check_vat_number
from broker.billing.invoices.vat_register import choose_register
from broker.billing.settle import due_settlements, settle_mailing
from broker.catalogue.refresh_cards import refresh_cards
from broker.delivery.delegate_domain import ask_due_checks, check_domain
from broker.delivery.presign import presign_mailing
from broker.delivery.reputation import KEEP, tell_day, watch_reputation
from broker.delivery.reputation_store import forget_tally
from broker.delivery.send_mailing import send_mailing
from broker.delivery.send_proofs import send_proofs
from broker.delivery.tend_dkim_key import Signing, ask_due_keys, tend_dkim_key
from broker.feedback.account_letter import post_account_letter
from broker.feedback.account_store import forget_letters
from broker.feedback.answer_request import answer_request
from broker.feedback.apply_profile import apply_profile
from broker.feedback.classify_hits import ask_for_classification, classify_hits, forget_hit_sources
from broker.feedback.collect_results import ask_for_results, collect_results, forget_results
from broker.feedback.match_request import match_request
from broker.feedback.read_inbound import read_inbound
from broker.feedback.rights import forget_unconfirmed
from broker.feedback.watch_seeds import look_at_seeds, watch_seeds
from broker.insight.build_insight import build_insight
from broker.insight.customer_study import study_of
from broker.insight.find_customer import forget_lookups, look_up_customer
from broker.insight.restudy import restudy_base
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.mailings.announce_partners import plan_notice
from broker.mailings.freeze import freeze_mailing
from broker.mailings.keep_images import fetch_images
from broker.mailings.legal_report import write_legal_report
from broker.mailings.model import is_to_be_frozen
from broker.mailings.own.run import run_own_mailing
from broker.mailings.periodic import look_after_mailings
from broker.mailings.schedule import schedule_order, schedule_participation_send, schedule_use
from broker.mailings.store import mailing_by_id
from broker.mailings.study import study_mailing
from broker.notifications.deliver_webhooks import deliver_webhooks
from broker.notifications.post_mail import post_digest, post_notification
from broker.operate.bank_jobs import bank_jobs
from broker.operate.faults import print_fault
from broker.operate.house_notices import ask_for_notices, forget_notices, notice_poster, tell_of_the_day
from broker.operate.job_store import enqueue_what_is_due, forget_old_jobs
from broker.operate.journal.files import journal_of
from broker.operate.journal.outbox import flush_outbox
from broker.operate.journal.sends import JournalledSends
from broker.operate.payment_jobs import payment_jobs
from broker.operate.tell_news import tell_news
from broker.rentals.answer_order import answer_order
from broker.rentals.cancel import expire_orders
from broker.rentals.chase import chase_answers
from broker.rentals.end_quotes import end_quotes
from broker.suppression.feed_model import FEED_HOURS as SUPPRESSION_FEED_HOURS
from broker.suppression.feed_store import feeds_to_read as suppression_feeds_to_read
from broker.suppression.key_list import key_suppression_list
from broker.suppression.read_feed import read_feed, remind_of_stale_lists, renew_feeds
from broker.vault.current_ring import CurrentRing
from broker.vault.keyring import WorkerKeys

DELIVERY_QUEUES = ("delivery",)
NOTICE_QUEUES = ("notice",)
OTHER_QUEUES = ("import", "mailing", "feedback", "billing", "house")
# croniter reads the seconds last.
EVERY_TWO_SECONDS, EVERY_FIVE_SECONDS = "* * * * * */2", "* * * * * */5"
KEEP_FAILED_HOURS = 72
LINK_DAYS = 7  # as long as a link to set a password holds

log = structlog.get_logger(__name__)


class JobFailed(Exception):
    """A job ended with an error; its text, which may quote rows, is left out on purpose."""


@dataclass(frozen=True)
class Means:
    """What jobs work with. `stopping` is set when the worker was asked to end."""

    database: Database
    ring: CurrentRing
    settings: Settings
    stopping: threading.Event

    @property
    def keys(self) -> WorkerKeys:
        """The ring of this moment: each job asks when it starts, so that a rotation needs no restart."""
        return self._signing.keys()

    @property
    def signing(self) -> Settings:
        """The settings with the DKIM selector that signs at this moment."""
        return self._signing.now()

    @property
    def _signing(self) -> Signing:
        return Signing(self.database, self.ring, self.settings)


def registry(means: Means) -> Mapping[str, Callable[[int], object]]:
    """Kind → function of a row's id. Later rooms reach earlier ones here, as arguments."""
    database, settings = means.database, means.settings

    def schedule(row_id: int) -> None:
        with database.begin() as unit:
            try:
                schedule_participation_send(unit, row_id)
            except Conflict as error:
                if error.code != "not_schedulable":  # withdrawn, or scheduled by an earlier run
                    raise

    def schedule_credit(order_id: int) -> None:
        with database.begin() as unit:
            try:
                schedule_order(unit, order_id)
            except Conflict as error:
                if error.code != "not_schedulable":  # by an earlier run
                    raise

    def plan_use(use_id: int) -> None:
        with database.begin() as unit:
            schedule_use(unit, use_id)

    def study(snapshot_id: int) -> None:
        # Cards first: the findings mark the snapshot as done.
        cache = SnapshotCache(settings.state_dir / "snapshots", settings.audience.memory_mb, settings.audience.threads)
        refresh_cards(database, LocalClient(CountDesk(database, settings, cache)), snapshot_id, end_quotes)
        build_insight(database, settings, snapshot_id)

    def renew(base_id: int) -> None:
        with database.begin() as unit:
            lacking = supplied_since(unit, base_id) is not None
        if lacking:
            renew_snapshot(database, means.keys, settings, base_id, study_of)

    def freeze(mailing_id: int) -> None:
        # What an advertiser subscribed is read again first: whoever left it since must not be written to.
        with database.begin() as unit:
            mailing, now = mailing_by_id(unit, mailing_id), unit.now
        if mailing is not None and is_to_be_frozen(mailing, now, settings.trade.freeze_hours):
            renew_feeds(database, means.keys, settings, mailing.advertiser_id, few_match)
        freeze_mailing(database, means.keys, settings, mailing_id)

    def take_back(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        reverse_bounces(unit, mailing_id, keys)

    return {
        "import_base": lambda row_id: run_import(database, means.keys, settings, row_id),
        "preview_upload": lambda row_id: preview_upload(database, means.keys, settings, row_id),
        "check_upload": lambda row_id: check_upload(database, means.keys, settings, row_id),
        "answer_question": lambda row_id: answer_question(database, means.keys, settings, row_id),
        "import_purchases": lambda row_id: run_import(database, means.keys, settings, row_id),
        "build_snapshot": lambda row_id: build_snapshot(database, means.keys, settings, row_id, study_of=study_of),
        "build_insight": study,
        "restudy_base": lambda row_id: restudy_base(database, means.keys, settings, row_id),
        "look_up_customer": lambda row_id: look_up_customer(database, means.keys, settings, row_id),
        "compact_base": lambda row_id: compact_base(database, means.keys, settings, row_id),
        "schedule_participation_send": schedule,
        "schedule_order": schedule_credit,
        "schedule_use": plan_use,
        "answer_order": lambda row_id: answer_order(database, row_id),
        "read_calendar": lambda row_id: read_calendar(database, settings, row_id),
        "fetch_images": lambda row_id: fetch_images(database, settings, row_id),
        "plan_notice": lambda row_id: plan_notice(database, settings, row_id),
        "run_own_mailing": lambda row_id: run_own_mailing(database, means.keys, settings, row_id),
        "freeze_mailing": freeze,
        "read_suppression_feed": lambda row_id: read_feed(database, means.keys, settings, row_id, few_match),
        "send_mailing": lambda row_id: send_mailing(
            database,
            means.keys,
            means.signing,
            row_id,
            accrue_sends,
            should_stop=means.stopping.is_set,
            journal=JournalledSends(journal_of(settings.journal_dir)),
        ),
        "send_proofs": lambda row_id: send_proofs(database, means.keys, means.signing, row_id),
        "study_mailing": lambda row_id: study_mailing(database, means.keys, settings, row_id),
        "write_legal_report": lambda row_id: write_legal_report(database, row_id),
        "presign_mailing": lambda row_id: presign_mailing(
            database, means.keys, means.signing, row_id, should_stop=means.stopping.is_set
        ),
        "key_suppression_list": lambda row_id: key_suppression_list(database, means.keys, settings, row_id, few_match),
        "read_inbound": lambda row_id: read_inbound(database, means.keys, means.signing, row_id, take_back),
        "classify_hits": lambda row_id: classify_hits(database, row_id),
        "check_sending_domain": lambda row_id: check_domain(database, means.keys, settings, row_id),
        "tend_dkim_key": lambda row_id: tend_dkim_key(database, means.keys, settings, row_id),
        "look_at_seeds": lambda row_id: look_at_seeds(database, means.keys, settings, row_id),
        "collect_results": lambda row_id: collect_results(database, means.keys, settings, row_id),
        "match_request": lambda row_id: match_request(database, means.keys, means.signing, row_id),
        "answer_request": lambda row_id: answer_request(database, means.keys, means.signing, row_id),
        "apply_profile": lambda row_id: apply_profile(database, means.keys, row_id),
        "renew_base": renew,
        "post_account_letter": lambda row_id: post_account_letter(database, means.keys, means.signing, row_id),
        "post_notification": lambda row_id: post_notification(
            database, means.keys.front, settings, row_id, notice_poster(means.keys, means.signing)
        ),
        "post_digest": lambda row_id: post_digest(
            database, means.keys.front, settings, row_id, notice_poster(means.keys, means.signing)
        ),
        "tell_news": lambda row_id: tell_news(database, row_id),
        "deliver_webhooks": lambda row_id: deliver_webhooks(database, means.keys, settings, row_id),
        **payment_jobs(database, settings),
        **bank_jobs(database, settings),
        "close_month": lambda row_id: close_asked(database, settings, row_id),
        "write_export": lambda row_id: write_export(database, settings, row_id, means.stopping.is_set),
        "book_receipt": lambda row_id: book_receipt(database, row_id),
        "book_payout": lambda row_id: book_payout(database, row_id),
        "book_bank_line": lambda row_id: book_bank_line(database, row_id),
        "post_dunning": lambda row_id: post_dunning(database, means.keys, means.signing, row_id),
        "settle_mailing": lambda row_id: settle_mailing(database, settings, row_id),
        "bill_clicks": lambda row_id: bill_clicks(database, row_id),
        "accrue_conversions": lambda row_id: accrue_conversions(database, row_id),
        "look_for_fraud": lambda row_id: look_for_fraud(database, row_id),
        "issue_correction": lambda row_id: issue_correction(database, settings, row_id),
        "check_vat": lambda row_id: check_vat_number(database, choose_register(settings), settings, row_id),
    }


def make_app(means: Means, worker_url: str) -> App:
    """The Procrastinate application with all tasks, on the schema `jobs`."""
    app = App(connector=PsycopgConnector(conninfo=worker_url, kwargs={"options": "-c search_path=jobs"}, max_size=8))
    for kind, work in registry(means).items():
        app.task(name=kind)(_guarded(kind, work))
    _add_house_tasks(app, means)
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


def _add_house_tasks(app: App, means: Means) -> None:
    """Periodic tasks; each waits in the queue at most once."""
    database, settings = means.database, means.settings

    async def retry_stalled(timestamp: int) -> None:
        """Give back the jobs of workers that have been silent for too long."""
        manager = app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=settings.worker.stalled_after_seconds):
            try:
                await manager.retry_job(job)
            except (UniqueViolation, ConnectorException):
                # The same work waits already: this one has nothing left to say.
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            else:
                log.warning("job.given_back", kind=job.task_name, job=job.id)

    def sweep(timestamp: int) -> None:
        """Ask for what the rows say is due and no job is there for."""
        with database.begin() as unit:
            asked = enqueue_what_is_due(unit, settings.trade.freeze_hours)
            asked += ask_for_classification(unit)
            asked += ask_for_notices(unit)
            expire_orders(unit)
            end_lapsed_orders(unit, settings)
            for mailing_id in due_settlements(unit, settings):
                unit.enqueue("settle_mailing", mailing_id)
        if asked:
            log.info("jobs.asked_again", count=asked)

    def ask_results(timestamp: int) -> None:
        """Ask for what mailings did to the contacts of each base; look at sending domains again."""
        with database.begin() as unit:
            ask_for_results(unit)
            ask_due_checks(unit)
            ask_due_keys(unit, means.ring(), settings.mail)

    def watch(timestamp: int) -> None:
        """Hold mail that fares badly; see whether control mails arrive; look at what comes too often."""
        with database.begin() as unit:
            look_at_velocity(unit, settings)
        with database.begin() as unit:
            watch_reputation(unit, settings)
            watch_seeds(unit)

    def tell_reputation(timestamp: int) -> None:
        """Yesterday's reputation for the broker."""
        with database.begin() as unit:
            tell_day(unit)
            forget_tally(unit, unit.now - KEEP)

    def carry_over(timestamp: int) -> None:
        """Opt-outs, erasures and bounces go to the journal outside the database."""
        flush_outbox(database, journal_of(settings.journal_dir))

    def destroy_uploads(timestamp: int) -> None:
        """Destroy sealed files and answers about contacts whose time is over."""
        with database.begin() as unit:
            destroy_ended_uploads(unit, settings)
            forget_lookups(unit)
            forget_questions(unit, KEPT_MINUTES)

    def clean(timestamp: int) -> None:
        """Forget what need not be kept."""
        with database.begin() as unit:
            forget_old_jobs(unit, KEEP_FAILED_HOURS)
            forget_files(unit)
            forget_hit_sources(unit)
            forget_unconfirmed(unit)
            forget_letters(unit, LINK_DAYS)
            forget_results(unit, settings)
            forget_notices(unit)

    def keep_promises(timestamp: int) -> None:
        """Announce and erase the silent; look for stale fields; rewrite snapshots without whoever was erased."""
        keep_retention(database, settings)
        remind_of_stale_fields(database)
        with database.begin() as unit:
            for base_id in bases_to_compact(unit):
                unit.enqueue("compact_base", base_id)
            for base_id in bases_to_renew(unit):
                unit.enqueue("renew_base", base_id)

    app.periodic(cron=EVERY_FIVE_SECONDS)(
        app.task(name="retry_stalled", queue="house", queueing_lock="retry_stalled")(retry_stalled)
    )
    app.periodic(cron=EVERY_FIVE_SECONDS)(app.task(name="sweep", queue="house", queueing_lock="sweep")(sweep))
    app.periodic(cron=EVERY_TWO_SECONDS)(
        app.task(name="carry_over", queue="house", queueing_lock="carry_over")(carry_over)
    )

    def look_after(timestamp: int) -> None:
        """Watch what is being sent; ask for studies and for the reports that are owed."""
        look_after_mailings(database, settings)

    app.periodic(cron="* * * * *")(app.task(name="look_after", queue="house", queueing_lock="look_after")(look_after))

    def keep_programmes(timestamp: int) -> None:
        """Clicks, leads and sales of programmes: counted, approved by time, accrued; owners' rules pick their sends."""
        with database.begin() as unit:
            keep_conversions(unit)
            ask_for_conversions(unit)
            ask_for_fraud(unit)
        pick_by_rules(database)

    app.periodic(cron="* * * * *")(
        app.task(name="keep_programmes", queue="house", queueing_lock="keep_programmes")(keep_programmes)
    )

    def read_calendars(timestamp: int) -> None:
        """Read again the calendars and suppression files that were subscribed; ask for fresh ones."""
        with database.begin() as unit:
            for base_id in feeds_to_read(unit, FEED_HOURS):
                unit.enqueue("read_calendar", base_id)
            for feed_id in suppression_feeds_to_read(unit, SUPPRESSION_FEED_HOURS):
                unit.enqueue("read_suppression_feed", feed_id)
            remind_of_stale_lists(unit)

    app.periodic(cron="7 * * * *")(
        app.task(name="read_calendars", queue="house", queueing_lock="read_calendars")(read_calendars)
    )

    def tell(timestamp: int) -> None:
        """What is told because a day has come: digests, steps of the plan, ageing files and keys."""
        tell_of_the_day(database)

    app.periodic(cron="* * * * *")(app.task(name="watch", queue="house", queueing_lock="watch")(watch))
    app.periodic(cron="5 6 * * *")(
        app.task(name="tell_reputation", queue="house", queueing_lock="tell_reputation")(tell_reputation)
    )
    app.periodic(cron="*/5 * * * *")(
        app.task(name="ask_results", queue="house", queueing_lock="ask_results")(ask_results)
    )
    app.periodic(cron="*/10 * * * *")(app.task(name="tell", queue="house", queueing_lock="tell")(tell))

    def read_balance(timestamp: int) -> None:
        """The gateway's balance and owners' accounts there, once a day and whenever something asks."""
        if settings.payment.gateway != "none":
            with database.begin() as unit:
                ask_reading(unit)

    app.periodic(cron="11 5 * * *")(
        app.task(name="read_balance", queue="house", queueing_lock="read_balance")(read_balance)
    )

    def chase(timestamp: int) -> None:
        """Remind whoever is to answer an order; let one expire that nobody answered."""
        with database.begin() as unit:
            chase_answers(unit)

    def dun(timestamp: int) -> None:
        """Write about what is overdue; each step once."""
        run_dunning(database, settings)

    app.periodic(cron="15 6 * * 1-5")(app.task(name="dun", queue="house", queueing_lock="dun")(dun))
    app.periodic(cron="23 * * * *")(app.task(name="chase_answers", queue="house", queueing_lock="chase_answers")(chase))
    app.periodic(cron="*/10 * * * *")(
        app.task(name="destroy_uploads", queue="house", queueing_lock="destroy_uploads")(destroy_uploads)
    )
    app.periodic(cron="37 3 * * *")(
        app.task(name="keep_promises", queue="house", queueing_lock="keep_promises")(keep_promises)
    )
    app.periodic(cron="17 3 * * *")(app.task(name="clean", queue="house", queueing_lock="clean")(clean))
