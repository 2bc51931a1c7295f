"""`courtier bench ledger`: what accounting costs beside writing the same rows bare.

Two cases, both in sends a second. `accrual`: the sub-ledger's rows of accepted sends, written as delivery writes them
(a transaction for each batch of outcomes), then invoice, self-bill and entries; beside it COPY of the same rows, whole
into a bare table, and batch by batch into one with the same key and checks. `close`: every check of a month and its
closing, rolled back each time; beside it one hand-written aggregation over the same accruals.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from broker.billing.accrue import accrue_sends
from broker.billing.close_checks import bounds
from broker.billing.close_month import close_month
from broker.billing.settle import settle_mailing
from broker.kernel import clock
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import IntegrityFault
from broker.kernel.settings import DatabaseSettings, InstanceSettings, Settings
from broker.mailings import freeze_store
from broker.mailings.schedule import schedule_participation_send
from broker.operate.bench.cases import CaseBench
from broker.operate.bench.send_scene import Scene, make_scene
from broker.operate.bench.turns import Bench, take_turns
from broker.operate.database_server import running_postgres
from broker.vault.keyring import create_keys, load_worker

SIZE = 100_000
BATCH = 500  # sends leased at once (mail.batch)
WHOLE, BATCHED = "COPY, bare table", "COPY, same key, same batches"
AGGREGATION = "one aggregation"
_TABLE = """
CREATE TABLE bench_copy (dispatch_id bigint, mailing_id bigint, position integer, kind text, gross_micros bigint,
  owner_micros bigint, commission_micros bigint, at timestamptz DEFAULT now());
CREATE TABLE bench_key (LIKE accrual INCLUDING ALL);
ALTER TABLE bench_key ALTER COLUMN at SET DEFAULT now();
GRANT ALL ON bench_copy, bench_key TO courtier_worker
"""
_COPY = "COPY {} (dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros) FROM STDIN"


def run(settings: Settings, size: int | None, rounds: int) -> CaseBench:
    """Measure on a scratch instance whose database is durable; `size` sends a round."""
    with tempfile.TemporaryDirectory(prefix="courtier-bench-") as name:
        Path(name).chmod(0o711)  # the database's user passes through
        scratch = Settings(
            instance=InstanceSettings(name="bench", state_dir=f"{name}/state", demo=True), database=DatabaseSettings()
        )
        create_keys(scratch.key_dir, scratch.mail.sending_domain, scratch.mail.dkim_selector)
        with running_postgres(scratch) as server:
            admin = make_engine(server.url("admin"), 1)
            with admin.begin() as connection:
                connection.exec_driver_sql(_TABLE)
            admin.dispose()
            database = Database(make_engine(server.url("worker"), 2))
            books = _Books(database, scratch, make_scene(database, load_worker(scratch.key_dir), 1), size or SIZE)
            try:
                return _measure(books, rounds)
            finally:
                database.engine.dispose()


def _measure(books: _Books, rounds: int) -> CaseBench:
    books.to_next_month(5)
    ours, peers = take_turns(books.accrue, {WHOLE: books.copy_whole, BATCHED: books.copy_batched}, rounds)
    books.to_next_month(5)
    close, aggregation = take_turns(books.close, {AGGREGATION: books.aggregate}, rounds)
    unit = "sends/s"
    return CaseBench(
        name="ledger",
        unit=unit,
        cases={
            "accrual": Bench("accrual", unit, ours, peers, {WHOLE: ">= 0.6", BATCHED: ">= 0.6"}, {}),
            "close": Bench("close", unit, close, aggregation, {AGGREGATION: ">= 0.5"}, {}),
        },
        notes={"sends a round": books.size, "sends in the month closed": books.accrued, "batch": BATCH},
    )


class _Books:
    """The contenders, on one database. Each returns sends a second."""

    def __init__(self, database: Database, settings: Settings, scene: Scene, size: int) -> None:
        self.size = size
        self.accrued = 0
        self._database = database
        self._settings = settings
        self._scene = scene
        with database.begin() as unit:
            unit.run("INSERT INTO organisation (code, kind, name) VALUES ('bench_company', 'broker', 'Bench')")
            unit.run(
                "INSERT INTO invoicing_mandate (code, org_id, reference, signatory, signed_on)"
                " VALUES ('bench', :owner, 'bench', 'bench', '2020-01-01')",
                owner=scene.owner_id,
            )
        rows = [f"1\t1\t{n}\tsend\t20000\t16000\t4000\n".encode() for n in range(1, size + 1)]
        self._batches = [b"".join(rows[at : at + BATCH]) for at in range(0, size, BATCH)]

    def to_next_month(self, day: int) -> None:
        """Move the shared clock."""
        with self._database.begin() as unit:
            now = unit.now
            clock.advance(unit.session, (now.replace(day=1) + timedelta(days=32)).replace(day=day) - now)

    def accrue(self) -> float:
        """Batches of outcomes, then the settlement; the sends themselves are written before the clock starts."""
        mailing_id, keys = self._sent_mailing()
        start = time.perf_counter()
        for at in range(0, len(keys), BATCH):
            with self._database.begin() as unit:
                if accrue_sends(unit, mailing_id, keys[at : at + BATCH]) != len(keys[at : at + BATCH]):
                    raise IntegrityFault("A send was not accrued.", code="bench")
        spent = time.perf_counter() - start
        with self._database.begin() as unit:
            clock.advance(unit.session, timedelta(hours=self._settings.trade.bounce_freeze_hours + 1))
        start = time.perf_counter()
        settle_mailing(self._database, self._settings, mailing_id)
        spent += time.perf_counter() - start
        self.accrued += len(keys)
        return len(keys) / spent

    def copy_whole(self) -> float:
        """One COPY in one transaction into a table without key or check."""
        return self._copy("bench_copy", [b"".join(self._batches)])

    def copy_batched(self) -> float:
        """COPY of each batch in a transaction of its own, into a table with the sub-ledger's key and checks."""
        return self._copy("bench_key", self._batches)

    def close(self) -> float:
        """Close the month before this one, and roll it back."""
        with self._database.begin() as unit:
            month = self._month(unit.today)
            start = time.perf_counter()
            with unit.session.begin_nested() as point:
                result = close_month(unit, self._settings, month)
                point.rollback()
            if result.state != "locked":
                raise IntegrityFault(f"The month was not closed: {result.findings}.", code="bench")
            return self.accrued / (time.perf_counter() - start)

    def aggregate(self) -> float:
        """What somebody would type to know a month's sums."""
        with self._database.begin() as unit:
            start = time.perf_counter()
            unit.all(
                "SELECT mailing_id, count(*) FILTER (WHERE kind = 'send'), sum(gross_micros), sum(owner_micros),"
                " sum(commission_micros) FROM accrual GROUP BY mailing_id"
            )
            return self.accrued / (time.perf_counter() - start)

    def _copy(self, table: str, parts: Sequence[bytes]) -> float:
        with self._database.begin() as unit:
            unit.run(f"DELETE FROM {table}")  # noqa: S608 - one of two names
        start = time.perf_counter()
        for part in parts:
            with self._database.begin() as unit, unit.driver.cursor().copy(_COPY.format(table)) as copy:
                copy.write(part)
        return self.size / (time.perf_counter() - start)

    @staticmethod
    def _month(today: date) -> date:
        return bounds(bounds(today)[0] - timedelta(days=1))[0]

    def _sent_mailing(self) -> tuple[int, list[tuple[int, int]]]:
        """A mailing whose mails were all accepted and none accrued."""
        scene = self._scene
        with self._database.begin() as unit:
            picked = unit.scalar(
                "INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume,"
                " send_on) VALUES (md5(random()::text), :participation, :advertiser, :owner, :segment, :size,"
                " CAST(app_now() AS date)) RETURNING id",
                participation=scene.participation_id,
                advertiser=scene.advertiser_id,
                owner=scene.owner_id,
                segment=scene.segment_id,
                size=self.size,
            )
        with self._database.begin() as unit:
            mailing = schedule_participation_send(unit, picked)
            freeze_store.make_partition(unit, mailing)
            unit.run(
                "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros,"
                " outcome_at) SELECT :dispatch, :mailing, n, n, decode(md5(:mailing || '/' || n), 'hex'), 'accepted',"
                " 20000, app_now() FROM generate_series(1, :size) n",
                dispatch=mailing.dispatch_id,
                mailing=mailing.id,
                size=self.size,
            )
            for step in ("frozen", "sending", "sent"):
                unit.run("UPDATE mailing SET state = :step WHERE id = :id", step=step, id=mailing.id)
            unit.run("UPDATE mailing SET started_at = app_now(), ended_at = app_now() WHERE id = :id", id=mailing.id)
        with self._database.begin() as unit:
            unit.run("ANALYZE accrual")
            # As a freeze does: without it each batch would read the whole list (docs/performance.md, sends).
            unit.run("SELECT analyze_sends(:month)", month=mailing.dispatch_id // 1_000_000)
        return mailing.id, [(mailing.dispatch_id, n) for n in range(1, self.size + 1)]
