"""The database and the keys."""

from __future__ import annotations

import stat

import psycopg

from broker.kernel.settings import Settings
from broker.operate.database_server import DatabaseServer
from broker.operate.doctor.check import Check
from broker.operate.migrate import current, head

ROLES = ("web", "public", "worker")


def logins(server: DatabaseServer) -> Check:
    """Each role logs in, and is the role it should be."""
    for role in ROLES:
        if role not in server.urls:
            continue
        with psycopg.connect(server.url(role), connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT rolsuper, rolbypassrls, rolname FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row is not None
        if row[0] or (row[1] and role != "worker"):
            return Check(
                "roles",
                False,
                f"database.{role}_url logs in as '{row[2]}', who passes row-level security: use courtier_{role} there.",
            )
    return Check("roles", True, "Every role logs in with the rights it should have.")


def schema(server: DatabaseServer) -> Check:
    """The schema's step against the code's."""
    role = next(role for role in ("admin", "worker") if role in server.urls)
    found, wanted = current(server.url(role)), head()
    if found != wanted:
        return Check("schema", False, f"The schema is at step {found or 'none'} and not at {wanted}: courtier migrate.")
    return Check("schema", True, f"The schema is at step {wanted}.")


def keys(settings: Settings) -> Check:
    """Key files exist and nobody else reads them."""
    files = [path for path in settings.key_dir.rglob("*") if path.is_file()] if settings.key_dir.is_dir() else []
    if not files:
        return Check("keys", False, f"No keys in {settings.key_dir}: courtier up makes them at its first start.")
    loose = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o007]
    if loose:
        return Check("keys", False, f"Everybody may read {', '.join(loose)} in {settings.key_dir}: chmod o= them.")
    return Check("keys", True, f"{len(files)} key files in {settings.key_dir}, closed to others.")
