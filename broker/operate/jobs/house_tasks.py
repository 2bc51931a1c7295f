"""What workers do by the clock: ask for what is due, watch, remind, forget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from broker.affiliation.decide_conversions import keep_conversions
from broker.affiliation.look_for_fraud import ask_for_fraud
from broker.affiliation.pick_by_rule import pick_by_rules
from broker.audience.compact_store import bases_to_compact
from broker.bases.ask_contact import KEPT_MINUTES
from broker.bases.calendar_store import feeds_to_read
from broker.bases.keep_days import FEED_HOURS
from broker.bases.profile_store import bases_to_renew
from broker.bases.question_store import forget_questions
from broker.bases.receive import destroy_ended_uploads
from broker.bases.retention import keep_retention
from broker.bases.stale_fields import remind_of_stale_fields
from broker.billing.accrue_conversions import ask_for_conversions
from broker.billing.bank.velocity import look_at_velocity
from broker.billing.dunning.dunning import run_dunning
from broker.billing.end_orders import end_lapsed_orders
from broker.billing.exports.export_file_store import forget as forget_files
from broker.billing.gateway.gateway_balance import ask_reading
from broker.billing.settle import due_settlements
from broker.delivery.delegate_domain import ask_due_checks
from broker.delivery.reputation import KEEP, tell_day, watch_reputation
from broker.delivery.reputation_store import forget_tally
from broker.delivery.tend_dkim_key import ask_due_keys
from broker.feedback.account_store import forget_letters
from broker.feedback.classify_hits import ask_for_classification, forget_hit_sources
from broker.feedback.collect_results import ask_for_results, forget_results
from broker.feedback.rights import forget_unconfirmed
from broker.feedback.watch_seeds import watch_seeds
from broker.insight.find_customer import forget_lookups
from broker.mailings.periodic import look_after_mailings
from broker.operate.house_notices import ask_for_notices, forget_notices, tell_of_the_day
from broker.operate.jobs.job_store import enqueue_what_is_due, forget_old_jobs
from broker.operate.jobs.means import Means
from broker.operate.journal.files import journal_of
from broker.operate.journal.outbox import flush_outbox
from broker.rentals import chase
from broker.rentals.cancel import expire_orders
from broker.suppression.feed_model import FEED_HOURS as SUPPRESSION_FEED_HOURS
from broker.suppression.feed_store import feeds_to_read as suppression_feeds_to_read
from broker.suppression.read_feed import remind_of_stale_lists

# croniter reads the seconds last.
EVERY_TWO_SECONDS, EVERY_FIVE_SECONDS = "* * * * * */2", "* * * * * */5"
EVERY_MINUTE = "* * * * *"
KEEP_FAILED_HOURS = 72
LINK_DAYS = 7  # as long as a link to set a password holds

log = structlog.get_logger(__name__)


def house_tasks(means: Means) -> Sequence[tuple[str, Callable[[int], None]]]:
    """(cron, task) of each; a task is known by its function's name and gets the second for which it was due."""
    database, settings = means.database, means.settings

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

    def carry_over(timestamp: int) -> None:
        """Opt-outs, erasures and bounces go to the journal outside the database."""
        flush_outbox(database, journal_of(settings.journal_dir))

    def look_after(timestamp: int) -> None:
        """Watch what is being sent; ask for studies and for the reports that are owed."""
        look_after_mailings(database, settings)

    def keep_programmes(timestamp: int) -> None:
        """Clicks, leads and sales of programmes: counted, approved by time, accrued; owners' rules pick their sends."""
        with database.begin() as unit:
            keep_conversions(unit)
            ask_for_conversions(unit)
            ask_for_fraud(unit)
        pick_by_rules(database)

    def watch(timestamp: int) -> None:
        """Hold mail that fares badly; see whether control mails arrive; look at what comes too often."""
        with database.begin() as unit:
            look_at_velocity(unit, settings)
        with database.begin() as unit:
            watch_reputation(unit, settings)
            watch_seeds(unit)

    def ask_results(timestamp: int) -> None:
        """Ask for what mailings did to the contacts of each base; look at sending domains again."""
        with database.begin() as unit:
            ask_for_results(unit)
            ask_due_checks(unit)
            ask_due_keys(unit, means.ring(), settings.mail)

    def tell(timestamp: int) -> None:
        """What is told because a day has come: digests, steps of the plan, ageing files and keys."""
        tell_of_the_day(database)

    def destroy_uploads(timestamp: int) -> None:
        """Destroy sealed files and answers about contacts whose time is over."""
        with database.begin() as unit:
            destroy_ended_uploads(unit, settings)
            forget_lookups(unit)
            forget_questions(unit, KEPT_MINUTES)

    def read_calendars(timestamp: int) -> None:
        """Read again the calendars and suppression files that were subscribed; ask for fresh ones."""
        with database.begin() as unit:
            for base_id in feeds_to_read(unit, FEED_HOURS):
                unit.enqueue("read_calendar", base_id)
            for feed_id in suppression_feeds_to_read(unit, SUPPRESSION_FEED_HOURS):
                unit.enqueue("read_suppression_feed", feed_id)
            remind_of_stale_lists(unit)

    def chase_answers(timestamp: int) -> None:
        """Remind whoever is to answer an order; let one expire that nobody answered."""
        with database.begin() as unit:
            chase.chase_answers(unit)

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

    def read_balance(timestamp: int) -> None:
        """The gateway's balance and owners' accounts there, once a day and whenever something asks."""
        if settings.payment.gateway != "none":
            with database.begin() as unit:
                ask_reading(unit)

    def tell_reputation(timestamp: int) -> None:
        """Yesterday's reputation for the broker."""
        with database.begin() as unit:
            tell_day(unit)
            forget_tally(unit, unit.now - KEEP)

    def dun(timestamp: int) -> None:
        """Write about what is overdue; each step once."""
        run_dunning(database, settings)

    return (
        (EVERY_TWO_SECONDS, carry_over),
        (EVERY_FIVE_SECONDS, sweep),
        (EVERY_MINUTE, look_after),
        (EVERY_MINUTE, keep_programmes),
        (EVERY_MINUTE, watch),
        ("*/5 * * * *", ask_results),
        ("*/10 * * * *", tell),
        ("*/10 * * * *", destroy_uploads),
        ("7 * * * *", read_calendars),
        ("23 * * * *", chase_answers),
        ("17 3 * * *", clean),
        ("37 3 * * *", keep_promises),
        ("11 5 * * *", read_balance),
        ("5 6 * * *", tell_reputation),
        ("15 6 * * 1-5", dun),
    )
