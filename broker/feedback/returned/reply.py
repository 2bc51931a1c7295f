"""Messages that people and their mail programmes send back: absences, wishes to leave, other letters."""

from __future__ import annotations

import re

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import addresses_of
from broker.feedback.returned.opened import OpenedMail

AWAY_SUBJECT = re.compile(
    r"(?i)^\s*(?:re ?: ?)?(?:auto(?:matic|mated|matique)?[ :-]{0,3}(?:re(?:ply|sponse|sponder)|r[ée]ponse|ack)|auto(?:reply|re:)|out[ -]of[ -](?:the[ -])?office|r[ée]ponse automatique|absen(?:ce|t)|message d'absence|en vacances|en cong[ée]s?|vacation|(?:on|away on) (?:vacation|holiday|leave)|away from|i am (?:away|out|on)|je suis (?:absent|en)|autoresponse|accus[ée] (?:automatique|de r[ée]ception)|notification d'absence|abwesen|automatische antwort|fuori sede|respuesta autom)"
)
AWAY_WORDS = re.compile(
    r"(?i)out of (?:the )?office|on (?:vacation|holiday|annual leave|maternity leave|parental leave)|currently (?:away|out)|will be (?:out|away|back)|i am away|je suis (?:actuellement )?(?:absente?|en (?:cong|vacances|d[ée]placement))|de retour le|absente? (?:du|jusqu)|limited access to (?:my )?e-?mail|no longer (?:work|employ|with)|ne travaille plus|a quitt[ée] (?:la soci[ée]t[ée]|l'entreprise)"
)
# "auto-generated" alone is not enough: newsletters and bounces carry it too.
_WISH = (
    r"(?:please |merci de |veuillez |svp |pls )?(?:un-?sub?scribe|unsub|remove|opt[ -]?out|stop|arr[êe]tez?|d[ée]s(?:-|in)?inscri\w*|d[ée]sabonn\w*|me d[ée]s\w+|retirer|supprimer)"
    r"(?: me| moi| from| de| this| the| your| la| votre| vos| list\w*| liste\w*| mailing| e-?mails?| mails?| messages?| please| svp| merci| spam| now| now!| adresse| mon| my| address| all| tous| les)*[ .!]*"
)
WISH_LINE = re.compile(rf"(?im)^\W*{_WISH}$")
WISH_SUBJECT = re.compile(rf"(?i)^\s*(?:re ?: ?)?{_WISH}(?:[<\[(:#].*)?$")
WISH_WORDS = re.compile(
    r"(?i)(?:\bne (?:(?:souhaite|veux|d[ée]sire|voudrais|souhaiterais|peux) )?(?:plus|pas) (?:[êe]tre |que )?(?:rien )?(?:recevoir|m'envoyer|me contacter|m'[ée]crire|[êe]tre (?:contact|sollicit))|arr[êe]tez de m'|cessez de m'|(?:do not|don't|stop) (?:wish to receive|want to receive|want (?:any )?more|send(?:ing)?|e-?mail(?:ing)?|contact(?:ing)?|writ(?:e|ing)|mail(?:ing)?)\b|take me off|(?:remove|delete|take) (?:me|my (?:e-?mail|address|name))|(?:retire[zr]|supprime[zr]|enleve[zr]|enl[eè]ve[zr]|radie[zr])[- ](?:moi|mon adresse|mes donn|mon (?:e-?)?mail)|me d[ée]s(?:inscri|abonn)|d[ée]s(?:inscri|abonn)\w*[- ]moi|unsubscribe me|opt me out|je m'oppose)"
)


LONGEST_WISH = 800  # characters


def read_read_receipt(mail: OpenedMail) -> list[ReturnedMail]:
    """A disposition notification (RFC 8098): kept apart like an absence."""
    if mail.report_type == "disposition-notification":
        return [ReturnedMail("autoreply", _writer(mail), reason="read_receipt")]
    return []


def read_autoreply(mail: OpenedMail) -> list[ReturnedMail]:
    """An automatic answer, by its headers (RFC 3834, older usage) or its subject."""
    if mail.headers.get("list-id") or mail.headers.get("list-unsubscribe"):
        return []
    if "x-apple-unsubscribe" in mail.headers or WISH_SUBJECT.match(mail.header("subject")):
        return []  # mail programmes mark the wish that they send for a person as automatic
    submitted = mail.header("auto-submitted").lower()
    marked = (
        submitted.startswith("auto-replied")
        or "x-autoreply" in mail.headers
        or "x-autorespond" in mail.headers
        or "x-autoresponder" in mail.headers
        or "x-auto-reply-from" in mail.headers
        or mail.header("precedence").lower() in ("auto_reply", "auto-reply")
        or mail.header("x-auto-response-suppress").lower() == "all"
        and bool(AWAY_SUBJECT.match(mail.header("subject")))
        or mail.header("delivered-to").lower().startswith("autoresponder")
    )
    away = bool(AWAY_SUBJECT.match(mail.header("subject")))
    if not marked and not away:
        return []
    absent = away or AWAY_WORDS.search(mail.notice[:3000])
    return [ReturnedMail("autoreply", _writer(mail), reason="absent" if absent else "automatic")]


def read_wish_to_leave(mail: OpenedMail) -> list[ReturnedMail]:
    """A person's wish to get no more of it, in French or English, in the subject or above what is quoted."""
    if mail.headers.get("list-id") or mail.headers.get("list-unsubscribe"):
        return []
    own = own_words(mail.notice).strip()
    # Whoever wants to leave says so in a few lines; long texts are mailings with a footer about it.
    words = len(own) < LONGEST_WISH and (WISH_LINE.search(own) or WISH_WORDS.search(own))
    if words or WISH_SUBJECT.match(mail.header("subject")):
        return [ReturnedMail("unsubscribe", _writer(mail), reason="asked_by_mail")]
    return []


def own_words(notice: str) -> str:
    """What the person wrote: the text above the quoted mail."""
    lines: list[str] = []
    for line in notice.splitlines():
        if re.match(
            r"(?i)\s*(?:>|-{2,} ?(?:original|message d'origine|forwarded)|_{5,}|(?:le|on) .{5,80}(?:a [ée]crit|wrote) ?:|(?:de|from) ?: .+@|-- ?$)",
            line,
        ):
            break
        lines.append(line)
    return "\n".join(lines)


def _writer(mail: OpenedMail) -> str:
    found = addresses_of(mail.headers, "from")
    return found[0] if found else ""
