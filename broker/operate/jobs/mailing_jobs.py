"""The jobs of orders, mailings and delivery."""

from __future__ import annotations

from broker.audience.guard import few_match
from broker.billing.accrue import accrue_sends
from broker.delivery.delegate_domain import check_domain
from broker.delivery.presign import presign_mailing
from broker.delivery.send_mailing import send_mailing
from broker.delivery.send_proofs import send_proofs
from broker.delivery.tend_dkim_key import tend_dkim_key
from broker.kernel.errors import Conflict
from broker.mailings.announce_partners import plan_notice
from broker.mailings.freeze import freeze_mailing
from broker.mailings.keep_images import fetch_images
from broker.mailings.legal_report import write_legal_report
from broker.mailings.model import is_to_be_frozen
from broker.mailings.own.run import run_own_mailing
from broker.mailings.schedule import schedule_order, schedule_participation_send, schedule_use
from broker.mailings.store import mailing_by_id
from broker.mailings.study import study_mailing
from broker.operate.jobs.means import Means, Work
from broker.operate.journal.files import journal_of
from broker.operate.journal.sends import JournalledSends
from broker.rentals.answer_order import answer_order
from broker.suppression.read_feed import renew_feeds


def mailing_jobs(means: Means) -> Work:
    """Kind → function of a row's id."""
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

    def freeze(mailing_id: int) -> None:
        # What an advertiser subscribed is read again first: whoever left it since must not be written to.
        with database.begin() as unit:
            mailing, now = mailing_by_id(unit, mailing_id), unit.now
        if mailing is not None and is_to_be_frozen(mailing, now, settings.trade.freeze_hours):
            renew_feeds(database, means.keys, settings, mailing.advertiser_id, few_match)
        freeze_mailing(database, means.keys, settings, mailing_id)

    return {
        "answer_order": lambda row_id: answer_order(database, row_id),
        "schedule_participation_send": schedule,
        "schedule_order": schedule_credit,
        "schedule_use": plan_use,
        "plan_notice": lambda row_id: plan_notice(database, settings, row_id),
        "run_own_mailing": lambda row_id: run_own_mailing(database, means.keys, settings, row_id),
        "fetch_images": lambda row_id: fetch_images(database, settings, row_id),
        "send_proofs": lambda row_id: send_proofs(database, means.keys, means.signing, row_id),
        "freeze_mailing": freeze,
        "presign_mailing": lambda row_id: presign_mailing(
            database, means.keys, means.signing, row_id, should_stop=means.stopping.is_set
        ),
        "send_mailing": lambda row_id: send_mailing(
            database,
            means.keys,
            means.signing,
            row_id,
            accrue_sends,
            should_stop=means.stopping.is_set,
            journal=JournalledSends(journal_of(settings.journal_dir)),
        ),
        "study_mailing": lambda row_id: study_mailing(database, means.keys, settings, row_id),
        "write_legal_report": lambda row_id: write_legal_report(database, row_id),
        "check_sending_domain": lambda row_id: check_domain(database, means.keys, settings, row_id),
        "tend_dkim_key": lambda row_id: tend_dkim_key(database, means.keys, settings, row_id),
    }
