"""Words and sentences about mailings: what their watch found, how a subject test ended, what was compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import flask_babel
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from web.http.creative_lines import creative_line

MAILING_WORDS = {
    "rate_bounces": _("Came back"),
    "rate_clickers": _("People who clicked"),
    "rate_opt_outs": _("Opt-outs"),
    "rate_complaints": _("Complaints"),
    "judged_more": _("more"),
    "judged_less": _("less"),
    "judged_same": _("no difference"),
    "judged_unknown": _("unknown"),
    "trait_domains": _("Mail domains"),
    "trait_gender": _("Sex"),
    "trait_age": _("Age"),
    "trait_region": _("Region"),
    "trait_value_tier": _("Value"),
    "trait_recency_days": _("Days since the last purchase"),
    "scope_base": _("the base"),
    "scope_advertiser": _("the advertiser"),
    "scope_everywhere": _("everything"),
    "value_tier": _("Value"),
    # why a mail came back
    "hard": _("for good"),
    "soft": _("for now"),
    "user_unknown": _("nobody of this name"),
    "domain_unknown": _("domain unknown"),
    "moved": _("moved away"),
    "address_disabled": _("address disabled"),
    "mailbox_full": _("mailbox full"),
    "message_too_large": _("message too large"),
    "server_error": _("error of the other server"),
    "network": _("network"),
    "mail_loop": _("mail in a loop"),
    "format": _("format refused"),
    "policy": _("refused for policy"),
    "filtered": _("filtered as unwanted"),
    "sender_refused": _("sender refused"),
    "temporary": _("passing trouble"),
}
_VERDICTS = {
    "proven": _("The winner is proven better: chance explains the difference in less than one case of twenty."),
    "ahead": _("The winner was ahead, which chance may explain: it left as the better bet, not as proven."),
    "tie": _("Several were equally good: the first of them left."),
    "no_clicks": _("Nobody clicked: variant A left, the message as it was written."),
    "nobody": _("No mail of the test arrived: variant A left."),
    "by_hand": _("The winner was chosen by hand, before the wait was over."),
}


def verdict(code: str) -> str:
    """How a subject test ended."""
    return str(_VERDICTS.get(code, code))


def alarm(reason: str, facts: Mapping[str, Any]) -> str:
    """What a mailing's watch found."""
    if reason == "start_window":
        return gettext("It could not begin within its start window: somebody has to say whether it still leaves.")
    events = facts["bounces"] if reason == "bounces" else facts["complaints"]
    values = {
        "events": flask_babel.format_decimal(events),
        "sent": flask_babel.format_decimal(facts["sent"]),
        "share": flask_babel.format_percent(events / max(1, facts["sent"]), "#,##0.00%"),
        "when": instant(facts["at"]),
    }
    if reason == "bounces":
        return gettext("%(events)s of %(sent)s mails came back (%(share)s), found %(when)s.", **values)
    return gettext("%(events)s of %(sent)s mails were complained of (%(share)s), found %(when)s.", **values)


def instant(value: str | datetime | None) -> str:
    """A moment that stands in a JSON answer, in French time."""
    if value is None:
        return "—"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return flask_babel.format_datetime(at, "d MMM y, HH:mm")


FILTERS: dict[str, Callable[..., Any]] = {
    "verdict": verdict,
    "alarm": alarm,
    "instant": instant,
    "creative_line": creative_line,
}
