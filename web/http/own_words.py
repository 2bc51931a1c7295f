"""Words of own mailings, of pressure and of leaks."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

OWN_WORDS = {
    "active": _("on its way"),
    "basis": _("outside the legal basis"),
    "held_out": _("held out for comparison"),
    "loyalty": _("Loyalty"),
    "prospecting": _("Prospecting"),
    "own_basis_consent": _("Consent"),
    "own_basis_customers": _("Own customers, similar products"),
    "own_basis_either": _("Consent, or own customers"),
    "event_first_purchase": _("Days after the first purchase"),
    "event_inactivity": _("Days without a purchase"),
    # segments that a goal proposes, and why
    "off_cycle": _("Off cycle"),
    "goal_prospects": _("Prospects"),
    "goal_clicked": _("Prospects who clicked lately"),
    "goal_fresh": _("Prospects who consented lately"),
    "goal_visited": _("Prospects who came by lately"),
    "why_late": _("They stay away longer than their own habit: a word brings some of them back."),
    "why_best": _("They bought lately, often and for much: thank them, let them be first."),
    "why_keep": _("They come regularly: keep them with what they like."),
    "why_second": _("They are on the way to being loyal: one purchase more makes the habit."),
    "why_welcome": _("They bought for the first time lately: welcome them, help them choose again."),
    "why_win_back": _("They were worth much and have not come for long: win them back before they are lost."),
    "why_wake": _("They begin to forget you: a reminder costs little."),
    "why_class": _("A class of your own."),
    "why_surprise": _("A surprise: they prefer what such customers do not usually buy."),
    "why_affinity": _("They prefer it more than chance says: a special operation on it."),
    "why_large": _("They make half of the revenue: look after them first."),
    "why_prospects": _("They gave their address and have not bought yet."),
    "why_clicked": _("They clicked in a mail within 90 days: interest is there."),
    "why_fresh": _("They gave their address within 30 days: the first weeks decide."),
    "why_visited": _("They came to the site within 90 days without buying."),
    # what a draft lacks
    "lacks_segments": _("Choose whom to write to."),
    "lacks_likeness": _("Say why the offer is similar to what customers bought."),
    "lacks_messages": _("Each segment needs a message."),
    "lacks_signature": _("Sign the messages (BAT)."),
    "lacks_category": _("A message names products: choose their category."),
    # seeds
    "style_plus": _("your mailbox, sub-addressed"),
    "style_plain": _("your mailbox as it is"),
    "style_house": _("a mailbox of the platform"),
    # why the effect says nothing
    "effect_no_group": _("No group was held out: what would have come anyway cannot be told apart."),
    "effect_not_sent": _("Nothing has left yet."),
    "effect_no_purchases": _(
        "The purchases known end before the mailing left: upload a newer log, and this shows what it caused."
    ),
    "effect_too_few": _("Fewer than 30 people on one side: any difference could be chance, so none is shown."),
    # closed days
    "closed_kept": _("kept in the calendar"),
    "closed_weekday": _("closed weekday"),
    "closed_holiday": _("public holiday"),
}
