"""Restores a backup into a new instance, and proves it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from broker.kernel.errors import InvalidInput
from broker.operate.backup.restore import restore
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keys", type=_FOLDER, help="The folder of the backup's key files (default: those of this instance).")
@click.option("--journal", "journals", type=_FOLDER, multiple=True, help="A journal folder; one for each machine.")
@click.option("--without-journal", is_flag=True, help="There is none: what happened after the backup is lost.")
@json_option
@click.pass_obj
def command(
    invocation: Invocation, folder: Path, keys: Path | None, journals: tuple[Path, ...], without_journal: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Restore FOLDER into an empty instance, replay the journal, and prove the result by its hashes and the audit.

    Nothing is sent afterwards without a person: unfinished mailings are paused, and whatever may have left counts as
    uncertain. Start courtier, look at the mailings, then: courtier mailing resume CODE.

    Example: courtier restore /backup/2026-11-21 --keys /safe/courtier-keys --journal /journal/courtier
    """
    if not journals and not without_journal:
        raise InvalidInput(
            "Name the journal by --journal: it holds the opt-outs, erasures and sends since the backup. If there is"
            " none, say --without-journal.",
            code="journal_needed",
            field="journal",
        )
    done = restore(invocation.settings, folder, keys, None if without_journal else journals)
    figures = asdict(done.replayed)
    audit = f"{done.manifest.audit_entries}:{done.manifest.audit_head}"
    if as_json:
        print_json({"audit": audit, "rows": dict(done.manifest.rows), "journal": figures})
        return
    print(f"Restored and proved: {len(done.manifest.files)} files by their hashes, the audit up to {audit}.")
    print("From the journal: " + ", ".join(f"{count} {name}" for name, count in figures.items() if name != "held"))
    if not done.journal_entries:
        print("Without a journal: opt-outs and sends after the backup are not known here.")
    print(f"{figures['held']} mailings are on hold. Invoices and payments after the backup must be looked up by hand.")
