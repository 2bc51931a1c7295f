"""Backs up the whole instance: database, snapshots, uploads; keys apart."""

from __future__ import annotations

from pathlib import Path

import click

from broker.operate.backup.make import copy_keys, make_backup
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, say

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--out", type=_FOLDER, required=True, help="A new or empty folder for the backup.")
@click.option("--keys-out", type=_FOLDER, help="A folder, elsewhere, for copies of the key files.")
@click.option("--keys-with-data", is_flag=True, help="Allow the keys' folder inside the backup's.")
@json_option
@click.pass_obj
def command(invocation: Invocation, out: Path, keys_out: Path | None, keys_with_data: bool, as_json: bool) -> None:
    """Back up the instance while it runs, or while it does not.

    Everything in the backup is sealed for the workers' key: without keys/worker.json it is useless, so keep a copy of
    both key files elsewhere (--keys-out makes one). The journal (instance.journal_dir) is kept apart, too, and given to
    courtier restore: it holds what happened after the backup.

    Example: courtier backup --out /backup/2026-11-21 --keys-out /safe/courtier-keys
    """
    settings = invocation.settings
    with running_postgres(settings) as server:
        if keys_out is not None:
            out.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy_keys(settings, out, keys_out, together=keys_with_data)
            if keys_out.resolve().is_relative_to(out.resolve()):
                say("Warning: keys and data in one folder. Whoever has it reads every address.")
        manifest = make_backup(settings, server, out, kept=keys_out)
    head = f"{manifest.audit_entries}:{manifest.audit_head}"
    size = sum(one.size for one in manifest.files)
    if as_json:
        print_json(
            {"out": str(out), "files": len(manifest.files), "bytes": size, "key": manifest.key, "audit": head}
            | {"keys_out": None if keys_out is None else str(keys_out)}
        )
        return
    print(f"Backed up to {out}: {len(manifest.files)} files, {size:,} bytes. The audit's head: {head}")
    where = keys_out or settings.key_dir
    print(f"It is useless without the key {manifest.key}: that stands in {where / 'worker.json'}. Keep it elsewhere.")
    print(f"Keep the journal apart from it, too: {settings.journal_dir}")
