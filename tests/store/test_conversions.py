"""Leads and sales of programmes: signed, once, within every cap; what is approved is invoiced and shared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.affiliation.conversion_model import REFUSALS, TRANSITIONS
from broker.affiliation.conversion_store import Wanted
from broker.affiliation.decide_conversions import (
    approve_conversion,
    decline_conversion,
    extend_conversion,
    keep_conversions,
    list_conversions,
    sum_conversions,
)
from broker.affiliation.look_for_fraud import look_for_fraud
from broker.affiliation.postback import secret_of
from broker.affiliation.validation_file import validate_by_file
from broker.billing.accrue_conversions import accrue_conversions, bill_clicks
from broker.billing.settle import settle_mailing
from broker.catalogue.change_programme import renew_secret
from broker.kernel.clock import PARIS
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput
from broker.vault.keyring import FrontKeys, create_keys, load_front
from broker.vault.tokens import make_token
from tests.store.conversion_scene import Shop, open_shop
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

Opening = Callable[..., Shop]


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@pytest.fixture
def front(tmp_path: Any) -> FrontKeys:
    create_keys(tmp_path / "keys", "mail.test", "s1")
    return load_front(tmp_path / "keys")


@pytest.fixture
def opening(scene: MoneyScene, public_engine: Engine, front: FrontKeys) -> Callable[..., Shop]:
    return partial(open_shop, scene, public_engine, front)


def test_a_sale_is_pending_then_approved_then_invoiced_and_shared(opening: Opening) -> None:
    shop = opening()
    scene = shop.scene
    said = shop.post(shop.click(3), "CMD-1", amount="49.90")
    assert (said.state, said.fresh) == ("pending", True)
    with scene.web.begin(scene.owner) as unit:
        seen = list_conversions(unit, Wanted(programme=shop.programme.code)).items[0]
        assert (seen.reference, seen.price_micros, seen.amount_cents) == ("", 4_990_000, 4_990)
    with scene.web.begin(scene.advertiser) as unit:
        assert approve_conversion(unit, said.code).reference == "CMD-1"
        assert approve_conversion(unit, said.code).state == "approved"
    assert accrue_conversions(scene.worker, shop.mailing_id) == 1
    assert accrue_conversions(scene.worker, shop.mailing_id) == 0
    settle_mailing(scene.worker, SETTINGS, shop.mailing_id)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM invoice WHERE mailing_id = :id", id=shop.mailing_id) == 0  # not yet
    scene.wait(24 * 38)
    settle_mailing(scene.worker, SETTINGS, shop.mailing_id)
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT kind, net_cents FROM invoice WHERE mailing_id = :id ORDER BY id", id=shop.mailing_id)
        # 10 % of 49.90 is 4.99; of these 20 % stay with the broker.
        assert [(row.kind, row.net_cents) for row in rows] == [("invoice", 499), ("self_bill", 399)]
        label = unit.scalar("SELECT l.label FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id"
                            " WHERE i.mailing_id = :id AND i.kind = 'invoice'", id=shop.mailing_id)  # fmt: skip
        assert "1 " in label
        assert shop.programme.code in label
        assert unit.scalar("SELECT state FROM conversion WHERE code = :code", code=said.code) == "locked"


def test_the_same_report_again_changes_nothing_and_another_under_its_reference_is_refused(opening: Opening) -> None:
    shop = opening()
    first, second = shop.click(1), shop.click(2)
    said = shop.post(first, "CMD-1")
    again = shop.post(first, "CMD-1")
    assert (again.code, again.fresh) == (said.code, False)
    other = shop.post(second, "CMD-1")
    assert (other.state, other.reason) == ("refused", "reference_used")
    assert shop.post(second, "CMD-1").code == other.code
    assert shop.post(second, "CMD-1", kind="lead").reason == "not_paid"


def test_parallel_reports_never_spend_a_cent_beyond_the_budget(opening: Opening) -> None:
    shop = opening(budget_cents=1_001, model="cpl", rate_bp=None, rate_cents=100)
    clicks = [shop.click(position) for position in range(50)]

    def report(position: int) -> str:
        said = shop.post(clicks[position], f"L-{position}", kind="lead", amount="")
        return said.reason or said.state

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(report, range(50)))
    assert (outcomes.count("pending"), outcomes.count("budget_used")) == (10, 40)
    with shop.scene.web.begin(shop.scene.advertiser) as unit:
        kept = list_conversions(unit, Wanted(programme=shop.programme.code, state="pending")).items
        decline_conversion(unit, kept[0].code, "annulée")
    assert (
        shop.post(shop.click(60), "L-60", kind="lead", amount="").state == "pending"
    )  # a cancelled one frees its part
    assert shop.post(shop.click(61), "L-61", kind="lead", amount="").reason == "budget_used"


@pytest.mark.parametrize(("cap", "reason"), [("owner_cap_cents", "owner_cap"), ("day_cap_cents", "day_cap")])
def test_caps_of_an_owner_and_of_a_day_hold(opening: Opening, cap: str, reason: str) -> None:
    shop = opening(model="cpl", rate_bp=None, rate_cents=100, **{cap: 250})
    said = [shop.post(shop.click(at), f"L{at}", kind="lead", amount="") for at in range(3)]
    assert [one.reason for one in said] == ["", "", reason]


def test_windows_count_whole_hours_over_a_change_of_the_clock(opening: Opening) -> None:
    shop = opening(attribution_days=1, report_days=60)
    clicked = shop.click(1, ago=timedelta(hours=30))
    with shop.scene.worker.begin() as unit:
        at = unit.now - timedelta(hours=30)
    inside, outside = at + timedelta(hours=24, seconds=-5), at + timedelta(hours=24, seconds=61)
    assert shop.post(clicked, "in", at=inside.isoformat()).state == "pending"
    assert shop.post(clicked, "out", at=outside.isoformat()).reason == "outside_window"
    assert shop.post(clicked, "before", at=str(int(at.timestamp()) - 3_600)).reason == "before_click"
    assert shop.post(clicked, "ahead", at=str(int(at.timestamp()) + 40 * 3_600)).reason == "in_future"


@pytest.mark.parametrize("spring", [False, True])
def test_a_window_over_the_night_of_the_clock_is_as_many_hours_as_any(opening: Opening, spring: bool) -> None:
    shop = opening(attribution_days=1, report_days=60)
    with shop.scene.worker.begin() as unit:
        before = unit.now
    night = last_change(before.astimezone(PARIS).date(), 3 if spring else 10)
    clicked_at = datetime.combine(night - timedelta(days=1), time(20), PARIS).astimezone(UTC)
    clicked = shop.click(1, ago=before - clicked_at)
    a_day = clicked_at + timedelta(hours=24)
    assert a_day.astimezone(PARIS).hour == (21 if spring else 19)  # 24 hours of the world, not 20:00 once more
    inside = shop.post(clicked, "in", at=(a_day - timedelta(seconds=5)).isoformat())
    assert inside.reason in ("", "late")  # reported months later it is late, not outside
    assert shop.post(clicked, "out", at=(a_day + timedelta(seconds=61)).isoformat()).reason == "outside_window"


def last_change(today: date, month: int) -> date:
    """The last Sunday of a month, the latest one past."""
    year = today.year if date(today.year, month, 31) < today else today.year - 1
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def test_owners_are_told_what_was_declined_and_why(opening: Opening) -> None:
    shop = opening()
    codes = [shop.post(shop.click(position), f"r{position}").code for position in (1, 2, 3)]
    with shop.scene.web.begin(shop.scene.advertiser) as unit:
        decline_conversion(unit, codes[0], "Commande annulée")
        validate_by_file(unit, shop.programme.code, b"reference,decision,reason\nr2,no,Fraude\nr3,no,Fraude\n")
    with shop.scene.worker.begin() as unit:
        told = unit.all(
            "SELECT facts->>'count' AS count, facts->>'reason' AS reason FROM notification_event"
            " WHERE org_id = :org AND kind = 'conversion.declined' ORDER BY id",
            org=shop.scene.owner.org,
        )
    assert [tuple(row) for row in told] == [("1", "Commande annulée"), ("2", "Fraude")]


def test_a_late_report_is_kept_and_refused(opening: Opening) -> None:
    shop = opening(report_days=2, attribution_days=30)
    clicked = shop.click(1, ago=timedelta(days=5))
    with shop.scene.worker.begin() as unit:
        happened = unit.now - timedelta(days=3)
    said = shop.post(clicked, "late", at=happened.isoformat())
    assert (said.state, said.reason) == ("refused", "late")
    assert said.reason in REFUSALS


def test_a_forged_replayed_or_damaged_postback_is_not_let_in(opening: Opening) -> None:
    shop = opening()
    clicked = shop.click(1)
    for secret, ago, code in (("guess", 0, "bad_signature"), ("", 400, "stale_signature")):
        with pytest.raises(Forbidden) as refusal:
            shop.post(clicked, "X", secret=secret, ago=ago)
        assert refusal.value.code == code
    for fields, code in (
        ({"amount": "1,5"}, "bad_amount"),
        ({"amount": "-3"}, "bad_amount"),
        ({"amount": ""}, "missing_amount"),
        ({"reference": " "}, "bad_reference"),
        ({"at": "yesterday"}, "bad_moment"),
        ({"at": "2026-01-01T00:00:00"}, "bad_moment"),
        ({"currency": "USD"}, "unknown_currency"),
    ):
        with pytest.raises(CourtierError) as refusal:
            shop.post(clicked, fields.pop("reference", "X"), **fields)
        assert refusal.value.code == code
    with pytest.raises(InvalidInput) as refusal:
        shop.post(clicked[:-1] + ("a" if clicked[-1] != "a" else "b"), "X")
    assert refusal.value.code == "bad_click_id"
    with pytest.raises(InvalidInput):  # the token of the mail's own link is no click id
        shop.post(make_token(shop.front, "click", shop.dispatch_id, shop.mailing_id, 1, 1), "X")


def test_a_new_secret_leaves_the_former_one_two_days(opening: Opening) -> None:
    shop = opening()
    scene, code = shop.scene, shop.programme.code
    with scene.web.begin(scene.advertiser) as unit:
        renew_secret(unit, code, 1)
    former, newer = secret_of(shop.front, code, 1, 1), secret_of(shop.front, code, 1, 2)
    assert shop.post(shop.click(1), "new", secret=newer).fresh
    assert shop.post(shop.click(2), "old", secret=former).fresh
    scene.wait(49)
    with pytest.raises(Forbidden):
        shop.post(shop.click(3), "older", secret=former)


def test_another_programmes_click_is_refused(opening: Opening) -> None:
    shop, other = opening(), opening()
    with pytest.raises(Conflict) as refusal:
        shop.post(other.click(1), "X")
    assert refusal.value.code == "other_programme"


def test_what_waits_its_delay_is_approved_and_can_be_put_off_once(opening: Opening) -> None:
    shop = opening(validation_days=30)
    scene = shop.scene
    first, second = (shop.post(shop.click(at), f"S{at}") for at in (1, 2))
    with scene.web.begin(scene.advertiser) as unit:
        extend_conversion(unit, second.code)
        with pytest.raises(Conflict) as refusal:
            extend_conversion(unit, second.code)
        assert refusal.value.code == "not_extendable"
    scene.wait(24 * 30 + 1)
    with scene.worker.begin() as unit:
        keep_conversions(unit)
        states = {row.code: row.state for row in unit.all("SELECT code, state FROM conversion WHERE programme_id = :id",
                                                          id=shop.programme.id)}  # fmt: skip
    assert states == {first.code: "approved", second.code: "pending"}
    scene.wait(24 * 30)
    with scene.worker.begin() as unit:
        keep_conversions(unit)
        assert unit.scalar("SELECT state FROM conversion WHERE code = :code", code=second.code) == "approved"


def test_a_report_whose_click_never_arrived_is_declined_not_approved(opening: Opening) -> None:
    shop = opening(validation_days=0)
    unknown = make_token(shop.front, "conversion", shop.dispatch_id, shop.mailing_id, 9, 1)
    said = shop.post(unknown, "ghost")
    assert said.state == "pending"  # the click may still be on its way from a journal
    with shop.scene.worker.begin() as unit:
        keep_conversions(unit)
        assert unit.scalar("SELECT state FROM conversion WHERE code = :code", code=said.code) == "pending"
    shop.scene.wait(25)
    with shop.scene.worker.begin() as unit:
        keep_conversions(unit)
        row = unit.one("SELECT state, reason FROM conversion WHERE code = :code", code=said.code)
    assert row is not None
    assert (row.state, row.reason) == ("declined", "no_click")


def test_a_validation_file_decides_its_good_lines_and_names_the_others(opening: Opening) -> None:
    shop = opening()
    scene = shop.scene
    codes = {ref: shop.post(shop.click(at), ref).code for at, ref in enumerate(("A", "B", "C", "D"), start=1)}
    with scene.web.begin(scene.advertiser) as unit:
        approve_conversion(unit, codes["D"])
    with scene.worker.begin() as unit:
        unit.run("UPDATE conversion SET state = 'locked' WHERE code = :code", code=codes["D"])
    rows = ("référence;statut;motif", "A;oui;", "B;refusé;retour client", "A;non;encore", "Z;oui;", "D;non;tard",
            "C;peut-être;", ";oui;", "C;non;", "", "")  # fmt: skip
    file = "\r\n".join(rows).encode("cp1252")
    with scene.web.begin(scene.advertiser) as unit:
        told = validate_by_file(unit, shop.programme.code, file, dry_run=True)
        assert list_conversions(unit, Wanted(programme=shop.programme.code, state="pending")).total == 3
        done = validate_by_file(unit, shop.programme.code, file)
        assert (told.approved, told.declined, told.problems) == (done.approved, done.declined, done.problems)
        assert (done.lines, done.approved, done.declined) == (8, 1, 1)
        assert done.problems == [
            (4, "A", "repeated"), (5, "Z", "unknown"), (6, "D", "locked"), (7, "C", "bad_decision"),
            (8, "", "no_reference"), (9, "C", "reason_missing"),
        ]  # fmt: skip
        again = validate_by_file(unit, shop.programme.code, file)
        assert (again.approved, again.declined, again.unchanged) == (0, 0, 2)
        sums = {
            (row.kind, row.state): row.count for row in sum_conversions(unit, Wanted(programme=shop.programme.code))
        }
        assert sums == {("sale", "approved"): 1, ("sale", "declined"): 1, ("sale", "locked"): 1, ("sale", "pending"): 1}


@pytest.mark.parametrize(("content", "code"), [(b"\0\1", "not_text"), (b"a;b\n1;2", "no_columns"), (b"", "no_columns")])
def test_a_file_that_is_none_is_refused(opening: Opening, content: bytes, code: str) -> None:
    shop = opening()
    with pytest.raises(InvalidInput) as refusal, shop.scene.web.begin(shop.scene.advertiser) as unit:
        validate_by_file(unit, shop.programme.code, content)
    assert refusal.value.code == code


def test_persons_clicks_are_counted_once_each_and_scanners_never(opening: Opening) -> None:
    shop = opening(model="cpc", rate_bp=None, rate_cents=30, budget_cents=100)
    for position in (1, 1, 2, 3, 4, 5):
        shop.click(position)
    shop.click(7, verdict="scanner")
    assert bill_clicks(shop.scene.worker, shop.mailing_id) == 5
    assert bill_clicks(shop.scene.worker, shop.mailing_id) == 0
    with shop.scene.worker.begin() as unit:
        rows = unit.all("SELECT state, reason, count(*) AS n FROM conversion WHERE mailing_id = :id GROUP BY 1, 2"
                        " ORDER BY 1", id=shop.mailing_id)  # fmt: skip
        assert [(row.state, row.reason, row.n) for row in rows] == [("approved", "", 3), ("refused", "budget_used", 2)]
        assert (
            unit.scalar("SELECT sum(gross_micros) FROM accrual WHERE mailing_id = :id", id=shop.mailing_id) == 900_000
        )


def test_a_mixed_offer_pays_mails_and_sales_on_one_invoice(opening: Opening) -> None:
    shop = opening(cpm_cents=2_000, model="cpm", rate_bp=None, sale_bp=500)
    scene = shop.scene
    said = shop.post(shop.click(1), "S1", amount="80.00")
    with scene.web.begin(scene.advertiser) as unit:
        approve_conversion(unit, said.code)
    scene.wait(24 * 40)
    settle_mailing(scene.worker, SETTINGS, shop.mailing_id)
    with scene.worker.begin() as unit:
        lines = unit.all("SELECT l.quantity, l.net_cents FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id"
                         " WHERE i.mailing_id = :id AND i.kind = 'invoice' ORDER BY l.line",
                         id=shop.mailing_id)  # fmt: skip
        assert [(row.quantity, row.net_cents) for row in lines] == [(50, 100), (1, 400)]  # 50 × 2 cents; 5 % of 80


def test_bursts_shared_devices_and_scanners_are_shown_with_their_evidence(opening: Opening) -> None:
    shop = opening()
    for position in range(5):
        shop.post(shop.click(position, ip="198.51.100.9", agent="One"), f"B{position}")
    quick = shop.post(shop.click(20, ago=timedelta(seconds=3)), "quick")
    robot = shop.post(shop.click(21, verdict="scanner"), "robot")
    assert look_for_fraud(shop.scene.worker, shop.programme.id) >= 7
    with shop.scene.web.begin(shop.scene.advertiser) as unit:
        found = {one.code: one.signs for one in list_conversions(unit, Wanted(programme=shop.programme.code)).items}
        suspicious = list_conversions(unit, Wanted(programme=shop.programme.code, suspicious=True)).total
    assert found[quick.code]["too_fast"] == {"seconds": pytest.approx(3, abs=2)}
    assert found[robot.code]["scanner_click"] == {"clicks": 1}
    assert sum(signs.get("same_device") == {"recipients": 5} for signs in found.values()) == 5
    assert suspicious == 7
    assert "198.51" not in str(found)
    with shop.scene.web.begin(shop.scene.owner) as unit:
        assert all(not one.signs for one in list_conversions(unit, Wanted(programme=shop.programme.code)).items)


def test_the_database_knows_the_same_life(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT from_state, to_state FROM conversion_transition")
        assert {(row.from_state, row.to_state) for row in rows} == TRANSITIONS


def test_nobody_else_reads_or_decides_a_conversion(opening: Opening) -> None:
    shop = opening()
    said = shop.post(shop.click(1), "CMD-9")
    for actor in (shop.scene.owner, shop.scene.stranger):
        with pytest.raises(CourtierError), shop.scene.web.begin(actor) as unit:
            approve_conversion(unit, said.code)
    with shop.scene.web.begin(shop.scene.owner) as unit:
        moved = unit.run("UPDATE conversion SET state = 'approved' WHERE code = :code", code=said.code).rowcount
        assert moved == 0
