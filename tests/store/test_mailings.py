"""Creatives, and mailings up to the frozen list: through the front's role where the front does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from broker.audience.build_snapshot import build_snapshot
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, IntegrityFault, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import DisclosureSettings, InstanceSettings, Settings
from broker.mailings import freeze_store
from broker.mailings.cancel import cancel_mailing
from broker.mailings.create_creative import Message, create_creative, find_creative, list_creatives
from broker.mailings.find_mailing import find_mailing, list_mailings
from broker.mailings.freeze import freeze_mailing
from broker.mailings.model import SEND_STATES, TRANSITIONS, Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.resume import resume_mailing
from broker.mailings.schedule import schedule_order, schedule_participation_send
from broker.mailings.seeds import add_seed_address
from broker.mailings.sign_creative import sign_creative
from broker.rentals.store import order_by_id
from broker.vault.keyring import WorkerKeys
from tests.mail_house import HTML, picked_send
from tests.store.audience_people import (
    key_of,
    make_base,
    make_contact,
    make_import,
    make_organisation,
    make_partner_list,
    person,
    write_staging,
)

PEOPLE = 60
VOLUME = 40


@dataclass
class Scene:
    """An owner with a base of sixty people, an advertiser named on its partner list, and a picked send."""

    worker: Database
    web: Database
    keys: WorkerKeys
    settings: Settings
    owner: Actor
    advertiser: Actor
    stranger: Actor
    base_id: int
    send_id: int
    first: int

    def planned(self) -> Mailing:
        with self.worker.begin() as unit:
            return schedule_participation_send(unit, self.send_id)

    def freeze(self, mailing: Mailing) -> Mailing:
        freeze_mailing(self.worker, self.keys, self.settings, mailing.id)
        with self.worker.begin() as unit:
            return find_mailing(unit, mailing.code)

    def frozen(self) -> Mailing:
        return self.freeze(self.planned())

    def rows(self, mailing: Mailing) -> list[tuple[int, bytes, bool, int]]:
        with self.worker.begin() as unit:
            found = unit.all(
                "SELECT position, contact_key, seed, price_micros FROM send WHERE dispatch_id = :d ORDER BY position",
                d=mailing.dispatch_id,
            )
        return [(row.position, bytes(row.contact_key), row.seed, row.price_micros) for row in found]


@pytest.fixture
def scene(worker_engine: Engine, web_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path) -> Scene:
    worker = Database(worker_engine)
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    with worker.begin() as unit:
        owner, advertiser, stranger = (make_organisation(unit, kind) for kind in ("owner", "advertiser", "advertiser"))
        base = make_base(unit, owner)
        import_id = make_import(unit, base)
        make_partner_list(unit, base, 1, [advertiser])
        first = 1_000_000_000 + base * 1_000_000  # beside what the sequence gives
        for number in range(PEOPLE):
            make_contact(unit, base, first + number, import_id)
        send_id = picked_send(unit, owner, advertiser, base, volume=VOLUME)
        today = unit.today
    write_staging(tmp_path / "staging" / f"{import_id}.parquet", (person(first + n, today) for n in range(PEOPLE)))
    build_snapshot(worker, worker_keys, settings, import_id)
    return Scene(
        worker,
        Database(web_engine),
        worker_keys,
        settings,
        Actor("owner", owner, 1),
        Actor("advertiser", advertiser, 1),
        Actor("advertiser", stranger, 1),
        base,
        send_id,
        first,
    )


def test_an_advertiser_creates_and_signs_and_a_stranger_sees_nothing(scene: Scene) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        creative = create_creative(unit, Message("Été", "Bonjour", "Boutique", "fr", HTML))
        assert creative.report["links"] == 2
        assert not creative.signed
    with scene.web.begin(scene.advertiser) as unit:
        assert sign_creative(unit, creative.code).signed
        assert sign_creative(unit, creative.code).signed  # a second signature changes nothing
        assert creative.code in [one.code for one in list_creatives(unit)]
    with scene.web.begin(scene.stranger) as unit:
        with pytest.raises(NotFound):
            find_creative(unit, creative.code)
        with pytest.raises(NotFound):
            sign_creative(unit, creative.code)


@pytest.mark.parametrize(
    "html", ["<p>{{birthday}}</p>", "<a href='https://x.test/?e={{first_name}}'>a</a> b", "<a href='x.html'>a</a>", ""]
)
def test_a_creative_that_could_not_be_sent_is_refused(scene: Scene, html: str) -> None:
    with scene.web.begin(scene.advertiser) as unit, pytest.raises(InvalidInput) as refusal:
        create_creative(unit, Message("n", "s", "f", "fr", html))
    assert refusal.value.code == "bad_creative"


def test_what_was_changed_behind_the_signature_is_not_sent(scene: Scene, admin_engine: Engine) -> None:
    mailing = scene.planned()
    with admin_engine.begin() as connection:  # past every trigger
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE creative_link SET url = 'https://elsewhere.test' WHERE creative_id = :id AND number = 1"),
            {"id": mailing.creative_id},
        )
    with pytest.raises(IntegrityFault):
        scene.freeze(mailing)
    assert scene.rows(mailing) == []


def test_a_send_is_planned_once(scene: Scene) -> None:
    mailing = scene.planned()
    assert mailing.state == "planned"
    assert mailing.dispatch_id // 1_000_000 > 202_000
    with scene.worker.begin() as unit, pytest.raises(Conflict) as refusal:
        schedule_participation_send(unit, scene.send_id)
    assert refusal.value.code == "not_schedulable"


def test_an_unsigned_creative_is_not_planned(scene: Scene) -> None:
    with scene.worker.begin() as unit:
        send_id = picked_send(unit, scene.owner.org, scene.advertiser.org, scene.base_id, volume=VOLUME, signed=False)
    with scene.worker.begin() as unit, pytest.raises(Conflict) as refusal:
        schedule_participation_send(unit, send_id)
    assert refusal.value.code == "creative_unsigned"


def test_the_front_cannot_plan_by_itself(scene: Scene) -> None:
    with pytest.raises(ProgrammingError), scene.web.begin(scene.owner) as unit:
        unit.run("SELECT schedule_mailing(NULL, :id, 'x', 1, now())", id=scene.send_id)


def test_the_freeze_draws_the_volume_prices_it_and_leaves_out_the_suppressed(scene: Scene) -> None:
    gone = [key_of(scene.first + number) for number in range(5)]
    with scene.worker.begin() as unit:
        for key, scope in zip(gone, ("everywhere", "base", "advertiser", "everywhere", "base"), strict=True):
            unit.run(
                "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason)"
                " VALUES (:key, 1, :scope, :base, :advertiser, 'opt_out')",
                key=key,
                scope=scope,
                base=scene.base_id if scope == "base" else 0,
                advertiser=scene.advertiser.org_id if scope == "advertiser" else 0,
            )
    mailing = scene.frozen()
    rows = scene.rows(mailing)
    assert mailing.state == "frozen"
    assert [row[0] for row in rows] == list(range(VOLUME))
    assert not {row[1] for row in rows} & set(gone)
    assert {row[3] for row in rows} == {mailing.price_micros}
    assert mailing.exclusions["suppression"] == 5
    assert mailing.exclusions["volume"] == PEOPLE - 5 - VOLUME


def test_a_freeze_that_dies_leaves_nothing_and_a_second_draws_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = scene.planned()
    written: list[list[bytes]] = []
    write = freeze_store.write_recipients

    def dying(unit: object, planned: Mailing, ids: list[int], keys: list[bytes]) -> None:
        write(unit, planned, ids, keys)  # type: ignore[arg-type]
        written.append(keys)
        raise KeyboardInterrupt

    monkeypatch.setattr(freeze_store, "write_recipients", dying)
    with pytest.raises(KeyboardInterrupt):
        scene.freeze(mailing)
    monkeypatch.undo()
    assert scene.rows(mailing) == []
    assert scene.freeze(mailing).state == "frozen"
    rows = scene.rows(mailing)
    assert [row[1] for row in rows] == written[0]
    scene.freeze(mailing)  # the job may run twice
    assert scene.rows(mailing) == rows


def test_seeds_are_sealed_unpriced_and_outside_the_count(scene: Scene) -> None:
    with scene.web.begin(scene.owner) as unit:
        add_seed_address(unit, scene.keys.front, "Controle@loueur.test")
        add_seed_address(unit, scene.keys.front, "controle@loueur.test")  # the same person once
    with scene.web.begin(scene.advertiser) as unit:
        add_seed_address(unit, scene.keys.front, "temoin@annonceur.test")
    mailing = scene.frozen()
    seeds = [row for row in scene.rows(mailing) if row[2]]
    assert len(seeds) == 2
    assert {row[3] for row in seeds} == {0}
    with scene.web.begin(scene.owner) as unit:
        report = mailing_report(unit, mailing.code)
    assert (report.frozen, report.seeds, report.pending) == (VOLUME, 2, VOLUME)


def test_a_rental_under_the_floor_fails_with_a_sentence_and_over_it_is_frozen(scene: Scene) -> None:
    for floor, state in ((PEOPLE + 1, "failed"), (PEOPLE, "frozen")):
        with scene.worker.begin() as unit:
            order_id = _paid_order(scene, unit)
            mailing = schedule_order(unit, order_id)
        settings = Settings(
            instance=scene.settings.instance, disclosure=DisclosureSettings(publication_floor_b2c=floor)
        )
        freeze_mailing(scene.worker, scene.keys, settings, mailing.id)
        with scene.worker.begin() as unit:
            done = find_mailing(unit, mailing.code)
            order = order_by_id(unit, order_id)
        assert done.state == state
        assert (done.problem is not None) == (state == "failed")
        # Nothing of a failed mailing will ever leave: its order ends too, and the settlement credits the deposit.
        assert order is not None
        assert order.state == ("cancelled" if state == "failed" else "scheduled")


def test_a_picked_send_whose_mailing_fails_gives_its_volume_back(scene: Scene) -> None:
    with scene.worker.begin() as unit:
        mailing = schedule_participation_send(unit, scene.send_id)
        unit.run(
            "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, reason) SELECT contact_key,"
            " pepper_version, 'base', base_id, 'opt_out' FROM contact WHERE base_id = :base",
            base=scene.base_id,
        )
    freeze_mailing(scene.worker, scene.keys, scene.settings, mailing.id)
    with scene.worker.begin() as unit:
        assert find_mailing(unit, mailing.code).state == "failed"
        state = unit.scalar("SELECT state FROM participation_send WHERE id = :id", id=scene.send_id)
    assert state == "withdrawn"


def _paid_order(scene: Scene, unit: UnitOfWork) -> int:
    segment = unit.scalar("SELECT id FROM segment WHERE base_id = :b LIMIT 1", b=scene.base_id)
    snapshot = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :b", b=scene.base_id)
    card = unit.scalar(
        "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
        " base_price_micros, minimum_order)"
        " VALUES (:code, :org, :base, :segment, :snapshot, 't', 'mode', 100, 25000, 10) RETURNING id",
        code=new_code("card"),
        org=scene.owner.org_id,
        base=scene.base_id,
        segment=segment,
        snapshot=snapshot,
    )
    creative = unit.scalar("SELECT id FROM creative WHERE org_id = :a LIMIT 1", a=scene.advertiser.org_id)
    order_id: int = unit.scalar(
        "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id,"
        " segment_id, creative_id, state, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents,"
        " vat_cents, valid_until)"
        " VALUES (:code, :advertiser, :owner, :card, 'c', 't', :base, :segment, :creative, 'quote', 20,"
        " 100, 25000, 2000, 2000, 50, 10, now()) RETURNING id",
        code=new_code("order"),
        advertiser=scene.advertiser.org_id,
        owner=scene.owner.org_id,
        card=card,
        base=scene.base_id,
        segment=segment,
        creative=creative,
    )
    for state in ("ordered", "approved", "paid"):
        unit.run("UPDATE rental_order SET state = :state WHERE id = :id", state=state, id=order_id)
    return order_id


def test_pause_resume_and_cancel_follow_the_table_of_states(scene: Scene) -> None:
    mailing = scene.frozen()
    with scene.web.begin(scene.advertiser) as unit, pytest.raises(Forbidden):
        pause_mailing(unit, mailing.code)
    with scene.web.begin(scene.stranger) as unit:
        with pytest.raises(NotFound):
            mailing_report(unit, mailing.code)
        assert list_mailings(unit).items == []
    with scene.web.begin(scene.owner) as unit:
        assert pause_mailing(unit, mailing.code).state == "paused"
        with pytest.raises(Conflict):
            pause_mailing(unit, mailing.code)
        assert resume_mailing(unit, mailing.code).state == "frozen"
        assert cancel_mailing(unit, mailing.code).state == "cancelled"
        with pytest.raises(Conflict):
            resume_mailing(unit, mailing.code)


def test_the_front_cannot_end_or_start_a_mailing(scene: Scene) -> None:
    mailing = scene.frozen()
    for state in ("sent", "sending", "failed"):
        with scene.web.begin(scene.owner) as unit, pytest.raises(Conflict):
            unit.run("UPDATE mailing SET state = :state WHERE id = :id", state=state, id=mailing.id)
    with pytest.raises(ProgrammingError), scene.web.begin(scene.owner) as unit:
        unit.run("UPDATE mailing SET starts_at = now() WHERE id = :id", id=mailing.id)


def test_the_tables_of_states_are_the_databases(scene: Scene) -> None:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT from_state, to_state FROM mailing_transition")
        definitions = " ".join(
            row.text
            for row in unit.all(
                "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
                " WHERE conrelid IN ('mailing'::regclass, 'send'::regclass) AND contype = 'c'"
            )
        )
    assert {(row.from_state, row.to_state) for row in rows} == {
        (before, after) for before, afters in TRANSITIONS.items() for after in afters
    }
    for state in (*TRANSITIONS, *SEND_STATES):
        assert f"'{state}'" in definitions
