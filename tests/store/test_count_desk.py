"""The count desk on a real base: exclusions one by one, the guard's memory and budget, the draw of recipients."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from broker.audience.build_snapshot import build_snapshot
from broker.audience.count_base import count_base
from broker.audience.desk import CountDesk
from broker.audience.loaded import SnapshotCache
from broker.audience.model import QuestionBudgetSpent
from broker.audience.parse import parse_rule
from broker.audience.select import select_recipients
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import DisclosureSettings, InstanceSettings, Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import (
    key_of,
    make_base,
    make_import,
    make_organisation,
    make_partner_list,
    person,
    write_staging,
)

PEOPLE = 3_000


@dataclass
class Scene:
    """A base of PEOPLE rentable contacts (ids from 1), an advertiser on its partner list, a stranger who is not."""

    database: Database
    settings: Settings
    keys: WorkerKeys
    owner: int
    base: int
    advertiser: int
    stranger: int

    @property
    def desk(self) -> CountDesk:
        folder = self.settings.state_dir / "snapshots"
        return CountDesk(self.database, self.settings, SnapshotCache(folder, 256, 1))

    def load(self, people: list[dict[str, Any]]) -> None:
        with self.database.begin() as unit:
            import_id = make_import(unit, self.base)
        write_staging(self.settings.state_dir / "staging" / f"{import_id}.parquet", people)
        build_snapshot(self.database, self.keys, self.settings, import_id)

    def owner_count(self, text: str = "all", advertiser: int | None = None) -> dict[str, Any]:
        arguments = {"base_id": self.base, "rule": parse_rule(text), "advertiser_id": advertiser}
        return self.desk.answer("count_for_owner", arguments)

    def shown(self, card: int, text: str = "", viewer: int | None = None) -> int:
        rule = parse_rule(text) if text else None
        arguments = {"viewer_org_id": viewer or self.advertiser, "card_id": card, "select_rule": rule}
        return int(self.desk.answer("count_for_advertiser", arguments)["shown"])

    def card(self, text: str = "all", selects: tuple[str, ...] = ("gender", "hair_colour", "income")) -> int:
        with self.database.begin() as unit:
            return make_card(unit, self, text, selects)


def make_card(unit: UnitOfWork, scene: Scene, text: str, selects: tuple[str, ...]) -> int:

    segment: int = unit.scalar(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES (:code, :base, :org, 's', :text, CAST(:rule AS jsonb)) RETURNING id",
        code=secrets.token_hex(6),
        base=scene.base,
        org=scene.owner,
        text=text,
        rule=json.dumps(parse_rule(text)),
    )
    card: int = unit.scalar(
        "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
        " base_price_micros, minimum_order, selects) SELECT :code, :org, :base, :segment, current_snapshot_id, 't',"
        " 's', 1, 1, 1, CAST(:selects AS jsonb) FROM base WHERE id = :base RETURNING id",
        code=secrets.token_hex(6),
        org=scene.owner,
        base=scene.base,
        segment=segment,
        selects=json.dumps([{"field": field, "label": field, "surcharge_micros": 0} for field in selects]),
    )
    return card


@pytest.fixture
def scene(connection: Connection, worker_keys: WorkerKeys, tmp_path: Path) -> Iterator[Scene]:
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            owner = make_organisation(unit, "owner")
            advertiser, stranger = (make_organisation(unit, "advertiser", sector="travel") for _ in range(2))
            base = make_base(unit, owner)
            make_partner_list(unit, base, 1, [advertiser])
            make_partner_list(unit, base, 2, [advertiser, stranger])
            today = unit.today
        settings = Settings(
            instance=InstanceSettings(state_dir=str(tmp_path)),
            disclosure=DisclosureSettings(
                publication_floor_b2c=2_000, smallest_count=200, difference_threshold=50, rounding=10
            ),
        )
        made = Scene(database, settings, worker_keys, owner, base, advertiser, stranger)
        made.load([person(number, today) for number in range(1, PEOPLE + 1)])
        yield made


def suppress(unit: UnitOfWork, contact_id: int, scope: str, base: int = 0, advertiser: int = 0) -> None:
    unit.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason)"
        " VALUES (:key, 1, :scope, :base, :advertiser, 'opt_out')",
        key=key_of(contact_id),
        scope=scope,
        base=base,
        advertiser=advertiser,
    )


def mail(unit: UnitOfWork, scene: Scene, contacts: range, times: int, days_ago: int, state: str = "accepted") -> int:
    """`times` mailings to each of these contacts, some days ago; returns the last dispatch."""
    dispatch = 0
    for _ in range(times):
        dispatch = unit.scalar("SELECT next_dispatch(202611)")
        unit.run("SELECT make_send_partition(202611)")
        code = f"m{dispatch}"
        unit.run(
            "WITH c AS (INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain,"
            "  content_hash) VALUES (:code, :org, '', '', '', '', '', '', '') RETURNING id),"
            " g AS (INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
            "  budget_cents, creative_id, starts_on, ends_on) SELECT :code, :org, 't', 's', 'cpm', 1, 0, 1, id,"
            "  '2026-01-01', '2027-01-01' FROM c RETURNING id),"
            " p AS (INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
            "  SELECT :code, id, :org, :owner, :base FROM g RETURNING id),"
            " s AS (INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
            "  VALUES (:code, :base, :owner, 's', 'all', '{}') RETURNING id),"
            " ps AS (INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id,"
            "  volume, send_on) SELECT :code, p.id, :org, :owner, s.id, 1, '2026-11-01' FROM p, s RETURNING id),"
            " d AS (INSERT INTO dispatch (id, participation_send_id, owner_id, advertiser_id)"
            "  SELECT :dispatch, id, :owner, :org FROM ps RETURNING id)"
            " INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id,"
            "  content_hash, price_micros, commission_bp, draw_seed, state, ended_at)"
            " SELECT :code, 'affiliate', d.id, :owner, :org, :base, c.id, '', 1, 0, 1, 'sent',"
            "  app_now() - make_interval(days => :days) FROM c, d",
            code=code,
            org=scene.advertiser,
            owner=scene.owner,
            base=scene.base,
            dispatch=dispatch,
            days=days_ago,
        )
        unit.run_many(
            "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros,"
            " outcome_at) SELECT :dispatch, id, :contact, :contact, :key, :state, 1,"
            " app_now() - make_interval(days => :days) FROM mailing WHERE dispatch_id = :dispatch",
            [
                {"dispatch": dispatch, "contact": one, "key": key_of(one), "state": state, "days": days_ago}
                for one in contacts
            ],
        )
    return dispatch


# --- exclusions ------------------------------------------------------------------------------------------------------


def test_every_exclusion_is_counted_once_in_its_order(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
    old = datetime(today.year - 4, 1, 1, tzinfo=UTC)
    changed = [
        *(person(n, today, consent_complete=False, consent_at=None, partner_list=None) for n in range(4_001, 4_011)),
        *(person(n, today, birth_date=today - timedelta(days=17 * 365)) for n in range(4_011, 4_031)),
        *(person(n, today, birth_date=None, minor=True) for n in range(4_031, 4_034)),
        *(person(n, today, partner_list=9) for n in range(4_034, 4_074)),
        *(person(n, today, consent_at=old) for n in range(4_074, 4_080)),
    ]
    scene.load(changed)
    with scene.database.begin() as unit:
        for number, scope in (
            (1, "everywhere"),
            (2, "base"),
            (3, "advertiser"),
            (4, "advertiser"),
            (4_001, "everywhere"),
        ):
            base = scene.base if scope == "base" else 0
            advertiser = {3: scene.advertiser, 4: scene.stranger}.get(number, 0)
            suppress(unit, number, scope, base, advertiser)
        mail(unit, scene, range(100, 107), times=3, days_ago=2)
        mail(unit, scene, range(200, 205), times=8, days_ago=20)
        mail(unit, scene, range(300, 305), times=7, days_ago=20)
        mail(unit, scene, range(400, 405), times=9, days_ago=40)
        mail(unit, scene, range(500, 505), times=3, days_ago=1, state="withheld")
    counted = scene.owner_count(advertiser=scene.advertiser)
    assert counted["exclusions"] == {
        "consent": 10,
        "quarantine": 0,
        "minor": 23,
        "partner": 40,
        "suppression": 3,
        "retention": 6,
        "pressure": 12,
        "reserved": 0,
    }
    assert counted["count"] == PEOPLE + 79
    assert counted["rentable"] == counted["count"] - 94
    # To nobody in particular, an opt-out towards one advertiser takes nobody away.
    assert scene.owner_count()["exclusions"]["suppression"] == 2


def test_a_human_click_keeps_a_contact_a_scanners_does_not(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(n, today, consent_at=datetime(today.year - 5, 1, 1, tzinfo=UTC)) for n in (5_001, 5_002, 5_003)])
    with scene.database.begin() as unit:
        mail(unit, scene, range(5_001, 5_003), times=1, days_ago=50)
        for position, verdict in ((5_001, "human"), (5_002, "scanner")):
            unit.run(
                "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict) SELECT dispatch_id, mailing_id,"
                " position, 1, :verdict FROM send WHERE position = :position",
                position=position,
                verdict=verdict,
            )
    assert scene.owner_count()["exclusions"]["retention"] == 2


@pytest.mark.parametrize(
    ("policy", "listed", "expected"),
    [
        ("named_at_consent", 1, PEOPLE),
        ("named_after_notice", 1, PEOPLE),  # named later, and no notice has left
        ("category", 1, 0),
    ],
)
def test_the_partner_policy_decides_whom_a_stranger_reaches(
    scene: Scene, policy: str, listed: int, expected: int
) -> None:
    with scene.database.begin() as unit:
        unit.run("UPDATE base SET partner_policy = :policy WHERE id = :base", policy=policy, base=scene.base)
        unit.run("UPDATE partner SET sector = 'travel' WHERE base_id = :base", base=scene.base)
    assert scene.owner_count(advertiser=scene.stranger)["exclusions"]["partner"] == expected
    assert scene.owner_count(advertiser=scene.advertiser)["exclusions"]["partner"] == 0


def test_an_opt_out_counts_at_once(scene: Scene) -> None:
    desk = scene.desk
    arguments = {"base_id": scene.base, "rule": parse_rule("all")}
    before = desk.answer("count_for_owner", arguments)["rentable"]
    with scene.database.begin() as unit:
        suppress(unit, 77, "everywhere")
    assert desk.answer("count_for_owner", arguments)["rentable"] == before - 1


# --- the guard on the desk -------------------------------------------------------------------------------------------


def test_the_desk_shows_a_guarded_figure_and_the_same_again(scene: Scene) -> None:
    card = scene.card()
    shown = scene.shown(card)
    assert shown % 10 == 0
    assert abs(shown - PEOPLE) <= 25
    assert scene.shown(card) == shown
    women = scene.shown(card, "gender = F")
    assert abs(women - scene.owner_count("gender = F", scene.advertiser)["rentable"]) <= 25


def test_one_opt_out_does_not_change_what_an_advertiser_sees(scene: Scene) -> None:
    card = scene.card()
    shown = scene.shown(card, "gender = F")
    with scene.database.begin() as unit:
        suppress(unit, 5, "everywhere")
    assert scene.shown(card, "gender = F") == shown
    assert scene.shown(card, "not gender in (M) and gender = F") == shown


def test_two_advertisers_together_see_no_more_than_one(scene: Scene) -> None:
    """One asks with, the other without a person: a memory per viewer would show two figures."""
    with scene.database.begin() as unit:
        today = unit.today
        ally = make_organisation(unit, "advertiser")
        make_partner_list(unit, scene.base, 3, [scene.advertiser, ally])
    scene.load([person(n, today, partner_list=3) for n in range(1, PEOPLE + 1)])
    scene.load([person(7_000, today, income=78, partner_list=3)])
    card = scene.card()
    figures = {scene.shown(card, viewer=scene.advertiser), scene.shown(card, "income != 78", viewer=ally)}
    assert len(figures) == 1


def test_a_refresh_that_adds_one_person_does_not_show_it(scene: Scene) -> None:
    card = scene.card()
    before = scene.shown(card, "gender = F")
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(7_001, today, gender="F")])
    assert scene.shown(card, "gender = F") == before
    assert scene.shown(card, "not gender in (M) and gender in (F)") == before
    scene.load([person(number, today, gender="F") for number in range(7_100, 7_400)])
    assert scene.shown(card, "gender = F") > before + 200


def test_a_select_that_takes_few_away_repeats_the_cards_figure(scene: Scene) -> None:
    with scene.database.begin() as unit:
        scene_today = unit.today
    scene.load([person(n, scene_today, income=77) for n in range(6_001, 6_020)])
    card = scene.card()
    assert scene.shown(card, "income != 77") == scene.shown(card)
    assert scene.shown(card, "income = 77") == 0


def test_selects_that_the_card_does_not_offer_are_refused(scene: Scene) -> None:
    card = scene.card(selects=("gender",))
    with pytest.raises(InvalidInput) as caught:
        scene.shown(card, "gender = F and postcode = 75011")
    assert caught.value.code == "select_not_offered"
    with pytest.raises(InvalidInput, match="it offers: gender") as unknown:
        scene.shown(card, "gendre = F")  # told what the card offers, never what the base holds
    assert unknown.value.code == "select_not_offered"
    assert unknown.value.details == {}


def test_an_advertiser_off_the_partner_list_reaches_nobody(scene: Scene) -> None:
    assert scene.shown(scene.card(), viewer=scene.stranger) == 0


def test_new_questions_are_budgeted_by_day_and_old_ones_are_free(scene: Scene) -> None:
    scene.settings = replace(scene.settings, disclosure=replace(scene.settings.disclosure, questions_per_day=3))
    card = scene.card()
    for text in ("", "gender = F", "hair_colour = grey"):
        scene.shown(card, text)
    for _ in range(5):
        scene.shown(card, "gender = F")
    with pytest.raises(QuestionBudgetSpent) as caught:
        scene.shown(card, "gender = M")
    assert caught.value.code == "question_budget"
    with scene.database.begin() as unit:
        unit.run("SELECT advance_demo_clock(interval '1 day')")
    scene.shown(card, "gender = M")


def test_a_retired_card_is_not_counted(scene: Scene) -> None:
    card = scene.card()
    with scene.database.begin() as unit:
        unit.run("UPDATE data_card SET state = 'retired' WHERE id = :card", card=card)
    with pytest.raises(NotFound):
        scene.shown(card)


def test_sizing_a_card_says_what_the_floor_and_the_exclusions_do(scene: Scene) -> None:
    whole = scene.desk.answer("size_card", {"base_id": scene.base, "rule": parse_rule("all")})
    assert whole["reaches_floor"]
    assert whole["rentable"] == PEOPLE
    assert abs(whole["size_shown"] - PEOPLE) <= 25
    genders = {entry["value"]: entry["share"] for entry in whole["profile"]["gender"]}
    assert 60 < genders["F"] < 73
    assert {entry["value"] for entry in whole["profile"]["region"]} == {"Île-de-France", "Auvergne-Rhône-Alpes"}
    few = scene.desk.answer("size_card", {"base_id": scene.base, "rule": parse_rule("hair_colour = grey")})
    assert not few["reaches_floor"]
    assert (few["size_shown"], few["profile"]) == (0, {})
    # The card's figure is public: a viewer who asks about nearly the same people sees it again.
    assert scene.shown(scene.card()) == whole["size_shown"]


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("drop_table", {}, "bad_question"),
        ("count_for_owner", {"base_id": "1", "rule": {"op": "all"}}, "bad_question"),
        ("count_for_owner", [], "bad_question"),
        ("count_for_owner", {"base_id": 1, "rule": "all"}, "bad_rule"),
    ],
)
def test_odd_questions_are_refused(scene: Scene, call: str, arguments: object, code: str) -> None:
    if isinstance(arguments, dict) and arguments.get("base_id") == 1:
        arguments = {**arguments, "base_id": scene.base}
    with pytest.raises(InvalidInput) as caught:
        scene.desk.answer(call, arguments)
    assert caught.value.code == code


def test_a_base_without_contacts_says_so(scene: Scene) -> None:
    with scene.database.begin() as unit:
        empty = make_base(unit, scene.owner)
    with pytest.raises(Conflict, match="import a file"):
        scene.desk.answer("count_for_owner", {"base_id": empty, "rule": {"op": "all"}})


def test_the_command_line_counts_a_base_before_exclusions(scene: Scene) -> None:
    with scene.database.begin() as unit:
        suppress(unit, 1, "everywhere")
        code = unit.scalar("SELECT code FROM base WHERE id = :base", base=scene.base)
        assert count_base(unit, scene.settings, code, parse_rule("all"), [], None) == PEOPLE
        with pytest.raises(NotFound, match="neither a file"):
            count_base(unit, scene.settings, "nowhere", parse_rule("all"), [], None)


# --- recipients ------------------------------------------------------------------------------------------------------


def recipients(scene: Scene, text: str = "all", **given: Any) -> Any:
    with scene.database.begin() as unit:
        facts = {"base_id": scene.base, "advertiser_id": scene.advertiser, "draw_seed": 42, **given}
        return select_recipients(unit, scene.settings, rule=parse_rule(text), **facts)


def test_the_draw_is_capped_reproducible_and_changes_with_its_seed(scene: Scene) -> None:
    one, again = recipients(scene, volume=500), recipients(scene, volume=500)
    assert one.contact_ids.tolist() == again.contact_ids.tolist()
    assert one.contact_keys.tolist() == [key_of(number) for number in one.contact_ids.tolist()]
    assert len(set(one.contact_ids.tolist())) == 500
    other = recipients(scene, volume=500, draw_seed=-7)
    common = set(one.contact_ids.tolist()) & set(other.contact_ids.tolist())
    assert 40 < len(common) < 140  # 500 · 500 / 3000 = 83 expected, seven standard deviations each way
    assert one.exclusions["volume"] == PEOPLE - 500
    assert one.audience_size == len(one.contact_ids) + sum(one.exclusions.values())


def test_a_smaller_volume_draws_the_first_of_a_larger_one(scene: Scene) -> None:
    large, small = recipients(scene, volume=1_000), recipients(scene, volume=100)
    assert large.contact_ids[:100].tolist() == small.contact_ids.tolist()


def test_recipients_answer_the_rule_and_the_selects_and_nobody_excluded(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
        for number in range(1, 200):
            suppress(unit, number, "everywhere")
    found = recipients(scene, "gender = F", select_rule=parse_rule("hair_colour = grey"))
    wanted = {
        number
        for number in range(200, PEOPLE + 1)
        if (row := person(number, today))["gender"] == "F" and row["hair_colour"] == "grey"
    }
    assert set(found.contact_ids.tolist()) == wanted
    assert found.exclusions["volume"] == 0


def test_nobody_stands_twice_in_a_dispatch(scene: Scene) -> None:
    with scene.database.begin() as unit:
        dispatch = mail(unit, scene, range(1, 51), times=1, days_ago=0)
    found = recipients(scene, dispatch_id=dispatch)
    assert found.exclusions["duplicates"] == 50
    assert not set(found.contact_ids.tolist()) & set(range(1, 51))
