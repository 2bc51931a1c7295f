"""One-line news after a form: the next page's address names it (`?done=`), so no state is kept for it."""

from __future__ import annotations

from flask import request
from flask_babel import lazy_gettext as _

NOTICES = {
    "base_created": _("The base is created. Publish its partner list, then upload a file."),
    "contract_recorded": _("The contract is recorded. Files can be imported now."),
    "profile_fields_chosen": _("The page of the person shows these fields from now on."),
    "policy_signed": _("The policy is signed. Counts follow it from now on."),
    "notice_asked": _("The notice is signed; its recipients are being drawn."),
    "partners_published": _("The new version of the partner list is public."),
    "import_cancelled": _("The import is cancelled."),
    "upload_discarded": _("The file is discarded: nothing of it is left."),
    "mapping_forgotten": _("Forgotten. The next file is proposed anew."),
    "column_decided": _("Your verdict is kept; the owner reads your reason."),
    "insight_set": _("Saved. The customers are being studied again with it."),
    "trigger_created": _("The trigger is on; its segment holds whoever is near the day, each day anew."),
    "trigger_ended": _("The trigger is off; its segment stays."),
    "segment_created": _("The segment is saved."),
    "segment_changed": _("The changes are saved."),
    "segment_copied": _("Here is the copy: name it and change it."),
    "segment_archived": _("The segment is in the archive."),
    "segment_restored": _("The segment is in use again."),
    "card_published": _("The data card is published: advertisers see it now."),
    "card_retired": _("The data card is retired."),
    "creative_created": _("The creative is saved. Read its report, then sign it."),
    "creative_changed": _("The creative is changed and checked again."),
    "creative_signed": _("The creative is signed: its content can no longer change."),
    "quoted": _("Here is your quote. It holds until the date shown."),
    "ordered": _("The order is with the owner, who approves it or says why not."),
    "approved": _("The order is approved. The advertiser can pay now."),
    "refused": _("The order is refused; the advertiser sees your reason."),
    "cancelled": _("The order is cancelled."),
    "paid": _("Thank you. The payment is being checked with the gateway."),
    "programme_created": _("The programme is open: owners can join it."),
    "joined": _("You have joined. Nothing leaves until you pick a send."),
    "send_picked": _("The send is planned."),
    "send_withdrawn": _("The send is withdrawn."),
    "paused": _("The mailing is paused."),
    "resumed": _("The mailing goes on."),
    "mailing_cancelled": _("The mailing is stopped: what had not left stays here."),
    "password_changed": _("The password is changed; your other sessions have ended."),
    "password_chosen": _("The password is kept. Log in with it."),
    "session_ended": _("That session has ended."),
    "second_factor_removed": _("The second factor is taken away."),
    "key_revoked": _("The key is revoked."),
    "invited": _("The invitation leaves within a minute."),
    "link_mailed": _("The link leaves within a minute; earlier ones are worth nothing now."),
    "user_kept_out": _("This person is kept out; sessions and keys have ended."),
    "user_let_in": _("This person may log in again."),
    "user_may_sign": _("This person now signs for the controller."),
    "user_may_not_sign": _("This person no longer signs for the controller."),
    "cost_entered": _("The cost is entered."),
    "cost_changed": _("The cost is changed."),
    "cost_removed": _("The cost is taken out."),
    "watch_changed": _("Noted. The next night looks at it."),
    "source_quarantined": _("The source is in quarantine: its contacts are not rented from now on."),
    "source_released": _("The source is released: its contacts can be rented again."),
    "register_written": _("The line stands in the register."),
    "register_ended": _("The line is out of the register."),
    "request_logged": _("The request is logged, with its deadline."),
    "request_extended": _("The answer is put off. Tell the person why."),
    "request_answered": _("The answer is noted."),
    "breach_opened": _("The dossier is open. The 72 hours run from the discovery."),
    "breach_noted": _("Noted in the dossier."),
    "logged_out": _("You are logged out."),
}


def notice() -> str | None:
    """The sentence of this page's news, if its address names one."""
    found = NOTICES.get(request.args.get("done", ""))
    return str(found) if found else None
