"""The schema's protection, read from PostgreSQL's own catalogue.

Each rule is a query for what breaks it. A second group of tests plants a breach of each rule and sees it found.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

# Relations of schema public that need no row-level security, and why.
OPEN = {
    "published_card": "what every advertiser may search; holds public columns of published cards only",
    "alembic_version": "the number of the schema; granted to nobody",
}
FRONT = ("courtier_web", "courtier_public")

# What the front has no right on at all: sealed and keyed rows, jobs, the guard's memory, log-ins.
CLOSED = (
    "contact",
    "purchase",
    "data_key",
    "suppression",
    "suppression_list_entry",
    "guard_answer",
    "guard_budget",
    "inbound",
    "typed_request",
    "web_session",
    "mailing_seed",
    "shared_clock",
    "dispatch_counter",
    "invoice_series",
)
# Columns that the front may at most write, never read, in whatever table they stand.
SECRET_COLUMNS = (
    "sealed|wrapped|wrapping|secret|password|token_hash|^(contact|md5|sha256|reference)_key$"
    "|^pepper|^ip$|user_agent|^lease$"
)

UNPROTECTED = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND NOT c.relrowsecurity
"""
GRANTED_PAST_POLICIES = """
SELECT c.relname || ' to ' || f.name FROM pg_class c, unnest(CAST(:front AS text[])) AS f (name)
WHERE (c.relispartition OR c.relkind IN ('m', 'f')) AND c.relnamespace <> 'pg_catalog'::regnamespace
  AND c.relkind IN ('r', 'p', 'm', 'f')
  AND (has_table_privilege(f.name, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_any_column_privilege(f.name, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
"""
VIEWS_OF_THE_OWNER = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
  AND NOT coalesce(c.reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on'], false)
"""
FORCED_BYPASS = (
    "SELECT rolname FROM pg_roles WHERE rolname = ANY(:front) AND (rolsuper OR rolbypassrls OR rolcreaterole)"
)
POLICY_MISSING = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
  AND has_any_column_privilege('courtier_web', c.oid, 'SELECT, INSERT, UPDATE')
  AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive)
"""
DEFINERS_WITHOUT_PATH = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace IN ('public'::regnamespace, 'jobs'::regnamespace) AND p.prosecdef
  AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS setting WHERE setting ~ '^search_path=.*pg_temp"?$')
"""
OPEN_TO_ALL = """
SELECT p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS right_
WHERE p.pronamespace IN ('public'::regnamespace, 'jobs'::regnamespace) AND right_.grantee = 0
"""
SECRETS_READABLE = """
SELECT c.relname || '.' || a.attname || ' to ' || f.name
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, unnest(CAST(:front AS text[])) AS f (name)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
  AND NOT a.attisdropped AND a.attname ~ :secret AND has_column_privilege(f.name, c.oid, a.attnum, 'SELECT')
"""
CLOSED_BUT_GRANTED = """
SELECT c.oid::regclass::text || ' to ' || f.name FROM pg_class c, unnest(CAST(:front AS text[])) AS f (name)
WHERE c.relkind IN ('r', 'p', 'v', 'm')
  AND (c.relnamespace = 'jobs'::regnamespace
       OR c.relnamespace = 'public'::regnamespace
          AND (c.relname = ANY(:closed) OR c.relname ~ '^guard_' OR f.name = 'courtier_public'))
  AND (has_table_privilege(f.name, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_any_column_privilege(f.name, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
"""
MORE_THAN_ROWS = """
SELECT c.oid::regclass::text || ' to ' || f.name FROM pg_class c, unnest(CAST(:front AS text[])) AS f (name)
WHERE c.relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
  AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(f.name, c.oid, 'USAGE, SELECT, UPDATE')
           WHEN c.relkind IN ('r', 'p', 'v', 'm')
             THEN has_table_privilege(f.name, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
           ELSE false END
"""
MAY_CREATE = """
SELECT f.name || ' in ' || n.nspname FROM pg_namespace n, unnest(CAST(:front AS text[])) AS f (name)
WHERE has_schema_privilege(f.name, n.oid, 'CREATE')
UNION ALL
SELECT f.name || ' in the database' FROM unnest(CAST(:front AS text[])) AS f (name)
WHERE has_database_privilege(f.name, current_database(), 'CREATE, TEMPORARY')
"""
OWNED_OR_INHERITED = """
SELECT rolname FROM pg_roles r WHERE rolname = ANY(:front)
  AND (EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid)
       OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid)
       OR EXISTS (SELECT 1 FROM pg_proc p WHERE p.proowner = r.oid))
UNION ALL
SELECT rolname FROM pg_roles WHERE rolname = 'courtier_owner' AND (rolcanlogin OR rolsuper OR rolbypassrls)
UNION ALL
SELECT rolname FROM pg_roles WHERE rolname = 'courtier_worker' AND (rolsuper OR rolcreaterole)
"""
ANOTHER_OWNER = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
  AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner <> 'courtier_owner'::regrole
  AND c.relname <> 'alembic_version'
"""

RULES = {
    "every relation has row-level security": UNPROTECTED,
    "no partition, materialised view or foreign table is granted to the front": GRANTED_PAST_POLICIES,
    "views run with their reader's rights": VIEWS_OF_THE_OWNER,
    "the front's roles do not bypass policies": FORCED_BYPASS,
    "every table that the front reaches has a policy": POLICY_MISSING,
    "functions that run as the owner have a fixed search path": DEFINERS_WITHOUT_PATH,
    "no function is everybody's": OPEN_TO_ALL,
    "the front reads no secret column": SECRETS_READABLE,
    "the front has no right on closed tables": CLOSED_BUT_GRANTED,
    "the front has no rights but those on rows": MORE_THAN_ROWS,
    "the front creates nothing": MAY_CREATE,
    "roles are no more than they must be": OWNED_OR_INHERITED,
    "everything belongs to courtier_owner": ANOTHER_OWNER,
}


def breaches(connection: Connection, rule: str) -> list[str]:
    """What breaks a rule, without the open relations that have a reason."""
    wanted = {"front": list(FRONT), "closed": list(CLOSED), "secret": SECRET_COLUMNS}
    query = text(RULES[rule])
    found = connection.execute(query, {name: wanted[name] for name in query.compile().params}).scalars()
    return sorted(name for name in found if rule != "every relation has row-level security" or name not in OPEN)


@pytest.fixture
def admin(admin_engine: Engine) -> Iterator[Connection]:
    """The administrator's connection, its work undone; the sends have a partition as in real use."""
    with admin_engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("SELECT make_send_partition(202611)"))
        yield connection
        transaction.rollback()


@pytest.mark.parametrize("rule", RULES)
def test_the_schema_keeps_the_rule(admin: Connection, rule: str) -> None:
    assert breaches(admin, rule) == []


def test_open_and_closed_tables_exist(admin: Connection) -> None:
    known = set(
        admin.execute(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")).scalars()
    )
    assert {*OPEN, *CLOSED} <= known


def test_only_public_columns_are_in_the_open_table(admin: Connection) -> None:
    columns = admin.execute(
        text("SELECT attname FROM pg_attribute WHERE attrelid = 'published_card'::regclass AND attnum > 0")
    ).scalars()
    assert set(columns) == {
        "card_id",
        "code",
        "title",
        "description",
        "sector",
        "size_shown",
        "base_price_micros",
        "minimum_order",
        "selects",
        "profile",
        "published_at",
        "words",
        "contact_kind",
        "languages",
        "approval",
        "approval_days",
        "approval_note",
        "refused_sectors",
        "tables",
        "refreshed_on",
        "clicks_bp",
    }


PLANTED = {
    "every relation has row-level security": "CREATE TABLE planted (x int)",
    "no partition, materialised view or foreign table is granted to the front": (
        "CREATE MATERIALIZED VIEW planted AS SELECT 1 AS x; GRANT SELECT (x) ON planted TO courtier_web"
    ),
    "views run with their reader's rights": "CREATE VIEW planted AS SELECT 1 AS x",
    "every table that the front reaches has a policy": (
        "CREATE TABLE planted (x int); ALTER TABLE planted ENABLE ROW LEVEL SECURITY;"
        " GRANT SELECT ON planted TO courtier_web"
    ),
    "functions that run as the owner have a fixed search path": (
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
    ),
    "no function is everybody's": (
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        " GRANT EXECUTE ON FUNCTION planted() TO PUBLIC"
    ),
    "the front reads no secret column": "GRANT SELECT (sealed) ON contact TO courtier_web",
    "the front has no right on closed tables": "GRANT UPDATE (queue_name) ON jobs.procrastinate_jobs TO courtier_web",
    "the front has no rights but those on rows": "GRANT USAGE ON SEQUENCE base_id_seq TO courtier_web",
    "the front creates nothing": "RESET ROLE; GRANT CREATE ON SCHEMA public TO courtier_public",
    "roles are no more than they must be": "RESET ROLE; GRANT courtier_owner TO courtier_web",
    "everything belongs to courtier_owner": "RESET ROLE; CREATE TABLE planted (x int)",
    "the front's roles do not bypass policies": "RESET ROLE; ALTER ROLE courtier_web BYPASSRLS",
}


@pytest.mark.parametrize("rule", RULES)
def test_a_planted_breach_is_found(admin: Connection, rule: str) -> None:
    admin.execute(text("SET LOCAL ROLE courtier_owner"))
    for statement in PLANTED[rule].split("; "):
        admin.execute(text(statement))
    admin.execute(text("RESET ROLE"))
    assert breaches(admin, rule) != []


def test_a_partition_granted_by_mistake_is_found(admin: Connection) -> None:
    admin.execute(text("GRANT SELECT ON send_202611 TO courtier_web"))
    rule = "no partition, materialised view or foreign table is granted to the front"
    assert breaches(admin, rule) == ["send_202611 to courtier_web"]
