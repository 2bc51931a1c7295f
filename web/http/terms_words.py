"""Words, news and refusals of the commercial terms of orders."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

TERMS_WORDS = {
    "shortfall_up_to": _("up to this volume"),
    "shortfall_guaranteed": _("guaranteed"),
    "remedy_make_good": _("made good by a further mailing, free of charge"),
    "remedy_credit": _("credited"),
    "who_clickers": _("those who clicked"),
    "who_non_clickers": _("those who did not click"),
    "use_use": _("further use"),
    "use_make_good": _("names made good, free of charge"),
    "use_state_open": _("open"),
    "use_state_chosen": _("day chosen"),
    "use_state_planned": _("planned"),
    "use_state_given_up": _("given up"),
    "use_state_lapsed": _("lapsed"),
    "basis_card": _("past mailings of this card"),
    "basis_sector": _("past mailings of its sector"),
    "basis_all": _("past mailings of all cards"),
}
TERMS_NOTICES = {
    "option_taken": _("The contacts are held for you on that day."),
    "on_credit": _("The order is on your account. The recipients are about to be drawn."),
    "use_planned": _("The day is chosen; its mailing is being prepared."),
    "use_stopped": _("This use is stopped."),
    "use_given_up": _("This use is given up. What was prepaid for it is credited."),
    "credit_set": _("The credit limit is set."),
}
TERMS_SENTENCES = {
    "not_free": _("These names are no longer all free on that day: order fewer, or choose another day."),
    "option_taken": _("An option was taken on this quote already: order it, or ask for a new one."),
    "too_many_options": _("You hold enough options on this base: order one, or wait until one has lapsed."),
    "no_send_date": _("This order has no send date."),
    "no_credit_terms": _("No credit terms were agreed with you: pay this order, or ask the broker for terms."),
    "first_order_prepaid": _("The first order is paid in advance; later ones may go on credit."),
    "credit_limit": _("This order exceeds what is left of your credit: pay it, or pay an open invoice first."),
    "bad_limit": _("This is no credit limit: write an amount in euros."),
    "no_use_left": _("No use of this order is left."),
    "use_not_now": _("The next use is planned once the mailing before has been sent."),
    "after_licence": _("This day is after the last one of the licence."),
    "bad_uses": _("A licence is for 1 to 52 uses."),
    "bad_use_until": _("The period of a licence goes with several uses, and ends after the first."),
    "bad_tolerance": _("A tolerance is between 0 and 50 %."),
    "bad_remail": _("Write again to those who clicked, or to those who did not: one use, net names."),
    "too_few_people": _("Too few people are left to be written to again."),
    "remail_too_late": _("This mailing was sent too long ago: book its card anew."),
    "mailing_not_sent": _("This mailing has not been sent to its end."),
    "price_too_low": _("The price of a send would round to nothing."),
    "no_forecast": _("Too few mailings of this kind were sent for a forecast."),
}
