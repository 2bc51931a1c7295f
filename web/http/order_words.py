"""Words around orders: answers, signatures, subscriptions, agencies, regulated sectors."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

ORDER_WORDS = {
    "agency": _("Agency"),
    "proof_password": _("password typed again"),
    "proof_one_time_code": _("second factor"),
    "effect_refuse": _("refuses"),
    "effect_approve": _("approves"),
    "change": _("change asked for"),
    "decision_approved": _("order approved"),
    "decision_refused": _("order refused"),
    "decision_change": _("change asked for"),
    "left": _("left to a person"),
    "feed_new": _("being read"),
    "feed_read": _("up to date"),
    "feed_failed": _("not read"),
    "host_not_allowed": _("its host is not allowed for you"),
    "nothing_read": _("it holds no address and no hash"),
    "too_slow": _("its host takes too long"),
    "bad_file": _("it has no lines"),
    "alcohol": _("Alcohol"),
    "gambling": _("Gambling"),
    "credit": _("Consumer credit"),
    "cars": _("Motor vehicles"),
    "processed_food": _("Sweet drinks, manufactured food"),
}
