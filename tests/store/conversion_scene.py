"""A programme that pays sales, a mailing of one owner in it, and the advertiser's server that reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from broker.affiliation.conversion_model import Reported
from broker.affiliation.join import join_programme
from broker.affiliation.pick import pick_send
from broker.affiliation.postback import Signed, accept_postback, secret_of, signature_of
from broker.affiliation.withdraw import find_send
from broker.catalogue.offer_model import Offer
from broker.catalogue.programmes import Programme, create_programme
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.mailings.schedule import schedule_participation_send
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token
from tests.store.money_scene import MoneyScene


@dataclass
class Shop:
    """A programme, a mailing of one owner in it, and the advertiser's server."""

    scene: MoneyScene
    public: Database
    front: FrontKeys
    programme: Programme
    mailing_id: int
    dispatch_id: int

    def click(self, position: int, ago: timedelta = timedelta(hours=2), verdict: str = "human", ip: str = "192.0.2.7",
              agent: str = "Firefox") -> str:  # fmt: skip
        """A person of the mailing clicked; the click id that the advertiser got."""
        with self.scene.worker.begin() as unit:
            unit.run(
                "INSERT INTO hit (at, dispatch_id, mailing_id, position, link, ip, user_agent, verdict)"
                " VALUES (:at, :dispatch, :mailing, :position, 1, CAST(:ip AS inet), :agent, :verdict)",
                at=unit.now - ago, dispatch=self.dispatch_id, mailing=self.mailing_id, position=position, ip=ip,
                agent=f"{agent}-{position}" if agent == "Firefox" else agent, verdict=verdict,
            )  # fmt: skip
        return make_token(self.front, "conversion", self.dispatch_id, self.mailing_id, position, 1)

    def post(self, click_id: str, reference: str, *, kind: str = "sale", amount: str = "100.00", secret: str = "",
             ago: int = 0, **fields: str) -> Reported:  # fmt: skip
        """A postback of the advertiser's server, signed by it."""
        message = f"{click_id}|{kind}|{reference}|{amount}|{fields}".encode()
        with self.public.begin(PUBLIC) as unit:
            sent = str(int(unit.now.timestamp()) - ago)
            secret = secret or secret_of(self.front, self.programme.code, 1, 1)
            signed = Signed(message, sent, signature_of(secret, sent, message))
            said = {"click_id": click_id, "kind": kind, "reference": reference, "amount": amount, **fields}
            return accept_postback(unit, self.front, self.programme.code, signed, said)


def open_shop(
    scene: MoneyScene,
    public_engine: Engine,
    front: FrontKeys,
    budget_cents: int = 100_000,
    cpm_cents: int = 0,
    **offer: Any,
) -> Shop:
    with scene.web.begin(scene.advertiser) as unit:
        programme = create_programme(
            unit, "Manteaux", "", "fashion", cpm_cents, budget_cents, scene.creative, unit.today,
            unit.today + timedelta(days=200), offer=Offer(**{"model": "cpa", "rate_bp": 1_000, **offer}),
        )  # fmt: skip
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
        code = pick_send(unit, part.code, scene.segment_code, 50, unit.today).code
    with scene.worker.begin() as unit:
        mailing = schedule_participation_send(unit, find_send(unit, code).id)
    scene.send(mailing.id, mailing.dispatch_id, 50)
    return Shop(scene, Database(public_engine), front, programme, mailing.id, mailing.dispatch_id)
