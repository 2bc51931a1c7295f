"""Sentences for refusals around programmes, conversions and private offers."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

CONVERSION_SENTENCES = {
    "terms_changed": _("The programme's terms have changed: read and accept them first."),
    "refused_by_rule": _("Your own rule refuses this advertiser or sector."),
    "not_joined": _("The advertiser has not taken you into this programme."),
    "not_requested": _("The owner has left this programme."),
    "names_used": _("The programme takes no more names than are left. Pick a smaller volume."),
    "owner_cap": _("The programme's cap for one owner does not cover this volume."),
    "mails_only": _(
        "This offer pays for mails that we send. In your own newsletter only clicks, leads and sales are paid."
    ),
    "bad_joining": _("Choose how owners join."),
    "bad_days": _("Give a number of days, or a day, within the limits shown."),
    "click_not_validated": _("Clicks are judged by us, not validated."),
    "already_decided": _("This conversion is decided already: a decision is not taken back."),
    "not_extendable": _("The decision can be put off once, and only while it is open."),
    "conversion_not_found": _("There is no such conversion."),
    "missing_reason": _("Say why: the other party reads it."),
    "missing_file": _("Choose a CSV file."),
    "not_text": _("This is no text file: save it as CSV."),
    "no_columns": _("The first line names the columns: reference, decision, and for a no reason."),
    "too_many_rows": _("The file has too many lines: send it in parts."),
    "bad_line": _("A line of the file cannot be read."),
    "bad_click_id": _("This click id is not one of ours, or not whole."),
    "other_programme": _("This click id is of another programme."),
    "bad_reference": _("Give your own reference: 1 to 120 characters."),
    "bad_amount": _("Write the amount as 49.90: digits, a point, at most two decimals."),
    "missing_amount": _("A sale needs its amount without VAT."),
    "bad_moment": _("Write the moment as seconds since 1970, or as 2026-03-29T01:30:00+01:00 with its offset."),
    "bad_kind": _("Report a lead or a sale."),
    "secret_gone": _("The secret's key is gone: make a new secret."),
    "offer_answered": _("This offer was answered already."),
    "offer_not_found": _("There is no such offer."),
}
