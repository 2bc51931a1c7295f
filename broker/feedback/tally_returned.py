"""What comes back counts against the domain that sent it, its relay and the provider of the recipient; once a mail."""

from __future__ import annotations

from broker.delivery import reputation_store
from broker.delivery.domain_store import domain_of_mailing
from broker.delivery.reputation_model import OTHERS
from broker.delivery.tally import is_provider, provider_of
from broker.feedback import store
from broker.feedback.model import ReturnedMail, SendKey
from broker.feedback.returned.opened import OpenedMail, first
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import MailSettings


def tally_returned(
    unit: UnitOfWork, mail: MailSettings, inbound_id: int, result: ReturnedMail, message: OpenedMail, key: SendKey
) -> None:
    """Count a bounce that is the end, or a complaint, of a mail that had none of the kind before."""
    column = {"bounce": result.verdict, "complaint": "complaints"}.get(result.kind, "")
    if column not in ("hard", "soft", "complaints") or (result.kind == "bounce" and not result.final):
        return
    if store.came_before(unit, inbound_id, result.kind, key):
        return
    domain, _ = domain_of_mailing(unit, key.mailing_id) or (mail.sending_domain, "")
    provider = provider_of(result.recipient.rpartition("@")[2])
    if not provider or not (is_provider(provider) or reputation_store.known_provider(unit, provider)):
        provider = OTHERS
    reputation_store.add(unit, domain, relay_of(mail, message), provider, {column: 1})


def relay_of(mail: MailSettings, message: OpenedMail) -> str:
    """The relay that gave the mail up, where its own report names it or there is only one; empty where nobody knows."""
    labels = {one.host.lower(): f"{one.host}:{one.port}" for one in mail.relays}
    if len(mail.relays) == 1:
        return next(iter(labels.values()))
    reporting = [first(group, "reporting-mta").rpartition(";")[2].strip().lower() for group in message.groups]
    return next((labels[name] for name in reporting if name in labels), "")
