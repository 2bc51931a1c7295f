"""The words of the catalogue's codes: how offers are paid, channels, suppression files, languages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

DESK_WORDS = {
    "cpm": _("per thousand mails"),
    "cpc": _("per click"),
    "cpl": _("per lead"),
    "cpa": _("per sale"),
    "newsletter": _("newsletter"),
    "sms": _("text message"),
    "social": _("social networks"),
    "in_use": _("in use"),
    "removed": _("removed"),
    "address": _("addresses"),
    "md5": "MD5",
    "sha256": "SHA-256",
    "fr": _("French"),
    "en": _("English"),
    "de": _("German"),
    "es": _("Spanish"),
    "it": _("Italian"),
    "nl": _("Dutch"),
    "pt": _("Portuguese"),
    "each_piece": _("Every order and its message"),
    "each_advertiser": _("An advertiser's first order; its next ones go through"),
}
