"""Imports against a real database: sealed rows, duplicates, opt-outs, consent, purchases, resumption."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.bases.create_base import create_base
from broker.bases.imports import cancel_import, find_import
from broker.bases.model import ImportRun
from broker.bases.publish_partner_list import PartnerName, current_partners, publish_partner_list
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.operate import import_file
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys
from tests.store.import_scene import CONSENTED, KEYS, PROOF, PROOF_HEADERS, Owner, make_owner

FILE = (
    f"email;nom;civilité;cp;tel;Religion;couleur_cheveux;taille_bague;interets;{PROOF_HEADERS};référence\n"
    f'Jean@Boite.example;D"u;M.;75011;0612345678;juif;brun;52;golf|Voile;{PROOF};C1\n'
    f"jean@boite.example;Bis;M.;75011;;;roux;;;{PROOF};C1\n"
    f"anne@boite.example;Le Gall;Mme;1000;;;blond;54,5;;;;;;;C2\n"
    "pas d'adresse;X;;;;;;;;;;;;;C3\n"
)


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def test_a_file_becomes_sealed_contacts_and_traits_without_identifiers(owner: Owner) -> None:
    run = owner.bring(FILE)
    assert (run.state, run.problem) == ("building", None)
    assert (run.rows_read, run.accepted, run.rejected, run.duplicates, run.rentable) == (4, 2, 1, 1, 1)
    assert [column["header"] for column in run.summary["refused_columns"]] == ["Religion"]
    assert owner.opened()[0] == {
        "email": "jean@boite.example", "last_name": 'D"u', "phone": "+33612345678", "postcode": "75011",
        "country": "FR", "reference": "C1",
    }  # fmt: skip
    first, second = owner.staged(run)
    assert set(first) >= {"contact_id", "contact_key", "couleur_cheveux", "taille_bague", "interets"}
    assert not {"email", "last_name", "phone", "reference", "Religion", "religion"} & set(first)
    assert (first["gender"], first["department"], first["has_phone"]) == ("M", "75", True)
    assert (first["couleur_cheveux"], first["taille_bague"], first["interets"]) == ("brun", 52.0, ["golf", "voile"])
    assert (first["consent_complete"], first["partner_list"]) == (True, 1)
    assert (second["consent_complete"], second["postcode"]) == (False, "01000")
    assert bytes(first["contact_key"]) == contact_keys(KEYS, ["jean@boite.example"])[0]


def test_rejects_are_masked_and_say_nothing_of_refused_columns(owner: Owner) -> None:
    run = owner.bring("email;nom;Religion\nsecret at boite;Dupont;juive\n")
    (reject,) = owner.rejects(run)
    assert (reject.line, reject.reasons) == (2, ["invalid_email"])
    assert reject.masked == {"email": "s•••", "nom": "D•••"}


def test_the_uploaded_file_is_sealed_while_it_waits_and_destroyed_when_it_is_read(owner: Owner) -> None:
    run = owner.upload(FILE)
    (file,) = (owner.settings.state_dir / "uploads").iterdir()
    assert b"boite.example" not in file.read_bytes().lower()
    run_import(owner.worker, KEYS, owner.settings, run.id)
    assert not list((owner.settings.state_dir / "uploads").iterdir())
    upload = owner.all("SELECT code FROM upload WHERE base_id = :base")[0][0]
    with owner.front.begin(owner.actor) as unit, pytest.raises(Conflict) as refusal:
        start_import(unit, upload)
    assert refusal.value.code == "upload_gone"


def test_a_file_that_cannot_be_imported_ends_with_its_sentence_and_leaves_nothing(owner: Owner) -> None:
    for content, words, code in (
        (b"nom;ville\na;b\n", "e-mail", "no_email_column"),
        (b"\0" * 900, "nothing but zeros", "not_a_table"),
        (b"email\n", "no rows", "no_rows"),
    ):
        run = owner.bring(content)
        assert run.state == "failed"
        assert words in (run.problem or "")
        assert run.summary["problem_code"] == code
    assert not [*owner.staging.iterdir()] if owner.staging.exists() else True


def test_the_same_file_again_changes_no_count_of_contacts(owner: Owner) -> None:
    owner.bring(FILE)
    before = owner.all("SELECT id, contact_key FROM contact WHERE base_id = :base ORDER BY id")
    run = owner.bring(FILE)
    assert (run.accepted, run.duplicates) == (2, 1)
    assert owner.all("SELECT id, contact_key FROM contact WHERE base_id = :base ORDER BY id") == before


def test_a_newer_file_renews_what_it_says_and_keeps_the_rest(owner: Owner) -> None:
    owner.bring(f"email;nom;tel;relation;{PROOF_HEADERS}\na@b.example;Ancien;0612345678;client;{PROOF}\n")
    run = owner.bring("email;nom\nA@b.example;Nouveau\n")
    assert owner.opened() == [{"email": "a@b.example", "last_name": "Nouveau", "phone": "+33612345678"}]
    ((relation, source),) = owner.all("SELECT relation, consent_source_id FROM contact WHERE base_id = :base")
    assert relation == "customer"
    assert source is not None
    (row,) = owner.staged(run)
    assert (row["relation"], row["has_phone"], row["minor"]) == (None, None, None)


def test_an_older_consent_does_not_replace_a_later_one(owner: Owner) -> None:
    head = f"email;{PROOF_HEADERS}\n"
    owner.bring(f"{head}a@b.example;{PROOF}\n")
    year = str(CONSENTED.year)
    owner.bring(f"{head}a@b.example;{PROOF.replace(year, '2020').replace(';f1;', ';f0;')}\n")
    rows = owner.all(
        "SELECT s.form_version, extract(year FROM c.consent_at)::int FROM contact c"
        " JOIN consent_source s ON s.id = c.consent_source_id WHERE c.base_id = :base"
    )
    assert rows == [("f1", CONSENTED.year)]


def test_an_import_never_lifts_an_opt_out(owner: Owner) -> None:
    owner.bring(FILE)
    key = contact_keys(KEYS, ["jean@boite.example"])[0]
    with owner.worker.begin() as unit:
        suppress(unit, key, KEYS.pepper_version, "base", "opt_out", base_id=owner.base_id)
    before = owner.all("SELECT contact_key, scope, reason, at FROM suppression WHERE base_id = :base")
    assert len(before) == 1
    owner.bring(FILE)
    assert owner.all("SELECT contact_key, scope, reason, at FROM suppression WHERE base_id = :base") == before


def test_an_erased_person_does_not_come_back(owner: Owner) -> None:
    owner.bring(FILE)
    key = contact_keys(KEYS, ["anne@boite.example"])[0]
    with owner.worker.begin() as unit:
        suppress(unit, key, KEYS.pepper_version, "base", "erasure", base_id=owner.base_id)
        unit.run("UPDATE contact SET sealed = NULL WHERE base_id = :base AND contact_key = :key",
                 base=owner.base_id, key=key)  # fmt: skip
    run = owner.bring(FILE)
    assert (run.accepted, run.rejected, run.duplicates) == (1, 2, 1)
    assert run.summary["reasons"]["erased_person"] == 1
    assert [row["contact_key"] for row in owner.staged(run)] == [contact_keys(KEYS, ["jean@boite.example"])[0]]
    assert owner.all("SELECT count(*) FROM contact WHERE base_id = :base AND sealed IS NULL") == [(1,)]


def test_run_twice_is_run_once(owner: Owner) -> None:
    run = owner.bring(FILE)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    assert owner.find(run).rows_read == 4
    assert len(owner.rejects(run)) == 1


def test_an_import_whose_worker_died_begins_anew(owner: Owner) -> None:
    """The state a killed worker leaves: reading, some contacts, rejects and counters written."""
    run = owner.upload(FILE)
    with owner.worker.begin() as unit:
        unit.run("UPDATE import_run SET state = 'reading', rows_read = 3, accepted = 3 WHERE id = :id", id=run.id)
        unit.run("INSERT INTO import_reject VALUES (:id, 99, '{x}', '{}')", id=run.id)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    done = owner.find(run)
    assert (done.state, done.rows_read, done.accepted) == ("building", 4, 2)
    assert [reject.line for reject in owner.rejects(run)] == [5]


def test_a_cancelled_import_stages_nothing(owner: Owner) -> None:
    run = owner.upload(FILE)
    with owner.front.begin(owner.actor) as unit:
        cancel_import(unit, run.code)
    run_import(owner.worker, KEYS, owner.settings, run.id)
    assert owner.find(run).state == "cancelled"
    assert not owner.staging.exists() or not list(owner.staging.iterdir())
    with owner.front.begin(owner.actor) as unit, pytest.raises(Conflict):
        cancel_import(unit, run.code)


def test_two_imports_of_one_base_at_once_make_each_contact_once(owner: Owner) -> None:
    rows = "".join(f"p{number}@boite.example;N{number}\n" for number in range(5_000))
    runs = [owner.upload(f"email;nom\n{rows}") for _ in range(2)]
    faults: list[BaseException] = []

    def work(import_id: int) -> None:
        try:
            run_import(owner.worker, KEYS, owner.settings, import_id)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(run.id,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert [owner.find(run).accepted for run in runs] == [5_000, 5_000]
    assert owner.all("SELECT count(*) FROM contact WHERE base_id = :base") == [(5_000,)]


def test_purchases_are_matched_by_reference_or_address(owner: Owner) -> None:
    owner.bring(FILE)
    run = owner.bring(
        "client;email;date;montant;marge;catégorie;magasin\n"
        "C1;;01/02/2025;10,50;3;Vases;Paris\n"
        ";ANNE@boite.example;02/02/2025;-4,00;;Vases;Paris\n"
        "C9;;02/02/2025;1;;;\n"
        ";;02/02/2025;1;;;\n",
        "purchases",
    )
    assert (run.state, run.rows_read, run.accepted, run.rejected) == ("building", 4, 2, 2)
    assert run.summary["reasons"] == {"unknown_customer": 1, "no_customer": 1}
    rows = owner.all(
        "SELECT day, amount_cents, margin_cents, category FROM purchase WHERE base_id = :base ORDER BY day"
    )
    assert rows == [(date(2025, 2, 1), 1050, 300, "Vases"), (date(2025, 2, 2), -400, None, "Vases")]
    assert owner.all("SELECT DISTINCT relation FROM contact WHERE base_id = :base") == [("customer",)]


def test_a_purchase_import_whose_worker_died_counts_no_line_twice(owner: Owner) -> None:
    owner.bring(FILE)
    run = owner.upload("client;date;montant\nC1;01/02/2025;10\n", "purchases")
    with owner.worker.begin() as unit:
        unit.run("UPDATE import_run SET state = 'reading' WHERE id = :id", id=run.id)
        unit.run(
            "INSERT INTO purchase (base_id, contact_id, day, amount_cents, import_id)"
            " SELECT base_id, id, '2025-02-01', 1000, :run FROM contact WHERE base_id = :base LIMIT 1",
            run=run.id,
            base=owner.base_id,
        )
    run_import(owner.worker, KEYS, owner.settings, run.id)
    assert owner.all("SELECT amount_cents FROM purchase WHERE base_id = :base") == [(1000,)]


def test_purchases_before_contacts_are_refused(owner: Owner) -> None:
    run = owner.bring("client;date;montant\nC1;01/02/2025;3\n", "purchases")
    assert (run.state, run.problem) == (
        "failed",
        "Purchases belong to contacts, and this base has none yet. Import its contacts first.",
    )


def test_purchases_in_another_currency_are_refused(owner: Owner) -> None:
    owner.bring(FILE)
    run = owner.bring("client;date;montant;devise\nC1;01/02/2025;3;USD\n", "purchases")
    assert run.state == "failed"
    assert "EUR only" in (run.problem or "")


def test_each_state_and_step_is_recorded_without_an_address(owner: Owner) -> None:
    run = owner.bring(FILE)
    rows = owner.all("SELECT action, detail::text FROM audit_entry WHERE object_id = :code ORDER BY id", code=run.code)
    assert [action for action, _ in rows] == ["import.started", "import.read"]
    assert not any("@" in detail for _, detail in rows)


def test_a_neighbour_sees_and_does_nothing(
    owner: Owner, web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    run = owner.bring(FILE)
    neighbour = make_owner(web_engine, worker_engine, admin_engine, tmp_path / "other")
    upload = owner.all("SELECT code FROM upload WHERE base_id = :base")[0][0]
    with neighbour.front.begin(neighbour.actor) as unit:
        for attempt in (
            lambda: find_import(unit, run.code),
            lambda: start_import(unit, upload),
            lambda: publish_partner_list(unit, owner.base_code, [PartnerName("x")]),
        ):
            with pytest.raises(NotFound):
                attempt()


def test_partner_lists_are_numbered_versions(owner: Owner) -> None:
    with owner.front.begin(owner.actor) as unit:
        assert current_partners(unit, owner.base_code) == (0, [])
        assert publish_partner_list(unit, owner.base_code, [PartnerName("Fleurs SA", sector="flowers")]) == 1
    with owner.front.begin(owner.actor) as unit:
        assert publish_partner_list(unit, owner.base_code, [PartnerName("B"), PartnerName("A")]) == 2
        assert current_partners(unit, owner.base_code)[1] == [PartnerName("A"), PartnerName("B")]
    for partners in ([], [PartnerName("A"), PartnerName("A ")], [PartnerName("A", "org_nobody")]):
        with owner.front.begin(owner.actor) as unit, pytest.raises(InvalidInput):
            publish_partner_list(unit, owner.base_code, partners)


@pytest.mark.parametrize(("code", "name", "kind"), [("A", "x", "b2c"), ("ab", "", "b2c"), ("ab", "x", "c2c")])
def test_a_base_is_checked(owner: Owner, code: str, name: str, kind: str) -> None:
    with owner.front.begin(owner.actor) as unit, pytest.raises(InvalidInput):
        create_base(unit, code, name, None, kind)


def test_a_taken_code_is_said_so(owner: Owner) -> None:
    with pytest.raises(CourtierError) as refusal, owner.front.begin(owner.actor) as unit:
        create_base(unit, owner.base_code, "x", None)
    assert refusal.value.code == "code_taken"


def test_resuming_says_what_became_of_the_last_import(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_alone(_settings: object, find: Callable[[UnitOfWork, object], ImportRun], *_: object) -> None:
        with owner.front.begin(owner.actor) as unit:
            find(unit, KEYS)

    monkeypatch.setattr(import_file, "_import", find_alone)
    with pytest.raises(NotFound, match="it has none"):
        import_file.resume_import(owner.settings, owner.base_code, lambda _: None)
    owner.bring(b"email\n")
    with pytest.raises(NotFound, match=r"is failed\. Import the file again"):
        import_file.resume_import(owner.settings, owner.base_code, lambda _: None)
