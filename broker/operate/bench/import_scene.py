"""What the import benchmark works on: a file of 15 columns as shops export it, and an owner with an empty base."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from broker.accounts.create_organisation import create_organisation
from broker.bases.create_base import create_base
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.operate.demo_files import write_contacts

COLUMNS = (
    "Référence client", "Civilité", "Nom", "Prénom", "Email", "Téléphone", "Code postal", "Ville", "Date de naissance",
    "couleur_cheveux", "Date consentement", "Source consentement", "Texte consentement", "Version formulaire",
    "Version liste partenaires",
)  # fmt: skip
_SEED = 11


@dataclass(frozen=True)
class Owner:
    """Who imports, into which base."""

    actor: Actor
    base_code: str


def write_file(folder: Path, contacts: int) -> tuple[Path, int]:
    """A dirty file with `contacts` rows that will be accepted; its path and how many rows it has in all."""
    whole, cut = folder / "whole.csv", folder / "contacts.csv"
    write_contacts(whole, contacts, _SEED)
    rows = 0
    with whole.open(encoding="cp1252", newline="") as source, cut.open("w", encoding="utf-8", newline="") as target:
        reader, writer = csv.reader(source, delimiter=";"), csv.writer(target, delimiter=";", lineterminator="\n")
        header = next(reader)
        places = [header.index(name) for name in COLUMNS]
        writer.writerow(COLUMNS)
        for row in reader:
            if row:
                writer.writerow([row[place] if place < len(row) else "" for place in places])
                rows += 1
    whole.unlink()
    return cut, rows


def make_owner(database: Database) -> Owner:
    """A fresh owner and base."""
    with database.begin() as unit:
        organisation = create_organisation(unit, "owner", "Bench")
    actor = Actor("owner", organisation.id)
    with database.begin(actor) as unit:
        base = create_base(unit, f"bench-{organisation.id}", "Bench", None)
    return Owner(actor, base.code)
