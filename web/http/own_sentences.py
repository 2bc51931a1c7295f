"""Refusals of own mailings, pressure, seeds and leaks on French pages, by code."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

OWN_SENTENCES = {
    "own_mailing_not_found": _("There is no such own mailing."),
    "own_planned": _("A planned mailing does not change. Cancel it and plan another."),
    "own_state": _("This mailing's state does not allow that any more. Look at it again."),
    "own_lacks_segments": _("Choose whom to write to first: one segment at least."),
    "own_lacks_likeness": _(
        "Say why what you offer is similar to what your customers bought: the law asks for it where there is no consent"
        " (L34-5 CPCE)."
    ),
    "own_lacks_messages": _("Each segment needs a message."),
    "own_lacks_signature": _("Each message is signed first (BAT): what is signed is what is sent."),
    "own_lacks_category": _("A message names products: choose the category that they are of."),
    "unknown_event": _("This base has no such event. Choose one of the list."),
    "looser_cap": _("A base may be stricter than the platform, not looser."),
    "leak_not_found": _("There is no such case."),
    "leak_closed": _("This case is closed already."),
    "seed_not_found": _("There is no such control address."),
    "too_many_seeds": _("There are too many control addresses: use some of them no more."),
    "bad_address": _("This is not an e-mail address."),
    "everybody_last": _("Everybody else comes last: no later segment would get anybody."),
    "twice": _("A segment stands here once."),
    "send_date_passed": _("The moment of the send has passed."),
    "send_date_far": _("The send date lies more than two years ahead."),
}
