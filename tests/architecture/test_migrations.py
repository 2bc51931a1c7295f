"""The steps of the schema: numbered, in one line, and true in both directions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from broker.operate.database_server import DatabaseServer
from broker.operate.migrate import current, migrate
from broker.operate.roles import drop_database, make_database

FOLDER = Path(__file__).parents[2] / "migrations"
# Everything of ours in a database, by name: what must be gone after the way down.
OURS = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'jobs') AND c.relname NOT LIKE 'alembic_version%'
UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace
  AND t.typname NOT LIKE '%alembic_version'
"""
SHAPE = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'jobs')) AND a.attnum > 0
  AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'i', 'I')
UNION ALL SELECT 'function', p.oid::regprocedure::text, coalesce(p.proacl::text, ''), p.prosecdef FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT 'policy', p.polname || ' on ' || p.polrelid::regclass::text, pg_get_expr(p.polqual, p.polrelid), true
FROM pg_policy p
UNION ALL SELECT 'right', c.relname, c.relacl::text, true FROM pg_class c
WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'jobs')) AND c.relacl IS NOT NULL
"""


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return ScriptDirectory.from_config(config)


def numbers() -> list[int]:
    return sorted(int(path.name.partition("_")[0]) for path in (FOLDER / "versions").glob("[0-9]*.py"))


def test_steps_are_numbered_without_gaps_and_named() -> None:
    assert numbers() == list(range(1, len(numbers()) + 1))
    for path in (FOLDER / "versions").glob("*.py"):
        assert re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.name)


def test_each_file_is_the_step_that_its_name_says_and_follows_the_one_before() -> None:
    for step in scripts().walk_revisions():
        number = Path(step.path).name.partition("_")[0]
        assert step.revision == number
        before = f"{int(number) - 1:04}" if int(number) > 1 else None
        assert step.down_revision == before


def test_there_is_one_head_and_it_is_the_one_written_down() -> None:
    assert scripts().get_heads() == [(FOLDER / "CURRENT").read_text(encoding="ascii").strip()]


@pytest.fixture
def empty(database: DatabaseServer) -> Iterator[str]:
    """The administrator's address of an empty database on the tests' server."""
    parts = urlsplit(database.url("admin"))
    name = f"courtier_steps_{secrets.token_hex(4)}"
    maintenance = urlunsplit(parts._replace(path="/postgres"))
    make_database(maintenance, name)
    yield urlunsplit(parts._replace(path=f"/{name}"))
    drop_database(maintenance, name)


def move(admin_url: str, target: str, direction: str) -> None:
    """Take a database up or down to a step."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = create_engine(admin_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if direction == "up" else command.downgrade)(config, target)
        connection.commit()
    engine.dispose()


def rows(admin_url: str, query: str) -> set[tuple[object, ...]]:
    with psycopg.connect(admin_url) as connection:
        return set(connection.execute(query).fetchall())


def test_up_from_zero_down_to_nothing_and_up_again_give_the_same_schema(empty: str) -> None:
    assert migrate(empty)[0] is None
    first = rows(empty, SHAPE)
    move(empty, "base", "down")
    assert rows(empty, OURS) == set()
    move(empty, "head", "up")
    assert rows(empty, SHAPE) == first


def test_every_single_step_goes_down_and_up_again(empty: str) -> None:
    migrate(empty)
    for number in reversed(numbers()[1:]):
        after = rows(empty, SHAPE)
        move(empty, f"{number - 1:04}", "down")
        move(empty, f"{number:04}", "up")
        assert rows(empty, SHAPE) == after, f"step {number} is not the same again"
        move(empty, f"{number - 1:04}", "down")


# One row of each kind that a running instance has, as they stood at the head before this one.
ROWS = """
INSERT INTO organisation (code, kind, name) VALUES ('org_a', 'owner', 'A');
INSERT INTO base (org_id, code, name) SELECT id, 'base-a', 'A' FROM organisation;
INSERT INTO upload (code, base_id, kind, file_name) SELECT 'u', id, 'contacts', 'f' FROM base;
INSERT INTO import_run (code, base_id, upload_id, kind) SELECT 'i', b.id, u.id, 'contacts' FROM base b, upload u;
INSERT INTO contact (base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, sealed, import_id)
  SELECT b.id, decode(repeat('01', 16), 'hex'), decode(repeat('02', 16), 'hex'), decode(repeat('03', 16), 'hex'),
         1, 1, '\\x00', i.id FROM base b, import_run i;
INSERT INTO suppression (contact_key, pepper_version, scope, reason)
  VALUES (decode(repeat('01', 16), 'hex'), 1, 'everywhere', 'opt_out');
SELECT append_audit('a', 'b', 'c', '{}');
"""


def test_the_last_step_takes_an_instance_with_rows_up(empty: str) -> None:
    head = numbers()[-1]
    migrate(empty)
    move(empty, f"{head - 1:04}", "down")
    with psycopg.connect(empty) as connection:
        connection.execute(ROWS)
    engine = create_engine(empty.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.connect() as connection:
        before = {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar()
            for name in ("organisation", "base", "contact", "suppression", "audit_entry")
        }
    migrate(empty)
    assert current(empty) == f"{head:04}"
    with engine.connect() as connection:
        for name, count in before.items():
            assert connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() == count
    engine.dispose()
