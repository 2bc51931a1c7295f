"""Programmes and participations: joining sends nothing, picks stay in the budget, a yes can be taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from broker.affiliation.join import join_programme, list_participations
from broker.affiliation.model import Participation
from broker.affiliation.pick import list_sends, pick_send
from broker.affiliation.withdraw import find_participation, find_send, withdraw_send
from broker.billing.report import revenue_report
from broker.billing.settle import settle_mailing
from broker.catalogue.programmes import Programme, browse_programmes, close_programme, create_programme, find_programme
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.mailings.schedule import schedule_participation_send
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def today(scene: MoneyScene) -> date:
    with scene.worker.begin() as unit:
        return unit.today


def programme_of(scene: MoneyScene, budget_cents: int = 100_000, creative: str = "") -> Programme:
    day = today(scene)
    with scene.web.begin(scene.advertiser) as unit:
        return create_programme(
            unit, "Manteaux d'hiver", "Au mille", "fashion", 1_800, budget_cents, creative or scene.creative, day,
            day + timedelta(days=60),
        )  # fmt: skip


def joined(scene: MoneyScene, programme: Programme) -> Participation:
    with scene.web.begin(scene.owner) as unit:
        return join_programme(unit, programme.code, scene.base_code)


def test_a_programme_is_found_by_words_and_sector_by_owners_only(scene: MoneyScene) -> None:
    programme = programme_of(scene)
    assert (programme.cpm_cents, programme.price_micros) == (1_800, 18_000)
    with scene.web.begin(scene.owner) as unit:
        codes = [found.code for found in browse_programmes(unit, "manteau hiver", "fashion").items]
        assert programme.code in codes
        assert browse_programmes(unit, "zzz").total == 0
        assert find_programme(unit, programme.code).advertiser_name == "Manteaux"
    other = scene.advertiser.__class__("advertiser", scene.stranger.org_id)
    with pytest.raises(NotFound), scene.web.begin(other) as unit:
        find_programme(unit, programme.code)


def test_an_unsigned_creative_opens_no_programme(scene: MoneyScene) -> None:
    with pytest.raises(Conflict) as refusal:
        programme_of(scene, creative=scene.draft)
    assert refusal.value.code == "creative_not_signed"


def test_joining_twice_is_joining_once_and_schedules_nothing(scene: MoneyScene) -> None:
    programme = programme_of(scene)
    first, second = joined(scene, programme), joined(scene, programme)
    assert first.code == second.code
    assert first.sends == 0
    with scene.web.begin(scene.owner) as unit:
        assert list_participations(unit).total == 1
        assert list_sends(unit, first.code) == []
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        join_programme(unit, programme.code, scene.base_code)
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        find_participation(unit, first.code)


def test_a_closed_programme_is_not_joined_but_still_read_by_who_joined(scene: MoneyScene) -> None:
    programme = programme_of(scene)
    part = joined(scene, programme)
    with scene.web.begin(scene.advertiser) as unit:
        close_programme(unit, programme.code)
    with scene.web.begin(scene.owner) as unit:
        assert find_participation(unit, part.code).programme_state == "closed"
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        pick_send(unit, part.code, scene.segment_code, 1, today(scene))
    assert refusal.value.code == "programme_closed"


def test_picks_at_once_never_reserve_more_than_the_budget(scene: MoneyScene) -> None:
    programme = programme_of(scene, budget_cents=1_800)  # one thousand mails
    part, day = joined(scene, programme), today(scene)

    def pick(_: int) -> str:
        try:
            with scene.web.begin(scene.owner) as unit:
                return pick_send(unit, part.code, scene.segment_code, 300, day).state
        except CourtierError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(pick, range(8)))
    assert outcomes == ["budget_used"] * 5 + ["picked"] * 3
    with scene.web.begin(scene.owner) as unit:
        withdraw_send(unit, list_sends(unit, part.code)[0].code)
    assert pick(0) == "picked"


@pytest.mark.parametrize(
    ("volume", "days", "code"), [(0, 0, "bad_volume"), (5, -1, "send_date_passed"), (5, 61, "outside_programme")]
)
def test_a_pick_outside_the_programme_is_refused(scene: MoneyScene, volume: int, days: int, code: str) -> None:
    part = joined(scene, programme_of(scene))
    with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.owner) as unit:
        pick_send(unit, part.code, scene.segment_code, volume, unit.today + timedelta(days=days))
    assert refusal.value.code == code


def test_an_advertiser_cannot_pick_for_an_owner_even_with_raw_sql(scene: MoneyScene) -> None:
    part = joined(scene, programme_of(scene))
    with scene.worker.begin() as unit:
        segment = unit.scalar("SELECT id FROM segment WHERE code = :code", code=scene.segment_code)
    with pytest.raises(ProgrammingError, match="row-level security"), scene.web.begin(scene.advertiser) as unit:
        unit.run(
            "INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume,"
            " send_on) VALUES ('forged', :part, :advertiser, :owner, :segment, 5, '2030-01-01')",
            segment=segment,
            part=part.id,
            advertiser=scene.advertiser.org,
            owner=scene.owner.org,
        )


def test_a_picked_send_is_withdrawn_with_its_mailing_until_it_starts(scene: MoneyScene) -> None:
    part = joined(scene, programme_of(scene))
    with scene.web.begin(scene.owner) as unit:
        codes = [pick_send(unit, part.code, scene.segment_code, 100, unit.today).code for _ in range(2)]
    ids = []
    for code in codes:
        with scene.worker.begin() as unit:
            ids.append(schedule_participation_send(unit, find_send(unit, code).id).id)
    with scene.web.begin(scene.owner) as unit:
        assert withdraw_send(unit, codes[0]).state == "withdrawn"
        assert withdraw_send(unit, codes[0]).state == "withdrawn"
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT state FROM mailing WHERE id = :id", id=ids[0]) == "cancelled"
        for step in ("frozen", "sending"):
            unit.run("UPDATE mailing SET state = :step WHERE id = :id", step=step, id=ids[1])
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        withdraw_send(unit, codes[1])
    assert refusal.value.code == "already_sending"


def test_an_affiliate_mailing_is_invoiced_and_shared_without_an_order(scene: MoneyScene) -> None:
    part = joined(scene, programme_of(scene))
    with scene.web.begin(scene.owner) as unit:
        code = pick_send(unit, part.code, scene.segment_code, 1_001, unit.today).code
    with scene.worker.begin() as unit:
        mailing = schedule_participation_send(unit, find_send(unit, code).id)
    scene.send(mailing.id, mailing.dispatch_id, 1_001)
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, mailing.id)
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT kind, net_cents, vat_cents, deposit_cents, due_on - issued_on AS days FROM invoice"
            " WHERE mailing_id = :id ORDER BY id",
            id=mailing.id,
        )
        found = {row.kind: (row.net_cents, row.vat_cents, row.deposit_cents, row.days) for row in rows}
        report = revenue_report(unit, date(2020, 1, 1), date(2100, 1, 1))
    # 1,001 × 18,000 µ = 18.018 EUR; 80 % of it to the owner.
    assert found == {"invoice": (1_802, 360, 0, 30), "self_bill": (1_442, 288, 0, 45)}
    row = next(row for row in report.rows if row.mailing == mailing.code)
    assert (row.kind, row.settled, row.gross_cents, row.ecpm_cents) == ("affiliate", True, 1_802, 1_800)
    assert report.balanced
