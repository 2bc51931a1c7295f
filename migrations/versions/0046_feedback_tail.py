"""The money of a mailing's report comes from its sums: a look at each send took longer the larger the mailing."""

from __future__ import annotations

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

# LINES: where the gross is summed from. Each sum of accrual_sum equals its single accruals (run_holds).
FIGURES = r"""
CREATE OR REPLACE FUNCTION figures_of_mailing(p_mailing bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  WITH m AS (SELECT * FROM mailing WHERE id = p_mailing AND party_to_mailing(p_mailing)),
  click AS MATERIALIZED (SELECT h.position, h.link, h.at FROM hit h JOIN m ON m.id = h.mailing_id
    WHERE h.verdict = 'human'),
  returned AS MATERIALIZED (SELECT i.kind, i.verdict, coalesce(i.reason, 'unknown') AS reason, i.position
    FROM inbound i JOIN m ON m.id = i.mailing_id WHERE i.kind IN ('bounce', 'complaint'))
  SELECT jsonb_build_object(
    'clickers', (SELECT count(DISTINCT position) FROM click),
    'links', (SELECT jsonb_agg(jsonb_build_object('number', l.number, 'url', l.url, 'clicks', coalesce(c.clicks, 0),
                'clickers', coalesce(c.clickers, 0)) ORDER BY coalesce(c.clickers, 0) DESC, l.number)
              FROM m JOIN creative_link l ON l.creative_id = m.creative_id AND NOT l.hidden
              LEFT JOIN (SELECT link, count(*) AS clicks, count(DISTINCT position) AS clickers FROM click
                         GROUP BY link) c ON c.link = l.number),
    'hours', (SELECT jsonb_agg(jsonb_build_object('at', hour, 'clicks', n) ORDER BY hour)
              FROM (SELECT date_trunc('hour', at) AS hour, count(*) AS n FROM click GROUP BY 1) h),
    'complaints', (SELECT count(DISTINCT position) FROM returned WHERE kind = 'complaint'),
    'returned', (SELECT jsonb_agg(jsonb_build_object('reason', reason, 'verdict', verdict, 'mails', n) ORDER BY n DESC)
              FROM (SELECT reason, verdict, count(DISTINCT position) AS n FROM returned WHERE kind = 'bounce'
                    GROUP BY 1, 2) r),
    'refused', (SELECT jsonb_agg(jsonb_build_object('status', status, 'mails', n) ORDER BY n DESC)
              FROM (SELECT coalesce(substring(s.reply FROM '[245]\\.[0-9]{1,3}\\.[0-9]{1,3}'), left(s.reply, 3))
                        AS status, count(*) AS n
                    FROM send s JOIN m ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
                    WHERE s.state = 'refused' AND NOT s.seed GROUP BY 1 ORDER BY 2 DESC LIMIT 20) r),
    'opt_outs', (SELECT jsonb_object_agg(scope, n) FROM (SELECT o.scope, count(*) AS n FROM opt_out o
              JOIN m ON m.id = o.mailing_id GROUP BY 1) o),
    'gross_micros', (SELECT coalesce(sum(a.gross_micros), 0) FROM LINES a JOIN m ON m.id = a.mailing_id),
    'variants', (SELECT jsonb_agg(jsonb_build_object('variant', v.variant, 'tested', v.tested, 'sent', v.sent,
                  'accepted', v.accepted, 'clickers', v.clickers) ORDER BY v.variant, v.tested DESC)
      FROM (SELECT x.variant, x.tested, count(*) FILTER (WHERE s.state IN ('accepted', 'refused', 'uncertain')) AS sent,
              count(*) FILTER (WHERE s.state = 'accepted' AND s.bounced_at IS NULL) AS accepted,
              count(*) FILTER (WHERE s.state = 'accepted' AND s.bounced_at IS NULL AND EXISTS (
                SELECT 1 FROM click c WHERE c.position = s.position)) AS clickers
            FROM m JOIN mailing_progress p ON p.mailing_id = m.id AND p.variants > 1
            JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed
            CROSS JOIN LATERAL (SELECT s.position < p.test_size AS tested,
              CASE WHEN s.position < p.test_size THEN s.position % p.variants ELSE p.winner END AS variant) x
            WHERE x.variant IS NOT NULL GROUP BY 1, 2) v))
  FROM m
$$;
"""


def upgrade() -> None:
    _figures("accrual_sum")


def downgrade() -> None:
    _figures("accrual")


def _figures(lines: str) -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FIGURES.replace("LINES", lines))
    op.execute("RESET ROLE")
