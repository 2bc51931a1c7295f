"""Delegated subdomains: which names may be, which records they need, and what the DNS says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from broker.delivery.look_up_records import look_up
from broker.delivery.sending_domain import Seen, records_of, state_after, subdomain
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import MailSettings

MAIL = MailSettings(sending_domain="mail.platform.test", bounce_domain="bounce.platform.test", dkim_selector="c1")
DOMAIN = "news.marque.fr"
KEY = "MIIBKEY"
GOOD: dict[tuple[str, str], Sequence[str] | None] = {
    (f"c1._domainkey.{DOMAIN}", "TXT"): [f"v=DKIM1; k=rsa; p={KEY}"],
    (f"c1-b._domainkey.{DOMAIN}", "CNAME"): ["c1-b._domainkey.mail.platform.test"],
    (f"bounce.{DOMAIN}", "MX"): ["10 bounce.platform.test"],
    (f"bounce.{DOMAIN}", "TXT"): ["google-site-verification=x", "v=spf1 include:bounce.platform.test -all"],
    (DOMAIN, "MX"): ["5 bounce.platform.test"],
    (f"_dmarc.{DOMAIN}", "TXT"): [],
    ("_dmarc.marque.fr", "TXT"): ["v=DMARC1; p=none"],
}


def seen(changes: Mapping[tuple[str, str], Sequence[str] | None] | None = None) -> dict[str, str]:
    answers = GOOD | dict(changes or {})
    found = look_up(records_of(DOMAIN, MAIL), MAIL, {KEY}, lambda name, kind: answers.get((name, kind), []))
    return {one.purpose: one.state for one in found}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("news.marque.fr", "news.marque.fr"),
        (" News.Marque.FR. ", "news.marque.fr"),
        ("https://a.b.co.uk/", "a.b.co.uk"),
    ],
)
def test_a_subdomain_is_taken_in_plain_form(given: str, name: str) -> None:
    assert subdomain(given, MAIL) == name


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("marque.fr", "main_domain"),
        ("marque.co.uk", "main_domain"),
        ("mairie.gouv.fr", "main_domain"),
        ("", "bad_domain"),
        ("marque", "bad_domain"),
        ("a b.marque.fr", "bad_domain"),
        ("-a.marque.fr", "bad_domain"),
        ("news.marque.fr;x", "bad_domain"),
        ("1.2.3.4", "bad_domain"),
        ("x@news.marque.fr", "bad_domain"),
        ("mail.platform.test", "bad_domain"),
        ("a.bounce.platform.test", "bad_domain"),
    ],
)
def test_main_domains_and_what_is_no_name_are_refused(given: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        subdomain(given, MAIL)
    assert refused.value.code == code


def test_all_records_in_place_are_green_also_by_a_copy_of_the_key_and_a_policy_above() -> None:
    assert set(seen().values()) == {"ok"}
    key = f"c1._domainkey.{DOMAIN}"
    by_cname = {(key, "TXT"): [], (key, "CNAME"): ["c1._domainkey.mail.platform.test"]}
    assert seen(by_cname)["dkim"] == "ok"


@pytest.mark.parametrize(
    ("where", "answer", "purpose", "state"),
    [
        ((f"c1._domainkey.{DOMAIN}", "TXT"), ["v=DKIM1; p=OTHER"], "dkim", "wrong"),
        ((f"c1._domainkey.{DOMAIN}", "TXT"), ["v=DKIM1; p="], "dkim", "wrong"),
        ((f"c1._domainkey.{DOMAIN}", "TXT"), [], "dkim", "missing"),
        ((f"c1._domainkey.{DOMAIN}", "TXT"), None, "dkim", "unanswered"),
        ((f"bounce.{DOMAIN}", "TXT"), ["v=spf1 ip4:192.0.2.1 -all"], "spf", "wrong"),
        ((f"bounce.{DOMAIN}", "TXT"), ["v=spf1 include:bounce.platform.test -all", "v=spf1 -all"], "spf", "wrong"),
        ((f"bounce.{DOMAIN}", "TXT"), ["else"], "spf", "missing"),
        ((f"bounce.{DOMAIN}", "MX"), ["10 mx.elsewhere.test"], "return_path", "wrong"),
        ((DOMAIN, "MX"), ["10 bounce.platform.test", "20 mx.marque.fr"], "replies", "wrong"),
        ((DOMAIN, "MX"), None, "replies", "unanswered"),
        (("_dmarc.marque.fr", "TXT"), [], "dmarc", "missing"),
        ((f"_dmarc.{DOMAIN}", "TXT"), ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc", "wrong"),
    ],
)
def test_each_record_is_judged_by_what_it_does(
    where: tuple[str, str], answer: Sequence[str] | None, purpose: str, state: str
) -> None:
    found = seen({where: answer})
    assert found.pop(purpose) == state
    assert set(found.values()) == {"ok"}


def test_what_was_green_breaks_and_a_silent_dns_changes_nothing() -> None:
    def after(before: str, *states: str) -> str:
        return state_after(before, [Seen("dkim", "n", "TXT", "v", one, "") for one in states])  # type: ignore[arg-type]

    assert after("waiting", "ok", "ok") == "green"
    assert after("waiting", "ok", "missing") == "waiting"
    assert after("green", "ok", "wrong") == "broken"
    assert after("broken", "ok", "ok") == "green"
    assert [after(before, "ok", "unanswered") for before in ("waiting", "green", "broken")] == [
        "waiting",
        "green",
        "broken",
    ]
