"""Enrichment of known contacts, what each file changed, and fields that grow stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.bases.contract import record_contract
from broker.bases.enrich import changes_by, list_enrichments, mark_as_enrichment
from broker.bases.enrichment_model import CODES, FieldChange, counted, sealed_change
from broker.bases.model import ImportRun
from broker.bases.receive import receive_upload
from broker.bases.run_import import run_import
from broker.bases.sealed_text import merged_text
from broker.bases.stale_fields import (
    list_reminders,
    list_watches,
    remind_of_stale_fields,
    stop_watching,
    watch_field,
    watchable_fields,
)
from broker.bases.start_import import start_import
from broker.kernel.errors import CourtierError, InvalidInput, NotFound
from tests.store.import_scene import KEYS, Owner, make_owner

FILE = (
    "email;prénom;téléphone;civilité;cp;pointure\n"
    "a@b.example;Ada;0612345678;Mme;75011;38\n"
    "b@b.example;Boris;;M.;;\n"
    "c@b.example;;;;13001;41\n"
)


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    made = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    bring(made, FILE)
    return made


def bring(
    owner: Owner, content: str, *, enriches: bool = False, policies: dict[str, str] | None = None, marked: bool = False
) -> ImportRun:
    with owner.front.begin(owner.actor) as unit:
        upload = receive_upload(
            unit, KEYS.front, owner.settings, owner.base_code, "contacts", "f.csv", [content.encode()]
        )
        if marked:
            mark_as_enrichment(unit, upload.code)
        run = start_import(unit, upload.code, None, policies, enriches=enriches, contract_required=False)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    build_snapshot(owner.worker, KEYS, owner.settings, run.id)
    return owner.find(run)


def changed(owner: Owner, run: ImportRun) -> dict[str, tuple[int, int, int, int, int]]:
    """Field → filled, changed, confirmed, cleared, kept."""
    with owner.front.begin(owner.actor) as unit:
        rows = changes_by(unit, run.code)
    return {row.field: (row.filled, row.changed, row.confirmed, row.cleared, row.kept) for row in rows}


def test_an_enrichment_takes_known_contacts_alone_and_says_what_it_changed(owner: Owner) -> None:
    run = bring(
        owner,
        "email;prénom;cp;civilité;couleur\n"
        "a@b.example;Ada;75012;Mme;rouge\n"
        "b@b.example;Bob;69001;;bleu\n"
        "c@b.example;;13001;;\n"
        "new@b.example;Neo;75001;M.;vert\n",
        enriches=True,
    )
    assert (run.enriches, run.state, run.accepted, run.rejected) == (True, "done", 3, 1)
    (reject,) = owner.rejects(run)
    assert (reject.line, reject.reasons) == (5, ["unknown_contact"])
    assert len(owner.all("SELECT 1 FROM contact WHERE base_id = :base")) == 3
    assert changed(owner, run) == {
        "postcode": (1, 1, 1, 0, 0),
        "couleur": (2, 0, 0, 0, 1),
        "first_name": (0, 1, 1, 0, 1),
        "gender": (0, 0, 1, 0, 2),
    }
    assert sorted(one.get("first_name", "") for one in owner.opened()) == ["", "Ada", "Bob"]
    with owner.front.begin(owner.actor) as unit:
        (line,) = list_enrichments(unit, owner.base_code)
    assert (line.code, line.unknown, line.filled, line.changed, line.confirmed) == (run.code, 1, 3, 2, 3)


@pytest.mark.parametrize(
    ("policy", "postcode", "phone"),
    [("keep", (1, 0, 0, 0, 2), (1, 0, 0, 0, 2)), ("newest", (1, 1, 0, 1, 0), (1, 1, 0, 0, 1))],
)
def test_the_merge_policy_decides_and_is_reported(
    owner: Owner, policy: str, postcode: tuple[int, ...], phone: tuple[int, ...]
) -> None:
    run = bring(
        owner,
        "email;cp;téléphone\na@b.example;75012;0699999999\nb@b.example;69001;0611111111\nc@b.example;;\n",
        enriches=True,
        policies={"postcode": policy, "phone": policy},
    )
    assert changed(owner, run) == {"postcode": postcode, "phone": phone}


def test_an_upload_made_for_it_enriches(owner: Owner) -> None:
    run = bring(owner, "email;cp\nz@b.example;75001\n", marked=True)
    assert (run.enriches, run.accepted, run.rejected) == (True, 0, 1)
    assert changed(owner, run) == {}


def test_a_plain_import_reports_no_changes_and_adds(owner: Owner) -> None:
    run = bring(owner, "email;cp\na@b.example;75012\nz@b.example;75001\n")
    assert (run.enriches, run.accepted) == (False, 2)
    assert changed(owner, run) == {}
    assert len(owner.all("SELECT 1 FROM contact WHERE base_id = :base")) == 4


def test_purchases_do_not_enrich(owner: Owner) -> None:
    with owner.front.begin(owner.actor) as unit:
        record_contract(unit, owner.base_code, "DPA", "Anna", unit.today)
        upload = receive_upload(unit, KEYS.front, owner.settings, owner.base_code, "purchases", "p.csv", [b"a;b\n"])
    for call in (
        lambda unit: start_import(unit, upload.code, enriches=True),
        lambda unit: mark_as_enrichment(unit, upload.code),
    ):
        with owner.front.begin(owner.actor) as unit, pytest.raises(InvalidInput) as refusal:
            call(unit)
        assert refusal.value.code == "no_enrichment"


def age_files(owner: Owner, months: int) -> None:
    with owner.admin.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE import_field SET at = at - interval '{months} months' WHERE base_id = {owner.base_id}"
        )


def test_a_field_that_no_file_renewed_in_time_is_reminded_of_until_one_does(owner: Owner) -> None:
    with owner.front.begin(owner.actor) as unit:
        assert "pointure" in watchable_fields(unit, owner.base_code)
        watch_field(unit, owner.base_code, "postcode", 12)
        watch_field(unit, owner.base_code, "pointure", 24)
        watch_field(unit, owner.base_code, "postcode", 6)
        assert [(one.field, one.months) for one in list_watches(unit, owner.base_code)] == [
            ("pointure", 24),
            ("postcode", 6),
        ]
    assert remind_of_stale_fields(owner.worker) == 0
    age_files(owner, 13)
    assert remind_of_stale_fields(owner.worker) == 1
    assert remind_of_stale_fields(owner.worker) == 0, "found once"
    with owner.front.begin(owner.actor) as unit:
        (found,) = list_reminders(unit)
    assert (found.base_code, found.field, found.months, found.contacts, found.renewed) == (
        owner.base_code,
        "postcode",
        6,
        2,
        0,
    )
    bring(owner, "email;cp\na@b.example;75012\n", enriches=True)
    remind_of_stale_fields(owner.worker)
    with owner.front.begin(owner.actor) as unit:
        assert list_reminders(unit) == [], "half of the values are renewed"


def test_a_watch_that_ends_takes_its_reminder_along(owner: Owner) -> None:
    with owner.front.begin(owner.actor) as unit:
        watch_field(unit, owner.base_code, "gender", 1)
    age_files(owner, 2)
    assert remind_of_stale_fields(owner.worker) == 1
    with owner.front.begin(owner.actor) as unit:
        stop_watching(unit, owner.base_code, "gender")
        assert (list_watches(unit, owner.base_code), list_reminders(unit, owner.base_code)) == ([], [])
        with pytest.raises(NotFound):
            stop_watching(unit, owner.base_code, "gender")


@pytest.mark.parametrize(("field", "months", "code"), [("gender", 0, "bad_months"), ("gender", 121, "bad_months"),
                                                       ("shoe", 3, "unknown_field")])  # fmt: skip
def test_a_watch_that_says_nothing_is_refused(owner: Owner, field: str, months: int, code: str) -> None:
    with owner.front.begin(owner.actor) as unit, pytest.raises(CourtierError) as refusal:
        watch_field(unit, owner.base_code, field, months)
    assert refusal.value.code == code


def test_a_neighbour_sees_no_watch_no_reminder_no_change(
    owner: Owner, web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    with owner.front.begin(owner.actor) as unit:
        watch_field(unit, owner.base_code, "gender", 1)
    age_files(owner, 2)
    remind_of_stale_fields(owner.worker)
    neighbour = make_owner(web_engine, worker_engine, admin_engine, tmp_path / "other")
    with neighbour.front.begin(neighbour.actor) as unit:
        assert list_reminders(unit) == []
        for table in ("import_field", "field_watch", "field_reminder"):
            assert unit.scalar(f"SELECT count(*) FROM {table} WHERE base_id = :b", b=owner.base_id) == 0
        with pytest.raises(NotFound):
            list_watches(unit, owner.base_code)


VALUES = st.sampled_from(["", "x", "y"])


@given(VALUES, VALUES, st.booleans(), st.booleans())
def test_what_is_reported_of_a_sealed_field_is_what_the_merge_does(old: str, new: str, blank: bool, keep: bool) -> None:
    def text(value: str) -> bytes:
        return b'{"city":"%s"}' % value.encode() if value else b"{}"

    code = CODES[sealed_change(old, new, blank=blank, keep=keep)]
    merged = merged_text(text(old), text(new), ["city"] if blank else [], ["city"] if keep else [])
    after = merged == text(old)
    assert (code in ("confirmed", "kept", "kept_given")) == after
    assert (code in ("filled", "changed", "confirmed", "kept_given")) == bool(new)


@given(st.lists(st.integers(0, len(CODES) - 1)))
def test_every_contact_counts_once(codes: list[int]) -> None:
    change = counted("city", np.array(codes, np.int8))
    assert change.filled + change.changed + change.confirmed + change.cleared + change.kept == len(codes)
    assert isinstance(change, FieldChange)
    assert change.given <= len(codes)
