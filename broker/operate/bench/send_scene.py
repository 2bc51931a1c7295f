"""Real rows for the send benchmark: a base with sealed contacts, made once, and a frozen mailing for each round."""

from __future__ import annotations

import json
from dataclasses import dataclass

from broker.delivery.presign import presign_mailing
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.mailings import freeze_store
from broker.mailings.create_creative import Message, create_creative
from broker.mailings.model import Mailing
from broker.mailings.schedule import schedule_participation_send
from broker.mailings.sign_creative import sign_creative
from broker.vault.blind_index import contact_keys, md5_keys, sha256_keys
from broker.vault.data_keys import current_data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_rows

BLOCK = 10_000
PARAGRAPH = (
    "<p style='margin:0 0 12px;font-family:Georgia,serif;font-size:16px'>Nouvelle collection d'automne : manteaux de"
    " laine, écharpes tissées en France et bottines cousues main. <a href='https://boutique.example/rayon/{n}"
    "?saison=automne&amp;page={n}'>Voir le rayon {n}</a>. Livraison offerte dès 60 euros d'achat, retours gratuits"
    " pendant trente jours dans toutes nos boutiques, et notre service client vous répond du lundi au samedi.</p>"
)
HTML = (
    "<html><body><h1>Bonjour {{first_name|à vous}}</h1>" + "".join(PARAGRAPH.format(n=n) for n in range(24))
) + "</body></html>"  # makes a message of 17 to 20 kB


@dataclass(frozen=True)
class Scene:
    """The base, its contacts in order, and the creative every mailing sends."""

    owner_id: int
    advertiser_id: int
    base_id: int
    participation_id: int
    segment_id: int
    contact_ids: tuple[int, ...]
    contact_keys: tuple[bytes, ...]


def make_scene(database: Database, keys: WorkerKeys, persons: int) -> Scene:
    """Organisations, base, programme, and `persons` sealed contacts."""
    with database.begin() as unit:
        owner, advertiser = _organisation(unit, "owner"), _organisation(unit, "advertiser")
        base_id = _inserted(
            unit,
            "INSERT INTO base (org_id, code, name) VALUES (:owner, 'bench', 'Bench') RETURNING id",
            owner=owner,
        )
        participation = _participation(unit, owner, advertiser, base_id)
        segment = _inserted(
            unit,
            "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
            """ VALUES ('bench', :base, :owner, 'all', 'all', '{"op": "all"}') RETURNING id""",
            base=base_id,
            owner=owner,
        )
        import_id = _import(unit, base_id)
    ids: list[int] = []
    addresses = [f"personne.{n}@exemple-{n % 40}.example" for n in range(persons)]
    for start in range(0, persons, BLOCK):
        with database.begin() as unit:
            ids += _add_contacts(unit, keys, base_id, import_id, addresses[start : start + BLOCK])
    with database.begin() as unit:
        unit.run("ANALYZE contact")
    return Scene(owner, advertiser, base_id, participation, segment, tuple(ids), tuple(contact_keys(keys, addresses)))


def make_mailing(database: Database, scene: Scene) -> Mailing:
    """A frozen mailing to all of them: its own dispatch, so that the same people may get it."""
    with database.begin() as unit:
        picked = _inserted(
            unit,
            "INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume,"
            " send_on) VALUES (:code, :participation, :advertiser, :owner, :segment, :volume, current_date)"
            " RETURNING id",
            code=new_code("psend"),
            participation=scene.participation_id,
            advertiser=scene.advertiser_id,
            owner=scene.owner_id,
            segment=scene.segment_id,
            volume=len(scene.contact_ids),
        )
    with database.begin() as unit:
        planned = schedule_participation_send(unit, picked)
        freeze_store.make_partition(unit, planned)
        freeze_store.write_recipients(unit, planned, scene.contact_ids, scene.contact_keys)
        freeze_store.mark_frozen(unit, planned, {})
    return planned


def sign_ahead(database: Database, keys: WorkerKeys, settings: Settings, mailing: Mailing) -> None:
    """Sign a frozen mailing before its hour, and let the hour come."""
    with database.begin() as unit:
        unit.run("UPDATE mailing SET starts_at = app_now() + interval '2 seconds' WHERE id = :id", id=mailing.id)
    presign_mailing(database, keys, settings, mailing.id, slice_seconds=3600.0)
    with database.begin() as unit:
        unit.run(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM starts_at - now()))) FROM mailing WHERE id = :id",
            id=mailing.id,
        )


def accounted(database: Database, mailing: Mailing) -> bool:
    """Whether every send was accepted and accrued: a figure counts for nothing else."""
    with database.begin() as unit:
        row = unit.one(
            "SELECT count(*) = count(*) FILTER (WHERE s.state = 'accepted') AND count(*) ="
            " (SELECT count(*) FROM accrual a WHERE a.mailing_id = :id) AS whole FROM send s"
            " WHERE s.dispatch_id = :dispatch AND s.mailing_id = :id",
            id=mailing.id,
            dispatch=mailing.dispatch_id,
        )
    return row is not None and bool(row.whole)


def _inserted(unit: UnitOfWork, sql: str, **values: object) -> int:
    return int(unit.scalar(sql, **values))


def _organisation(unit: UnitOfWork, kind: str) -> int:
    return _inserted(
        unit,
        "INSERT INTO organisation (code, kind, name, city) VALUES (:kind, :kind, :kind, 'Paris') RETURNING id",
        kind=kind,
    )


def _participation(unit: UnitOfWork, owner: int, advertiser: int, base_id: int) -> int:
    author = UnitOfWork(unit.session, Actor("advertiser", advertiser, 1))
    creative = create_creative(author, Message("Bench", "Une offre pour {{first_name|vous}}", "Boutique", "fr", HTML))
    sign_creative(author, creative.code)
    programme = _inserted(
        unit,
        "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp, budget_cents,"
        " creative_id, starts_on, ends_on) VALUES ('bench', :advertiser, 't', 'mode', 'cpm', 20000, 2000, 10000000,"
        " :creative, current_date, current_date + 30) RETURNING id",
        advertiser=advertiser,
        creative=creative.id,
    )
    return _inserted(
        unit,
        "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
        " VALUES ('bench', :programme, :advertiser, :owner, :base) RETURNING id",
        programme=programme,
        advertiser=advertiser,
        owner=owner,
        base=base_id,
    )


def _import(unit: UnitOfWork, base_id: int) -> int:
    upload = _inserted(
        unit,
        "INSERT INTO upload (code, base_id, kind, file_name, state) VALUES ('bench', :base, 'contacts', 'x.csv',"
        " 'destroyed') RETURNING id",
        base=base_id,
    )
    return _inserted(
        unit,
        "INSERT INTO import_run (code, base_id, upload_id, kind, state) VALUES ('bench', :base, :upload, 'contacts',"
        " 'done') RETURNING id",
        base=base_id,
        upload=upload,
    )


def _add_contacts(unit: UnitOfWork, keys: WorkerKeys, base_id: int, import_id: int, addresses: list[str]) -> list[int]:
    version, data_key = current_data_key(unit, keys, base_id)
    by_address = contact_keys(keys, addresses)
    rows = unit.all(
        "INSERT INTO contact (base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, import_id)"
        " SELECT :base, k, m, s, :pepper, :version, :run FROM unnest(CAST(:keys AS bytea[]), CAST(:md5 AS bytea[]),"
        " CAST(:sha AS bytea[])) AS t(k, m, s) RETURNING id, contact_key",
        base=base_id,
        pepper=keys.pepper_version,
        version=version,
        run=import_id,
        keys=by_address,
        md5=md5_keys(keys, addresses),
        sha=sha256_keys(keys, addresses),
    )
    id_of = {bytes(row.contact_key): row.id for row in rows}
    ids: list[int] = [id_of[key] for key in by_address]
    people = [
        json.dumps(
            {"email": address, "first_name": f"Zoé{at}", "last_name": "Martin", "postcode": "69003", "city": "Lyon"}
        ).encode()
        for at, address in enumerate(addresses)
    ]
    unit.run(
        "UPDATE contact SET sealed = t.sealed FROM unnest(CAST(:ids AS bigint[]), CAST(:sealed AS bytea[]))"
        " AS t(id, sealed) WHERE contact.id = t.id",
        ids=ids,
        sealed=seal_rows(data_key, base_id, version, ids, people),
    )
    return ids
