"""An advertiser's suppression files: sealed, keyed in a worker, destroyed; out of its counts and sends at once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from broker.audience.guard import few_match
from broker.audience.own_lists_store import listed_keys
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import InstanceSettings, Settings, WebSettings
from broker.suppression import lists_store
from broker.suppression.key_list import key_suppression_list, read_entries
from broker.suppression.lists_model import FILES_A_DAY, SuppressionList, list_path
from broker.suppression.receive_list import (
    find_list,
    list_lists,
    lists_in_use,
    lists_to_doubt,
    receive_list,
    remove_list,
)
from broker.vault.blind_index import contact_keys, md5_keys, sha256_keys
from broker.vault.keyring import FrontKeys, WorkerKeys, create_keys, load_front, load_worker
from tests.store.audience_people import make_base, make_import, make_organisation

ADDRESSES = [f"person{number}@shop.test" for number in range(300)]


@dataclass
class Scene:
    database: Database
    settings: Settings
    front: FrontKeys
    keys: WorkerKeys
    advertiser: Actor
    other: Actor
    base: int

    def send(self, text: str, name: str = "customers") -> SuppressionList:
        with self.database.begin(self.advertiser) as unit:
            found = receive_list(unit, self.front, self.settings, name, "../../ours.csv", [text.encode()])
        assert text.encode() not in list_path(self.settings, found.code).read_bytes()
        key_suppression_list(self.database, self.keys, self.settings, found.id, few_match)
        assert not list_path(self.settings, found.code).exists()
        with self.database.begin(self.advertiser) as unit:
            return find_list(unit, found.code)

    def listed(self, actor: Actor | None = None) -> set[bytes]:
        with self.database.begin() as unit:
            return set(listed_keys(unit, self.base, (actor or self.advertiser).org_id))

    def keys_of(self, addresses: list[str]) -> set[bytes]:
        return set(contact_keys(self.keys, addresses))


@pytest.fixture
def scene(connection: Connection, tmp_path: Path) -> Iterator[Scene]:
    create_keys(tmp_path / "keys", "mail.example.test", "s1")
    worker_keys = load_worker(tmp_path / "keys")
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            base = make_base(unit, make_organisation(unit, "owner"))
            run = make_import(unit, base)
            advertiser, other = (Actor("advertiser", make_organisation(unit, "advertiser")) for _ in range(2))
            three = (contact_keys, md5_keys, sha256_keys)
            unit.run_many(
                "INSERT INTO contact (base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, sealed,"
                " import_id) VALUES (:base, :a, :b, :c, 1, 1, 'sealed', :run)",
                [
                    {"base": base, "run": run, "a": a, "b": b, "c": c}
                    for a, b, c in zip(*(keyed(worker_keys, ADDRESSES) for keyed in three), strict=True)
                ],
            )
        settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
        yield Scene(database, settings, load_front(tmp_path / "keys"), worker_keys, advertiser, other, base)


@pytest.mark.parametrize("kind", ["address", "md5", "sha256"])
def test_a_file_in_any_convention_takes_its_people_out(scene: Scene, kind: str) -> None:
    written = [f"  {one.upper()} " if kind == "address" else one for one in ADDRESSES[:20]]
    if kind != "address":
        written = [hashlib.new(kind, one.encode()).hexdigest().upper() for one in ADDRESSES[:20]]
    found = scene.send("email;since\r\n" + "\r\n".join(f'"{one}";2024' for one in [*written, *written, "nobody here"]))
    assert (found.state, found.kind, found.entries, found.unread, found.few_match) == ("in_use", kind, 20, 1, None)
    assert found.file_name == "ours.csv"
    assert scene.listed() == scene.keys_of(ADDRESSES[:20])
    assert scene.listed(scene.other) == set()


def test_files_add_up_and_one_removed_counts_no_more_and_is_forgotten(scene: Scene) -> None:
    one, two = scene.send("\n".join(ADDRESSES[:5])), scene.send("\n".join(ADDRESSES[3:9]))
    assert scene.listed() == scene.keys_of(ADDRESSES[:9])
    with scene.database.begin(scene.advertiser) as unit:
        remove_list(unit, one.code)
        remove_list(unit, one.code)
        assert [found.code for found in list_lists(unit).items] == [two.code]
    assert scene.listed() == scene.keys_of(ADDRESSES[3:9])
    key_suppression_list(scene.database, scene.keys, scene.settings, one.id, few_match)
    with scene.database.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM suppression_list_entry WHERE list_id = :id", id=one.id) == 0


def test_a_long_list_that_matches_nobody_is_told_and_one_that_matches_many_is_not(scene: Scene) -> None:
    wrong = [hashlib.md5(one.upper().encode(), usedforsecurity=False).hexdigest() for one in ADDRESSES]
    assert scene.send("\n".join(wrong)).few_match is True
    assert scene.send("\n".join(ADDRESSES)).few_match is False
    assert scene.send("\n".join(wrong[:100])).few_match is None


def test_one_known_person_among_invented_hashes_does_not_change_the_warning(scene: Scene) -> None:
    """The attack on the warning itself: is this person a contact of anybody here?"""
    invented = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(200)]
    target = hashlib.sha256(ADDRESSES[7].encode()).hexdigest()
    assert scene.send("\n".join(invented)).few_match is True
    assert scene.send("\n".join([*invented, target])).few_match is True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("\n\n", "No line"), ("Dupont\nDurand\n", "No line"), ("x" * 10_000, "has no lines"), ("\x00\x01\xff", "No line")],
)
def test_a_file_without_entries_says_what_it_should_hold(scene: Scene, text: str, sentence: str) -> None:
    found = scene.send(text)
    assert found.state == "failed"
    assert found.problem is not None
    assert sentence in found.problem
    assert scene.listed() == set()


def test_empty_large_nameless_and_too_many_files_are_refused_and_leave_nothing(scene: Scene) -> None:
    small = replace(scene.settings, web=WebSettings(max_upload_mb=1))
    cases = [
        ("customers", b"", "empty_file"),
        ("customers", b"a" * (2 << 20), "too_large"),
        (" ", b"a", "missing_name"),
    ]
    for name, data, code in cases:
        with pytest.raises(InvalidInput) as caught, scene.database.begin(scene.advertiser) as unit:
            receive_list(unit, scene.front, small, name, "f.csv", [data])
        assert caught.value.code == code
    assert not list((scene.settings.state_dir / "uploads").glob("*"))
    for number in range(FILES_A_DAY):
        scene.send(ADDRESSES[number])
    with pytest.raises(Conflict) as many:
        scene.send(ADDRESSES[20])
    assert many.value.code == "too_many_files"


def test_files_are_their_advertisers_alone(scene: Scene) -> None:
    found = scene.send(ADDRESSES[0])
    with scene.database.begin(scene.other) as unit:
        assert list_lists(unit).items == []
        with pytest.raises(NotFound):
            remove_list(unit, found.code)
    with scene.database.begin(Actor("owner", 1)) as unit, pytest.raises(Forbidden):
        list_lists(unit)


def test_lines_are_read_across_blocks_and_with_a_byte_order_mark() -> None:
    text = "\ufeffemail\n" + "\n".join(f"p{number}@x.test" for number in range(30_000)) + "\n"
    found = list(read_entries(io.BytesIO(text.encode())))
    assert len(found) == 30_000
    assert found[0] == ("address", "p0@x.test")
    assert found[-1] == ("address", "p29999@x.test")


def test_the_front_may_send_a_file_but_reads_no_entry(web_engine: Engine) -> None:
    with web_engine.connect() as connection, pytest.raises(Exception, match="permission denied"):
        connection.exec_driver_sql("SELECT 1 FROM suppression_list_entry")


def test_long_lists_of_files_come_in_pages_and_a_doubtful_one_is_named_on_each(scene: Scene) -> None:
    with scene.database.begin(scene.advertiser) as unit:
        for number in range(45):
            lists_store.insert_list(unit, new_code("sup"), f"File {number}", "ours.csv", "", 10)
    with scene.database.begin() as unit:
        unit.run("UPDATE suppression_list SET state = 'in_use', few_match = true WHERE name = 'File 3'")
    with scene.database.begin(scene.advertiser) as unit:
        first, last, past = (list_lists(unit, number, 20) for number in (1, 3, 99))
        assert [one.name for one in first.items] == [f"File {number}" for number in range(44, 24, -1)]
        assert [one.name for one in last.items] == [f"File {number}" for number in range(4, -1, -1)]
        assert (first.total, first.pages, past.number, past.items) == (45, 3, 3, last.items)
        assert [one.name for one in lists_to_doubt(unit)] == ["File 3"]
        assert lists_in_use(unit) == 1
    with scene.database.begin(scene.other) as unit:
        assert (list_lists(unit).total, lists_to_doubt(unit), lists_in_use(unit)) == (0, [], 0)
