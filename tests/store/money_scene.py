"""A broker, an owner with a published card, an advertiser with a signed creative: the scene of the money's tests."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from broker.billing.accrue import accrue_sends, reverse_bounces
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.settle import settle_mailing
from broker.kernel import clock
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.settings import InstanceSettings, PaymentSettings, Settings
from broker.mailings.schedule import schedule_order
from broker.rentals.advance import advance_order
from broker.rentals.approve import approve_order
from broker.rentals.model import Order
from broker.rentals.place import place_order
from broker.rentals.quote import quote

SETTINGS = Settings(instance=InstanceSettings(demo=True), payment=PaymentSettings(gateway="fake"))


class NoAudience:
    """An audience process that is never asked: the card's own size is enough."""

    def count_for_advertiser(
        self, viewer_org_id: int, card_id: int, select_rule: dict[str, Any] | None, send_on: date | None = None
    ) -> dict[str, int]:
        """A selection of a third of the card; the whole card is free on any day."""
        return {"shown": 120_000 if select_rule is None else 40_000}

    def own_profile(self, base_id: int, rule: dict[str, Any]) -> dict[str, Any]:
        """Nobody is known."""
        return {"people": 0, "profile": {}}


def _add(connection: Connection, table: str, **values: Any) -> int:
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = text(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id")
    return int(connection.execute(statement, values).scalar_one())


@dataclass(frozen=True)
class MoneyScene:
    """Parties, a card and a signed creative; `worker` and `web` are databases by role."""

    worker: Database
    web: Database
    company: int
    owner: Actor
    advertiser: Actor
    stranger: Actor
    accountant: Actor
    base_id: int
    base_code: str
    segment_code: str
    card_code: str
    creative: str
    draft: str

    def quoted(self, volume: int = 30_000, select: str = "") -> Order:
        """A fresh quote."""
        with self.web.begin(self.advertiser) as unit:
            return quote(unit, NoAudience(), SETTINGS, self.card_code, volume, select)

    def ordered(self, volume: int = 30_000) -> Order:
        """A placed order."""
        order = self.quoted(volume)
        with self.web.begin(self.advertiser) as unit:
            return place_order(unit, order.code, self.creative)

    def approved(self, volume: int = 30_000) -> Order:
        """An approved order."""
        order = self.ordered(volume)
        with self.web.begin(self.owner) as unit:
            return approve_order(unit, order.code)

    def paid(self, volume: int = 30_000) -> Order:
        """An order that is paid and scheduled."""
        order = self.approved(volume)
        gateway = FakeGateway(self.web)
        with self.web.begin(self.advertiser) as unit:
            payment = start_payment(unit, SETTINGS, gateway, order.code)
        book_payment(self.worker, SETTINGS, gateway, payment.id)
        return order

    def on_credit(self, volume: int = 30_000) -> Order:
        """An order without prepayment, scheduled."""
        order = self.approved(volume)
        with self.worker.begin() as unit:
            advance_order(unit, order.id, "on_credit")
            schedule_order(unit, order.id)
        return order

    def settled(self, order: Order, accepted: int, bounced: int = 0) -> int:
        """Send an order and settle it; returns its mailing."""
        mailing, dispatch, _ = self.mailing_of(order)
        self.send(mailing, dispatch, accepted, bounced=bounced)
        self.wait(SETTINGS.trade.bounce_freeze_hours + 1)
        settle_mailing(self.worker, SETTINGS, mailing)
        return mailing

    def number(self, order: Order, kind: str) -> str:
        """The number of an order's document."""
        with self.worker.begin() as unit:
            found = unit.scalar(
                "SELECT number FROM invoice WHERE order_id = :id AND kind = :kind", id=order.id, kind=kind
            )
            return str(found)

    def person(self, role: str = "accountant") -> Actor:
        """A new person of the company."""
        with self.worker.begin() as unit:
            user = unit.scalar(
                "INSERT INTO app_user (org_id, email, name, role, password_hash) VALUES (:org, :mail, 'P', :role, 'x')"
                " RETURNING id",
                org=self.company,
                mail=f"{secrets.token_hex(6)}@example.test",
                role=role,
            )
        return Actor(role, self.company, int(user))  # type: ignore[arg-type]

    def mailing_of(self, order: Order) -> tuple[int, int, str]:
        """(mailing, dispatch, code) of a scheduled order."""
        with self.worker.begin() as unit:
            row = unit.one(
                "SELECT m.id, m.dispatch_id, m.code FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id"
                " WHERE d.order_id = :id",
                id=order.id,
            )
            assert row is not None
            return row.id, row.dispatch_id, row.code

    def send(
        self, mailing_id: int, dispatch_id: int, accepted: int, *, uncertain: int = 0, bounced: int = 0, seeds: int = 0
    ) -> None:
        """Write the outcome of a mailing as delivery would: rows, accruals in their transaction, bounces, end."""
        with self.worker.begin() as unit:
            unit.run("SELECT make_send_partition(:month)", month=dispatch_id // 1_000_000)
            unit.run(
                "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, seed, state,"
                " price_micros, outcome_at) SELECT :dispatch, m.id, n, CASE WHEN n <= :people THEN n END,"
                " decode(md5(m.id || '/' || n), 'hex'), n > :people,"
                " CASE WHEN n > :accepted AND n <= :people THEN 'uncertain' ELSE 'accepted' END,"
                " CASE WHEN n <= :people THEN m.price_micros ELSE 0 END, app_now()"
                " FROM mailing m, generate_series(1, :all) n WHERE m.id = :mailing",
                dispatch=dispatch_id,
                mailing=mailing_id,
                accepted=accepted,
                people=accepted + uncertain,
                all=accepted + uncertain + seeds,
            )
            keys = [(dispatch_id, n) for n in range(1, accepted + uncertain + seeds + 1)]
            accrue_sends(unit, mailing_id, keys)
            unit.run(
                "UPDATE rental_order o SET state = 'sending' FROM dispatch d WHERE d.order_id = o.id AND d.id = :id",
                id=dispatch_id,
            )
            unit.run(
                "UPDATE rental_order o SET state = 'sent' FROM dispatch d WHERE d.order_id = o.id AND d.id = :id",
                id=dispatch_id,
            )
            for step in ("frozen", "sending", "sent"):
                unit.run("UPDATE mailing SET state = :step WHERE id = :id", step=step, id=mailing_id)
            unit.run("UPDATE mailing SET started_at = app_now(), ended_at = app_now() WHERE id = :id", id=mailing_id)
        self.bounce(mailing_id, dispatch_id, range(1, bounced + 1))

    def bounce(self, mailing_id: int, dispatch_id: int, positions: range) -> int:
        """Mark sends as bounced; returns how many accruals were taken back."""
        with self.worker.begin() as unit:
            unit.run(
                "UPDATE send SET bounced_at = app_now() WHERE dispatch_id = :dispatch AND mailing_id = :mailing"
                " AND position = ANY (:positions)",
                dispatch=dispatch_id,
                mailing=mailing_id,
                positions=list(positions),
            )
            return reverse_bounces(unit, mailing_id, [(dispatch_id, n) for n in positions])

    def wait(self, hours: int) -> None:
        """Move the shared clock."""
        with self.worker.begin() as unit:
            clock.advance(unit.session, timedelta(hours=hours))


def build_scene(admin: Engine, worker: Engine, web: Engine, *, price_micros: int = 33_333) -> MoneyScene:
    """A scene of its own names, so that tests may share a database."""
    mark = secrets.token_hex(5)
    with admin.begin() as connection:
        company = connection.execute(text("SELECT min(id) FROM organisation WHERE kind = 'broker'")).scalar() or _add(
            connection, "organisation", code=f"org_b{mark}", kind="broker", name="Courtier SAS"
        )
        legal = {"vat_number": "FR44732829320", "siren": "732829320", "postcode": "75002", "city": "Paris"}
        owner = _add(connection, "organisation", code=f"org_o{mark}", kind="owner", name="Maison Œuvre", **legal)
        advertiser = _add(
            connection, "organisation", code=f"org_a{mark}", kind="advertiser", name="Manteaux", language="en", **legal
        )
        stranger = _add(connection, "organisation", code=f"org_s{mark}", kind="owner", name="Stranger")
        _add(
            connection,
            "invoicing_mandate",
            code=f"mand_{mark}",
            org_id=owner,
            reference=f"M-{mark}",
            signatory="A. Œuvre",
            signed_on="2020-01-01",
        )
        base = _add(connection, "base", code=f"base-{mark}", org_id=owner, name="Base")
        segment = _add(
            connection,
            "segment",
            code=f"seg_{mark}",
            base_id=base,
            org_id=owner,
            name="All",
            rule_text="all",
            rule='{"op": "all"}',
        )
        snapshot = _add(
            connection,
            "snapshot",
            base_id=base,
            number=1,
            file_name="x.parquet",
            sha256=b"x",
            rows=120_000,
            rentable=120_000,
            columns="[]",
        )
        _add(
            connection,
            "data_card",
            code=f"card_{mark}",
            org_id=owner,
            base_id=base,
            segment_id=segment,
            snapshot_id=snapshot,
            title="Amateurs de décoration",
            sector="home",
            size_shown=120_000,
            base_price_micros=price_micros,
            minimum_order=5_000,
            selects='[{"field": "gender", "label": "Sex", "surcharge_micros": 2000}]',
        )
        for name, signed in (("signed", True), ("draft", False)):
            _add(
                connection,
                "creative",
                code=f"crea_{name}{mark}",
                org_id=advertiser,
                name=name,
                subject="s",
                from_name="f",
                source_html="h",
                html="h",
                plain="p",
                content_hash=b"h",
                **(
                    {"state": "signed", "signed_hash": b"h", "signed_by": 1, "signed_at": "2026-01-01"}
                    if signed
                    else {}
                ),
            )
    return MoneyScene(
        worker=Database(worker),
        web=Database(web),
        company=company,
        owner=Actor("owner", owner),
        advertiser=Actor("advertiser", advertiser),
        stranger=Actor("owner", stranger),
        accountant=Actor("accountant", company),
        base_id=base,
        base_code=f"base-{mark}",
        segment_code=f"seg_{mark}",
        card_code=f"card_{mark}",
        creative=f"crea_signed{mark}",
        draft=f"crea_draft{mark}",
    )
