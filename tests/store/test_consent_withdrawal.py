"""A "no" takes consent back, in whatever row it stands; what was before is kept; buyers are customers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.bases.quality import quality_of
from broker.bases.receive import destroy_ended_uploads
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.errors import Conflict
from tests.store.import_scene import KEYS, Owner, make_owner

HEADERS = "email;optin;date consentement;source consentement;texte consentement;version formulaire;version liste\n"
PROOF = "https://x.example/f;J'accepte;f1;1"
HEADERS = HEADERS.replace("version liste", "version liste partenaires")


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def bring(owner: Owner, *rows: str, headers: str = HEADERS) -> list[dict[str, object]]:
    """Import rows and build; the snapshot's rows by address order of import."""
    run = owner.bring(headers + "\n".join(rows) + "\n")
    assert run.state == "building", run.problem
    return build(owner, run.id)


def build(owner: Owner, import_id: int) -> list[dict[str, object]]:
    build_snapshot(owner.worker, KEYS, owner.settings, import_id)
    name = owner.all("SELECT file_name FROM snapshot WHERE base_id = :base ORDER BY number DESC LIMIT 1")[0][0]
    rows = pq.read_table(owner.settings.state_dir / "snapshots" / name).to_pylist()
    return sorted(rows, key=lambda row: row["contact_id"])


def consent(owner: Owner) -> list[tuple[object, ...]]:
    return owner.all(
        "SELECT consent_at, consent_withdrawn_at, consent_source_id IS NOT NULL FROM contact WHERE base_id = :base"
    )


def history(owner: Owner) -> list[tuple[object, ...]]:
    return owner.all(
        "SELECT e.kind, e.at FROM consent_event e JOIN contact c ON c.id = e.contact_id"
        " WHERE c.base_id = :base ORDER BY e.at, e.kind"
    )


def at(day: int, month: int = 2, year: int = 2024) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def test_a_no_takes_the_consent_back_from_its_date_on_and_the_history_stays(owner: Owner) -> None:
    (row,) = bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    assert row["consent_complete"] is True
    (row,) = bring(owner, f"a@b.example;non;05/02/2024;{PROOF}")
    assert row["consent_complete"] is False
    assert consent(owner) == [(None, at(5), False)]
    assert history(owner) == [("given", at(1))]


def test_the_old_yes_again_does_not_undo_the_no_and_a_later_yes_does(owner: Owner) -> None:
    bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    bring(owner, f"a@b.example;non;05/02/2024;{PROOF}")
    (row,) = bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    assert row["consent_complete"] is False
    (row,) = bring(owner, f"a@b.example;oui;06/02/2024;{PROOF}")
    assert row["consent_complete"] is True
    assert consent(owner) == [(at(6), at(5), True)]
    (row,) = bring(owner, f"a@b.example;NON;07/02/2024;{PROOF}")
    assert row["consent_complete"] is False
    assert history(owner) == [("given", at(1)), ("withdrawn", at(5)), ("given", at(6))]


def test_an_older_no_does_not_take_back_a_later_yes(owner: Owner) -> None:
    bring(owner, f"a@b.example;oui;05/02/2024;{PROOF}")
    (row,) = bring(owner, f"a@b.example;non;01/02/2024;{PROOF}")
    assert row["consent_complete"] is True
    assert history(owner) == []


@pytest.mark.parametrize("said", ["", "peut-être"])
def test_an_empty_or_unknown_answer_is_no_withdrawal(owner: Owner, said: str) -> None:
    bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    (row,) = bring(owner, f"a@b.example;{said};;;;;")
    assert row["consent_complete"] is True


def test_a_no_in_a_repeated_or_rejected_row_counts(owner: Owner) -> None:
    rows = bring(
        owner,
        f"a@b.example;oui;01/02/2024;{PROOF};",
        f"A@b.example;non;03/02/2024;{PROOF};",
        f"c@b.example;oui;01/02/2024;{PROOF};",
        f"c@b.example;non;03/02/2024;{PROOF};9",
        headers=HEADERS.replace("\n", ";age\n"),
    )
    assert [row["consent_complete"] for row in rows] == [False, False]


def test_a_date_of_withdrawal_counts_unless_the_consent_is_later(owner: Owner) -> None:
    headers = HEADERS.replace("\n", ";date désinscription\n")
    rows = bring(
        owner,
        f"a@b.example;oui;01/02/2024;{PROOF};03/02/2024",
        f"b@b.example;oui;05/02/2024;{PROOF};03/02/2024",
        f"c@b.example;oui;05/02/2024;{PROOF};oui",
        f"d@b.example;oui;05/02/2024;{PROOF};non",
        headers=headers,
    )
    assert [row["consent_complete"] for row in rows] == [False, True, False, True]


def test_a_source_in_quarantine_makes_nobody_rentable(owner: Owner) -> None:
    bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    with owner.worker.begin() as unit:
        unit.run("UPDATE consent_source SET quarantined_at = app_now() WHERE base_id = :base", base=owner.base_id)
    bring(owner, f"a@b.example;oui;02/02/2024;{PROOF}")
    with owner.front.begin(owner.actor) as unit:
        latest, before = quality_of(unit, owner.base_code)
    assert (before.facts["not_rentable"]["quarantine"], latest.facts["not_rentable"]["quarantine"]) == (0, 1)
    assert latest.rentable == 0


def test_history_is_appended_to_and_never_changed(owner: Owner) -> None:
    bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    bring(owner, f"a@b.example;non;05/02/2024;{PROOF}")
    for statement in ("UPDATE consent_event SET kind = 'given'", "DELETE FROM consent_event"):
        with pytest.raises(Exception, match="permission denied"), owner.worker.begin() as unit:
            unit.run(statement)


SALES = "email;date;montant\na@b.example;01/02/2025;10\na@b.example;01/02/2025;10\n"


def test_a_buyer_is_a_customer_in_the_snapshot_too(owner: Owner) -> None:
    (row,) = bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    assert row["relation"] == "prospect"
    run = owner.bring(SALES, "purchases")
    (row,) = build(owner, run.id)
    assert (row["relation"], row["purchase_count"], row["spend_cents"]) == ("customer", 2, 2000)


def test_sales_imported_twice_count_once_and_overlapping_exports_add_what_is_new(owner: Owner) -> None:
    bring(owner, f"a@b.example;oui;01/02/2024;{PROOF}")
    assert owner.bring(SALES, "purchases").accepted == 2
    again = owner.bring(SALES, "purchases")
    assert (again.accepted, again.duplicates, again.rows_read) == (0, 2, 2)
    more = owner.bring(SALES + "a@b.example;01/02/2025;10\na@b.example;02/02/2025;10\n", "purchases")
    assert (more.accepted, more.duplicates) == (2, 2)
    assert owner.all("SELECT count(*) FROM purchase WHERE base_id = :base") == [(4,)]


def test_a_column_that_turns_out_forbidden_is_dropped_from_vault_and_staging(owner: Owner) -> None:
    plain = [f"p{number}@b.example;M{number};métier {number % 9}" for number in range(300)]
    late = [f"q{number}@b.example;juif;catholique" for number in range(400)]
    bad = ["not an address;X1;médecin"]
    run = owner.bring("email;référence;profession\n" + "\n".join(plain + late + bad) + "\n")
    assert {column["header"] for column in run.summary["refused_columns"]} == {"référence", "profession"}
    assert {row["occupation"] for row in owner.staged(run)} == {None}
    assert all("reference" not in person for person in owner.opened())
    assert owner.all("SELECT count(*) FROM contact WHERE base_id = :base AND reference_key IS NOT NULL") == [(0,)]
    assert owner.rejects(run)[0].masked == {"email": "n•••"}


def test_the_file_of_a_failed_import_waits_for_another_mapping_and_then_goes(owner: Owner) -> None:
    uploads = owner.settings.state_dir / "uploads"
    run = owner.bring("contact;nom\nx;Durand\n")
    assert run.state == "failed"
    assert len(list(uploads.iterdir())) == 1
    code = owner.all("SELECT code FROM upload WHERE base_id = :base")[0][0]
    with owner.front.begin(owner.actor) as unit:
        second = start_import(unit, code, {"contact": "email"})
    run_import(owner.worker, KEYS, owner.settings, second.id)
    assert len(list(uploads.iterdir())) == 0
    assert owner.find(second).state == "building"
    with owner.front.begin(owner.actor) as unit, pytest.raises(Conflict):
        start_import(unit, code)


def test_expired_uploads_are_swept_also_those_that_nobody_imported(owner: Owner) -> None:
    owner.bring("contact;nom\nx;Durand\n")
    owner.upload("email\na@b.example\n")
    with owner.worker.begin() as unit:
        unit.run("DELETE FROM import_run WHERE base_id = :base AND state = 'waiting'", base=owner.base_id)
        assert destroy_ended_uploads(unit, owner.settings) == 0
        unit.run("UPDATE import_run SET ended_at = ended_at - interval '25 hours' WHERE base_id = :b", b=owner.base_id)
        unit.run("UPDATE upload SET created_at = created_at - interval '3 days' WHERE base_id = :b", b=owner.base_id)
        assert destroy_ended_uploads(unit, owner.settings) == 2
    assert not list((owner.settings.state_dir / "uploads").iterdir())
