"""Files in pieces, previews, remembered mappings, and how a known contact is renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.bases.model import Upload
from broker.bases.preview import (
    ask_preview,
    find_preview,
    find_upload,
    forget_mapping,
    preview_upload,
    remembered_mapping,
)
from broker.bases.receive_parts import append_upload, begin_upload
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from tests.store.import_scene import KEYS, Owner, make_owner

DATA = ("email;nom;tel\n" + "".join(f"p{n}@b.example;Nom{n};0612345{n:03}\n" for n in range(900))).encode()


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def begin(owner: Owner, size: int = len(DATA)) -> Upload:
    with owner.front.begin(owner.actor) as unit:
        return begin_upload(unit, owner.settings, owner.base_code, "contacts", "f.csv", size)


def send(owner: Owner, upload: Upload, offset: int, chunks: list[bytes] | Iterator[bytes]) -> Upload:
    with owner.front.begin(owner.actor) as unit:
        return append_upload(unit, KEYS.front, owner.settings, upload.code, offset, chunks)


def cut_after(data: bytes) -> Iterator[bytes]:
    yield data
    raise ConnectionResetError


def test_a_file_sent_in_pieces_over_a_cut_line_is_imported_whole(owner: Owner) -> None:
    upload = begin(owner)
    assert send(owner, upload, 0, [DATA[:5000], DATA[5000:9000]]).size_bytes == 9000
    assert send(owner, upload, 9000, cut_after(DATA[9000:12_345])).size_bytes == 12_345
    with owner.front.begin(owner.actor) as unit:
        stands = find_upload(unit, upload.code).size_bytes
    assert send(owner, upload, stands, [DATA[stands:]]).state == "received"
    assert not any(b"b.example" in file.read_bytes() for file in (owner.settings.state_dir / "uploads").iterdir())
    with owner.front.begin(owner.actor) as unit:
        run = start_import(unit, upload.code)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    assert (owner.find(run).state, owner.find(run).accepted) == ("building", 900)
    assert not list((owner.settings.state_dir / "uploads").iterdir())


def test_a_piece_must_begin_where_the_upload_stands(owner: Owner) -> None:
    upload = begin(owner)
    send(owner, upload, 0, [DATA[:100]])
    for offset in (0, 99, 101):
        with pytest.raises(Conflict) as refusal:
            send(owner, upload, offset, [b"x"])
        assert (refusal.value.code, refusal.value.details) == ("wrong_offset", {"size_bytes": 100})
    with owner.front.begin(owner.actor) as unit, pytest.raises(Conflict) as refusal:
        start_import(unit, upload.code)
    assert refusal.value.code == "upload_not_whole"


def test_more_than_announced_is_refused_and_leaves_what_was_there(owner: Owner) -> None:
    upload = begin(owner, 10)
    send(owner, upload, 0, [b"12345"])
    with pytest.raises(InvalidInput):
        send(owner, upload, 5, [b"1234567"])
    assert send(owner, upload, 5, [b"67890"]).state == "received"
    with pytest.raises(Conflict):
        send(owner, upload, 10, [b"1"])


@pytest.mark.parametrize("size", [0, 1 << 60])
def test_an_announced_size_is_checked(owner: Owner, size: int) -> None:
    with pytest.raises(InvalidInput):
        begin(owner, size)


def test_a_neighbour_reaches_no_piece_and_no_preview(
    owner: Owner, web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    upload = begin(owner)
    neighbour = make_owner(web_engine, worker_engine, admin_engine, tmp_path / "other")
    with pytest.raises(NotFound):
        send(neighbour, upload, 0, [b"x"])
    with neighbour.front.begin(neighbour.actor) as unit, pytest.raises(NotFound):
        find_preview(unit, upload.code)


FILE = "adresse;Religion;Mél;taille;interets\nrue X;juif;a@b.example;52;golf|voile\nrue Y;;b@b.example;53;golf\n"


def looked_at(owner: Owner, content: str) -> dict[str, object]:
    run = owner.upload(content)
    code = owner.all("SELECT code FROM upload WHERE id = :id", id=run.upload_id)[0][0]
    with owner.front.begin(owner.actor) as unit:
        assert find_preview(unit, code) is None
        ask_preview(unit, code)
    preview_upload(owner.worker, KEYS, owner.settings, run.upload_id)
    with owner.front.begin(owner.actor) as unit:
        seen = find_preview(unit, code)
    assert seen is not None
    return seen


def test_a_preview_names_each_column_in_order_with_masked_samples(owner: Owner) -> None:
    seen = looked_at(owner, FILE)
    columns = seen["columns"]
    assert isinstance(columns, list)
    assert [column["header"] for column in columns] == ["adresse", "Religion", "Mél", "taille", "interets"]
    by_header = {column["header"]: column for column in columns}
    assert by_header["Mél"]["field"] == "email"
    assert by_header["Mél"]["samples"] == ["a•••@•••", "b•••@•••"] or by_header["Mél"]["samples"][0].startswith("a•••@")
    assert by_header["Religion"]["field"] is None
    assert by_header["Religion"]["samples"] == []
    assert "art. 9" in by_header["Religion"]["refused"]
    assert by_header["taille"]["type"] == "number"
    assert by_header["adresse"]["policy"] == "non_empty"
    assert by_header["Mél"]["policy"] is None
    assert "rue X" not in str(seen)


def test_a_preview_of_no_table_says_why(owner: Owner) -> None:
    assert "nothing but zeros" in str(looked_at(owner, "\0" * 900)["problem"])


def test_a_correction_is_remembered_for_the_next_file_and_can_be_forgotten(owner: Owner) -> None:
    first = owner.bring(
        "contact;surnom;taille\na@b.example;Zoé;5\n", mapping={"contact": "email", "surnom": "first_name"}
    )
    assert first.state == "building"
    second = owner.bring("surnom;contact;autre\nMax;c@b.example;1\n")
    assert second.summary["columns"] == {"surnom": "first_name", "contact": "email", "autre": "trait:autre"}
    assert second.summary["headers"] == ["surnom", "contact", "autre"]
    third = owner.bring("surnom;contact;prénom\nMax;d@b.example;Léa\n", mapping={"prénom": "first_name"})
    assert third.summary["columns"]["prénom"] == "first_name"
    assert third.summary["columns"]["surnom"] != "first_name"
    with owner.front.begin(owner.actor) as unit:
        assert remembered_mapping(unit, owner.base_code, "contacts")["contact"] == "email"
        forget_mapping(unit, owner.base_code, "contacts")
        assert remembered_mapping(unit, owner.base_code, "contacts") == {}


@pytest.mark.parametrize(
    ("policy", "phone", "city", "colour"),
    [({}, "+33612345679", "Lyon", "roux"),
     ({"mobile": "keep", "city": "keep", "trait:couleur": "keep"}, "+33612345678", "Lyon", "brun"),
     ({"mobile": "newest", "city": "newest", "trait:couleur": "newest"}, "+33612345679", None, None)],
)  # fmt: skip
def test_each_field_is_renewed_by_its_policy(
    owner: Owner, policy: dict[str, str], phone: str, city: str | None, colour: str | None
) -> None:
    first = owner.bring("email;mobile;ville;couleur\na@b.example;0612345678;Lyon;brun\n")
    build_snapshot(owner.worker, KEYS, owner.settings, first.id)
    new = "" if colour is None else "roux"
    run = owner.upload(f"email;mobile;ville;couleur\na@b.example;0612345679;;{new}\n")
    code = owner.all("SELECT code FROM upload WHERE id = :id", id=run.upload_id)[0][0]
    with owner.front.begin(owner.actor) as unit:
        run = start_import(unit, code, policies=policy)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    (person,) = owner.opened()
    assert (person["mobile"], person.get("city")) == (phone, city)
    build_snapshot(owner.worker, KEYS, owner.settings, run.id)
    name = owner.all("SELECT file_name FROM snapshot WHERE base_id = :base ORDER BY number DESC LIMIT 1")[0][0]
    (row,) = pq.read_table(owner.settings.state_dir / "snapshots" / name).to_pylist()
    assert row["couleur"] == colour


@pytest.mark.parametrize("policies", [{"phone": "kep"}, {"phon": "keep"}, {"consent_at": "keep"}, {"email": "newest"}])
def test_an_unknown_or_unlawful_policy_is_refused(owner: Owner, policies: dict[str, str]) -> None:
    run = owner.upload("email\na@b.example\n")
    code = owner.all("SELECT code FROM upload WHERE id = :id", id=run.upload_id)[0][0]
    with owner.front.begin(owner.actor) as unit, pytest.raises(InvalidInput):
        start_import(unit, code, policies=policies)


def test_pace_and_time_left_are_told_from_what_was_read(owner: Owner) -> None:
    run = owner.upload("email\na@b.example\n")
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    owner.all("SELECT 1")
    with owner.worker.begin() as unit:
        unit.run(
            "UPDATE import_run SET state = 'reading', started_at = :at, rows_read = 500, done_bytes = 25,"
            " total_bytes = 100 WHERE id = :id", at=begun, id=run.id,
        )  # fmt: skip
    found = owner.find(run)
    assert found.rows_per_second(begun + timedelta(seconds=10)) == 50
    assert found.seconds_left(begun + timedelta(seconds=10)) == 30
    assert run.rows_per_second(begun) is None
    assert run.seconds_left(begun) is None
