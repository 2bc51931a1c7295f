"""A base with a past: some files and enrichments, a sample judged, costs, people who leave, requests, a breach."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine, text
from werkzeug.serving import make_server

from broker.audience.build_snapshot import build_snapshot
from broker.bases.audit_consents import draw_consents, judge_consent
from broker.bases.breach import open_breach
from broker.bases.compliance_model import months_after
from broker.bases.contract import record_contract
from broker.bases.costs import add_cost
from broker.bases.create_base import create_base
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.bases.quarantine import list_sources, quarantine_source
from broker.bases.receive import receive_upload
from broker.bases.request_log import log_request
from broker.bases.retention import keep_retention
from broker.bases.run_import import run_import
from broker.bases.stale_fields import remind_of_stale_fields, watch_field
from broker.bases.start_import import start_import
from broker.kernel.database import Database
from broker.vault.keyring import load_worker
from tests.front_house import House

HEADERS = (
    "email;prénom;relation;civilité;cp;pointure;date consentement;source consentement;texte consentement;"
    "version formulaire;version liste partenaires"
)


def row(number: int) -> str:
    """One person of the file; every third gave consent in a game, every fifth long ago, every seventh never."""
    relation = "client" if number % 2 else "prospect"
    post = "75011" if number % 4 else ""
    consent = "01/03/2025 10:00;https://shop.example/compte;J'accepte les offres des partenaires;f3;1"
    if number % 3 == 0:
        consent = "11/05/2024 18:30;https://jeu.example/gagner;Oui, je joue et j'accepte;g1;1"
    if number % 5 == 0:
        consent = "02/01/2020 09:00;https://shop.example/compte;J'accepte les offres;f1;1"
    if number % 7 == 0:
        consent = ";;;;"
    return f"p{number}@life.example;Ana;{relation};{'Mme' if number % 3 else ''};{post};{36 + number % 8};{consent}"


@dataclasses.dataclass(frozen=True)
class Life:
    """The base's code, and the codes of what its pages show."""

    base: str
    audit: str
    enrichment: str
    breach: str
    address: str = ""


def live(house: House, worker_engine: Engine, admin_engine: Engine, code: str = "life-shop") -> Life:
    """Write the past of a base of the house's owner."""
    front, worker = house.front.database, Database(worker_engine)
    owner, broker = house.people["owner"].actor, house.people["broker"].actor
    keys, settings = load_worker(house.front.settings.key_dir), house.front.settings
    with front.begin(owner) as unit:
        create_base(unit, code, "Boutique des Lilas", "fashion")
        record_contract(unit, code, "DPA-12", "Anna Lilas", unit.today)
        publish_partner_list(unit, code, [PartnerName("Bijoux Lumière")])

    def bring(lines: list[str], *, enriches: bool = False, header: str = HEADERS) -> str:
        with front.begin(owner) as unit:
            content = "\n".join([header, *lines]).encode()
            upload = receive_upload(unit, house.front.keys, settings, code, "contacts", "clients-lilas.csv", [content])
            run = start_import(unit, upload.code, enriches=enriches, by_job=False)
        run_import(worker, keys, settings, run.id)
        build_snapshot(worker, keys, settings, run.id)
        return run.code

    for size in (120, 180, 260, 300):
        bring([row(number) for number in range(size)])
    lines = [f"p{number}@life.example;75012;rouge;{38 + number % 3}" for number in range(200, 340)]
    enrichment = bring(lines, enriches=True, header="email;cp;couleur préférée;pointure")
    with admin_engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE base_quality q SET measured_at = app_now() - make_interval(days => CAST(30 * (5 - q.number) AS"
                " integer)) FROM base b WHERE b.id = q.base_id AND b.code = :code"
            ),
            {"code": code},
        )
        connection.execute(
            text("UPDATE import_field f SET at = at - interval '13 months' FROM base b WHERE b.id = f.base_id"
                 " AND b.code = :code AND f.field = 'gender'"),
            {"code": code},
        )  # fmt: skip
    with front.begin(owner) as unit:
        watch_field(unit, code, "gender", 12)
        watch_field(unit, code, "postcode", 12)
        first = months_after(unit.today, -10)
        add_cost(unit, code, "Outil de délivrabilité", "monthly", 4_900, first)
        add_cost(unit, code, "Saisie des formulaires papier", "once", 65_000, months_after(unit.today, -4))
        log_request(unit, "access", "Courrier 2026-118", unit.today - timedelta(days=3), "by letter")
        log_request(unit, "erasure", "Appel du service client", unit.today - timedelta(days=45))
        moment = unit.now - timedelta(hours=30)
        breach = open_breach(
            unit, code, "confidentiality", "A file of contacts was sent to the wrong agency.", "first names, e-mail",
            moment, moment, 120, discovered_at=moment, which_rows="rows 1 to 120 of the file of May", risk="risk",
        )  # fmt: skip
    with front.begin(broker) as unit:
        audit = draw_consents(unit, code, 12, seed=7)
        for place in range(1, 7):
            judge_consent(unit, audit.code, place, "complete")
        judge_consent(unit, audit.code, 7, "doubtful", "the page of that day cannot be shown")
        quarantine_source(unit, list_sources(unit, code)[1].code, "the game's form names no partner")
    remind_of_stale_fields(worker)
    keep_retention(worker, settings)
    return Life(code, audit.code, enrichment, breach.code)


@contextmanager
def served(house: House) -> Iterator[str]:
    """The pages on a port of this machine; the address."""
    server = make_server("127.0.0.1", 0, house.pages, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
