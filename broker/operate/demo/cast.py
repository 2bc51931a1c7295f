"""Who plays in the demo: organisations, one log-in per role, the advertiser's message."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from broker.accounts.api_keys import create_api_key
from broker.accounts.create_organisation import create_organisation
from broker.accounts.create_user import create_user
from broker.accounts.let_sign import let_sign
from broker.accounts.model import Organisation, OrganisationKind, UserRole
from broker.billing.invoices.mandates import record_mandate
from broker.kernel.actor import Actor
from broker.kernel.database import Database

OWNER_BASE = "maison-lumiere"
SMALL_BASE = "atelier-du-bijou"

CREATIVE_HTML = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>Les jours dorés</title>
<style>
  body { margin: 0; background: #f6f1e7; font-family: Georgia, serif; color: #2b2620; }
  .card { max-width: 600px; margin: 0 auto; background: #ffffff; padding: 32px; }
  .button { display: inline-block; background: #8a5a2b; color: #ffffff; padding: 14px 26px; text-decoration: none; }
  @media (max-width: 480px) { .card { padding: 18px; } }
</style></head>
<body><div class="card">
  <h1>Les jours dorés</h1>
  <p>Bonjour {{first_name|cher client}},</p>
  <p>Du 1er au 15 décembre, toute la collection d'hiver est à -30 %. La livraison est offerte dès 60 €.</p>
  <p><a class="button" href="https://boutique.example/collection?saison=hiver&amp;rayon=manteaux">Voir les
     manteaux</a></p>
  <p>Ou bien : <a href="https://boutique.example/idees-cadeaux#sommaire">nos idées cadeaux</a> et
     <a href="https://boutique.example/magasins?tri=distance">les magasins près de chez vous</a>.</p>
</div></body></html>
"""

_COMPANIES: dict[str, tuple[OrganisationKind, str, str, str]] = {
    "owner": ("owner", "Maison Lumière", "900000019", "home"),
    "small": ("owner", "L'Atelier du Bijou", "900000027", "jewellery"),
    "advertiser": ("advertiser", "Manteaux de Paris", "900000035", "fashion"),
    "broker": ("broker", "Courtier SAS", "732829320", "advertising"),
}
_PEOPLE: dict[str, tuple[str, str, UserRole]] = {
    "owner": ("owner", "Claire Lambert", "owner"),
    "small": ("small", "Hugo Perrin", "owner"),
    "advertiser": ("advertiser", "Inès Moreau", "advertiser"),
    "broker": ("broker", "Paul Garnier", "broker"),
    "accountant": ("broker", "Sofia Nunes", "accountant"),
}


@dataclass(frozen=True)
class Player:
    """One log-in: what the terminal prints, and the API key that the demo itself uses."""

    role: str
    email: str
    password: str
    api_key: str
    org_code: str
    org_id: int
    org_name: str


def create_cast(database: Database) -> dict[str, Player]:
    """Make the organisations, users and keys; passwords are random, so that nobody's demo has known ones."""
    with database.begin() as unit:
        companies = {
            key: create_organisation(
                unit,
                kind,
                name,
                siren=siren,
                vat_number=_vat_number(siren),
                street="12 rue des Lilas",
                postcode="75011",
                city="Paris",
                sector=sector,
            )
            for key, (kind, name, siren, sector) in _COMPANIES.items()
        }
    return {key: _create_player(database, key, companies[row[0]], *row[1:]) for key, row in _PEOPLE.items()}


def _create_player(database: Database, key: str, company: Organisation, name: str, role: UserRole) -> Player:
    email, password = f"{key}@courtier.test", secrets.token_urlsafe(9)
    with database.begin() as unit:
        user = create_user(unit, company.code, email, name, role, password, language="fr")
        if role == "owner":
            let_sign(unit, email)
    with database.begin(Actor(role, company.id, user.id, user.name)) as unit:
        api_key = create_api_key(unit, "demo")[1]
        if role == "owner":  # without it nothing is invoiced in the owner's name
            record_mandate(unit, company.code, f"Mandat de facturation {company.name}", name, unit.today)
    return Player(role, email, password, api_key, company.code, company.id, company.name)


def _vat_number(siren: str) -> str:
    """French VAT number of a SIREN: key = (12 + 3 × (SIREN mod 97)) mod 97 (art. 286 ter CGI)."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
