"""What the doctor says of the payment gateway."""

from __future__ import annotations

import pytest

from broker.kernel.settings import InstanceSettings, PaymentSettings, Settings, WebSettings
from broker.operate.doctor.payment import CONNECT, KEY, SECRET, gateway


def settings(kind: str = "stripe", *, connect: bool = False, demo: bool = False) -> Settings:
    return Settings(
        instance=InstanceSettings(demo=demo),
        payment=PaymentSettings(gateway=kind, connect=connect),
        web=WebSettings(public_url="https://courtier.example"),
    )


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (KEY, SECRET, CONNECT):
        monkeypatch.delenv(name, raising=False)


def test_without_a_gateway_nothing_is_missing() -> None:
    assert gateway(settings("none")).ok
    assert gateway(settings("fake", demo=True)).ok


@pytest.mark.parametrize(
    ("key", "secret", "named"),
    [
        ("", "whsec_1", KEY),
        ("pk_live_1", "whsec_1", "begins with sk_"),
        ("sk_test_1", "whsec_1", "test key"),
        ("sk_live_1", "", SECRET),
        ("sk_live_1", "whsec_1 other", "whsec_"),
    ],
)
def test_what_is_missing_is_named_and_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, key: str, secret: str, named: str
) -> None:
    monkeypatch.setenv(KEY, key)
    monkeypatch.setenv(SECRET, secret)
    found = gateway(settings())
    assert not found.ok
    assert named in found.say
    assert not key or key not in found.say
    assert not secret or secret not in found.say


def test_connected_accounts_have_an_endpoint_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk_live_1")
    monkeypatch.setenv(SECRET, "whsec_1 whsec_2")
    assert gateway(settings()).ok
    assert CONNECT in gateway(settings(connect=True)).say
    monkeypatch.setenv(CONNECT, "whsec_3")
    found = gateway(settings(connect=True))
    assert found.ok
    assert "https://courtier.example/webhooks/stripe" in found.say
