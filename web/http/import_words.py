"""Words for the codes of imports: why a column is proposed, how fields merge, what was noted and brought into form."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

IMPORT_WORDS = {
    "visits": _("visits"),
    "contract_processor": _("processing on the owner's behalf (art. 28)"),
    "contract_joint": _("joint controllers (art. 26)"),
    "unknown_contact": _("person not in the base"),
    # why a column is proposed as what it is
    "why_remembered": _("as you said last time"),
    "why_header": _("from its name"),
    "why_values": _("from its values"),
    "why_trait": _("a trait of your trade"),
    "why_empty": _("nothing to read"),
    "why_taken": _("a second column of this field"),
    "why_unknown": _("no field fits"),
    # groups of fields
    "group_identity": _("Person"),
    "group_reach": _("Address and telephone"),
    "group_life": _("Customer and life"),
    "group_consent": _("Consent"),
    "group_line": _("Line"),
    # how a field that base and file both have is merged
    "policy_non_empty": _("new, unless empty"),
    "policy_newest": _("newest"),
    "policy_keep": _("keep what is there"),
    # fields
    "birth_year": _("year of birth"),
    "street_more": _("street, second line"),
    "social": _("social network name"),
    "consent": _("consent (yes or no)"),
    "consent_withdrawn": _("withdrawal of consent"),
    "quantity": _("quantity"),
    "order_kind": _("sale or return"),
    "order_number": _("order number"),
    "kind": _("kind"),
    # why rows are rejected
    "erased_person": _("person who was erased"),
    "line_too_long": _("line too long"),
    "unbalanced_quote": _("quotation mark without its other half"),
    "no_date": _("no date"),
    "implausible_date": _("implausible date"),
    "bad_date": _("date not understood"),
    "bad_amount": _("amount not understood"),
    "currency_not_eur": _("not in euros"),
    # what is kept and noted
    "invalid_phone": _("telephone number not understood"),
    "invalid_mobile": _("mobile number not understood"),
    "address_in_trait": _("an address in a trait, taken out"),
    "trait_value_of_other_type": _("value of another type than its column"),
    # what is brought into form
    "norm_email_trimmed": _("addresses: spaces around taken off"),
    "norm_email_lowercased": _("addresses: put in lower case"),
    "norm_email_domain": _("addresses: domain corrected as you accepted"),
    "norm_phone": _("telephone numbers to +33…"),
    "norm_mobile": _("mobile numbers to +33…"),
    "norm_gender": _("gender to F or M"),
    "norm_relation": _("relation to customer or prospect"),
    "norm_family_status": _("family status to its word"),
    "norm_postcode": _("post codes completed"),
    "norm_short_rows_filled": _("short rows filled up"),
    "norm_mixed_encoding_bytes": _("bytes of another encoding read"),
    # categories of refused data
    "racial or ethnic origin": _("racial or ethnic origin"),
    "political opinions": _("political opinions"),
    "religion": _("religion"),
    "religion or philosophy": _("religion or philosophy"),
    "trade-union membership": _("trade-union membership"),
    "trade union": _("trade-union membership"),
    "health data": _("health"),
    "sex life or orientation": _("sex life or orientation"),
    "criminal convictions": _("criminal convictions"),
    "national identity number": _("national identity number"),
    "payment card or bank account": _("payment card or bank account"),
    "free text": _("free text"),
    "allowed": _("allowed"),
    # how a contact stands
    "given": _("given"),
    "stop_everywhere": _("everywhere"),
    "stop_base": _("in this base"),
    "stop_opt_out": _("opted out"),
    "stop_objection": _("objected"),
    "stop_complaint": _("complained"),
    "stop_hard_bounce": _("address refused for good"),
    "stop_erasure": _("was erased"),
}
