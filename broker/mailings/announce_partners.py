"""The notice of new partners: a mailing of the owner to those whose consent does not know them yet.

Under the policy `named_after_notice` an added partner reaches a person once that person's copy was accepted and the
waiting days of the setting `trade.notice_days` are over; an objection in between keeps it out like any other.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from html import escape

from broker.audit.record import record
from broker.bases import partner_store
from broker.bases.find_base import find_base
from broker.bases.publish_partner_list import list_versions
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.mailings.create_creative import Message, create_creative
from broker.mailings.sender_name import sender_name
from broker.mailings.sign_creative import sign_creative

MOST_NAMES = 60  # in the mail itself; the whole list is behind its link
_WORDS = {
    "fr": {
        "name": "Information : partenaires, version {version}",
        "subject": "{owner} : de nouveaux partenaires",
        "hello": "Bonjour,",
        "why": "Vous avez donné votre adresse à {owner} et accepté de recevoir les offres de ses partenaires. La liste"
        " de ces partenaires s'allonge. S'y ajoutent :",
        "more": "et {count} autres, nommés sur la liste",
        "when": "Leurs offres pourront vous parvenir dans {days} jours au plus tôt. Votre adresse ne leur est jamais"
        " remise : {owner} envoie ces messages pour leur compte.",
        "no": "Si vous ne le souhaitez pas, {leave} : c'est immédiat, sans compte ni mot de passe.",
        "leave": "dites-le ici en un clic",
        "list": "La liste entière, avec ses versions précédentes : {link}.",
        "link": "partenaires de {owner}",
        "who": "Expéditeur : {{{{advertiser_identity}}}}.",
    },
    "en": {
        "name": "Notice: partners, version {version}",
        "subject": "{owner}: new partners",
        "hello": "Hello,",
        "why": "You gave your address to {owner} and agreed to receive offers from its partners. The list of these"
        " partners grows. It now includes:",
        "more": "and {count} more, named on the list",
        "when": "Their offers may reach you in {days} days at the earliest. Your address is never handed to them:"
        " {owner} sends these messages on their behalf.",
        "no": "If you do not want this, {leave}: it takes effect at once, without an account or a password.",
        "leave": "say so here in one click",
        "list": "The whole list, with its earlier versions: {link}.",
        "link": "partners of {owner}",
        "who": "Sender: {{{{advertiser_identity}}}}.",
    },
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice and how far it is. `told` counts accepted copies."""

    code: str
    version: int
    created_at: datetime
    starts_at: datetime
    wait_days: int
    mailing_code: str | None
    state: str
    ended_at: datetime | None
    problem: str | None
    told: int


def notice_message(unit: UnitOfWork, base_code: str, language: str, wait_days: int) -> Message:
    """What a notice of the version in force says; raises `nothing_added` where it adds no name to any earlier one."""
    base = find_base(unit, base_code)
    versions = list_versions(unit, base_code)
    earlier = versions[1:]
    known_to_all = set.intersection(*({p.name for p in one.partners} for one in earlier)) if earlier else None
    names = [] if known_to_all is None else [p.name for p in versions[0].partners if p.name not in known_to_all]
    if not names:
        raise Conflict("The list in force adds no partner to an earlier one.", code="nothing_added")
    owner = partner_store.owner_name(unit, base.id).replace("{{", "{ {")  # a name is never a merge tag
    names = [name.replace("{{", "{ {") for name in names]
    words = {
        key: text.format(
            owner=owner if key in ("subject", "name") else escape(owner),
            days=wait_days,
            version=versions[0].version,
            count=len(names) - MOST_NAMES,
            leave=f'<a href="{{{{unsubscribe_url}}}}">{_WORDS[language]["leave"]}</a>',
            link=f'<a href="{{{{partners_url}}}}">{_WORDS[language]["link"].format(owner=escape(owner))}</a>',
        )
        for key, text in _WORDS[language].items()
    }
    items = [escape(name) for name in names[:MOST_NAMES]]
    items += [words["more"]] if len(names) > MOST_NAMES else []
    html = (
        f'<html lang="{language}"><body><p>{words["hello"]}</p><p>{words["why"]}</p>'
        f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
        f"<p>{words['when']}</p><p>{words['no']}</p><p>{words['list']}</p><p>{words['who']}</p>"
        "<p>{{owner_name}}</p></body></html>"
    )
    return Message(
        name=words["name"], subject=words["subject"], from_name=sender_name(owner), language=language, html=html
    )


def announce_partners(
    unit: UnitOfWork, base_code: str, language: str, wait_days: int, starts_at: datetime | None = None
) -> str:
    """Sign the notice of the version in force and have it sent; returns its code.

    Recipients are drawn when it is frozen: whoever consented to a version that lacks a name and was not told yet.
    """
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    if language not in _WORDS:
        raise InvalidInput("The language of a notice is fr or en.", code="bad_language", field="language")
    if base.current_snapshot_id is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    version = list_versions(unit, base_code)[0].version
    if partner_store.open_notice(unit, base.id, version):
        raise Conflict("A notice of this version is on its way already.", code="notice_under_way")
    creative = create_creative(unit, notice_message(unit, base_code, language, wait_days))
    sign_creative(unit, creative.code)
    code = new_code("notice")
    starts = max(starts_at or unit.now, unit.now)
    notice_id = partner_store.add_notice(unit, code, base.id, version, creative.id, starts)
    unit.enqueue("plan_notice", notice_id)
    record(unit, "partner_notice.asked", "base", base.code, notice=code, version=version)
    return code


def list_notices(unit: UnitOfWork, base_code: str) -> list[Notice]:
    """The base's notices, the newest first."""
    return [Notice(**row._mapping) for row in partner_store.notices(unit, find_base(unit, base_code).id)]


def plan_notice(database: Database, settings: Settings, notice_id: int) -> None:
    """Job: the notice's dispatch and mailing, whose freeze draws the recipients. Twice is once."""
    with database.begin() as unit:
        code = new_code("mailing")
        mailing_id = partner_store.schedule_notice(
            unit, notice_id, code, secrets.randbits(62), settings.trade.notice_days
        )
        if mailing_id is not None:
            unit.enqueue("freeze_mailing", mailing_id)
            record(unit, "mailing.scheduled", "mailing", code, notice=notice_id)
