"""The contenders of `courtier bench ledger`, on one database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date, timedelta

from broker.billing.accrue import accrue_sends
from broker.billing.close_checks import bounds
from broker.billing.close_month import close_month
from broker.billing.figures import revenue_figures
from broker.billing.report import revenue_report
from broker.billing.settle import settle_mailing
from broker.delivery.steady import SteadyUnits
from broker.kernel import clock
from broker.kernel.database import Database
from broker.kernel.errors import IntegrityFault
from broker.kernel.settings import Settings
from broker.mailings import freeze_store
from broker.mailings.schedule import schedule_participation_send
from broker.operate.bench.send_ours import cpu_seconds
from broker.operate.bench.send_scene import Scene

MONTH = 10  # of these are the sends of the month that is closed
BATCH = 1_000
WINDOW = 32  # mails under way at once by default
PARTS = 20  # of a round, for a case that commits often
BARE, KEYED = "COPY, bare table", "COPY, table with key"
_COPY = "COPY {} (dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros) FROM STDIN"
_AGGREGATE = """
SELECT mailing_id, count(*) FILTER (WHERE bounced_at IS NULL) AS sends,
  sum(price_micros) FILTER (WHERE bounced_at IS NULL) AS micros
FROM send WHERE dispatch_id BETWEEN :low AND :high AND state = 'accepted' AND NOT seed GROUP BY mailing_id
"""


def milliseconds(ask: Callable[[], None]) -> str:
    """Median [min-max] of five askings, after one that is not counted."""
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1e3)
    return f"{statistics.median(taken[1:]):.0f} [{min(taken[1:]):.0f}-{max(taken[1:]):.0f}]"


class Books:
    """The contenders, on one database. Each returns sends a second."""

    def __init__(self, database: Database, settings: Settings, scene: Scene, size: int) -> None:
        self.size = size
        self.sent = 0
        self.units = SteadyUnits(database, 600)
        self._database = database
        self._settings = settings
        self._scene = scene
        self._cpu: dict[str, list[tuple[float, float]]] = {"accrual": [], "batches": [], "windows": []}
        self._settling: list[float] = []
        self._unsettled: list[int] = []
        with database.begin() as unit:
            unit.run("INSERT INTO organisation (code, kind, name) VALUES ('bench_company', 'broker', 'Bench')")
            unit.run("UPDATE programme SET budget_cents = 1000000000000")
            unit.run(
                "INSERT INTO invoicing_mandate (code, org_id, reference, signatory, signed_on)"
                " VALUES ('bench', :owner, 'bench', 'bench', '2020-01-01')",
                owner=scene.owner_id,
            )
        with self.units.pipelined() as unit:
            self._postgres: int = unit.driver.info.backend_pid

    def to_next_month(self, day: int) -> None:
        """Move the shared clock."""
        with self._database.begin() as unit:
            now = unit.now
            clock.advance(unit.session, (now.replace(day=1) + timedelta(days=32)).replace(day=day) - now)

    def some(self, batch: int) -> int:
        """How many sends a round has where each batch is committed."""
        return max(self.size // PARTS // batch, 1) * batch

    def accrue(self) -> float:
        """A whole mailing in one transaction, then the settlement; the sends are written before the clock starts."""
        mailing_id, dispatch_id = self.sent_mailing(self.size)
        spent = self._accrue("accrual", mailing_id, dispatch_id, self.size, BATCH)
        self._wait()
        start = time.perf_counter()
        settle_mailing(self._database, self._settings, mailing_id)
        self._settling.append(time.perf_counter() - start)
        return self.size / (spent + self._settling[-1])

    def accrue_batches(self) -> float:
        """A transaction for each batch, not settled within the time."""
        return self._accrue_unsettled("batches", self.some(BATCH), BATCH)

    def accrue_windows(self) -> float:
        """A transaction for each window, not settled within the time."""
        return self._accrue_unsettled("windows", self.some(WINDOW), WINDOW)

    def fill_month(self) -> None:
        """Settle what is not, and send until the month has its sends."""
        while self.sent < MONTH * self.size:
            self._accrue_unsettled("", min(self.size, MONTH * self.size - self.sent), BATCH)
        self._wait()
        for mailing_id in self._unsettled:
            settle_mailing(self._database, self._settings, mailing_id)
        with self._database.begin() as unit:  # as the server does by itself after a while
            unit.run("ANALYZE accrual_sum, mailing")

    def copies(self, size: int, batch: int) -> dict[str, Callable[[], float]]:
        """The peers: COPY of `size` lines, a transaction for each batch."""
        return {
            BARE: lambda: self._copy("bench_copy", size, batch),
            KEYED: lambda: self._copy("bench_key", size, batch),
        }

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
            return self.sent / (time.perf_counter() - start)

    def aggregate(self) -> float:
        """What somebody would type to know a month's sums."""
        with self._database.begin() as unit:
            month = self._month(unit.today)
            low = (month.year * 100 + month.month) * 1_000_000
            start = time.perf_counter()
            found = unit.all(_AGGREGATE, low=low, high=low + 999_999)
            spent = time.perf_counter() - start
        if sum(row.sends for row in found) != self.sent:
            raise IntegrityFault("The aggregation did not see every send.", code="bench")
        return self.sent / spent

    def report(self) -> None:
        """The month's revenue by mailing, with ledger and documents beside it."""
        with self._database.begin() as unit:
            report = revenue_report(unit, *bounds(self._month(unit.today)))
        if not report.balanced or sum(row.billable for row in report.rows) != self.sent:
            raise IntegrityFault("The report does not say what was sent.", code="bench")

    def figures(self) -> None:
        """The month's revenue by owner."""
        with self._database.begin() as unit:
            figures = revenue_figures(unit, *bounds(self._month(unit.today)))
        if figures.total.billable != self.sent:
            raise IntegrityFault("The figures do not say what was sent.", code="bench")

    def cpu_of(self, case: str) -> str:
        """CPU us a send in our process and in PostgreSQL: medians without the first round."""
        ours = statistics.median(one for one, _ in self._cpu[case][1:])
        server = statistics.median(one for _, one in self._cpu[case][1:])
        return f"ours {ours * 1e6:.2f}, PostgreSQL {server * 1e6:.2f}"

    def settling(self) -> str:
        """Median [min-max] of the settlements of a whole round, its two documents included."""
        taken = sorted(one * 1e3 for one in self._settling[1:])
        return f"{statistics.median(taken):.0f} [{taken[0]:.0f}-{taken[-1]:.0f}]"

    def sent_mailing(self, size: int) -> tuple[int, int]:
        """(mailing, dispatch) whose mails were all accepted and none accrued."""
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
                size=size,
            )
        with self._database.begin() as unit:
            mailing = schedule_participation_send(unit, picked)
            freeze_store.make_partition(unit, mailing)
            unit.run(
                "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros,"
                " outcome_at) SELECT :dispatch, :mailing, n, n,"
                " decode(lpad(to_hex(CAST(:mailing AS bigint) * 100000000 + n), 32, '0'), 'hex'),"
                " 'accepted', 20000, app_now() FROM generate_series(1, :size) n",
                dispatch=mailing.dispatch_id,
                mailing=mailing.id,
                size=size,
            )
            for step in ("frozen", "sending", "sent"):
                unit.run("UPDATE mailing SET state = :step WHERE id = :id", step=step, id=mailing.id)
            unit.run("UPDATE mailing SET started_at = app_now(), ended_at = app_now() WHERE id = :id", id=mailing.id)
        with self._database.begin() as unit:
            # As a freeze does: without it each batch would read the whole list (docs/performance.md, sends).
            unit.run("SELECT analyze_sends(:month)", month=mailing.dispatch_id // 1_000_000)
            # The first reader of new rows writes to their pages that they are committed: that belongs to their writing.
            unit.run(_AGGREGATE, low=mailing.dispatch_id, high=mailing.dispatch_id)
        return mailing.id, mailing.dispatch_id

    def _accrue_unsettled(self, case: str, size: int, batch: int) -> float:
        mailing_id, dispatch_id = self.sent_mailing(size)
        self._unsettled.append(mailing_id)
        return size / self._accrue(case, mailing_id, dispatch_id, size, batch)

    def _accrue(self, case: str, mailing_id: int, dispatch_id: int, size: int, batch: int) -> float:
        """Seconds; in the cases that commit often each batch is a transaction."""
        keys = [(dispatch_id, n) for n in range(1, size + 1)]
        server, mine, start = cpu_seconds(self._postgres), time.process_time(), time.perf_counter()
        whole = nullcontext() if case in ("batches", "windows") else self.units.pipelined()
        with whole as transaction:
            for at in range(0, size, batch):
                with nullcontext(transaction) if transaction else self.units.pipelined() as unit:
                    accrue_sends(unit, mailing_id, keys[at : at + batch])
        spent = time.perf_counter() - start
        used = time.process_time() - mine, cpu_seconds(self._postgres) - server
        if case:
            self._cpu[case].append((used[0] / size, used[1] / size))
        with self._database.begin() as unit:
            if unit.scalar("SELECT sum(sends) FROM accrual_sum WHERE mailing_id = :id", id=mailing_id) != size:
                raise IntegrityFault("A send was not accrued.", code="bench")
        self.sent += size
        return spent

    def _wait(self) -> None:
        with self._database.begin() as unit:
            clock.advance(unit.session, timedelta(hours=self._settings.trade.bounce_freeze_hours + 1))

    def _copy(self, table: str, size: int, batch: int) -> float:
        parts = [self._lines(range(at + 1, min(at + batch, size) + 1)) for at in range(0, size, batch)]
        with self._database.begin() as unit:
            unit.run(f"DELETE FROM {table}")  # noqa: S608 - one of two names
        start = time.perf_counter()
        for part in parts:
            with self._database.begin() as unit, unit.driver.cursor().copy(_COPY.format(table)) as copy:
                copy.write(part)
        return size / (time.perf_counter() - start)

    @staticmethod
    def _lines(positions: Sequence[int]) -> bytes:
        return b"".join(b"1\t1\t%d\tsend\t20000\t16000\t4000\n" % n for n in positions)

    @staticmethod
    def _month(today: date) -> date:
        return bounds(bounds(today)[0] - timedelta(days=1))[0]
