"""`courtier bench ledger`: what accounting costs beside writing the same lines bare.

A line is what a send says in the sub-ledger: whose, when, price, owner's part, commission. Ours keeps the lines of a
statement as one row (a run; the view `accrual` shows them one by one), peers COPY the very lines of that view. Both
sides commit alike, durably. Cases, in sends a second:

- `accrual`: one transaction for a whole mailing, written in statements of a batch each, and its settlement: invoice,
  self-bill, entries, sums. Peers: one COPY into a bare table, and into one with a line's key and checks.
- `batches`: a transaction for each batch. `windows`: one for each window of a mailing on its way. Without settlement;
  in life these commits are those of the outcomes.
- `close`: every check of a month and its closing, rolled back each time; beside it one hand-written aggregation of the
  sends.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from broker.kernel.database import Database, make_engine
from broker.kernel.settings import DatabaseSettings, InstanceSettings, Settings, TradeSettings
from broker.operate.bench.cases import CaseBench
from broker.operate.bench.ledger_books import BATCH, WINDOW, Books, milliseconds
from broker.operate.bench.send_scene import make_scene
from broker.operate.bench.turns import Bench, take_turns
from broker.operate.database_server import running_postgres
from broker.vault.keyring import create_keys, load_worker

SIZE = 1_000_000
AGGREGATION = "one aggregation of the sends"
_TABLES = """
CREATE TABLE bench_copy (dispatch_id bigint, mailing_id bigint, position integer, kind text, gross_micros bigint,
  owner_micros bigint, commission_micros bigint, at timestamptz DEFAULT now());
CREATE TABLE bench_key (dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('send', 'bounce')), gross_micros bigint NOT NULL, owner_micros bigint NOT NULL,
  commission_micros bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  CHECK (gross_micros = owner_micros + commission_micros), PRIMARY KEY (mailing_id, position, kind));
GRANT ALL ON bench_copy, bench_key TO courtier_worker;
GRANT MAINTAIN ON accrual_sum, mailing TO courtier_worker
"""


def run(settings: Settings, size: int | None, rounds: int) -> CaseBench:
    """Measure on a scratch instance whose database is durable; `size` sends a round."""
    with tempfile.TemporaryDirectory(prefix="courtier-bench-") as name:
        Path(name).chmod(0o711)  # the database's user passes through
        scratch = Settings(
            instance=InstanceSettings(name="bench", state_dir=f"{name}/state", demo=True),
            database=DatabaseSettings(),
            trade=TradeSettings(bounce_freeze_hours=1),  # so that all of it falls into one month
        )
        create_keys(scratch.key_dir, scratch.mail.sending_domain, scratch.mail.dkim_selector)
        with running_postgres(scratch) as server:
            admin = make_engine(server.url("admin"), 1)
            with admin.begin() as connection:
                connection.exec_driver_sql(_TABLES)
            admin.dispose()
            database = Database(make_engine(server.url("worker"), 2))
            books = Books(database, scratch, make_scene(database, load_worker(scratch.key_dir), 1), size or SIZE)
            try:
                return _measure(books, rounds)
            finally:
                books.units.close()
                database.engine.dispose()


def _measure(books: Books, rounds: int) -> CaseBench:
    books.to_next_month(5)
    cases = {
        "accrual": take_turns(books.accrue, books.copies(books.size, books.size), rounds),
        "batches": take_turns(books.accrue_batches, books.copies(books.some(BATCH), BATCH), rounds),
        "windows": take_turns(books.accrue_windows, books.copies(books.some(WINDOW), WINDOW), rounds),
    }
    books.fill_month()
    books.to_next_month(5)
    close, aggregation = take_turns(books.close, {AGGREGATION: books.aggregate}, rounds)
    reports = {"revenue by mailing": books.report, "figures by owner": books.figures}
    unit = "sends/s"
    return CaseBench(
        name="ledger",
        unit=unit,
        cases={
            **{
                name: Bench(name, unit, ours, peers, dict.fromkeys(peers, ">= 0.6"), {})
                for name, (ours, peers) in cases.items()
            },
            "close": Bench("close", unit, close, aggregation, {AGGREGATION: ">= 0.5"}, {}),
        },
        notes={
            "sends a round": books.size,
            "batch": BATCH,
            "window": WINDOW,
            **{f"CPU us a send, {name}": books.cpu_of(name) for name in cases},
            "ms a settlement": books.settling(),
            "sends in the month closed": books.sent,
            "ms a report of that month": ", ".join(f"{name} {milliseconds(ask)}" for name, ask in reports.items()),
        },
    )
