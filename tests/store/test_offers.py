"""Programmes of every model, browsed by thousands, matched to a base, with what they may bring."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from broker.affiliation.join import join_programme
from broker.audience.rule import Rule
from broker.catalogue.match_offers import browse_offers, match_programme
from broker.catalogue.offer_model import Offer, Wishes
from broker.catalogue.offers_store import OfferSearch, newest_sql
from broker.catalogue.programme_model import Programme
from broker.catalogue.programmes import browse_programmes, close_programme, create_programme, find_programme
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput
from broker.operate.database_server import DatabaseServer
from tests.store.audience_people import make_base, make_organisation

PROFILE = {
    "gender": [{"value": "F", "count": 800}, {"value": "M", "count": 200}],
    "age": [{"value": "18-24", "count": 500}, {"value": "25-34", "count": 500}],
    "region": [{"value": "Bretagne", "count": 250}, {"value": "Corse", "count": 750}],
}


class Audience:
    """Stands for the audience process: one profile for every base."""

    def own_profile(self, base_id: int, rule: Rule) -> Mapping[str, Any]:
        return {"people": 1_000, "profile": PROFILE}


@dataclass
class Scene:
    web: Database
    owner: Actor
    advertiser: Actor
    base: str
    creative: str
    word: str

    def open(self, title: str = "Offre", cpm_cents: int = 1_800, **given: Any) -> Programme:
        with self.web.begin(self.advertiser) as unit:
            ends = unit.today + timedelta(days=given.pop("days", 30))
            return create_programme(
                unit, f"{title} {self.word}", "", given.pop("sector", "travel"), cpm_cents, 100_000, self.creative,
                unit.today, ends, offer=Offer(**given),
            )  # fmt: skip


@pytest.fixture
def scene(worker_engine: Engine, web_engine: Engine) -> Scene:
    worker = Database(worker_engine)
    with worker.begin() as unit:
        owner, advertiser = make_organisation(unit, "owner"), make_organisation(unit, "advertiser")
        base = make_base(unit, owner)
        snapshot = unit.scalar(
            "INSERT INTO snapshot (base_id, number, file_name, sha256, rows, rentable, columns)"
            " VALUES (:id, 1, 'f', '', 0, 0, '[]') RETURNING id",
            id=base,
        )
        unit.run(
            "UPDATE base SET sector = 'travel', current_snapshot_id = :snapshot WHERE id = :id",
            id=base,
            snapshot=snapshot,
        )
        code: str = unit.scalar("SELECT code FROM base WHERE id = :id", id=base)
        creative = f"cre_{secrets.token_hex(5)}"
        unit.run(
            "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash,"
            " state, signed_hash, signed_by, signed_at) VALUES (:code, :org, 'n', 's', 'f', '', '', '', '', 'signed',"
            " '', 1, app_now())",
            code=creative,
            org=advertiser,
        )
    word = "z" + "".join(chr(103 + int(digit, 16)) for digit in secrets.token_hex(6))
    return Scene(Database(web_engine), Actor("owner", owner), Actor("advertiser", advertiser), code, creative, word)


@pytest.mark.parametrize(
    ("cpm_cents", "offer", "code"),
    [
        (0, {}, "bad_price"),
        (100, {"model": "cpc", "rate_cents": 50}, "bad_price"),
        (0, {"model": "cpc"}, "bad_rate"),
        (0, {"model": "cpl", "rate_bp": 500}, "bad_rate"),
        (0, {"model": "cpa", "rate_bp": 500, "rate_cents": 5}, "bad_rate"),
        (0, {"model": "cpa", "rate_bp": 20_000}, "bad_rate"),
        (100, {"rate_cents": 5}, "bad_rate"),
        (100, {"model": "cpx"}, "bad_model"),
        (100, {"channel": "pigeon"}, "bad_channel"),
        (100, {"most_names": 0}, "bad_cap"),
        (100, {"validation_days": 68}, "bad_validation"),
        (100, {"wishes": Wishes(ages=(40, 30))}, "bad_wish"),
        (100, {"wishes": Wishes(genders=("X",))}, "bad_wish"),
    ],
)
def test_an_offer_that_contradicts_itself_is_refused(
    scene: Scene, cpm_cents: int, offer: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        scene.open(cpm_cents=cpm_cents, **offer)
    assert caught.value.code == code


def test_offers_of_every_model_are_kept_as_they_were_described(scene: Scene) -> None:
    sale = scene.open(
        cpm_cents=0, model="cpa", rate_bp=750, channel="newsletter", most_names=50_000, owner_cap_cents=90_000,
        validation_days=45, terms="Pas de coupons.", wishes=Wishes(("F",), (25, 45), ("Bretagne",), ("travel",)),
    )  # fmt: skip
    assert (sale.model, sale.price_micros, sale.rate_bp, sale.rate_cents) == ("cpa", 0, 750, None)
    assert (sale.channel, sale.most_names, sale.owner_cap_cents, sale.validation_days) == (
        "newsletter", 50_000, 90_000, 45,
    )  # fmt: skip
    assert sale.wishes == {"genders": ["F"], "ages": [25, 45], "regions": ["Bretagne"], "sectors": ["travel"]}
    with scene.web.begin(scene.owner) as unit:
        assert join_programme(unit, sale.code, scene.base).pays == {"sale": [None, 750]}


def test_owners_see_open_offers_the_best_for_their_base_first_and_why(scene: Scene) -> None:
    men = scene.open("Hommes", wishes=Wishes(genders=("M",), sectors=("home",)))
    women = scene.open("Femmes de Bretagne", wishes=Wishes(("F",), (20, 29), ("Bretagne",)))
    anybody = scene.open("Tous", cpm_cents=0, model="cpc", rate_cents=80)
    ended, closed = scene.open("Hier", days=0), scene.open("Clos")
    with scene.web.begin(scene.advertiser) as unit:
        close_programme(unit, closed.code)
        assert browse_programmes(unit, scene.word).total == 5
    with scene.web.begin(scene.owner) as unit:
        assert browse_programmes(unit, scene.word).total == 4
        found = browse_offers(unit, Audience(), OfferSearch(scene.word), scene.base)
        assert [one.programme.code for one in found.items] == [ended.code, anybody.code, women.code, men.code]
        scores = [one.match.score if one.match else None for one in found.items]
        fit = found.items[2].match
        assert scores == [100, 100, 38, 14]
        assert fit is not None
        assert dict(fit.parts) == pytest.approx({"gender": 0.8, "age": 0.6071428, "region": 0.25}, rel=1e-4)
        clicks = found.items[1].revenue
        assert clicks is not None
        assert (clicks.known, clicks.expected, clicks.mails) == (True, 640, 0)
        assert clicks.low < 640 < clicks.high
        mails = match_programme(unit, Audience(), find_programme(unit, women.code), scene.base).revenue
        assert mails is not None
        assert (mails.expected, mails.low, mails.high) == (1_440, 1_440, 1_440)
        only = browse_offers(unit, Audience(), OfferSearch(scene.word, model="cpc"))
        assert [one.programme.code for one in only.items] == [anybody.code]
        assert browse_offers(unit, Audience(), OfferSearch(scene.word, sector="home")).total == 0


def test_ten_thousand_offers_are_browsed_and_searched_by_index(database: DatabaseServer, scene: Scene) -> None:
    url = database.url("admin").replace("postgresql:", "postgresql+psycopg:", 1)
    with create_engine(url, poolclass=NullPool).connect() as connection:
        transaction = connection.begin()
        connection.execute(
            text(
                "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
                " budget_cents, creative_id, starts_on, ends_on) SELECT 'many_' || :mark || n, c.org_id,"
                " 'Offre numéro ' || n || CASE n WHEN 777 THEN ' hippocampe' ELSE '' END, 'travel', 'cpm', 18000, 2000,"
                " 100000, c.id, app_now()::date, app_now()::date + 30 FROM creative c, generate_series(1, 10000) n"
                " WHERE c.code = :creative"
            ),
            {"mark": secrets.token_hex(4), "creative": scene.creative},
        )
        connection.execute(text("SELECT gin_clean_pending_list('open_programme_words')"))  # as autovacuum does
        connection.execute(text("ANALYZE open_programme"))
        connection.execute(text("SET LOCAL ROLE courtier_web"))
        today = connection.execute(text("SELECT app_now()::date")).scalar_one()
        for asked, index in (
            (OfferSearch(), "open_programme_pkey"),
            (OfferSearch("hippocampe"), "open_programme_words"),
        ):
            sql, values = newest_sql(asked, today)
            plan = connection.execute(text(f"EXPLAIN {sql}"), {**values, "size": 25, "offset": 0}).scalars().all()
            assert index in "\n".join(plan)
        found = connection.execute(text(newest_sql(OfferSearch("hippocampes"), today)[0]), {
            "today": today, "words": "hippocampes", "size": 25, "offset": 0,
        }).all()  # fmt: skip
        assert len(found) == 1
        transaction.rollback()
