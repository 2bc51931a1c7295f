"""French for refusals around an order: answers, signatures, threads, agencies, sectors, subscriptions."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

ORDER_SENTENCES = {
    "creative_replaced": _("The advertiser has put another message in the place of the one you read. Read it again."),
    "order_not_signed": _("You approve signed orders only, and this one is not signed yet."),
    "change_missing": _("Say in 1 to 2,000 characters what to change."),
    "no_change_asked": _("The owner asks for no change of this order any more. Load it again."),
    "same_creative": _("This is the message that the owner has read: copy it, change the copy, sign that."),
    "order_not_signable": _("An order is signed once it is placed and before it is paid."),
    "order_signed": _("A signed or paid order does not change."),
    "order_changed": _("The order is no longer the one you read. Read it again, then sign it."),
    "bad_purchase_order": _("Write a purchase-order number of at most 60 characters."),
    "empty_message": _("Write 1 to 4,000 characters."),
    "person_in_message": _(
        "Messages hold nothing by which a person is found: no address, telephone number, fingerprint or link to a"
        " person. Take it out."
    ),
    "rule_without_condition": _("Say whom the rule is about: advertisers, sectors, domains, a price or a volume."),
    "bad_condition": _("Domains and a reason belong to refusals; a price and a volume to approvals."),
    "bad_domain": _("Write a domain as example.com."),
    "rule_stopped": _("This rule is stopped already."),
    "client_needed": _("Choose first for which of your clients you act."),
    "no_mandate": _("There is no mandate of today by which you act for this client. Ask it for one."),
    "own_mandate": _("A mandate is given by the advertiser itself, never by an agency that acts for it."),
    "mandate_there": _("This agency has a mandate already. End it to give another."),
    "mandate_ended": _("This mandate has ended already."),
    "agency_not_found": _("There is no such agency. Ask it for its code: it stands on the page of its clients."),
    "own_organisation_needed": _("You act for a client: go back to your agency first."),
    "sector_forbidden": _("This sector may not be advertised by e-mail; the page of regulated sectors names the law."),
    "sector_wording": _("The message lacks the wording of its sector; the page of regulated sectors has the text."),
    "age_select_needed": _("Messages of this sector go to adults only: add “age >= 18” to the selection."),
    "host_not_allowed": _("Files may be fetched from hosts that the broker has allowed for you. Ask it for this one."),
    "bad_feed_url": _("Write the whole address of the file, starting with https://, without user or port."),
    "bad_host": _("Write a host name as files.example.com."),
    "too_many_feeds": _("There are ten subscriptions already: end one first."),
}
