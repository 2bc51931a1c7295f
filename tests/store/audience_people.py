"""Hand-made staging files and bases for tests of the audience: the columns that imports stage."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from broker.bases.stage import DICTIONARY, WRITTEN_CORE
from broker.kernel.database import UnitOfWork

STAGED = pa.schema([*WRITTEN_CORE, ("hair_colour", DICTIONARY), ("interests", pa.list_(pa.string()))])
PLACES = (("75011", "75", "Île-de-France"), ("75012", "75", "Île-de-France"), ("69001", "69", "Auvergne-Rhône-Alpes"))


def key_of(contact_id: int) -> bytes:
    """A contact key as spread as a real one."""
    return hashlib.blake2b(contact_id.to_bytes(8, "big"), digest_size=16).digest()


def person(contact_id: int, today: date, **given: Any) -> dict[str, Any]:
    """One staged contact who may be rented, with random but reproducible traits."""
    draw = random.Random(contact_id)
    postcode, department, region = draw.choice(PLACES)
    row = {
        "contact_id": contact_id,
        "contact_key": key_of(contact_id),
        "relation": draw.choice(["customer", "prospect"]),
        "gender": draw.choice(["F", "F", "M", None]),
        "postcode": postcode,
        "department": department,
        "region": region,
        "country": "FR",
        "birth_date": today - timedelta(days=365 * draw.randint(20, 80) + draw.randint(0, 300)),
        "income": draw.choice([None, 1_500, 3_000]),
        "has_phone": draw.random() < 0.5,
        "has_street": True,
        "consent_at": datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=draw.randint(1, 300)),
        "consent_source_id": 1,
        "partner_list": 1,
        "consent_complete": True,
        "minor": False,
        "hair_colour": draw.choice(["grey", "brown", None]),
        "interests": draw.choice([["golf"], ["golf", "cars"], [], None]),
    }
    return {**row, **given}


def write_staging(path: Path, people: Iterable[Mapping[str, Any]], leave_out: Iterable[str] = ()) -> None:
    """The staging file of an import."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([field for field in STAGED if field.name not in set(leave_out)])
    pq.write_table(pa.Table.from_pylist([dict(one) for one in people], schema=schema), path)


def make_organisation(unit: UnitOfWork, kind: str, sector: str | None = None) -> int:
    """An organisation's id."""
    found: int = unit.scalar(
        "INSERT INTO organisation (code, kind, name, sector) VALUES (:code, :kind, :code, :sector) RETURNING id",
        code=f"org_{secrets.token_hex(5)}",
        kind=kind,
        sector=sector,
    )
    return found


def make_base(unit: UnitOfWork, org_id: int) -> int:
    """A base's id."""
    found: int = unit.scalar(
        "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'a base') RETURNING id",
        org=org_id,
        code=f"base-{secrets.token_hex(5)}",
    )
    return found


def make_partner_list(
    unit: UnitOfWork, base_id: int, version: int, advertisers: Iterable[int], sector: str = ""
) -> None:
    """A version of the partner list with these advertisers (or, without any, one outside partner)."""
    unit.run("INSERT INTO partner_list (base_id, version) VALUES (:base, :version)", base=base_id, version=version)
    for advertiser in list(advertisers) or [None]:
        unit.run(
            "INSERT INTO partner (base_id, version, advertiser_id, name, sector)"
            " VALUES (:base, :version, :advertiser, :name, nullif(:sector, ''))",
            base=base_id,
            version=version,
            advertiser=advertiser,
            name=f"partner {advertiser}",
            sector=sector,
        )


def make_import(unit: UnitOfWork, base_id: int, kind: str = "contacts", summary: str = "{}") -> int:
    """An import that waits for its snapshot."""
    upload: int = unit.scalar(
        "INSERT INTO upload (code, base_id, kind, file_name) VALUES (:code, :base, :kind, 'f.csv') RETURNING id",
        code=secrets.token_hex(8),
        base=base_id,
        kind=kind,
    )
    found: int = unit.scalar(
        "INSERT INTO import_run (code, base_id, upload_id, kind, state, summary)"
        " VALUES (:code, :base, :upload, :kind, 'building', CAST(:summary AS jsonb)) RETURNING id",
        code=secrets.token_hex(8),
        base=base_id,
        upload=upload,
        kind=kind,
        summary=summary,
    )
    return found


def make_contact(unit: UnitOfWork, base_id: int, contact_id: int, import_id: int) -> None:
    """The vault's row of a staged contact; another test's row of this number gives way until the rollback."""
    unit.run("DELETE FROM contact WHERE id = :id", id=contact_id)
    unit.run(
        "INSERT INTO contact (id, base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, sealed,"
        " import_id) VALUES (:id, :base, :key, :key, :key, 1, 1, 'sealed', :import_id)",
        id=contact_id,
        base=base_id,
        key=key_of(contact_id),
        import_id=import_id,
    )
