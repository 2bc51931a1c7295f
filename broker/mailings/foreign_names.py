"""What other mailers' merge tags are called, whatever their form: name → our tag."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Names in all spellings, lower-case, without accents and without what stands between words → our tag.
NAMES: Final = {
    **dict.fromkeys(
        ("fname", "firstname", "prenom", "merge1", "givenname", "contactfirstname", "recipientfirstname", "namefirst",
         "subscriberfirstname"), "first_name"
    ),
    **dict.fromkeys(
        ("lname", "lastname", "nom", "surname", "merge2", "familyname", "contactlastname", "recipientlastname",
         "namelast", "subscriberlastname"), "last_name"
    ),
    **dict.fromkeys(("city", "ville", "town"), "city"),
    **dict.fromkeys(
        ("unsub", "unsubscribe", "unsubscribeurl", "unsubscribelink", "unsublink", "unsublinkfr", "unsublinken",
         "unsublinklocale", "updateprofile", "optout", "optouturl", "optoutlink", "liendesinscription",
         "desinscription", "unsubscribelinkall", "unsubcenterurl", "unsubscribeurltext", "preferences",
         "preferencesurl", "managepreferences", "subscriptionmanagement", "asmgroupunsubscribeurl",
         "asmgroupunsubscriberawurl",
         "asmglobalunsubscribeurl",
         "asmglobalunsubscriberawurl", "asmpreferencesurl", "asmpreferencesrawurl", "setusertounsubscribedurl",
         "managepreferenceslink", "manageprefsurl", "unsubscribefooter"), "unsubscribe_url"
    ),
    **dict.fromkeys(
        ("listcompany", "listname", "companyname", "organizationname", "accountcompanyname", "memberbusinessname",
         "sendername", "senderinfocompany", "defaultfromname"), "advertiser_name"
    ),
    **dict.fromkeys(
        ("listaddress", "htmllistaddresshtml", "htmllistaddress", "listaddressline", "listaddresshtml", "senderinfo",
         "senderinfosingleline", "organizationfulladdress", "fulladdress", "accountaddress", "accountinfo",
         "companyaddress"), "advertiser_identity"
    ),
    **dict.fromkeys(("currentyear", "year", "datey", "copyrightyear"), "current_year"),
}  # fmt: skip
# Said by our own legal lines, or about a page that a mail does not have.
EMPTY: Final = frozenset(
    ("listdescription", "htmlrewards", "rewards", "archive", "forward", "permalink", "viewinbrowser", "mirror",
     "weblink", "webversion", "webview", "view", "mcpreviewtext", "rewardsurl", "mcsubject", "viewaspageurl",
     "viewaspagelink", "viewemailurl", "webviewurl", "webviewtext", "webcopy", "webviewlink", "browserlink",
     "onlineurl", "forwardtoafriend", "forwardtoafriendurl", "trackingpixel", "openpixel", "profilecenterurl",
     "mirrorpage", "previewtext", "preheader")
)  # fmt: skip


def plain(name: str) -> str:
    """A name as the table has it: `First Name`, `FIRST_NAME` and `prénom` are spellings."""
    letters = unicodedata.normalize("NFKD", name.lower())
    return re.sub(r"[^a-z0-9]", "", letters)
