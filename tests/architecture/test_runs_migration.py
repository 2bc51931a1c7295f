"""Step 0040 turns lines into runs and back again without changing one of them."""

from __future__ import annotations

import psycopg
import pytest

from tests.architecture.test_migrations import empty, move, rows

__all__ = ["empty"]

# Two mailings of the same terms; the rows of one are cut oddly, one line has a split that follows no rate (as a former
# rounding may have left), one send bounced, one conversion, one charge. No parents: they have no part in this.
LINES = """
SET session_replication_role = replica;
INSERT INTO mailing (id, code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,
  price_micros, commission_bp, draw_seed, closed_at) OVERRIDING SYSTEM VALUE
SELECT n, 'm' || n, 'rental', 202601000000 + n, 1, 2, 1, 1, '', 33333, 1999, 1,
  CASE n WHEN 2 THEN timestamptz '2026-01-20' END FROM generate_series(1, 2) n;
SELECT make_send_partition(202601);
INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros, bounced_at)
SELECT 202601000002, 2, n, n, decode(md5(n::text), 'hex'), CASE n WHEN 9 THEN 'uncertain' ELSE 'accepted' END, 33333,
  CASE n WHEN 4 THEN timestamptz '2026-01-12' WHEN 5 THEN timestamptz '2026-01-25' END FROM generate_series(0, 9) n;
SET session_replication_role = origin;
INSERT INTO accrual (dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros, at)
SELECT 202601000000 + m, m, p, 'send', 33333, 33333 - c, c, timestamptz '2026-01-10' + p % 2 * interval '1 hour'
FROM generate_series(1, 2) m, generate_series(0, 8) p,
  LATERAL (SELECT 33333::bigint * 1999 * (p + 1) / 10000 - 33333::bigint * 1999 * p / 10000 AS c) x;
INSERT INTO accrual VALUES (202601000001, 1, 40, 'send', 33333, 33000, 333, timestamptz '2026-01-10'),
  (202601000001, 1, 41, 'send', 33333, 33000, 333, timestamptz '2026-01-10'),
  (202601000001, 1, 1, 'sale', 70000, 56003, 13997, timestamptz '2026-01-11');
INSERT INTO accrual SELECT dispatch_id, mailing_id, position, 'bounce', -gross_micros, -owner_micros,
  -commission_micros, timestamptz '2026-01-12' FROM accrual WHERE mailing_id = 2 AND position = 4;
INSERT INTO accrual_sum (mailing_id, kind, sends, gross_micros, owner_micros, commission_micros, at)
VALUES (1, 'charge', 0, 500, 400, 100, timestamptz '2026-01-13');
"""
ALL = "SELECT dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros, at FROM accrual"
SUMS = """
SELECT mailing_id, kind, sum(sends), sum(gross_micros), sum(owner_micros), sum(commission_micros), at FROM accrual_sum
GROUP BY mailing_id, kind, at
"""


def test_lines_are_the_same_as_runs_and_as_rows_again(empty: str) -> None:
    move(empty, "0039", "up")
    with psycopg.connect(empty) as connection:
        connection.execute(LINES)
    lines, sums = rows(empty, ALL), rows(empty, SUMS)
    assert len(lines) == 22
    move(empty, "0040", "up")
    assert (rows(empty, ALL), rows(empty, SUMS)) == (lines, sums)
    # 2 hours of mailing 1, its two odd lines and its sale, 2 hours and the bounce of mailing 2, the charge
    assert rows(empty, "SELECT count(*) FROM accrual_sum") == {(9,)}
    assert rows(empty, "SELECT * FROM settled_sends") == {(2, 10, 1, 1, 8, 8 * 33_333)}
    assert rows(empty, "SELECT mailing_id, sum(gross_micros) FROM settled_accrual GROUP BY 1") == {(2, 8 * 33_333)}
    with psycopg.connect(empty) as connection, pytest.raises(psycopg.errors.ExclusionViolation):
        connection.execute("INSERT INTO accrual_sum SELECT * FROM accrual_sum WHERE mailing_id = 2 AND kind = 'send'")
    move(empty, "0039", "down")
    assert (rows(empty, ALL), rows(empty, SUMS)) == (lines, sums)
