"""French for refusals about payouts, refunds and overdue invoices."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

PAYMENT_SENTENCES = {
    "org_frozen": _("This organisation is frozen: it can neither book nor be paid until the freeze is ended."),
    "overdue_stop": _(
        "An invoice is long overdue: pay it, or have the accountant agree days with you, to order again."
    ),
    "payout_held": _("Payouts to this organisation are held on suspicion: two people release them."),
    "refund_exceeds": _("This is more than is left to be given back."),
    "bad_refund": _("A refund has an amount, a reason, and an account it goes to."),
    "order_running": _("For more than is owed back, cancel the order, or wait for its invoice."),
    "credit_by_owner": _("This invoice is not in our own name: its seller issues the credit note."),
    "refund_state": _("The refund is no longer in the state that this needs."),
    "credit_exceeds": _("The invoice has less left than this credit note."),
    "not_late": _("This invoice was paid in time: nothing is to be done."),
    "held_already": _("It is held already."),
    "not_held": _("It is not held."),
    "bad_hold": _("Say why, in 500 letters at most, and choose a day that has not passed."),
    "bad_instalments": _("Name days from today on, each once, whose amounts make what is open."),
    "instalments_agreed": _("Days were agreed for this invoice before."),
    "nothing_late": _("Nothing has grown that was not claimed."),
    "not_ours": _("This interest is not ours to claim."),
    "claim_day": _("The interest up to this day was claimed already."),
    "bad_reference_rate": _("A rate begins on 1 January or 1 July and is 0 to 100 % a year."),
    "rate_known": _("This half-year has its rate already."),
    "hold_not_cleared": _("First somebody says what was found; then another person releases."),
    "hold_over": _("This hold is over."),
    "account_changed": _(
        "The account was changed after the approval, or a change waits: give the payout up and propose it again."
    ),
    "account_waits": _("The account is too new to be paid to."),
    "address_incomplete": _("The owner's address needs a town and a country."),
    "name_unreadable": _("Banks cannot read the holder's name: propose the account again in Latin letters."),
    "bad_status": _("This is no answer of a bank (pain.002)."),
    "unknown_file": _("This answer is about a file that is none of ours."),
    "not_captured": _("Nothing was captured for this order: there is nothing to give back yet."),
    "nothing_to_export": _("Nothing is approved and waits for a file."),
    "day_limit": _("With this one more is approved today than the settings allow: approve it tomorrow."),
    "bad_threshold": _("A threshold is an amount from 0 on."),
    "payout_state": _("The payout is no longer in the state that this needs."),
}
