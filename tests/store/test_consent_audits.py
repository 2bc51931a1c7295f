"""The broker's samples of consent proofs, and sources in quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.audience.rule import EVERYBODY
from broker.audience.select import select_recipients
from broker.bases.audit_consents import draw_consents, find_audit, judge_consent, list_audits
from broker.bases.confidence import wilson
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.bases.quality import quality_of
from broker.bases.quarantine import list_sources, quarantine_source, release_source
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from tests.store.import_scene import KEYS, PROOF, PROOF_HEADERS, Owner, make_owner

BROKER = Actor("broker", user_id=1)
ACCOUNTANT = Actor("accountant", user_id=2)
OTHER = "02/03/2025 09:00;https://x.example/jeu;Oui au jeu;f2;1"
FILE = f"email;{PROOF_HEADERS}\n" + "".join(
    f"p{number}@b.example;{PROOF if number % 3 else OTHER}\n" for number in range(30)
)


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    made = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    with made.front.begin(made.actor) as unit:
        publish_partner_list(unit, made.base_code, [PartnerName("Bijoux Lumière")])
    bring(made, FILE)
    return made


def bring(owner: Owner, content: str) -> None:
    run = owner.bring(content)
    build_snapshot(owner.worker, KEYS, owner.settings, run.id)


def drawn_places(owner: Owner, seed: int, size: int, source: str = "") -> list[tuple[str, object]]:
    with owner.front.begin(BROKER) as unit:
        audit = draw_consents(unit, owner.base_code, size, seed=seed, source_code=source)
    assert audit.seed == seed
    return [(proof.source_url, proof.consent_at) for proof in audit.proofs]


def rentable(owner: Owner) -> tuple[int, dict[str, int]]:
    """Who could be written to now, on the snapshot as it stands."""
    with owner.worker.begin() as unit:
        found = select_recipients(
            unit, owner.settings, base_id=owner.base_id, advertiser_id=None, rule=EVERYBODY, draw_seed=1
        )
    return len(found.contact_ids), found.exclusions


def test_a_seed_draws_the_same_again_and_another_one_differently(owner: Owner) -> None:
    first = drawn_places(owner, 7, 12)
    assert drawn_places(owner, 7, 12) == first
    assert len({tuple(drawn_places(owner, seed, 12)) for seed in range(6)}) > 1


def test_a_sample_of_one_source_holds_nothing_else_and_knows_its_population(owner: Owner) -> None:
    with owner.front.begin(BROKER) as unit:
        sources = list_sources(unit, owner.base_code)
        assert [(one.source_url, one.contacts) for one in sources] == [
            ("https://x.example/f", 20),
            ("https://x.example/jeu", 10),
        ]
        audit = draw_consents(unit, owner.base_code, 500, source_code=sources[1].code)
    assert (audit.population, audit.asked, len(audit.proofs)) == (10, 500, 10)
    assert {proof.source_url for proof in audit.proofs} == {"https://x.example/jeu"}


def test_verdicts_make_a_result_with_its_interval(owner: Owner) -> None:
    with owner.front.begin(BROKER) as unit:
        audit = draw_consents(unit, owner.base_code, 10)
        assert audit.result is None
        for place in range(1, 9):
            judge_consent(unit, audit.code, place, "complete")
        judge_consent(unit, audit.code, 9, "doubtful", "the form of that day was another, see a.b@c.example")
        judge_consent(unit, audit.code, 10, "missing", "no such page")
        judge_consent(unit, audit.code, 1, "complete")
        found = find_audit(unit, audit.code)
        (line,) = list_audits(unit, owner.base_code)
    result = found.result
    assert result is not None
    assert result.counts == {"complete": 8, "doubtful": 1, "missing": 1}
    assert result.share == 0.8
    assert result.low == pytest.approx(0.4901, abs=1e-4)
    assert result.high == pytest.approx(0.9433, abs=1e-4)
    assert "a.b@c.example" not in found.proofs[8].note
    assert (line.drawn, line.judged, line.missing) == (10, 10, 1)


def test_a_quarantine_counts_at_once_and_its_release_too(owner: Owner) -> None:
    assert rentable(owner)[0] == 30
    with owner.front.begin(BROKER) as unit:
        code = list_sources(unit, owner.base_code)[1].code
        assert quarantine_source(unit, code, "the game never named partners").quarantined_at is not None
        with pytest.raises(Conflict):
            quarantine_source(unit, code, "again")
    left, why = rentable(owner)
    assert (left, why["quarantine"]) == (20, 10)
    with owner.front.begin(owner.actor) as unit:
        assert list_sources(unit, owner.base_code)[1].quarantine_reason == "the game never named partners"
    bring(owner, f"email;{PROOF_HEADERS}\nnew@b.example;{PROOF}\n")
    with owner.front.begin(owner.actor) as unit:
        newest = quality_of(unit, owner.base_code)[0]
        assert (newest.rentable, newest.facts["not_rentable"]["quarantine"]) == (21, 10)
    with owner.front.begin(BROKER) as unit:
        assert release_source(unit, code, "screenshots of the form were shown").release_reason
        with pytest.raises(Conflict):
            release_source(unit, code, "again")
    assert rentable(owner)[0] == 31


def test_only_the_brokers_people_draw_judge_shut_out_and_release(owner: Owner) -> None:
    with owner.front.begin(BROKER) as unit:
        audit = draw_consents(unit, owner.base_code, 5)
        code = list_sources(unit, owner.base_code)[0].code
    for actor in (owner.actor, ACCOUNTANT):
        for call in (
            lambda u: draw_consents(u, owner.base_code, 1),
            lambda u: judge_consent(u, audit.code, 1, "complete"),
            lambda u: quarantine_source(u, code, "x"),
            lambda u: release_source(u, code, "x"),
        ):
            with owner.front.begin(actor) as unit, pytest.raises(Forbidden):
                call(unit)
        # Past the verbs the database says the same.
        with owner.front.begin(actor) as unit:
            audit_id = "SELECT id FROM consent_audit WHERE code = :code"
            assert unit.scalar(f"SELECT draw_consents(({audit_id}), 5)", code=audit.code) == 0
            source = unit.scalar("SELECT id FROM consent_source WHERE code = :code", code=code)
            assert unit.scalar("SELECT quarantine_source(:source, 'x')", source=source) is False
            assert unit.scalar("SELECT release_source(:source, 'x')", source=source) is False
    with owner.front.begin(Actor("broker")) as unit:
        quarantine_source(unit, code, "a program may shut out")
        with pytest.raises(Conflict):
            release_source(unit, code, "and only a person lets in again")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda u, base: draw_consents(u, base, 0), "bad_size"),
        (lambda u, base: draw_consents(u, base, 501), "bad_size"),
        (lambda u, base: draw_consents(u, base, 1, seed=-1), "bad_seed"),
        (lambda u, base: draw_consents(u, base, 1, source_code="src_none"), "no_source"),
        (lambda u, base: draw_consents(u, "no-base", 1), "no_base"),
        (lambda u, base: judge_consent(u, "aud_none", 1, "sound"), "bad_verdict"),
        (lambda u, base: judge_consent(u, "aud_none", 1, "doubtful", " "), "no_reason"),
        (lambda u, base: judge_consent(u, "aud_none", 1, "missing", "x" * 1001), "too_long"),
        (lambda u, base: judge_consent(u, "aud_none", 1, "complete"), "no_proof"),
        (lambda u, base: find_audit(u, "aud_none"), "no_audit"),
        (lambda u, base: quarantine_source(u, "src_none", "x"), "no_source"),
        (lambda u, base: quarantine_source(u, "src_none", "  "), "no_reason"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(owner: Owner, call: object, code: str) -> None:
    with owner.front.begin(BROKER) as unit, pytest.raises(CourtierError) as refusal:
        call(unit, owner.base_code)  # type: ignore[operator]
    assert refusal.value.code == code
    assert isinstance(refusal.value, (InvalidInput, NotFound))


def test_a_base_without_a_whole_proof_has_none_to_draw(
    web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    bare = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    bring(bare, "email\na@b.example\n")
    with bare.front.begin(BROKER) as unit, pytest.raises(Conflict) as refusal:
        draw_consents(unit, bare.base_code, 1)
    assert refusal.value.code == "no_proofs"


@given(st.integers(1, 500).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))))
def test_the_interval_holds_the_share_and_stays_within_bounds(sample: tuple[int, int]) -> None:
    hits, size = sample
    low, high = wilson(hits, size)
    assert 0 <= low <= hits / size <= high <= 1
    mirrored = wilson(size - hits, size)
    assert low == pytest.approx(1 - mirrored[1])
    assert high == pytest.approx(1 - mirrored[0])


def test_an_interval_needs_a_sample() -> None:
    for hits, size in ((0, 0), (2, 1), (-1, 3)):
        with pytest.raises(ValueError, match="sample"):
            wilson(hits, size)
