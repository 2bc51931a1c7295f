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
# What the gateway still asks of an account, by the first part of Stripe's names (`representative.dob.day`): as its
# owner reads it, and as staff does.
_NEEDS = {
    "business_profile": (
        _("what your company does, and its web site"),
        _("what the company does, and its web site"),
    ),
    "business_type": (_("the legal form of your company"), _("the legal form of the company")),
    "company": (_("your company's name, address and numbers"), _("the company's name, address and numbers")),
    "individual": (_("your name, address and date of birth"), _("the owner's name, address and date of birth")),
    "representative": (
        _("who represents your company: name, address, date of birth, identity"),
        _("who represents the company: name, address, date of birth, identity"),
    ),
    "owners": (_("who owns your company"), _("who owns the company")),
    "directors": (_("who directs your company"), _("who directs the company")),
    "executives": (_("who directs your company"), _("who directs the company")),
    "person": (_("papers of a person of your company"), _("papers of a person of the company")),
    "documents": (_("papers of your company"), _("papers of the company")),
    "external_account": (_("the bank account that it pays out to"), _("the bank account that it pays out to")),
    "tos_acceptance": (_("your consent to the gateway's terms"), _("consent to the gateway's terms")),
    "settings": (_("how your account pays out"), _("how the account pays out")),
}
_ALIKE = {"relationship": "representative", "legal_entity": "company", "verification": "documents"}
# Why an account is closed, or not open yet (Stripe's `requirements.disabled_reason`), for its owner and for staff: what
# is to be done.
_CLOSED = {
    "requirements.past_due": (
        _("Papers are missing: give them on the gateway's page."),
        _("Papers are missing: the owner gives them on the gateway's page (its menu: Account at the gateway)."),
    ),
    "requirements.pending_verification": (
        _("The gateway checks your papers: nothing is to be done."),
        _("The gateway checks the papers: nothing is to be done."),
    ),
    "under_review": (
        _("The gateway looks at your account: nothing is to be done."),
        _("The gateway looks at the account: nothing is to be done, or ask it."),
    ),
    "listed": (
        _("Your name is like one on a list of sanctions: the gateway asks for papers, or ask us."),
        _("The name is like one on a list of sanctions: answer the gateway, and pay nothing meanwhile."),
    ),
    "platform_paused": (
        _("We have paused your account: ask us."),
        _("Paused by us at the gateway: take the pause back in its dashboard."),
    ),
    "action_required.requested_capabilities": (
        _("The gateway waits for us: ask us."),
        _("Transfers were not asked for: ask for the capability in the gateway's dashboard."),
    ),
    "rejected.fraud": (
        _("The gateway closed the account on suspicion of fraud: give us your bank account, and ask us."),
        _("Closed by the gateway on suspicion of fraud: hold payouts, and look into it before paying by bank."),
    ),
    "rejected.terms_of_service": (
        _("The gateway closed the account, since its terms exclude what you do: give us your bank account."),
        _("Closed by the gateway, whose terms exclude what the company does: pay to its bank account."),
    ),
    "rejected.listed": (
        _("The gateway closed the account, since your name is on a list of sanctions: ask us."),
        _("Closed by the gateway: the name is on a list of sanctions. Freeze the company and ask counsel."),
    ),
    "rejected.incomplete_verification": (
        _("The gateway could not check your papers in time: give us your bank account."),
        _("Closed by the gateway, which could not check the papers in time: pay to the bank account."),
    ),
    "": (_("The gateway closed the account: give us your bank account instead."),
         _("Closed by the gateway: ask it why, and pay to the bank account meanwhile.")),
}  # fmt: skip


def needs(due: Iterable[str], *, staff: bool = False) -> list[str]:
    """What is asked for in words, each once; of what has no words here, that the gateway's page tells it."""
    other = _("something that the gateway's page explains")
    heads = ["person" if name.startswith("person_") else name.partition(".")[0] for name in due]
    found = [_NEEDS.get(_ALIKE.get(head, head), (other, other))[staff] for head in heads]
    return list(dict.fromkeys(str(one) for one in found))


def closed(reason: str, *, staff: bool = False) -> str:
    """Why an account is not open, and what to do; nothing for no reason."""
    return str(_CLOSED.get(reason, _CLOSED[""])[staff]) if reason else ""
