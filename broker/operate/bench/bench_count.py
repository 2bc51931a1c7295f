"""`courtier bench count`: interactive counts against hand-written SQL on DuckDB, table and Parquet.

Ours is the whole answer: rule checked and planned, exclusions (consent, 1 in 50 suppressed) taken and told, the set's
fingerprint made as the guard keeps it, the figure perturbed and floored. The peers count the bare rule. "wide, owner"
and "profile, owner" are what an owner sees, exact and without the guard. The guard's memory in PostgreSQL is not
measured here: it does not grow with the base.

PostgreSQL takes part where COURTIER_BENCH_DATABASE_URL names one (a table of its own is made there and dropped again):
indices on every column asked about, figures of an index-only or bitmap scan as its planner chooses. Polars takes part
where it is installed; it is no dependency of ours.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from broker.audience.breakdown import guarded_profile
from broker.audience.check import check_rule
from broker.audience.coded_file import write_codes
from broker.audience.distinct import count_distinct, halves_tell, key_set
from broker.audience.exclusions import reasons_of
from broker.audience.fingerprint import Fingerprint, fingerprint
from broker.audience.guard import figure_from, marking_rate
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, SnapshotRow
from broker.audience.parse import parse_rule
from broker.kernel.settings import Settings
from broker.operate.bench.cases import CaseBench
from broker.operate.bench.count_base import TODAY, write_base
from broker.operate.bench.count_sides import polars_side, postgres_side
from broker.operate.bench.turns import Bench, Measure, take_turns

DEFAULT_SIZE = 1_000_000
THREADS = 2
PROFILED = ("gender", "age", "region")
TARGETED = (
    "gender = F and age between 25 and 45 and postcode in ({postcodes}) and recency_days <= 365"
    " and not hair_colour in (grey)"
)
WIDE = "income >= 2000 and last_purchase >= 2024-06-01"
SQL_TARGETED = (
    "gender = 'F' AND birth_date > DATE '1980-01-15' AND birth_date <= DATE '2001-01-15'"
    " AND postcode IN ({postcodes}) AND last_purchase >= DATE '2025-01-15' AND hair_colour IS DISTINCT FROM 'grey'"
)
SQL_WIDE = "income >= 2000 AND last_purchase >= DATE '2024-06-01'"
SQL_PROFILE = "SELECT {value}, count(*) FROM {table} WHERE {condition} GROUP BY 1"
AGE_BAND = (
    "CASE WHEN age < 25 THEN 0 WHEN age < 35 THEN 1 WHEN age < 45 THEN 2 WHEN age < 55 THEN 3 WHEN age < 65 THEN 4"
    " ELSE 5 END"
)


def run(settings: Settings, size: int | None, rounds: int) -> CaseBench:
    """Seconds per answer on a base of `size` contacts (default a million)."""
    rows = size or DEFAULT_SIZE
    with tempfile.TemporaryDirectory(prefix="bench-count-") as folder:
        path = Path(folder) / "base.parquet"
        write_base(path, rows)
        peers = _Peers(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        start = time.perf_counter()
        write_codes(path, digest)
        coding = time.perf_counter() - start
        start = time.perf_counter()
        first_answer(path, rows, digest, settings)
        first = time.perf_counter() - start
        ours = _Ours(path, rows, digest, settings)
        ours.snapshot.verified(wait=True)
        cases = {}
        sides = [side for side in (postgres_side(path), polars_side(path)) if side is not None]
        for case, sql in (("targeted", SQL_TARGETED.format(postcodes=ours.quoted)), ("wide", SQL_WIDE)):
            for side in sides:
                _agree(f"{case}, {side.name}", side.count(sql), peers.count("base", sql))
        for name, text, sql, goal in (
            ("targeted", ours.targeted, SQL_TARGETED.format(postcodes=ours.quoted), "<= 0.25"),
            ("wide", WIDE, SQL_WIDE, "<= 0.2"),
        ):
            _agree(name, ours.count(text), peers.count("base", sql))
            cases[name] = _case(
                name,
                partial(ours.count, text),
                {
                    "duckdb table": partial(peers.count, "base", sql),
                    "duckdb parquet": partial(peers.count, "file", sql),
                    **{side.name: partial(side.count, sql) for side in sides},
                },
                {"duckdb table": goal},
                rounds,
            )
        cases["wide, owner"] = _case(
            "wide, owner",
            ours.owner_count,
            {"duckdb table": partial(peers.count, "base", SQL_WIDE)},
            {"duckdb table": "<= 0.2"},
            rounds,
        )
        _agree("profile", ours.profile(), peers.profile("base"))
        cases["profile"] = _case(
            "profile",
            ours.profile,
            {"duckdb table": partial(peers.profile, "base"), "duckdb parquet": partial(peers.profile, "file")},
            {"duckdb table": "<= 0.1"},
            rounds,
        )
        cases["profile, owner"] = _case(
            "profile, owner",
            ours.owner_profile,
            {"duckdb table": partial(peers.profile, "base")},
            {"duckdb table": "<= 0.1"},
            rounds,
        )
        _agree("distinct", ours.distinct(), peers.distinct())
        cases["distinct"] = _case(
            "distinct", ours.distinct, {"duckdb table": peers.distinct}, {"duckdb table": "<= 0.2"}, rounds
        )
        notes = {
            "contacts": rows,
            "seconds from a process's start to its first answer (libraries loaded)": round(first, 2),
            "seconds to write the codes with the snapshot": round(coding, 1),
            "seconds to prove once that first halves tell": ours.proof_seconds,
            "targeted count": ours.count(ours.targeted),
            "wide count": ours.count(WIDE),
        }
        ours.snapshot.close()
        peers.connection.close()
        for side in sides:
            side.close()
    return CaseBench("count", "s", cases, notes)


def first_answer(path: Path, rows: int, digest: bytes, settings: Settings) -> None:
    """What a fresh process does until it has answered: load the snapshot, work the exclusions out, count."""
    row = SnapshotRow(1, 1, 1, path.name, digest, rows, [])
    snapshot = LoadedSnapshot(row, path, settings.audience.memory_mb, THREADS, "behind")
    adult, kept = TODAY.toordinal() - 719_163 - 18 * 365, TODAY.toordinal() - 719_163 - 3 * 365
    masks = {name: np.zeros(rows, dtype=np.bool_) for name in EXCLUSIONS}
    masks["consent"] = ~snapshot.consent
    masks["minor"] = snapshot.where("birth_date", lambda days: days > adult) | snapshot.minor
    masks["partner"] = ~snapshot.where("partner_list", lambda named: named == 1)
    recent = [snapshot.where(name, lambda days: days >= kept) for name in ("last_purchase", "consent_at")]
    masks["retention"] = ~(recent[0] | recent[1])
    rule = check_rule(parse_rule(WIDE), snapshot.table(TODAY).columns)
    scan = snapshot.left(rule, TODAY, reasons_of(masks, rows), len(EXCLUSIONS))
    found = fingerprint(snapshot.noise, scan.left, marking_rate(settings.disclosure))
    figure_from(found.count, found.key, settings.disclosure)


class _Ours:
    def __init__(self, path: Path, rows: int, digest: bytes, settings: Settings) -> None:
        row = SnapshotRow(1, 1, 1, path.name, digest, rows, [])
        self.settings = settings
        self.rate = marking_rate(settings.disclosure)
        self.snapshot = LoadedSnapshot(row, path, settings.audience.memory_mb, THREADS, "behind")
        draw = np.random.default_rng(2)
        masks = {name: np.zeros(rows, dtype=np.bool_) for name in EXCLUSIONS}
        masks["consent"] = ~self.snapshot.consent
        masks["suppression"] = draw.random(rows) < 0.02
        self.reasons = reasons_of(masks, rows)
        codes = self.snapshot.fast.column("postcode").values.to_pylist()
        chosen = [str(code) for code in draw.choice(codes, 20, replace=False)]
        self.targeted = TARGETED.format(postcodes=", ".join(chosen))
        self.quoted = ", ".join(f"'{code}'" for code in chosen)
        keys = key_set(self.snapshot.contact_keys)
        # Three bases that overlap, and a suppression list, all of the base's own keys: as in the peers' tables.
        self.bases = [keys.only(np.arange(rows) % 4 != base) for base in range(3)]
        self.suppressed = keys.only(np.arange(rows) % 15 == 0)
        start = time.perf_counter()
        self.told_by_halves = halves_tell([*self.bases, self.suppressed], THREADS)  # kept for a group of snapshots
        self.proof_seconds = round(time.perf_counter() - start, 3)

    def count(self, text: str) -> int:
        rule = check_rule(parse_rule(text), self.snapshot.table(TODAY).columns)
        scan = self.snapshot.left(rule, TODAY, self.reasons, len(EXCLUSIONS))
        self._figure({}, fingerprint(self.snapshot.noise, scan.left, self.rate))
        return int(scan.taken.sum())

    def owner_count(self) -> int:
        """The wide rule as its owner counts it: exact, exclusions told."""
        rule = check_rule(parse_rule(WIDE), self.snapshot.table(TODAY).columns)
        return int(self.snapshot.left(rule, TODAY, self.reasons, len(EXCLUSIONS)).taken.sum())

    def _figure(self, question: dict[str, Any], asked: Fingerprint) -> int:
        """As guarded.guarded_figure, less its rows in PostgreSQL: all that is kept of a set is worked out."""
        asked.kin, asked.sketch  # noqa: B018 - worked out when first asked for
        return figure_from(asked.count, asked.key, self.settings.disclosure).shown

    def profile(self) -> int:
        """A guarded profile of the wide rule's members; the number of women, to compare."""
        rule = check_rule(parse_rule(WIDE), self.snapshot.table(TODAY).columns)
        members = self.snapshot.mask(rule, TODAY)
        _, found = guarded_profile(self.snapshot, TODAY, members, rule, self._figure, self.rate)
        return int(np.count_nonzero(found.codes["gender"] == 1 + found.values["gender"].index("F")))

    def owner_profile(self) -> int:
        """The same, exact: people of each value, with the sums of their keys."""
        rule = check_rule(parse_rule(WIDE), self.snapshot.table(TODAY).columns)
        members = self.snapshot.mask(rule, TODAY)
        found = self.snapshot.profile_codes(PROFILED, TODAY).sums(members, self.snapshot.noise, THREADS)["gender"]
        return int(found.counts[found.values.index("F")])

    def distinct(self) -> int:
        return count_distinct(self.bases, self.suppressed, THREADS, self.told_by_halves)


class _Peers:
    """The same file in DuckDB: as a table of its own and as Parquet."""

    def __init__(self, path: Path) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": THREADS})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(f"CREATE VIEW file AS SELECT * FROM read_parquet('{path}')")  # noqa: S608 - ours
        self.connection.execute("CREATE TABLE base AS SELECT * FROM file")
        ranked = "(SELECT contact_key, contact_id - 1 AS place FROM base)"
        for base in range(3):
            self.connection.execute(
                f"CREATE TABLE base{base} AS SELECT contact_key FROM {ranked} WHERE place % 4 <> {base}"  # noqa: S608 - ours
            )
        self.connection.execute(f"CREATE TABLE listed AS SELECT contact_key FROM {ranked} WHERE place % 15 = 0")  # noqa: S608 - ours

    def count(self, table: str, condition: str) -> int:
        return self._number(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608 - ours

    def profile(self, table: str) -> int:
        women = 0
        with_age = f"(SELECT *, date_sub('year', birth_date, DATE '{TODAY}') AS age FROM {table})"  # noqa: S608 - ours
        for value, source in (("gender", table), (AGE_BAND, with_age), ("region", table)):
            for name, count in self.connection.execute(
                SQL_PROFILE.format(value=value, table=source, condition=SQL_WIDE)
            ).fetchall():
                women = count if name == "F" else women
        return women

    def distinct(self) -> int:
        every = " UNION ALL ".join(f"SELECT contact_key FROM base{base}" for base in range(3))  # noqa: S608 - ours
        return self._number(
            f"SELECT count(*) FROM (SELECT DISTINCT contact_key FROM ({every})) e"  # noqa: S608 - ours
            " ANTI JOIN listed USING (contact_key)"
        )

    def _number(self, sql: str) -> int:
        found = self.connection.execute(sql).fetchone()
        return -1 if found is None else int(found[0])


def _case(
    name: str,
    ours: Callable[[], int],
    peers: Mapping[str, Callable[[], int]],
    goals: Mapping[str, str],
    rounds: int,
) -> Bench:
    figure, others = take_turns(_timed(ours), {peer: _timed(work) for peer, work in peers.items()}, rounds)
    return Bench(name, "s", figure, others, goals, {})


def _timed(work: Callable[[], int]) -> Measure:
    def measure() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return measure


def _agree(name: str, ours: int, peer: int) -> None:
    if ours != peer:
        raise AssertionError(f"bench count, {name}: {ours:,} of ours, {peer:,} of the peer's")
