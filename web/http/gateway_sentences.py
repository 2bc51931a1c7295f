"""French for refusals about cards, debits, owners' accounts and the balance at the gateway."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

GATEWAY_SENTENCES = {
    "pay_under_way": _("A payment of this order is under way: wait for its end."),
    "method_closed": _("This way to pay is not open to you: ask the broker for it."),
    "means_in_use": _("A payment is under way with it: remove it afterwards."),
    "means_expired": _("This card has expired: save another one."),
    "bad_method": _("Choose at least one way to pay, and what an order does while a debit is under way."),
    "connect_closed": _("Owners are paid by bank transfer here: give your bank account."),
    "connect_opening": _("Your account is being opened: try again in a moment."),
    "transfer_asked": _("The gateway is being asked for this transfer: wait for its answer."),
    "nothing_owed": _("Nothing was credited by this owner that is not settled."),
    "reversal_exceeds": _("No transfer to this owner has so much left: the correction nets into its next payout."),
    "reversal_state": _("The reversal is no longer in the state that this needs."),
    "balance_short": _("Not so much was available at the last reading: read the balance again, or ask for less."),
    "line_known": _("This line has its place in the books."),
    "party_needed": _("This account needs its party."),
}
