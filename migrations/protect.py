"""Row-level security in one line per table.

Policies name the organisation by `app_org()` and the two staff roles by `app_staff()`. The owner of the tables is not
forced through them: SECURITY DEFINER functions run as the owner and say in their own text what they show.
"""

from __future__ import annotations

from alembic import op


def protect(table: str, *, using: str, web: str = "", check: str | None = None) -> None:
    """Enable row-level security on `table` with one policy for `courtier_web`, and grant it `web` privileges.

    `using` decides which rows are seen and changed, `check` (default: `using`) which may be written.
    An empty `web` grants nothing: then only workers and definer functions reach the table.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO courtier_worker")
    if web:
        op.execute(
            f"CREATE POLICY tenant ON {table} FOR ALL TO courtier_web USING ({using}) WITH CHECK ({check or using})"
        )
        op.execute(f"GRANT {web} ON {table} TO courtier_web")


def columns_but(table: str, *hidden: str) -> str:
    """The columns of `table` without `hidden`, for a column right: `web=f"SELECT ({columns_but('t', 'secret')})"`."""
    names = op.get_bind().exec_driver_sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(%(table)s AS regclass) AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        {"table": table},
    )
    return ", ".join(name for (name,) in names if name not in hidden)


def definer(signature: str, *, to: str) -> None:
    """Hand a SECURITY DEFINER function to named roles only."""
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {to}")
