"""Words for the codes of the gateway's pages: means, accounts there, lines of its balance."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _

GATEWAY_WORDS = {
    "check_gateway_differs": _("Gateway's balance not in the books"),
    "means_card": _("card"),
    "means_sepa_debit": _("SEPA direct debit"),
    "page_open": _("waits for the payer"),
    "page_complete": _("done"),
    "page_expired": _("lapsed"),
    "page_canceled": _("given up"),
    "debit_wait": _("the order waits"),
    "debit_credit": _("the order goes on credit"),
    "connect_asked": _("is being opened"),
    "connect_papers": _("papers are missing"),
    "connect_checking": _("is being checked"),
    "connect_restricted": _("closed by the gateway"),
    "connect_ready": _("ready"),
    "reversal_proposed": _("waits for approval"),
    "reversal_approved": _("is being taken back"),
    "reversal_done": _("taken back"),
    "reversal_failed": _("given up"),
    "gpo_asked": _("is being sent"),
    "gpo_sent": _("sent"),
    "gpo_failed": _("refused"),
    "line_charge": _("card payment"),
    "line_payment": _("payment"),
    "line_refund": _("refund"),
    "line_payment_refund": _("refund"),
    "line_refund_failure": _("refund that came back"),
    "line_adjustment": _("dispute or adjustment"),
    "line_transfer": _("transfer to an owner"),
    "line_transfer_refund": _("transfer taken back"),
    "line_payout": _("payout to the bank"),
    "line_payout_failure": _("payout that came back"),
    "line_stripe_fee": _("charge of the gateway"),
    "line_topup": _("money added"),
    "gw_to_be_booked": _("a worker books it in a moment; if it lasts, look at its errors"),
    "gw_another_amount": _("booked with another amount"),
    "gw_gateway_charge": _("the gateway's own charge: booked by itself (627)"),
    "gw_adjustment": _("nothing of ours made it: say which account it belongs to"),
    "gw_reserve": _("held back by the gateway: it comes free by itself"),
    "gw_top_up": _("added from the bank: name the bank's line"),
    "gw_foreign_currency": _("not in euros"),
    "gw_of_no_payment": _("made at the gateway and not here: say what it is"),
    "gw_not_on_balance": _("booked here, not on the balance: read it again"),
    "gw_not_at_bank": _("paid out over a week ago and on no bank statement"),
    "gw_on_its_way": _("on its way to the bank"),
    "page_lapsed": _("the page lapsed"),
    "page_left": _("another way was chosen"),
    "card_declined": _("the bank declined the card"),
    "authentication_required": _("the bank asks for the payer"),
    "insufficient_funds": _("not enough money on the account"),
    "balance_insufficient": _("not enough available at the gateway"),
    "account_not_ready": _("its account at the gateway misses papers"),
    "transfer_frozen": _("stopped: the organisation is frozen"),
    "transfer_held": _("stopped until two people have looked at it"),
    "order_ended": _("the order ended"),
    "pay_pending": _("waits"),
    "pay_processing": _("under way at the bank"),
    "pay_captured": _("paid"),
    "pay_failed": _("failed"),
    "pay_returned": _("taken back by the bank"),
}
# What the gateway still asks of an account, by the first part of Stripe's names (`representative.dob.day`).
_NEEDS = {
    "business_profile": _("what your company does, and its web site"),
    "business_type": _("the legal form of your company"),
    "company": _("your company's name, address and numbers"),
    "individual": _("your name, address and date of birth"),
    "representative": _("who represents your company: name, address, date of birth, identity"),
    "owners": _("who owns your company"),
    "directors": _("who directs your company"),
    "executives": _("who directs your company"),
    "person": _("papers of a person of your company"),
    "documents": _("papers of your company"),
    "external_account": _("the bank account that it pays out to"),
    "tos_acceptance": _("your consent to the gateway's terms"),
}


def needs(due: Iterable[str]) -> list[str]:
    """What is asked for in words, each once; Stripe's own name where it has none here."""
    heads = [(name, "person" if name.startswith("person_") else name.partition(".")[0]) for name in due]
    return list(dict.fromkeys(str(_NEEDS.get(head, name)) for name, head in heads))
