"""Bounces whose words and codes do not agree, came by a list, or were passed on: what is believed of them."""

from __future__ import annotations

import pytest

from broker.feedback.model import ReturnedMail
from broker.feedback.parse_returned import parse_returned
from broker.feedback.read_inbound import meant
from tests.unit.returned_messages import TO, feedback, group, plain, report


def one(raw: bytes) -> ReturnedMail:
    (result,) = parse_returned(raw)
    return result


def test_unknown_beside_the_code_of_an_existing_mailbox_is_believed_of_rcpt_only() -> None:
    said = f"550 5.2.1 <{TO}>... User unknown"
    assert one(report(group("5.2.1", said))).reason == "filtered"
    refused_at_rcpt = f"<{TO}>: host mx.boite.example said: {said} (in reply to RCPT TO command)"
    assert one(report(group("5.2.1", said), refused_at_rcpt)).verdict == "hard"


@pytest.mark.parametrize(
    ("notice", "verdict", "reason"),
    [
        (f"Your message to <{TO}> was turned away: not enough disk space.", "soft", "mailbox_full"),
        ("The account is disabled.", "soft", "address_disabled"),
        ("", "hard", "user_unknown"),
    ],
)
def test_the_reporters_own_words_may_contradict_unknown(notice: str, verdict: str, reason: str) -> None:
    result = one(report(group("5.0.0", "550 user unknown"), notice))
    assert (result.verdict, result.reason) == (verdict, reason)


def test_a_command_named_below_the_reply_tells_when_it_was_said() -> None:
    words = (
        "Delivery to these addresses failed.\n\n{to}\n\n--- server message\n550 unknown user\n--- command\n{command}\n"
    )
    assert one(plain(words.format(to=TO, command="DATA"))).reason == "filtered"
    assert one(plain(words.format(to=TO, command="RCPT TO"))).verdict == "hard"


def test_a_policy_that_only_the_reporter_adds_to_a_refused_recipient_is_none() -> None:
    notice = f"   ----- Transcript of session follows -----\n>>> RCPT TO:<{TO}>\n<<< 553 Invalid recipient {TO}\n"
    assert one(report(group("5.7.1", f"553 Invalid recipient {TO}"), notice)).verdict == "hard"
    assert one(report(group("5.7.1", f"553 5.7.1 Invalid recipient {TO}"), notice)).verdict == "soft"


def test_a_domain_without_mail_is_no_policy_whatever_its_code() -> None:
    assert one(report(group("5.7.27", "550 Host does not accept mail"))).reason == "domain_unknown"


def test_a_transcript_tells_each_recipient_what_its_own_server_said() -> None:
    words = (
        "   ----- Transcript of session follows -----\n"
        "While talking to mx.near.example:\n>>> DATA\n<<< 550 You send too many messages; rate limit reached\n"
        "554 <a@near.example>... Remote protocol error\n"
        "550 far.example (smtp)... 550 Host unknown\n"
        "554 <b@far.example>... 550 Host unknown (Authoritative answer from name server)\n"
        "\n   ----- Unsent message follows -----\nFrom: shop@mail.test\n"
    )
    found = {one.recipient: one.verdict for one in parse_returned(plain(words))}
    assert found == {"a@near.example": "soft", "b@far.example": "hard"}


LIST = "List-Id: <talk.lists.example>\nList-Unsubscribe: <mailto:talk-leave@lists.example>\n"


def test_a_bounce_that_a_list_passed_on_is_known_by_who_wrote_it() -> None:
    words = f"Unable to deliver message to the following address.\n\n<{TO}>:\n550 no such user\n"
    assert one(plain(words, more=LIST)).recipient == TO
    newsletter = plain(words, sender="Boutique <news@shop.example>", subject="Delivery failure", more=LIST)
    assert one(newsletter.replace(b"To: b-token@bounce.test", b"To: lea@boite.example")).kind == "other"


def test_a_bounce_that_a_person_forwards_in_quotes_is_read() -> None:
    words = (
        "Voir ci-dessous.\n\nBegin forwarded message:\n\n"
        "> From: Mail Delivery Subsystem <MAILER-DAEMON>\n> To: <shop@mail.test>\n> Subject: Returned mail\n>\n"
        f">    ----- The following addresses had permanent fatal errors -----\n> <{TO}>\n"
        f">     (reason: 550 5.1.1 <{TO}>... User unknown)\n>\n"
        f">    ----- Unsent message follows -----\n> From: shop@mail.test\n> To: {TO}\n> Subject: Offre\n"
    )
    result = one(plain(words, sender="Marc <marc@shop.example>", subject="Fwd: Returned mail: see transcript"))
    assert (result.recipient, result.verdict, result.status) == (TO, "hard", "5.1.1")


def test_a_refusal_told_as_a_read_receipt_is_a_bounce() -> None:
    raw = report(
        "Disposition: automatic-action; deleted\n", f"Your message to <{TO}> was automatically rejected:\nQuota"
    )
    raw = raw.replace(b"report-type=delivery-status", b"report-type=disposition-notification")
    assert (one(raw).kind, one(raw).verdict) == ("bounce", "soft")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("550 Destinatario desconocido", "hard"),
        ("554 Usuário inexistente", "hard"),
        ("550 utente sconosciuto", "hard"),
        ("552 casella piena", "soft"),
        ("Esta casilla ha expirado por falta de uso.", "soft"),
    ],
)
def test_the_neighbours_languages_are_read(said: str, verdict: str) -> None:
    assert one(report(group("5.0.0", said))).verdict == verdict


def test_blank_lines_before_the_head_are_passed_over() -> None:
    assert one(b"   \n\n" + report(group("5.1.1", "550 user unknown"))).recipient == TO


def test_a_provider_tells_of_its_button_for_leaving() -> None:
    raw = plain("", sender=TO, subject="unsubscribe", more="Auto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\n")
    assert (one(raw).kind, one(raw).recipient, one(raw).reason) == ("complaint", TO, "opt_out")


@pytest.mark.parametrize(
    ("kind", "counts_as"),
    [
        ("abuse", "complaint"),
        ("fraud", "complaint"),
        ("opt-out", "unsubscribe"),
        ("opt-out-list", "unsubscribe"),
        ("not-spam", "other"),
        ("auth-failure", "other"),
    ],
)
def test_not_every_report_is_a_complaint_of_a_person(kind: str, counts_as: str) -> None:
    result = one(feedback(f"Feedback-Type: {kind}\n", f"From: shop@mail.test\nTo: {TO}\nSubject: Offre"))
    assert (result.kind, meant(result).kind) == ("complaint", counts_as)
