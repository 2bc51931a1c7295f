"""A program brings a file in: pieces, columns, dry run, import, rejects; asks about one contact and has it erased."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.bases.answer_contact import answer_question
from broker.bases.check_upload import check_upload
from broker.bases.preview import preview_upload
from broker.bases.run_import import run_import
from broker.kernel.database import Database
from broker.vault.keyring import WorkerKeys, load_worker
from tests.front_house import House

FILE = "Mél;Nom;Réf;Religion\na@gmial.com;Durand;C1;juif\nnobody;Petit;C2;\n=1+1;Roux;C3;\n".encode()


@dataclass
class Program:
    """An owner's program on a fresh base, and the worker's side of it."""

    house: House
    base: str
    worker: Database
    keys: WorkerKeys
    who: str = "owner"

    def call(self, method: str, path: str, status: int, **body: Any) -> Any:
        """One call; its JSON."""
        headers = {**self.house.program(self.who), **body.pop("headers", {})}
        reply = self.house.api.test_client().open(path, method=method, headers=headers, **body)
        assert reply.status_code == status, (path, reply.status_code, reply.text)
        return reply.get_json() if reply.mimetype.endswith("json") else reply.text

    def job(self, work: Any, table: str, code: str) -> None:
        """Do a worker's job for the row of this code."""
        with self.worker.begin() as unit:
            number = unit.scalar(f"SELECT id FROM {table} WHERE code = :code", code=code)
        work(self.worker, self.keys, self.house.front.settings, number)


@pytest.fixture
def program(house: House, worker_engine: Engine) -> Program:
    base = f"doors-{secrets.token_hex(4)}"
    made = Program(house, base, Database(worker_engine), load_worker(house.front.settings.key_dir))
    made.call("POST", "/bases", 201, json={"code": base, "name": "Doors"})
    return made


def sent(program: Program) -> str:
    """An upload in two pieces, looked at."""
    begun = program.call(
        "POST", f"/bases/{program.base}/uploads/parts", 201,
        json={"kind": "contacts", "file_name": "f.csv", "whole_bytes": len(FILE)},
    )  # fmt: skip
    code = str(begun["code"])
    digest = base64.b64encode(hashlib.sha256(FILE[:30]).digest()).decode()
    digests = {"Content-Digest": f"sha-256=:{digest}:"}
    wrong = program.call("PUT", f"/uploads/{code}?offset=0", 422, data=FILE[1:31], headers=digests)
    assert wrong["code"] == "damaged_piece"
    assert program.call("PUT", f"/uploads/{code}?offset=0", 200, data=FILE[:30], headers=digests)["size_bytes"] == 30
    assert program.call("PUT", f"/uploads/{code}?offset=30", 200, data=FILE[30:])["state"] == "received"
    program.call("POST", f"/uploads/{code}/preview", 202)
    program.job(preview_upload, "upload", code)
    return code


def signed(program: Program) -> None:
    """The contract of the base."""
    contract = {"reference": "DPA", "signatory": "Anna", "signed_on": "2026-01-01"}
    program.call("POST", f"/bases/{program.base}/contracts", 201, json=contract)


def test_a_file_goes_from_pieces_to_rejects(program: Program) -> None:
    code = sent(program)
    columns = {column["header"]: column for column in program.call("GET", f"/uploads/{code}/preview", 200)["columns"]}
    assert (columns["Mél"]["field"], columns["Mél"]["why"]) == ("email", "header")
    assert "art. 9" in columns["Religion"]["refused"]
    twice = program.call("POST", f"/uploads/{code}/plan", 422, json={"mapping": {"Mél": "email", "Nom": "email"}})
    assert twice["code"] == "mapped_twice"
    program.call("GET", f"/uploads/{code}/plan", 404)
    plan = program.call(
        "POST", f"/uploads/{code}/plan", 200, json={"mapping": {"Nom": "last_name"}, "policies": {"last_name": "keep"}}
    )
    assert plan["mapping"]["Mél"] == "email"
    assert program.call("POST", f"/uploads/{code}/check", 202)["check_state"] == "waiting"
    program.job(check_upload, "upload", code)
    found = program.call("GET", f"/uploads/{code}/plan", 200)
    assert found["check_state"] == "done"
    assert (found["checked"]["accepted"], found["checked"]["rejected"], found["checked"]["known"]) == (1, 2, 0)
    assert found["checked"]["typos"] == [{"domain": "gmial.com", "meant": "gmail.com", "rows": 1}]
    program.call("POST", f"/uploads/{code}/domains", 422, json={"domains": ["orange.fr"]})
    program.call("POST", f"/uploads/{code}/domains", 200, json={"domains": ["gmial.com"]})

    early = program.call("POST", f"/uploads/{code}/start", 409)
    assert early["code"] == "contract_missing"
    signed(program)
    run = program.call("POST", f"/uploads/{code}/start", 201)
    assert run["policies"] == {"last_name": "keep"}
    assert program.call("DELETE", f"/uploads/{code}", 409)["code"] == "upload_in_use"
    program.job(run_import, "import_run", run["code"])
    run = program.call("GET", f"/imports/{run['code']}", 200)
    assert run["summary"]["normalised"]["email_domain"] == 1
    assert [one["code"] for one in program.call("GET", f"/bases/{program.base}/imports", 200)["items"]] == [run["code"]]
    report = program.call("GET", f"/imports/{run['code']}/rejects.csv", 200)
    assert report.splitlines()[0] == "line;reasons;Mél;Nom;Réf"
    assert "'=•••" in report
    assert "Religion" not in report
    assert program.call("GET", f"/imports/{run['code']}/rejects", 200)["total"] == 2


def test_a_contact_is_shown_masked_by_reference_and_erased(program: Program) -> None:
    signed(program)
    code = sent(program)
    program.call("POST", f"/uploads/{code}/plan", 200, json={})
    run = program.call("POST", f"/uploads/{code}/start", 201)
    program.job(run_import, "import_run", run["code"])
    asked = program.call("POST", f"/bases/{program.base}/contacts/questions", 202, json={"reference": "C1"})
    assert (asked["state"], asked["contact"]) == ("waiting", None)
    program.job(answer_question, "contact_question", asked["code"])
    answer = program.call("GET", f"/contacts/questions/{asked['code']}", 200)
    assert answer["contact"]["identity"] == {"email": "a•••@•••.com", "last_name": "D•••", "reference": "C•••"}
    assert program.call("GET", f"/contacts/questions/{asked['code']}/consent", 200)["contact"] == {
        "consent": None, "history": [], "stops": [],
    }  # fmt: skip
    with program.worker.begin() as unit:
        assert unit.scalar("SELECT sealed FROM contact_question WHERE code = :code", code=asked["code"]) is None
    gone = program.call("POST", f"/bases/{program.base}/contacts/erasures", 202, json={"reference": "C1"})
    program.job(answer_question, "contact_question", gone["code"])
    assert program.call("GET", f"/contacts/erasures/{gone['code']}", 200)["erased"]["contacts"] == 1
    again = program.call("POST", f"/bases/{program.base}/contacts/questions", 202, json={"reference": "C1"})
    program.job(answer_question, "contact_question", again["code"])
    assert program.call("GET", f"/contacts/questions/{again['code']}", 200)["state"] == "unknown"
    program.who = "stranger"
    program.call("GET", f"/contacts/questions/{asked['code']}", 404)
    program.call("POST", f"/bases/{program.base}/contacts/questions", 404, json={"reference": "C1"})


def test_a_dry_run_of_an_older_decision_writes_nothing(program: Program) -> None:
    code = sent(program)
    program.call("POST", f"/uploads/{code}/plan", 200, json={})
    program.call("POST", f"/uploads/{code}/check", 202)
    program.call("POST", f"/uploads/{code}/plan", 200, json={"mapping": {"Nom": "ignore"}})
    program.job(check_upload, "upload", code)
    assert program.call("GET", f"/uploads/{code}/plan", 200)["check_state"] == "none"


def test_the_encoding_and_separator_given_are_taken(program: Program) -> None:
    signed(program)
    code = sent(program)
    reading = {"delimiter": ",", "types": {"nom": "number"}, "month_first": True}
    refused = program.call("POST", f"/uploads/{code}/plan", 422, json={"reading": {"encoding": "ebcdic"}})
    assert refused["field"] == "reading.encoding"
    otherwise = program.call("POST", f"/uploads/{code}/plan", 409, json={"reading": reading})
    assert otherwise["code"] == "read_otherwise"
    program.call("POST", f"/uploads/{code}/reading", 202, json=reading)
    assert not program.call("GET", f"/uploads/{code}/preview", 200)["ready"]
    program.job(preview_upload, "upload", code)
    seen = program.call("GET", f"/uploads/{code}/preview", 200)
    assert [column["header"] for column in seen["columns"]] == ["Mél;Nom;Réf;Religion"]
    assert seen["month_first"] is True
