"""A file that somebody asked for: written by a worker with progress, stopped, begun anew, taken part by part."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from broker.billing.exports import export_file_store as store
from broker.billing.exports import export_files
from broker.billing.exports.export_files import (
    ask_file,
    drop_file,
    file_bytes,
    file_to_take,
    find_file,
    list_files,
    part_asked,
)
from broker.billing.exports.write_export import write_export
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import BooksSettings
from tests.store.money_scene import SETTINGS as DEMO
from tests.store.money_scene import MoneyScene, build_scene

FIRST, LAST = date(2020, 1, 1), date(2100, 12, 31)
FULL = BooksSettings()
SETTINGS = replace(DEMO, company=replace(DEMO.company, siren="732829320"))


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    made = build_scene(admin_engine, worker_engine, web_engine)
    made.settled(made.on_credit(5_000), 2_345, bounced=5)
    return made


def asked(scene: MoneyScene, who: Actor, kind: str, form: str = "") -> store.ExportFile:
    with scene.web.begin(who) as unit:
        return ask_file(unit, FULL, kind, form, FIRST, LAST)


def taken(scene: MoneyScene, who: Actor, code: str) -> tuple[store.ExportFile, bytes]:
    with scene.web.begin(who) as unit:
        file = file_to_take(unit, code)
    return file, b"".join(file_bytes(scene.web, who, file, part_asked(file, None, None)))


def test_an_owner_takes_its_own_sends_and_nobody_elses(scene: MoneyScene) -> None:
    file = asked(scene, scene.owner, "sends", "csv")
    assert (file.state, file.running) == ("waiting", True)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        file_to_take(unit, file.code)
    assert refusal.value.code == "file_not_ready"
    for _ in range(2):  # a job runs twice: the second time there is nothing left to do
        write_export(scene.worker, SETTINGS, file.id)
    ready, content = taken(scene, scene.owner, file.code)
    lines = content.decode().splitlines()
    assert len(lines) == 2_346
    assert ready.rows_done == ready.rows_total == 2_345
    assert (ready.name, ready.size, ready.sha256) == (
        "sends-20200101-21001231.csv",
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    gross = [int(line.split(",")[6]) for line in lines[1:]]
    assert sum(gross) == 2_340 * 33_333
    assert gross[:5] == [0] * 5
    for who in (scene.stranger, scene.accountant):
        with pytest.raises(NotFound), scene.web.begin(who) as unit:
            find_file(unit, file.code)
    with scene.web.begin(scene.stranger) as unit:
        assert store.part(unit, file.id, 0) is None
        assert list_files(unit).total == 0


@pytest.mark.parametrize(
    ("kind", "form", "name"),
    [
        ("sends", "xlsx", "sends-20200101-21001231.xlsx"),
        ("revenue", "parquet", "revenue-20200101-21001231.parquet"),
        ("facturx", "zip", "invoices-20200101-21001231.zip"),
        ("journal", "zip", "journal-20200101-21001231.zip"),
        ("balances", "zip", "balances-20200101-21001231.zip"),
        ("fec", "txt", "FEC21001231.txt"),
        ("subledger", "txt", "pennylane-20200101-21001231.csv"),
    ],
)
def test_the_accountants_files(scene: MoneyScene, kind: str, form: str, name: str) -> None:
    file = asked(scene, scene.accountant, kind, form)
    write_export(scene.worker, SETTINGS, file.id)
    ready, content = taken(scene, scene.accountant, file.code)
    assert ready.name.endswith(name)
    assert ready.size == len(content) > 0
    assert ready.rows_done > 0
    if form in ("zip", "xlsx"):
        assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_slow_reader_goes_on_where_it_stopped(scene: MoneyScene, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (export_files, __import__("broker.billing.exports.write_export", fromlist=["BLOCK"])):
        monkeypatch.setattr(module, "BLOCK", 1_000)
    file = asked(scene, scene.owner, "sends", "csv")
    write_export(scene.worker, SETTINGS, file.id)
    ready, content = taken(scene, scene.owner, file.code)
    assert ready.size > 50_000
    for start, end in ((0, 1), (999, 1_001), (2_500, ready.size), (ready.size - 1, ready.size), (1_000, 2_000)):
        rest = part_asked(ready, f"bytes={start}-{end - 1}", None)
        assert b"".join(file_bytes(scene.web, scene.owner, ready, rest)) == content[start:end]
        assert rest.headers["Content-Range"] == f"bytes {start}-{end - 1}/{ready.size}"
    of_another_file = part_asked(ready, "bytes=10-", '"another"')
    assert (of_another_file.start, of_another_file.status) == (0, 200)


def test_stopped_it_is_never_ready_and_begun_anew_it_is_whole(scene: MoneyScene, worker_engine: Engine) -> None:
    file = asked(scene, scene.owner, "sends", "csv")
    write_export(scene.worker, SETTINGS, file.id, lambda: True)  # the worker was told to end
    with scene.web.begin(scene.owner) as unit:
        assert find_file(unit, file.code).state == "writing"
    with scene.worker.begin() as unit:  # half of it was written by a worker that was killed
        store.add_part(unit, file.id, 0, b"half")
    write_export(scene.worker, SETTINGS, file.id)
    assert len(taken(scene, scene.owner, file.code)[1]) > 50_000
    other = asked(scene, scene.owner, "sends", "csv")
    with scene.web.begin(scene.owner) as unit:
        assert drop_file(unit, other.code).state == "cancelled" == drop_file(unit, other.code).state
    write_export(scene.worker, SETTINGS, other.id)
    with pytest.raises(NotFound) as refusal, scene.web.begin(scene.owner) as unit:
        file_to_take(unit, other.code)
    assert refusal.value.code == "no_file"

    class Cancelling:
        """Somebody stops it while it is being written."""

        def __call__(self) -> bool:
            with scene.web.begin(scene.owner) as unit:
                drop_file(unit, third.code)
            return False

    third = asked(scene, scene.owner, "sends", "csv")
    cancelling: Callable[[], bool] = Cancelling()
    write_export(scene.worker, SETTINGS, third.id, cancelling)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM export_part WHERE export_id = :id", id=third.id) == 0


def test_what_fails_says_why_and_is_given_up_after_three_tries(scene: MoneyScene) -> None:
    file = asked(scene, scene.accountant, "subledger")
    sage = replace(SETTINGS, books=BooksSettings(program="sage"))
    with scene.worker.begin() as unit:
        unit.run("UPDATE export_file SET tries = 3, state = 'writing' WHERE id = :id", id=file.id)
    write_export(scene.worker, sage, file.id)
    with scene.web.begin(scene.accountant) as unit:
        found = find_file(unit, file.code)
    assert (found.state, found.reason) == ("failed", "gave_up")


def test_a_ready_file_is_kept_for_a_week(scene: MoneyScene) -> None:
    file = asked(scene, scene.accountant, "journal")
    write_export(scene.worker, SETTINGS, file.id)
    with scene.worker.begin() as unit:
        store.forget(unit)
        assert unit.scalar("SELECT count(*) FROM export_part WHERE export_id = :id", id=file.id) == 1
        unit.run("UPDATE export_file SET keep_until = app_now() - interval '1 second' WHERE id = :id", id=file.id)
        assert store.forget(unit) == 1
    with pytest.raises(NotFound), scene.web.begin(scene.accountant) as unit:
        file_to_take(unit, file.code)


def test_what_is_refused_when_it_is_asked(scene: MoneyScene, web_engine: Engine) -> None:
    def refused(who: Actor, *values: object, books: BooksSettings = FULL) -> str:
        with pytest.raises((InvalidInput, Conflict, Forbidden)) as refusal, scene.web.begin(who) as unit:
            ask_file(unit, books, *values)  # type: ignore[arg-type]
        return refusal.value.code

    assert refused(scene.owner, "fec", "txt", FIRST, LAST) == "bad_kind"
    assert refused(scene.advertiser, "sends", "csv", FIRST, LAST) == "forbidden"
    assert refused(scene.accountant, "fec", "xlsx", FIRST, LAST) == "bad_format"
    assert refused(scene.accountant, "sends", "csv", LAST, FIRST) == "bad_period"
    assert refused(scene.accountant, "fec", "", FIRST, LAST, books=BooksSettings(scope="subledger")) == "subledger"
    with scene.worker.begin() as unit:
        unit.run("UPDATE export_file SET state = 'cancelled' WHERE state IN ('waiting', 'writing')")
    for _ in range(export_files.MOST_AT_ONCE):
        asked(scene, scene.stranger, "sends", "csv")
    assert refused(scene.stranger, "sends", "csv", FIRST, LAST) == "too_many_files"
    with pytest.raises(DBAPIError, match="permission denied"), web_engine.begin() as connection:
        connection.execute(text("UPDATE export_file SET state = 'ready'"))


def test_a_row_of_an_advertisers_session_opens_no_books(scene: MoneyScene) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        file = store.insert(
            unit, code="file_sly", org_id=scene.advertiser.org, kind="journal", form="zip", first=date(2020, 1, 1),
            last=date(2099, 1, 1),
        )  # fmt: skip
    write_export(scene.worker, DEMO, file)
    with scene.web.begin(scene.advertiser) as unit:
        found = store.file_of(unit, "file_sly")
        assert found is not None
        assert (found.state, found.size, store.part(unit, file, 0)) == ("failed", 0, None)
