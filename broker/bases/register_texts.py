"""The words of the register's lines that are made from a base, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "fr"]

LINES: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "name": "E-mail base {name}",
        "purpose": "Own mailings to customers and prospects; rental of the base and affiliate mailings",
        "people_b2c": "Customers and prospects",
        "people_b2b": "Persons at work in organisations",
        "data": "Identity, addresses, traits, purchases and visits, consents, clicks; nothing of art. 9 or 10",
        "recipients": "The broker as processor; {contract}; partners named on its list: {partners}, by mailings that"
        " the broker sends; none gets an address",
        "contract": "contract {references}",
        "no_contract": "no contract recorded",
        "retention": "Customers {customers} months, prospects {prospects} months after the last purchase, visit,"
        " consent, click or message of the person; objections as keyed fingerprints without end",
        "transfers": "None",
        "security": "Addresses and identities sealed (AES-256-GCM, keys with the sending processes alone); counts"
        " perturbed, rounded and floored; every change recorded in a chained audit.",
    },
    "fr": {
        "name": "Base e-mail {name}",
        "purpose": "Envois propres aux clients et prospects ; location de la base et envois en affiliation",
        "people_b2c": "Clients et prospects",
        "people_b2b": "Personnes au travail dans des organismes",
        "data": "Identité, adresses, critères, achats et visites, consentements, clics ; rien des articles 9 et 10",
        "recipients": "Le courtier, sous-traitant ; {contract} ; partenaires nommés sur sa liste : {partners}, par"
        " des envois que fait le courtier ; aucun ne reçoit d'adresse",
        "contract": "contrat {references}",
        "no_contract": "aucun contrat enregistré",
        "retention": "Clients {customers} mois, prospects {prospects} mois après le dernier achat, la dernière visite,"
        " le consentement, le clic ou le message de la personne ; oppositions sans limite, en empreintes à clé",
        "transfers": "Aucun",
        "security": "Adresses et identités scellées (AES-256-GCM, clés détenues par les seuls processus d'envoi) ;"
        " comptages bruités, arrondis et tus sous un seuil ; chaque changement inscrit dans un journal chaîné.",
    },
}
