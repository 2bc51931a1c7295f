"""What a base is worth snapshot by snapshot, and the broker's samples of proofs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.bases.audit_consents import draw_consents, find_audit, judge_consent, quarantine_source
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.bases.quality import WEIGHTS, Measured, quality_of, score_of
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from tests.store.import_scene import KEYS, PROOF, PROOF_HEADERS, Owner, make_owner

BROKER = Actor("broker")
FILE = (
    f"email;civilité;cp;naissance;{PROOF_HEADERS}\n"
    f"a@b.example;M.;75011;1980-01-01;{PROOF}\n"
    f"b@b.example;;75011;2011-01-01;{PROOF}\n"
    "c@b.example;Mme;;;;;;;\n"
)


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    made = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    with made.front.begin(made.actor) as unit:
        publish_partner_list(unit, made.base_code, [PartnerName("Bijoux Lumière")])
    return made


def bring(owner: Owner, content: str) -> None:
    run = owner.bring(content)
    build_snapshot(owner.worker, KEYS, owner.settings, run.id)


def test_each_snapshot_is_measured_with_what_came_and_what_is_missing(owner: Owner) -> None:
    bring(owner, FILE)
    bring(owner, f"email;{PROOF_HEADERS}\nd@b.example;{PROOF}\n")
    with owner.front.begin(owner.actor) as unit:
        second, first = quality_of(unit, owner.base_code)
    assert (first.number, first.contacts, first.arrivals, first.departures, first.rentable) == (1, 3, 3, 0, 1)
    assert (second.number, second.contacts, second.arrivals, second.departures, second.rentable) == (2, 4, 1, 0, 2)
    assert first.facts["not_rentable"] == {
        "consent": 1, "quarantine": 0, "minor": 1, "partner": 0, "suppression": 0, "retention": 0,
    }  # fmt: skip
    assert first.facts["completeness"]["gender"] == pytest.approx(2 / 3, abs=1e-3)
    assert first.facts["bounce_rate"] is None
    assert [part.name for part in first.parts if not part.measured] == ["bounces", "complaints"]
    counted = [part for part in first.parts if part.measured]
    assert first.score == round(100 * sum(part.share * part.most for part in counted) / 80)


MEASURED = Measured(contacts=100, rentable=50, filled={"gender": 100, "income": 50}, fresh=100, sent=1000)


def test_the_score_is_the_sum_of_its_parts(owner: Owner) -> None:
    score, parts, facts = score_of(MEASURED)
    assert {part.name: part.points for part in parts} == {
        "rentable": 20, "completeness": 15, "freshness": 20, "bounces": 10, "complaints": 10,
    }  # fmt: skip
    assert score == 75
    assert facts["bounce_rate"] == 0
    assert sum(WEIGHTS.values()) == 100


def test_bounces_and_complaints_cost_points_down_to_none() -> None:
    score, parts, _ = score_of(replace(MEASURED, bounced=25, complained=3))
    assert {part.name: part.points for part in parts}["bounces"] == 5
    assert {part.name: part.points for part in parts}["complaints"] == 0
    assert score == 60
    assert score_of(replace(MEASURED, bounced=900))[1][3].points == 0


def test_an_empty_base_scores_nothing() -> None:
    assert score_of(Measured())[0] == 0


def test_a_neighbour_sees_no_quality(
    owner: Owner, web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    bring(owner, FILE)
    neighbour = make_owner(web_engine, worker_engine, admin_engine, tmp_path / "other")
    with neighbour.front.begin(neighbour.actor) as unit:
        assert unit.scalar("SELECT count(*) FROM base_quality WHERE base_id = :b", b=owner.base_id) == 0
        with pytest.raises(NotFound):
            quality_of(unit, owner.base_code)


def test_the_broker_draws_judges_and_shuts_a_source_out(owner: Owner) -> None:
    bring(owner, FILE)
    with owner.front.begin(BROKER) as unit:
        audit = draw_consents(unit, owner.base_code, 10)
        assert [proof.source_url for proof in audit.proofs] == ["https://x.example/f"] * 2
        judge_consent(unit, audit.code, 1, "false", "no such form")
        quarantine_source(unit, audit.code, 1, "the form never existed")
    with owner.front.begin(BROKER) as unit:
        again = find_audit(unit, audit.code)
        assert (again.proofs[0].verdict, again.proofs[0].quarantined) == ("false", True)
        with pytest.raises(Conflict):
            quarantine_source(unit, audit.code, 2, "the same source")
    bring(owner, "email\ne@b.example\n")
    with owner.front.begin(owner.actor) as unit:
        assert quality_of(unit, owner.base_code)[0].rentable == 0


def test_only_the_broker_audits_and_only_whole_proofs(owner: Owner) -> None:
    bring(owner, "email\na@b.example\n")
    with owner.front.begin(owner.actor) as unit, pytest.raises(Forbidden):
        draw_consents(unit, owner.base_code, 1)
    with owner.front.begin(owner.actor) as unit:
        assert unit.scalar("SELECT draw_consents(1, 5)") == 0
        assert unit.scalar("SELECT quarantine_source(1, 'x')") is False
    with owner.front.begin(BROKER) as unit, pytest.raises(Conflict):
        draw_consents(unit, owner.base_code, 1)
    for call in (lambda u: draw_consents(u, owner.base_code, 0), lambda u: judge_consent(u, "aud_none", 1, "maybe"),
                 lambda u: judge_consent(u, "aud_none", 1, "sound"), lambda u: find_audit(u, "aud_none")):  # fmt: skip
        with owner.front.begin(BROKER) as unit, pytest.raises((InvalidInput, NotFound, CourtierError)):
            call(unit)
