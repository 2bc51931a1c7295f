"""Bounces, delays, refusals and complaints after the ways of the large providers; every text is written by hand."""

from __future__ import annotations

import json

import pytest

from broker.feedback.parse_returned import parse_returned
from tests.unit.returned_messages import TO, group, plain, report

POSTFIX = (
    "This is the mail system at host out.mail.test.\n\nI'm sorry to have to inform you that your message could not\n"
    "be delivered to one or more recipients.\n\n<{to}>: host mx.boite.example[192.0.2.7] said:\n    {said}\n"
)


def read(raw: bytes) -> tuple[str, str, str, str]:
    (result,) = parse_returned(raw)
    return result.kind, result.recipient, result.verdict, result.reason


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        # Orange, Wanadoo
        ("550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]", "hard",
         "user_unknown"),
        ("552 5.2.2 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]", "soft", "mailbox_full"),
        ("550 5.7.1 Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR_506 [506]",
         "soft", "blocked"),
        ("421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. Too many connections,"
         " slow down. OFR004_104 [104]", "soft", "greylisted"),
        # Free
        ("550 5.1.1 <lea>: Recipient address rejected: User unknown in virtual mailbox table", "hard", "user_unknown"),
        ("550 spam detected", "soft", "spam"),
        ("451 too many errors from your ip (192.0.2.9), please visit http://postmaster.free.example", "soft",
         "greylisted"),
        # SFR, Neuf
        ("550 5.1.1 <lea>: Adresse destinataire inconnue (LNA)", "hard", "user_unknown"),
        ("550 5.7.1 Mail refused by policy, see http://postmaster.sfr.example", "soft", "policy"),
        # La Poste
        ("550 5.5.0 Service refuse. Veuillez essayer plus tard. service refused, please try later. LPN_506", "soft",
         "blocked"),
        ("550 5.1.1 Adresse d au moins un destinataire invalide. LPN_416", "hard", "user_unknown"),
        # Gmail
        ("550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking", "hard",
         "user_unknown"),
        ("552-5.2.2 The recipient's inbox is out of storage space and inactive.", "soft", "mailbox_full"),
        ("550-5.7.26 This mail has been blocked because the sender is unauthenticated.", "soft", "authentication"),
        ("550-5.7.1 [192.0.2.9] Our system has detected that this message is likely unsolicited mail.", "soft",
         "spam"),
        ("550-5.7.28 There is an unusual rate of unsolicited mail originating from your IP address.", "soft", "spam"),
        ("550 5.2.1 The email account that you tried to reach is disabled.", "soft", "address_disabled"),
        ("550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", "soft",
         "greylisted"),
        # Outlook, Hotmail, Exchange
        ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", "hard", "user_unknown"),
        ("550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. part of their network is on our block list"
         " (S3140).", "soft", "blocked"),
        ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "hard", "user_unknown"),
        ("550 5.7.606 Access denied, banned sending IP [192.0.2.9]", "soft", "blocked"),
        ("451 4.7.500 Server busy. Please try again later from [192.0.2.9]. (S77719)", "soft", "greylisted"),
        ("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
         "soft", "mailbox_full"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient lea not found by SMTP address lookup", "hard",
         "user_unknown"),
        # Yahoo, AOL
        ("554 delivery error: dd Requested mail action aborted, mailbox not found", "hard", "user_unknown"),
        ("554 delivery error: dd Sorry your message cannot be delivered. This account has been disabled or"
         " discontinued [#102].", "soft", "address_disabled"),
        ("553 5.7.2 [TSS09] All messages from 192.0.2.9 will be permanently deferred", "soft", "policy"),
        ("421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to user complaints", "soft", "greylisted"),
        ("554 5.2.2 over quota", "soft", "mailbox_full"),
        # GMX, Web.de
        ("550 Requested action not taken: mailbox unavailable For explanation visit postmaster.gmx.example", "hard",
         "user_unknown"),
        ("554 Transaction failed Reject due to policy restrictions.", "soft", "policy"),
        ("552 Postfach voll", "soft", "mailbox_full"),
        ("550 Empfänger unbekannt", "hard", "user_unknown"),
        # iCloud
        ("550 5.1.1 unknown or illegal alias: lea", "hard", "user_unknown"),
        ("552 5.2.2 user over quota; cannot receive new mail", "soft", "mailbox_full"),
        # Others
        ("521 5.3.2 Host does not accept mail", "hard", "domain_unknown"),
        ("556 5.1.10 Domain does not accept mail (nullMX)", "hard", "domain_unknown"),
        ("554 5.7.1 Recipient address rejected: User unknown", "soft", "filtered"),
        ("550 5.1.1 RCP-P2 Refused due to recipient preferences", "soft", "filtered"),
    ],
)  # fmt: skip
def test_what_providers_say_in_both_forms(said: str, verdict: str, reason: str) -> None:
    vague = "4.0.0" if said.startswith("4") else "5.0.0"
    assert read(report(group(vague, said)))[2:] == (verdict, reason)
    assert read(plain(POSTFIX.format(to=TO, said=said), subject="Undelivered Mail Returned to Sender")) == (
        "bounce",
        TO,
        verdict,
        reason,
    )


@pytest.mark.parametrize("status", ["5.7.0", "5.7.1", "5.7.26", "5.7.509"])
@pytest.mark.parametrize("said", ["User unknown", "no such user", "Access denied", "message content rejected", ""])
def test_a_policy_never_kills_an_address(status: str, said: str) -> None:
    assert read(report(group(status, f"550 {status} {said}")))[2] == "soft"


@pytest.mark.parametrize("where", ["(in reply to end of DATA command)", "(in reply to DATA command)"])
def test_who_was_let_in_and_is_unknown_after_the_text_is_a_filters_word(where: str) -> None:
    words = POSTFIX.format(to=TO, said=f"550 Unknown user {where}")
    assert read(plain(words))[2:] == ("soft", "filtered")
    words = POSTFIX.format(to=TO, said="550 Unknown user (in reply to RCPT TO command)")
    assert read(plain(words))[2:] == ("hard", "user_unknown")


def test_a_gateways_guess_gives_way_to_the_words_that_it_quotes() -> None:
    fields = group(
        "5.0.0", "5.1.0 - Unknown address error 550-'5.7.1 blocked using a blocklist' (delivery attempts: 0)"
    )
    assert read(report(fields))[2:] == ("soft", "blocked")


def test_each_line_of_a_notice_speaks_of_its_own_recipient() -> None:
    groups = (
        "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.0.0\n\n"
        "Final-Recipient: rfc822; b@x.example\nAction: failed\nStatus: 5.0.0\n"
    )
    notice = (
        "A list of recipients failed:\n\na@x.example: 550 5.1.1 user unknown\nb@x.example: 552 5.2.2 mailbox full\n"
    )
    found = [(one.recipient, one.status, one.verdict) for one in parse_returned(report(groups, notice))]
    assert found == [("a@x.example", "5.1.1", "hard"), ("b@x.example", "5.2.2", "soft")]


def test_groups_that_no_empty_line_parts_are_told_apart() -> None:
    groups = group("5.2.2", "552 Mailbox full", to="a@x.example") + group("5.1.1", "550 no such user", to="b@x.example")
    found = [(one.recipient, one.verdict) for one in parse_returned(report(groups))]
    assert found == [("a@x.example", "soft"), ("b@x.example", "hard")]


def test_a_transcript_names_each_failed_address_by_its_reply() -> None:
    words = (
        "   ----- Transcript of session follows -----\n550 far.example (smtp)... 550 Host unknown\n"
        "554 <a@far.example>... 550 Host unknown (Authoritative answer from name server)\n"
        "550 <b@near.example>... User unknown\n\n   ----- Unsent message follows -----\nFrom: shop@mail.test\n"
    )
    found = {one.recipient: (one.verdict, one.reason) for one in parse_returned(plain(words))}
    assert found == {"a@far.example": ("hard", "domain_unknown"), "b@near.example": ("hard", "user_unknown")}


def test_the_head_of_our_mail_repeated_in_a_notice_names_nobody_who_failed() -> None:
    words = (
        f"Your message\n\n  To:      everybody@list.example\n  Subject: Offre\n\n"
        f"did not reach the following recipient(s):\n\n{TO} on Tue, 3 Nov 2026\n    Recipient not recognized"
    )
    assert read(plain(words, sender="System Administrator <postmaster@x.example>"))[:2] == ("bounce", TO)


@pytest.mark.parametrize(
    "words",
    [
        "THIS IS A WARNING MESSAGE ONLY.\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nDelivery to the following"
        " recipient has been delayed:\n\n     {to}\n\nMessage will be retried for 2 more day(s). 550 user unknown",
        "A message that you sent has not yet been delivered to one or more of its recipients after 1 day.\n\n  {to}\n"
        "    Delay reason: host lookup did not complete\n\nNo action is required on your part.",
        "Votre message n'a pas encore été remis ; il sera de nouveau présenté : message retardé.\n\n<{to}>\n",
    ],
)
def test_a_delay_is_never_hard_and_never_the_end(words: str) -> None:
    (result,) = parse_returned(plain(words.format(to=TO), subject="Warning: message delayed"))
    assert (result.kind, result.recipient, result.verdict, result.final) == ("bounce", TO, "soft", False)


def sns(content: dict[str, object], wrap: bool) -> bytes:
    text = json.dumps(content, separators=(",", ":"))
    return plain(
        json.dumps({"Type": "Notification", "Message": text}) if wrap else text,
        sender="no-reply@sns.example",
        subject="Notification Message",
    )


@pytest.mark.parametrize("wrap", [False, True])
def test_a_relay_services_notification_is_read(wrap: bool) -> None:
    people = [{"emailAddress": TO, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]
    bounce: dict[str, object] = {"bounceType": "Permanent", "bouncedRecipients": people}
    assert read(sns({"notificationType": "Bounce", "bounce": bounce}, wrap)) == ("bounce", TO, "hard", "user_unknown")
    bounce["bounceType"] = "Transient"
    assert read(sns({"notificationType": "Bounce", "bounce": bounce}, wrap))[2] == "soft"
    complaint = {"complainedRecipients": [{"emailAddress": TO}], "complaintFeedbackType": "abuse"}
    found = read(sns({"notificationType": "Complaint", "complaint": complaint}, wrap))
    assert found == ("complaint", TO, "none", "abuse")


def copied(subject: str, more: str = "") -> bytes:
    return (
        f"From: feedback@provider.example\nTo: fbl@bounce.test\nSubject: {subject}\n{more}MIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="C"\n\n--C\nContent-Type: text/plain\n\nVoir le message joint.\n\n'
        f"--C\nContent-Type: message/rfc822\n\nFrom: shop@mail.test\nTo: {TO}\nSubject: Offre\n\nBonjour\n--C--\n"
    ).encode()


@pytest.mark.parametrize(
    "subject",
    [
        "complaint about message from 192.0.2.9",
        "Spam report",
        "Abuse complaint: Offre",
        "Email Feedback Report for IP 192.0.2.9",
        "Client complaint",
        "[Signalement de spam] Offre",
        "Votre message a été signalé comme indésirable",
    ],
)
def test_a_complaint_may_come_as_a_copy_with_a_subject_alone(subject: str) -> None:
    assert read(copied(subject))[:2] == ("complaint", TO)
    newsletter = copied(subject, "List-Unsubscribe: <https://x.example>\n")
    assert read(newsletter)[0] != "complaint"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Offre", "Pour que votre message soit remis à Léa, cliquez sur le lien afin de vous authentifier."),
        ("[Confirmation demandée] Re: Offre", "Votre message est en attente : confirmez que vous êtes une personne."),
        ("Please confirm your message", "I am protected from spam by a challenge. Click the link to confirm."),
    ],
)
def test_a_challenge_is_an_automatic_answer_that_nobody_takes_up(subject: str, text: str) -> None:
    (result,) = parse_returned(plain(text, sender=TO, subject=subject))
    assert (result.kind, result.reason) == ("autoreply", "challenge")


@pytest.mark.parametrize(
    "text",
    [
        "Please unsubscribe me, and confirm that you are done.",
        "Merci de me désinscrire de votre liste et d'envoyer une confirmation.",
        "Please verify your message lists: remove me from this list.",
    ],
)
def test_who_wants_to_leave_and_be_told_so_is_no_machine(text: str) -> None:
    assert read(plain(text, sender=TO, subject="Re: Offre"))[0] == "unsubscribe"


def test_a_letter_about_a_confirmation_is_a_letter() -> None:
    text = "Bonjour, j'attends la confirmation de votre envoi de la bague, pouvez-vous me dire quand elle part ?"
    assert read(plain(text, sender=TO, subject="Re: Offre"))[0] == "other"
