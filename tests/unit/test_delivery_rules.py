"""The rules of delivery that need neither server nor database: reasons, shares, turns, limits, plans, keys."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.delivery.balance import SLOW_SECONDS, Balance
from broker.delivery.dkim_keys import check_not_signing, check_selector, list_dkim_keys, published
from broker.delivery.letter import Attempted
from broker.delivery.model import after_attempt
from broker.delivery.pace_model import Pace, PaceRule, Paces, check_name, growing_caps, shipped_providers
from broker.delivery.pacer import Pacer
from broker.delivery.smtp_reply import Reply, reason_of
from broker.delivery.turn import SLICE_SECONDS, TURN_SECONDS, Turn
from broker.delivery.warm_up import WarmUp
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.settings import MailSettings
from broker.vault.dkim_ring import add_dkim_key, drop_dkim_key
from broker.vault.keyring import create_keys

DAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (550, "5.1.1 no such user here", "address"),
        (550, "5.1.1 <x> blocked user unknown", "address"),
        (550, "User unknown in virtual mailbox table", "address"),
        (552, "5.2.2 mailbox full", "address"),
        (452, "4.2.2 over quota", "address"),
        (550, "5.7.1 Service unavailable; client host blocked using zen.spamhaus.org", "reputation"),
        (421, "4.7.0 Our system has detected an unusual rate... reputation of the IP is low", "reputation"),
        (554, "5.7.1 message rejected as spam", "content"),
        (552, "5.3.4 message too large", "content"),
        (550, "5.7.26 this mail is unauthenticated: SPF and DKIM did not pass", "policy"),
        (451, "4.7.1 Greylisting in action, please come back later", "policy"),
        (450, "4.2.0 Recipient address rejected: greylisted", "policy"),
        (421, "4.7.28 rate limited", "policy"),
        (554, "5.7.1 <x>: Relay access denied", "relay"),
        (530, "5.7.0 Authentication required", "relay"),
        (421, "4.3.2 system shutting down", "busy"),
        (451, "4.3.0 try again", "busy"),
        (0, "connection lost after the text", "lost"),
        (554, "no", "policy"),
        (499, "", "busy"),
    ],
)
def test_replies_have_their_reason(code: int, text: str, reason: str) -> None:
    assert reason_of(Reply(code, text)) == reason


@given(st.integers(0, 599), st.text(max_size=80))
def test_every_reply_has_a_reason_or_is_positive(code: int, text: str) -> None:
    positive = 200 <= code < 300 or code == 354
    assert (reason_of(Reply(code, text)) is None) == positive


@pytest.mark.parametrize(
    ("attempted", "state", "reason"),
    [
        (Attempted("refused", Reply(550, "5.1.1 unknown"), stage="recipient"), "refused", "address"),
        (Attempted("refused", Reply(554, "5.7.1 Relay access denied"), stage="recipient"), "deferred", "relay"),
        (Attempted("refused", Reply(550, "5.1.8 bad sender"), stage="sender"), "deferred", "relay"),
        (Attempted("refused", Reply(552, "5.3.4 too large"), stage="sender"), "refused", "content"),
        (Attempted("deferred", Reply(451, "x"), connected=False, stage="connection"), "deferred", "lost"),
        (Attempted("uncertain", Reply(0, "lost"), connected=False), "uncertain", "lost"),
    ],
)
def test_what_is_about_us_is_no_end_for_a_recipient(attempted: Attempted, state: str, reason: str) -> None:
    outcome = after_attempt(1, attempted, "x", 1, 6)
    assert (outcome.state, outcome.reason) == (state, reason)


def test_putting_off_has_a_last_time() -> None:
    attempted = Attempted("deferred", Reply(451, "4.7.1 later"), stage="recipient")
    waits = [after_attempt(1, attempted, "451 later", n, 6).wait for n in range(1, 6)]
    assert waits == sorted(waits, key=lambda wait: wait or 0)
    last = after_attempt(1, attempted, "451 later", 6, 6)
    assert (last.state, last.wait) == ("refused", None)


def test_relays_take_turns_by_weight() -> None:
    balance = Balance([3, 1], lambda: 0.0)
    taken = [0, 0]
    for _ in range(400):
        for line in (0, 1):
            if balance.may_go(line, 4):
                balance.takes(line, 4)
                taken[line] += 4
    assert taken[0] / taken[1] == pytest.approx(3, rel=0.1)


def test_a_relay_that_takes_nothing_holds_nobody_back_and_does_not_catch_up() -> None:
    now = 0.0
    balance = Balance([1, 1], lambda: now)
    balance.takes(0, 4)
    balance.takes(1, 4)
    now = SLOW_SECONDS + 0.1
    for _ in range(50):
        assert balance.may_go(0, 4)
        balance.takes(0, 4)
    behind = 0
    while balance.may_go(1, 4) and behind < 50:
        balance.takes(1, 4)
        behind += 1
    assert behind <= 2


@pytest.mark.parametrize(
    ("waiting", "length"),
    [((0, 0), SLICE_SECONDS), ((1, 0), TURN_SECONDS), ((1, 5), TURN_SECONDS / 6), ((0, 3), TURN_SECONDS)],
)
def test_a_tenants_mailings_share_its_turn(waiting: tuple[int, int], length: float) -> None:
    now = 0.0
    turn = Turn(clock=lambda: now)
    assert not turn.is_over(lambda: waiting)
    now = length - 0.01
    assert not turn.is_over(lambda: waiting)
    now = length + 0.01
    assert turn.is_over(lambda: waiting)


def test_the_brokers_rule_goes_before_what_ships_and_a_domains_before_its_providers() -> None:
    own = [
        PaceRule("provider", "orange", Pace(60, None), shipped=False),
        PaceRule("domain", "wanadoo.fr", Pace(6, 1), shipped=False),
        PaceRule("provider", "free", Pace(None, None), shipped=False),
    ]
    paces = Paces(own)
    assert paces.of_domain("orange.fr") == ("provider", "orange")
    assert paces["provider", "orange"] == Pace(60, None)
    assert paces.of_domain("wanadoo.fr") == ("domain", "wanadoo.fr")
    assert paces.of_domain("free.fr") is None
    assert paces.of_domain("gmail.com") == ("provider", "gmail")
    assert paces.of_domain("exemple.test") is None


def test_no_domain_belongs_to_two_providers() -> None:
    domains = [domain for _, names in shipped_providers().values() for domain in names]
    assert len(domains) == len(set(domains))
    for domain in domains:
        assert check_name("domain", domain) == "domain"


@pytest.mark.parametrize(
    ("scope", "name", "code"),
    [
        ("planet", "x", "bad_pace"),
        ("provider", "nobody", "unknown_provider"),
        ("domain", "a b.fr", "bad_domain"),
        ("domain", "a@b.fr", "bad_domain"),
        ("relay", "mail.exemple.fr", "bad_relay"),
    ],
)
def test_a_pace_names_something_that_can_be(scope: str, name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_name(scope, name)
    assert refusal.value.code == code


@given(st.integers(1, 5_000), st.integers(10_100, 50_000), st.integers(1, 1_000_000))
def test_a_warm_up_grows_every_day_and_stays_under_its_end(first: int, growth: int, until: int) -> None:
    if until < first:
        with pytest.raises(InvalidInput):
            growing_caps(first, growth, until)
        return
    caps = growing_caps(first, growth, until)
    assert caps[0] == first
    assert all(later > before for before, later in itertools.pairwise(caps))
    assert caps[-1] <= max(until, first)


def test_a_plan_has_a_cap_for_each_of_its_days_and_none_after() -> None:
    plan = WarmUp("mail.test", DAY, (50, 100))
    days = [plan.cap(DAY + timedelta(days=n)) for n in (-1, 0, 1, 2)]
    assert days == [0, 50, 100, None]


def test_without_limits_a_pacer_asks_nothing() -> None:
    pacer = Pacer(Paces([]), "127.0.0.1:25", None, DAY)
    keys = pacer.keys("exemple.test")
    assert keys == ()
    assert pacer.blocked(keys) is None
    assert pacer.spend(keys)
    assert not pacer.limits


def test_a_limited_domain_waits_for_its_answer() -> None:
    pacer = Pacer(Paces([]), "127.0.0.1:25", None, DAY, clock=lambda: 0.0)
    keys = pacer.keys("gmail.com")
    assert pacer.blocked(keys) == ("provider", "gmail")
    assert pacer.wants_answer({("provider", "gmail"): 3})


def test_keys_overlap_and_the_one_that_signs_stays(tmp_path: Path) -> None:
    mail = MailSettings()
    create_keys(tmp_path, mail.sending_domain, mail.dkim_selector)
    ring = add_dkim_key(tmp_path, mail.sending_domain, "c2027")
    first, second = list_dkim_keys(ring, mail)
    assert [(first.selector, first.signs), (second.selector, second.signs)] == [("c2026", True), ("c2027", False)]
    assert first.record != second.record
    with pytest.raises(Conflict):
        add_dkim_key(tmp_path, mail.sending_domain, "c2027")
    with pytest.raises(Conflict):
        check_not_signing(mail, mail.sending_domain, "c2026")
    assert len(drop_dkim_key(tmp_path, mail.sending_domain, "c2027").dkim) == 1
    with pytest.raises(InvalidInput):
        check_selector("c.2027")


def test_the_published_record_is_compared_with_the_key(tmp_path: Path) -> None:
    mail = MailSettings()
    create_keys(tmp_path, mail.sending_domain, mail.dkim_selector)
    first, second = list_dkim_keys(add_dkim_key(tmp_path, mail.sending_domain, "c2027"), mail)
    spaced = first.record.replace("p=", "p= ").replace("; ", " ;")
    assert published(first.record, [spaced, "other text"]) is None
    for texts in ([], [second.record], [first.record, second.record], ["v=DKIM1; p="], [first.record + "; t=y"]):
        assert published(first.record, texts) is not None
    assert all(len(part) <= 255 for part in first.zone_line.split('"')[1::2])
    assert "".join(first.zone_line.split('"')[1::2]) == first.record
