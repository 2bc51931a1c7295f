"""Feedback and keys: DKIM keys renewed by page, API keys that end."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TABLES = """
-- A DKIM key of the platform. The private half is sealed for the workers; NULL: it lies on their ring.
CREATE TABLE dkim_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  domain text NOT NULL CHECK (length(domain) <= 253),
  selector text NOT NULL CHECK (selector ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  public_key text,                              -- base64, as the record holds it; NULL: not made yet
  sealed bytea,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'signs', 'leaving', 'retired')),
  wish text CHECK (wish IN ('look', 'sign', 'retire')),   -- what the page asked a worker for
  finding text NOT NULL DEFAULT '' CHECK (finding IN ('', 'ok', 'missing', 'wrong', 'unanswered')),
  found text NOT NULL DEFAULT '',
  checked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  signs_since timestamptz, left_at timestamptz, retired_at timestamptz,
  CHECK (state <> 'retired' OR sealed IS NULL)
);
CREATE UNIQUE INDEX dkim_key_once ON dkim_key (domain, selector) WHERE state <> 'retired';
CREATE UNIQUE INDEX dkim_key_signs ON dkim_key (domain) WHERE state = 'signs';
INSERT INTO jobs.kind VALUES ('tend_dkim_key', 'feedback');
ALTER TABLE api_key ADD expires_at timestamptz;    -- NULL: until it is revoked
GRANT SELECT (expires_at), INSERT (expires_at) ON api_key TO courtier_web;
"""

FIND_KEY = """
CREATE OR REPLACE FUNCTION find_api_key(p_prefix text)
RETURNS TABLE (key_id bigint, secret_hash bytea, user_id bigint, org_id bigint, role text, name text, language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT k.id, k.secret_hash, u.id, u.org_id, u.role, u.name, u.language
  FROM api_key k JOIN app_user u ON u.id = k.user_id
  WHERE k.prefix = p_prefix AND k.revoked_at IS NULL AND u.active{expiry}
$$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect(
        "dkim_key",
        using="app_role() = 'broker'",
        web="SELECT (id, code, domain, selector, public_key, state, wish, finding, found, checked_at, created_at,"
        " signs_since, left_at, retired_at), INSERT (code, domain, selector), UPDATE (wish)",
    )
    op.execute(FIND_KEY.format(expiry="\n    AND (k.expires_at IS NULL OR k.expires_at > app_now())"))
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(FIND_KEY.format(expiry=""))
    op.execute("ALTER TABLE api_key DROP expires_at")
    op.execute("DROP TABLE dkim_key")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'tend_dkim_key'")
