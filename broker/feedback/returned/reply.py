"""Messages that people and their mail programmes send back: absences, wishes to leave, other letters."""

from __future__ import annotations

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import addresses_of
from broker.feedback.returned.opened import OpenedMail
from broker.feedback.returned.phrases import phrase, wish

LONGEST_WISH = 800  # characters


def read_read_receipt(mail: OpenedMail) -> list[ReturnedMail]:
    """A disposition notification (RFC 8098): kept apart like an absence, unless it tells of a refusal (RFC 5429)."""
    if mail.report_type == "disposition-notification" and not phrase("refused_for").search(mail.notice[:1000]):
        return [ReturnedMail("autoreply", _writer(mail), reason="read_receipt")]
    return []


def read_autoreply(mail: OpenedMail) -> list[ReturnedMail]:
    """An automatic answer, by its headers (RFC 3834, older usage) or its subject."""
    if mail.headers.get("list-id") or mail.headers.get("list-unsubscribe"):
        return []
    if "x-apple-unsubscribe" in mail.headers or _wish_in_subject(mail):
        return []  # mail programmes mark the wish that they send for a person as automatic
    submitted = mail.header("auto-submitted").lower()
    marked = (
        submitted.startswith("auto-replied")
        or "x-autoreply" in mail.headers
        or "x-autorespond" in mail.headers
        or "x-autoresponder" in mail.headers
        or "x-auto-reply-from" in mail.headers
        or mail.header("precedence").lower() in ("auto_reply", "auto-reply")
        or (mail.header("x-auto-response-suppress").lower() == "all" and _away_subject(mail))
        or mail.header("delivered-to").lower().startswith("autoresponder")
    )
    asked = f"{mail.header('subject')}\n{own_words(mail.notice)[:LONGEST_WISH]}"
    # Whoever asks to be confirmed that they have left is no machine.
    if phrase("challenge").search(asked) and not read_wish_to_leave(mail):
        return [ReturnedMail("autoreply", _writer(mail), reason="challenge")]
    away = _away_subject(mail)
    if not marked and not away:
        return []
    absent = away or phrase("away_words").search(mail.notice[:3000])
    return [ReturnedMail("autoreply", _writer(mail), reason="absent" if absent else "automatic")]


def read_wish_to_leave(mail: OpenedMail) -> list[ReturnedMail]:
    """A person's wish to get no more of it, in French or English, in the subject or above what is quoted."""
    if mail.headers.get("list-id") or mail.headers.get("list-unsubscribe"):
        return []
    own = own_words(mail.notice).strip().replace("’", "'")  # as telephones write it
    # Whoever wants to leave says so in a few lines; long texts are mailings with a footer about it.
    words = len(own) < LONGEST_WISH and (wish(r"^\W*", "$").search(own) or phrase("wish_words").search(own))
    if words or _wish_in_subject(mail):
        return [ReturnedMail("unsubscribe", _writer(mail), reason="asked_by_mail")]
    return []


def own_words(notice: str) -> str:
    """What the person wrote: the text above the quoted mail."""
    lines: list[str] = []
    for line in notice.splitlines():
        if phrase("own_end").match(line):
            break
        lines.append(line)
    return "\n".join(lines)


def _away_subject(mail: OpenedMail) -> bool:
    return bool(phrase("away_subject", r"\A\s*(?:re ?: ?)?").match(mail.header("subject")))


def _wish_in_subject(mail: OpenedMail) -> bool:
    return bool(wish(r"\A\s*(?:re ?: ?)?", r"(?:[<\[(:#].*)?\Z").match(mail.header("subject").replace("’", "'")))


def _writer(mail: OpenedMail) -> str:
    found = addresses_of(mail.headers, "from")
    return found[0] if found else ""
