"""Every kind of event has its words in both languages, a page to look at, and a line in the docs."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.notifications.kinds import CHANNELS, LANGUAGES, Kind, catalogue_table, kinds, path_of, paths
from broker.notifications.model import WEBHOOK_DAYS, WEBHOOK_WAITS, Event, rest_after, wait_after
from broker.notifications.sign_webhook import new_secret, signed_headers, verify
from broker.notifications.words import mail_about, mail_of_day, words_of, written

DOCS = Path(__file__).parents[2] / "docs"
ALL = list(kinds().values())


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def event_of(kind: Kind) -> Event:
    facts: dict[str, str | int] = {}
    for name in kind.facts:
        if name.endswith("_cents") or name in ("volume", "size", "frozen", "accepted", "rejected", "days", "hashes"):
            facts[name] = 1_234_567
        else:
            facts[name] = "2026-12-05" if name.endswith("_on") else "mot"
    return Event("evt_1", kind.name, kind.object, "abc_1", facts, datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_a_kind_is_whole(kind: Kind) -> None:
    assert kind.channel in CHANNELS
    assert set(kind.roles) <= {"owner", "advertiser", "agency", "broker", "accountant"}
    assert kind.object in paths()
    assert path_of(kind.object, "abc_1").startswith("/")
    for language in LANGUAGES:
        assert kind.titles[language]
        named = places(kind.titles[language] + kind.texts[language])
        assert named <= set(kind.facts), "a text names a fact that the kind does not have"
    assert places(kind.texts["en"]) == places(kind.texts["fr"])
    assert kind.titles["en"] != kind.titles["fr"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_its_mail_reads_well_and_leads_to_its_page_and_out(kind: Kind, language: str) -> None:
    subject, text = mail_about(event_of(kind), language, "Courtier", "https://c.test", "https://c.test/n/t")
    assert subject == words_of(event_of(kind), language)[0]
    assert not re.search(r"[{}]|\.\.|  |1234567", subject + text.replace("-- ", ""))
    for link in (path_of(kind.object, "abc_1"), "/account/notifications", "/n/t"):
        assert f"https://c.test{link}" in text
    # French leaves a space before these (a narrow or plain one).
    assert language == "en" or not re.search(r"[A-Za-zé][;!?»]", text.replace("https://", ""))


def test_figures_and_days_are_written_for_the_language() -> None:
    kind = kinds()["invoice.overdue"]
    assert "5\u00a0December 2026" in words_of(event_of(kind), "en")[1]
    assert "12,345.67 EUR" in words_of(event_of(kind), "en")[1]
    assert "5\u00a0décembre 2026" in words_of(event_of(kind), "fr")[1]
    assert "12\u202f345,67\u00a0€" in words_of(event_of(kind), "fr")[1]
    assert written("due_on", "2027-01-01", "fr") == "1er\u00a0janvier 2027"


def test_an_event_of_an_older_catalogue_is_shown_all_the_same() -> None:
    event = event_of(kinds()["order.placed"])
    old = Event("e", "order.forgotten", "order", "o_1", {}, event.at)
    assert words_of(old, "fr") == ("order.forgotten", "")
    lacking = Event("e", "order.placed", "order", "o_1", {"card": "Fleurs"}, event.at)
    assert "Fleurs" in words_of(lacking, "en")[1]


def test_the_summary_of_a_day_holds_all_its_events() -> None:
    events = [event_of(kind) for kind in ALL]
    for language in LANGUAGES:
        subject, text = mail_of_day(events, language, "Courtier", "https://c.test", "https://c.test/n/t")
        assert str(len(events)) in subject
        assert text.count("• ") == len(events)


def test_the_docs_list_every_event() -> None:
    assert catalogue_table() in (DOCS / "webhooks.md").read_text(encoding="utf-8")


def test_the_waits_are_those_of_the_docs() -> None:
    whole = sum(WEBHOOK_WAITS, timedelta())
    assert timedelta(days=WEBHOOK_DAYS) - timedelta(hours=2) < whole <= timedelta(days=WEBHOOK_DAYS)
    assert wait_after(len(WEBHOOK_WAITS) + 1) is None
    assert [rest_after(n).total_seconds() for n in (1, 2, 3, 40)] == [1, 2, 4, 1800]


def test_a_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's reference libraries.
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_a_fresh_whole_and_rightly_signed_call_is_believed() -> None:
    secret, body = new_secret(), b"{}"
    headers = signed_headers([new_secret(), secret], "msg_1", 1_000_000, body)
    assert verify(secret, headers, body, 1_000_100)
    assert not verify(secret, headers, body, 1_000_400)
    assert not verify(secret, headers, b"{ }", 1_000_100)
    assert not verify(new_secret(), headers, body, 1_000_100)
    assert not verify(secret, {**headers, "webhook-id": "msg_2"}, body, 1_000_100)
    assert not verify(secret, {}, body, 1_000_100)
