"""Drafts of what is told of a breach: to the authority (art. 33(3) GDPR) and to the people (art. 34(2)).

Drafts: what the platform knows stands in them, what it cannot know is left to write, between square brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from broker.bases.compliance_model import Breach, Dossier

Language = Literal["fr", "en"]
FRANCE = ZoneInfo("Europe/Paris")
_NATURES = {
    "fr": {
        "confidentiality": "perte de confidentialité (divulgation ou accès non autorisés)",
        "integrity": "perte d'intégrité (modification non voulue)",
        "availability": "perte de disponibilité (destruction ou perte)",
    },
    "en": {
        "confidentiality": "loss of confidentiality (disclosure or access without authority)",
        "integrity": "loss of integrity (unwanted change)",
        "availability": "loss of availability (destruction or loss)",
    },
}
_AUTHORITY = {
    "fr": """Notification d'une violation de données à caractère personnel (article 33 du RGPD)

Responsable du traitement : {controller}
Base concernée : {base}
Dossier : {code}
Découverte le {discovered}, notifiée sous 72 heures, soit au plus tard le {due}.

1. Nature : {nature}.
   Faits : {facts}
   Période : du {began} au {ended}.
   Données concernées : {data}
   Lignes concernées : {rows}{which}
   Personnes concernées : {people}
2. Point de contact : [nom, fonction, téléphone et courriel du délégué ou du responsable]
3. Conséquences probables : {consequences}
4. Mesures prises ou envisagées : {measures}
{late}""",
    "en": """Notification of a personal data breach (article 33 GDPR)

Controller: {controller}
Base concerned: {base}
Dossier: {code}
Discovered on {discovered}; to be notified within 72 hours, by {due}.

1. Nature: {nature}.
   Facts: {facts}
   Time: from {began} to {ended}.
   Data concerned: {data}
   Rows concerned: {rows}{which}
   People concerned: {people}
2. Point of contact: [name, function, telephone and e-mail of the officer or controller]
3. Likely consequences: {consequences}
4. Measures taken or proposed: {measures}
{late}""",
}
_PEOPLE = {
    "fr": """Objet : une violation de vos données à caractère personnel

Madame, Monsieur,

Le {discovered}, nous avons constaté un incident qui concerne vos données ({data}). En clair : {facts}

Ce que cela peut entraîner : {consequences}
Ce que nous avons fait : {measures}
Ce que vous pouvez faire : [par exemple se méfier des messages qui se réclament de nous, changer un mot de passe]

Pour toute question : [nom et coordonnées du délégué ou du responsable].

{controller}""",
    "en": """Subject: a breach of your personal data

Dear Madam, dear Sir,

On {discovered} we found an incident that concerns your data ({data}). In plain words: {facts}

What it may lead to: {consequences}
What we have done: {measures}
What you can do: [for example, beware of messages that claim to come from us, change a password]

For any question: [name and contact of the officer or controller].

{controller}""",
}
_UNSAID = {"fr": "[à compléter]", "en": "[to be completed]"}
_LATE = {"fr": "5. Motif du retard : {reason}\n", "en": "5. Reason for the delay: {reason}\n"}


@dataclass(frozen=True, slots=True)
class BreachTexts:
    """What is, or would be, told to the authority and to the people."""

    authority: str
    people: str


def breach_texts(dossier: Dossier, language: Language) -> BreachTexts:
    """The texts that were written down, or drafts from the dossier."""
    breach = dossier.breach
    said = _said(dossier, language)
    return BreachTexts(
        breach.authority_text or _AUTHORITY[language].format(**said).strip(),
        breach.people_text or _PEOPLE[language].format(**said).strip(),
    )


def _said(dossier: Dossier, language: Language) -> dict[str, str]:
    breach, unsaid = dossier.breach, _UNSAID[language]
    form = "%d/%m/%Y %H:%M (heure de Paris)" if language == "fr" else "%Y-%m-%d %H:%M (Paris time)"
    moments = {
        "discovered": breach.discovered_at,
        "due": breach.authority_due_at,
        "began": breach.began_at,
        "ended": breach.ended_at,
    }
    of = "sur" if language == "fr" else "of"
    rows = f"{breach.rows_affected} {of} {dossier.rows_in_base}" if dossier.rows_in_base else str(breach.rows_affected)
    return {
        **{name: moment.astimezone(FRANCE).strftime(form) for name, moment in moments.items()},
        "controller": breach.controller or unsaid,
        "base": f"{breach.base_name} ({breach.base_code})" if breach.base_name else breach.base_code,
        "code": breach.code,
        "nature": _NATURES[language][breach.nature],
        "facts": breach.facts,
        "data": breach.data,
        "rows": rows,
        "which": f" ({breach.which_rows})" if breach.which_rows else "",
        "people": str(breach.people_affected) if breach.people_affected is not None else unsaid,
        "consequences": breach.consequences or unsaid,
        "measures": breach.measures or unsaid,
        "late": _late(breach, language),
    }


def _late(breach: Breach, language: Language) -> str:
    return _LATE[language].format(reason=breach.late_reason) if breach.late_reason else ""
