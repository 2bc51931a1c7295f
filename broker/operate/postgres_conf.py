"""The embedded server's settings: one small machine, durable, and no row data in its log."""

from __future__ import annotations

from broker.operate.state import State

FIXED = {
    "listen_addresses": "",  # a socket only: nothing on the network
    "max_connections": "100",
    "superuser_reserved_connections": "5",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",  # costs more than it gains on short statements
    "synchronous_commit": "on",  # a mail leaves only after its row is on disk
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    "autovacuum": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "15min",
    # No statement, parameter or row ever reaches the log.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "off",
}


HBA = "local all all scram-sha-256\n"


def write_conf(state: State, *, socket_group: str | None, durable: bool) -> tuple[str, ...]:
    """Write the settings beside the server's folder; return the arguments that make `postgres` read them.

    They stand outside the data folder, so that root never writes where the server's user could plant a link.
    """
    values = dict(FIXED)
    values["data_directory"] = str(state.postgres / "data")
    values["hba_file"] = str(state.root / "pg_hba.conf")
    values["ident_file"] = str(state.root / "pg_ident.conf")
    values["unix_socket_directories"] = str(state.socket_dir)
    values["unix_socket_permissions"] = "0700" if socket_group is None else "0770"
    if socket_group is not None:
        values["unix_socket_group"] = socket_group
    if not durable:  # scratch servers of the tests: lost with the machine, which is fine there
        values |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
    quoted = ((name, value.replace("'", "''")) for name, value in values.items())
    files = {
        "postgresql.conf": "".join(f"{name} = '{value}'\n" for name, value in quoted),
        "pg_hba.conf": HBA,
        "pg_ident.conf": "",
    }
    for name, content in files.items():
        path = state.root / name
        path.write_text(content, encoding="utf-8")
        path.chmod(0o644)  # the server's user reads them; no secret stands here
    return ("-c", f"config_file={state.root / 'postgresql.conf'}")
