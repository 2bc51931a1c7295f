"""French for refusals about bank accounts, statements, the chart of accounts and contracts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

BANK_SENTENCES = {
    "bad_holder": _("A holder's name has 1 to 70 characters."),
    "unknown_currency": _("This currency is not handled: only EUR is."),
    "not_sepa": _("A SEPA transfer cannot reach an account of this country: name one within SEPA."),
    "bad_iban": _("This IBAN is not valid: look at its digits again."),
    "bad_bic": _("This BIC is not valid: it has 8 or 11 characters."),
    "account_state": _("This account was approved or replaced already."),
    "no_iban": _("The settings name no account of the company (company.iban): ask the operator to enter it."),
    "bad_statement": _(
        "This is no statement that can be read: send the bank's camt.053 or its CSV, whole and unchanged."
    ),
    "statement_unbalanced": _(
        "The movements do not lead from the first balance to the last: ask the bank for the whole file."
    ),
    "other_account": _("This statement is of another account than the company's (company.iban)."),
    "nothing_left": _("Nothing of this line waits in suspense."),
    "nothing_open": _("This invoice is paid."),
    "bad_account": _(
        "Name an account of the chart that takes such money: three to ten digits, neither 512 nor 411 or 471."
    ),
    "account_known": _("This account is in the chart already."),
    "bad_receipt": _("A transfer has an amount, the bank's reference, and a day that has passed."),
    "receipt_known": _("This transfer was taken down already."),
    "frozen_already": _("This organisation is frozen already."),
    "not_frozen": _("This organisation is not frozen."),
    "period_closed": _("This month is closed: choose a day in an open one."),
    "bad_role": _("Choose one of the three roles."),
    "bad_party": _("This role does not fit this organisation."),
    "pay_when_paid": _(
        "As principal the owner is paid on its due date: only an agent may wait for the advertiser's money."
    ),
    "role_overlaps": _("Another contract holds on some of these days: give it its last day first."),
    "signed_later": _("A contract is recorded once it is signed."),
    "mandate_missing": _("This owner has given no mandate for invoices in its name: record one."),
    "bad_answer": _("Tell the owner why the document stands."),
    "no_vat_number": _("This organisation has no VAT number."),
    "no_vat_register": _("No register of VAT numbers is set up (trade.vat_register)."),
    "file_not_ready": _("The file is still being written."),
}
