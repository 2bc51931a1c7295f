"""The payment gateway: whether what it needs is set. Its secrets are looked for and never shown; it is not called."""

from __future__ import annotations

import os
import re

from broker.kernel.settings import Settings
from broker.operate.doctor.check import Check

KEY, SECRET, CONNECT = (
    "COURTIER_STRIPE_KEY", "COURTIER_STRIPE_WEBHOOK_SECRET", "COURTIER_STRIPE_CONNECT_WEBHOOK_SECRET",
)  # fmt: skip


def gateway(settings: Settings) -> Check:
    """The gateway of the settings, its key and its webhooks' secrets."""
    name, kind = "payments", settings.payment.gateway
    if kind == "none":
        return Check(name, True, "No payment gateway is set (payment.gateway): orders are paid by bank transfer.")
    if kind == "fake":
        return Check(name, True, "The local fake of the payment gateway is set: no money moves.")
    faults = _faults(settings)
    if faults:
        return Check(name, False, " ".join(faults))
    mode = "test" if "_test_" in os.environ.get(KEY, "") else "live"
    return Check(name, True, f"Stripe is set, in {mode} mode; webhooks go to {address(settings)}.")


def address(settings: Settings) -> str:
    """Where the gateway's webhooks go."""
    return f"{settings.web.public_url}/webhooks/stripe"


def _faults(settings: Settings) -> list[str]:
    faults = []
    key, secrets = os.environ.get(KEY, "").strip(), os.environ.get(SECRET, "").split()
    if not key:
        faults.append(f"Set {KEY} in the environment: the secret key, sk_… or a restricted one, rk_….")
    elif not re.fullmatch(r"[sr]k_(test|live)_\w+", key):
        faults.append(f"{KEY} is no secret key: it begins with sk_ or rk_.")
    elif "_test_" in key and not settings.instance.demo:
        faults.append(f"{KEY} is a test key, and instance.demo is not set: no money would move.")
    if not secrets:
        faults.append(
            f"Set {SECRET} in the environment: without it webhooks are refused. Endpoint: {address(settings)}."
        )
    elif not all(one.startswith("whsec_") for one in secrets):
        faults.append(f"{SECRET} holds something that is no signing secret: each begins with whsec_.")
    if settings.payment.connect and not os.environ.get(CONNECT, "").strip():
        faults.append(f"payment.connect is set: set {CONNECT} too, the secret of the endpoint for connected accounts.")
    if not settings.web.public_url.startswith("https://") and "_live_" in key:
        faults.append("web.public_url is not https: the gateway sends payers back to it and its webhooks there.")
    return faults
