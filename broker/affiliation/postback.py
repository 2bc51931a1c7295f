"""Postbacks: how an advertiser's server proves that a report is its own.

The secret of a programme is worked out from a key of the front, the programme's code and a version, so it is stored
nowhere; a new version makes a new secret, and the former one is good for two days more. What is signed is the message
as it travels: `t` (seconds since 1970), a dot, and the body, or for GET the query string before `&sig=`; HMAC-SHA256
(RFC 2104) in lower-case hex. The time keeps a recorded message from being sent again much later; the reference keeps it
from counting twice at any time.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from broker.affiliation.conversion_model import REPORTED, Reported, Source
from broker.affiliation.report_conversion import Report, click_of, report_conversion
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput, NotFound
from broker.vault.keyring import FrontKeys

TOLERANCE_SECONDS = 300
OVERLAP_DAYS = 2
FIELDS = ("click_id", "kind", "reference", "amount", "currency", "at")


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as it came: what was signed, when its sender says so, and the signature."""

    message: bytes
    time: str
    signature: str


def secret_of(front: FrontKeys, programme_code: str, key_version: int, version: int) -> str:
    """The secret of a programme's postbacks: 43 characters. Refuses a key that is not on this ring any more."""
    key = front.token_keys.get(key_version)
    if key is None:
        raise InvalidInput("The secret's key is gone: make a new secret.", code="secret_gone")
    raw = hashlib.blake2b(f"{programme_code}|{version}".encode(), key=key, digest_size=32, person=b"postback").digest()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signature_of(secret: str, time: str, message: bytes) -> str:
    """The signature of a message sent at `time`."""
    return hmac.new(secret.encode(), time.encode() + b"." + message, hashlib.sha256).hexdigest()


def accept_postback(
    unit: UnitOfWork, front: FrontKeys, programme_code: str, signed: Signed, fields: dict[str, str]
) -> Reported:
    """Check a postback's signature and keep what it reports.

    Raises `NotFound`, `Forbidden` (`bad_signature`, `stale_signature`), `InvalidInput` naming the field. What is raised
    was not kept; `note_refusal` counts it.
    """
    programme = unit.one("SELECT * FROM postback_programme(:code)", code=programme_code)
    if programme is None:
        raise NotFound("There is no such programme.", code="programme_not_found")
    versions = [programme.postback_version]
    if programme.former_postback and programme.postback_version > 1:
        versions.append(programme.postback_version - 1)
    check_signature(
        [secret_of(front, programme_code, programme.postback_key, version) for version in versions], signed, unit.now
    )
    said = report_conversion(unit, programme.id, read_report(front, fields, "postback"))
    if said.state == "test":
        note_refusal(unit, programme_code, "test")
    return said


def note_refusal(unit: UnitOfWork, programme_code: str, reason: str) -> None:
    """Count a postback that was not let in, for the advertiser's console."""
    unit.run(
        "SELECT note_postback_refusal(g.id, :reason) FROM postback_programme(:code) g",
        code=programme_code,
        reason=reason,
    )


def check_signature(secrets: list[str], signed: Signed, now: datetime) -> None:
    """Raises `Forbidden`: `bad_signature`, or `stale_signature` for a time further than five minutes from ours."""
    given = signed.signature.strip().lower().encode("ascii", "replace")
    # All secrets are tried, so that the time taken tells nothing of which one it was.
    good = [hmac.compare_digest(signature_of(one, signed.time, signed.message).encode(), given) for one in secrets]
    if not any(good):
        raise Forbidden(
            "The signature is wrong: sign `t`, a dot and the message exactly as sent, with the programme's secret"
            " (HMAC-SHA256, hex).",
            code="bad_signature",
        )
    if not signed.time.isascii() or not signed.time.isdigit() or len(signed.time) > 12:
        raise InvalidInput("Write t as seconds since 1970.", code="bad_time", field="t")
    if abs(now.timestamp() - int(signed.time)) > TOLERANCE_SECONDS:
        raise Forbidden(
            "The signature is older than five minutes, or from the future: sign each message when you send it.",
            code="stale_signature",
        )


def read_report(front: FrontKeys, fields: dict[str, str], source: Source) -> Report:
    """The report in a message's fields; `InvalidInput` names the wrong one."""
    kind = fields.get("kind", "sale")
    if kind not in REPORTED:
        raise InvalidInput(f"Report a {' or a '.join(REPORTED)}.", code="bad_kind", field="kind")
    return Report(
        click=click_of(front, fields.get("click_id", "")),
        kind=kind,
        reference=fields.get("reference", ""),
        amount_cents=_amount(fields.get("amount", "")),
        currency=fields.get("currency", "EUR"),
        happened_at=_moment(fields.get("at", "")),
        source=source,
    )


def _amount(text: str) -> int | None:
    """`49.90` as cents."""
    if not text:
        return None
    whole, point, rest = text.strip().partition(".")
    digits = whole.isdigit() and (not point or rest.isdigit())
    if not text.isascii() or not digits or len(whole) > 9 or len(rest) > 2:
        raise InvalidInput("Write the amount as 49.90: digits, a point, at most two decimals.", code="bad_amount",
                           field="amount")  # fmt: skip
    return int(whole) * 100 + int((rest + "00")[:2])


def _moment(text: str) -> datetime | None:
    """Seconds since 1970, or ISO 8601 with its offset."""
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(
            "Write the moment as seconds since 1970, or as 2026-03-29T01:30:00+01:00 with its offset.",
            code="bad_moment",
            field="at",
        )
    return moment
