"""The pages of files: sent whole or in pieces, mapped, tried, imported, remembered; and who may not."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import secrets
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from broker.bases.answer_contact import answer_question
from broker.bases.check_upload import check_upload
from broker.bases.preview import preview_upload
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.database import Database
from broker.vault.keyring import WorkerKeys, load_worker
from tests.front_house import House

FILE = (
    "Mél;Prénom;Né le;Religion;Taille de bague;Réf\n"
    "a.martin@gmial.com;Anna;31/12/1980;juive;52;C1\n"
    "b.durand@orange.fr;Benoît;01/02/1975;;54;C2\n"
    "pas une adresse;Chloé;03/04/1990;;50;C3\n"
    "b.durand@orange.fr;Benoît;01/02/1975;;54;C2\n"
)


@dataclass
class Desk:
    """An owner's browser on a fresh base, and the worker's side of it."""

    house: House
    client: FlaskClient
    token: str
    base: str
    worker: Database
    keys: WorkerKeys

    def post(self, path: str, **form: object) -> str:
        """Send a form; where it leads."""
        reply = self.client.post(path, data={"csrf_token": self.token, **form})
        assert reply.status_code == 303, (path, re.findall("<p data-refusal>.*", reply.text))
        return reply.headers["Location"]

    def upload(self, content: str, kind: str = "contacts") -> str:
        """Send a file by the plain form; its code, after a worker looked at it."""
        place = self.post(
            f"/bases/{self.base}/uploads", kind=kind, file=(io.BytesIO(content.encode()), "clients.csv")
        ).partition("?")[0]
        code = place.rpartition("/")[2]
        preview_upload(self.worker, self.keys, self.house.front.settings, self.row_id("upload", code))
        return code

    def row_id(self, table: str, code: str) -> int:
        """The number behind a code."""
        with self.worker.begin() as unit:
            return int(unit.scalar(f"SELECT id FROM {table} WHERE code = :code", code=code))

    def page(self, path: str, language: str = "en") -> str:
        """A page's text."""
        reply = self.client.get(path + ("&" if "?" in path else "?") + f"lang={language}")
        assert reply.status_code == 200, (path, reply.status_code)
        return reply.text


@pytest.fixture
def desk(house: House, worker_engine: Engine) -> Desk:
    client, token = house.browser("owner")
    base = f"files-{secrets.token_hex(4)}"
    desk = Desk(house, client, token, base, Database(worker_engine), load_worker(house.front.settings.key_dir))
    desk.post("/bases", code=base, name="Clients", sector="jewellery", contact_kind="b2c")
    desk.post(f"/bases/{base}/contract", reference="DPA-1", signatory="Anna", signed_on="2026-01-01")
    return desk


def test_a_file_is_mapped_tried_imported_and_remembered(desk: Desk) -> None:
    code = desk.upload(FILE)
    page = desk.page(f"/uploads/{code}")
    assert "a•••@•••" in page
    assert "gmial" not in page
    assert "art. 9" in page
    assert "day first" in page

    chosen = {"field-0": "email", "field-1": "first_name", "field-2": "birth_date", "field-5": "reference"}
    ring = {"field-4": "trait", "name-4": "Ring size", "type-4": "number"}
    keep = {"policy-1": "keep"}
    assert desk.post(f"/uploads/{code}/plan", **chosen, **ring, **keep, then="check").endswith("/check")
    assert "Waiting for a worker" in desk.page(f"/uploads/{code}/check")
    check_upload(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("upload", code))
    tried = desk.page(f"/uploads/{code}/check")
    assert "gmial.com" in tried
    assert "invalid e-mail address" in tried
    with desk.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM contact c JOIN base b ON b.id = c.base_id"
                           " WHERE b.code = :code", code=desk.base) == 0  # fmt: skip

    place = desk.post(f"/uploads/{code}/start", domain="gmial.com")
    run = place.rpartition("/")[2]
    run_import(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("import_run", run))
    result = desk.page(f"/imports/{run}")
    assert "domain corrected as you accepted" in result
    assert "ring_size" in result
    report = desk.client.get(f"/imports/{run}/rejects.csv").text
    assert "invalid_email" in report
    assert "pas une adresse" not in report

    second = desk.upload("Réf;Mél;Pointure;Prénom;Taille de bague\nC9;z@orange.fr;38;Zoé;53\n")
    page = desk.page(f"/uploads/{second}")
    assert "as you said last time" in page
    assert "A column that earlier files did not have:</strong> Pointure" in page
    assert "Né le" in page
    row = page[page.index("<strong>Prénom</strong>") :]
    assert '<option value="keep" selected>' in row[: row.index("column-line")]
    row = page[page.index("<strong>Taille de bague</strong>") :]
    assert 'value="ring_size"' in row[: row.index("column-policy")]
    assert desk.post(f"/bases/{desk.base}/mapping/forget", kind="contacts").endswith("done=mapping_forgotten")


def test_refusals_of_columns_and_files_are_french_on_french_pages(desk: Desk) -> None:
    code = desk.upload(FILE)
    why = "religion (interdit par l’art. 9 du RGPD)\u00a0: son nom dit «\u00a0religion\u00a0»"
    assert why in desk.page(f"/uploads/{code}", "fr")
    desk.post(f"/uploads/{code}/plan", **{"field-0": "email"}, then="check")
    run = desk.post(f"/uploads/{code}/start").rpartition("/")[2]
    run_import(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("import_run", run))
    assert why in desk.page(f"/imports/{run}", "fr")

    place = desk.post(f"/bases/{desk.base}/uploads", kind="contacts", file=(io.BytesIO(b"email\n"), "v.csv")).partition(
        "?"
    )[0]
    code = place.rpartition("/")[2]
    with desk.house.front.database.begin(desk.house.people["owner"].actor) as unit:
        run = start_import(unit, code).code
    run_import(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("import_run", run))
    page = desk.page(f"/imports/{run}", "fr")
    assert "no rows" not in page
    assert "Le fichier" in page[page.index("note bad") :]


def test_two_columns_of_one_field_are_a_sentence_and_keep_what_was_chosen(desk: Desk) -> None:
    code = desk.upload(FILE)
    form = {"csrf_token": desk.token, "field-0": "email", "field-1": "first_name", "field-4": "first_name"}
    reply = desk.client.post(f"/uploads/{code}/plan?lang=en", data={**form, "then": "check"})
    assert reply.status_code == 422
    assert "Two columns are mapped to &#39;first_name&#39;" in reply.text
    row = reply.text[reply.text.index("<strong>Taille de bague</strong>") :]
    assert '<option value="first_name" selected>' in row[: row.index("column-policy")]


def test_a_file_of_contacts_without_addresses_says_what_it_needs(desk: Desk) -> None:
    code = desk.upload("nom;ville\nDurand;Lyon\n")
    reply = desk.client.post(
        f"/uploads/{code}/plan?lang=en", data={"csrf_token": desk.token, "field-0": "last_name", "then": "start"}
    )
    assert reply.status_code == 422
    assert "needs a column for: email" in reply.text


def test_a_wrong_separator_is_corrected_and_the_columns_proposed_anew(desk: Desk) -> None:
    code = desk.upload("email,nom;ville,taille\na@b.fr,Durand;Lyon,5\n")
    desk.post(f"/uploads/{code}/reading", delimiter=";", encoding="utf-8", dates="month")
    assert "A worker looks" in desk.page(f"/uploads/{code}")
    preview_upload(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("upload", code))
    page = desk.page(f"/uploads/{code}")
    assert "2 columns" in page
    assert "<strong>email,nom</strong>" in page
    refused = desk.client.post(
        f"/uploads/{code}/reading?lang=en", data={"csrf_token": desk.token, "encoding": "klingon"}
    )
    assert refused.status_code == 422


def test_pieces_are_checked_resumed_and_looked_at(desk: Desk) -> None:
    header = {"X-CSRF-Token": desk.token}
    data = FILE.encode()
    begun = desk.client.post(
        f"/bases/{desk.base}/uploads/parts", headers=header,
        data={"kind": "contacts", "file_name": "f.csv", "whole_bytes": len(data)},
    ).get_json()  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(data[:50]).digest()).decode()
    damaged = desk.client.put(
        f"{begun['at']}?offset=0", data=data[1:51], headers={**header, "Content-Digest": f"sha-256=:{digest}:"}
    )
    assert (damaged.status_code, damaged.get_json()["code"]) == (422, "damaged_piece")
    whole = desk.client.put(
        f"{begun['at']}?offset=0", data=data[:50], headers={**header, "Content-Digest": f"sha-256=:{digest}:"}
    )
    assert whole.get_json()["size_bytes"] == 50
    astray = desk.client.put(f"{begun['at']}?offset=7", data=b"x", headers=header)
    assert (astray.status_code, astray.get_json()["size_bytes"]) == (409, 50)
    assert "Choose the same file" in desk.page(f"/bases/{desk.base}/imports")
    assert desk.client.get(begun["ask"]).get_json()["size_bytes"] == 50
    last = desk.client.put(f"{begun['at']}?offset=50", data=data[50:], headers=header).get_json()
    assert last["state"] == "received"
    preview_upload(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("upload", begun["upload"]))
    assert "6 columns" in desk.page(last["page"])


def test_a_discarded_file_leaves_nothing(desk: Desk) -> None:
    code = desk.upload(FILE)
    desk.post(f"/uploads/{code}/discard")
    assert not list((desk.house.front.settings.state_dir / "uploads").glob(f"{code}*"))
    assert "This file is gone" in desk.page(f"/uploads/{code}")
    reply = desk.client.post(f"/uploads/{code}/plan?lang=en", data={"csrf_token": desk.token, "then": "start"})
    assert reply.status_code == 409


def test_a_stranger_reaches_no_upload_and_no_question(desk: Desk) -> None:
    code = desk.upload(FILE)
    place = desk.post(f"/bases/{desk.base}/contacts", reference="C1", then="show")
    client, token = desk.house.browser("stranger")
    for path in (f"/uploads/{code}", f"/uploads/{code}/state", f"/uploads/{code}/check", place):
        assert client.get(path).status_code == 404, path
    for path in (f"/uploads/{code}/plan", f"/uploads/{code}/start", f"/uploads/{code}/discard"):
        assert client.post(path, data={"csrf_token": token}).status_code == 404, path
    assert client.put(f"/uploads/{code}/parts?offset=0", headers={"X-CSRF-Token": token}).status_code == 404


def test_the_contract_is_asked_for_by_the_import_itself(desk: Desk) -> None:
    desk.post("/bases", code=f"{desk.base}-b", name="Others", sector="food", contact_kind="b2c")
    page = desk.page(f"/bases/{desk.base}-b/imports")
    assert "The processing contract is missing" in page
    reply = desk.client.post(
        f"/bases/{desk.base}-b/uploads",
        data={"csrf_token": desk.token, "kind": "contacts", "file": (io.BytesIO(b"email\n"), "f.csv")},
    )
    assert reply.status_code == 409


PROOF = (
    "Mél;Réf;consentement;date consentement;source consentement;texte consentement;version formulaire;"
    "version liste partenaires\n"
)


def test_consent_and_its_history_are_seen_by_reference_and_the_person_is_erased(desk: Desk) -> None:
    desk.post(f"/bases/{desk.base}/partners", partners="Fleurs Réunies")
    for line in ("oui;01/02/2024;https://a.example/f;Oui, vos partenaires;f1;1", "non;03/04/2025;;;;"):
        code = desk.upload(PROOF + f"anna@orange.fr;C-77;{line}\n")
        page = desk.page(f"/uploads/{code}")
        assert "date of consent" in page
        place = desk.post(f"/uploads/{code}/plan", then="start")
        run = desk.row_id("import_run", place.rpartition("/")[2])
        run_import(desk.worker, desk.keys, desk.house.front.settings, run)
    place = desk.post(f"/bases/{desk.base}/contacts", reference="C-77", then="show")
    number = desk.row_id("contact_question", place.rpartition("/")[2])
    assert "A worker looks" in desk.page(place)
    answer_question(desk.worker, desk.keys, desk.house.front.settings, number)
    page = desk.page(place)
    assert "anna@orange" not in page
    assert "a•••@•••" in page
    assert "Oui, vos partenaires" in page
    assert "Fleurs Réunies" in page
    assert "withdrawn on 3 Apr 2025" in page or "Apr 3, 2025" in page
    place = desk.post(f"/bases/{desk.base}/contacts", reference="C-77", then="erase")
    answer_question(
        desk.worker, desk.keys, desk.house.front.settings, desk.row_id("contact_question", place.rpartition("/")[2])
    )
    assert "Erased." in desk.page(place)
    place = desk.post(f"/bases/{desk.base}/contacts", reference="C-77", then="show")
    answer_question(
        desk.worker, desk.keys, desk.house.front.settings, desk.row_id("contact_question", place.rpartition("/")[2])
    )
    assert "No contact of that reference" in desk.page(place)


@pytest.mark.parametrize(
    ("kind", "file", "good"),
    [
        ("purchases", "Référence client;date;montant\nC2;01/02/2024;12,50\nC404;01/02/2024;9\nC2;hier;9\n", 1),
        ("visits", "Référence client;date;magasin\nC2;01/02/2024;Lyon\nC2;02/02/2024;Lyon\nC404;01/02/2024;Lyon\n", 2),
    ],
)
def test_lines_are_tried_against_the_people_of_the_base(desk: Desk, kind: str, file: str, good: int) -> None:
    code = desk.upload(FILE)
    run = desk.post(f"/uploads/{code}/plan", then="start").rpartition("/")[2]
    run_import(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("import_run", run))
    code = desk.upload(file, kind)
    desk.post(f"/uploads/{code}/plan", then="check")
    check_upload(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("upload", code))
    with desk.worker.begin() as unit:
        found = unit.scalar(
            "SELECT checked FROM import_plan p JOIN upload u ON u.id = p.upload_id WHERE u.code = :code", code=code
        )
    assert (found["rows"], found["accepted"]) == (3, good), found
    assert found["reasons"]["unknown_customer"] == 1
    assert "customer not in the base" in desk.page(f"/uploads/{code}/check")


def test_a_contract_is_recorded_by_owner_or_broker_and_ended(desk: Desk) -> None:
    assert "DPA-1" in desk.page(f"/bases/{desk.base}/contract")
    broker, token = desk.house.browser("broker")
    assert "DPA-1" in broker.get("/contracts").text
    form = {"csrf_token": token, "from": "contract", "kind": "joint", "reference": "JC-2", "signatory": "Bea"}
    page = f"/bases/{desk.base}/contract"
    short = broker.post(f"{page}?lang=en", data={**form, "signed_on": "2026-02-01", "document_sha256": "ab"})
    assert short.status_code == 422
    assert "64 hexadecimal digits" in short.text
    assert broker.post(page, data={**form, "signed_on": "2026-02-01"}).status_code == 303
    for code in re.findall(r"/contract/([^/]+)/end", broker.get(page).text):
        assert broker.post(f"{page}/{code}/end", data={"csrf_token": token, "ends_on": "2026-02-02"}).status_code == 303
    assert "The processing contract is missing" in desk.page(f"/bases/{desk.base}/imports")
    stranger, token = desk.house.browser("stranger")
    assert stranger.get(page).status_code == 404


def test_the_broker_decides_on_a_column_and_the_owner_reads_why(desk: Desk) -> None:
    people = "".join(f"p{n}@orange.fr;{'catholique' if n == 7 else 'chorale'}\n" for n in range(300))
    code = desk.upload("Mél;Loisirs\n" + people)
    run = desk.post(f"/uploads/{code}/plan", then="start").rpartition("/")[2]
    run_import(desk.worker, desk.keys, desk.house.front.settings, desk.row_id("import_run", run))
    assert "waiting for the broker" in desk.page(f"/imports/{run}")
    broker, token = desk.house.browser("broker")
    with desk.worker.begin() as unit:
        review = unit.scalar(
            "SELECT r.code FROM column_review r JOIN base b ON b.id = r.base_id WHERE b.code = :code", code=desk.base
        )
    assert "Loisirs" in broker.get("/reviews").text
    assert broker.post(f"/reviews/{review}", data={"csrf_token": token, "verdict": "refused"}).status_code == 422
    verdict = {"csrf_token": token, "verdict": "refused", "reason": "One word tells a faith."}
    assert broker.post(f"/reviews/{review}", data=verdict).status_code == 303
    assert broker.post(f"/reviews/{review}", data=verdict).status_code == 409
    assert "One word tells a faith." in desk.page(f"/imports/{run}")
    again = desk.upload("Mél;Loisirs\nz@orange.fr;chorale\n")
    assert "refused by the broker" in desk.page(f"/uploads/{again}")
    assert desk.client.get("/reviews").status_code == 403
