"""Restore an instance from a backup, its keys and its journal; it proves itself before anything may run on it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.audit.verify import verify
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import Conflict, IntegrityFault, InvalidInput, NotFound
from broker.kernel.settings import Settings
from broker.operate.backup import programs, store
from broker.operate.backup.events import Events, gather
from broker.operate.backup.make import BLOCK, DATABASE_FILE, SNAPSHOTS, STAGING, UPLOADS, backup_seal
from broker.operate.backup.manifest import BackedUpFile, Manifest, check_files, read_manifest
from broker.operate.backup.replay import Replayed, replay
from broker.operate.database_server import RESTORING, DatabaseServer, running_postgres
from broker.operate.journal.files import journal_files, read_journal
from broker.operate.keys import prepare_keys
from broker.operate.migrate import head, migrate, unmake
from broker.operate.roles import LOGIN_ROLES, grant_temporary, set_passwords
from broker.operate.state import State
from broker.operate.system import choose_accounts, make_work_folders
from broker.vault.keyring import FRONT_FILE, WORKER_FILE, WorkerKeys, load_worker
from broker.vault.open import OpeningReader
from broker.vault.suites import key_id


@dataclass(frozen=True)
class Restored:
    """The proof: the manifest that was kept to, and what the journal added."""

    manifest: Manifest
    replayed: Replayed
    journal_entries: bool


def restore(settings: Settings, folder: Path, keys: Path | None, journals: Sequence[Path] | None) -> Restored:
    """Restore `folder` into the empty instance of these settings.

    `keys` is the folder of the key files (None: those that the instance has); `journals` are journal folders, None only
    when somebody said that there is none. Refuses, before anything is written, an instance that holds something, keys
    of another backup, a newer schema, a damaged file and a foreign journal.
    """
    manifest = read_manifest(folder)
    if manifest.schema > head():
        raise IntegrityFault(
            f"The backup's schema is at step {manifest.schema} and this Courtier knows steps up to {head()}: restore it"
            f" with version {manifest.version} or later.",
            code="newer_schema",
        )
    check_files(folder, manifest)
    worker = _keys_of(manifest, keys or settings.key_dir)
    events = _read_journals(manifest, journals)
    State.of(settings).make()
    _refuse_files(settings)
    _place_keys(settings, keys)
    with running_postgres(settings, attach=False, restoring=True) as server:
        admin = server.url("admin")
        _refuse_rows(admin)
        marker = State.of(settings).root / RESTORING
        marker.write_text(str(folder.absolute()), encoding="utf-8")
        _load_database(folder, manifest, worker, server, settings)
        _check_rows(admin, manifest)
        for one in manifest.files:
            if one.path != DATABASE_FILE:
                _place_file(settings, folder, one, worker)
        _check_snapshots(admin, settings)
        replayed = _replay(admin, manifest, events)
        _verify_audit(admin, manifest)
        for journal in journals or ():
            _keep_journal(settings, journal)
        accounts = choose_accounts(settings)
        make_work_folders(settings, accounts)
        prepare_keys(settings, accounts.front, accounts.worker)
        _hand_over(settings, accounts.worker.uid, accounts.worker.gid)
        marker.unlink()
    return Restored(manifest, replayed, bool(journals))


@contextmanager
def _unit(admin: str) -> Iterator[UnitOfWork]:
    """One transaction of the administrator."""
    engine = make_engine(admin, 1)
    try:
        with Database(engine).begin() as unit:
            yield unit
    finally:
        engine.dispose()


def _keys_of(manifest: Manifest, folder: Path) -> WorkerKeys:
    if not (folder / WORKER_FILE).is_file() or not (folder / FRONT_FILE).is_file():
        raise NotFound(
            f"{folder} does not hold {FRONT_FILE} and {WORKER_FILE}: without the key {manifest.key} the backup opens"
            " nothing. Name the folder of its keys by --keys.",
            code="keys_missing",
            field="keys",
        )
    worker = load_worker(folder)
    ring = (worker.opening_key, *worker.former_keys)
    if manifest.key not in {key_id(private.public_key()).hex() for private in ring}:
        raise IntegrityFault(
            f"The keys in {folder} are not the backup's: it needs the key {manifest.key}.",
            code="keys_differ",
            field="keys",
        )
    return worker


def _read_journals(manifest: Manifest, journals: Sequence[Path] | None) -> Events:
    for folder in journals or ():
        if not journal_files(folder):
            raise NotFound(f"{folder} holds no journal files.", code="no_journal", field="journal")
    return gather(entry for folder in journals or () for entry in read_journal(folder, manifest.instance))


def _refuse_files(settings: Settings) -> None:
    for name in (SNAPSHOTS, UPLOADS, STAGING):
        folder = settings.state_dir / name
        if folder.is_dir() and any(folder.iterdir()):
            raise Conflict(
                f"{folder} is not empty: a backup is restored into a new instance only. Set instance.state_dir to a new"
                " folder.",
                code="not_empty",
            )


def _refuse_rows(admin: str) -> None:
    with _unit(admin) as unit:
        if store.holds_anything(unit) or store.foreign_relations(unit):
            raise Conflict(
                "The database is not empty: a backup is restored into a new instance only. Set instance.state_dir, or"
                " database.url, to a new one.",
                code="not_empty",
            )


def _place_keys(settings: Settings, keys: Path | None) -> None:
    if keys is None or keys.resolve() == settings.key_dir.resolve():
        return
    for name in (FRONT_FILE, WORKER_FILE):
        target = settings.key_dir / name
        content = (keys / name).read_bytes()
        if target.exists() and target.read_bytes() != content:
            raise Conflict(f"{target} holds other keys: move them away first.", code="keys_differ", field="keys")
        if not target.exists():
            settings.key_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)


def _load_database(
    folder: Path, manifest: Manifest, worker: WorkerKeys, server: DatabaseServer, settings: Settings
) -> None:
    admin = server.url("admin")
    # The roles stand outside the dump: migrations make them, and the empty schema goes again.
    migrate(admin)
    unmake(admin)
    try:
        with (folder / DATABASE_FILE).open("rb") as file:
            programs.load(admin, io.BufferedReader(OpeningReader(worker, file, backup_seal(DATABASE_FILE)), BLOCK))
    except IntegrityFault as error:
        raise IntegrityFault(f"{error.sentence} Nothing of it was kept.", code=error.code) from None
    grant_temporary(admin)
    migrate(admin)  # an older backup
    if server.embedded is not None:
        set_passwords(admin, {role: State.of(settings).secret(f"postgres-{role}") for role in LOGIN_ROLES})


def _check_rows(admin: str, manifest: Manifest) -> None:
    with _unit(admin) as unit:
        found = store.count_rows(unit)
    wrong = [name for name, count in manifest.rows.items() if found.get(name) != count]
    if wrong:
        raise IntegrityFault(f"Rows are missing after the restore: {', '.join(wrong)}.", code="not_restored")


def _place_file(settings: Settings, folder: Path, one: BackedUpFile, worker: WorkerKeys) -> None:
    kind = Path(one.path).parts[0]
    name = Path(one.path).name.removesuffix(".sealed") if one.sealed else Path(one.path).name
    if kind not in (UPLOADS, SNAPSHOTS, STAGING):
        raise InvalidInput(f"{one.path} has no place in an instance.", code="backup_damaged")
    target = settings.state_dir / kind / name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if kind != UPLOADS else 0o640)
    with os.fdopen(handle, "wb") as written, (folder / one.path).open("rb") as source:
        if one.sealed:
            reader = io.BufferedReader(OpeningReader(worker, source, backup_seal(one.path)), BLOCK)
            shutil.copyfileobj(reader, written, BLOCK)
        else:
            shutil.copyfileobj(source, written, BLOCK)
        written.flush()
        os.fsync(written.fileno())


def _check_snapshots(admin: str, settings: Settings) -> None:
    with _unit(admin) as unit:
        rows = store.current_snapshots(unit)
    for row in rows:
        with (settings.state_dir / SNAPSHOTS / row.file_name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != bytes(row.sha256):
                raise IntegrityFault(f"{row.file_name} is not the snapshot that the database knows.", code="snapshot")


def _replay(admin: str, manifest: Manifest, events: Events) -> Replayed:
    with _unit(admin) as unit:
        return replay(unit, manifest, events)


def _verify_audit(admin: str, manifest: Manifest) -> None:
    known = (manifest.audit_entries, manifest.audit_head) if manifest.audit_entries else None
    with _unit(admin) as unit:
        result = verify(unit, known)
    if result.broken_at is not None:
        raise IntegrityFault(
            f"The restored audit is broken at entry {result.broken_at}: it is not the chain of the backup.",
            code="audit_broken",
        )


def _keep_journal(settings: Settings, journal: Path) -> None:
    """An older backup of the same instance needs these entries again."""
    settings.journal_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in journal_files(journal):
        target = settings.journal_dir / path.name
        if not target.exists():
            shutil.copyfile(path, target)
            target.chmod(0o600)


def _hand_over(settings: Settings, uid: int, gid: int) -> None:
    """Files that root placed belong to whoever works with them."""
    if os.geteuid() != 0:
        return
    for folder in (SNAPSHOTS, STAGING, "journal", UPLOADS):
        for path in (settings.state_dir / folder).glob("*"):
            os.chown(path, uid, gid, follow_symlinks=False)
