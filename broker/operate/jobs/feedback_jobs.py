"""The jobs of what comes back, of people's rights, and of what users and programs are told."""

from __future__ import annotations

from collections.abc import Sequence

from broker.billing.accrue import reverse_bounces
from broker.feedback.account_letter import post_account_letter
from broker.feedback.answer_request import answer_request
from broker.feedback.apply_profile import apply_profile
from broker.feedback.classify_hits import classify_hits
from broker.feedback.collect_results import collect_results
from broker.feedback.match_request import match_request
from broker.feedback.read_inbound import read_inbound
from broker.feedback.watch_seeds import look_at_seeds
from broker.kernel.database import UnitOfWork
from broker.notifications.deliver_webhooks import deliver_webhooks
from broker.notifications.post_mail import post_digest, post_notification
from broker.operate.house_notices import notice_poster
from broker.operate.jobs.means import Means, Work
from broker.operate.tell_news import tell_news


def feedback_jobs(means: Means) -> Work:
    """Kind → function of a row's id. Later rooms reach earlier ones here, as arguments."""
    database, settings = means.database, means.settings

    def take_back(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        reverse_bounces(unit, mailing_id, keys)

    return {
        "read_inbound": lambda row_id: read_inbound(database, means.keys, means.signing, row_id, take_back),
        "classify_hits": lambda row_id: classify_hits(database, row_id),
        "look_at_seeds": lambda row_id: look_at_seeds(database, means.keys, settings, row_id),
        "collect_results": lambda row_id: collect_results(database, means.keys, settings, row_id),
        "match_request": lambda row_id: match_request(database, means.keys, means.signing, row_id),
        "answer_request": lambda row_id: answer_request(database, means.keys, means.signing, row_id),
        "apply_profile": lambda row_id: apply_profile(database, means.keys, row_id),
        "post_account_letter": lambda row_id: post_account_letter(database, means.keys, means.signing, row_id),
        "post_notification": lambda row_id: post_notification(
            database, means.keys.front, settings, row_id, notice_poster(means.keys, means.signing)
        ),
        "post_digest": lambda row_id: post_digest(
            database, means.keys.front, settings, row_id, notice_poster(means.keys, means.signing)
        ),
        "tell_news": lambda row_id: tell_news(database, row_id),
        "deliver_webhooks": lambda row_id: deliver_webhooks(database, means.keys, settings, row_id),
    }
